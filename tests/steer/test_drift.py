"""Drift of requests, needs and whole numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.steer.drift import (
    Round,
    estimate_drift,
    largest_remainder,
    plan_requests,
    reachable_distance,
    total_variation,
)

WHERE = {("law", bin_): f"law/D{bin_}" for bin_ in range(1, 6)}


@given(
    wish=st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.integers(1, 5)), st.floats(0, 1e6, allow_nan=False), min_size=1
    ),
    total=st.integers(0, 500),
    room=st.dictionaries(st.sampled_from("abc"), st.integers(0, 300)),
)
@settings(max_examples=100, deadline=None)
def test_whole_numbers_add_up_and_stay_near_the_wish(
    wish: dict[tuple[str, int], float], total: int, room: dict[str, int]
) -> None:
    free = largest_remainder(wish, total)
    scale = total / sum(wish.values()) if sum(wish.values()) > 1e-6 else None
    assert sum(free.values()) == total
    if scale is not None:
        assert all(abs(free.get(base, 0) - value * scale) < 1 + 1e-6 for base, value in wish.items())
    again = largest_remainder(dict(reversed(wish.items())), total)
    assert again == free


def test_drift_is_what_was_seen_where_there_is_much_and_what_all_share_where_there_is_nothing() -> None:
    where = {(one, bin_): f"{one}/D{bin_}" for one in ("law", "music") for bin_ in range(1, 6)}
    seen = Round(
        requests={("law", 5): 10_000},
        moves={(("law", 5), ("law", 3)): 4000, (("law", 5), ("law", 5)): 2000, (("law", 5), None): 1000},
    )
    drift = estimate_drift([seen], where, ["law", "music"], 10.0)
    row = dict(zip(drift.cells, drift.rate[drift.requests.index(("law", 5))].tolist(), strict=True))
    assert row["law/D3"] == pytest.approx(0.4, abs=0.01)
    assert row["law/D5"] == pytest.approx(0.2, abs=0.01)
    assert row["unlabelled"] == pytest.approx(0.1, abs=0.01)
    other = dict(zip(drift.cells, drift.rate[drift.requests.index(("music", 5))].tolist(), strict=True))
    assert other["music/D3"] == pytest.approx(0.7 * 2 / 3, abs=0.02)  # the yield, and how bins move in all disciplines
    easy = dict(zip(drift.cells, drift.rate[drift.requests.index(("music", 1))].tolist(), strict=True))
    assert easy["music/D1"] == pytest.approx(0.7, abs=0.02)


def test_without_anything_known_requests_are_the_target() -> None:
    drift = estimate_drift([], WHERE, ["law"], 10.0)
    target = {"law/D1": 0.1, "law/D2": 0.2, "law/D3": 0.3, "law/D4": 0.4, "law/D5": 0.0}
    plan = plan_requests(drift, target, {}, 1000, {"law": 5000}, 400)
    assert plan == {("law", 1): 100, ("law", 2): 200, ("law", 3): 300, ("law", 4): 400}
    assert reachable_distance(drift, target, 400) == pytest.approx(0.0, abs=1e-6)


def test_what_there_is_too_much_of_is_not_asked_for() -> None:
    drift = estimate_drift([], WHERE, ["law"], 10.0)
    target = dict.fromkeys(WHERE.values(), 0.2)
    plan = plan_requests(drift, target, {"law/D1": 900, "law/D2": 100}, 1000, {"law": 5000}, 400)
    assert ("law", 1) not in plan
    assert plan["law", 2] == pytest.approx(200, abs=2)  # 300 of the 1,500 that are needed
    assert plan["law", 5] == pytest.approx(267, abs=2)


def test_a_target_that_the_author_cannot_write_is_told_apart_from_bad_steering() -> None:
    falls = Round(requests={("law", bin_): 1000 for bin_ in range(1, 6)}, moves={
        (("law", bin_), ("law", max(1, bin_ - 2))): 1000 for bin_ in range(1, 6)
    })  # fmt: skip
    drift = estimate_drift([falls], WHERE, ["law"], 10.0)
    hard = {"law/D5": 0.8, "law/D1": 0.2}
    assert (reachable_distance(drift, hard, 400) or 0) > 0.5
    easy = {"law/D1": 0.5, "law/D2": 0.3, "law/D3": 0.2}
    assert (reachable_distance(drift, easy, 400) or 0) < 0.02


def test_disciplines_without_seeds_leave_their_part_to_the_others() -> None:
    where = {(one, bin_): f"{one}/D{bin_}" for one in ("law", "music") for bin_ in range(1, 6)}
    drift = estimate_drift([], where, ["law", "music"], 10.0)
    target = dict.fromkeys(where.values(), 0.1)
    plan = plan_requests(drift, target, {}, 1000, {"law": 40, "music": 5000}, 400)
    assert sum(count for base, count in plan.items() if base[0] == "law") == 40
    assert sum(plan.values()) == 1000
    assert sum(plan_requests(drift, target, {}, 1000, {"law": 40, "music": 60}, 50).values()) == 100
    assert plan_requests(drift, target, {}, 1000, {}, 50) == {}


def test_total_variation_counts_what_lies_outside_the_target() -> None:
    assert total_variation({"a": 0.5, "b": 0.5}, {"a": 1, "b": 1}) == 0
    assert total_variation({"a": 0.5, "b": 0.5}, {"a": 1, "b": 1, "other": 2}) == pytest.approx(0.5)
    assert total_variation({"a": 1.0}, {}) is None
    assert np.isclose(total_variation({"a": 1.0}, {"unlabelled": 3}) or 0, 1.0)
