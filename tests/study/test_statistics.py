"""Differences, intervals, verdicts, ranks and the gate: what each does on studies small enough to reason about."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.data.results import write_results
from tilth.study.simulate import Truth, simulate
from tilth.study.statistics.bootstrap import SeedNoise, draw, estimate
from tilth.study.statistics.compare import compare, holm, judge, pooled_noise
from tilth.study.statistics.components import split
from tilth.study.statistics.gate import gate
from tilth.study.statistics.quantiles import t_quantile, t_two_sided
from tilth.study.statistics.ranks import kendall_tau, spearman_rho, transfer
from tilth.study.statistics.report import Question, between_sizes, compared, study_statistics, without_tasks
from tilth.study.statistics.scores import RunState, Scores, Selection
from tilth.study.statistics.settings import StatisticsSettings
from tilth.study.statistics.verdict import paragraph

FEW = StatisticsSettings(draws=400, margin=0.05)


def made(seed: int = 0, **truth: object) -> Scores:
    return simulate(Truth(**truth), np.random.default_rng(seed))  # type: ignore[arg-type]


def broken(scores: Scores, arm: str, *seeds: int) -> Scores:
    """The same study with some runs of an arm diverged, as the reader gives it."""
    usable = scores.usable.copy()
    for seed in seeds:
        usable[scores.arm(arm), scores.seeds.index(seed)] = False
    tasks = tuple(replace(task, values=np.where(usable[:, :, None], task.values, np.nan)) for task in scores.tasks)
    states = tuple(
        RunState(arm=one.arm, seed=one.seed, state="diverged") if one.arm == arm and one.seed in seeds else one
        for one in scores.states
    )
    return replace(scores, usable=usable, tasks=tasks, states=states)


def test_the_effect_is_the_mean_over_categories_of_paired_differences() -> None:
    scores = made(effects=(0.3,), tasks=3)
    categories = ("a", "a", "b")
    tasks = tuple(replace(task, category=name) for task, name in zip(scores.tasks, categories, strict=True))
    means = [float((task.values[1] - task.values[0]).mean()) for task in tasks]
    found = compare(replace(scores, tasks=tasks), "baseline", FEW).comparisons[0]
    assert found.effect == pytest.approx((means[0] + means[1]) / 4 + means[2] / 2)
    assert [one.effect for one in found.tasks] == pytest.approx(means)
    assert found.effect == pytest.approx((found.score or 0) - (found.baseline_score or 0))


def test_less_is_better_for_bits_per_byte() -> None:
    scores = replace(made(effects=(0.3,)), higher_is_better=False)
    assert compare(scores, "baseline", FEW).comparisons[0].verdict == "worse"


def test_the_bootstrap_spread_is_the_analytic_one() -> None:
    """Seeds: sample variance over k. Items: the interaction's share of the columns' variance, over n."""
    scores = made(effects=(0.0,), seeds=5, tasks=1, items=300, seed_sd=0.05)
    parts = split(scores, "baseline")
    table = scores.tasks[0].values[1] - scores.tasks[0].values[0]
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    both = (rest**2).sum() / (4 * 299)
    items = (table.mean(axis=0).var(ddof=1) - both / 5) / 300
    expected = np.sqrt(table.mean(axis=1).var(ddof=1) / 5 + items)
    found = estimate(parts, draw(parts, 20_000, 0), np.ones(1))
    assert found.se[1] == pytest.approx(expected, rel=0.02)
    assert found.se[0] == 0


def test_at_few_seeds_the_t_interval_over_seed_means_is_a_lower_bound_of_the_width() -> None:
    scores = made(effects=(0.0,), seeds=2, seed_sd=0.05)
    found = compare(scores, "baseline", FEW).comparisons[0]
    means = (scores.task_means()[1] - scores.task_means()[0]).mean(axis=1)
    half = float(t_quantile(0.975, 1)) * means.std(ddof=1) / np.sqrt(2)
    assert (found.high or 0) - (found.effect or 0) == pytest.approx(half)
    assert found.p == pytest.approx(float(t_two_sided(means.mean() / (means.std(ddof=1) / np.sqrt(2)), 1)))


def test_items_that_share_a_passage_widen_the_interval() -> None:
    scores = made(effects=(0.0,), seeds=5, items=400, passage=10, item_sd=0.3, seed_sd=0.0)
    alone = replace(scores, tasks=tuple(replace(task, groups=None) for task in scores.tasks))
    together, apart = (compare(one, "baseline", FEW).comparisons[0] for one in (scores, alone))
    assert (together.se or 0) > 2 * (apart.se or 0)
    assert together.effect == pytest.approx(apart.effect)


def test_passages_of_unequal_length_keep_the_mean_over_items() -> None:
    scores = made(effects=(0.2,), items=100)
    groups = np.repeat(np.arange(4), [5, 10, 25, 60])
    uneven = replace(scores, tasks=tuple(replace(task, groups=groups) for task in scores.tasks))
    whole, grouped = (compare(one, "baseline", FEW).comparisons[0].effect for one in (scores, uneven))
    assert grouped == pytest.approx(whole)


def test_a_diverged_arm_is_named_and_never_scored() -> None:
    scores = broken(made(effects=(0.5, 0.0)), "arm-1", 1, 2, 3)
    found = compare(scores, "baseline", FEW).comparisons
    assert (found[0].standing, found[0].verdict, found[0].effect) == ("diverged", "cannot tell", None)
    assert found[0].score is None
    assert found[0].probability_best is None
    assert found[1].effect is not None
    assert found[1].p_adjusted == found[1].p  # one arm left to adjust for


def test_an_arm_that_lost_a_seed_is_never_praised_but_can_be_worse() -> None:
    scores = broken(made(effects=(0.5, -0.5)), "arm-1", 2)
    scores = broken(scores, "arm-2", 3)
    praised, blamed = compare(scores, "baseline", FEW).comparisons
    assert (praised.standing, praised.verdict, praised.seeds) == ("a seed diverged", "cannot tell", 2)
    assert blamed.verdict in ("worse", "cannot tell")
    assert "diverged" in paragraph(praised, compare(scores, "baseline", FEW))


def test_a_diverged_baseline_leaves_every_claim_open() -> None:
    found = compare(broken(made(effects=(0.5,)), "baseline", 1, 2, 3), "baseline", FEW)
    assert [(one.standing, one.verdict) for one in found.comparisons] == [("no baseline", "cannot tell")]


def test_one_seed_is_screening_unless_the_spread_is_known() -> None:
    scores = made(effects=(0.5,), seeds=1)
    found = compare(scores, "baseline", FEW)
    assert (found.comparisons[0].standing, found.comparisons[0].verdict) == ("one seed", "cannot tell")
    assert "screening" in paragraph(found.comparisons[0], found)
    noise = SeedNoise(sd=0.02, df=8, source="published: a grid")
    known = compare(scores, "baseline", FEW, noise)
    assert known.comparisons[0].verdict == "better"
    assert "published: a grid" in paragraph(known.comparisons[0], known)


def test_a_pooled_spread_helps_where_two_seeds_alone_cannot_tell() -> None:
    scores = made(3, effects=(0.08,) * 6, seeds=2, seed_sd=0.01)
    alone = compare(scores, "baseline", StatisticsSettings(draws=400))
    pooled = compare(scores, "baseline", StatisticsSettings(draws=400, pool_seeds=True))
    better = [sum(one.verdict == "better" for one in found.comparisons) for found in (alone, pooled)]
    assert better[0] < better[1] == 6
    noise = pooled_noise(scores, scores.macro_weights())
    assert noise is not None
    assert noise.df == 6


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict", "equivalent"),
    [
        (0.1, 0.3, 0.01, "better", False),
        (-0.3, -0.1, 0.01, "worse", False),
        (0.01, 0.3, 0.2, "not worse than", False),
        (-0.04, 0.3, 0.2, "not worse than", False),
        (-0.04, 0.04, 0.9, "not worse than", True),
        (-0.3, 0.3, 0.9, "cannot tell", False),
        (-0.04, -0.01, 0.01, "worse", True),
    ],
)
def test_verdicts(low: float, high: float, p: float, verdict: str, equivalent: bool) -> None:
    found = judge(standing="ok", effect=(low + high) / 2, low=low, high=high, p_adjusted=p, alpha=0.05, margin=0.05)
    assert found == (verdict, equivalent)


def test_without_a_margin_nothing_is_called_not_worse() -> None:
    found = judge(standing="ok", effect=0.0, low=-1e-9, high=1e-9, p_adjusted=1.0, alpha=0.05, margin=None)
    assert found == ("cannot tell", False)


def test_holm_on_a_worked_example_and_nan_does_not_count() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.04, np.nan])[0] == pytest.approx(0.04)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_holm_lies_between_the_raw_value_and_bonferroni_and_keeps_the_order(values: list[float]) -> None:
    found = holm(values)
    assert all(p <= q <= min(1.0, p * len(values)) + 1e-12 for p, q in zip(values, found, strict=True))
    assert (np.diff(found[np.argsort(values, kind="stable")]) >= 0).all()


def test_the_same_seed_gives_the_same_result_and_another_moves_it_little() -> None:
    scores = made(effects=(0.1,))
    first, again = (compare(scores, "baseline", FEW) for _ in range(2))
    assert first == again
    other = compare(scores, "baseline", FEW.model_copy(update={"seed": 1})).comparisons[0]
    assert other.se == pytest.approx(first.comparisons[0].se, rel=0.2)


def test_leaving_out_the_one_task_that_carries_the_effect_shows() -> None:
    scores = made(effects=(0.0,), tasks=4, seed_sd=0.001)
    values = scores.tasks[0].values.copy()
    values[1] += 2.0
    lifted = replace(scores, tasks=(replace(scores.tasks[0], values=values), *scores.tasks[1:]))
    found = compare(lifted, "baseline", FEW)
    one = found.comparisons[0]
    assert one.without_one_task is not None
    assert abs(one.without_one_task[0]) < 0.1 < 0.6 < one.without_one_task[1]
    assert one.effect == pytest.approx(0.5, abs=0.1)


def test_the_standardised_effect_is_in_baseline_seed_sds() -> None:
    scores = made(effects=(0.5,), seeds=5, tasks=2, seed_sd=0.1, both_sd=0.01)
    deviations = scores.task_means()[0]
    effects = (scores.task_means()[1] - scores.task_means()[0]).mean(axis=0)
    expected = (effects / deviations.std(axis=0, ddof=1)).mean()
    found = compare(scores, "baseline", FEW).comparisons[0]
    assert found.standardised == pytest.approx(expected)
    scaled = compare(scores, "baseline", FEW.model_copy(update={"aggregate": "standardised"})).comparisons[0]
    assert scaled.effect == pytest.approx(expected)


def test_chances_of_being_best_add_up_and_follow_the_scores() -> None:
    found = compare(made(effects=(0.4, 0.1, 0.0, -0.3), seed_sd=0.02), "baseline", FEW)
    best = [one.probability_best or 0.0 for one in found.comparisons] + [found.probability_baseline_best or 0.0]
    top = [one.probability_top_three or 0.0 for one in found.comparisons] + [
        found.probability_baseline_top_three or 0.0
    ]
    assert sum(best) == pytest.approx(1)
    assert sum(top) == pytest.approx(3)
    assert best[0] > 0.95
    assert top[3] < 0.05


def test_decision_accuracy_tau_and_regret_on_a_worked_example() -> None:
    found = transfer([1, 2, 3, 4], [1, 2, 4, 3.5], ["a", "b", "c", "d"])
    assert (found.pairs, found.decision_accuracy) == (6, pytest.approx(5 / 6))
    assert found.tau == pytest.approx(4 / 6)
    assert (found.chosen, found.best, found.regret) == ("d", "c", pytest.approx(0.5))
    assert found.low <= found.decision_accuracy <= found.high


def test_transfer_leaves_diverged_arms_out_and_asks_for_three() -> None:
    found = transfer([1, np.nan, 3, 4], [1, 9, 3, 4], ["a", "b", "c", "d"])
    assert found.arms == ("a", "c", "d")
    with pytest.raises(ConfigError, match="at least 3 arms"):
        transfer([1, 2], [1, 2], ["a", "b"])


def test_transfer_between_two_studies_orients_bits_per_byte() -> None:
    small, large = (replace(made(seed, effects=(0.5, 1.0)), higher_is_better=False, size=str(seed)) for seed in (1, 2))
    found = between_sizes(small, large)
    assert (found.chosen, found.best, found.decision_accuracy) == ("baseline", "baseline", 1.0)


RANKED = st.lists(st.integers(0, 8), min_size=3, max_size=20)


@given(RANKED)
@settings(deadline=None, max_examples=50)
def test_rank_correlations_are_one_with_themselves_and_minus_one_with_the_reverse(values: list[int]) -> None:
    if len(set(values)) < 2:
        assert np.isnan(kendall_tau(values, values))
        return
    mirrored = [-value for value in values]
    for measure in (kendall_tau, spearman_rho):
        assert measure(values, values) == pytest.approx(1)
        assert measure(values, mirrored) == pytest.approx(-1)


@pytest.mark.slow  # scipy.stats takes seconds to load
def test_rank_correlations_with_ties_agree_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 40).astype(float), rng.integers(0, 6, 40).astype(float)
    assert kendall_tau(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    assert spearman_rho(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


def checkpoints(rise: float, noise: float = 0.02, persistent: float = 1.0) -> list[tuple[int, Scores]]:
    """Five checkpoints of a baseline that rises by `rise` in all; `persistent` is how much the items' order holds."""
    rng = np.random.default_rng(0)
    base = made(effects=(), seeds=3, tasks=1, both_sd=0.0, item_sd=0.0, seed_sd=0.0, common_seed_sd=0.0)
    task = base.tasks[0]
    of_seeds = noise * np.array([-1.0, 0.0, 1.0])[None, :, None]  # a seed keeps its luck over training
    found = []
    for place in range(5):
        fresh = rng.standard_normal(task.values.shape[2])
        values = persistent * task.values + (1 - persistent) * fresh + rise * place / 4
        values = values + of_seeds + 0.01 * rng.standard_normal(task.values.shape)
        found.append((100 * place, replace(base, tasks=(replace(task, values=values),))))
    return found


