"""A generation step: which shards are to do, workers over them, salvage rounds, and the manifest at the end."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tilth.base.errors import Interrupted
from tilth.base.fingerprint import fingerprint
from tilth.base.log import EventLog
from tilth.base.progress import Snapshot
from tilth.cost import Usage
from tilth.data.dataset import MANIFEST, Manifest, describe_shard, read_manifest, write_manifest
from tilth.generate.journal import Journal
from tilth.generate.loop import run as run_loop
from tilth.plan import Plan, load_plan, load_stage
from tilth.recipe import Budget
from tilth.runner.identity import generation_fingerprint, reading_fingerprint
from tilth.runner.local import Control, LocalExecutor, Report, interrupts
from tilth.runner.pool import open_pool
from tilth.runner.shard import Fingerprints, add_ledgers, check_ledger, is_done, read_marker, remove_strays
from tilth.runner.spend import Spend
from tilth.runner.worker import Job, Worker, closing
from tilth.stage import GenerationStage, Identity, Outcome, Unit

#: Rows in memory for each slot of the engines: enough that a freed slot always finds a row waiting.
ROWS_PER_SLOT = 2
_REPORT_SECONDS = 0.25
#: Engines that are code of this process: they fill a core, and there is never anything else to wait for.
_IN_PROCESS = frozenset({"extractive", "scripted"})


@dataclass(slots=True)
class Totals:
    """Counts over all workers, and what they add up to for the display."""

    by_worker: dict[int, dict[str, Any]] = field(default_factory=dict)
    finished: Usage = field(default_factory=Usage)
    reused: int = 0
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def usage(self) -> Usage:
        """What this session's workers used, wall clock left out."""
        total = self.finished
        for counts in self.by_worker.values():
            total = total + Usage(**{**counts["usage"], "seconds": 0.0})
        return total

    def fold(self) -> None:
        """Keep the counts of workers that ended, before others take their numbers."""
        self.finished = self.usage()
        self.reused += sum(counts["reused"] for counts in self.by_worker.values())
        for counts in self.by_worker.values():
            known = {(item["prompt"], item["kind"]) for item in self.alarms}
            self.alarms += [item for item in counts["alarms"] if (item["prompt"], item["kind"]) not in known]
        self.by_worker = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One go over parts: what a worker needs beside the plan and the step."""

    session: int
    keep: bool
    calls: bool = True  # False: answers come from the journal alone
    only: tuple[str, ...] | None = None
    budget: Budget = field(default_factory=Budget)
    before: Usage = field(default_factory=Usage)
    max_in_flight: int | None = None
    on_outcome: Callable[[Unit, Outcome], None] | None = None  # a pilot's ear; only within one process


def run_parts(
    plan: Plan, step: str, go: Pass, parts: Iterable[str], report: Callable[[Report], None], control: Control
) -> None:
    """Work on parts in this process until they are done or something stops the run; raises what stopped it."""
    run_loop(_run_parts(plan, step, go, parts, report, control))


def worker_main(
    plan: Path,
    step: str,
    options: dict[str, Any],
    parts: Iterator[str],
    report: Callable[[Report], None],
    control: Control,
) -> None:
    """`run_parts` in a worker process."""
    options = {**options, "budget": Budget(**options["budget"]), "before": Usage(**options["before"])}
    run_parts(load_plan(plan), step, Pass(**options), parts, report, control)


async def _run_parts(
    plan: Plan, step: str, go: Pass, parts: Iterable[str], report: Callable[[Report], None], control: Control
) -> None:
    settings = plan.generation(step)
    stage = load_stage(plan, step)
    folder = plan.folder(step)
    log = EventLog(plan.run_dir / "log.jsonl")
    spec = settings.model
    if go.max_in_flight is not None:
        spec = spec.model_copy(update={"max_in_flight": go.max_in_flight})
    price = plan.price(step)
    pool = open_pool(spec, plan.recipe.seed, log) if go.calls else None
    durable = plan.recipe.execution.journal
    journal = Journal(folder / "journal", go.session) if go.calls and durable else None
    spend = Spend(price=price, budget=go.budget, before=go.before, gpus=spec.gpus * max(len(spec.urls), 1))
    job = Job(
        folder=folder,
        source=plan.folder(plan.step(step).source or ""),
        text_column=settings.source_column,
        stage=stage,
        fingerprints=part_fingerprints(plan, step, stage.identity),
        salt=model_salt(stage.identity),
        pool=pool,
        journal=journal,
        spend=spend,
        window=max(ROWS_PER_SLOT * spec.max_in_flight * max(len(spec.urls), 1), 16),
        keep=go.keep,
        only=frozenset(go.only) if go.only is not None else None,
        on_outcome=go.on_outcome,
        log=log,
    )
    worker = Worker(job, lambda marker: report(Report(marker=marker)))
    loop = asyncio.get_running_loop()

    def drain() -> None:
        loop.call_soon_threadsafe(worker.stop, _interrupted())

    control.on_stop(drain)

    def counts() -> dict[str, Any]:
        told = worker_counts(worker, spend, stage, pool)
        # rules run in this very process, so there is never anything else to wait for
        return {**told, "limiting": "this machine's CPU"} if spec.engine in _IN_PROCESS else told

    ticker = asyncio.create_task(_tick(lambda: report(Report(counts=counts()))))
    try:
        async with closing(journal):
            if pool is not None:
                await pool.start()
            try:
                await worker.run(parts)
            finally:
                if pool is not None:
                    await pool.close()
    finally:
        ticker.cancel()
        report(Report(counts=counts()))


def worker_counts(worker: Worker, spend: Spend, stage: GenerationStage, pool: Any) -> dict[str, Any]:
    """What a worker tells of itself."""
    tally = worker.tally
    stats = pool.stats() if pool is not None else None
    return {
        "documents": tally.documents,
        "units": tally.units,
        "done": tally.done,
        "kept": tally.kept,
        "answered": tally.answered,
        "reused": tally.reused,
        "reasons": dict(tally.reasons),
        "usage": asdict(spend.session()),
        "alarms": stage.alarms(),
        "in_flight": stats.in_flight if stats else 0,
        "limit": stats.limit if stats else 0,
        "limiting": stats.limiting if stats else "",
    }


async def _tick(report: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_REPORT_SECONDS)
        report()


def _interrupted() -> Interrupted:
    return Interrupted(
        "stopped as you asked; what was in flight was awaited and journalled. The same command goes on from here."
    )


def part_fingerprints(plan: Plan, step: str, identity: Identity) -> dict[str, Fingerprints]:
    """Under what each part of the step's source is to be made."""
    manifest = read_manifest(plan.folder(plan.step(step).source or ""))
    assert manifest is not None, "the source of a generation step is complete before the step starts"
    generation, reading = generation_fingerprint(identity), reading_fingerprint(identity)
    return {
        shard.name: Fingerprints(documents=shard.digest, generation=generation, reading=reading)
        for shard in manifest.shards
    }


