"""Quality rules: tilth and datatrove's own filters with the same rules on the same real English documents, interleaved.

Each runs as one whole process, start-up included, Parquet in and Parquet out, words split on white space. tilth runs
twice a round: with every signal measured on every document, which the verdict is on, and stopping early as datatrove
does. tilth also writes the dropped rows with all signals, datatrove only the kept ones.
"""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import polars as pl
from harness.environments import PEERS_FOLDER, environment
from harness.figures import ratios, spread
from harness.measure import measured
from harness.results import fresh_folder, say

from curation.near import PEER_ENVIRONMENT, make_environment

ASKED_RATIO = 6.0  # datatrove's CPU time over tilth's
ASKED_AGREEMENT = 0.99  # of documents with the same decision
FILES = 4

_DRIVE = Path(__file__).with_name("rules_drive.py")
CONTENDERS = {
    "tilth": [sys.executable, str(_DRIVE)],
    "tilth, stopping early": [sys.executable, str(_DRIVE), "--measure", "needed"],
    "datatrove": [str(PEER_ENVIRONMENT / "bin" / "python"), str(PEERS_FOLDER / "datatrove" / "rules.py")],
}


def run(options: Namespace) -> dict[str, Any]:
    """Measure. `options`: `documents` (folder of Parquet with doc_id, text and lang), `work`, `rounds`, `megabytes`
    (of text, at most) and `peer` (False: tilth alone).
    """
    fresh_folder(options.work)
    size, rows = write_documents(options.documents, options.work / "documents", options.megabytes)
    if options.peer:
        make_environment()
    names = [name for name in CONTENDERS if options.peer or name != "datatrove"]
    write_documents(options.documents, options.work / "few", 0.2)
    for name in names:  # once unmeasured on a few documents, so that byte code is compiled
        _once(name, options.work, "warm-up", "few")
    runs: list[dict[str, Any]] = []
    for number in range(options.rounds):
        for name in names if number % 2 == 0 else names[::-1]:
            runs.append({"round": number, "contender": name, **_once(name, options.work, str(number))})
            runs[-1]["mb_per_cpu_s"] = size / 1e6 / runs[-1]["cpu_s"]
            say(f"round {number + 1} {name}: {runs[-1]['cpu_s']:.1f} CPU-s, {runs[-1]['mb_per_cpu_s']:.2f} MB a CPU-s")
    return {"documents": rows, "megabytes": size / 1e6, "runs": runs, **judge(options.work, runs, rows)}


def write_documents(folder: Path, to: Path, megabytes: float) -> tuple[int, int]:
    """English documents in a fixed mixed order, in `FILES` files with id and text; their bytes and number."""
    fresh_folder(to)
    read = [pl.read_parquet(path, columns=["doc_id", "text", "lang"]) for path in sorted(folder.glob("*.parquet"))]
    rows = pl.concat(read).filter(pl.col("lang") == "en").select(pl.col("doc_id").alias("id"), "text").unique("id")
    rows = rows.sort("id").sample(fraction=1, shuffle=True, seed=0)
    rows = rows.filter(pl.col("text").str.len_bytes().cum_sum() <= megabytes * 1e6)
    for number in range(FILES):
        rows.gather_every(FILES, number).write_parquet(to / f"{number}.parquet")
    return int(rows["text"].str.len_bytes().sum()), len(rows)


def judge(work: Path, runs: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    """Ratios round by round, the share of documents decided alike, and whether what was asked is met."""

    def cpu(contender: str) -> list[float]:
        return [one["cpu_s"] for one in runs if one["contender"] == contender]

    if not cpu("datatrove"):
        return {"ratio": None, "agreement": None, "met": None}
    found = {name: spread(ratios(cpu("datatrove"), cpu(name))) for name in CONTENDERS if name != "datatrove"}
    ours, theirs = (_kept(_folder(work, name, "0")) for name in ("tilth", "datatrove"))
    agreement = 1 - len(ours ^ theirs) / rows
    ratio = {name: {"median": one.median, "least": one.least, "greatest": one.greatest} for name, one in found.items()}
    met = {"ratio": found["tilth"].median >= ASKED_RATIO, "agreement": agreement >= ASKED_AGREEMENT}
    return {"ratio": ratio, "agreement": agreement, "met": met}


def _once(name: str, work: Path, label: str, documents: str = "documents") -> dict[str, Any]:
    folder = fresh_folder(_folder(work, name, label))
    log = work / f"{folder.name}.log"
    command = [*CONTENDERS[name], "--documents", str(work / documents), "--work", str(folder)]
    figures = measured(command, env=environment(folder), log=log, timeout=3600)
    if figures.returncode:
        raise RuntimeError(f"{name} ended with {figures.returncode}; its output ends: {log.read_text()[-800:]}")
    return {"cpu_s": figures.cpu_s, "wall_s": figures.wall_s, "peak_tree_bytes": figures.peak_tree_bytes}


def _folder(work: Path, name: str, label: str) -> Path:
    return work / f"{name.replace(', ', '-').replace(' ', '-')}-{label}"


def _kept(folder: Path) -> set[str]:
    return set(pl.concat([pl.read_parquet(path, columns=["id"]) for path in (folder / "kept").glob("*.parquet")])["id"])
