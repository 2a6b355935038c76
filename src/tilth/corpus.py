"""Curation from Python and from the command line without a recipe file: files in, clean files out.

Each function builds a recipe, which is stored with the run like any other, and runs it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from tilth.base.errors import ConfigError
from tilth.base.progress import Snapshot
from tilth.data.source import Columns, SourceSpec
from tilth.recipe import CurateStage, Execution, Recipe, Step, load_recipe
from tilth.recipe.stages.decontaminate import Action, Decontaminate
from tilth.recipe.stages.duplicates import ExactDuplicates, Keep, NearDuplicates

#: The step that such a recipe reads into, and the one it makes.
READ, MADE = "documents", "curated"


def curate_recipe(
    source: Sequence[str],
    recipe: str | Path = "curate",
    *,
    columns: Columns | None = None,
    benchmarks: Sequence[str] = (),
    workers: int = 0,
) -> Recipe:
    """A curation recipe over other files: a shipped one (`curate`, `curate-questions`) or a file of yours.

    `source` replaces what its first read step reads, `columns` how. `benchmarks` are what its decontaminate stages look
    for; a recipe that names none loses those stages where none are given here.
    """
    loaded = load_recipe(Path(recipe))
    looked_for = tuple(map(_from_here, benchmarks))
    steps: dict[str, Step] = {}
    replaced = False
    for name, step in loaded.steps.items():
        if step.read is not None and not replaced:
            update: dict[str, Any] = {"source": tuple(map(_from_here, source))}
            if columns is not None:
                update["columns"] = columns
            steps[name] = step.model_copy(update={"read": step.read.model_copy(update=update)})
            replaced = True
        elif step.curate is not None:
            steps[name] = step.model_copy(update={"curate": _with_benchmarks(step.curate, looked_for)})
        else:
            steps[name] = step
    if not replaced:
        raise ConfigError(f"expected a read step in recipe {loaded.name!r}, whose files are replaced; it has none.")
    return loaded.model_copy(update={"steps": steps, "execution": _execution(loaded.execution, workers)})


def dedup_recipe(
    source: Sequence[str],
    *,
    columns: Columns | None = None,
    near: NearDuplicates | None = None,
    exact_only: bool = False,
    workers: int = 0,
) -> Recipe:
    """Exact duplicates, then near ones."""
    near = near or NearDuplicates()
    # the rule decides both, so that the same member of a cluster stays
    stages = [CurateStage(exact_duplicates=ExactDuplicates(keep=near.keep))]
    if not exact_only:
        stages.append(CurateStage(near_duplicates=near))
    return _recipe("dedup", source, columns, stages, workers)


def decontaminate_recipe(
    source: Sequence[str],
    benchmarks: Sequence[str],
    *,
    columns: Columns | None = None,
    action: Action = "drop",
    workers: int = 0,
) -> Recipe:
    """Rows that hold benchmark items are dropped, cut or flagged."""
    stage = CurateStage(decontaminate=Decontaminate(benchmarks=tuple(benchmarks), action=action))
    return _recipe("decontaminate", source, columns, [stage], workers)


def curate(
    source: str | Sequence[str],
    recipe: str | Path = "curate",
    run_dir: str | Path | None = None,
    *,
    columns: Columns | None = None,
    benchmarks: Sequence[str] = (),
    workers: int = 0,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Any:
    """Run a curation recipe over files; returns the `RunResult`."""
    made = curate_recipe(_listed(source), recipe, columns=columns, benchmarks=_listed(benchmarks), workers=workers)
    base = Path(recipe).parent if Path(recipe).exists() else Path.cwd()
    return _run(made, run_dir, on_snapshot, base)


def dedup(
    source: str | Sequence[str],
    run_dir: str | Path | None = None,
    *,
    columns: Columns | None = None,
    keep: Literal["first", "longest"] = "longest",
    against: Sequence[str] = (),
    write_index: bool = False,
    workers: int = 0,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Any:
    """Take out exact and near duplicates, with FineWeb's MinHash settings; returns the `RunResult`.

    `against` names index folders of earlier runs: documents that are near duplicates of theirs are dropped too.
    """
    near = NearDuplicates(keep=Keep(rule=keep), against=tuple(against), write_index=write_index)
    return _run(dedup_recipe(_listed(source), columns=columns, near=near, workers=workers), run_dir, on_snapshot)


def decontaminate(
    source: str | Sequence[str],
    benchmarks: str | Sequence[str],
    run_dir: str | Path | None = None,
    *,
    columns: Columns | None = None,
    action: Action = "drop",
    workers: int = 0,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Any:
    """Drop, cut or flag rows that hold items of the benchmark files; returns the `RunResult`."""
    made = decontaminate_recipe(_listed(source), _listed(benchmarks), columns=columns, action=action, workers=workers)
    return _run(made, run_dir, on_snapshot)


def _run(
    recipe: Recipe, run_dir: str | Path | None, on_snapshot: Callable[[Snapshot], None], base: Path | None = None
) -> Any:
    from tilth.api import run

    return run(recipe, run_dir, base=base or Path.cwd(), on_snapshot=on_snapshot)


def _recipe(
    name: str, source: Sequence[str], columns: Columns | None, stages: Sequence[CurateStage], workers: int
) -> Recipe:
    read = SourceSpec(source=tuple(source), columns=columns or Columns())
    steps = {READ: Step(read=read), MADE: Step(curate=tuple(stages), sources=(READ,))}
    return Recipe(name=name, steps=steps, execution=Execution(workers=workers))


def _with_benchmarks(stages: Sequence[CurateStage], benchmarks: tuple[str, ...]) -> tuple[CurateStage, ...]:
    """The stages with these benchmarks to look for; without any, no stage looks."""
    found = []
    for stage in stages:
        if stage.decontaminate is None or (stage.decontaminate.benchmarks and not benchmarks):
            found.append(stage)
        elif benchmarks:
            found.append(CurateStage(decontaminate=stage.decontaminate.model_copy(update={"benchmarks": benchmarks})))
    return tuple(found)


def _execution(execution: Execution, workers: int) -> Execution:
    return execution.model_copy(update={"workers": workers}) if workers else execution


def _from_here(path: str) -> str:
    """Paths given beside a recipe are those of the current folder, the recipe's own are those of its folder."""
    return path if "://" in path else str(Path(path).absolute())


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
