"""A recipe of question synthesis bent to a user's seeds, models, weights and benchmarks, without editing its file.

It works on any recipe whose steps do what those of `boostqa` do, and goes by what a step does and not by its name: the
first `read`, the curate step behind it, the first `annotate`, each `synthesize`, the step with `layouts`. What a recipe
has no place for is refused. The result is a plain recipe: it is stored with the run and runs again from there.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tilth.base.errors import ConfigError
from tilth.data.files import list_files
from tilth.data.source import Columns, SourceSpec
from tilth.generate.model import ModelSpec
from tilth.recipe.load import parse_recipe
from tilth.recipe.model import GENERATIONS, Recipe
from tilth.recipe.paths import absolute, resolve_model

#: The step that `select` becomes.
CHOSEN = "chosen"
#: The question's own column, by the names that files have for it, and those of what belongs to it.
_ROLES: Mapping[str, tuple[str, ...]] = {
    "text": ("question", "problem", "query"),
    "id": ("seed_id", "question_id", "id"),
    "language": ("lang", "language"),
    "licence": ("licence", "license"),
}
_METADATA = ("answer", "choices", "context", "solution", "subject", "discipline", "field", "difficulty")


class QuestionOptions(BaseModel):
    """What a user gives; everything is optional. Paths are as they are written: relative to where the recipe runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: tuple[str, ...] = ()  # seeds: documents or questions
    columns: Columns | None = None  # of the seeds; None: as the recipe has them
    questions: bool = False  # the seeds are questions: those that nobody can answer as they stand go first
    author: ModelSpec | None = None  # writes: every synthesize step
    checker: ModelSpec | None = None  # labels, refines, solves, judges: every other step that asks a model
    judge: ModelSpec | None = None  # of free-text answers, where it is another one than the checker
    weights: str | None = None  # a file that `tilth weights` wrote: chooses seeds, and holds the texts to the shares
    rows: int | None = Field(None, gt=0)  # seeds of this round
    after: tuple[str, ...] = ()  # folders of the runs of earlier rounds, in order
    benchmarks: tuple[str, ...] = ()  # files of benchmark items: seeds and questions that repeat them go
    probe: tuple[str, ...] = ()  # folders of probe sets: never seeds, and looked for like a benchmark
    labeller: str | None = None  # folder of a trained labeller: the seeds' disciplines come from it

    @model_validator(mode="after")
    def _belongs(self) -> "QuestionOptions":
        if (self.rows is not None or self.after) and self.weights is None:
            raise ValueError("rows and after choose seeds by weights: give the file that `tilth weights` wrote")
        if self.weights is not None and self.rows is None:
            raise ValueError("weights need rows: how many seeds this round takes")
        return self


def load_options(path: Path) -> QuestionOptions:
    """Options from a YAML file; paths in it are taken from its folder. Raises `ConfigError` with one line a fault.

    For seeds that are questions in a Parquet file without `columns`, the columns are found by the names that files have
    for them.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        options = QuestionOptions.model_validate({} if value is None else value)
    except OSError as error:
        raise ConfigError(f"expected a YAML file of options at {path}; saw: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected YAML in {path}; saw: {error}") from error
    except ValidationError as error:
        known = ", ".join(QuestionOptions.model_fields)
        faults = (f"{path}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError("\n".join([*faults, f"known: {known}"])) from error
    found = resolve_options(options, path.parent.absolute())
    if found.questions and found.columns is None:
        found = found.model_copy(update={"columns": _columns_of(found.source)})
    return found


def resolve_options(options: QuestionOptions, base: Path) -> QuestionOptions:
    """The options with every path absolute, taken from `base`."""
    found: dict[str, Any] = {}
    for name in ("source", "weights", "after", "benchmarks", "probe", "labeller"):
        value = getattr(options, name)
        if value:
            one = isinstance(value, str)
            found[name] = absolute(value, base) if one else tuple(absolute(item, base) for item in value)
    for name in ("author", "checker", "judge"):
        model = getattr(options, name)
        if model is not None:
            found[name] = ModelSpec.model_validate(resolve_model(model.model_dump(mode="json"), base))
    return options.model_copy(update=found)


def _columns_of(source: tuple[str, ...]) -> Columns | None:
    """By the names in the first file, where it is Parquet; None leaves the recipe's own mapping."""
    files = list_files(SourceSpec(source=source), Path.cwd()) if source else ()
    if not files or files[0].format != "parquet" or files[0].is_remote:
        return None
    return question_columns(set(pq.read_schema(files[0].uri).names))


def question_columns(names: Mapping[str, Any] | set[str]) -> Columns | None:
    """The mapping of a file's columns where one of them is a question; None where none is."""
    found = {role: next((name for name in known if name in names), None) for role, known in _ROLES.items()}
    if found["text"] is None:
        return None
    return Columns.model_validate({**found, "metadata": [name for name in _METADATA if name in names]})


