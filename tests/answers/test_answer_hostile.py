# ruff: noqa: E501
"""Answers made to hang, crash or harm the checker: each gets a verdict, soon, and the next one is checked as before.

Time is not asserted here to the tenth of a second; the limits of the worker and of the sandbox are, by their verdicts.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tilth.answers import sandbox
from tilth.answers.algebra import same_expression, stop_worker
from tilth.answers.check import check
from tilth.answers.program import Case, CodeSettings, run_cases, run_tests
from tilth.answers.verdict import CheckSettings
from tilth.answers.vote import vote

kernel = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's walls are Linux's")

HOSTILE = [
    "9**9**9", "9^{9^{9^9}}", "99999999!", "(" * 100_000, "{" * 100_000, ")" * 5000 + "(" * 5000, "\\frac{" * 20_000,
    "\\sqrt{" * 150 + "2" + "}" * 150, "1" * 3_000_000, "-" * 100_000, "0." + "3" * 1_000_000, "1e" + "9" * 1000,
    "x^" * 400 + "x", "\\begin{pmatrix}" * 60, "\x00\x01\x02\ud800", "\u202e" * 1000 + "42", "$" * 100_000,
    "\\boxed{" * 50_000, "#### " * 50_000, "the answer is " * 50_000, "答案：" * 50_000, "A, " * 50_000, "a " * 200_000,
    "__import__('os').system('true')", "().__class__.__bases__[0].__subclasses__()", "\\def\\a{\\a\\a}\\a", "\\input{/etc/passwd}",
    "1/0", "\\frac{1}{0}", "0^{-1}", "i^i^i^i", "\\int_0^{\\infty} e^{-x^2} dx", "\\sum_{n=1}^{10^9} n", "+".join(["x"] * 450),
    "1" + ",234" * 20_000, "一" * 100_000, "亿" * 40, "one " * 50_000, "1 " * 100_000, "||" * 50_000, "=" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize(
    "gold",
    ["Paris || Rome", "B", *(pytest.param(one, marks=pytest.mark.slow) for one in ("24", "x^2+1", "(1,\\sqrt{2})"))],
)
def test_hostile_text_is_never_right_and_never_slow(gold: str) -> None:
    spent = time.process_time()
    for answer in HOSTILE:
        verdict = check(answer, gold)
        assert not verdict.correct, (answer[:40], verdict)
        assert len(verdict.answer) <= 200
    assert time.process_time() - spent < 60  # of 41 answers up to 3 MB; a quadratic expression would need minutes


@pytest.mark.slow
@pytest.mark.parametrize("answer", HOSTILE[:24])
def test_hostile_gold_answers_are_no_better(answer: str) -> None:
    assert check("5", answer).correct in (False, None)


def test_what_takes_too_long_gets_no_verdict_and_the_next_is_checked() -> None:
    begun = time.monotonic()
    verdict = check("x^{99999}+1", "(x+1)^{99999}", "symbolic", settings=CheckSettings(symbolic_seconds=0.3))
    assert (verdict.correct, verdict.how) == (None, "time")
    assert time.monotonic() - begun < 60  # on any machine: the limit is 0.3 s of CPU and 1 s of wall, plus the start
    assert check("x^2+2x+1", "(x+1)^2").correct


def test_the_worker_comes_back_after_being_killed_and_serves_threads() -> None:
    settings = CheckSettings()
    assert same_expression("2x", "x+x", settings) == "equal"
    stop_worker()
    assert same_expression("2x", "x+x", settings) == "equal"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(same_expression("2x", "x+x", settings))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["equal"] * 4


@pytest.mark.slow
def test_a_forked_process_has_a_worker_of_its_own() -> None:
    script = (
        "import os\nfrom tilth.answers.check import check\n"
        "assert check('x+x', '2x', 'symbolic').correct\n"
        "pid = os.fork()\n"
        "ok = check('3x', 'x+2x', 'symbolic').correct\n"
        "os._exit(0 if ok else 1) if not pid else None\n"
        "assert os.waitpid(pid, 0)[1] == 0 and ok\n"
        "assert check('4x', 'x+3x', 'symbolic').correct\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=100)


PROGRAMS = {
    "an endless loop": "while True: pass",
    "a huge power": "9**9**9",
    "memory": "x = []\nwhile True: x.append(bytearray(10**7))",
    "leaving early": "import os; os._exit(0)",
    "leaving quietly": "raise SystemExit(0)",
    "forks": "import os\nwhile True: os.fork()",
    "threads": "import threading\nthreading.Thread(target=print).start()",
    "a program": "import subprocess; subprocess.run(['true'])",
    "a shell": "import os; os.system('true')",
    "a socket": "import socket; socket.socket()",
    "a name lookup": "import socket; socket.getaddrinfo('localhost', 80)",
    "a signal to the parent": "import os, signal; os.kill(os.getppid(), signal.SIGTERM)",
    "foreign files": "open('/etc/passwd').read()",
    "a file elsewhere": "open('/var/tmp/tilth-test', 'w').write('x')",
    "a link out": "import os; os.symlink('/etc', 'x'); open('x/passwd').read()",
    "a large file": "open('x', 'wb').write(b'0' * 10**8)",
    "much output": "while True: print('x' * 1000)",
    "recursion": "def f(): f()\nf()",
    "C recursion": "import json; json.loads('[' * 10**6)",
    "ctypes": "import ctypes; ctypes.string_at(0)",
    "no Python": "def (",
    "a null byte": "\0",
    "deep brackets": "(" * 100_000,
    "a forged result": "import os\nfor fd in range(3, 20):\n  try: os.write(fd, b'{\"done\": true}\\n')\n  except OSError: pass\nos._exit(0)",
}  # fmt: skip


@kernel
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_harmful_program_fails_and_harms_nothing(name: str) -> None:
    run = run_tests(PROGRAMS[name], "", CodeSettings(seconds=1.0, memory_mb=256))
    assert not run.passed, run
    assert not Path("/var/tmp/tilth-test").exists()


@kernel
def test_the_kernel_holds_a_program_where_pythons_hook_does_not() -> None:
    script = (
        "import ctypes, os, socket, sys, threading\n"
        f"sys.path.insert(0, {str(Path(sandbox.__file__).parent)!r})\n"
        "import sandbox\nos.chdir(sys.argv[1])\n"
        "libc = ctypes.CDLL(None, use_errno=True)\nlibc.prctl(38, 1, 0, 0, 0)\n"
        "assert sandbox._landlock(libc, os.getcwd()) and sandbox._seccomp(libc)\n"
        "def refused(act):\n"
        "    try: act()\n"
        "    except (OSError, RuntimeError): return True\n"
        "acts = [os.fork, socket.socket, lambda: os.execv('/bin/true', ['true']), lambda: open('/etc/passwd'),\n"
        "        lambda: open('../x', 'w'), lambda: os.kill(os.getppid(), 0), threading.Thread(target=print).start]\n"
        "print([bool(refused(act)) for act in acts])\nopen('mine', 'w').write('x')\n"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == str([True] * 7), done.stderr


@kernel
def test_good_programs_pass_by_tests_and_by_cases() -> None:
    assert check("```python\ndef f(x):\n    return x + 1\n```", "assert f(1) == 2", "code").correct
    assert check("def f(x):\n    return x", "assert f(1) == 2", "code").correct is False
    doubled = [Case(stdin="2\n", stdout="4"), Case(stdin="5", stdout="10\n\n")]
    assert run_cases("print(2 * int(input()))", doubled).passed
    assert run_cases("print(2 * int(input()))\nraise SystemExit", doubled).passed
    assert not run_cases("print(4)", doubled).passed
    assert not run_cases("", []).passed
    assert run_tests(
        "open('a', 'w').write('x'); assert open('a').read() == 'x'", "import re, json, math, random"
    ).passed


@kernel
def test_a_program_leaves_no_process_and_no_file_behind() -> None:
    before = _processes()
    run = run_tests("import os, time\nos.close(1)\ntime.sleep(60)", "", CodeSettings(seconds=0.5))
    assert run.how == "time"
    mine = [pid for pid in _processes() - before if pid.isdigit() and _is_sandbox(pid)]
    assert mine == []


def _processes() -> set[str]:
    return {one.name for one in Path("/proc").iterdir()}


def _is_sandbox(pid: str) -> bool:
    try:
        return b"sandbox.py" in Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return False


def test_hostile_answers_do_not_stop_a_vote() -> None:
    found = vote(["24", "$24", "(" * 5000, "9**9**9", "twenty-four", ""], "number")
    assert (found.answer, found.abstained) == ("24", 1)
    assert found.clusters[0].members == (0, 1, 4)
