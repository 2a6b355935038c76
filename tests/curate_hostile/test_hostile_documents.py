"""No stage takes long, much memory or a row away, whatever a document holds: every stage over every hostile shape.

A stage runs in a process of its own, which measures its CPU time and peak memory itself. What is asked is one
CPU-second a megabyte; the worst measured on a busy machine is 0.7 (n-grams of words and of characters of a text of
single letters). The bound here is several times that, since a test must not fail on a slow machine, and a quadratic
stage takes minutes. Documents of 4 MB and the bound itself:
`TILTH_HOSTILE=4:1 scripts/test -- -m slow tests/curate_hostile`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_stages import frame_of, settings
from hostile_texts import NAMES

from tilth.classify.grams import Grams
from tilth.classify.train import Training
from tilth.curate.score.train import Labelled, train_scorer

STAGES = sorted(settings(Path("anywhere")))
MEGABYTES, SECONDS_A_MEGABYTE = map(float, os.environ.get("TILTH_HOSTILE", "0.5:5").split(":"))
#: Of a document of 4 MB and of 50 MB. What a stage needs beside the text: up to 300 MB (libraries, models, index).
PEAK, PEAK_LONG = 1.0e9, 2.0e9
#: Those that take most memory or time where a document is long.
LONG = ("one line of words", "one letter a word")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """Real benchmark files and a small trained scorer."""
    made = tmp_path_factory.mktemp("hostile")
    (made / "benchmarks").mkdir()
    for name in ("gsm8k", "mmlu", "cmrc2018"):
        shutil.copy(shared / "data" / "benchmarks" / f"{name}.parquet", made / "benchmarks")
    subjects = ("energy", "cells", "primes", "light", "sugar", "waves", "acids", "stars")
    good = [f"the theory of {name} explains law {at} with a proof" for at in range(5) for name in subjects]
    bad = [f"buy {name} now, free order {at}, click here" for at in range(5) for name in subjects]
    rows = Labelled(texts=(*good, *bad), labels=("good",) * 40 + ("bad",) * 40)
    train_scorer(rows, made / "scorer", good="good", training=Training(grams=Grams(bits=14), folds=3))
    return made


def taken(folder: Path, stage: str, megabytes: float, characters: int, shapes: tuple[str, ...]) -> list[dict[str, Any]]:
    """What the stage took for each shape, from a process of its own."""
    program = Path(__file__).with_name("hostile_stages.py")
    command = [sys.executable, str(program), str(folder), stage, str(megabytes), str(characters), *shapes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["shape"] for one in found] == list(shapes)
    return found


def check(found: list[dict[str, Any]], peak: float) -> None:
    """Rows, reasons, CPU time and memory."""
    assert all(one["same_rows"] and not one["unknown"] for one in found)
    slow = {one["shape"]: one["seconds"] / one["bytes"] * 1e6 for one in found}
    assert {shape: rate for shape, rate in slow.items() if rate > SECONDS_A_MEGABYTE} == {}
    assert max(one["peak"] for one in found) < peak


@pytest.mark.slow
@pytest.mark.timeout(3600)  # wall time on a busy machine; the CPU time is what counts
@pytest.mark.parametrize("stage", STAGES)
def test_a_long_hostile_document_takes_bounded_time_and_memory(folder: Path, stage: str) -> None:
    check(taken(folder, stage, MEGABYTES, 0, NAMES), PEAK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("characters", [1500, 20_000])
def test_hostile_documents_of_usual_length_take_no_longer(folder: Path, stage: str, characters: int) -> None:
    check(taken(folder, stage, 0.1, characters, NAMES), PEAK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("stage", STAGES)
def test_a_hostile_document_of_fifty_megabytes_takes_bounded_memory(folder: Path, stage: str) -> None:
    check(taken(folder, stage, 50, 0, LONG), PEAK_LONG)


def test_a_frame_of_the_program_holds_the_whole_text() -> None:
    assert "".join(frame_of("abcdefg", "rules", 3)["text"]) == "abcdefg"
    assert frame_of("abcdefghi", "questions")["metadata"].str.contains("def").all()
