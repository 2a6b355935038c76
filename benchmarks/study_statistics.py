"""The statistics of a large study: time and peak memory of one process from the table of results to all verdicts.

    python benchmarks/study_statistics.py                  # 30 arms x 5 seeds x 20 tasks x 1,000 items
    python benchmarks/study_statistics.py --arms 3 --items 100 --rounds 1

Makes a table of results (one Parquet file an arm, one row an item) from made-up scores, then starts a fresh process a
round that reads it and writes every number of the report. Ends with 0 when it takes under 30 seconds and 2 GB.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from harness.environments import environment
from harness.figures import spread
from harness.measure import measured
from harness.results import RESULTS, save, say

from tilth.data.results import write_results
from tilth.study.simulate import Truth, simulate
from tilth.study.statistics.report import Question, study_statistics
from tilth.study.statistics.scores import Scores, Selection

MOST_SECONDS = 30.0
MOST_BYTES = 2 * 1000**3


def make(folder: Path, args: argparse.Namespace) -> int:
    """Write the table; the number of its rows."""
    effects = np.random.default_rng(0).normal(0, 0.02, args.arms - 1)
    truth = Truth(effects=tuple(effects), seeds=args.seeds, tasks=args.tasks, items=args.items)
    scores = simulate(truth, np.random.default_rng(1))
    for place, arm in enumerate(scores.arms):
        write_results(folder / f"{arm}.parquet", table(scores, place))
    return int(sum(task.values.size for task in scores.tasks))


def table(scores: Scores, arm: int) -> pa.Table:
    """The rows of one arm, columns built whole."""
    seeds, items = len(scores.seeds), len(scores.tasks[0].items)
    block = seeds * items
    rows = block * len(scores.tasks)
    return pa.table(
        {
            "arm": pa.array([scores.arms[arm]] * rows),
            "size": pa.array(["laptop"] * rows),
            "seed": np.tile(np.repeat(np.array(scores.seeds), items), len(scores.tasks)),
            "step": np.full(rows, 1000),
            "task": pa.array([task.name for task in scores.tasks for _ in range(block)]),
            "form": pa.array(["cloze"] * rows),
            "item": pa.array(
                [f"{task.name}/{item}" for task in scores.tasks for _ in range(seeds) for item in task.items]
            ),
            "group": pa.nulls(rows, pa.string()),
            "metric": pa.array(["norm_prob_gold"] * rows),
            "value": np.concatenate([task.values[arm].ravel() for task in scores.tasks]),
        }
    )


def child(folder: Path) -> None:
    """What is measured: everything from the files to a report's numbers."""
    question = Question(baseline="baseline", selection=Selection(metric="norm_prob_gold"))
    found = study_statistics(folder / "results", question)
    (folder / "statistics.json").write_text(json.dumps(found))


def main() -> int:
    args = parser().parse_args()
    if args.child:
        child(args.child)
        return 0
    del args.child
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        rows = make(work / "results", args)
        say(f"{rows:,} rows made")
        command = [sys.executable, str(Path(__file__).resolve()), "--child", str(work)]
        runs = []
        for place in range(args.rounds):
            found = measured(command, env=environment(work), log=work / "log", timeout=600)
            if found.returncode != 0:
                raise RuntimeError(f"the child ended with {found.returncode}: {(work / 'log').read_text()}")
            runs.append(
                {"round": place, "wall_s": found.wall_s, "cpu_s": found.cpu_s, "peak_bytes": found.peak_tree_bytes}
            )
            say(f"round {place}: {found.wall_s:.1f} s, {found.cpu_s:.1f} CPU-s, {found.peak_tree_bytes / 1e6:.0f} MB")
    wall, memory = (spread([run[key] for run in runs]) for key in ("wall_s", "peak_bytes"))
    met = wall.greatest < MOST_SECONDS and memory.greatest < MOST_BYTES
    asked = {"wall_s": MOST_SECONDS, "peak_bytes": MOST_BYTES}
    path = save("study_statistics", args, {"rows": rows, "runs": runs, "asked": asked, "met": met})
    say(f"median {wall.text(1)} s of {MOST_SECONDS:g} allowed; most memory {memory.greatest / 1e9:.2f} GB; {path}")
    return 0 if met else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--arms", type=int, default=30, help="the baseline among them (default %(default)s)")
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--tasks", type=int, default=20)
    made.add_argument("--items", type=int, default=1000, help="of each task (default %(default)s)")
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return made


if __name__ == "__main__":
    sys.exit(main())
