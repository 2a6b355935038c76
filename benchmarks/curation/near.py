"""Near duplicates: tilth and datatrove at the same settings on the same corpus with planted pairs, interleaved.

Each runs as one whole process tree, start-up included, Parquet in and Parquet out, with one worker. A pair is found
where not both of its documents are in the output. Then tilth alone on eight times the input: CPU time a megabyte and
peak memory.
"""

import hashlib
import shutil
import subprocess
import sys
from argparse import Namespace
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
from harness.environments import ENVIRONMENTS, PEERS_FOLDER, PYTHON, environment
from harness.figures import ratios, spread
from harness.measure import Measured, measured
from harness.results import fresh_folder, say

from curation.near_corpus import Corpus, make

ASKED_RATIO = 5.0  # datatrove's CPU time over tilth's
ASKED_RECALL = 0.97  # of pairs with a Jaccard of 0.8 and more
ASKED_GROWTH = 1.20  # CPU time a megabyte, 8x over 1x, both without the start of the processes
ASKED_PEAK = 1e9  # bytes
START_MEGABYTES = 0.2  # a corpus that costs little but the start of the processes
RECALL_ERROR = 0.02  # what two fair draws of hash functions differ by on a few hundred pairs
CORPORA = ("start", "small", "large")
EDGES = (0.65, 0.75, 0.85, 0.95, 1.01)
PEER_ENVIRONMENT = ENVIRONMENTS / "datatrove-minhash"
_REQUIREMENTS = PEERS_FOLDER / "datatrove" / "minhash-requirements.txt"


def run(options: Namespace) -> dict[str, Any]:
    """Measure. `options`: `documents` (folder of Parquet with text and lang), `work`, `rounds`, `megabytes`, `scale`
    (how many times larger the second corpus is) and `peer` (False: tilth alone).
    """
    fresh_folder(options.work)
    start = make(options.documents, options.work / "start", START_MEGABYTES)
    small = make(options.documents, options.work / "small", options.megabytes)
    large = make(options.documents, options.work / "large", options.megabytes * options.scale, seed=1)
    contenders = ("tilth", "datatrove") if options.peer else ("tilth",)
    if options.peer:
        make_environment()
    runs = []
    for number in range(options.rounds):
        for corpus in (start, small, large):
            for name in contenders if number % 2 == 0 else contenders[::-1]:
                runs.append({"round": number, **_once(name, corpus, options.work, number)})
                figures = f"{runs[-1]['cpu_s']:.1f} CPU-s, recall {runs[-1]['recall_0.8']:.3f}"
                say(f"round {number + 1} {name}, {corpus.bytes / 1e6:.0f} MB: {figures}")
    return {"runs": runs, **judge(runs)}


def judge(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures asked for, and whether each is met. The ratio judged is that on the larger corpus: on the smaller
    one most of tilth's time is the start of its processes.
    """

    def column(contender: str, corpus: str, name: str) -> list[float]:
        return [one[name] for one in runs if one["contender"] == contender and one["corpus"] == corpus]

    def recall(contender: str) -> float | None:
        return min(
            (one["recall_0.8"] for one in runs if one["contender"] == contender and one["corpus"] != "start"),
            default=None,
        )

    median = {corpus: spread(column("tilth", corpus, "cpu_s")).median for corpus in CORPORA}
    sizes = {corpus: column("tilth", corpus, "bytes")[0] for corpus in CORPORA}
    net = {name: (median[name] - median["start"]) / (sizes[name] - sizes["start"]) for name in ("small", "large")}
    growth = net["large"] / net["small"]
    peak = max(one["peak_tree_bytes"] for one in runs if one["contender"] == "tilth")
    ratio = {
        corpus: spread(ratios(column("datatrove", corpus, "cpu_s"), column("tilth", corpus, "cpu_s"))).median
        for corpus in CORPORA
        if column("datatrove", corpus, "cpu_s")
    }
    ours, theirs = recall("tilth"), recall("datatrove")
    assert ours is not None
    met = {
        "ratio": ratio["large"] >= ASKED_RATIO if ratio else None,
        "recall": ours >= ASKED_RECALL,
        "recall_not_below_peer": None if theirs is None else ours >= theirs - RECALL_ERROR,
        "growth": growth <= ASKED_GROWTH,
        "peak": peak <= ASKED_PEAK,
    }
    return {
        "ratio": ratio,
        "growth": growth,
        "net_cpu_s_per_mb": {name: value * 1e6 for name, value in net.items()},
        "peak_bytes": peak,
        "recall": {"tilth": ours, "datatrove": theirs},
        "met": met,
    }


def make_environment() -> None:
    """datatrove with what its MinHash stages import, in an environment of its own; needs the network."""
    python, stamp = PEER_ENVIRONMENT / "bin" / "python", PEER_ENVIRONMENT / "requirements.sha256"
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    shutil.rmtree(PEER_ENVIRONMENT, ignore_errors=True)
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", "--python", PYTHON, str(PEER_ENVIRONMENT)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        subprocess.run([sys.executable, "-m", "venv", str(PEER_ENVIRONMENT)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "-r", str(_REQUIREMENTS)], check=True)
    stamp.write_text(digest)


def _once(name: str, corpus: Corpus, work: Path, number: int) -> dict[str, Any]:
    """One run of one contender: its figures and what it found. Raises `RuntimeError` where it failed."""
    folder = work / f"run-{name}-{corpus.folder.name}-{number}"
    folder.mkdir()
    ours = name == "tilth"
    python = sys.executable if ours else str(PEER_ENVIRONMENT / "bin" / "python")
    script = Path(__file__).with_name("near_drive.py") if ours else PEERS_FOLDER / "datatrove" / "minhash.py"
    command = [python, str(script), "--documents", str(corpus.folder), "--work", str(folder)]
    log = folder.with_suffix(".log")
    figures: Measured = measured(command, env=environment(folder), log=log, timeout=3600)
    if figures.returncode != 0:
        raise RuntimeError(f"{name} ended with {figures.returncode}: {log.read_text(errors='replace')[-1000:]}")
    kept = pl.concat(pl.read_parquet(path, columns=["id"]) for path in (folder / "output").glob("*.parquet"))["id"]
    return {
        "contender": name,
        "corpus": corpus.folder.name,
        "bytes": corpus.bytes,
        "documents": corpus.documents,
        "cpu_s": figures.cpu_s,
        "cpu_s_per_mb": figures.cpu_s / corpus.bytes * 1e6,
        "wall_s": figures.wall_s,
        "peak_tree_bytes": figures.peak_tree_bytes,
        "dropped": corpus.documents - len(kept),
        **recalls(corpus.pairs, kept),
    }


def recalls(pairs: pl.DataFrame, kept: pl.Series) -> dict[str, Any]:
    """Share of the planted pairs found: from 0.8 on, and by band beside what the banding formula expects."""
    both = pl.col("left").is_in(kept.implode()) & pl.col("right").is_in(kept.implode())
    found = pairs.with_columns(found=~both, expected=1 - (1 - pl.col("jaccard") ** 8) ** 14)
    similar = found.filter(pl.col("jaccard") >= 0.8)
    bands = []
    for low, high in pairwise(EDGES):
        inside = found.filter(pl.col("jaccard").is_between(low, high, closed="left"))
        means = inside.select(pl.col("found", "expected").mean()).row(0)
        bands.append({"from": low, "to": high, "pairs": len(inside), "found": means[0], "expected": means[1]})
    return {"recall_0.8": similar["found"].mean(), "expected_0.8": similar["expected"].mean(), "bands": bands}
