"""The four programs under test, each as a command over the same documents and the same server, and what it left
behind.

Every contender writes its rows as Parquet, keeps its own crash protection on, and asks for the same number of
tokens with the same number of requests in flight. The peers put `INSTRUCTION` before the document; tilth renders
its own prompt `faq`, whose instruction differs from row to row. Neither is tuned: what is not set here has its own
default.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from harness.environments import PEERS, PEERS_FOLDER, environment, python_of
from harness.figures import last_json_line
from harness.measure import Measured, measured

TILTH = "tilth"
CONTENDERS = (TILTH, *PEERS)
STEP = "rephrased"

INSTRUCTION = (
    "Rewrite the document below as questions and answers. Ask only what the document answers, keep every number and "
    "name as it stands, and write each question on a line of its own that begins with Q: and each answer on the next "
    "line, beginning with A:."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a contender is asked to do."""

    documents: Path  # JSONL with id and text; for tilth also a folder of Parquet
    count: int
    url: str  # ends in /v1
    work: Path  # empty folder
    in_flight: int = 256
    max_tokens: int = 1024
    timeout: float = 3600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a contender did."""

    measured: Measured
    rows: int  # in its output; for tilth those kept and those dropped with a reason
    detail: Mapping[str, Any]


def recipe(job: Job, *, journal: bool = True, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The recipe of the benchmark: read, and one strategy on every document. `extra` goes over the model's settings.

    Checks run as in any run. Those that would ask for a second answer only flag the row, as the made-up answers of
    the server deserve no second one: each document costs exactly one request, as it does with the peers.
    """
    model = {"engine": "endpoint", "model": "fake", "urls": [job.url], "max_in_flight": job.in_flight, **(extra or {})}
    settings = {
        "prompts": ["faq"],
        "route": False,
        "sampling": {"max_tokens": job.max_tokens},
        "checks": {"retries": 0},
        "model": model,
    }
    return {
        "name": "benchmark",
        "steps": {
            "documents": {"read": {"source": [str(job.documents)], "columns": {"text": "text", "id": "id"}}},
            STEP: {"from": "documents", "rephrase": settings},
        },
        "execution": {"journal": journal},
    }


def command(name: str, job: Job) -> list[str]:
    """The command line of a peer."""
    return [
        str(python_of(name)),
        str(PEERS_FOLDER / name / "drive.py"),
        *("--documents", str(job.documents), "--base-url", job.url, "--instruction", INSTRUCTION),
        *("--work", str(job.work), "--concurrency", str(job.in_flight), "--max-tokens", str(job.max_tokens)),
    ]


def tilth_command(recipe_file: Path, run_dir: Path) -> list[str]:
    """`tilth run` of the environment that runs this."""
    return [sys.executable, "-m", "tilth.cli", "run", str(recipe_file), "--run-dir", str(run_dir), "--quiet"]


def run_peer(name: str, job: Job) -> Result:
    """Run a peer once. Raises `RuntimeError` where it failed."""
    log = job.work.with_suffix(".log")
    figures = measured(command(name, job), env=environment(job.work), log=log, timeout=job.timeout)
    if figures.returncode != 0:
        raise RuntimeError(f"{name} ended with {figures.returncode}; its output is in {log}")
    detail = last_json_line(log.read_text(errors="replace"))
    return Result(measured=figures, rows=int(str(detail["rows"])), detail=detail)


def run_tilth(job: Job, settings: Mapping[str, Any] | None = None) -> Result:
    """Run tilth once on `settings` (by default `recipe(job)`). Raises `RuntimeError` where it failed."""
    log = job.work.with_suffix(".log")
    recipe_file = job.work / "recipe.yaml"
    recipe_file.write_text(yaml.safe_dump(dict(settings or recipe(job)), sort_keys=False))
    run_dir = job.work / "run"
    figures = measured(tilth_command(recipe_file, run_dir), env=environment(job.work), log=log, timeout=job.timeout)
    if figures.returncode != 0:
        raise RuntimeError(f"tilth ended with {figures.returncode}; its output is in {log}")
    step = run_dir / STEP
    kept, dropped = parquet_rows(step), parquet_rows(step / "dropped")
    return Result(measured=figures, rows=kept + dropped, detail={"kept": kept, "dropped": dropped})


def run(name: str, job: Job) -> Result:
    """Run any contender once. Raises `RuntimeError` where it failed or lost rows."""
    return complete(name, job, run_tilth(job) if name == TILTH else run_peer(name, job))


def complete(name: str, job: Job, result: Result) -> Result:
    """`result`, if it holds a row for each document; a figure of a run that lost rows is no figure.

    Raises `RuntimeError` otherwise.
    """
    if result.rows != job.count:
        log = job.work.with_suffix(".log")
        raise RuntimeError(f"{name} wrote {result.rows} rows for {job.count} documents; its output is in {log}")
    return result


def parquet_rows(folder: Path) -> int:
    """Rows in the Parquet files directly in `folder`; 0 where there is no such folder."""
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))
