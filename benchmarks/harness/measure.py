"""Run a command and measure its whole process tree from outside: wall time, CPU time, peak memory.

A small process of its own stands between the harness and the command, for three reasons. It makes itself the reaper
of orphans, so a helper process that outlives its parent is still waited for and counted. Its own CPU time is not
counted. And Linux hands a parent's peak memory down to the child it starts, so the parent has to be a small one.

CPU time is user + system time of the command and all its descendants, as the kernel reports it once they have
ended. Peak memory comes twice: `peak_process_bytes` is the largest single process (the kernel's own peak),
`peak_tree_bytes` the largest sum of resident memory over the tree, sampled every 50 ms; pages that processes share
count once for each. Linux only.
"""

import ctypes
import json
import math
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
SAMPLE_SECONDS = 0.05
ORPHAN_SECONDS = 10.0  # what a left-over process may still do before it is killed
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of one command."""

    returncode: int
    wall_s: float
    cpu_s: float
    peak_process_bytes: int
    peak_tree_bytes: int
    killed_orphans: int  # processes still alive 10 s after the command ended


def measured(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, timeout: float, cwd: Path | None = None
) -> Measured:
    """Run `command`, its output into `log`, and measure it. A command that runs past `timeout` seconds is killed.

    Raises `TimeoutError`; a command that fails is not an error here, see `returncode`.
    """
    figures = log.with_suffix(".measured.json")
    figures.unlink(missing_ok=True)
    wrapper = [sys.executable, "-I", str(Path(__file__)), str(figures), *command]
    with log.open("wb") as output:
        process = subprocess.Popen(wrapper, env=dict(env), stdout=output, stderr=subprocess.STDOUT, cwd=cwd)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.terminate()  # the wrapper kills the tree
            process.wait()
            raise TimeoutError(
                f"{' '.join(command[:3])} ... ran past {timeout:.0f} s; its output is in {log}"
            ) from None
        except BaseException:  # Ctrl-C among them: leave nothing running
            process.terminate()
            process.wait()
            raise
    return Measured(**json.loads(figures.read_bytes()))


def descendants(pid: int) -> list[int]:
    """Process ids below `pid`, read from /proc; processes that end meanwhile are left out."""
    found: list[int] = []
    open_ids = [pid]
    while open_ids:
        current = open_ids.pop()
        try:
            tasks = list(Path(f"/proc/{current}/task").iterdir())
            children = [int(word) for task in tasks for word in (task / "children").read_text().split()]
        except OSError:  # it ended between two reads
            continue
        found += children
        open_ids += children
    return found


def resident(pid: int) -> int:
    """Resident bytes of one process; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


class _Sampler(threading.Thread):
    """Keeps the largest sum of resident memory over our descendants."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0

    def run(self) -> None:
        own = os.getpid()
        while True:
            self.peak = max(self.peak, sum(resident(pid) for pid in descendants(own)))
            time.sleep(SAMPLE_SECONDS)


def _reap_orphans() -> int:
    """Wait for what is left below us; kill what has not ended after a while. How many had to be killed."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    killed = 0
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return killed
        if pid == 0:
            if time.monotonic() > deadline:
                killed += _kill_tree()
                deadline = math.inf  # once is enough: SIGKILL cannot be ignored
            time.sleep(0.02)


def _kill_tree() -> int:
    left = descendants(os.getpid())
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return len(left)


def _give_up(_signal: int, _frame: object) -> None:
    """Kill the tree, wait for it to be gone, and end."""
    while True:
        _kill_tree()  # again each time: a process may have started another meanwhile
        try:
            os.wait()
        except ChildProcessError:
            os._exit(124)


def _wrap(figures: Path, command: list[str]) -> int:
    """The small process in between: run `command`, write its figures, return its exit code."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _give_up)
    sampler = _Sampler()
    started = time.monotonic()
    process = subprocess.Popen(command)
    sampler.start()
    returncode = process.wait()
    wall = time.monotonic() - started
    killed = _reap_orphans()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = Measured(
        returncode=returncode,
        wall_s=wall,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_process_bytes=usage.ru_maxrss * 1024,  # Linux gives KiB
        peak_tree_bytes=sampler.peak,
        killed_orphans=killed,
    )
    figures.write_text(json.dumps(asdict(result)))
    return returncode


if __name__ == "__main__":
    sys.exit(_wrap(Path(sys.argv[1]), sys.argv[2:]))
