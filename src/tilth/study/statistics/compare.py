"""Each arm against the baseline: effect, interval, adjusted p, verdict; and which arms may be the best.

Effects are oriented so that positive is better, in the metric's own units. The primary claim of an arm is its macro
score (mean over categories of the mean over tasks) or the standardised one; Holm's procedure over arms keeps the
chance of any false "better" or "worse" at `alpha`. Everything a task tells on its own is exploratory and marked so by
its place. An arm that was stopped early was looked at several times: its interval and p are widened for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tilth.study.statistics.bootstrap import Draws, Estimate, SeedNoise, draw, estimate
from tilth.study.statistics.components import Parts, split
from tilth.study.statistics.ranks import best_and_top
from tilth.study.statistics.scores import Floats, Scores
from tilth.study.statistics.settings import StatisticsSettings

Verdict = Literal["better", "worse", "not worse than", "cannot tell"]
#: Why a claim is not made whatever the numbers say.
Standing = Literal["ok", "one seed", "a seed diverged", "diverged", "no results", "no baseline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDifference:
    """One task of one arm: exploratory, its p not adjusted for the number of arms or tasks."""

    task: str
    category: str
    effect: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One arm against the baseline. Numbers are None where they cannot be had (an arm without a finished run).

    `low`, `high` bound the effect at 1 - alpha, unadjusted; `p_adjusted` is Holm's over the arms. `without_one_task`
    is the least and greatest effect when any one task is left out. `standardised` is the mean over tasks of effects
    divided by the baseline's spread between seeds. `equivalent` says that the whole interval lies within the margin.
    `looks` above 1: it was stopped early by a rule with so many looks, and `low`, `high` and p allow for them all.
    """

    arm: str
    baseline: str
    standing: Standing
    verdict: Verdict
    seeds: int
    score: float | None
    baseline_score: float | None
    effect: float | None
    se: float | None
    df: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    seed_sd: float | None
    margin: float | None
    equivalent: bool
    standardised: float | None
    without_one_task: tuple[float, float] | None
    probability_best: float | None
    probability_top_three: float | None
    tasks: tuple[TaskDifference, ...]
    looks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """All comparisons of one metric at one size, and what they rest on."""

    metric: str
    size: str
    baseline: str
    aggregate: str
    margin: float | None
    noise: SeedNoise | None
    baseline_seed_sd: float | None
    probability_baseline_best: float | None
    probability_baseline_top_three: float | None
    comparisons: tuple[Comparison, ...]


def compare(
    scores: Scores,
    baseline: str,
    settings: StatisticsSettings | None = None,
    noise: SeedNoise | None = None,
    looks: Mapping[str, int] | None = None,
) -> Analysis:
    """Every arm of `scores` against `baseline`, in the order of the arms.

    `noise` is a spread between seeds known from elsewhere, in the macro score's units
    (`study.published.tables.published_noise`); it lets one seed an arm carry a claim. `looks` names the arms that were
    stopped early and how often the rule may look (`study.stopping`). Raises `ConfigError` where the baseline is not an
    arm.
    """
    chosen = settings or StatisticsSettings()
    parts = split(scores, baseline)
    draws = draw(parts, chosen.draws, chosen.seed)
    deviations = _baseline_deviations(scores, parts)
    weights = scores.macro_weights()
    standard = _standard_weights(deviations, parts)
    primary_weights = weights if chosen.aggregate == "macro" or standard is None else standard
    if noise is None and chosen.pool_seeds:
        noise = pooled_noise(scores, primary_weights)
    primary = _estimate(parts, draws, primary_weights, chosen, noise)
    primary = _widened(primary, (parts, draws, primary_weights), chosen, noise, _looks_of(scores, looks))
    sd = _baseline_sd(deviations, primary_weights)
    margin = chosen.margin or _margin(sd, noise, chosen)
    spread = noise or pooled_noise(scores, primary_weights)
    best, top = best_and_top(primary, parts.seeds, spread, seed=chosen.seed)
    views = _Views(
        primary=primary,
        tasks=[_estimate(parts, draws, row, chosen, None) for row in np.eye(len(scores.tasks))],
        adjusted=holm([primary.p[arm] if arm != parts.baseline else np.nan for arm in range(len(scores.arms))]),
        standardised=parts.effect @ standard if standard is not None else np.full(len(scores.arms), np.nan),
        left_out=_without_one(parts, primary_weights),
        best=best,
        top=top,
        means=np.where(scores.usable, scores.task_means() @ weights, np.nan),
        margin=margin,
        known_noise=noise is not None,
        looks=_looks_of(scores, looks),
    )
    compared = [arm for arm in range(len(scores.arms)) if arm != parts.baseline]
    return Analysis(
        metric=scores.metric,
        size=scores.size,
        baseline=baseline,
        aggregate="macro" if primary_weights is weights else "standardised",
        margin=margin,
        noise=noise,
        baseline_seed_sd=sd,
        probability_baseline_best=_number(best[parts.baseline]),
        probability_baseline_top_three=_number(top[parts.baseline]),
        comparisons=tuple(_comparison(arm, scores, parts, views, chosen) for arm in compared),
    )


