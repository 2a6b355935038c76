"""The statistics on made-up studies whose truth is known: false claims, coverage, power, and the chance of being best.

The quick versions run few studies with a bound that allows for their number; the slow ones are the promise: at most 5
% of 1,000 null studies with a false "better", intervals that cover 93 to 97 %, power within 3 points of the plan.
Every study has its own seeded stream, so a figure is the same on every run.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from tilth.base.random import seed_of
from tilth.study.power import Design, power
from tilth.study.simulate import Truth, simulate
from tilth.study.statistics.bootstrap import draw, estimate
from tilth.study.statistics.compare import Comparison, compare, pooled_noise
from tilth.study.statistics.components import split
from tilth.study.statistics.ranks import best_and_top
from tilth.study.statistics.scores import Scores
from tilth.study.statistics.settings import StatisticsSettings

SETTINGS = StatisticsSettings(draws=500)
NULL = Truth(effects=(0.0,) * 4, seeds=3, tasks=4, items=60, seed_sd=0.02)
#: What dominates the noise, at 3 and 5 seeds: a mix, seeds alone, items alone, passages, right or wrong answers.
WORLDS = {
    "a mix": Truth(items=60),
    "seeds": Truth(items=60, seed_sd=0.1),
    "items": Truth(items=60, seed_sd=0.0, common_seed_sd=0.0, item_sd=0.3, both_sd=0.1),
    "passages": Truth(items=120, passage=4, item_sd=0.3),
    "right or wrong": Truth(items=100, tasks=2, item_sd=0.5, both_sd=0.7, seed_sd=0.1, binary=True),
}


def study(truth: Truth, number: int) -> Scores:
    return simulate(truth, np.random.default_rng(seed_of(number, "simulated study")))


def comparisons(truth: Truth, studies: int, settings: StatisticsSettings = SETTINGS) -> list[Sequence[Comparison]]:
    return [
        compare(study(truth, number), "baseline", settings.model_copy(update={"seed": number})).comparisons
        for number in range(studies)
    ]


def false_better(truth: Truth, studies: int, settings: StatisticsSettings = SETTINGS) -> float:
    """The share of studies without any difference that call some arm better."""
    return float(
        np.mean([any(one.verdict == "better" for one in found) for found in comparisons(truth, studies, settings)])
    )


def coverage(truth: Truth, seeds: int, studies: int) -> float:
    """The share of intervals that hold the true difference of 0."""
    many = Truth(**{**{name: getattr(truth, name) for name in truth.__slots__}, "seeds": seeds, "effects": (0.0,)})
    inside = []
    for number in range(studies):
        scores = study(many, number)
        parts = split(scores, "baseline")
        found = estimate(parts, draw(parts, SETTINGS.draws, number), scores.macro_weights())
        inside.append(found.low[1] <= 0 <= found.high[1])
    return float(np.mean(inside))


def simulated_power(truth: Truth, studies: int, settings: StatisticsSettings = SETTINGS) -> float:
    """The share of studies that call arm-1 better."""
    return float(np.mean([found[0].verdict == "better" for found in comparisons(truth, studies, settings)]))


def planned(truth: Truth, **others: object) -> float:
    """The plan for the same truth: the seeds' spread includes what the items' own noise adds to a run's score."""
    items = truth.tasks * truth.items
    design = Design(
        seed_sd=float(np.sqrt(truth.seed_sd**2 + truth.both_sd**2 / items)),
        seeds=truth.seeds,
        items=items,
        item_sd=truth.item_sd,
        item_correlation=0.0,
        comparisons=len(truth.effects),
        **others,  # type: ignore[arg-type]
    )
    return power(truth.effects[0], design)


POWERED = [
    Truth(effects=(0.065,), seeds=3, items=60, seed_sd=0.02),
    Truth(effects=(0.045,), seeds=5, items=60, seed_sd=0.02),
    Truth(effects=(0.055, 0.0, 0.0, 0.0), seeds=5, items=60, seed_sd=0.02),
    Truth(effects=(0.03,), seeds=8, items=60, seed_sd=0.02),
]


def test_false_better_is_rare_in_a_few_null_studies() -> None:
    assert false_better(NULL, 120) <= 0.05


@pytest.mark.parametrize("world", ["a mix", "right or wrong"])
def test_intervals_cover_in_a_few_studies(world: str) -> None:
    assert 0.90 <= coverage(WORLDS[world], 3, 200) <= 0.99  # 2.6 standard errors of 200 studies about 93-97 %


def test_power_is_near_the_plan_in_a_few_studies() -> None:
    assert simulated_power(POWERED[1], 200) == pytest.approx(planned(POWERED[1]), abs=0.08)


def test_a_pooled_spread_keeps_false_better_rare_too() -> None:
    assert false_better(NULL, 120, SETTINGS.model_copy(update={"pool_seeds": True})) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_at_most_5_percent_of_1000_null_studies_have_a_false_better(seeds: int) -> None:
    truth = Truth(**{**{name: getattr(NULL, name) for name in NULL.__slots__}, "seeds": seeds})
    assert false_better(truth, 1000) <= 0.05


@pytest.mark.slow
def test_at_most_5_percent_of_1000_null_studies_with_a_pooled_spread_have_a_false_better() -> None:
    assert false_better(NULL, 1000, SETTINGS.model_copy(update={"pool_seeds": True})) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("world", WORLDS)
def test_intervals_cover_93_to_97_percent(world: str, seeds: int) -> None:
    assert 0.93 <= coverage(WORLDS[world], seeds, 2000) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_at_two_seeds_intervals_are_careful_never_too_narrow(world: str) -> None:
    assert coverage(WORLDS[world], 2, 1000) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("truth", POWERED, ids=lambda truth: f"{truth.seeds} seeds, {len(truth.effects)} arms")
def test_power_matches_the_plan_within_3_points(truth: Truth) -> None:
    assert simulated_power(truth, 2000) == pytest.approx(planned(truth), abs=0.03)


@pytest.mark.slow
def test_the_chance_of_being_best_means_what_it_says() -> None:
    """Over many studies, arms said to be best with chance c are best in a share c of them."""
    claimed, true = [], []
    for number in range(600):
        rng = np.random.default_rng(seed_of(number, "true effects"))
        effects = 0.015 * rng.standard_normal(8)
        truth = Truth(
            effects=tuple(effects[1:] - effects[0]), tasks=2, items=40, item_sd=0.02, both_sd=0.02, seed_sd=0.02
        )
        scores = study(truth, number)
        parts = split(scores, "baseline")
        found = estimate(parts, draw(parts, 300, number), scores.macro_weights())
        best, _ = best_and_top(found, parts.seeds, pooled_noise(scores, scores.macro_weights()), seed=number)
        claimed.append(best.max())
        true.append(best.argmax() == effects.argmax())
    assert np.mean(claimed) == pytest.approx(np.mean(true), abs=0.06)
