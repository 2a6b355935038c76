"""What every peer's driver shares: its arguments, and the one JSON line it prints at its end.

Standard library only, because it runs inside each peer's own environment. CPU time is user + system of the process
and of the children it has waited for; the harness measures the same from outside, and that figure is the one that
counts.
"""

import argparse
import json
import resource
import time
from importlib import metadata
from pathlib import Path

STARTED = time.monotonic()


def arguments(description: str) -> argparse.Namespace:
    """The command line of a driver."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--documents", type=Path, required=True, help="JSONL with the columns id and text")
    parser.add_argument("--base-url", required=True, help="OpenAI-compatible server, ending in /v1")
    parser.add_argument("--instruction", required=True, help="text that stands before each document")
    parser.add_argument("--work", type=Path, required=True, help="empty folder for checkpoints, caches and output")
    parser.add_argument("--model", default="fake")
    parser.add_argument("--concurrency", type=int, default=256, help="requests in flight")
    parser.add_argument("--max-tokens", type=int, default=1024)
    return parser.parse_args()


def report(peer: str, package: str, rows: int) -> None:
    """Print the line that the harness reads: `rows` are the rows found in the peer's own output."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    line = {
        "peer": peer,
        "version": metadata.version(package),
        "rows": rows,
        "wall_s": round(time.monotonic() - STARTED, 3),
        "cpu_s": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 3),
        "peak_rss_mb": round(max(own.ru_maxrss, children.ru_maxrss) / 1024, 1),  # Linux gives KiB
    }
    print(json.dumps(line), flush=True)
