"""Real processes killed while they gather and decide: run again, the outcome is that of a run nobody disturbed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

DRIVER = """
import sys
from pathlib import Path
import polars as pl
from tilth.curate.exact.stage import build as exact
from tilth.curate.near.stage import build as near
from tilth.curate.repeats.stage import build as repeats
from tilth.recipe.stages.duplicates import ExactDuplicates, NearDuplicates, RepeatedText

kind, corpus, folder, order = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
stage = {
    "exact": lambda: exact(ExactDuplicates(), 0),
    "near": lambda: near(NearDuplicates(verify=0.7, write_index=True), 0),
    "repeats": lambda: repeats(RepeatedText(documents=2), 0),
}[kind]()
parts = sorted(corpus.glob("*.parquet"))
for path in parts if order == "forward" else parts[::-1]:
    print("part", flush=True)
    stage.gather([pl.read_parquet(path)], path.stem, folder)
print("decide", flush=True)
stage.decide([path.stem for path in parts], folder, 2)
print("decided", flush=True)
for path in parts:
    stage.apply(pl.read_parquet(path), path.stem, folder).write_parquet(folder / f"out-{path.name}")
"""


def make_corpus(folder: Path) -> None:
    from tilth.frames import make_frame

    rng = random.Random(5)
    pool = [
        " ".join(rng.choices(["river", "stone", "mill", "seven", "north", "glass", "paper", "seed"], k=9))
        for _ in range(400)
    ]
    texts = []
    for number in range(240):
        lines = (
            rng.choices(pool, k=12)
            if number % 3
            else texts[rng.randrange(len(texts))].split("\n")[:11]
            if texts
            else [pool[0]]
        )
        texts.append("\n".join([*lines, f"unique ending {'abcdefghij'[number % 10]} {number}"]))
    texts[50::60] = texts[10:14]
    frame = make_frame(texts)
    folder.mkdir()
    for number in range(4):
        frame[number * 60 : number * 60 + 60].write_parquet(folder / f"part-{number:05d}.parquet")


def outcome(folder: Path) -> tuple[pl.DataFrame, dict[str, bytes]]:
    rows = pl.concat(pl.read_parquet(path) for path in sorted(folder.glob("out-*.parquet")))
    written = [path for path in folder.rglob("*") if path.is_file() and path.parent.name in ("clusters", "index")]
    return rows, {str(path.relative_to(folder)): path.read_bytes() for path in written}


def start(kind: str, corpus: Path, folder: Path, order: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", DRIVER, kind, str(corpus), str(folder), order]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "POLARS_MAX_THREADS": "1"})


def killed_at(kind: str, corpus: Path, folder: Path, line: int, delay: float) -> None:
    """Start, wait for the given line of the driver's output and a moment more, and kill."""
    with start(kind, corpus, folder, "backward") as process:
        assert process.stdout is not None
        for _ in range(line):
            process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["near", "exact", "repeats"])
def test_killed_and_run_again_gives_what_an_undisturbed_run_gives(kind: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    make_corpus(corpus)
    for folder in ("calm", "killed"):
        (tmp_path / folder).mkdir()
    with start(kind, corpus, tmp_path / "calm", "forward") as calm:
        calm.communicate()
    assert calm.returncode == 0
    for line, delay in ((2, 0.0), (5, 0.01)):  # in the second part, and while it decides
        killed_at(kind, corpus, tmp_path / "killed", line, delay)
    with start(kind, corpus, tmp_path / "killed", "backward") as again:
        again.communicate()
    assert again.returncode == 0
    expected, files = outcome(tmp_path / "calm")
    rows, files_again = outcome(tmp_path / "killed")
    assert expected["reason"].null_count() < len(expected) or kind == "repeats"
    assert rows.equals(expected)
    assert files_again == files
