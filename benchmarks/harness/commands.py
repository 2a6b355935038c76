"""The command line of a set of benchmarks: a table of commands, a working folder, a result file, an exit code."""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.results import RESULTS, save, say

#: Command -> what it runs, in words, and its own options with their defaults.
Commands = Mapping[str, tuple[Callable[[argparse.Namespace], dict[str, Any]], str, dict[str, Any]]]


def command_parser(
    words: str | None, commands: Commands, shared: Callable[[argparse.ArgumentParser], None]
) -> argparse.ArgumentParser:
    """The parser; `shared` adds the options that every command of the set has."""
    top = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = top.add_subparsers(dest="command", required=True)
    for name, (_, said, options) in commands.items():
        one = named.add_parser(name, help=said, description=said)
        shared(one)
        one.add_argument("--rounds", type=int, default=3, help="times that each is run (default %(default)s)")
        one.add_argument("--work", type=Path, help="folder for what the runs write (default: a temporary one)")
        one.add_argument("--results", type=Path, default=RESULTS, help="folder of the result files")
        for option, default in options.items():
            one.add_argument(f"--{option}", type=type(default), default=default, help="default %(default)s")
    return top


def run_command(prefix: str, commands: Commands, args: argparse.Namespace) -> int:
    """Run the command that was asked for; its exit code. The result file is `prefix`-command.json."""
    if args.work is not None:
        return _run(prefix, commands, args)
    with tempfile.TemporaryDirectory(prefix="tilth-benchmark-", ignore_cleanup_errors=True) as folder:
        args.work = Path(folder) / "work"
        return _run(prefix, commands, args)


def _run(prefix: str, commands: Commands, args: argparse.Namespace) -> int:
    found = commands[args.command][0](args)
    save(f"{prefix}-{args.command}", args, found)
    for name, value in found.items():
        if isinstance(value, int | float | str | bool) or name in ("asked", "summary"):
            say(f"{name}: {value}")
    return 0 if found.get("met") else 1
