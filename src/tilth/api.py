"""The Python API, with the words of the command line: `run`, `preview`, `estimate`, `run_study`; recipes are data."""

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tilth.base.errors import ConfigError, SourceError, StopRun, StorageError
from tilth.base.files import read_json, write_json
from tilth.base.progress import Snapshot
from tilth.data.dataset import read_manifest
from tilth.plan import load_stage, make_plan
from tilth.recipe import GENERATIONS, Budget, Recipe, Step, load_recipe
from tilth.runner.generation import worker_count
from tilth.runner.identity import OnDrift
from tilth.runner.pilot import Watch, check_forecast, choose, forecast
from tilth.runner.session import Options, read_ledger
from tilth.runner.session import run as run_recipe
from tilth.runner.stitch import Stitched, stitched
from tilth.view.samples import write_samples

if TYPE_CHECKING:
    from tilth.study.run.session import StudyRun

__all__ = [
    "Estimate",
    "Previewed",
    "Recipe",
    "RunResult",
    "Stitched",
    "StudyResult",
    "estimate",
    "load_recipe",
    "preview",
    "reparse",
    "run",
    "run_study",
    "stitched",
]

ESTIMATE = "estimate.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Where a run lies and its ledger. `stopped` is None for a finished run, else why it stopped."""

    run_dir: Path
    ledger: dict[str, Any]
    page: Path | None
    stopped: StopRun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """One unit of a preview: the piece of the source beside what came of it."""

    prompt: str
    source: str
    text: str
    verdict: Literal["kept", "dropped"]
    reason: str | None
    detail: str
    flags: tuple[str, ...]
    doc_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A forecast by quantity (units, kept, requests, prompt_tokens, completion_tokens, hours, money)."""

    run_dir: Path
    documents: int
    looked_at: int
    found: dict[str, dict[str, float]]
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """A study that was run: every run's fate in `session`, and the report; None where nothing could be compared, with
    the reason in `why`."""

    session: "StudyRun"
    report: dict[str, Any] | None
    page: Path | None
    why: str = ""


def run(
    recipe: Recipe | str | Path,
    run_dir: str | Path | None = None,
    *,
    base: Path | None = None,
    on_drift: OnDrift = "refuse",
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
    page: bool = True,
) -> RunResult:
    """Make the datasets of a recipe; the same call starts, resumes and completes.

    `recipe`: a `Recipe`, a YAML file, or a shipped recipe's name. `run_dir`: default `runs/<name>`. `base`: the folder
    that relative paths are taken from; the recipe file's own folder, or the current one. A run that stopped cleanly
    (a cap, Ctrl-C) returns with `stopped` set; everything else that prevents it raises a `TilthError`.
    """
    recipe, base = _resolve(recipe, base)
    folder = _folder(recipe, run_dir)
    stopped = None
    try:
        ledger = run_recipe(recipe, base, folder, options=Options(on_drift=on_drift), on_snapshot=on_snapshot)
    except StorageError:
        raise  # the disk refuses: nothing more can be written or read with trust
    except StopRun as error:
        stopped = error
        ledger = read_ledger(folder)
    ledger = _check_forecast(folder, ledger)
    made = write_samples(folder) if page and _has_rows(ledger) else None
    return RunResult(run_dir=folder, ledger=ledger, page=made, stopped=stopped)


def reparse(run_dir: str | Path, *, page: bool = True) -> tuple[RunResult, dict[str, Any]]:
    """Read the journalled answers again with the parsers and checks of this version, without a call.

    Returns the result and the ledger as it was before.
    """
    folder = Path(run_dir)
    before = read_ledger(folder)
    recipe = load_recipe(folder / "recipe.yaml")
    ledger = run_recipe(recipe, folder, folder, options=Options(calls=False))
    made = write_samples(folder) if page and _has_rows(ledger) else None
    return RunResult(run_dir=folder, ledger=ledger, page=made), before


def preview(
    recipe: Recipe | str | Path, rows: int = 5, *, base: Path | None = None, on_snapshot: Any = lambda _: None
) -> list[Previewed]:
    """What a recipe makes of a few documents, in a folder that is thrown away. Calls are made and not journalled."""
    recipe, base = _resolve(recipe, base)
    # strata of the first thousand documents: a preview should not read a terabyte first
    first = 1000
    steps = {
        name: step.model_copy(
            update={"read": step.read.model_copy(update={"limit": min(step.read.limit or first, first)})}
        )
        if step.read is not None
        else step
        for name, step in recipe.steps.items()
    }
    execution = recipe.execution.model_copy(update={"workers": 1, "salvage_rounds": 0})
    recipe = recipe.model_copy(update={"steps": steps, "execution": execution})
    seen: list[Previewed] = []

    def hear(unit: Any, outcome: Any) -> None:
        seen.append(_previewed(unit, outcome))

    folder = Path(tempfile.mkdtemp(prefix="tilth-preview-"))
    try:
        pilot_run(recipe, base, folder, rows, hear, on_snapshot)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return seen


def estimate(
    recipe: Recipe | str | Path,
    run_dir: str | Path | None = None,
    *,
    rows: int = 200,
    base: Path | None = None,
    budget: Budget | None = None,
    on_snapshot: Any = lambda _: None,
) -> Estimate:
    """Send a stratified pilot of `rows` documents, and forecast the whole run from it.

    The pilot's answers are journalled in the run, so that the run does not pay for them again. The run later compares
    itself with the forecast.
    """
    recipe, base = _resolve(recipe, base)
    folder = _folder(recipe, run_dir)
    watch = Watch()
    sampled = pilot_run(recipe, base, folder, rows, watch.hear, on_snapshot, budget)
    name = _first_generation(recipe)
    spec = recipe.steps[name].generation
    assert spec is not None
    plan = make_plan(recipe, base, folder)
    price = plan.price(name)
    found = forecast(sampled, watch, price, spec.model.gpus * max(len(spec.model.urls), 1), recipe.seed)
    plain = {quantity: asdict(interval) for quantity, interval in found.items()}
    if spec.model.engine == "extractive":  # the pilot ran in one process, the run takes a core a shard
        shards = sum(1 for _ in (folder / (recipe.steps[name].source or "")).glob("part-*.parquet"))
        workers = min(worker_count(plan, name), shards)
        plain["hours"] = {bound: value / workers for bound, value in plain["hours"].items()}
    result = Estimate(
        run_dir=folder,
        documents=sum(sampled.sizes),
        looked_at=len(sampled.all_ids()),
        found=plain,
        currency=price.currency if price else "USD",
    )
    write_json(folder / ESTIMATE, {**dataclasses.asdict(result), "run_dir": str(folder)})
    return result


def run_study(
    study: str | Path,
    run_dir: str | Path | None = None,
    *,
    workers: int = 0,
    arms: Sequence[str] = (),
    contamination: bool = True,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> StudyResult:
    """Run a study file or a shipped study and report its verdicts; the same call starts, resumes and completes.

    `run_dir`: default `runs/<name>`. `workers`: models trained at once; 0: one a GPU, or one a core. `arms`: these
    alone, and the baseline. Needs the extra `train`. Raises `ConfigError` for a study that does not say how its parts
    are made; what goes wrong in one arm fails that arm by name.
    """
    from tilth.study.about import read_about
    from tilth.study.design import load_study
    from tilth.study.run.session import Options as StudyOptions
    from tilth.study.run.session import run_study as run_session
    from tilth.view.study.of_study import asked_of_study
    from tilth.view.study.report import write_report

    loaded, path = load_study(Path(study)), Path(study)
    folder = Path(run_dir) if run_dir is not None else Path("runs") / loaded.name
    options = StudyOptions(workers=workers, arms=tuple(arms), contamination=contamination)
    base = path.parent if path.exists() else Path.cwd()
    session = run_session(loaded, base, folder, options=options, on_snapshot=on_snapshot)
    try:
        asked = asked_of_study(session.study, folder, read_about(session.about), session.about)
        report = write_report(asked, folder)
    except (ConfigError, SourceError) as error:
        return StudyResult(session=session, report=None, page=None, why=str(error))
    return StudyResult(session=session, report=report, page=folder / "report.html")


def pilot_run(
    recipe: Recipe,
    base: Path,
    folder: Path,
    rows: int,
    hear: Callable[[Any, Any], None],
    on_snapshot: Callable[[Snapshot], None],
    budget: Budget | None = None,
) -> Any:
    """Read and curate the sources, and send some documents through the first generation step; returns the choice."""
    name = _first_generation(recipe)
    source = recipe.steps[name].source or ""
    before = _upstream(recipe, name)
    reading = recipe.model_copy(update={"steps": before})
    load_stage(make_plan(recipe, base, folder), name)  # mistakes in prompts show before the sources are read
    run_recipe(reading, base, folder, on_snapshot=on_snapshot)
    manifest = read_manifest(folder / source)
    assert manifest is not None
    sampled = choose(folder / source, manifest, rows, recipe.seed)
    steps = {**before, name: recipe.steps[name]}
    execution = recipe.execution.model_copy(update={"workers": 1, "salvage_rounds": 0})
    run_recipe(
        recipe.model_copy(update={"steps": steps, "execution": execution}),
        base,
        folder,
        options=Options(only=sampled.all_ids(), budget=budget, on_outcome=hear),
        on_snapshot=on_snapshot,
    )
    return sampled


def _previewed(unit: Any, outcome: Any) -> Previewed:
    row = outcome.row
    return Previewed(
        prompt=unit.prompt,
        source=unit.document.text[row["cut_from"] : row["cut_to"]],
        text=row["text"] if outcome.reason is None else row["raw"] or "",
        verdict="kept" if outcome.reason is None else "dropped",
        reason=outcome.reason,
        detail=row.get("detail") or "",
        flags=tuple(outcome.flags),
        doc_id=unit.document.doc_id,
    )


def _resolve(recipe: Recipe | str | Path, base: Path | None) -> tuple[Recipe, Path]:
    if isinstance(recipe, Recipe):
        return recipe, base or Path.cwd()
    path = Path(recipe)
    return load_recipe(path), base or (path.parent if path.exists() else Path.cwd())


def _folder(recipe: Recipe, run_dir: str | Path | None) -> Path:
    return Path(run_dir) if run_dir is not None else Path("runs") / recipe.name


def _first_generation(recipe: Recipe) -> str:
    for name, step in recipe.steps.items():
        if step.generation is not None:
            return name
    raise ConfigError(f"expected a step that asks a model in recipe {recipe.name!r}; it has {', '.join(recipe.steps)}.")


def _upstream(recipe: Recipe, name: str) -> dict[str, Step]:
    """The steps that a step's rows come through, in the recipe's order."""
    wanted = set(recipe.steps[name].sources)
    for above, step in reversed(recipe.steps.items()):
        if above in wanted:
            wanted.update(step.sources)
    return {above: step for above, step in recipe.steps.items() if above in wanted}


def _has_rows(ledger: dict[str, Any]) -> bool:
    return any(step["ledger"]["in"] for step in ledger["steps"])


def _check_forecast(folder: Path, ledger: dict[str, Any]) -> dict[str, Any]:
    """Put the forecast beside the outcome in a finished run's ledger."""
    path = folder / ESTIMATE
    if ledger["state"] != "finished" or not path.exists():
        return ledger
    step = next(item for item in ledger["steps"] if item["kind"] in GENERATIONS)
    cost = ledger["cost"]
    actual = {
        "units": step["ledger"]["in"],
        "kept": step["ledger"]["kept"],
        "requests": cost["requests"],
        "prompt_tokens": cost["prompt_tokens"],
        "completion_tokens": cost["completion_tokens"],
        "money": cost["money"],
        "hours": sum(session["seconds"] for session in cost["sessions"]) / 3600,
    }
    ledger = {**ledger, "forecast": check_forecast(read_json(path)["found"], actual)}
    write_json(folder / "ledger.json", ledger)
    return ledger
