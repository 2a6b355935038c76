"""The recipes of a study's texts: one for each source, and one for each way of writing synthetic text from a source.

A source is read, curated, and a share of it held out. A corpus has the same first steps, so that every row leads back
to the page it was made of; their folders are linked and not made again (`texts.py`). Pure: nothing is read but recipe
files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.base.errors import ConfigError
from tilth.data.source import SourceSpec
from tilth.generate.model import ModelSpec
from tilth.recipe import Recipe, Step, load_recipe
from tilth.recipe.curate import CurateStage
from tilth.recipe.paths import absolute, resolve_model, resolve_paths
from tilth.recipe.questions import resolve_options, with_questions
from tilth.recipe.stages.decontaminate import Action, Decontaminate
from tilth.recipe.stages.evaluate import HELD_OUT
from tilth.recipe.stages.sources import HoldOut
from tilth.study.design import FROM_SCRATCH, Arm, Generator, Size, Study
from tilth.study.materials import Source, Strategy

#: Steps of a source: as it was read, as it was curated, and what is left to train on once test text is held out.
READ, CLEAN, TRAINING = "original", "cleaned", "training"
#: The step of a corpus that a strategy's own words make, and the one after `then` and decontamination.
WRITTEN, FINAL = "written", "final"
_ACTIONS = ("drop", "cut", "flag")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusKey:
    """What decides a synthetic text: arms with one key share it."""

    strategy: str
    generator: str | None
    source: str | None

    @property
    def name(self) -> str:
        """`table by smollm2 from web`: how mixtures and pages call it."""
        by = f" by {self.generator}" if self.generator else ""
        return f"{self.strategy}{by}" + (f" from {self.source}" if self.source else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Textual:
    """A recipe and the step of it whose dataset is meant. `held_out`: the step whose drops are held-out text."""

    recipe: Recipe
    step: str
    held_out: str | None = None


def corpus_key(arm: Arm) -> CorpusKey | None:
    """The synthetic text of an arm; None for an arm of original text alone."""
    if arm.strategy is None:
        return None
    return CorpusKey(strategy=arm.strategy, generator=arm.generator, source=arm.source)


def held_out_sources(study: Study) -> tuple[str, ...]:
    """The sources that tasks judge held-out text of."""
    return tuple(task.removeprefix(HELD_OUT) for task in study.evaluation.tasks if task.startswith(HELD_OUT))


def resolved(study: Study, base: Path) -> Study:
    """The study with every path absolute, taken from `base`: the folder of its file. It runs again from anywhere."""
    judged = study.evaluation
    folders = {"benchmarks": None if judged.benchmarks is None else absolute(judged.benchmarks, base)}
    return study.model_copy(
        update={
            "sources": {name: _resolved_source(source, base) for name, source in study.sources.items()},
            "strategies": {name: _resolved_strategy(one, base) for name, one in study.strategies.items()},
            "generators": {name: _resolved_generator(one, base) for name, one in study.generators.items()},
            "sizes": {name: _resolved_size(size, base) for name, size in study.sizes.items()},
            "evaluation": judged.model_copy(update=folders),
            "tokenizer": _present(study.tokenizer, base) if isinstance(study.tokenizer, str) else study.tokenizer,
        }
    )


def _resolved_source(source: Source, base: Path) -> Source:
    steps = {READ: Step(read=source.read)}
    if source.curate:
        steps[CLEAN] = Step.model_validate({"curate": source.curate, "from": READ})
    found = resolve_paths(Recipe(name="x", steps=steps), base).steps
    return Source(read=_read_of(found[READ]), curate=found[CLEAN].curate or () if CLEAN in found else ())


def _read_of(step: Step) -> SourceSpec:
    assert step.read is not None
    return step.read


def _resolved_strategy(strategy: Strategy, base: Path) -> Strategy:
    steps = {READ: Step(read=strategy.read or SourceSpec(source=("x",)))}
    for name in ("rephrase", "curate", "then"):
        value = getattr(strategy, name)
        if value:
            operation = "rephrase" if name == "rephrase" else "curate"
            steps[name] = Step.model_validate({operation: value, "from": READ})
    found = resolve_paths(Recipe(name="x", steps=steps), base).steps
    changes: dict[str, Any] = {"read": found[READ].read} if strategy.read is not None else {}
    changes |= {"rephrase": found["rephrase"].rephrase} if "rephrase" in found else {}
    changes |= {name: found[name].curate for name in ("curate", "then") if name in found}
    changes |= {"recipe": _present(strategy.recipe, base)} if strategy.recipe is not None else {}
    changes |= {"questions": resolve_options(strategy.questions, base)} if strategy.questions is not None else {}
    return strategy.model_copy(update=changes)


def _resolved_generator(generator: Generator, base: Path) -> Generator:
    if generator.model is None:
        return generator
    found = resolve_model(generator.model.model_dump(mode="json"), base)
    return generator.model_copy(update={"model": ModelSpec.model_validate(found)})


def _resolved_size(size: Size, base: Path) -> Size:
    return size.model_copy(update={"start": size.start if size.start == FROM_SCRATCH else _present(size.start, base)})


def _present(name: str, base: Path) -> str:
    """A path where there is a file or folder of that name, else the name: of a Hub model or a shipped recipe."""
    return str((base / name).resolve()) if (base / name).exists() else name


def source_recipe(study: Study, name: str) -> Textual:
    """Read, curate, hold out."""
    source = study.sources[name]
    steps = {READ: Step(read=source.read)}
    last = READ
    curation = (*source.curate, *_decontamination(study))
    if curation:
        steps[CLEAN] = Step.model_validate({"curate": curation, "from": READ})
        last = CLEAN
    held = None
    if name in held_out_sources(study):
        stage = CurateStage(hold_out=HoldOut(share=study.evaluation.held_out))
        steps[TRAINING] = Step.model_validate({"curate": (stage,), "from": last})
        last = held = TRAINING
    recipe = Recipe(name=slug(f"{study.name}-{name}"), steps=steps)
    return Textual(recipe=recipe, step=last, held_out=held)


def corpus_recipe(study: Study, key: CorpusKey) -> Textual:
    """The recipe that writes a synthetic text, from its source's first step on."""
    strategy = study.strategies[key.strategy]
    generator = study.generators[key.generator] if key.generator is not None else None
    first = source_recipe(study, key.source) if key.source is not None else None
    steps = dict(first.recipe.steps) if first is not None else {}
    if strategy.recipe is not None:
        last = _add_recipe(steps, strategy, generator, first)
    else:
        steps[WRITTEN] = _by(_written(key, strategy, first), generator)
        last = WRITTEN
    after = (*strategy.then, *_decontamination(study))
    if after:
        steps[FINAL] = Step.model_validate({"curate": after, "from": last})
        last = FINAL
    recipe = Recipe(name=slug(f"{study.name}-{key.name}"), steps=steps)
    return Textual(recipe=recipe, step=last)


