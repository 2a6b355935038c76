"""The whole of curation on real documents: `tilth run` on a recipe with every stage, as one measured process tree.

Languages, exact and near duplicates, quality rules, repeated lines, personal data, decontamination against every
benchmark, licences and quotas; Parquet in, curated Parquet, dropped rows, report and page out.
"""

import json
import os
import sys
from argparse import Namespace
from typing import Any

import yaml
from harness.figures import spread
from harness.measure import measured
from harness.results import fresh_folder, say

ASKED_SECONDS = 120.0  # wall clock on two cores


def run(options: Namespace) -> dict[str, Any]:
    """Measure. `options`: `documents` and `benchmarks` (folders of Parquet), `work` and `rounds`."""
    fresh_folder(options.work)
    recipe = options.work / "whole.yaml"
    recipe.write_text(yaml.safe_dump(_recipe(options), sort_keys=False))
    runs = []
    for number in range(options.rounds):
        folder = options.work / f"run-{number}"
        command = [sys.executable, "-m", "tilth.cli", "run", str(recipe), "--run-dir", str(folder), "--quiet"]
        figures = measured(command, env=dict(os.environ), log=options.work / f"{number}.log", timeout=1800)
        if figures.returncode:
            raise RuntimeError(f"tilth ended with {figures.returncode}; see {options.work / f'{number}.log'}")
        ledger = json.loads((folder / "ledger.json").read_bytes())["steps"][-1]
        size = sum(entry["characters_in"] for entry in ledger["by_source"].values())
        runs.append(
            {
                "round": number,
                "wall_s": figures.wall_s,
                "cpu_s": figures.cpu_s,
                "peak_process_mb": figures.peak_process_bytes / 1e6,
                "peak_tree_mb": figures.peak_tree_bytes / 1e6,
                "characters": size,
                "ledger": ledger["ledger"],
                "stage_seconds": {stage["label"]: stage["seconds"] for stage in ledger["stages"]},
            }
        )
        say(f"round {number + 1}: {figures.wall_s:.1f} s, {figures.cpu_s:.1f} CPU-s, {runs[-1]['peak_tree_mb']:.0f} MB")
    wall = spread([one["wall_s"] for one in runs])
    return {
        "runs": runs,
        "wall_s": wall.median,
        "asked": {"wall_s": ASKED_SECONDS},
        "met": wall.median <= ASKED_SECONDS,
    }


def _recipe(options: Namespace) -> dict[str, Any]:
    columns = {"text": "text", "id": "doc_id", "language": "lang", "licence": "license", "metadata": ["kind", "source"]}
    stages = [
        "licences",
        "language",
        "exact_duplicates",
        "rules",
        "near_duplicates",
        {"repeated_text": {"action": "flag"}},
        "pii",
        {"decontaminate": {"benchmarks": [str(options.benchmarks.resolve())]}},
        {"quotas": {"by": "language", "each": {"characters": 100_000_000}}},
    ]
    return {
        "name": "whole",
        "steps": {
            "documents": {"read": {"source": [str(options.documents.resolve() / "*.parquet")], "columns": columns}},
            "curated": {"from": "documents", "curate": stages},
        },
        "execution": {"workers": 2},
    }