def holm(p: Sequence[float]) -> Floats:
    """Holm's adjusted p values (Scandinavian Journal of Statistics 1979); NaN stays NaN and does not count."""
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full_like(values, np.nan)
    order = [index for index in np.argsort(values) if not np.isnan(values[index])]
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * float(values[index])))
        adjusted[index] = running
    return adjusted


def pooled_noise(scores: Scores, weights: Floats) -> SeedNoise | None:
    """The spread between seeds over all arms together, what each seed shares among arms taken out: the residual of the
    arm x seed table of aggregate scores. Runs may be missing (arms stopped early, diverged runs); those that are there
    are fitted by least squares. None where no run is left over to tell the spread by."""
    there = scores.usable.copy()
    there[there.sum(axis=1) < 2] = False  # one run of an arm says nothing of its spread
    there[:, there.sum(axis=0) < 2] = False
    if not there.any():
        return None
    arms, seeds = np.nonzero(there)
    table = (scores.task_means() @ weights)[there]
    effects = np.concatenate([arms[:, None] == np.unique(arms), seeds[:, None] == np.unique(seeds)], axis=1)
    fitted, _, rank, _ = np.linalg.lstsq(effects.astype(np.float64), table - table.mean(), rcond=None)
    df = len(table) - int(rank)
    if df < 1:
        return None
    rest = table - table.mean() - effects @ fitted
    sd = float(np.sqrt((rest**2).sum() / df))
    count = f"{len(np.unique(arms))} arms and {len(np.unique(seeds))} seeds"
    return SeedNoise(sd=sd, df=df, source=f"pooled over {count}", here=True)


def judge(
    *, standing: Standing, effect: float, low: float, high: float, p_adjusted: float, alpha: float, margin: float | None
) -> tuple[Verdict, bool]:
    """The verdict of one claim, and whether the arms are equivalent within the margin.

    Better and worse need an adjusted p of at most `alpha`. "Not worse than" is the non-inferiority test: the interval's
    lower end lies above minus the margin; it uses the same two-sided interval, hence errs at most alpha / 2 of the
    time. An arm of which a seed diverged is never praised: the seeds that survived are not a fair sample.
    """
    if standing in ("diverged", "no results", "no baseline", "one seed") or np.isnan(effect):
        return "cannot tell", False
    equivalent = margin is not None and low > -margin and high < margin
    if p_adjusted <= alpha and effect < 0:
        return "worse", equivalent
    if standing == "a seed diverged":
        return "cannot tell", False
    if p_adjusted <= alpha:
        return "better", equivalent
    if margin is not None and low > -margin:
        return "not worse than", equivalent
    return "cannot tell", False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Views:
    """All that a comparison is read off from; arrays have one entry an arm."""

    primary: Estimate
    tasks: list[Estimate]
    adjusted: Floats
    standardised: Floats
    left_out: Floats | None
    best: Floats
    top: Floats
    means: Floats
    margin: float | None
    known_noise: bool
    looks: Floats


def _comparison(arm: int, scores: Scores, parts: Parts, views: _Views, settings: StatisticsSettings) -> Comparison:
    standing = _standing(arm, scores, parts, known_noise=views.known_noise)
    one = views.primary
    verdict, equivalent = judge(
        standing=standing,
        effect=float(one.effect[arm]),
        low=float(one.low[arm]),
        high=float(one.high[arm]),
        p_adjusted=float(views.adjusted[arm]),
        alpha=settings.alpha,
        margin=views.margin,
    )
    there = parts.matched[arm].any()
    return Comparison(
        arm=scores.arms[arm],
        baseline=scores.arms[parts.baseline],
        standing=standing,
        verdict=verdict,
        seeds=int(parts.matched[arm].sum()),
        score=_mean(views.means[arm, parts.matched[arm]]),
        baseline_score=_mean(views.means[parts.baseline, parts.matched[arm]]),
        effect=_number(one.effect[arm]),
        se=_number(one.se[arm]) if there else None,
        df=_number(one.df[arm]) if there else None,
        low=_number(one.low[arm]),
        high=_number(one.high[arm]),
        p=_number(one.p[arm]),
        p_adjusted=_number(views.adjusted[arm]),
        seed_sd=_number(one.seed_sd[arm]),
        margin=views.margin,
        equivalent=equivalent,
        standardised=_number(views.standardised[arm]),
        without_one_task=_range(views.left_out[:, arm]) if views.left_out is not None and there else None,
        probability_best=_number(views.best[arm]),
        probability_top_three=_number(views.top[arm]),
        tasks=tuple(_task(scores, index, found, arm) for index, found in enumerate(views.tasks)) if there else (),
        looks=int(views.looks[arm]),
    )


