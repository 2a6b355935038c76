"""llama.cpp on this machine through xllamacpp: for ARM Linux, and for GGUF architectures that OpenVINO does not read.

Its own OpenAI-compatible server runs in a child process of ours, on loopback, and is spoken to as any other endpoint,
so this is also the cheapest real server for the HTTP path. A child that dies is started again and what was in flight is
sent again. The same seed gives the same text with max_in_flight: 1; with more slots than one the sums of a batch differ
by their last bits, and now and then a token does. A temperature that is not set is the server's own, 0.8.
"""

import asyncio
import contextlib
import importlib.util
import os
import sys
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final, Literal

import orjson

from tilth.base.errors import ConfigError, EngineError, MissingExtra, UserError
from tilth.generate.engines.endpoint import EndpointEngine
from tilth.generate.engines.local.memory import cache_tokens
from tilth.generate.engines.local.resolve import LocalModel, resolve_model
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Request

_WORKER: Final = "tilth.generate.engines.llamacpp_serve"
#: Requests decoded together. More give no more output a second (measured flat from 8 to 32) and each costs a window.
_SLOTS: Final = 8
_DEATHS: Final = 3  # children that may die under one request before it fails
_PAUSE: Final = 0.2  # seconds before a restart, doubled for each death in a row
_CLOSING: Final = 5.0  # seconds for the child to end by itself
_TAIL: Final = 2000  # bytes of the child's stderr kept for an error message


def open_xllamacpp(spec: ModelSpec) -> tuple["LlamaCppEngine", ...]:
    """The engine for `spec`; raises MissingExtra where the package is not installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtra("engine xllamacpp", "xllamacpp", "llamacpp")
    return (LlamaCppEngine(spec),)


class LlamaCppEngine:
    """One model in one child process."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._version = version("xllamacpp")
        self._slots = min(spec.max_in_flight, _SLOTS)
        self._model: LocalModel | None = None
        self._child: _Child | None = None
        self._endpoint: EndpointEngine | None = None
        self._mending = asyncio.Lock()
        self._deaths = 0  # in a row, without an answer

    @property
    def caps(self) -> Caps:
        """What the engine can do. Schemas need the chat API; patterns are not offered, since a bad one is ignored."""
        return Caps(
            name="xllamacpp",
            version=self._version,
            label=f"{self._spec.model} on this CPU, llama.cpp",
            max_in_flight=self._slots,
            seed=True,
            schema=self._api == "chat",
            logprobs=20,
        )

    @property
    def _api(self) -> Literal["chat", "completions"]:
        """Without a chat template the server would make one up: the messages are then joined and sent as they are."""
        templated = self._model is None or "tokenizer.chat_template" in self._model.gguf.metadata
        return self._spec.api if templated else "completions"

    @property
    def model(self) -> LocalModel:
        """The model as it was resolved; there after `start`."""
        assert self._model is not None
        return self._model

    @property
    def child(self) -> int | None:
        """The process number of the child, None where none runs."""
        return self._child.process.pid if self._child is not None else None

    async def start(self) -> None:
        """Find the model, convert it where needed, and serve it; raises UserError where the user must act."""
        await self.close()
        self._model = await asyncio.to_thread(resolve_model, self._spec, strict=True)
        room = cache_tokens(self._model.gguf, width=2) // self._spec.context
        self._slots = max(1, min(self._slots, room))
        await self._serve(self._model)

    async def complete(self, request: Request) -> Completion:
        """Answer one request; see `Engine.complete`."""
        for attempt in range(1, _DEATHS + 1):
            endpoint, child = self._endpoint, self._child
            if endpoint is None or child is None:
                raise EngineError("connection", "engine xllamacpp is not running: start was not called, or close was")
            try:
                answer = await endpoint.complete(request)
            except EngineError as error:
                if error.kind not in ("connection", "server") or not await child.is_dead():
                    raise
                await self._mend(endpoint)
                continue
            self._deaths = 0
            return replace(answer, engine=f"xllamacpp {self._version}", attempt=answer.attempt + attempt - 1)
        raise EngineError("engine_died", f"xllamacpp died {_DEATHS} times with this request in flight")

    async def close(self) -> None:
        """End the child; calling it again does nothing."""
        endpoint, self._endpoint = self._endpoint, None
        child, self._child = self._child, None
        if endpoint is not None:
            await endpoint.close()
        if child is not None:
            await child.end()

    async def _serve(self, model: LocalModel) -> None:
        settings = {
            "model": str(model.path),
            "name": self._spec.model,
            "context": self._spec.context,
            "slots": self._slots,
            "threads": self._spec.threads,
        }
        child = await _Child.start(settings, f"engine xllamacpp with {self._spec.model}")
        spec = self._spec.model_copy(update={"api": self._api, "key_env": None})
        endpoint = EndpointEngine(spec, child.url, "xllamacpp")
        try:
            await endpoint.start()
        except BaseException:
            await child.end()
            raise
        self._child, self._endpoint = child, endpoint

    async def _mend(self, failed: EndpointEngine) -> None:
        """Start another child; the first request that saw the old one fail does it, the others wait for it."""
        async with self._mending:
            if self._endpoint is not failed:
                return
            self._deaths += 1
            await asyncio.sleep(_PAUSE * 2 ** min(self._deaths - 1, 5))
            with contextlib.suppress(EngineError):
                await failed.close()
            try:
                await self._serve(self.model)
            except UserError as error:
                raise EngineError("engine_died", f"xllamacpp died and did not come up again: {error}") from error


class _Child:
    """The server's process."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, watch: "asyncio.Task[bytes]") -> None:
        self.process = process
        self.url = url
        self._watch = watch  # kept, so that stderr goes on being read

    @classmethod
    async def start(cls, settings: dict[str, Any], what: str) -> "_Child":
        """Start it and wait for its address; raises ConfigError with its own words."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # never import from the folder the user happens to stand in
            "-m",
            _WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: what is in flight must still be answered
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        watch = asyncio.create_task(_tail(process.stderr))
        process.stdin.write(orjson.dumps(settings) + b"\n")
        line = await process.stdout.readline()
        message = orjson.loads(line) if line else {}
        child = cls(process, message.get("url", ""), watch)
        if not child.url:
            words = message.get("failed") or (await watch).decode("utf-8", "replace").strip()[-500:]
            await child.end()
            raise ConfigError(f"{what} could not be loaded: {words or 'it said nothing'}")
        return child

    async def is_dead(self) -> bool:
        """Whether the process has ended; a moment is given to one whose connections have just dropped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.process.wait()), 0.5)
        return self.process.returncode is not None

    async def end(self) -> None:
        """Close its stdin, which ends it; kill it where that takes too long."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _CLOSING)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        await self._watch


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """Read to the end, keeping the last bytes; a full pipe would stop the child."""
    kept = b""
    while data := await stream.read(1 << 16):
        kept = (kept + data)[-_TAIL:]
    return kept