def answer(found: tuple[object, ...], question: str) -> bool | None:
    return next(one.passed for one in found[0].answers if question in one.question)  # type: ignore[attr-defined]


def test_a_task_that_is_learnt_passes_the_gate() -> None:
    found = gate(checkpoints(rise=1.0))
    assert found[0].passed is True
    assert [one.passed for one in found[0].answers] == [True, True, True, True]


def test_a_task_that_is_not_learnt_or_falls_fails_it() -> None:
    falls = gate(checkpoints(rise=-1.0))
    assert (falls[0].passed, answer(falls, "rises"), answer(falls, "above")) == (False, False, False)
    assert answer(gate(checkpoints(rise=0.05, noise=0.3)), "signal") is False
    assert answer(gate(checkpoints(rise=1.0, persistent=0.0)), "stable") is False


def test_a_task_at_chance_fails_the_gate_whatever_its_rise() -> None:
    scores = checkpoints(rise=1.0)
    level = float(scores[-1][1].tasks[0].values.mean())
    assert answer(gate(scores, chance={"task-1": level}), "above chance") is False
    assert answer(gate(scores, chance={"task-1": level - 1}), "above chance") is True


def test_what_the_data_cannot_answer_is_not_asked() -> None:
    found = gate(checkpoints(rise=1.0)[-1:])
    assert [one.passed for one in found[0].answers] == [None, None, None, None]
    assert found[0].passed is None


