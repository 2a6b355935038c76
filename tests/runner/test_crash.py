"""Kills real processes at random points, and the crash test's own verdict when something is wrong."""

from pathlib import Path

import pytest
from recipes import make_documents, make_recipe

from tilth.runner.crash import MAX_PASSES, CrashReport, Trial, crash_test


def test_a_killed_run_ends_with_the_bytes_of_one_left_alone(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 60)
    report = crash_test(make_recipe(source, prompts=["faq", "table"]), tmp_path, kills=3, rows=60, seed=1)
    assert report.passed, report.text()
    assert len(report.trials) == 3


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_hundred_random_kills_lose_nothing_double_nothing_and_mix_nothing(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 100)
    report = crash_test(make_recipe(source, prompts=["faq", "math"]), tmp_path, kills=100, rows=100, seed=7, say=print)
    print(report.text())
    assert report.passed, report.text()


def test_a_fault_fails_the_report_and_is_named() -> None:
    good = Trial(number=1, killed_after=0.5, torn=False, passes=1.0, faults=())
    bad = Trial(
        number=2, killed_after=0.5, torn=True, passes=1.2, faults=(f"spend of 1.200 passes, limit {MAX_PASSES}",)
    )
    report = CrashReport(requests=100, rows=100, seconds=1.0, trials=(good, bad))
    assert not report.passed
    assert "FAULT kill 2: spend of 1.200 passes" in report.text()
    assert report.text().endswith("FAILED")
