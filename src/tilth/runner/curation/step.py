"""The curate step: its passes in order, over worker processes, resumable at every part, and the dataset it becomes.

A step is remade whole where its input changed, since duplicates and quotas hang on every row; its stages' identity is
compared first, and a difference is refused like that of any other step. Peak memory: a few frames a worker, and what a
corpus stage states for its decision.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tilth.base.errors import Change, Interrupted, SourceError
from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint
from tilth.base.progress import Snapshot
from tilth.data.dataset import MANIFEST, Manifest, describe_shard, part_name, read_manifest, write_manifest
from tilth.plan import CurationStage, Plan, load_curation, load_plan
from tilth.runner.curation.frames import InputPart
from tilth.runner.curation.part import (
    NOTHING_LEFT,
    PartWork,
    PassPlan,
    add_examples,
    marker_path,
    passes_of,
    read_markers,
    stage_folder,
    work_folder,
)
from tilth.runner.identity import OnDrift, drift_error
from tilth.runner.local import Control, LocalExecutor, Report, interrupts
from tilth.runner.regroup import announce
from tilth.runner.shard import add_ledgers, check_ledger
from tilth.stage import Identity

#: Files of a curate step beside its shards: what made it, and what the report shows.
MADE_UNDER = "made_under.json"
REPORT = "report.json"


def curation_identity(stages: Sequence[CurationStage]) -> Identity:
    """What decides the rows of a step, a field a line: `3 near_duplicates.settings`."""
    shared = {f"{item.label}.{name}": value for item in stages for name, value in item.stage.identity.items()}
    return Identity(shared=shared, by_prompt={})


def settle_curation(folder: Path, stages: Sequence[CurationStage], on_drift: OnDrift, run: str) -> bool:
    """Compare with what the step was made under; True where the rows that are there are to be kept as they are.

    Raises `DriftError` where other stages or settings made a finished step, and `on_drift` does not say what to do.
    """
    made, path = read_manifest(folder), folder / MADE_UNDER
    if made is None or not path.exists():
        return False
    rows = made.ledger["in"]
    recorded, now = read_json(path)["stages"], curation_identity(stages).shared
    changes = [
        Change(f"{folder.name}: {name}", recorded.get(name, "(none)"), now.get(name, "(gone)"), rows)
        for name in sorted({*recorded, *now})
        if recorded.get(name) != now.get(name)
    ]
    if changes and on_drift == "refuse":
        raise drift_error(changes, run)
    return bool(changes) and on_drift == "keep"


def input_parts(plan: Plan, step: str) -> tuple[list[InputPart], dict[str, str]]:
    """The shards of the step's inputs in order, each with the part it becomes, and a fingerprint of each input."""
    sources = plan.step(step).sources
    parts: list[InputPart] = []
    digests = {}
    for source in sources:
        manifest = read_manifest(plan.folder(source))
        assert manifest is not None, "a step runs after those it comes from"
        digests[source] = fingerprint([shard.digest for shard in manifest.shards])
        for shard in manifest.shards:
            number = len(parts)
            path = plan.folder(source) / f"{shard.name}.parquet"
            parts.append(
                InputPart(name=part_name(number), number=number, source=source, path=path, prefix=len(sources) > 1)
            )
    for compared in sorted(_compared(plan, step) - set(digests)):
        manifest = read_manifest(plan.folder(compared))
        assert manifest is not None, "a step runs after those it is held against"
        digests[compared] = fingerprint([shard.digest for shard in manifest.shards])
    return parts, digests


def _compared(plan: Plan, step: str) -> set[str]:
    """Steps whose rows the step's rows are held against: inputs too, though no row comes from them."""
    stages = [item.near_duplicates for item in plan.step(step).curate or () if item.near_duplicates is not None]
    return {name for stage in stages for name in stage.against_steps}


