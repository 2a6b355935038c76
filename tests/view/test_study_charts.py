"""The charts' own arithmetic: ticks, the Pareto edge, labels that do not lie on each other, intervals cut in sight."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.view.study.curves import Curve, curves_chart, curves_of
from tilth.view.study.forest import Row, forest
from tilth.view.study.frontier import Point, frontier, pareto
from tilth.view.study.svg import axis_number, decimals, number, ticks

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


def point(name: str, cost: float, score: float) -> Point:
    return Point(name=name, cost=cost, score=score, kind="unsure")


@settings(deadline=None, max_examples=100)
@given(FINITE, st.floats(1e-6, 1e6))
def test_ticks_are_round_few_and_inside(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert len(found) <= 9
    assert all(low - span * 1e-6 - 1e-9 <= tick <= low + span * (1 + 1e-6) + 1e-9 for tick in found)


def test_numbers_have_a_minus_sign_and_no_minus_zero() -> None:
    assert number(-0.0004, 3, signed=True) == "0.000"
    assert number(-1.5, 1) == "−1.5"
    assert [axis_number(value) for value in (0, 0.5, -2, 1e6)] == ["0", "0.5", "−2", "1e6"]
    assert [decimals([value]) for value in (0, 123, 4.2, 0.031)] == [2, 0, 2, 4]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-10, 10)), min_size=1, max_size=20), st.booleans())
def test_no_arm_on_the_edge_is_beaten_by_a_cheaper_one_and_every_other_is(
    pairs: list[tuple[float, float]], higher: bool
) -> None:
    points = [point(str(index), cost, score) for index, (cost, score) in enumerate(pairs)]
    edge = pareto(points, higher_is_better=higher)
    sign = 1 if higher else -1

    def beaten(one: Point) -> bool:
        return any(
            other.cost <= one.cost
            and sign * other.score >= sign * one.score
            and (other.cost, other.score) != (one.cost, one.score)
            for other in points
        )

    assert edge
    assert not any(beaten(one) for one in edge)
    places = {(one.cost, one.score) for one in edge}
    assert all(beaten(one) for one in points if (one.cost, one.score) not in places)


def test_costs_far_apart_stand_on_a_logarithmic_axis() -> None:
    svg = frontier([point("a", 1, 1), point("b", 1000, 2)], "t", currency="USD", unit="score")
    assert [re.search(rf">{mark}<", svg) is not None for mark in ("1", "10", "100", "1000")] == [True] * 4
    assert frontier([point("a", 1, 1)], "t", currency="USD", unit="score") == ""


def test_an_interval_beyond_the_picture_is_cut_with_an_arrow() -> None:
    rows = [
        Row(name="wide", effect=0.1, low=-9.0, high=9.2, kind="cannot tell", words=""),
        Row(name="none", effect=None, low=None, high=None, kind="cannot tell", words="no score"),
    ]
    svg = forest(rows, "t")
    assert svg.count("<polygon") == 2
    assert all(0 <= float(x) <= 1080 for x in re.findall(r'x[12]?="([\d.-]+)"', svg))
    assert forest([rows[1]], "t").startswith("<svg")


def test_labels_of_curves_that_end_together_do_not_lie_on_each_other() -> None:
    curves = [Curve(arm=f"arm {index}", points=((1, 1.0, 1.0, 1.0), (2, 0.5, 0.4, 0.6))) for index in range(8)]
    places = sorted(
        float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="start" class="name', curves_chart(curves, "t", "u"))
    )
    assert len(places) == 8
    assert min(b - a for a, b in itertools.pairwise(places)) >= 15.9


def test_a_diverged_checkpoint_is_a_gap_and_one_checkpoint_is_no_curve() -> None:
    rows = [{"arm": "a", "seed": 1, "step": step, "macro": value} for step, value in ((1, 0.5), (2, None), (3, 0.7))]
    (curve,) = curves_of(rows, ["a", "b"])
    assert [step for step, *_ in curve.points] == [1, 3]
    assert curves_chart([Curve(arm="a", points=((1, 0.5, 0.5, 0.5),))], "t", "u") == ""


@pytest.mark.parametrize("count", [1, 26])
def test_a_long_plot_has_its_numbers_above_as_well(count: int) -> None:
    rows = [Row(name=str(index), effect=1.0, low=0.5, high=1.5, kind="better", words="") for index in range(count)]
    numbers = len(re.findall(r'class="tick">1<', forest(rows, "t")))
    assert numbers == (2 if count > 25 else 1)
