"""Three ways to have a fake server: on this loop (`FakeServer`), in a thread (`serve`), as a process (`spawn`)."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from typing import IO, Any, cast

import orjson

from tilth.base.errors import UserError
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.server import FakeServer

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a proxy
_START_SECONDS = 60.0  # a loaded machine imports slowly


class Handle:
    """A running fake server: `url` with the prefix, `root` without it."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self.root = url.removesuffix(prefix.rstrip("/"))

    def stats(self) -> dict[str, Any]:
        """The server's counters, read over HTTP; `FakeServer.stats` says what they mean."""
        with _OPENER.open(self.root + "/stats", timeout=30) as answer:
            return cast(dict[str, Any], orjson.loads(answer.read()))

    def reset(self) -> None:
        """Set the counters to zero."""
        _OPENER.open(self.root + "/reset", data=b"", timeout=30).close()


@contextlib.contextmanager
def serve(config: FakeConfig | None = None) -> Iterator[Handle]:
    """A fake server in a thread of this process, for tests."""
    server = FakeServer(config)
    ready = threading.Event()
    ended: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        await server.start()
        ended.append(asyncio.Event())
        loops.append(asyncio.get_running_loop())
        ready.set()
        await ended[0].wait()
        await server.close()

    thread = threading.Thread(target=asyncio.run, args=(live(),), name="tilth-fakeserver", daemon=True)
    thread.start()
    if not ready.wait(_START_SECONDS):
        raise UserError("expected the fake server to listen on 127.0.0.1; it did not start. Run the command again.")
    try:
        yield Handle(server.url, server.config.prefix)
    finally:
        loops[0].call_soon_threadsafe(ended[0].set)
        thread.join()


def start_process(config: FakeConfig) -> tuple["subprocess.Popen[bytes]", Handle]:
    """Start the server as a child process; it ends when this process does. Raises `UserError` if it does not start."""
    command = [sys.executable, "-m", "tilth.generate.fakeserver", "--parent", str(os.getpid())]
    command += ["--config", config.model_dump_json()]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - our own module, arguments as a list
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            start_new_session=True,  # a Ctrl-C in the terminal is for us: what is in flight must still be answered
        )
        line = cast(IO[bytes], process.stdout).readline().decode()
        if not line.startswith("listening "):
            stop_process(process)
            complaints.seek(0)
            said = complaints.read().decode(errors="replace")[-400:]
            raise UserError(f"expected the fake server to start; it said: {said}")
    return process, Handle(line.split()[1], config.prefix)


def stop_process(process: "subprocess.Popen[bytes]") -> None:
    """End a child of `start_process` and wait for it."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    cast(IO[bytes], process.stdout).close()


@contextlib.contextmanager
def spawn(config: FakeConfig | None = None) -> Iterator[Handle]:
    """A fake server in a process of its own, for benchmarks and crash tests."""
    process, handle = start_process(config or FakeConfig())
    try:
        yield handle
    finally:
        stop_process(process)
