# ruff: noqa: E501
"""Gold answers of real benchmarks: each is accepted in several forms, and another question's is refused."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tilth.answers.check import check
from tilth.answers.program import CodeSettings, run_tests

FRAMES = ("{}", "The answer is {}.", "So we get it.\n#### {}", "Reasoning here.\n\\boxed{{{}}}", "答案：{}")
ROWS = 120


def golds(shared: Path, name: str) -> list[tuple[Any, list[str], str]]:
    """(gold, options, one accepted text) of a sample of a benchmark."""
    frame = pl.read_parquet(shared / "data" / "benchmarks" / f"{name}.parquet").sample(ROWS, seed=1)
    found = []
    for row in frame.iter_rows(named=True):
        choices = row["choices"] if isinstance(row["choices"], list) else json.loads(row["choices"] or "[]")
        first = row["answer"].split(" || ")[0]
        if not any(map(str.isalnum, first)):
            continue  # one gold answer of nq_open is "---"
        gold = [first, *json.loads(row["raw"])["aliases"]] if name == "triviaqa_3k" else row["answer"]
        found.append((gold, choices, first))
    return found


@pytest.mark.parametrize(
    "name",
    ["gsm8k", "math", "aqua_rat", "mmlu", "svamp", "gaokao_bench_obj", "triviaqa_3k", "nq_open", "cmath"],
)
def test_golds_are_accepted_and_those_of_other_questions_refused(shared: Path, name: str) -> None:
    rows = golds(shared, name)
    refused = [
        text
        for gold, options, text in rows
        for frame in FRAMES
        if not check(frame.format(text), gold, None, options).correct
    ]
    assert refused == []
    others = [
        (gold, options, rows[at - 7][2]) for at, (gold, options, text) in enumerate(rows) if rows[at - 7][2] != text
    ]
    accepted = [(text, gold) for gold, options, text in others if check(text, gold, None, options).correct]
    assert len(accepted) <= len(others) // 100


@pytest.mark.slow
def test_canonical_programs_pass_and_mutated_ones_fail(shared: Path) -> None:
    rows = pl.read_parquet(shared / "data" / "benchmarks" / "humaneval.parquet").to_dicts()
    rng = random.Random(1)
    for row in rng.sample(rows, 25):
        raw = json.loads(row["raw"])
        tests = f"{raw['test']}\ncheck({raw['entry_point']})"
        program = raw["prompt"] + raw["canonical_solution"]
        run = run_tests(program, tests, CodeSettings(seconds=20))
        assert run.passed, (raw["task_id"], run)
        broken = f"{program}\n_right = {raw['entry_point']}\ndef {raw['entry_point']}(*a):\n    _right(*a)\n    return 'no'\n"
        assert not run_tests(broken, tests, CodeSettings(seconds=20)).passed