def rows_of(checkpoint: tuple[int, Scores]) -> list[dict[str, object]]:
    step, scores = checkpoint
    return [
        {
            "arm": scores.arms[arm],
            "size": "smoke",
            "seed": scores.seeds[seed],
            "step": step,
            "task": task.name,
            "form": "bpb",
            "item": task.items[item],
            "group": None,
            "metric": "gold_bpb",
            "value": -float(value),
        }
        for task in scores.tasks
        for (arm, seed, item), value in np.ndenumerate(task.values)
    ]


def test_one_call_gives_all_statistics_of_a_table_as_plain_json(tmp_path: Path) -> None:
    study = [(step, made(effects=(0.4, -0.4), items=40, tasks=2)) for step in (10, 20)]
    early, late = study
    late = (20, replace(late[1], tasks=tuple(replace(one, values=one.values + 1) for one in late[1].tasks)))
    write_results(tmp_path / "results.parquet", rows_of(early) + rows_of(late))
    question = Question(baseline="baseline", selection=Selection(metric="gold_bpb"))
    found = study_statistics(tmp_path, question, FEW)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == study_statistics(tmp_path, question, FEW)
    assert [one["verdict"] for one in found["comparisons"]] == ["better", "worse"]
    assert found["comparisons"][0]["paragraph"].startswith("arm-1 is better than baseline")
    assert len(found["curves"]) == 3 * 3 * 2
    assert {one["state"] for one in found["runs"]} == {"ok"}
    assert [one["in_aggregate"] for one in found["tasks"]] == [True, True]


def test_tasks_that_fail_the_gate_stay_out_and_all_failing_is_refused(tmp_path: Path) -> None:
    rising = [(step, made(effects=(0.4,), items=40, tasks=2)) for step in (10, 20)]
    sunk = []
    for step, scores in rising:
        first, second = scores.tasks
        shift = step / 10
        tasks = (replace(first, values=first.values + shift), replace(second, values=second.values - shift))
        sunk.append((step, replace(scores, tasks=tasks)))
    write_results(tmp_path / "results.parquet", [row for one in sunk for row in rows_of(one)])
    question = Question(baseline="baseline", selection=Selection(metric="gold_bpb"))
    found = study_statistics(tmp_path, question, FEW)
    assert [one["in_aggregate"] for one in found["tasks"]] == [True, False]
    assert [one["task"] for one in found["comparisons"][0]["tasks"]] == ["task-1"]
    with pytest.raises(ConfigError, match="passes the gate"):
        without_tasks(made(), ["task-1", "task-2", "task-3", "task-4"])


def test_an_unknown_baseline_is_refused_with_the_known_arms() -> None:
    with pytest.raises(ConfigError, match="baseline, arm-1"):
        compared(made(), Question(baseline="original", selection=Selection(metric="acc")))
