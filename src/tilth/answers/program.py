"""Programs run against tests, in a process of their own with limits.

What the kernel enforces on Linux (x86-64 and ARM64): no new processes or threads, no program started, no sockets, no
signals to others, no tracing (seccomp); files are read only under Python's own folders and written only in a temporary
folder (Landlock, Linux 5.13); CPU time, memory, size of each file (rlimits); wall time and output (the parent kills).
What is not guaranteed: a limit on the number of files written before the time is up, and that a program that inspects
its interpreter cannot forge a pass; on other systems only rlimits and Python's audit hook stand, which a determined
program gets around, and running is refused unless `require_kernel` is False. Programs see the standard library only.

Costs 20 to 40 ms a program, the start of Python.
"""

import json
import os
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tilth.answers.verdict import How
from tilth.base.errors import ConfigError

_SANDBOX = Path(__file__).with_name("sandbox.py")


class CodeSettings(BaseModel):
    """Limits of one program over all its tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Annotated[float, Field(gt=0)] = (
        1.8  # wall time of all tests together; below 2, the most an answer may take
    )
    memory_mb: Annotated[int, Field(ge=64)] = 512  # 64: Python itself needs about 30
    output_kb: Annotated[int, Field(ge=1)] = 256
    file_kb: Annotated[int, Field(ge=0)] = 1024  # of each file
    require_kernel: bool = True  # False runs where the kernel cannot hold the program: only for programs you trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test by standard input and output; outputs are compared line by line without trailing spaces."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRun:
    """What came of a program: `passed`, how it ended, what it said last, and what held it."""

    passed: bool
    how: How
    detail: str
    held_by: tuple[str, ...]  # of "seccomp", "landlock", "rlimits", "audit"


@dataclass(frozen=True, slots=True)
class _End:
    output: str
    result: dict[str, Any]
    stopped: str  # "time", "output" or ""
    code: int


def run_tests(program: str, tests: str, settings: CodeSettings | None = None) -> ProgramRun:
    """Run `program`, then `tests` in the same namespace: passed where nothing raises and the end is reached.

    A program that leaves early, even with exit code 0, has not passed. Raises `ConfigError` where the kernel cannot
    hold the program and the settings require it.
    """
    settings = settings or CodeSettings()
    end = _run(program, tests, "", settings, settings.seconds)
    return _judged(end, bool(end.result.get("done")))


def run_cases(program: str, cases: Sequence[Case], settings: CodeSettings | None = None) -> ProgramRun:
    """Run `program` once a case, with its input; stops at the first that fails. Errors as `run_tests`."""
    settings = settings or CodeSettings()
    deadline = time.monotonic() + settings.seconds
    run = ProgramRun(passed=False, how="no_gold", detail="no cases", held_by=())
    for case in cases:
        end = _run(program, None, case.stdin, settings, deadline - time.monotonic())
        run = _judged(end, bool(end.result.get("done")) and _lines(end.output) == _lines(case.stdout))
        if not run.passed:
            break
    return run


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _judged(end: _End, passed: bool) -> ProgramRun:
    held = tuple(end.result.get("held", ()))
    if passed and not end.stopped:
        return ProgramRun(passed=True, how="tests", detail="all tests passed", held_by=held)
    how: How = "time" if end.stopped == "time" or end.code == -24 else "tests"  # 24: SIGXCPU
    error = str(end.result.get("error", ""))
    if error.startswith("MemoryError"):
        how = "memory"
    said = {"time": "over the time limit", "output": "wrote more than it may"}.get(end.stopped) or error
    return ProgramRun(passed=False, how=how, detail=(said or f"ended early, code {end.code}")[:300], held_by=held)


def _run(program: str, tests: str | None, stdin: str, settings: CodeSettings, seconds: float) -> _End:
    nonce = secrets.token_hex(16)  # what only our own code around the tests knows
    with tempfile.TemporaryDirectory(prefix="tilth-program-", ignore_cleanup_errors=True) as folder:
        task = {"program": program, "tests": tests, "nonce": nonce, **settings.model_dump(), "cpu": seconds}
        Path(folder, "task.json").write_text(json.dumps(task), encoding="utf-8", errors="surrogatepass")
        Path(folder, "stdin.txt").write_text(stdin, encoding="utf-8", errors="replace")
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as results:
            try:
                with Path(folder, "stdin.txt").open("rb") as source:
                    process = _start(folder, source, writer)
            finally:
                os.close(writer)
            return _watched(process, results, nonce, settings, time.monotonic() + max(seconds, 0.05))


def _start(folder: str, source: IO[bytes], writer: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own script; the program is data to it
        [sys.executable, "-I", "-S", "-B", str(_SANDBOX), str(writer)],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(writer,),
        cwd=folder,
        env={"PYTHONHASHSEED": "0", "HOME": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,
    )


def _watched(
    process: "subprocess.Popen[bytes]", results: IO[bytes], nonce: str, settings: CodeSettings, deadline: float
) -> _End:
    """Read what the program writes until it ends, takes too long or writes too much."""
    assert process.stdout
    output, result = bytearray(), bytearray()
    stopped = ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, output)
        selector.register(results, selectors.EVENT_READ, result)
        while selector.get_map() and not stopped:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                key.data.extend(data)
                if not data:
                    selector.unregister(key.fileobj)
            if len(output) > 1024 * settings.output_kb or len(result) > 65536:
                stopped = "output"
            elif not ready or time.monotonic() > deadline:
                stopped = "time" if time.monotonic() >= deadline else stopped
    if stopped:
        process.kill()
    process.stdout.close()
    code = _ended(process, deadline)
    read = _result(bytes(result), nonce)
    if read.get("refused"):
        raise ConfigError(
            f"expected a kernel that can hold a program ({read['refused']} is missing here). Check code on Linux 5.13 "
            "or later, or set require_kernel to False if you trust every program."
        )
    return _End(output.decode("utf-8", "replace"), read, stopped, code)


def _ended(process: "subprocess.Popen[bytes]", deadline: float) -> int:
    """The exit code, waiting no longer than the deadline: a program may close its output and go on."""
    try:
        return process.wait(max(0.05, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _result(data: bytes, nonce: str) -> dict[str, Any]:
    """What our own code in the child reported: the lines that carry the nonce, later ones over earlier."""
    found: dict[str, Any] = {}
    for line in data.split(b"\n"):
        if line.startswith(nonce.encode()):
            found.update(json.loads(line[len(nonce) :]))
    return found
