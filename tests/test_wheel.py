"""The built wheel, installed alone in a clean environment."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_alone_runs_help_and_the_demo(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(PROJECT)]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next((tmp_path / "dist").glob("tilth-*.whl"))
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    constraints = ["--constraint", str(PROJECT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", "install", "-q", *constraints, str(wheel)], check=True, capture_output=True)
    tilth = tmp_path / "clean" / "bin" / "tilth"
    helped = subprocess.run([tilth, "--help"], capture_output=True, text=True, check=True)
    assert "crash-test" in helped.stdout
    # without the extra web: the HTML pages of the demo are said to need it before anything is read
    done = subprocess.run([tilth, "run", "demo"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "tilth[web]" in done.stderr
    subprocess.run(
        [python, "-m", "pip", "install", "-q", *constraints, f"{wheel}[web]"], check=True, capture_output=True
    )
    done = subprocess.run([tilth, "run", "demo"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "demo" / "samples.html").exists()
