"""Benchmarks of curation. `python benchmarks/curate.py COMMAND --help` says what each measures.

Every figure is of whole processes, Parquet in and Parquet out; peers run from their published packages in environments
of their own, interleaved, on the same input. Run it with the Python that tilth is installed in, on a quiet machine;
Linux only. A command ends with 0 when what the project asks of itself is met, and with 1 when not.
"""

import argparse
import sys
from pathlib import Path

from curation import decontaminate, near, rules, whole
from harness.commands import Commands, command_parser, run_command

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

#: Command -> what it runs, in words, and its own options with their defaults.
COMMANDS: Commands = {
    "rules": (rules.run, "quality rules beside datatrove's filters", {"megabytes": 100.0}),
    "near": (near.run, "near duplicates beside datatrove's MinHash", {"megabytes": 8.0, "scale": 8}),
    "decontaminate": (decontaminate.run, "speed, recall by injection, false alarms", {"items": 1000}),
    "whole": (whole.run, "every stage on all documents", {}),
}


def _shared(one: argparse.ArgumentParser) -> None:
    one.add_argument("--documents", type=Path, default=_DATA / "documents", help="folder of Parquet documents")
    one.add_argument("--benchmarks", type=Path, default=_DATA / "benchmarks", help="folder of benchmark files")
    one.add_argument("--no-peer", dest="peer", action="store_false", help="tilth alone")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    return run_command("curate", COMMANDS, command_parser(__doc__, COMMANDS, _shared).parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
