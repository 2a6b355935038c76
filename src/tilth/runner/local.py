"""The local executor: worker processes that take one shard after another.

A worker asks for the next part when it has room, and reports finished shards and its counts. One that dies is replaced
and its parts go back to the queue, a few times. One whose parent died ends itself, so that a killed run leaves nothing
behind that writes.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tilth.base.errors import TilthError

#: Workers may die this many times in a row, no shard finished between, before the run gives up: parts that killed
#: several workers will kill the next one too.
MAX_DEATHS = 3
#: Seconds between two looks at the workers, and so between two refreshes of the display.
_TICK = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says: a finished shard's marker, its counts so far, or what stopped it."""

    worker: int = 0
    marker: dict[str, Any] | None = None
    counts: dict[str, Any] | None = None
    error: BaseException | None = None


class Control:
    """How a worker hears that it should stop: `on_stop` is called once, from a thread."""

    def __init__(self) -> None:
        self._callback: Callable[[], None] | None = None
        self._asked = False

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Set what a stop calls; called at once when the stop came before."""
        self._callback = callback
        if self._asked:
            callback()

    def stop(self) -> None:
        """Ask the worker to drain."""
        self._asked = True
        if self._callback is not None:
            self._callback()


#: What runs in a worker process. Module-level, since it is sent to a fresh process by name.
WorkerMain = Callable[[Path, str, dict[str, Any], Iterator[str], Callable[[Report], None], Control], None]


@dataclass(slots=True)
class _Member:
    number: int
    process: Any
    connection: Connection
    parts: set[str] = field(default_factory=set)


class LocalExecutor:
    """Runs a worker function over parts in several processes."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.stopping = False  # true once the run was asked to stop
        self._members: list[_Member] = []
        self._deaths = 0

    def stop(self) -> None:
        """Hand out no more parts and ask the workers to drain."""
        if not self.stopping:
            self.stopping = True
            for member in self._members:
                _send(member.connection, "stop")

    def map(
        self, main: WorkerMain, plan: Path, step: str, options: Sequence[dict[str, Any]], parts: Sequence[str]
    ) -> Iterator[Report]:
        """Run every part; yields reports as they come, and an empty one at each tick.

        Raises the first error that a worker reports, after the others drained.
        """
        todo = list(reversed(parts))
        error: BaseException | None = None

        def start(number: int) -> None:
            self._members.append(_start(number, main, plan, step, options[number % len(options)]))

        for number in range(min(self._workers, len(parts))):
            start(number)
        try:
            while self._members:
                ready = wait([member.connection for member in self._members], timeout=_TICK)
                for member in [item for item in self._members if item.connection in ready]:
                    report = self._hear(member, todo, start)
                    if report is not None and report.error is not None:
                        error = error or report.error
                        self.stop()
                    if report is not None:
                        yield report
                yield Report()
        finally:
            for member in self._members:
                member.process.kill()
                member.process.join()
        if error is not None:
            raise error
        if todo and not self.stopping:
            raise TilthError(
                f"expected workers to take every part; {len(todo)} are left and no worker is. Each died before it took "
                "one, most often since the program that called tilth starts its work without "
                "`if __name__ == '__main__':`, which processes need. Set execution.workers: 1, or add it."
            )

    def _hear(self, member: _Member, todo: list[str], start: Callable[[int], None]) -> Report | None:
        try:
            message = member.connection.recv()
        except (EOFError, OSError):
            self._bury(member, todo, start)
            return None
        if message == "next":
            part = todo.pop() if todo and not self.stopping else None
            if part is not None:
                member.parts.add(part)
            _send(member.connection, part)
            return None
        assert isinstance(message, Report)
        if message.marker is not None:
            self._deaths = 0
            member.parts.discard(message.marker["part"])
        if message.error is not None:
            member.parts.clear()
        return message

    def _bury(self, member: _Member, todo: list[str], start: Callable[[int], None]) -> None:
        self._members.remove(member)
        member.process.join()
        if self.stopping or not member.parts:
            return
        self._deaths += 1
        if self._deaths > MAX_DEATHS:
            raise TilthError(
                f"expected workers to live; {self._deaths} died in a row (exit code {member.process.exitcode}), the "
                f"last one on {', '.join(sorted(member.parts))}. Memory may be short: set execution.workers: 1."
            )
        todo.extend(sorted(member.parts, reverse=True))
        start(member.number)


def _start(number: int, main: WorkerMain, plan: Path, step: str, options: dict[str, Any]) -> _Member:
    context = multiprocessing.get_context("spawn")
    parent, child = context.Pipe()
    process = context.Process(target=_worker, args=(number, child, main, plan, step, options), daemon=True)
    process.start()
    child.close()
    return _Member(number=number, process=process, connection=parent)


def _worker(
    number: int, connection: Connection, main: WorkerMain, plan: Path, step: str, options: dict[str, Any]
) -> None:
    """The body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides what it means
    inbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    control = Control()
    lock = threading.Lock()

    def send(message: Any) -> None:
        with lock:
            _send(connection, message)

    def listen() -> None:
        while True:
            try:
                message = connection.recv()
            except (EOFError, OSError):
                os._exit(3)  # the parent is gone: end before another run of it starts to write
            if message == "stop":
                control.stop()
                message = None
            inbox.put(message)

    def parts() -> Iterator[str]:
        while True:
            send("next")
            part = inbox.get()
            if part is None:
                return
            yield part

    def report(item: Report) -> None:
        send(Report(worker=number, marker=item.marker, counts=item.counts, error=item.error))

    threading.Thread(target=listen, daemon=True).start()
    try:
        main(plan, step, options, parts(), report, control)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it and decide
        report(Report(error=error))
    connection.close()
    os._exit(0)  # the listening thread would keep the process


def _send(connection: Connection, value: Any) -> None:
    with contextlib.suppress(OSError):  # the other side is gone; its end shows as EOF at the next receive
        connection.send(value)


@contextlib.contextmanager
def interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C drains, the second ends at once. Outside the main thread nothing changes."""

    def first(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    try:
        before = signal.signal(signal.SIGINT, first)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
