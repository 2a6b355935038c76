"""A plan's figures follow from its parts; what it says it can see is what the statistics then see."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_file import study

from tilth.base.errors import ConfigError
from tilth.study.design import load_study, parse_study
from tilth.study.plan import measured_noise, plan
from tilth.study.plan_costs import arm_costs
from tilth.study.power import Design, power
from tilth.study.published.tables import published_noise
from tilth.study.simulate import Truth, simulate
from tilth.study.statistics.bootstrap import SeedNoise

PRICE = {"date": "2026-11-01", "gpu_hour": 2.0}
NOISE = SeedNoise(sd=0.01, df=4, source="measured: here")


def made(**change: Any) -> dict[str, Any]:
    hardware = {"name": "gpu", "flops": 1e14, "utilisation": 0.5, "devices": 2, "price": PRICE}
    return study(**({"hardware": hardware} | change))


def test_runs_tokens_hours_and_money_are_the_sums_of_their_parts() -> None:
    found = plan(parse_study(made()), NOISE)
    assert (found.arms, found.runs, found.tokens) == (2, 6, 6 * 200_000_000)
    assert found.flops == 6 * 10e6 * found.tokens
    assert found.training_hours == pytest.approx(found.flops / 5e13 / 3600)
    assert found.synthetic_tokens == 100_000_000
    assert found.generation_hours == pytest.approx(100_000_000 / 1000 / 3600)
    assert found.wall_hours == pytest.approx((found.training_hours + found.generation_hours) / 2)
    assert found.money == pytest.approx(2 * (found.training_hours + found.generation_hours))


def test_a_corpus_that_arms_share_is_written_once_as_large_as_the_largest_needs() -> None:
    grid = {
        "strategy": "faq",
        "generator": "g",
        "source": "s",
        "mix_in": "web",
        "ratio": [0.2, 0.8],
        "label": ["ratio"],
    }
    found = plan(parse_study(made(grids=[grid])), NOISE)
    assert [(one.strategy, one.tokens, one.arms) for one in found.corpora] == [
        ("table", 100_000_000, 1),
        ("faq", 160_000_000, 2),
    ]


def test_an_endpoint_costs_its_tokens_and_no_hours() -> None:
    price = {"date": "2026-11-01", "prompt_per_million": 1.0, "completion_per_million": 3.0}
    found = plan(parse_study(made(generators={"g": {"price": price, "prompt_ratio": 2}})), NOISE)
    assert (found.generation_hours, found.corpora[0].money) == (0, 100 * (2 * 1.0 + 3.0))


def test_what_is_not_known_is_not_zero() -> None:
    found = plan(parse_study(made(generators={"g": {}})), NOISE)
    assert (found.generation_hours, found.wall_hours, found.money) == (None, None, None)
    assert any("is not costed" in note for note in found.notes)
    assert plan(parse_study(study()), NOISE).money is None


def test_more_than_the_budget_is_said_with_the_numbers() -> None:
    found = plan(parse_study(made(budget={"money": 1, "hours": 0.5})), NOISE)
    assert found.over == (
        f"money: {found.money:,.0f} of a budget of 1",
        f"hours: {found.wall_hours:,.1f} of a budget of 0.5",
    )
    assert plan(parse_study(made(budget={"money": 1e9, "hours": 1e6})), NOISE).over == ()


def test_the_smallest_difference_is_one_that_the_power_says_is_seen() -> None:
    found = plan(parse_study(made(difference=0.02)), NOISE)
    (reach,) = found.reach
    assert reach.seeds == 3
    assert reach.smallest is not None
    assert power(reach.smallest, Design(seed_sd=0.01, seeds=3)) == pytest.approx(0.8, abs=1e-6)
    assert reach.seeds_needed is not None
    assert power(0.02, Design(seed_sd=0.01, seeds=reach.seeds_needed)) >= 0.8
    assert power(0.02, Design(seed_sd=0.01, seeds=reach.seeds_needed - 1)) < 0.8
    assert reach.with_known_noise < reach.smallest


def test_more_arms_and_fewer_matched_seeds_see_less_and_one_seed_sees_nothing() -> None:
    arms = [{"name": "original", "mix_in": "web"}] + [
        {"name": f"a{number}", "strategy": "s", "source": f"{number}", "mix_in": "web", "ratio": 0.5} | seeds
        for number, seeds in enumerate([{}, {}, {"seeds": [3, 4, 5]}, {"seeds": [8]}])
    ]
    found = plan(parse_study(made(arms=arms)), NOISE)
    assert [(one.seeds, one.arms, one.smallest is None) for one in found.reach] == [(1, 1, True), (3, 2, False)]
    assert found.reach[1].smallest > plan(parse_study(made()), NOISE).reach[0].smallest  # type: ignore[operator]
    assert any("screening" in note for note in found.notes)


def test_without_a_measured_spread_the_published_one_is_named_as_such() -> None:
    found = plan(parse_study(made(noise="table-1.7b")))
    assert found.noise.sd == pytest.approx(published_noise()["table-1.7b"].sd / 100)
    assert found.noise.source.startswith("published: table-1.7b")
    assert "measure the baseline" in found.notes[0]
    with pytest.raises(ConfigError, match="expected one of the published spreads"):
        plan(parse_study(made(noise="nowhere")))


def test_a_published_spread_of_another_metric_does_not_answer_for_the_wanted_difference() -> None:
    judged = {"tasks": {"arc": "GK"}, "form": "bpb", "metric": "gold_bpb", "version": "1"}
    found = plan(parse_study(made(evaluation=judged, difference=0.02)))
    assert found.wanted is None
    assert found.reach[0].seeds_needed is None
    assert plan(parse_study(made(evaluation=judged, difference=0.02)), NOISE).wanted == 0.02


def test_the_spread_is_measured_on_the_baseline_or_pooled_where_it_has_one_seed() -> None:
    scores = simulate(
        Truth(effects=(0.0, 0.0), seeds=5, seed_sd=0.02, items=300, both_sd=0.01), np.random.default_rng(1)
    )
    found = measured_noise(scores, "baseline")
    own = scores.task_means()[0] @ scores.macro_weights()
    assert found.sd == pytest.approx(own.std(ddof=1))
    assert found.df == 4
    scores.usable[0, 1:] = False
    assert measured_noise(scores, "baseline").source.startswith("measured: pooled over 2 arms")
    scores.usable[1:, 1:] = False
    with pytest.raises(ConfigError, match="expected at least 2 finished seeds of baseline"):
        measured_noise(scores, "baseline")


def test_text_that_runs_out_is_repeated_and_flagged_and_refused_beyond_four_times() -> None:
    def levels(tokens: str) -> list[str]:
        arm = {"name": "a", "strategy": "s", "source": "d", "mix_in": "web", "ratio": 0.5, "synthetic_tokens": tokens}
        return [
            one.level
            for one in plan(parse_study(made(arms=[{"name": "original", "mix_in": "web"}, arm])), NOISE).differences
        ]

    assert [levels(tokens) for tokens in ("100M", "90M", "50M", "20M")] == [[], [], ["flagged"], ["refused"]]


def test_the_published_grid_costs_what_was_published() -> None:
    found = plan(load_study(Path("finephrase")))
    written = sum(one.tokens for one in found.corpora)
    assert written == pytest.approx(1.056e12, rel=0.02)
    assert not [one for one in found.differences if one.level == "refused"]
    assert {one.field for one in found.differences} == {"epochs"}
    assert found.groups[0].training_hours / 9 == pytest.approx(190, rel=0.02)  # H100-hours of a run of the student
    costs = arm_costs(load_study(Path("finephrase")), "1.7b")
    assert costs["table-smollm2-1.7b-hq"] < costs["table-1b-hq"] + 3000  # type: ignore[operator]
    assert costs["dclm"] == costs["fineweb-edu-hq"]


def test_the_smoke_study_fits_its_budget() -> None:
    found = plan(load_study(Path("smoke")))
    assert found.over == ()
    assert found.runs == 6
    assert found.wall_hours is not None
    assert found.wall_hours < 0.25
