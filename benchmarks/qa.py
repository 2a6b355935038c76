"""Benchmarks of question synthesis. `python benchmarks/qa.py COMMAND --help` says what each measures.

Every figure is of whole processes on real seed questions, with the scripted engine in place of a model: what is
measured is everything but the model. Run it with the Python that tilth is installed in, on a quiet machine; Linux only.
A command ends with 0 when what the project asks of itself is met, and with 1 when not.
"""

import argparse
import sys
from pathlib import Path

from harness.commands import Commands, command_parser, run_command
from synthesis import run

_SEEDS = Path(__file__).resolve().parents[2] / "shared" / "data" / "seeds"

#: Command -> what it runs, in words, and its own options with their defaults.
COMMANDS: Commands = {
    "recipe": (run.run_whole, "the whole recipe boostqa", {"rows": 5000, "workers": 2}),
    "calls": (run.run_calls, "client CPU a call in rows of several calls", {"rows": 2000, "few": 300}),
}


def _shared(one: argparse.ArgumentParser) -> None:
    one.add_argument("--seeds", type=Path, default=_SEEDS, help="folder of Parquet seed files")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    return run_command("qa", COMMANDS, command_parser(__doc__, COMMANDS, _shared).parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
