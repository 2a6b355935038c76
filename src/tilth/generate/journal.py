"""The request journal: every completion is here before it counts.

A journal is a folder `journal/<part>/` with append-only segments, one writer each: `<session>.<n>.seg`. A session of a
run never writes to a segment of another, so no lock is needed and a network file system serves. A segment is text: one
record a line, `crc32 json`; a line that is torn or does not match its checksum ends the segment there, and the bytes
cut are reported. Records are group-committed: one write and one fsync for all that arrived within `COMMIT_SECONDS`.

What it costs: about 15 microseconds and the size of the answer a record, and one fsync a group. What it does not
do: it cannot know of an answer that was on the wire when the process was killed; that request is sent again.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any, BinaryIO
from zlib import crc32

import orjson

from tilth.base.errors import EngineError, EngineErrorKind, StorageError
from tilth.base.files import storage_error, sync_folder
from tilth.generate.request import Completion, Request

#: Answers wait at most this long for their group: short against any model call, long enough that a group at 1,000
#: requests a second holds 20 records and the fsyncs cost little.
COMMIT_SECONDS = 0.02
#: Where answers come slowly the wait is shorter: few are then at risk at a kill, and fsyncs are few anyway.
_SLOW_COMMIT_SECONDS = 0.001
#: Records in the last group below which answers count as slow: 400 a second.
_SLOW_GROUP = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One journalled call: who asked (`row`, `call`), what was asked (`request_hash`), and the answer or the error."""

    row: str
    call: int
    document: str
    task: str
    request_hash: str
    seed: int | None
    time: float
    completion: Completion | None = None
    error: tuple[EngineErrorKind, str] | None = None

    def result(self) -> Completion:
        """The completion; raises the journalled error."""
        if self.completion is None:
            assert self.error is not None
            raise EngineError(self.error[0], self.error[1])
        return self.completion


_FIELDS = (
    "text",
    "finish_reason",
    "reasoning",
    "refusal",
    "prompt_tokens",
    "completion_tokens",
    "model",
    "engine",
    "seconds",
    "attempt",
    "logprobs",
)


def request_id(row: str, call: int) -> str:
    """What a sample names as the source of its text: the journal's key in one word."""
    return f"{row}.{call}"


def make_record(
    request: Request, call: int, document: str, request_hash: str, answer: Completion | EngineError
) -> Record:
    """The record of one call that ended now."""
    completion = answer if isinstance(answer, Completion) else None
    return Record(
        row=request.row,
        call=call,
        document=document,
        task=request.task,
        request_hash=request_hash,
        seed=request.seed,
        time=round(time(), 3),
        completion=completion,
        error=(answer.kind, str(answer)) if isinstance(answer, EngineError) else None,
    )


def encode(record: Record) -> bytes:
    """The record's line."""
    value: dict[str, Any] = {
        "row": record.row,
        "call": record.call,
        "doc": record.document,
        "task": record.task,
        "hash": record.request_hash,
        "seed": record.seed,
        "time": record.time,
    }
    if record.error is not None:
        value["error"] = record.error
    completion = record.completion
    if completion is not None:
        for name in _FIELDS:
            item = getattr(completion, name)
            if item is not None:
                value[name] = item
    data = orjson.dumps(value)
    return b"%08x %b\n" % (crc32(data), data)