def _task(scores: Scores, index: int, found: Estimate, arm: int) -> TaskDifference:
    return TaskDifference(
        task=scores.tasks[index].name,
        category=scores.tasks[index].category,
        effect=float(found.effect[arm]),
        low=float(found.low[arm]),
        high=float(found.high[arm]),
        p=float(found.p[arm]),
    )


def _standing(arm: int, scores: Scores, parts: Parts, *, known_noise: bool) -> Standing:
    states = {state.state for state in scores.states if state.arm == scores.arms[arm]}
    if not parts.matched[parts.baseline].any():
        return "no baseline"
    if not parts.matched[arm].any():
        return "diverged" if "diverged" in states else "no results"
    if "diverged" in states:
        return "a seed diverged"
    return "one seed" if parts.matched[arm].sum() == 1 and not known_noise else "ok"


def _estimate(
    parts: Parts, draws: Draws, weights: Floats, settings: StatisticsSettings, noise: SeedNoise | None
) -> Estimate:
    return estimate(parts, draws, weights, noise=noise, few_seeds=settings.few_seeds, level=1 - settings.alpha)


def _looks_of(scores: Scores, looks: Mapping[str, int] | None) -> Floats:
    """How often the data of each arm may have been looked at before it was judged: once, where it was not stopped."""
    return np.array([(looks or {}).get(arm, 1) for arm in scores.arms], dtype=np.float64)


def _widened(
    found: Estimate,
    of: tuple[Parts, Draws, Floats],
    settings: StatisticsSettings,
    noise: SeedNoise | None,
    looks: Floats,
) -> Estimate:
    """Interval and p of arms that were looked at several times, so that all looks together err as one would
    (Bonferroni); the others as they are."""
    low, high = found.low.copy(), found.high.copy()
    for count in sorted({int(one) for one in looks if one > 1}):
        strict = settings.model_copy(update={"alpha": settings.alpha / count})
        wide = _estimate(*of, strict, noise)
        low, high = (np.where(looks == count, *pair) for pair in ((wide.low, low), (wide.high, high)))
    return replace(found, low=low, high=high, p=np.minimum(1.0, found.p * looks))


def _baseline_deviations(scores: Scores, parts: Parts) -> Floats:
    """Seed x task: the baseline's own scores."""
    return np.asarray(scores.task_means()[parts.baseline, scores.usable[parts.baseline]])


def _baseline_sd(deviations: Floats, weights: Floats) -> float | None:
    return float(np.std(deviations @ weights, ddof=1)) if len(deviations) > 1 else None


def _standard_weights(deviations: Floats, parts: Parts) -> Floats | None:
    """Weights of the mean over tasks of effects in baseline seed sds; None with one baseline seed.

    A task's sd is not taken below what its items' noise between runs implies for it (the least over arms, halved,
    since a difference has twice the variance), so that a lucky pair of equal seeds does not decide the aggregate.
    """
    if len(deviations) < 2:
        return None
    floors = np.where(parts.row_floor > 0, parts.row_floor, np.inf).min(axis=0) / 2
    variance = np.maximum(np.var(deviations, axis=0, ddof=1), np.where(np.isfinite(floors), floors, 0.0))
    if (variance <= 0).any():
        return None
    return np.asarray(1.0 / np.sqrt(variance) / len(variance))


def _margin(sd: float | None, noise: SeedNoise | None, settings: StatisticsSettings) -> float | None:
    known = noise.sd if noise is not None else sd
    return settings.margin_seed_sd * known if known else None


def _without_one(parts: Parts, weights: Floats) -> Floats | None:
    """Task x arm: the effect with that task left out and the other weights scaled up; None with one task."""
    if len(weights) < 2:
        return None
    kept = weights[None, :] * (1 - np.eye(len(weights)))
    return np.asarray((kept * (weights.sum() / kept.sum(axis=1, keepdims=True))) @ parts.effect.T)


def _range(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