def model_salt(identity: Identity) -> str:
    """What stands for the model in each request's hash; sampling and text are in the request itself."""
    return fingerprint({name: value for name, value in identity.shared.items() if name.startswith("model.")})


class GenerationRun:
    """A generation step of one session, over one or several workers."""

    def __init__(
        self,
        plan: Plan,
        step: str,
        go: Pass,
        on_snapshot: Callable[[Snapshot], None],
        on_usage: Callable[[Totals], None],
    ) -> None:
        self._plan = plan
        self._step = step
        self._go = go
        self._folder = plan.folder(step)
        self._on_snapshot = on_snapshot
        self._on_usage = on_usage
        self._started = time.monotonic()
        self._documents = 0  # in the parts of this pass
        price = plan.price(step)
        self._currency = price.currency if price else "USD"
        self._round = 0
        self._rate: tuple[float, int, int] = (self._started, 0, 0)
        self._speeds = (0.0, 0.0)
        self.totals = Totals()

    def run(self, plan_path: Path) -> None:
        """Work until every shard is done; raises what stopped it."""
        stage = load_stage(self._plan, self._step)
        marks = part_fingerprints(self._plan, self._step, stage.identity)
        rounds = self._plan.recipe.execution.salvage_rounds if self._go.calls and self._journalled() else 0
        for number in range(rounds + 1):
            todo = [
                part
                for part, mark in marks.items()
                if not is_done(self._folder, part, mark, retry_passing=self._go.calls and self._journalled())
            ]
            if not todo:
                break
            if number == 0:
                (self._folder / MANIFEST).unlink(missing_ok=True)
            else:
                time.sleep(min(2**number, 10))  # passing faults need time to pass
            self._round = number
            self._pass(plan_path, todo)
        if self._go.only is not None:
            return  # a pilot writes no shard, and so no manifest
        self._write_manifest(stage.identity, marks)

    def _journalled(self) -> bool:
        return self._plan.recipe.execution.journal

    def _pass(self, plan_path: Path, todo: list[str]) -> None:
        workers = min(worker_count(self._plan, self._step), len(todo))
        source = read_manifest(self._plan.folder(self._plan.step(self._step).source or ""))
        self._documents = sum(shard.rows for shard in source.shards if shard.name in set(todo)) if source else 0
        try:
            if workers == 1:
                self._inline(todo)
            else:
                self._spread(plan_path, todo, workers)
        finally:
            self.totals.fold()
            self._on_usage(self.totals)

    def _inline(self, todo: list[str]) -> None:
        control = Control()
        with interrupts(control.stop):
            run_parts(self._plan, self._step, self._now(), todo, self._hear, control)

    def _spread(self, plan_path: Path, todo: list[str], workers: int) -> None:
        executor = LocalExecutor(workers)
        share = _share(self._now(), self._plan, self._step, workers)
        with interrupts(executor.stop):
            for report in executor.map(worker_main, plan_path, self._step, [share], todo):
                self._hear(report)
        if executor.stopping:
            raise _interrupted()

    def _now(self) -> Pass:
        """The pass with what earlier rounds of this session spent, so that caps hold over all rounds."""
        spent = self.totals.usage() + Usage(seconds=time.monotonic() - self._started)
        return replace(self._go, before=self._go.before + spent)

    def _hear(self, report: Report) -> None:
        if report.counts is not None:
            self.totals.by_worker[report.worker] = report.counts
            self._on_usage(self.totals)
            self._on_snapshot(self._snapshot())

    def _snapshot(self) -> Snapshot:
        counts = list(self.totals.by_worker.values())
        reasons: dict[str, int] = {}
        for item in counts:
            for reason, number in item["reasons"].items():
                reasons[reason] = reasons.get(reason, 0) + number
        done = sum(item["done"] for item in counts)
        usage = self.totals.usage()
        self._measure(done, usage.completion_tokens)
        spent = self._go.before + usage
        return Snapshot(
            step=self._step,
            phase=f"salvage round {self._round}" if self._round else "generating",
            done=done,
            total=self._expected(counts),
            kept=sum(item["kept"] for item in counts),
            reasons=reasons,
            requests_per_second=self._speeds[0],
            tokens_per_second=self._speeds[1],
            in_flight=sum(item["in_flight"] for item in counts),
            limit=sum(item["limit"] for item in counts),
            spent=spent.money,
            cap=self._go.budget.money,
            currency=self._currency,
            tokens=spent.tokens,
            tokens_cap=self._go.budget.tokens,
            limiting=counts[0]["limiting"] if counts else "",
            alarms=sum(len(item["alarms"]) for item in counts),
            started=self._started,
        )

    def _expected(self, counts: list[dict[str, Any]]) -> int | None:
        """Units to do: as many a document as so far, and exact once every document was looked at."""
        documents = sum(item["documents"] for item in counts)
        units = sum(item["units"] for item in counts)
        return round(units * self._documents / documents) if documents else None

    def _measure(self, done: int, tokens: int) -> None:
        now = time.monotonic()
        then, done_then, tokens_then = self._rate
        if now - then >= 1.0:
            self._speeds = ((done - done_then) / (now - then), (tokens - tokens_then) / (now - then))
            self._rate = (now, done, tokens)

    def _write_manifest(self, identity: Identity, marks: dict[str, Fingerprints]) -> None:
        remove_strays(self._folder, set(marks))
        markers = [read_marker(self._folder, part) for part in marks]
        ledger = add_ledgers([marker["ledger"] for marker in markers if marker])
        check_ledger(self._step, ledger)
        write_manifest(
            self._folder,
            Manifest(
                name=self._step,
                shards=tuple(describe_shard(self._folder, part) for part in marks),
                ledger=ledger,
                fingerprint=fingerprint([identity.shared, identity.by_prompt, identity.reading]),
                inputs={
                    self._plan.step(self._step).source or "": fingerprint([mark.documents for mark in marks.values()])
                },
                details={
                    "identity": {"shared": dict(identity.shared), "reading": dict(identity.reading)},
                    "prompts": {name: dict(fields) for name, fields in identity.by_prompt.items()},
                },
            ),
        )


def worker_count(plan: Plan, step: str) -> int:
    """How many processes: as asked, or one a core for engines that fill a core, or one."""
    asked = plan.recipe.execution.workers
    if asked:
        return asked
    return (os.cpu_count() or 1) if plan.generation(step).model.engine in _IN_PROCESS else 1


def _share(go: Pass, plan: Plan, step: str, workers: int) -> dict[str, Any]:
    """A worker's part of the slots and of what is left of the budget: caps hold for the sum of the workers."""
    budget, before = go.budget, go.before
    share = Budget(
        money=None if budget.money is None else max((budget.money - before.money) / workers, 1e-12),
        tokens=None if budget.tokens is None else max((budget.tokens - before.tokens) // workers, 1),
        hours=None if budget.hours is None else max(budget.hours - before.seconds / 3600, 1e-12),
    )
    return {
        "session": go.session,
        "keep": go.keep,
        "calls": go.calls,
        "only": go.only,
        "budget": share.model_dump(),
        "before": asdict(Usage()),
        "max_in_flight": max(plan.generation(step).model.max_in_flight // workers, 1),
    }
