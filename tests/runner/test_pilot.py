import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.runner.pilot import LEVEL, Sampled, _totals, check_forecast, interval


def _covered(seed: int, resamples: int = 60) -> float:
    """Share of simulated runs whose total falls inside the forecast's interval."""
    random = np.random.default_rng(seed)
    hits = 0
    for trial in range(resamples):
        strata, sizes, truth = [], [], 0.0
        for mean in (50, 120, 250, 500, 1200):
            population = random.lognormal(np.log(mean), 0.6, size=400)
            seen = population[:40]
            strata.append(seen[:, None])
            sizes.append(len(population))
            truth += population.sum()
        found = interval(_totals(strata, sizes, trial)[:, 0])
        hits += found.low <= truth <= found.high
    return hits / resamples


def test_the_interval_covers_the_outcome_as_often_as_it_says() -> None:
    """The target is 85% of simulated runs for an interval of 90%."""
    shares = [_covered(seed) for seed in range(5)]
    assert np.mean(shares) >= 0.85
    assert np.mean(shares) <= LEVEL + 0.08


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=20))
def test_a_pilot_that_saw_everything_forecasts_exactly(values: list[int]) -> None:
    rows = np.array(values, dtype=float)[:, None]
    found = interval(_totals([rows], [len(values)], 0)[:, 0])
    assert found.low == found.middle == found.high == sum(values)


def test_a_forecast_is_compared_with_what_came_out() -> None:
    found = check_forecast({"requests": {"low": 90, "middle": 100, "high": 110}}, {"requests": 105, "money": 1.0})
    assert found == {"requests": {"low": 90, "middle": 100, "high": 110, "actual": 105, "hit": True}}


def test_sampled_ids_are_flat() -> None:
    assert Sampled(ids=(("a", "b"), ("c",)), sizes=(2, 1)).all_ids() == ("a", "b", "c")
