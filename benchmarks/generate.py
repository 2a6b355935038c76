"""Benchmarks of the generation path. `python benchmarks/generate.py COMMAND --help` says what each measures.

Every figure is of a whole process: `tilth run` on a recipe file, with journal, checks, ledger and Parquet out,
against a loopback server in a process of its own whose CPU time is not counted. Run it with the Python that tilth
is installed in, on a quiet machine; Linux only. A command ends with 0 when what the project asks of itself is met,
and with 1 when not.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from generation.journal import journal
from generation.memory import memory
from generation.slots import slots
from generation.storm import storm
from generation.throughput import throughput
from harness.contenders import CONTENDERS
from harness.environments import PEERS, make
from harness.results import RESULTS, say


def setup(args: argparse.Namespace) -> int:
    """Make the peers' environments under .venvs/."""
    for peer in args.peers:
        make(peer)
        say(f"{peer}: ready")
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)

    made = commands.add_parser("setup", help="make the peers' environments under .venvs/ (needs the network)")
    made.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    made.set_defaults(run=setup)

    timed = _command(commands, "throughput", throughput, "CPU time a request: tilth and its peers, interleaved")
    timed.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    timed.add_argument("--peer-requests", type=int, help="documents for each peer (default: as many as for tilth)")
    timed.set_defaults(requests=10_000)
    timed.add_argument("--max-tokens", type=int, default=1024)

    _command(commands, "journal", journal, "the journal on and off, interleaved")

    slot = _command(commands, "slots", slots, "share of a slow server's slots kept busy", requests=60_000, latency=0.2)
    slot.set_defaults(in_flight=520)
    slot.add_argument("--slots", type=int, default=512)
    slot.add_argument("--workers", type=int, default=0, help="tilth's worker processes; 0: its own choice")

    sizes = _command(commands, "memory", memory, "peak memory on 100,000 and on 1,000,000 documents")
    sizes.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])

    stormy = _command(commands, "storm", storm, "a server that answers 429 above its rate", requests=12_000)
    stormy.add_argument("--rate", type=float, default=200.0, help="requests a second that the server allows")
    stormy.add_argument("--retry-after", default="1", help="its Retry-After header; empty for none")
    return top


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    function: Callable[[argparse.Namespace], int],
    words: str,
    *,
    requests: int = 20_000,
    latency: float = 0.05,
) -> argparse.ArgumentParser:
    """A measuring command with the options that all of them have."""
    one = commands.add_parser(name, help=words, description=words)
    one.add_argument("--rounds", type=int, default=5, help="times that each is run (default %(default)s)")
    one.add_argument("--requests", type=int, default=requests, help="documents for tilth (default %(default)s)")
    one.add_argument("--document-bytes", type=int, default=2000)
    one.add_argument("--answer-bytes", type=int, default=1500)
    one.add_argument("--in-flight", type=int, default=256)
    one.add_argument("--latency", type=float, default=latency, help="seconds the server takes (default %(default)s)")
    one.add_argument("--url", help="measure against this server, ending in /v1, instead of starting one")
    one.add_argument(
        "--work", type=Path, help="folder for what the runs write (default: a temporary one, removed at the end)"
    )
    one.add_argument("--results", type=Path, default=RESULTS, help="folder of the result files")
    one.set_defaults(run=function)
    return one


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    args = parser().parse_args(arguments)
    if args.command == "setup" or args.work is not None:
        return int(args.run(args))
    with tempfile.TemporaryDirectory(prefix="tilth-benchmark-", ignore_cleanup_errors=True) as folder:
        args.work = Path(folder)
        return int(args.run(args))


if __name__ == "__main__":
    sys.exit(main())
