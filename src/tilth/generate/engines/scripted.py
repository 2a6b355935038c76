"""The scripted engine: answers the tasks of question synthesis from files of known questions, in this process.

It is no model and says so in its label. The same request gives the same bytes in every process and on every run; what
is said is in `tilth.generate.scripted`, what is planted in the settings (`extra_body: {scripted: {...}}`). Guarantees:
no input raises; a task or a question that it does not know is refused by name. Costs about 0.15 ms a call, and 20 us a
known question to load.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from tilth.base.errors import ConfigError, EngineError
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Request
from tilth.generate.scripted.script import VERSION, Script, load_script
from tilth.generate.scripted.settings import Scripted


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
        self._script: Script | None = None

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
        if self._script is None:
            self._script = await asyncio.to_thread(load_script, self._settings, self._name)

    async def complete(self, request: Request) -> Completion:
        """Answer from the request's task and structured input."""
        if self._script is None:
            raise EngineError("connection", "the scripted engine is not started")
        began = time.perf_counter()
        if self._settings.latency:
            await asyncio.sleep(self._settings.latency)
        options = "choices" in (request.schema or {}).get("required", ())
        said = self._script.say(request.task, _given(request.document), request.seed, request.row, options=options)
        return Completion(
            text=said.text,
            finish_reason=said.finish,
            refusal=said.refusal,
            model=self._name,
            engine=f"scripted {VERSION}",
            seconds=time.perf_counter() - began,
        )

    async def close(self) -> None:
        """Nothing to put away; the questions stay, for a restart."""


def _given(document: str) -> Mapping[str, Any]:
    """The structured input; empty for what is no JSON object."""
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
