"""Arms given up early: at most the stated share of good ones, most of the bad ones, and claims that stay honest.

The quick versions run few studies with a bound that allows for their number; the slow ones are the promise. Every study
has its own seeded stream, so a figure is the same on every run.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tilth.base.errors import ConfigError
from tilth.base.random import seed_of
from tilth.study.simulate import Truth, simulate
from tilth.study.statistics.bootstrap import SeedNoise
from tilth.study.statistics.compare import Comparison, compare, pooled_noise
from tilth.study.statistics.scores import Scores
from tilth.study.statistics.settings import StatisticsSettings, Stopping
from tilth.study.stopping import Stopped, hopeless

WANTED = 0.04
RULE = Stopping(difference=WANTED, error=0.05, looks=(2, 3, 4))
POOLED = RULE.model_copy(update={"pool_seeds": True})
SETTINGS = StatisticsSettings(draws=300)
#: One arm that is better by just the wanted difference, one like the baseline, one worse by twice of it, one very bad.
MIX = Truth(effects=(WANTED, 0.0, -2 * WANTED, -5 * WANTED), seeds=5, items=60, seed_sd=0.02)
#: What dominates the noise.
WORLDS = {
    "a mix": MIX,
    "seeds": replace(MIX, seed_sd=0.05),
    "items": replace(MIX, seed_sd=0.0, common_seed_sd=0.0, item_sd=0.3, both_sd=0.1),
    "passages": replace(MIX, items=120, passage=4, item_sd=0.3),
}


def study(truth: Truth, number: int) -> Scores:
    return simulate(truth, np.random.default_rng(seed_of(number, "stopped study")))


def stops(truth: Truth, rule: Stopping, studies: int) -> list[dict[str, Stopped]]:
    return [{one.arm: one for one in hopeless(study(truth, number), "baseline", rule)} for number in range(studies)]


def share(found: list[dict[str, Stopped]], arm: str) -> float:
    return float(np.mean([arm in one for one in found]))


def saved(found: list[dict[str, Stopped]], truth: Truth) -> float:
    """The share of the runs, those of the baseline included, that need not be made."""
    left_out = sum(truth.seeds - one.seeds for stopped in found for one in stopped.values())
    return left_out / (len(found) * truth.seeds * (len(truth.effects) + 1))


def told(found: list[dict[str, Stopped]], truth: Truth, title: str) -> None:
    rates = ", ".join(f"{effect:+g}: {share(found, f'arm-{n + 1}'):.1%}" for n, effect in enumerate(truth.effects))
    sys.stdout.write(f"{title}: stopped {rates}; {saved(found, truth):.0%} of the runs saved\n")


def without(scores: Scores, states: Mapping[tuple[str, int], str]) -> Scores:
    """Scores whose named runs are in another state."""
    usable, values = scores.usable.copy(), [task.values.copy() for task in scores.tasks]
    for arm, seed in states:
        place = scores.arm(arm), scores.seeds.index(seed)
        usable[place] = False
        for task in values:
            task[place] = np.nan
    return replace(
        scores,
        usable=usable,
        tasks=tuple(replace(task, values=own) for task, own in zip(scores.tasks, values, strict=True)),
        states=tuple(
            replace(one, state=states.get((one.arm, one.seed), one.state))
            for one in scores.states  # type: ignore[arg-type]
        ),
    )


def test_good_arms_are_rarely_stopped_and_bad_ones_often_in_a_few_studies() -> None:
    found = stops(MIX, POOLED, 120)
    told(found, MIX, "pooled, 120 studies")
    assert share(found, "arm-1") <= 0.05
    assert share(found, "arm-4") >= 0.9
    assert saved(found, MIX) > 0.2


def test_each_look_decides_on_its_own_seeds_and_a_rerun_with_all_seeds_decides_alike() -> None:
    for number in range(10):
        whole = study(MIX, number)
        early = without(whole, {(arm, seed): "absent" for arm in whole.arms for seed in (4, 5)})
        known = hopeless(early, "baseline", POOLED)
        later = hopeless(whole, "baseline", POOLED)
        assert later[: len(known)] == known
        assert all(one.seeds > 3 for one in later[len(known) :])
        gone = {(one.arm, seed): "absent" for one in known for seed in range(one.seeds + 1, 6)}
        assert hopeless(without(whole, gone), "baseline", POOLED) == later


def test_what_is_stopped_says_why_and_with_which_error() -> None:
    scores = study(replace(MIX, effects=(-1.0,)), 0)
    (one,) = hopeless(scores, "baseline", POOLED)
    assert (one.arm, one.seeds, one.looks) == ("arm-1", 2, 3)
    assert one.upper < WANTED
    assert one.error_of_look == pytest.approx(0.05 / 3)
    assert "chance of at most 5 %, over 3 looks" in one.sentence()
    assert "a gain of 0.04 or more is excluded" in one.sentence()


def test_two_seeds_alone_stop_little_and_one_seed_nothing_but_with_a_known_spread() -> None:
    scores = study(replace(MIX, effects=(-0.2,), seeds=1), 1)
    first = Stopping(difference=WANTED, looks=(1, 2))
    assert hopeless(scores, "baseline", first) == ()
    known = SeedNoise(sd=0.02, df=20, source="measured elsewhere")
    assert [one.arm for one in hopeless(scores, "baseline", first, noise=known)] == ["arm-1"]


def test_runs_that_are_missing_cut_off_or_diverged_are_no_low_scores() -> None:
    scores = study(replace(MIX, effects=(-5.0, -5.0), seeds=2), 2)
    rule = Stopping(difference=WANTED, looks=(2,), pool_seeds=True)
    assert len(hopeless(scores, "baseline", rule)) == 2
    for state in ("absent", "incomplete", "diverged"):
        found = hopeless(without(scores, {("arm-1", 2): state}), "baseline", rule)
        assert "arm-1" not in [one.arm for one in found]
    assert hopeless(without(scores, {("baseline", 2): "absent"}), "baseline", rule) == ()


def test_seeds_are_taken_in_the_planned_order() -> None:
    scores = study(replace(MIX, effects=(-5.0,), seeds=3), 3)
    rule = Stopping(difference=WANTED, looks=(2,), pool_seeds=True)
    seen = {order: hopeless(scores, "baseline", rule, order=order)[0].effect for order in ((1, 2, 3), (3, 2, 1))}
    means = scores.task_means() @ scores.macro_weights()
    assert seen[3, 2, 1] == pytest.approx(float((means[1] - means[0])[1:].mean()))
    assert seen[1, 2, 3] == pytest.approx(float((means[1] - means[0])[:2].mean()))
    with pytest.raises(ConfigError, match="the results have 3 too"):
        hopeless(scores, "baseline", rule, order=(1, 2))
    with pytest.raises(ConfigError, match="expected one of the arms"):
        hopeless(scores, "nobody", rule)


@pytest.mark.parametrize("looks", [(), (0,), (3, 2), (2, 2)])
def test_looks_that_do_not_rise_are_refused(looks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="looks"):
        Stopping(difference=0.1, looks=looks)


def test_a_spread_is_pooled_over_the_runs_that_are_there() -> None:
    """As by hand on a whole table; a stopped arm takes nothing from what the others tell."""
    scores = study(replace(MIX, effects=(0.0,) * 5, seeds=5), 4)
    weights = scores.macro_weights()
    table = scores.task_means() @ weights
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    whole = pooled_noise(scores, weights)
    assert whole is not None
    assert whole.df == 20
    assert whole.sd == pytest.approx(float(np.sqrt((rest**2).sum() / 20)))
    stopped = pooled_noise(without(scores, {("arm-1", seed): "absent" for seed in (3, 4, 5)}), weights)
    assert stopped is not None
    assert stopped.df == 20 - 3
    assert pooled_noise(without(scores, {(arm, 2): "absent" for arm in scores.arms[1:]}), weights) is not None


def test_a_stopped_arms_interval_and_p_allow_for_the_looks() -> None:
    scores = study(replace(MIX, effects=(-0.05, 0.0), seeds=3), 5)
    plain = compare(scores, "baseline", SETTINGS).comparisons
    looked = compare(scores, "baseline", SETTINGS, looks={"arm-1": 3}).comparisons
    first, again = plain[0], looked[0]
    assert (again.looks, first.looks) == (3, 1)
    assert None not in (first.low, first.p, again.low, again.p)
    assert again.low < first.low  # type: ignore[operator]
    assert again.high > first.high  # type: ignore[operator]
    assert again.p == pytest.approx(min(1.0, 3 * first.p))  # type: ignore[operator]
    assert replace(looked[1], p_adjusted=None, probability_best=None) == replace(
        plain[1], p_adjusted=None, probability_best=None
    )


def judged(truth: Truth, rule: Stopping, number: int) -> tuple[Comparison, ...]:
    """A study that stops arms, and is judged on the runs that were made."""
    whole = study(truth, number)
    stopped = hopeless(whole, "baseline", rule)
    gone = {(one.arm, seed): "absent" for one in stopped for seed in range(one.seeds + 1, truth.seeds + 1)}
    looks = {one.arm: one.looks for one in stopped}
    settings = SETTINGS.model_copy(update={"pool_seeds": rule.pool_seeds, "seed": number})
    return compare(without(whole, gone), "baseline", settings, looks=looks).comparisons


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "pooled"), [*((world, True) for world in WORLDS), ("a mix", False), ("seeds", False)]
)
def test_an_arm_that_is_better_by_the_wanted_difference_is_stopped_at_most_at_the_stated_rate(
    world: str, pooled: bool
) -> None:
    truth = WORLDS[world]
    found = stops(truth, POOLED if pooled else RULE, 1000)
    told(found, truth, f"{world}, {'pooled' if pooled else 'own seeds'}")
    assert share(found, "arm-1") <= 0.05
    assert share(found, "arm-4") >= (0.95 if pooled and world != "seeds" else 0.4)


@pytest.mark.slow
def test_stopping_keeps_false_claims_rare() -> None:
    truth = replace(MIX, effects=(0.0,) * 4)
    rule = Stopping(difference=0.03, looks=(2, 3, 4), pool_seeds=True)
    found = [judged(truth, rule, number) for number in range(1000)]
    early = np.mean([one.looks > 1 for study_ in found for one in study_])
    sys.stdout.write(f"{early:.0%} of arms without any difference were stopped early\n")
    assert early > 0.05
    assert np.mean([any(one.verdict == "better" for one in study_) for study_ in found]) <= 0.05
    assert np.mean([any(one.verdict in ("better", "worse") for one in study_) for study_ in found]) <= 0.06
