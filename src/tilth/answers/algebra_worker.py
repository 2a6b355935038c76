"""The process that runs computer algebra: imports SymPy once, then compares in a child that it may kill.

Run as `python -m tilth.answers.algebra_worker`. Each line on standard input is a JSON list [gold, answer, seconds,
megabytes]; each line on standard output is one of "equal", "different", "unparsed" (the answer),
"gold" (the gold answer does not parse), "time", "memory", "failed".
The child is forked, so that a new one costs milliseconds, and is bounded by the kernel: CPU time by a profiling timer
whose signal ends it, memory by RLIMIT_AS (Linux only), written files by RLIMIT_FSIZE. It is replaced after 400
comparisons, since SymPy's caches grow.
"""

import json
import logging
import os
import resource
import select
import signal
import sys
from typing import Any

#: Comparisons after which a child is replaced.
_MOST_COMPARISONS = 400
#: Wall seconds a comparison may take beyond its CPU time: a busy machine is no reason to call an answer hard.
_WALL_ROOM = 0.7


def compare(gold: str, answer: str) -> str:
    """What math-verify says of two LaTeX expressions."""
    from math_verify import LatexExtractionConfig, parse, verify

    config = [LatexExtractionConfig()]
    sides: list[Any] = []
    for text, unread in ((gold, "gold"), (answer, "unparsed")):
        parsed = parse(f"${text}$", config, fallback_mode="no_fallback", parsing_timeout=None)
        if not parsed:
            return unread
        sides.append(parsed)
    return "equal" if verify(sides[0], sides[1], timeout_seconds=None) else "different"


def _limited(seconds: float, megabytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, resource.getrlimit(resource.RLIMIT_AS)[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _answer(request: str) -> str:
    gold, answer, seconds, megabytes = json.loads(request)
    _limited(seconds, megabytes)
    try:
        return compare(gold, answer)
    except MemoryError:
        return "memory"
    except RecursionError:
        return "failed"
    except Exception:  # noqa: BLE001 - the parser and SymPy raise whatever a strange text makes them raise
        return "failed"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _child(requests: int, replies: int) -> None:
    """Serve until the supervisor closes the pipe."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(requests, encoding="utf-8") as lines:
        for line in lines:
            os.write(replies, (_answer(line) + "\n").encode())
    os._exit(0)


class _Serving:
    """A forked child and the pipes to it."""

    def __init__(self) -> None:
        ours_in, self.requests = os.pipe()
        self.replies, ours_out = os.pipe()
        self.served = 0
        self.pid = os.fork()
        if not self.pid:
            os.close(self.requests)
            os.close(self.replies)
            os.close(0)
            os.close(1)
            _child(ours_in, ours_out)
        os.close(ours_in)
        os.close(ours_out)

    def ask(self, line: str, wall: float) -> str | None:
        """The child's reply; None where it did not come in `wall` seconds or the child ended."""
        self.served += 1
        try:
            os.write(self.requests, line.encode())
        except BrokenPipeError:
            return None
        ready, _, _ = select.select([self.replies], [], [], wall)
        return os.read(self.replies, 64).decode().strip() or None if ready else None

    def end(self) -> int:
        """Kill the child; the signal that had ended it before, or 0."""
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
        os.close(self.requests)
        os.close(self.replies)
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main() -> None:
    """Serve comparisons until standard input ends."""
    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(2000)  # deep enough for ANTLR, shallow enough to raise before the stack ends
    compare("x^2+2x+1", "(x+1)^2")  # imports and caches are paid here, once, and inherited by each child
    serving = _Serving()
    print("ready", flush=True)
    for line in sys.stdin:
        wall = json.loads(line)[2] + _WALL_ROOM
        reply = serving.ask(line, wall)
        if reply is None or serving.served >= _MOST_COMPARISONS:
            ended_by = serving.end()
            reply = reply or ("failed" if ended_by == signal.SIGSEGV else "time")
            serving = _Serving()
        print(reply, flush=True)
    serving.end()


if __name__ == "__main__":
    main()
