"""A child process of ours that answers messages, and what happens when it dies.

Guarantees: each question is answered once, or fails once. When the child dies it is started again after a pause that
doubles, and everything unanswered is sent again in order. A question that saw `QUESTION_DEATHS` children die fails
alone, since it may be the cause; after `CHILD_DEATHS` deaths with no answer between them everything waiting fails, and
the next question starts anew. The child ends when this process does, by the end of its stdin.
"""

import asyncio
import contextlib
import itertools
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tilth.base.errors import ConfigError, EngineError
from tilth.generate.engines.openvino.wire import Unpacker, pack

CHILD_DEATHS: Final = 5
QUESTION_DEATHS: Final = 3
_PAUSE: Final = 0.2  # seconds before the first restart
_LONGEST_PAUSE: Final = 10.0
_CLOSING: Final = 5.0  # seconds for the child to end by itself
_TAIL: Final = 2000  # bytes of the child's stderr kept for an error message
_READ: Final = 1 << 18


@dataclass(slots=True)
class _Question:
    message: dict[str, Any]
    answer: asyncio.Future[dict[str, Any]]
    deaths: int = 0


@dataclass(slots=True)
class _Child:
    process: asyncio.subprocess.Process
    ready: asyncio.Future[dict[str, Any]]
    tail: bytearray = field(default_factory=bytearray)
    explained: bool = False  # it said which request ends it; the others are not to blame

    def write(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # a dead child: its questions are sent again
            assert self.process.stdin is not None
            self.process.stdin.write(pack(message))


class Supervisor:
    """Runs `python -m module`, sends `settings` first, and then carries questions and answers."""

    def __init__(self, module: str, settings: dict[str, Any], what: str) -> None:
        self._module = module
        self._settings = settings
        self._what = what  # for error messages: the engine and its model
        self._questions: dict[int, _Question] = {}
        self._numbers = itertools.count()
        self._child: _Child | None = None
        self._life: asyncio.Task[None] | None = None
        self._deaths = 0  # in a row, without an answer
        self._answered = 0.0  # when the last answer came
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The child's process number, None where none runs."""
        return self._child.process.pid if self._child is not None else None

    async def start(self) -> None:
        """Start the child and wait until it has loaded; raises ConfigError with the child's own words."""
        await self._spawn()
        self._life = asyncio.create_task(self._live())

    async def ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """The answer to `message`, and how many children died under it. Raises EngineError(engine_died)."""
        if self._life is None or self._life.done():
            self._deaths = 0
            self._life = asyncio.create_task(self._live())
        number = next(self._numbers)
        question = _Question({**message, "id": number}, asyncio.get_running_loop().create_future())
        self._questions[number] = question
        if self._child is not None and self._child.ready.done():
            self._child.write(question.message)
        try:
            return await question.answer, question.deaths
        finally:
            if self._questions.pop(number, None) is not None and self._child is not None:  # given up by the caller
                self._child.write({"cancel": number})

    def unstick(self, since: float) -> None:
        """Kill a child that has answered nothing since this time.monotonic(): it hangs, and will be replaced."""
        if self._child is not None and self._answered < since:
            with contextlib.suppress(ProcessLookupError):
                self._child.process.kill()

    async def close(self) -> None:
        """End the child; what is unanswered fails."""
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await life
        if self._child is not None:
            await self._end(self._child)
            self._child = None
        self._fail(list(self._questions), f"{self._what} was closed")

    async def _live(self) -> None:
        """Carry answers until the child dies; then start another, and so on."""
        while True:
            child = self._child
            if child is not None:
                await self._carry(child)
                self._bury(child)
            if self._deaths >= CHILD_DEATHS:
                self._fail(list(self._questions), f"{self._what} died {self._deaths} times in a row")
                return
            if self._deaths:
                await asyncio.sleep(min(_PAUSE * 2 ** (self._deaths - 1), _LONGEST_PAUSE))
            try:
                await self._spawn()
            except ConfigError as error:
                self._deaths += 1
                self._count_death(str(error))
                continue
            self.restarts += 1
            for number in sorted(self._questions):
                assert self._child is not None
                self._child.write(self._questions[number].message)

    async def _spawn(self) -> None:
        self._child = None
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # never import from the folder the user happens to stand in
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: what is in flight must still be answered
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        child = _Child(process, asyncio.get_running_loop().create_future())
        try:
            child.write(self._settings)
            await self._until_ready(child)
        except BaseException:
            await self._end(child)
            raise
        self._child = child

    async def _until_ready(self, child: _Child) -> None:
        assert child.process.stdout is not None
        watch = asyncio.create_task(self._watch(child))
        unpacker = Unpacker()
        while data := await child.process.stdout.read(_READ):
            for message in unpacker.feed(data):
                if "ready" in message:
                    child.ready.set_result(message)
                    return
                await watch
                raise ConfigError(f"{self._what} could not be loaded: {message.get('failed')}")
        await watch
        raise ConfigError(f"{self._what} ended while it was loading: {_last_words(child)}")

    async def _watch(self, child: _Child) -> None:
        """Keep the end of the child's stderr; a full pipe would stop it."""
        assert child.process.stderr is not None
        while data := await child.process.stderr.read(_READ):
            child.tail += data
            del child.tail[:-_TAIL]

    async def _carry(self, child: _Child) -> None:
        assert child.process.stdout is not None
        unpacker = Unpacker()
        while data := await child.process.stdout.read(_READ):
            for message in unpacker.feed(data):
                question = self._questions.pop(message["id"], None)
                if question is not None and not question.answer.done():
                    self._deaths = 0
                    self._answered = time.monotonic()
                    child.explained = "fatal" in message
                    question.answer.set_result(message)

    def _bury(self, child: _Child) -> None:
        self._child = None
        if not child.explained:
            self._deaths += 1
            self._count_death(_last_words(child))

    def _count_death(self, words: str) -> None:
        for question in self._questions.values():
            question.deaths += 1
        suspects = [number for number, question in self._questions.items() if question.deaths >= QUESTION_DEATHS]
        self._fail(suspects, f"{self._what} died {QUESTION_DEATHS} times with this request in flight: {words}")

    def _fail(self, numbers: Iterable[int], why: str) -> None:
        for number in numbers:
            question = self._questions.pop(number)
            if not question.answer.done():
                question.answer.set_exception(EngineError("engine_died", why))

    async def _end(self, child: _Child) -> None:
        """Close the child's stdin, which ends it; kill it where that takes too long."""
        assert child.process.stdin is not None
        child.process.stdin.close()
        try:
            await asyncio.wait_for(child.process.wait(), _CLOSING)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()
            await child.process.wait()


def _last_words(child: _Child) -> str:
    text = child.tail.decode("utf-8", "replace").strip()
    status = child.process.returncode
    return f"{text[-500:] or 'it said nothing'}" + (f" (status {status})" if status is not None else "")
