"""The arithmetic of benchmarks/generate.py: what is divided by what, and what counts as met."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from generation.memory import judge  # noqa: E402
from generation.slots import read_shares  # noqa: E402
from generation.storm import reached  # noqa: E402
from generation.throughput import summarise  # noqa: E402
from harness.documents import texts  # noqa: E402
from harness.figures import Run, busy_share, last_json_line, per_cpu_second, ratios, spread, table  # noqa: E402

COSTS = st.lists(st.floats(0.01, 1000), min_size=1, max_size=20)


def record(name: str, number: int, whole: float, net: float) -> dict[str, object]:
    return {
        "contender": name,
        "round": number,
        "whole_ms": whole,
        "net_ms": net,
        "run": {"peak_tree_bytes": 200_000_000},
    }


def test_a_request_costs_the_cpu_time_over_the_requests_and_without_startup_the_difference() -> None:
    run = Run(requests=1008, cpu_s=7.0, startup_requests=8, startup_cpu_s=4.0)
    assert run.whole_ms == pytest.approx(7000 / 1008)
    assert run.net_ms == pytest.approx(3.0)
    assert per_cpu_second(run.net_ms) == pytest.approx(1000 / 3)


def test_a_run_no_larger_or_no_dearer_than_its_startup_gives_no_figure() -> None:
    with pytest.raises(ValueError, match="larger than the start-up"):
        _ = Run(requests=8, cpu_s=7.0, startup_requests=8, startup_cpu_s=4.0).net_ms
    with pytest.raises(ValueError, match="more requests"):
        _ = Run(requests=100, cpu_s=3.9, startup_requests=8, startup_cpu_s=4.0).net_ms


@given(COSTS)
@settings(deadline=None, max_examples=50)
def test_a_median_lies_between_the_extremes_and_half_the_runs_on_each_side(values: list[float]) -> None:
    found = spread(values)
    assert found.least == min(values) <= found.median <= found.greatest == max(values)
    assert 2 * sum(value <= found.median for value in values) >= len(values)
    assert 2 * sum(value >= found.median for value in values) >= len(values)


def test_ratios_pair_the_rounds() -> None:
    assert ratios([10.0, 30.0], [2.0, 3.0]) == [5.0, 10.0]
    with pytest.raises(ValueError, match="rounds differ"):
        ratios([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no runs"):
        spread([])


def test_the_report_is_the_last_json_object_among_log_lines() -> None:
    output = '{"early": 1}\n{broken\n{"peer": "x", "rows": 3}\nINFO done\n{not json}\n'
    assert last_json_line(output) == {"peer": "x", "rows": 3}
    with pytest.raises(ValueError, match="no JSON report"):
        last_json_line("Traceback\n[1]\n")


def test_throughput_is_judged_by_the_reading_that_is_worse_for_tilth() -> None:
    ours = [record("tilth", n, whole, 0.5) for n, whole in enumerate([0.9, 0.8, 1.2])]
    dear_start = [record("curator", n, 9.0, 2.4) for n in range(3)]  # 10 times with start-up, 4.8 times without
    dear_all = [record("datatrove", n, 5.0, 2.6) for n in range(3)]
    summary = summarise([*ours, *dear_start, *dear_all])
    assert summary["tilth"]["met"]
    assert summary["tilth"]["per_cpu_second"]["whole"]["median"] == pytest.approx(1111.1, abs=0.1)
    assert not summary["curator"]["met"]
    assert summary["datatrove"]["met"]
    assert summary["datatrove"]["ratio"]["whole"] == {
        "median": pytest.approx(5.0 / 0.9),
        "least": pytest.approx(5.0 / 1.2),
        "greatest": pytest.approx(5.0 / 0.8),
    }
    slow = summarise([record("tilth", 0, 1.01, 0.5)])
    assert not slow["tilth"]["met"]


def sample(clock: float, area: float, received: int, active: int, most: int) -> dict[str, float]:
    return {
        "clock": clock,
        "busy_slot_seconds": area,
        "requests": received - active,
        "active": active,
        "queued": 0,
        "max_active": most,
        "seconds": clock,
    }


def test_slots_are_read_with_the_ramps_and_without() -> None:
    ramp_up = sample(1.0, 2.0, 10, 4, 4)  # 4 slots, full at the end of the first second
    middle = sample(2.0, 5.9, 20, 4, 4)
    steady_end = sample(3.0, 9.8, 29, 4, 4)
    end = sample(4.0, 11.8, 30, 0, 4)
    shares = read_shares([ramp_up, middle, steady_end, end], 4, 30)
    assert shares["whole"] == pytest.approx(11.8 / 16)
    assert shares["steady"] == pytest.approx(7.8 / 8)


def test_slots_that_were_never_all_busy_have_no_steady_share() -> None:
    shares = read_shares([sample(1.0, 1.0, 5, 2, 3), sample(2.0, 3.0, 10, 0, 3)], 4, 10)
    assert shares == {"whole": pytest.approx(3 / 8), "steady": None}
    with pytest.raises(ValueError, match="above 0"):
        busy_share(1.0, 0, 1.0)


def test_a_storm_is_judged_by_what_the_bucket_gave_out() -> None:
    counters = {"requests": 1500, "outcomes": {"ok": 990, "rate_limited": 510}, "seconds": 9.0}
    assert reached(counters, rate=100, burst=100) == pytest.approx(0.99)


def test_memory_is_judged_by_its_size_and_by_its_growth() -> None:
    assert judge([{"tree_mb": 300.0}, {"tree_mb": 329.0}])["met"]
    assert not judge([{"tree_mb": 300.0}, {"tree_mb": 331.0}])["met"]
    assert not judge([{"tree_mb": 490.0}, {"tree_mb": 501.0}])["met"]


def test_a_table_has_its_head_from_the_first_row() -> None:
    assert table([{"a": "1", "b": "2"}, {"b": "4", "a": "3"}]).splitlines() == [
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "| 3 | 4 |",
    ]


@given(st.integers(1, 40), st.integers(60, 3000), st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_documents_have_the_asked_size_repeat_and_differ_from_one_another(count: int, size: int, seed: int) -> None:
    made = list(texts(count, size, seed))
    assert made == list(texts(count, size, seed))
    assert all(len(text.encode()) == size for text in made)
    assert len(set(made)) == count
