"""The worker: takes shards of one generation step through expand, generate and write, in one event loop.

Rows of several shards are in work at once, so that the slots of a server stay busy over the end of a shard. At most
`window` rows and `OPEN_SHARDS` shards are in memory, whatever the size of the input.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tilth.base.errors import FATAL, EngineError, StopRun, TilthError, UserError
from tilth.base.log import EventLog
from tilth.generate.journal import Journal, Record, load_part, make_record
from tilth.generate.request import Completion, Request
from tilth.runner.shard import (
    Fingerprints,
    Shard,
    make_marker,
    read_documents,
    write_marker,
    write_parts,
)
from tilth.runner.spend import Spend
from tilth.stage import Document, GenerationStage, NotAnsweredError, Outcome, Unit

#: Shards with unfinished rows at a time. One slow row (a hung server, 600 s) then holds up seven others' worth of
#: memory at most, before the feed waits.
OPEN_SHARDS = 8
#: Rows handed out between two turns of the event loop while the window has room: expanding costs about 0.1 ms a row.
_TURN = 8


class Client(Protocol):
    """What the worker asks of a pool of engines."""

    async def complete(self, request: Request) -> Completion: ...

    def drain(self) -> None: ...


@dataclass(slots=True)
class Tally:
    """Counts of one worker, for the display and the ledger."""

    documents: int = 0
    units: int = 0
    done: int = 0
    kept: int = 0
    answered: int = 0
    reused: int = 0
    tokens: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def end(self, outcome: Outcome) -> None:
        """Count how a unit ended."""
        self.done += 1
        if outcome.reason is None:
            self.kept += 1
        else:
            self.reasons[outcome.reason] = self.reasons.get(outcome.reason, 0) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker works on. `pool` None: answers come from the journal alone."""

    folder: Path  # of the step
    source: Path  # folder of the documents
    text_column: str
    stage: GenerationStage
    fingerprints: Mapping[str, Fingerprints]  # by part
    salt: str  # stands for the model in each request's hash
    pool: Client | None
    journal: Journal | None
    spend: Spend
    window: int
    keep: bool = False  # answers made under another identity stay
    only: frozenset[str] | None = None  # documents; a pilot looks at some and writes no shard
    on_outcome: Callable[[Unit, Outcome], None] | None = None
    log: EventLog = field(default_factory=lambda: EventLog(None))