def slug(name: str) -> str:
    """A name as it may stand in a folder's name."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
    return "-".join(part for part in kept.split("-") if part)[:60] or "x"


def _written(key: CorpusKey, strategy: Strategy, first: Textual | None) -> Step:
    if strategy.read is not None:
        if first is not None:
            raise ConfigError(
                f"strategy {key.strategy!r} reads text that is there already, so it takes no source; saw {key.source}."
            )
        return Step(read=strategy.read)
    if first is None:
        raise ConfigError(f"strategy {key.strategy!r} writes text from a source; its arm names none. Give it a source.")
    operation = {"rephrase": strategy.rephrase} if strategy.rephrase is not None else {"curate": strategy.curate}
    return Step.model_validate({**operation, "from": first.step})


def _add_recipe(steps: dict[str, Step], strategy: Strategy, generator: Generator | None, first: Textual | None) -> str:
    """Put the steps of another recipe behind those of the source; returns the step whose dataset is meant."""
    assert strategy.recipe is not None
    other = resolve_paths(load_recipe(Path(strategy.recipe)), Path(strategy.recipe).parent)
    by_generator = {name: _by(step, generator) for name, step in other.steps.items()}
    other = _without(other.model_copy(update={"steps": by_generator}), strategy)
    if strategy.questions is not None:
        other = with_questions(other, strategy.questions)
    chosen = strategy.step or list(other.steps)[-1]
    if chosen not in other.steps:
        raise ConfigError(
            f"expected a step of recipe {strategy.recipe}: {', '.join(other.steps)}; saw step {chosen!r}."
        )
    read = next((name for name, step in other.steps.items() if step.read is not None), None)
    for name, step in other.steps.items():
        if name in (READ, CLEAN, TRAINING, FINAL):
            raise ConfigError(f"recipe {strategy.recipe} has a step {name!r}, which is a study's own word. Rename it.")
        if name == read and first is not None:
            continue
        sources = tuple(first.step if first is not None and item == read else item for item in step.sources)
        steps[name] = step.model_copy(update={"sources": sources})
    return chosen


def _without(recipe: Recipe, strategy: Strategy) -> Recipe:
    """The recipe less some steps; what came from one of them comes from where that came from."""
    steps = dict(recipe.steps)
    for gone in strategy.without:
        if gone not in steps or not steps[gone].sources:
            known = ", ".join(name for name, step in steps.items() if step.sources)
            raise ConfigError(f"without: expected steps of recipe {strategy.recipe}: {known}; saw {gone!r}.")
        before = steps.pop(gone).sources
        for name, step in steps.items():
            if gone in step.sources:
                joined = [item for one in step.sources for item in (before if one == gone else (one,))]
                steps[name] = step.model_copy(update={"sources": tuple(dict.fromkeys(joined))})
    return recipe.model_copy(update={"steps": steps})


def _by(step: Step, generator: Generator | None) -> Step:
    """The step with the generator's model and sampling, where it asks a model."""
    if step.generation is None or generator is None or generator.model is None:
        return step
    changes: dict[str, Any] = {"model": generator.model}
    if generator.sampling is not None and "sampling" in type(step.generation).model_fields:
        changes["sampling"] = generator.sampling
    return step.model_copy(update={step.kind: step.generation.model_copy(update=changes)})


