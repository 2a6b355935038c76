"""Two expressions compared by math-verify (SymPy) in a worker process with hard limits.

Guarantees: a comparison ends within its CPU limit plus 0.7 s, whatever the text; a worker that hangs, grows or dies is
replaced in milliseconds. The first comparison of a process pays about 1 s for the worker's start; later ones take 5 to
50 ms. One worker a process, used under a lock; a forked process starts its own.
"""

import atexit
import importlib.util
import json
import os
import select
import subprocess
import sys
import threading
from dataclasses import dataclass, field

from tilth.answers.verdict import CheckSettings
from tilth.base.errors import MissingExtra

#: Longest expression that is given to computer algebra.
MOST_CHARS = 1000
#: Seconds for the worker to import SymPy, on a machine under load.
_START_SECONDS = 60.0


@dataclass(slots=True)
class _Worker:
    """The worker of one process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    process: "subprocess.Popen[bytes] | None" = None
    owner: int = 0

    def ask(self, gold: str, answer: str, settings: CheckSettings) -> str:
        """The worker's word; "failed" where it is gone and a fresh one is gone too."""
        request = json.dumps([gold, answer, settings.symbolic_seconds, settings.symbolic_memory_mb]) + "\n"
        with self.lock:
            process = self._running()
            assert process.stdin
            try:
                process.stdin.write(request.encode())
                process.stdin.flush()
                reply = _line(process, settings.symbolic_seconds + 2.0)  # 2: the worker answers 0.7 s past its limit
            except BrokenPipeError:
                reply = None
            if reply is None:
                self.stop()
            return reply or "failed"

    def _running(self) -> "subprocess.Popen[bytes]":
        if self.process is None or self.owner != os.getpid() or self.process.poll() is not None:
            self.process = _start()
            self.owner = os.getpid()
            if _line(self.process, _START_SECONDS) != "ready":
                self.stop()
                raise RuntimeError("the worker for computer algebra did not start; run it by hand to see why: "
                                   "python -m tilth.answers.algebra_worker")  # fmt: skip
        return self.process

    def stop(self) -> None:
        """End the worker; the next comparison starts another."""
        process, self.process = self.process, None
        if process is not None and self.owner == os.getpid():
            if process.stdin:
                process.stdin.close()  # ends a worker that is well, and with it its child
            try:
                process.wait(0.5)  # it ends in milliseconds, or never
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


def _start() -> "subprocess.Popen[bytes]":
    if importlib.util.find_spec("math_verify") is None:
        raise MissingExtra("Comparing mathematical expressions", "math-verify", "qa")
    # the seed of hashes is fixed, so that SymPy orders terms alike in every run
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        [sys.executable, "-m", "tilth.answers.algebra_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is ours to handle
    )


def _line(process: "subprocess.Popen[bytes]", seconds: float) -> str | None:
    assert process.stdout
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline().decode().strip() or None if ready else None


_WORKER = _Worker()
atexit.register(_WORKER.stop)


def _fresh_in_child() -> None:
    """A forked process must not share the parent's pipes, nor a lock that another thread held."""
    _WORKER.lock = threading.Lock()
    _WORKER.process = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_in_child)


def same_expression(gold: str, answer: str, settings: CheckSettings) -> str:
    """ "equal", "different", "unparsed" (the answer), "gold" (the gold is), "time", "memory" or "failed".

    Raises `MissingExtra` where math-verify is not installed.
    """
    return _WORKER.ask(gold, answer, settings)


def stop_worker() -> None:
    """End this process's worker now; the next comparison starts another."""
    with _WORKER.lock:
        _WORKER.stop()
