"""The measuring of processes: real ones, whose cost is known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from harness.measure import measured  # noqa: E402

from generate import parser  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the measuring reads /proc")

BURN = "import time\nwhile time.process_time() < 0.4: pass"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_cpu_time_of_a_grandchild_that_outlives_its_parent_is_counted(tmp_path: Path) -> None:
    orphaning = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {BURN!r}])"
    figures = measured(python(orphaning), env=os.environ, log=tmp_path / "a.log", timeout=60)
    assert figures.returncode == 0
    assert figures.cpu_s >= 0.4
    assert figures.killed_orphans == 0


def test_a_process_asleep_costs_wall_time_and_hardly_any_cpu_time(tmp_path: Path) -> None:
    figures = measured(["sleep", "0.5"], env=os.environ, log=tmp_path / "a.log", timeout=60)
    assert figures.wall_s >= 0.5
    assert figures.cpu_s < 0.25


def test_peak_memory_is_that_of_the_command_and_not_of_who_measures(tmp_path: Path) -> None:
    ballast = bytearray(os.urandom(1) * 300_000_000)  # in this process, which starts the command
    small = measured(["sleep", "0.2"], env=os.environ, log=tmp_path / "a.log", timeout=60)
    held = "import time\nkept = bytearray(b'x' * 100_000_000)\ntime.sleep(0.3)"
    large = measured(python(held), env=os.environ, log=tmp_path / "b.log", timeout=60)
    assert len(ballast) == 300_000_000
    assert small.peak_process_bytes < 60_000_000
    assert 100_000_000 < large.peak_process_bytes < 250_000_000
    assert 100_000_000 < large.peak_tree_bytes < 250_000_000


def test_output_goes_to_the_log_and_failure_is_reported(tmp_path: Path) -> None:
    figures = measured(
        python("print('hello'); raise SystemExit(3)"), env=os.environ, log=tmp_path / "a.log", timeout=60
    )
    assert figures.returncode == 3
    assert (tmp_path / "a.log").read_text() == "hello\n"


def test_a_command_that_runs_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    child = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(TimeoutError, match="ran past"):
        measured(python(parent), env=os.environ, log=tmp_path / "a.log", timeout=2)
    assert not Path(f"/proc/{mark.read_text()}").exists()


def test_the_script_has_a_help_page_as_has_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    script = [sys.executable, str(BENCHMARKS / "generate.py"), "--help"]
    shown = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    for command in ("setup", "throughput", "journal", "slots", "memory", "storm"):
        assert command in shown
        with pytest.raises(SystemExit) as ended:
            parser().parse_args([command, "--help"])
        assert ended.value.code == 0
        assert command in capsys.readouterr().out
    assert parser().parse_args(["setup"]).peers == ["datatrove", "curator", "distilabel"]