def _decontamination(study: Study) -> tuple[CurateStage, ...]:
    """The stage that takes benchmark items out of every text, where the study asks for it."""
    action = study.decontamination
    if action not in _ACTIONS:
        return ()
    assert study.evaluation.benchmarks is not None, "checked before a study is run"
    chosen: Action = action  # type: ignore[assignment]
    return (CurateStage(decontaminate=Decontaminate(benchmarks=(study.evaluation.benchmarks,), action=chosen)),)


def check_runnable(study: Study) -> None:
    """Raise `ConfigError` with every part that the study names and does not say how to make."""
    faults = [*_missing(study), *_not_trained(study), *_not_judged(study)]
    if faults:
        lines = "\n".join(f"  {fault}" for fault in faults)
        raise ConfigError(
            f"study {study.name} is a design: it can be planned and reported, but not run. Missing:\n{lines}\n"
            "docs/study.md shows how sources, strategies and generators are written down."
        )


def _missing(study: Study) -> list[str]:
    arms = study.all_arms()
    named: Mapping[str, set[str | None]] = {
        "sources": {arm.mix_in for arm in arms} | {arm.source for arm in arms} | set(held_out_sources(study)),
        "strategies": {arm.strategy for arm in arms},
    }
    found = [
        f"{block}: {name!r} is named by an arm or task and not described"
        for block, names in named.items()
        for name in sorted(name for name in names if name is not None and name not in getattr(study, block))
    ]
    used = sorted({arm.generator for arm in arms if arm.generator is not None})
    found += [f"generators: {name!r} has no model" for name in used if study.generators[name].model is None]
    if not isinstance(study.tokenizer, str) and study.tokenizer.train_on not in study.sources:
        found.append(f"tokenizer: train_on names {study.tokenizer.train_on!r}, which is not under sources")
    return found


def _not_trained(study: Study) -> list[str]:
    return [
        f"sizes: {name!r} needs a preset, or a start to go on from"
        for name, size in study.sizes.items()
        if size.preset is None and size.start == FROM_SCRATCH and "architecture" not in size.training
    ]


def _not_judged(study: Study) -> list[str]:
    judged = study.evaluation
    found = []
    if study.decontamination in _ACTIONS and judged.benchmarks is None:
        found.append(f"evaluation: benchmarks names no folder to decontaminate against ({study.decontamination})")
    if study.decontamination not in (*_ACTIONS, "none"):
        known = ", ".join(("none", *_ACTIONS))
        found.append(f"decontamination: expected one of {known} in a study that is run; saw {study.decontamination!r}")
    return found