def with_questions(recipe: Recipe, options: QuestionOptions) -> Recipe:
    """The recipe with what `options` give in its place. Raises `ConfigError` where the recipe has no such place."""
    steps: dict[str, Any] = recipe.model_dump(mode="json", by_alias=True, exclude_none=True)["steps"]
    if options.source or options.columns is not None:
        _read(steps, options)
    for kind in GENERATIONS:
        model = options.author if kind == "synthesize" else (options.judge if kind == "judge" else None)
        model = model or (options.checker if kind not in ("synthesize", "rephrase") else None)
        if model is not None:
            for step in steps.values():
                if kind in step:
                    step[kind] = {**step[kind], "model": model.model_dump(mode="json", exclude_none=True)}
    _seeds(steps, options)
    _decontaminate(steps, options)
    if options.weights is not None:
        steps = _steered(steps, options)
    value = recipe.model_dump(mode="json", by_alias=True, exclude_none=True)
    return parse_recipe({**value, "steps": steps}, recipe.name)


def _read(steps: dict[str, Any], options: QuestionOptions) -> None:
    """Other seeds: what the recipe said of its own files (columns, language, licence) does not hold for them."""
    step = _first(steps, lambda one: "read" in one, "a read step, for the seeds")
    before = steps[step]["read"]
    columns = options.columns
    steps[step]["read"] = {
        "source": list(options.source) or before["source"],
        "columns": columns.model_dump(mode="json", exclude_none=True) if columns is not None else before["columns"],
    }


def _seeds(steps: dict[str, Any], options: QuestionOptions) -> None:
    """The stages in front of the seeds' own."""
    front: list[dict[str, Any]] = []
    if options.questions:
        front.append({"questions": {}})
    if options.probe:
        front.append({"probe_items": {"probe": list(options.probe)}})
    if options.labeller is not None:
        front.append({"label": {"model": options.labeller}})
        for step in steps.values():
            if "annotate" in step:
                step["annotate"] = {**step["annotate"], "labels": "keep"}
                break  # labels of new questions are the annotator's
    if front:
        seeds = _first(steps, lambda one: "curate" in one, "a curate step, for the seeds")
        own = [stage for stage in steps[seeds]["curate"] if not set(stage) & {name for one in front for name in one}]
        steps[seeds]["curate"] = [*front, *own]


def _decontaminate(steps: dict[str, Any], options: QuestionOptions) -> None:
    """Behind the seeds' stages, and behind those of the questions before any is refined."""
    files = [*options.benchmarks, *(f"{folder}/probe_set.parquet" for folder in options.probe)]
    if not files:
        return
    places = [name for name, step in steps.items() if "near_duplicates" in _stages(step)]
    if not places:
        raise ConfigError("benchmarks: expected a curate step with near_duplicates, behind which items are looked for.")
    for name in places:
        own = [stage for stage in steps[name]["curate"] if "decontaminate" not in stage]
        steps[name]["curate"] = [*own, {"decontaminate": {"benchmarks": files}}]


def _steered(steps: dict[str, Any], options: QuestionOptions) -> dict[str, Any]:
    """A step that chooses seeds by weight behind the first labels, and the same weights for the texts."""
    labelled = _first(steps, lambda one: "annotate" in one, "an annotate step, whose labels the weights are by")
    verified = _first(steps, lambda one: "verify" in _stages(one), "a curate step with verify")
    runs = [Path(folder) for folder in options.after]
    select = {
        "weights": options.weights,
        "rows": options.rows,
        "round": len(runs) + 1,
        "requested": [str(run / CHOSEN) for run in runs],
        "achieved": [str(run / verified) for run in runs],
    }
    made: dict[str, Any] = {}
    for name, step in steps.items():
        if name == CHOSEN:
            continue
        made[name] = step
        if name == labelled:
            made[CHOSEN] = {"from": labelled, "curate": [{"select": select}]}
        elif step.get("from") == labelled and "synthesize" in step:
            step["from"] = CHOSEN
        for stage in step.get("curate", ()):
            if "layouts" in stage:
                stage["layouts"] = {**stage["layouts"], "target": options.weights}
    return made


def _first(steps: dict[str, Any], fits: Callable[[dict[str, Any]], bool], what: str) -> str:
    found = next((name for name, step in steps.items() if fits(step)), None)
    if found is None:
        raise ConfigError(f"expected {what}; the recipe has none ({', '.join(steps)}). Use boostqa, or edit the file.")
    return found


def _stages(step: Mapping[str, Any]) -> set[str]:
    """Names of the stages of a curate step."""
    return {name for stage in step.get("curate", ()) for name in stage}
