"""A made-up study as a table of results: known effects, several checkpoints, runs gone wrong. Same seed, same rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tilth.base.random import seed_of
from tilth.data.results import RESULTS, write_results

TASKS = {"arc_easy": 150, "piqa": 150, "squad": 150}
STEPS = (100, 200, 300, 400, 500)


def rows_of(
    effects: Mapping[str, float],
    *,
    seeds: int = 3,
    seed: int = 0,
    metric: str = "gold_bpb",
    size: str = "smoke",
    tasks: Mapping[str, int] = TASKS,
    diverged: tuple[tuple[str, int], ...] = (),
) -> list[dict[str, Any]]:
    """Rows of arms whose final bits per byte lie `effects` above that of an arm with 0 (less is better)."""
    rows: list[dict[str, Any]] = []
    for task, items in tasks.items():
        hard = np.random.default_rng(seed_of(seed, task)).normal(0, 0.3, items)
        for arm, effect in effects.items():
            own = np.random.default_rng(seed_of(seed, task, arm)).normal(0, 0.05, items)
            for run in range(1, seeds + 1):
                rng = np.random.default_rng(seed_of(seed, task, arm, run))
                shift = rng.normal(0, 0.01)
                for step in STEPS:
                    learnt = 1.2 - 0.4 * np.log2(1 + step / 100) / np.log2(6)
                    values = learnt + effect * step / STEPS[-1] + hard + own + shift + rng.normal(0, 0.1, items)
                    broken = (arm, run) in diverged
                    rows += [
                        {
                            "arm": arm,
                            "size": size,
                            "seed": run,
                            "step": step,
                            "task": task,
                            "form": "bpb",
                            "item": f"{number:05d}",
                            "group": f"page {number // 5}" if task == "squad" else None,
                            "metric": metric,
                            "value": float("nan") if broken else float(value),
                        }
                        for number, value in enumerate(values)
                    ]
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as one Parquet table."""
    write_results(path, pa.Table.from_pylist(rows, RESULTS))
    return path
