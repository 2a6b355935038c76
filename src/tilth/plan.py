"""The resolved plan: the recipe with every path made absolute and each step given its folder and its stage.

Workers load the plan from `plan.json` in the run's folder. Stages are named by a string here, in one of the two places
where no checker can follow (the other is the table of engines); `load_stage` refuses what is not a stage.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, write_json
from tilth.cost import Price, load_price
from tilth.frames import CorpusStage, FrameStage
from tilth.recipe import Generation, Recipe, Step
from tilth.recipe.paths import STEP_FOLDERS, resolve_paths
from tilth.stage import GenerationStage

#: Operation in a recipe -> "module:function" that builds the stage from its settings and the recipe's seed.
STAGES = {
    "rephrase": "tilth.synth.rephrase:build",
    "synthesize": "tilth.synth.questions.stage:build",
    "refine": "tilth.synth.refine.stage:build",
    "solve": "tilth.synth.solve.stage:build",
    "judge": "tilth.synth.judge.stage:build",
    "annotate": "tilth.label.annotate_stage:build",
}
#: Stage of a curate step -> "module:function" that builds it from its settings and the recipe's seed.
CURATION = {
    "licences": "tilth.curate.sources.licences:build",
    "language": "tilth.curate.language.stage:build",
    "rules": "tilth.curate.rules.stage:build",
    "pii": "tilth.curate.pii.stage:build",
    "questions": "tilth.curate.questions.stage:build",
    "question_duplicates": "tilth.curate.questions.duplicates:build",
    "label": "tilth.label.stage:build",
    "score": "tilth.curate.score.stage:build",
    "exact_duplicates": "tilth.curate.exact.stage:build",
    "near_duplicates": "tilth.curate.near.stage:build",
    "semantic_duplicates": "tilth.curate.semantic.stage:build",
    "repeated_text": "tilth.curate.repeats.stage:build",
    "decontaminate": "tilth.curate.decontaminate.stage:build",
    "quotas": "tilth.curate.sources.quotas:build",
    "hold_out": "tilth.curate.sources.hold_out:build",
    "shuffle": "tilth.curate.sources.shuffle:build",
    "probe_items": "tilth.steer.exclude:build",
    "select": "tilth.steer.select:build",
    "link": "tilth.synth.linking.stage:build",
    "verify": "tilth.synth.verify.stage:build",
    "difficulty": "tilth.synth.difficulty.stage:build",
    "layouts": "tilth.synth.layouts.stage:build",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationStage:
    """A stage of a curate step and its place in the list, from 1."""

    number: int
    name: str
    stage: FrameStage | CorpusStage

    @property
    def label(self) -> str:
        """`3 near_duplicates`: how rows and reports name the stage."""
        return f"{self.number} {self.name}"

    @property
    def folder(self) -> str:
        """`3-near_duplicates`: the stage's own folder in the step's `stages/`."""
        return f"{self.number}-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe bound to a folder. Every path in `recipe` is absolute or a URL."""

    recipe: Recipe
    run_dir: Path

    def folder(self, step: str) -> Path:
        """Where a step's dataset lies."""
        return self.run_dir / step

    def step(self, name: str) -> Step:
        """A step by name."""
        return self.recipe.steps[name]

    def price(self, name: str) -> Price | None:
        """The price of a generation step's model, where the recipe names one; raises `ConfigError` on mistakes."""
        prices = self.recipe.execution.prices
        return load_price(Path(prices) if prices else None, self.generation(name).model.price)

    def generations(self) -> tuple[str, ...]:
        """The names of the steps that ask a model, in order."""
        return tuple(name for name, step in self.recipe.steps.items() if step.generation is not None)

    def generation(self, name: str) -> Generation:
        """The settings of a generation step."""
        settings = self.recipe.steps[name].generation
        assert settings is not None
        return settings


def make_plan(recipe: Recipe, base: Path, run_dir: Path) -> Plan:
    """Bind a recipe to a run folder; relative paths are taken from `base`, the recipe's own folder."""
    return Plan(recipe=resolve_paths(recipe, base.resolve()), run_dir=run_dir.resolve())


def save_plan(plan: Plan) -> Path:
    """Write the plan for workers; returns its path."""
    path = plan.run_dir / "plan.json"
    write_json(path, {"run_dir": str(plan.run_dir), "recipe": plan.recipe.model_dump(mode="json", by_alias=True)})
    return path


def load_plan(path: Path) -> Plan:
    """Read a plan that `save_plan` wrote."""
    value = read_json(path)
    return Plan(recipe=Recipe.model_validate(value["recipe"]), run_dir=Path(value["run_dir"]))


def load_stage(plan: Plan, step: str) -> GenerationStage:
    """Build the stage of a generation step."""
    name = STAGES[plan.step(step).kind]
    build = cast("Callable[[Any, int], GenerationStage]", _function(name))
    stage = build(plan.generation(step), plan.recipe.seed)
    if not callable(stage) or not hasattr(stage, "expand") or not hasattr(type(stage), "VERSION"):
        raise ConfigError(
            f"expected {name} to build a stage with expand, a call and a VERSION; saw {type(stage).__name__}."
        )
    return stage


def load_curation(plan: Plan, step: str) -> tuple[CurationStage, ...]:
    """Build the stages of a curate step, in order; raises `UserError` for settings that cannot work."""
    stages = []
    for number, item in enumerate(plan.step(step).curate or (), start=1):
        build = cast("Callable[[Any, int], FrameStage | CorpusStage]", _function(CURATION[item.name]))
        stage = build(_with_folders(plan, item.name, item.settings), plan.recipe.seed)
        if not callable(stage) and not hasattr(stage, "gather"):
            raise ConfigError(
                f"expected {CURATION[item.name]} to build a stage with a call or with gather, decide and apply; saw "
                f"{type(stage).__name__}."
            )
        stages.append(CurationStage(number=number, name=item.name, stage=stage))
    return tuple(stages)


def _with_folders(plan: Plan, name: str, settings: Any) -> Any:
    """Settings in which a step of the recipe is named have the folder of its dataset instead."""
    known = plan.recipe.steps
    changes = {
        key: tuple(str(plan.folder(item)) if item in known else item for item in getattr(settings, key))
        for key in STEP_FOLDERS.get(name, ())
    }
    return settings.model_copy(update=changes) if changes else settings


def _function(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
