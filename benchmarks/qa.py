"""Benchmarks of question synthesis. `python benchmarks/qa.py COMMAND --help` says what each measures.

Every figure is of whole processes on real seed questions, with the scripted engine in place of a model: what is
measured is everything but the model. Run it with the Python that tilth is installed in, on a quiet machine; Linux only.
A command ends with 0 when what the project asks of itself is met, and with 1 when not.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.results import RESULTS, save, say
from synthesis import run

_SEEDS = Path(__file__).resolve().parents[2] / "shared" / "data" / "seeds"

#: Command -> what it runs, in words, and its own options with their defaults.
COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], dict[str, Any]], str, dict[str, Any]]] = {
    "recipe": (run.run_whole, "the whole recipe boostqa", {"rows": 5000, "workers": 2}),
    "calls": (run.run_calls, "client CPU a call in rows of several calls", {"rows": 2000, "few": 300}),
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    for name, (_, words, options) in COMMANDS.items():
        one = commands.add_parser(name, help=words, description=words)
        one.add_argument("--seeds", type=Path, default=_SEEDS, help="folder of Parquet seed files")
        one.add_argument("--rounds", type=int, default=3, help="times that each is run (default %(default)s)")
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
    save(f"qa-{args.command}", args, found)
    for name, value in found.items():
        if isinstance(value, int | float | str | bool) or name == "asked":
            say(f"{name}: {value}")
    return 0 if found.get("met") else 1


if __name__ == "__main__":
    sys.exit(main())