class CurationRun:
    """A curate step of one session."""

    def __init__(self, plan: Plan, step: str, on_snapshot: Callable[[Snapshot], None]) -> None:
        self._plan = plan
        self._step = step
        self._folder = plan.folder(step)
        self._on_snapshot = on_snapshot
        self._started = time.monotonic()
        self._stages = load_curation(plan, step)
        self._passes = passes_of(self._stages)
        self._parts, self._inputs = input_parts(plan, step)
        self._names = [part.name for part in self._parts]

    def run(self, plan_path: Path) -> Manifest:
        """Make the step's dataset, or what is left of it; raises what stopped it."""
        made_under = {"stages": dict(curation_identity(self._stages).shared), "inputs": self._inputs}
        made = read_manifest(self._folder)
        if self._settled(made_under):
            if made is not None:
                return made
        else:
            if made is not None:
                announce(self._plan.run_dir)  # rows may come to lie in other parts, and answers have to follow them
            clear(self._folder)
            write_json(self._folder / MADE_UNDER, made_under)
        for number, work in enumerate(self._passes):
            self._pass(number, work, plan_path)
        return self._finish(made_under)

    def _settled(self, made_under: dict[str, Any]) -> bool:
        path = self._folder / MADE_UNDER
        return path.exists() and read_json(path) == made_under

    def _pass(self, number: int, work: PassPlan, plan_path: Path) -> None:
        todo = [name for name in self._names if not marker_path(self._folder, number, name).exists()]
        if todo:
            workers = min(worker_count(self._plan), len(todo))
            if workers == 1:
                self._inline(number, todo)
            else:
                self._spread(number, todo, workers, plan_path)
        if work.after is not None:
            self._decide(number, work.after)

    def _inline(self, number: int, todo: Sequence[str]) -> None:
        control = Control()
        with interrupts(control.stop):
            stopped = work_on(self._plan, self._step, number, todo, lambda report: self._hear(number, report), control)
        if stopped:
            raise _interrupted()

    def _spread(self, number: int, todo: Sequence[str], workers: int, plan_path: Path) -> None:
        executor = LocalExecutor(workers)
        with interrupts(executor.stop), _threads(max(1, (os.cpu_count() or 1) // workers)):
            for report in executor.map(curate_main, plan_path, self._step, [{"number": number}], todo):
                self._hear(number, report)
        if executor.stopping:
            raise _interrupted()

    def _decide(self, number: int, gate: CurationStage) -> None:
        done = marker_path(self._folder, number, "decided")
        if done.exists():
            return
        self._tell(f"deciding {gate.label}", len(self._names))
        stage: Any = gate.stage
        started = _cpu_seconds()
        stage.decide(self._names, stage_folder(self._folder, gate), worker_count(self._plan))
        write_json(done, {"stage": gate.label, "seconds": _cpu_seconds() - started})

    def _hear(self, number: int, report: Report) -> None:
        if report.marker is not None:
            done = sum(marker_path(self._folder, number, name).exists() for name in self._names)
            self._tell(f"pass {number + 1} of {len(self._passes)}", done)

    def _tell(self, phase: str, done: int) -> None:
        self._on_snapshot(
            Snapshot(step=self._step, phase=phase, done=done, total=len(self._names), started=self._started)
        )

    def _finish(self, made_under: dict[str, Any]) -> Manifest:
        report = make_report(self._folder, self._stages, self._names)
        ledger = report["ledger"]
        check_ledger(self._step, ledger)
        if not ledger["kept"]:
            said = ", ".join(f"{count:,} {reason}" for reason, count in ledger["reasons"].items()) or "no rows at all"
            raise SourceError(
                f"expected rows to be left by step {self._step!r}; all {ledger['in']:,} were dropped ({said}). Look at "
                f"{self._folder / 'dropped'}, and loosen the stage that took most."
            )
        write_json(self._folder / REPORT, report)
        manifest = Manifest(
            name=self._step,
            shards=tuple(describe_shard(self._folder, name) for name in self._names),
            ledger=ledger,
            fingerprint=fingerprint(made_under),
            inputs=self._inputs,
            details={"stages": made_under["stages"], "by_source": report["by_source"]},
        )
        write_manifest(self._folder, manifest)
        self._tidy()
        return manifest

    def _tidy(self) -> None:
        shutil.rmtree(self._folder / "work", ignore_errors=True)
        for item in self._stages:
            shutil.rmtree(stage_folder(self._folder, item) / "scratch", ignore_errors=True)


def make_report(folder: Path, stages: Sequence[CurationStage], parts: Sequence[str]) -> dict[str, Any]:
    """What every stage did to how many rows, added up from the markers that are there; JSON-ready."""
    passes = passes_of(stages)
    markers = [marker for work in passes for marker in read_markers(folder, work.number, parts)]
    said: dict[str, dict[str, Any]] = {}
    sources: dict[str, dict[str, Any]] = {}
    for marker in markers:
        for label, entry in marker["stages"].items():
            said[label] = merge(said.get(label, {}), entry)
        for source, entry in marker["sources"].items():
            sources[source] = merge(sources.get(source, {}), entry)
    for marker in (item for work in passes for item in read_markers(folder, work.number, ["decided"])):
        said[marker["stage"]] = merge(said.get(marker["stage"], _nothing()), {"seconds": marker["seconds"]})
    first = read_markers(folder, 0, parts)
    last = read_markers(folder, passes[-1].number, parts)
    meanings = {reason: words for item in stages for reason, words in item.stage.reasons.items()}
    meanings[NOTHING_LEFT] = "a stage cut every part of the text"
    ledger = add_ledgers(list(sources.values()))
    return {
        "ledger": ledger,
        "stages": [{"label": item.label, "name": item.name, **said.get(item.label, _nothing())} for item in stages],
        "by_source": sources,
        "meanings": {reason: words for reason, words in meanings.items() if reason in ledger["reasons"]},
        "examples": add_examples([marker["examples"] for marker in markers]),
        "parts": {"of": len(parts), "started": len(first), "done": len(last)},
    }


def merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The sum of two nested counts."""
    total = dict(one)
    for name, value in other.items():
        total[name] = merge(total.get(name, {}), value) if isinstance(value, dict) else total.get(name, 0) + value
    return total


def _nothing() -> dict[str, Any]:
    return {"in": 0, "kept": 0, "reasons": {}, "counts": {}, "seconds": 0.0}


def clear(folder: Path) -> None:
    """Take away everything that a step made, the manifest first."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in ("work", "state", "stages", "dropped"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob("part-*.parquet"):
        path.unlink()


def worker_count(plan: Plan) -> int:
    """Processes: as asked, or one a core, since curation fills a core."""
    return plan.recipe.execution.workers or os.cpu_count() or 1


def curate_main(
    plan: Path,
    step: str,
    options: dict[str, Any],
    parts: Iterator[str],
    report: Callable[[Report], None],
    control: Control,
) -> None:
    """`work_on` in a worker process."""
    work_on(load_plan(plan), step, options["number"], parts, report, control)


def work_on(
    plan: Plan, step: str, number: int, parts: Iterable[str], report: Callable[[Report], None], control: Control
) -> bool:
    """Do one pass over parts in this process; True where it was asked to stop before the end."""
    stages = load_curation(plan, step)
    passes = passes_of(stages)
    inputs = {part.name: part for part in input_parts(plan, step)[0]}
    stop: list[bool] = []
    control.on_stop(lambda: stop.append(True))
    folder = plan.folder(step)
    work_folder(folder, number).mkdir(parents=True, exist_ok=True)
    for name in parts:
        marker = PartWork(folder, passes[number], inputs[name], last=number == len(passes) - 1).run()
        report(Report(marker=marker))
        if stop:
            return True
    return False


def _cpu_seconds() -> float:
    """CPU time of this process and of those it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Worker processes started in the block use `count` threads each, so that all of them fill the machine once."""
    name = "POLARS_MAX_THREADS"
    before = os.environ.get(name)
    os.environ[name] = before or str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def _interrupted() -> Interrupted:
    return Interrupted("stopped as you asked; finished parts are kept. The same command goes on from here.")
