"""Result files, and the folders that runs work in."""

import json
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.environments import ROOT
from harness.machine import describe

RESULTS = ROOT / "benchmarks" / "results"


def say(text: str) -> None:
    print(text, flush=True)


def fresh_folder(path: Path) -> Path:
    """`path`, empty."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def save(name: str, args: Namespace, body: Mapping[str, Any]) -> Path:
    """Write results/`name`.json: the machine, tilth's version and commit, the options, and `body`."""
    options = {
        key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items() if key != "run"
    }
    # where it ran says nothing about the figure
    for local in ("work", "results", "url", "documents", "benchmarks", "seeds"):
        options.pop(local, None)
    document = {"benchmark": name, "machine": describe(), "tilth": _tilth(), "options": options, **body}
    args.results.mkdir(parents=True, exist_ok=True)
    path: Path = args.results / f"{name}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def _tilth() -> dict[str, str]:
    try:
        version = metadata.version("tilth")
    except metadata.PackageNotFoundError:
        version = "not installed"
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {"version": version, "commit": git.stdout.strip() or "unknown"}
