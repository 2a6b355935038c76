"""The peers' own environments, one each under .venvs/, made from their pinned requirement files."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS_FOLDER = ROOT / "benchmarks" / "peers"
ENVIRONMENTS = ROOT / ".venvs"
PEERS = ("datatrove", "curator", "distilabel")
PYTHON = "3.11"  # what the pinned versions were resolved for; all three support it

#: Nothing may be fetched or reported while a peer runs.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TELEMETRY_ENABLED": "false",  # curator's own switch
    "DO_NOT_TRACK": "1",
    "CURATOR_VIEWER": "0",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # litellm, below curator, would fetch a price list
}


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, there or not."""
    return ENVIRONMENTS / peer / "bin" / "python"


def requirements(peer: str) -> Path:
    return PEERS_FOLDER / peer / "requirements.txt"


def _stamp(peer: str) -> Path:
    return ENVIRONMENTS / peer / "requirements.sha256"


def _digest(peer: str) -> str:
    return hashlib.sha256(requirements(peer).read_bytes()).hexdigest()


def is_ready(peer: str) -> bool:
    """Whether the environment was made, to its end, from the requirement file as it is now."""
    stamp = _stamp(peer)
    return python_of(peer).exists() and stamp.exists() and stamp.read_text() == _digest(peer)


def make(peer: str) -> None:
    """Make a peer's environment with uv, or with venv and pip where there is no uv; does nothing where it is ready.

    Raises `subprocess.CalledProcessError` with the tool's own output on the terminal.
    """
    if is_ready(peer):
        return
    folder = ENVIRONMENTS / peer
    shutil.rmtree(folder, ignore_errors=True)
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", "--python", PYTHON, str(folder)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python_of(peer))]
    else:
        subprocess.run([_plain_python(), "-m", "venv", str(folder)], check=True)
        install = [str(python_of(peer)), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "-r", str(requirements(peer))], check=True)
    _stamp(peer).write_text(_digest(peer))


def _plain_python() -> str:
    """A Python 3.11 from the path, or else the one that runs this: the pins may then not fit it."""
    return shutil.which(f"python{PYTHON}") or sys.executable


def environment(work: Path) -> dict[str, str]:
    """The environment variables of every contender: this one's, offline, with caches inside `work`."""
    caches = {"HF_HOME": str(work / "hf"), "DISTILABEL_CACHE_DIR": str(work / "distilabel")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    return kept | OFFLINE | caches
