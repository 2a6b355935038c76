"""Benchmarks of curation. `python benchmarks/curate.py COMMAND --help` says what each measures.

Every figure is of whole processes, Parquet in and Parquet out; peers run from their published packages in environments
of their own, interleaved, on the same input. Run it with the Python that tilth is installed in, on a quiet machine;
Linux only. A command ends with 0 when what the project asks of itself is met, and with 1 when not.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from curation import decontaminate, near, rules, whole
from harness.results import RESULTS, save, say

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

#: Command -> what it runs, in words, and its own options with their defaults.
COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], dict[str, Any]], str, dict[str, Any]]] = {
    "rules": (rules.run, "quality rules beside datatrove's filters", {"megabytes": 100.0}),
    "near": (near.run, "near duplicates beside datatrove's MinHash", {"megabytes": 8.0, "scale": 8}),
    "decontaminate": (decontaminate.run, "speed, recall by injection, false alarms", {"items": 1000}),
    "whole": (whole.run, "every stage on all documents", {}),
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    for name, (_, words, options) in COMMANDS.items():
        one = commands.add_parser(name, help=words, description=words)
        one.add_argument("--documents", type=Path, default=_DATA / "documents", help="folder of Parquet documents")
        one.add_argument("--benchmarks", type=Path, default=_DATA / "benchmarks", help="folder of benchmark files")
        one.add_argument("--rounds", type=int, default=3, help="times that each is run (default %(default)s)")
        one.add_argument("--no-peer", dest="peer", action="store_false", help="tilth alone")
        one.add_argument("--work", type=Path, help="folder for what the runs write (default: a temporary one)")
        one.add_argument("--results", type=Path, default=RESULTS, help="folder of the result files")
        for option, default in options.items():
            one.add_argument(f"--{option}", type=type(default), default=default, help="default %(default)s")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    args = parser().parse_args(arguments)
    if args.work is not None:
        return _run(args)
    with tempfile.TemporaryDirectory(prefix="tilth-benchmark-", ignore_cleanup_errors=True) as folder:
        args.work = Path(folder) / "work"
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    found = COMMANDS[args.command][0](args)
    save(f"curate-{args.command}", args, found)
    for name, value in found.items():
        if isinstance(value, int | float | str | bool) or name in ("asked", "summary"):
            say(f"{name}: {value}")
    return 0 if found.get("met") else 1


if __name__ == "__main__":
    sys.exit(main())