class Worker:
    """Runs shards of a job. One instance serves one pass."""

    def __init__(self, job: Job, on_shard: Callable[[dict[str, Any]], None]) -> None:
        self._job = job
        self._on_shard = on_shard
        self._window = asyncio.Semaphore(job.window)
        self._open = asyncio.Semaphore(OPEN_SHARDS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped: BaseException | None = None
        self.tally = Tally()

    def stop(self, reason: BaseException) -> None:
        """Stop cleanly: nothing new is sent, what is in flight is awaited and journalled."""
        if self._stopped is None:
            self._stopped = reason
            self._job.spend.wake()
            self._open.release()  # the feed may wait for either; it looks at the stop and returns
            self._window.release()
            if self._job.pool is not None:
                self._job.pool.drain()

    async def run(self, parts: Iterable[str]) -> None:
        """Take every part through; raises what stopped the run, after the drain."""
        try:
            for part in parts:
                if self._stopped is not None:
                    break
                await self._open.acquire()
                if self._stopped is None:
                    await self._feed(part)
            while self._tasks:
                await asyncio.wait(self._tasks)
        except BaseException:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise
        if self._stopped is not None:
            raise self._stopped

    async def _feed(self, part: str) -> None:
        job = self._job
        shard = Shard(part=part, fingerprints=job.fingerprints[part])
        index, torn = await asyncio.to_thread(load_part, job.folder / "journal" / part)
        for cut in torn:
            job.log.event("journal_torn", path=cut.path, offset=cut.offset, bytes=cut.bytes)
        strategies = len(job.stage.prompts)
        turn = 0
        for document in await asyncio.to_thread(read_documents, job.source / f"{part}.parquet", job.text_column):
            if job.only is not None and document.doc_id not in job.only:
                continue
            units, away = job.stage.expand(document)
            self.tally.documents += 1
            self.tally.units += len(units)
            for place, unit in zip(shard.add(document, units, away, strategies), units, strict=True):
                await self._window.acquire()
                if self._stopped is not None:
                    self._window.release()
                    return
                task = asyncio.create_task(self._unit(shard, place, unit, index))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                turn += 1
                if turn % _TURN == 0:
                    await asyncio.sleep(0)
        shard.expanded = True
        if shard.done:
            self._finish_later(shard)

    async def _unit(self, shard: Shard, place: int, unit: Unit, index: dict[tuple[str, int], list[Record]]) -> None:
        try:
            outcome = await self._outcome(shard.part, unit, index)
        except (StopRun, UserError) as error:
            self.stop(error)
            return
        finally:
            self._window.release()
        shard.end(place, outcome)
        self.tally.end(outcome)
        if self._job.on_outcome is not None:
            self._job.on_outcome(unit, outcome)
        if shard.done:
            self._finish_later(shard)

    async def _outcome(self, part: str, unit: Unit, index: dict[tuple[str, int], list[Record]]) -> Outcome:
        stage = self._job.stage

        async def generate(request: Request, call: int) -> Completion:
            return await self._generate(part, unit.document, request, call, index)

        try:
            return await stage(unit, generate)
        except EngineError as error:
            if error.kind in FATAL:
                raise UserError(str(error)) from error
            return stage.failed(unit, f"engine:{error.kind}", str(error), passing=error.passing)
        except NotAnsweredError as error:
            return stage.failed(unit, "not_answered", str(error), passing=True)
        except TilthError:
            raise
        except Exception as error:  # noqa: BLE001 - one row that breaks a parser must not end a run of millions
            self._job.log.event("internal_error", row=unit.sample_id, error=repr(error))
            return stage.failed(unit, f"internal:{type(error).__name__}", str(error)[:500], passing=False)

    async def _generate(
        self, part: str, document: Document, request: Request, call: int, index: dict[tuple[str, int], list[Record]]
    ) -> Completion:
        job = self._job
        request_hash = request.content_hash(job.salt)
        known = _choose(index.get((request.row, call), ()), request_hash, keep=job.keep)
        if known is not None:
            self.tally.reused += 1
            return known.result()
        if job.pool is None:
            raise NotAnsweredError("no answer is journalled, and this pass makes no calls; tilth run asks for it")
        reservation = await job.spend.reserve(request)
        completion = None
        try:
            if self._stopped is not None:
                raise self._stopped
            completion = await job.pool.complete(request)
        except EngineError as error:
            if not error.passing and error.kind not in FATAL and job.journal is not None:
                await job.journal.append(part, make_record(request, call, document.doc_id, request_hash, error))
            raise
        finally:
            job.spend.settle(reservation, completion)
        self.tally.answered += 1
        self.tally.tokens += completion.completion_tokens or 0
        if job.journal is not None:
            await job.journal.append(part, make_record(request, call, document.doc_id, request_hash, completion))
        return completion

    def _finish_later(self, shard: Shard) -> None:
        task = asyncio.create_task(self._finish(shard))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, shard: Shard) -> None:
        job = self._job
        try:
            if job.journal is not None:
                job.journal.close_part(shard.part)
            marker = make_marker(shard)
            if job.only is None:
                await asyncio.to_thread(write_parts, job.folder, shard)
                await asyncio.to_thread(write_marker, job.folder, marker)
            self._on_shard(marker)
        except TilthError as error:
            self.stop(error)
        finally:
            self._open.release()


def _choose(records: Iterable[Record], request_hash: str, *, keep: bool) -> Record | None:
    """The newest record of this very request; with `keep`, the newest of any."""
    chosen = None
    for record in records:
        if record.request_hash == request_hash or (keep and (chosen is None or chosen.request_hash != request_hash)):
            chosen = record
    return chosen


@contextlib.asynccontextmanager
async def closing(journal: Journal | None) -> Any:
    """Close the journal after the block, whatever ended it."""
    try:
        yield journal
    finally:
        if journal is not None:
            await journal.close()
