"""Runs a coroutine on the fastest event loop that is installed: uvloop where there is one (not on Windows)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Makes uvloop's event loops, or None where uvloop is not installed."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run` on uvloop where it is installed; the result and the errors are those of `main`."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)
