"""`python -m tilth.generate.fakeserver`: prints `listening URL`, then serves until told to end or its parent dies."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from typing import Any

import orjson
from pydantic import ValidationError

from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.server import FakeServer
from tilth.generate.loop import run

_PARENT_CHECK = 0.5  # seconds between looks at the parent


def parse(arguments: list[str]) -> tuple[argparse.Namespace, FakeConfig]:
    """The options; every field of `FakeConfig` is one, and `--config` takes them all as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tilth.generate.fakeserver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--parent", type=int, default=0, help="end when this process is gone")
    parser.add_argument("--config", default="{}", help="fields of FakeConfig as a JSON object")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME=P", help="such as 500=0.05, again for more"
    )
    simple = [name for name in FakeConfig.model_fields if name not in ("faults", "script", "scripted")]
    for name in simple:
        parser.add_argument("--" + name.replace("_", "-"), dest="field_" + name, default=None)
    parser.add_argument("--script", default=None, help="outcomes of the first requests: 500,ok,hang")
    parser.add_argument("--scripted", default=None, help="options of the scripted engine as a JSON object")
    options = parser.parse_args(arguments)
    given: dict[str, Any] = orjson.loads(options.config)
    given |= {name: value for name in simple if (value := getattr(options, "field_" + name)) is not None}
    if options.fault:
        given["faults"] = dict(fault.split("=", 1) for fault in options.fault)
    if options.scripted:
        given["scripted"] = orjson.loads(options.scripted)
    if options.script:
        given["script"] = tuple(options.script.split(","))
    return options, FakeConfig.model_validate(given)


def _gone(parent: int, was_child: bool) -> bool:
    if was_child:
        return os.getppid() != parent
    if os.name == "nt":  # a signal 0 would end the process there
        return False
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


async def _live(options: argparse.Namespace, config: FakeConfig) -> None:
    server = FakeServer(config)
    was_child = os.getppid() == options.parent
    await server.start(options.host, options.port)
    print(f"listening {server.url}", flush=True)
    ended = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # Windows: the process is ended from outside
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, ended.set)
    while not ended.is_set() and not (options.parent and _gone(options.parent, was_child)):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _PARENT_CHECK)
    await server.close()


def main() -> None:
    """Serve until ended."""
    try:
        options, config = parse(sys.argv[1:])
    except (ValidationError, ValueError) as error:
        raise SystemExit(f"expected options of the fake server; saw: {error}") from None
    run(_live(options, config))


if __name__ == "__main__":
    main()
