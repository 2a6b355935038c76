"""The scripted engine: answers the tasks of question synthesis from files of known questions, in this process.

It is no model and says so in its label. Every draw is from a stream named by the row, the task and the request's seed,
so the same request gives the same bytes in every process and on every run; what is planted stands in the settings
(`extra_body: {scripted: {...}}`). Guarantees: no input raises; a task or a question that it does not know is refused by
name. Costs about 0.15 ms a call, and 20 us a known question to load.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from tilth.base.errors import ConfigError, EngineError
from tilth.base.random import stream
from tilth.generate.engines.scripted.author import extract_logic, order_of, write
from tilth.generate.engines.scripted.known import Shelf, load_shelf
from tilth.generate.engines.scripted.settings import Scripted
from tilth.generate.engines.scripted.solver import annotate, judge, refine, solve
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Request

#: Raise it when the same request would be answered otherwise.
VERSION = "1"

#: Name of the refusal and what it means.
REFUSALS = {
    "unsupported_task": "the script knows the tasks of question synthesis only",
    "unknown_question": "the question is not made of questions in the known files",
    "unknown_seed": "a seed is not made of questions in the known files, or is of another language than asked for",
}
_WRITES = frozenset(("synthesize.grade", "synthesize.harden", "synthesize.linked", "synthesize.logic"))
_SHARE_LEFT = 0.6  # of an answer that breaks off


def open_scripted(spec: ModelSpec) -> tuple["ScriptedEngine", ...]:
    """One member; raises `ConfigError` where the options under extra_body.scripted are wrong."""
    return (ScriptedEngine(spec),)


class ScriptedEngine:
    """Known questions behind the engine interface; files are read by `start`. Token counts stay None."""

    def __init__(self, spec: ModelSpec) -> None:
        try:
            self._settings = Scripted.model_validate(spec.extra_body.get("scripted", {}))
        except ValidationError as error:
            raise ConfigError(
                f"expected options of the scripted engine under extra_body.scripted; saw: {error}"
            ) from None
        self._spec = spec
        self._name = spec.model or "scripted"
        self._shelf: Shelf | None = None

    @property
    def caps(self) -> Caps:
        """What the engine can do, and that it is no model."""
        return Caps(
            name="scripted",
            version=VERSION,
            label="scripted: looks answers up, for tests and dry runs",
            max_in_flight=self._spec.max_in_flight,
            deterministic=True,
            seed=True,
            schema=True,
            cpu_bound=True,
        )

    async def start(self) -> None:
        """Read the known questions; raises `UserError` where they cannot be read or none has an answer."""
        if self._shelf is None:
            self._shelf = await asyncio.to_thread(load_shelf, self._settings)

    async def complete(self, request: Request) -> Completion:
        """Answer from the request's task and structured input."""
        if self._shelf is None:
            raise EngineError("connection", "the scripted engine is not started")
        began = time.perf_counter()
        if self._settings.latency:
            await asyncio.sleep(self._settings.latency)
        # the solver's name is in the stream, so that a panel's members err independently of each other
        draw = stream(request.seed or 0, "scripted", self._name, request.task, request.row)
        text, refusal = self._answer(request, self._shelf, draw)
        broken = refusal is None and self._breaks(request, draw)
        return Completion(
            text=text[: int(len(text) * _SHARE_LEFT)] if broken else text,
            finish_reason="refused" if refusal else "length" if broken else "stop",
            refusal=refusal,
            model=self._name,
            engine=f"scripted {VERSION}",
            seconds=time.perf_counter() - began,
        )

    async def close(self) -> None:
        """Nothing to put away; the questions stay, for a restart."""

    def _breaks(self, request: Request, draw: random.Random) -> bool:
        return request.task in _WRITES and draw.random() < self._settings.author.broken

    def _answer(self, request: Request, shelf: Shelf, draw: random.Random) -> tuple[str, str | None]:
        """The text, or "" and the name of a refusal."""
        task, given, settings = request.task, _given(request.document), self._settings
        if task == "solve":
            text = solve(given, settings, shelf, draw, self._name)
            return (text, None) if text is not None else ("", "unknown_question")
        if task in _WRITES:
            options = "choices" in (request.schema or {}).get("required", ())
            order = order_of(task, given, settings, shelf, options=options)
            return ("", "unknown_seed") if order is None else (_dump(write(order, settings, shelf, draw)), None)
        found: dict[str, Any] | None
        if task == "annotate":
            found = annotate(given, settings, shelf, draw)
        elif task == "refine":
            found = refine(given, settings, shelf, draw)
        elif task == "judge.question":
            found = judge(given, settings, shelf)
        elif task == "synthesize.extract_logic":
            found = extract_logic(given, settings, shelf)
        else:
            return "", "unsupported_task"
        return ("", "unknown_question") if found is None else (_dump(found), None)


def _given(document: str) -> Mapping[str, Any]:
    """The structured input; empty for what is no JSON object."""
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _dump(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
