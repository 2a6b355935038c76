"""The plan: smallest differences and seeds, checked against published planning numbers and against themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.study.power import (
    Design,
    as_json,
    chance_of_finding_best,
    chance_of_right_order,
    chance_of_right_sign,
    power,
    power_table,
    seeds_needed,
    smallest_by_items,
    smallest_difference,
    two_sample_seeds,
)
from tilth.study.published.tables import published_noise
from tilth.study.statistics.quantiles import noncentral_t_cdf, t_quantile


@pytest.mark.parametrize(
    ("correlation", "points"),
    [
        (0.0, (18.9, 14.7, 8.4, 6.0, 4.2, 1.9)),
        (0.5, (13.4, 10.4, 6.0, 4.2, 3.0, 1.3)),
        (0.8, (8.4, 6.6, 3.8, 2.7, 1.9, 0.8)),
    ],
)
def test_smallest_accuracy_difference_by_number_of_questions(correlation: float, points: tuple[float, ...]) -> None:
    items = (100, 164, 500, 1000, 2000, 10_000)
    found = [100 * smallest_by_items(items=count, rate=0.35, correlation=correlation) for count in items]
    assert found == pytest.approx(points, abs=0.11)


def test_seeds_for_80_percent_power_without_pairing() -> None:
    assert [two_sample_seeds(ratio) for ratio in (0.5, 1, 1.5, 2, 3)] == [64, 17, 9, 6, 4]
    with pytest.raises(ConfigError, match="1000 seeds"):
        two_sample_seeds(0.01)


@pytest.mark.parametrize(
    ("ratio", "chances"),
    [(0.5, (0.64, 0.69, 0.73, 0.79, 0.87)), (1, (0.76, 0.84, 0.89, 0.94, 0.99)), (2, (0.92, 0.98, 0.99, 1.0, 1.0))],
)
def test_the_chance_of_the_right_sign(ratio: float, chances: tuple[float, ...]) -> None:
    assert [chance_of_right_sign(ratio, seeds) for seeds in (1, 2, 3, 5, 10)] == pytest.approx(chances, abs=0.005)


@pytest.mark.parametrize(
    ("signal", "order", "of_8", "of_25"),
    [
        (0.5, 0.65, (0.29, 0.65), (0.17, 0.37)),
        (1, 0.75, (0.46, 0.81), (0.34, 0.62)),
        (2, 0.85, (0.65, 0.94), (0.56, 0.86)),
        (4, 0.92, (0.81, 0.99), (0.75, 0.96)),
        (10, 0.97, (0.92, 1.00), (0.89, 1.00)),
    ],
)
def test_right_order_and_right_winner_by_signal_to_noise(
    signal: float, order: float, of_8: tuple[float, float], of_25: tuple[float, float]
) -> None:
    assert chance_of_right_order(signal) == pytest.approx(order, abs=0.006)
    assert chance_of_finding_best(signal, 8) == pytest.approx(of_8, abs=0.016)
    assert chance_of_finding_best(signal, 25) == pytest.approx(of_25, abs=0.016)


def test_with_seeds_alone_the_power_is_that_of_the_paired_t_test() -> None:
    for seeds in (2, 3, 5, 10):
        shift = 0.5 / (0.2 * np.sqrt(2 / seeds))
        edge = t_quantile(0.975, seeds - 1)
        exact = 1 - noncentral_t_cdf(edge, seeds - 1, shift) + noncentral_t_cdf(-edge, seeds - 1, shift)
        assert power(0.5, Design(seed_sd=0.2, seeds=seeds)) == pytest.approx(float(exact), abs=0.002)


def test_with_items_alone_the_power_is_that_of_the_normal_test() -> None:
    design = Design(seed_sd=0.0, seeds=3, items=1000, item_sd=np.sqrt(0.35 * 0.65), item_correlation=0.5)
    assert smallest_difference(design) == pytest.approx(
        smallest_by_items(items=1000, rate=0.35, correlation=0.5), rel=0.01
    )


def test_no_difference_is_found_as_often_as_alpha_says() -> None:
    assert power(0.0, Design(seed_sd=0.2, seeds=5)) == pytest.approx(0.05, abs=0.001)
    assert power(0.0, Design(seed_sd=0.2, seeds=5, comparisons=10)) == pytest.approx(0.005, abs=0.0005)


DESIGNS = st.builds(
    Design,
    seed_sd=st.floats(0.01, 1),
    seeds=st.integers(2, 10),
    item_sd=st.floats(0, 5),
    items=st.integers(100, 5000),
    comparisons=st.integers(1, 30),
    pooled=st.booleans(),
)


@given(DESIGNS, st.floats(0.3, 0.95))
@settings(deadline=None, max_examples=30)
def test_the_smallest_difference_has_the_wanted_power(design: Design, wanted: float) -> None:
    found = smallest_difference(design, wanted)
    assert power(found, design) == pytest.approx(wanted, abs=1e-6)
    assert power(found * 1.5, design) > wanted


def test_the_seeds_needed_are_the_fewest() -> None:
    design = Design(seed_sd=0.2, comparisons=8)
    found = seeds_needed(0.5, design)
    assert found is not None
    table = {row.seeds: row.power for row in power_table(design, (found - 1, found), wanted=0.5)}
    assert table[found - 1] < 0.8 <= table[found]  # type: ignore[operator]


def test_items_alone_can_forbid_a_difference_whatever_the_seeds() -> None:
    assert seeds_needed(0.01, Design(seed_sd=0.001, items=100, item_sd=0.5)) is None


def test_one_seed_has_no_power_unless_the_spread_is_known() -> None:
    with pytest.raises(ConfigError, match="at least 2 seeds"):
        power(0.5, Design(seed_sd=0.2, seeds=1))
    noise = published_noise()["hq-1.7b"]
    known = Design(seed_sd=noise.sd, seeds=1, known_df=noise.df)
    assert 0.7 < smallest_difference(known) < 1.4  # a 95 % band of single-seed differences is 0.75 wide either side


def test_pooling_the_spread_makes_small_studies_stronger() -> None:
    alone, pooled = (Design(seed_sd=0.2, seeds=3, comparisons=10, pooled=flag) for flag in (False, True))
    assert smallest_difference(pooled) < smallest_difference(alone) / 2


def test_the_table_counts_runs_with_the_baseline_and_is_plain() -> None:
    rows = as_json(power_table(Design(seed_sd=0.2, comparisons=4), (3, 5)))
    assert [(row["seeds"], row["runs"], row["power"]) for row in rows] == [(3, 15, None), (5, 25, None)]
    assert rows[0]["smallest"] > rows[1]["smallest"]
