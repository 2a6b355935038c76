"""The loopback server that every contender talks to: tilth's own fake server, in a process of its own."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import Handle, spawn

SAMPLE_SECONDS = 0.05


@contextlib.contextmanager
def serving(settings: Mapping[str, Any], url: str | None = None) -> Iterator[Handle]:
    """A fake server with `settings` (fields of `FakeConfig`), or the one at `url` as it is."""
    if url is not None:
        yield Handle(url.rstrip("/"), "/v1")
        return
    with spawn(FakeConfig(**settings)) as handle:
        yield handle


@contextlib.contextmanager
def sampled(server: Handle) -> Iterator[list[dict[str, Any]]]:
    """Set the server's counters to zero and read them 20 times a second into the list, until the end of the block."""
    server.reset()
    samples: list[dict[str, Any]] = []
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            samples.append(server.stats())
            time.sleep(SAMPLE_SECONDS)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()
        samples.append(server.stats())