def decode(line: bytes) -> Record | None:
    """The record of one line, its newline included; None where the line is torn or its checksum does not match."""
    if len(line) < 12 or line[-1:] != b"\n" or line[8:9] != b" ":
        return None
    data = line[9:-1]
    if b"%08x" % crc32(data) != line[:8]:
        return None
    value = orjson.loads(data)
    error = value.get("error")
    completion = None
    if error is None:
        completion = Completion(**{name: value[name] for name in _FIELDS if name in value})
    return Record(
        row=value["row"],
        call=value["call"],
        document=value["doc"],
        task=value["task"],
        request_hash=value["hash"],
        seed=value["seed"],
        time=value["time"],
        completion=completion,
        error=None if error is None else (error[0], error[1]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """The end of a segment that could not be read: where, and how many bytes were cut."""

    path: str
    offset: int
    bytes: int


def read_segment(path: Path) -> Iterator[Record | Torn]:
    """The records of one segment, in order; a torn tail comes last, as `Torn`."""
    offset = 0
    with path.open("rb") as file:
        for line in file:
            record = decode(line)
            if record is None:
                yield Torn(path=str(path), offset=offset, bytes=path.stat().st_size - offset)
                return
            offset += len(line)
            yield record


def segments(folder: Path) -> list[Path]:
    """The segments of one part, in the order of their sessions."""
    return sorted(folder.glob("*.seg")) if folder.is_dir() else []


def load_part(folder: Path) -> tuple[dict[tuple[str, int], list[Record]], list[Torn]]:
    """The records of one part by (row, call), oldest first, and the torn tails met. Memory: that part's answers."""
    index: dict[tuple[str, int], list[Record]] = {}
    torn: list[Torn] = []
    for path in segments(folder):
        for item in read_segment(path):
            if isinstance(item, Torn):
                torn.append(item)
            else:
                index.setdefault((item.row, item.call), []).append(item)
    return index, torn


class Journal:
    """The writer of one session: appends to one segment a part, commits in groups.

    `append` returns once the record is on the disk. The first failure to write ends every later append with the same
    `StorageError`, since a journal that cannot be trusted must stop the run.
    """

    def __init__(self, folder: Path, session: int, *, durable: bool = True) -> None:
        self._folder = folder
        self._session = session
        self._durable = durable
        self._files: dict[str, BinaryIO] = {}
        self._pending: dict[str, list[bytes]] = {}
        self._waiting: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: StorageError | None = None
        self._wait = _SLOW_COMMIT_SECONDS

    async def append(self, part: str, record: Record) -> None:
        """Add a record to the part's segment and wait until its group is on the disk."""
        if self._error is not None:
            raise self._error
        self._pending.setdefault(part, []).append(encode(record))
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._commit_loop())
        # shielded: one cancelled row must not cancel the future its whole group waits for
        await asyncio.shield(self._waiting)

    async def flush(self) -> None:
        """Wait until everything appended so far is on the disk."""
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)
        if self._error is not None:
            raise self._error

    def close_part(self, part: str) -> None:
        """Close the part's segment; call it after the part's last append returned."""
        file = self._files.pop(part, None)
        if file is not None:
            file.close()

    async def close(self) -> None:
        """Commit what is pending and close every segment."""
        try:
            await self.flush()
        finally:
            for part in list(self._files):
                self.close_part(part)

    async def _commit_loop(self) -> None:
        while self._pending:
            await asyncio.sleep(self._wait)
            group, self._pending = self._pending, {}
            size = sum(map(len, group.values()))
            # a group that filled up within the long wait keeps it; one that grew in the short wait earns it
            full = _SLOW_GROUP if self._wait == COMMIT_SECONDS else 2
            self._wait = COMMIT_SECONDS if size >= full else _SLOW_COMMIT_SECONDS
            waiting, self._waiting = self._waiting, None
            try:
                await asyncio.to_thread(self._write, group)
            except OSError as error:
                self._error = storage_error(error, self._folder)
                for future in (waiting, self._waiting):
                    if future is not None and not future.done():
                        future.set_exception(self._error)
                        future.exception()  # marks it as seen: rows that were cancelled no longer wait for it
                return
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def _write(self, group: dict[str, list[bytes]]) -> None:
        for part, lines in group.items():
            file = self._files.get(part)
            if file is None:
                file = self._files[part] = self._open(part)
            _write_all(file, b"".join(lines))
            if self._durable:
                os.fsync(file.fileno())

    def _open(self, part: str) -> BinaryIO:
        folder = self._folder / part
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob(f"{self._session:06d}.*.seg")))
        while True:
            try:
                # "x": a segment has one writer for ever; a later round of the session starts another
                file = (folder / f"{self._session:06d}.{number}.seg").open("xb", buffering=0)
            except FileExistsError:
                number += 1
                continue
            sync_folder(folder)
            return file


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Write every byte: an unbuffered write to a disk that is nearly full may take only a part."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
