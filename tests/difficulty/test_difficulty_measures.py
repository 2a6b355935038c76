"""Pass rates, rubric scores, bins and the comparison of measures, against known figures and other implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.difficulty.bins import BinSettings, rubric_bins
from tilth.difficulty.compare import confusion, spearman
from tilth.difficulty.rates import jeffreys, wilson
from tilth.difficulty.rubric import rubric_score

stats = pytest.importorskip("scipy.stats")
counts = st.integers(1, 64).flatmap(lambda tries: st.tuples(st.integers(0, tries), st.just(tries)))


@given(counts, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_jeffreys_bounds_are_those_of_the_beta_distribution(count: tuple[int, int], level: float) -> None:
    passes, tries = count
    found = jeffreys(passes, tries, level)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = stats.beta.ppf(tails, passes + 0.5, tries - passes + 0.5)
    assert found.low[0] == pytest.approx(0.0 if passes == 0 else low, abs=2e-4)
    assert found.high[0] == pytest.approx(1.0 if passes == tries else high, abs=2e-4)


@given(counts, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_bounds_are_those_of_scipy(count: tuple[int, int], level: float) -> None:
    passes, tries = count
    found = wilson(passes, tries, level)
    known = stats.binomtest(passes, tries).proportion_ci(level, method="wilson")
    assert (found.low[0], found.high[0]) == pytest.approx((known.low, known.high), abs=1e-9)


def test_intervals_of_a_column_cover_what_was_planted() -> None:
    rng = np.random.default_rng(1)
    rate = rng.uniform(0.05, 0.95, 20_000)
    passes = rng.binomial(16, rate)
    for interval in (wilson, jeffreys):
        found = interval(passes, np.full(20_000, 16))
        assert 0.88 < ((found.low <= rate) & (rate <= found.high)).mean() < 0.93


def test_nothing_tried_is_no_rate_and_the_whole_interval() -> None:
    for interval in (wilson, jeffreys):
        found = interval([0], [0])
        assert np.isnan(found.rate[0])
        assert (found.low[0], found.high[0]) == (0.0, 1.0)


@pytest.mark.parametrize("wrong", [([3], [2]), ([-1], [2]), ([1, 1], [2])])
def test_impossible_counts_are_refused(wrong: tuple[list[int], list[int]]) -> None:
    with pytest.raises(ValueError, match="passes"):
        wilson(*wrong)
    with pytest.raises(ValueError, match="level"):
        jeffreys([1], [2], 0.5)


def test_rubric_borders_belong_to_the_easier_bin() -> None:
    assert rubric_bins([1, 2, 2.5, 4, 4.5, 6, 6.5, 8, 8.5, 10]).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_borders_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="rising"):
        BinSettings(rubric_borders=(2, 4, 4, 8))
    with pytest.raises(ValueError, match="falling"):
        BinSettings(rate_borders=(0.2, 0.5, 0.7, 0.9))


def test_a_rubric_score_is_the_mean_with_students_interval() -> None:
    votes = [5.0, 6.0, 5.5, 6.5, 5.0, 6.0]
    found = rubric_score(votes)
    low, high = stats.t.interval(0.9, 5, loc=np.mean(votes), scale=stats.sem(votes))
    assert (found.score, found.low, found.high) == pytest.approx((np.mean(votes), low, high), abs=1e-3)
    assert found.bin == 3


def test_votes_that_agree_keep_the_error_of_the_scale_and_one_vote_says_little() -> None:
    same = rubric_score([7.0] * 6)
    assert same.error == pytest.approx(0.5 / np.sqrt(12 * 6))
    one = rubric_score([7.0])
    assert one.error is None
    assert (one.low, one.high) == (1.0, 10.0)
    for wrong in ([], [0.5], [11.0], [float("nan")]):
        with pytest.raises(ValueError, match="votes"):
            rubric_score(wrong)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=5, max_size=60))
def test_spearman_is_that_of_scipy_with_ties(pairs: list[tuple[int, int]]) -> None:
    first, second = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    found = spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found.value)
        return
    assert found.value == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-9)
    assert found.low <= found.value <= found.high or abs(found.value) > 1 - 1e-9


def test_the_interval_of_spearman_covers() -> None:
    rng = np.random.default_rng(2)
    true = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's of a normal pair with Pearson's 0.6
    hits = 0
    for _ in range(400):
        first = rng.normal(size=80)
        found = spearman(first, 0.6 * first + 0.8 * rng.normal(size=80))
        hits += found.low <= true <= found.high
    assert 0.85 <= hits / 400 <= 0.95


def test_pairs_with_a_missing_side_are_left_out() -> None:
    assert spearman([1, 2, 3, 4, np.nan], [1, 2, 3, 4, 0]).pairs == 4


def test_confusion_counts_and_agrees_as_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    first = rng.integers(1, 6, 500)
    second = np.clip(first + rng.integers(-1, 3, 500), 1, 5)
    found = confusion(first, second)
    assert found.counts[first[0] - 1].sum() == (first == first[0]).sum()
    assert found.exact == pytest.approx((first == second).mean())
    assert found.within_one == pytest.approx((np.abs(first - second) <= 1).mean())
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(first, second, weights="quadratic"))
    assert np.isnan(confusion([3, 3], [3, 3]).kappa)
    with pytest.raises(ValueError, match="1 to 5"):
        confusion([0], [1])
