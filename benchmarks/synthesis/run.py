"""Runs of `tilth run` measured as whole process trees: the recipe boostqa, and steps of several calls a row."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.figures import spread
from harness.measure import Measured, measured
from harness.results import fresh_folder, say

from synthesis.recipes import make_seeds, one_step, whole, write
from tilth.generate.journal import Record, read_segment

ASKED_SECONDS = 300.0  # wall clock of the whole recipe on two cores
ASKED_MS = 1.0  # client CPU a call, in rows of several calls; measured with the scripted engine's own share in it
#: Steps of several calls a row: kind -> settings.
STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "solve, 8 answers": ("solve", {"k": 8}),
    "annotate, 6 votes": ("annotate", {"votes": 6}),
    "harden, 3 rounds": ("synthesize", {"mechanism": "harden", "harden": {"rounds": 3, "votes": 2, "k": 4}}),
}


def run_whole(options: Namespace) -> dict[str, Any]:
    """The recipe boostqa over `rows` seeds. `options`: `seeds`, `rows`, `rounds`, `workers`, `work`."""
    fresh_folder(options.work)
    seeds = make_seeds(options, options.rows, options.work / "seeds")
    recipe = write(whole(seeds, options.workers), options.work / "boostqa.yaml")
    runs = []
    for number in range(options.rounds):
        folder = options.work / f"run-{number}"
        figures = _tilth(recipe, folder, options.work / f"{number}.log")
        ledger = json.loads((folder / "ledger.json").read_bytes())
        runs.append(
            {
                "round": number,
                "wall_s": figures.wall_s,
                "cpu_s": figures.cpu_s,
                "peak_tree_mb": figures.peak_tree_bytes / 1e6,
                "requests": ledger["cost"]["requests"],
                "steps": {step["name"]: step["ledger"] for step in ledger["steps"]},
            }
        )
        say(f"round {number + 1}: {figures.wall_s:.1f} s, {figures.cpu_s:.1f} CPU-s, {runs[-1]['requests']} calls")
    wall = spread([one["wall_s"] for one in runs])
    return {
        "runs": runs,
        "wall_s": wall.median,
        "calls": runs[0]["requests"],
        "texts": runs[0]["steps"]["texts"]["kept"],
        "asked": {"wall_s": ASKED_SECONDS},
        "met": wall.median <= ASKED_SECONDS,
    }


def run_calls(options: Namespace) -> dict[str, Any]:
    """CPU a call in rows of several calls, without start-up: the difference of two runs over that of their calls.

    It is everything that the process does, the scripted engine included, so the client's own share is less.
    """
    fresh_folder(options.work)
    small, large = (make_seeds(options, rows, options.work / f"seeds-{rows}") for rows in (options.few, options.rows))
    found: dict[str, Any] = {}
    for name, (kind, settings) in STEPS.items():
        rounds = []
        for number in range(options.rounds):
            few, many = (
                _calls(seeds, kind, settings, options.work / f"{kind}-{number}-{seeds.name}")
                for seeds in (small, large)
            )
            calls = many["calls"] - few["calls"]
            rounds.append({"calls": calls, "ms": 1000 * (many["cpu_s"] - few["cpu_s"]) / calls})
            say(f"{name}: {rounds[-1]['ms']:.3f} ms a call over {calls:.0f} calls")
        found[name] = {"rounds": rounds, "ms": spread([one["ms"] for one in rounds]).median}
    worst = max(one["ms"] for one in found.values())
    return {"steps": found, "ms": worst, "asked": {"ms": ASKED_MS}, "met": worst <= ASKED_MS}


def _calls(seeds: Path, kind: str, settings: dict[str, Any], folder: Path) -> dict[str, float]:
    recipe = write(one_step(seeds, kind, settings), folder.with_suffix(".yaml"))
    figures = _tilth(recipe, folder, folder.with_suffix(".log"))
    return {"calls": sum(1 for _ in _records(folder / "asked")), "cpu_s": figures.cpu_s}


def _records(folder: Path) -> Iterator[Record]:
    for path in sorted((folder / "journal").rglob("*.seg")):
        yield from (record for record in read_segment(path) if isinstance(record, Record))


def _tilth(recipe: Path, folder: Path, log: Path) -> Measured:
    command = [sys.executable, "-m", "tilth.cli", "run", str(recipe), "--run-dir", str(folder), "--quiet"]
    figures = measured(command, env=dict(os.environ), log=log, timeout=1800)
    if figures.returncode:
        raise RuntimeError(f"tilth ended with {figures.returncode}; see {log}")
    return figures
