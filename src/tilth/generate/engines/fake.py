"""The fake engine: starts the shipped fake server as a child process and talks to it through the endpoint engine.

For dry runs and the crash test: the whole path of a real run, HTTP included, with no model behind it. Faults are set
in the recipe under `extra_body: {fake: {...}}` with the fields of `FakeConfig`. A child that dies is started again.
"""

import asyncio
import contextlib
import subprocess
from typing import Any

from pydantic import ValidationError

from tilth.base.errors import ConfigError, EngineError, UserError
from tilth.base.version import VERSION
from tilth.generate.engines.endpoint import EndpointEngine
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import Handle, start_process, stop_process
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Request


def open_fake(spec: ModelSpec) -> tuple["FakeEngine", ...]:
    """One member; raises `ConfigError` where the options under extra_body.fake are wrong."""
    return (FakeEngine(spec),)


class FakeEngine:
    """A child process with the fake server, and an `EndpointEngine` that talks to it."""

    def __init__(self, spec: ModelSpec) -> None:
        options = dict(spec.extra_body)
        given: Any = options.pop("fake", {})
        try:
            self._config = FakeConfig.model_validate({"model": spec.model or "fake", **given})
        except (ValidationError, TypeError) as error:
            raise ConfigError(f"expected options of the fake server under extra_body.fake; saw: {error}") from None
        self._spec = spec.model_copy(update={"model": spec.model or "fake", "extra_body": options, "key_env": None})
        self._process: subprocess.Popen[bytes] | None = None
        self._handle: Handle | None = None
        self._endpoint: EndpointEngine | None = None
        self._mending = asyncio.Lock()

    @property
    def caps(self) -> Caps:
        """A deterministic engine that knows seeds."""
        return Caps(
            name="fake",
            version=VERSION,
            label="fake server, no model: for dry runs and tests",
            max_in_flight=self._spec.max_in_flight,
            deterministic=True,
            seed=True,
            gpus=self._spec.gpus,
        )

    async def start(self) -> None:
        """Start the child and connect; raises `UserError` where it does not come up."""
        await self.close()
        self._process, handle = await asyncio.to_thread(start_process, self._config)
        self._handle = handle
        self._endpoint = EndpointEngine(self._spec, handle.url, name="fake")
        await self._endpoint.start()

    async def complete(self, request: Request) -> Completion:
        """Send one request; see `Engine.complete`."""
        endpoint = self._endpoint
        if endpoint is None:
            raise EngineError("connection", "the fake engine is not started")
        try:
            return await endpoint.complete(request)
        except EngineError as error:
            if error.kind == "connection" and self._process is not None and self._process.poll() is not None:
                await self._mend(endpoint)
                raise EngineError("engine_died", "the fake server's process ended; another was started") from None
            raise

    async def close(self) -> None:
        """End the child; calling it again does nothing."""
        endpoint, self._endpoint = self._endpoint, None
        process, self._process = self._process, None
        if endpoint is not None:
            await endpoint.close()
        if process is not None:
            await asyncio.to_thread(stop_process, process)

    def stats(self) -> dict[str, Any]:
        """The server's counters; raises `UserError` before `start`."""
        if self._handle is None:
            raise UserError("expected a started fake engine; call start first")
        return self._handle.stats()

    async def _mend(self, failed: EndpointEngine) -> None:
        async with self._mending:
            if self._endpoint is failed:  # the first that saw it fail mends it, the others find it mended
                with contextlib.suppress(UserError):
                    await self.start()
