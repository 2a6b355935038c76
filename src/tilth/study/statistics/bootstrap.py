"""The seed x item bootstrap, calibrated: draws of every arm's difference, and intervals from them.

Each draw resamples the items (or passages) of every task and the seeds. All arms share a draw's items and seeds, as
they share them in the study, so differences between arms keep their correlation. Items are drawn as multinomial
counts. Seeds are drawn as normal weights, since two or three seeds have too few multinomial outcomes to show a tail:
the draws' variance is then exactly the sample variance with k - 1, over k.

Three corrections keep the intervals honest at two to five seeds (tests/study checks coverage by simulation): the parts
are scaled to their unbiased variances (components.py); the interval uses the t quantile at Satterthwaite's degrees of
freedom; and at three seeds or fewer it is the wider of that and the t interval over seed means.

Cost: draws x items x arms multiplications a task; 30 arms, 20 tasks of 1,000 items and 2,000 draws take about 2 s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tilth.base.random import seed_of
from tilth.study.statistics.components import Parts
from tilth.study.statistics.quantiles import t_quantile, t_two_sided
from tilth.study.statistics.scores import Floats

_BLOCK = 4_000_000  # counts held at once: 32 MB, so that a task of a million items fits in memory
_MANY = 1e6  # degrees of freedom of a part that is as good as known


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedNoise:
    """The spread of the macro score between seeds of one arm, known from elsewhere.

    `sd` is of one run, in the metric's units; `df` its degrees of freedom; `correlation` that of two arms' runs of the
    same seed. `here` says that it was pooled over this study's own arms, so that an arm's own spread is in it already.
    """

    sd: float
    df: float
    correlation: float = 0.0
    source: str = "given"
    here: bool = False

    @property
    def difference_variance(self) -> float:
        """The variance of the difference of two arms at one seed."""
        return 2.0 * self.sd**2 * (1.0 - self.correlation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What was drawn once and serves every aggregate: item parts (draw x arm x task), seed weights (draw x seed),
    and one more normal number a draw and arm."""

    items: Floats
    seeds: Floats
    extra: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One aggregate of every arm: effect, standard error, degrees of freedom, interval and two-sided p.

    `seed_part` and `item_part` are draw x arm: deviations from the effect, for ranks. `seed_sd` is the spread of the
    difference between matched seeds (NaN with one seed).
    """

    effect: Floats
    se: Floats
    df: Floats
    low: Floats
    high: Floats
    p: Floats
    seed_sd: Floats
    seed_part: Floats
    item_part: Floats


def draw(parts: Parts, draws: int, seed: int) -> Draws:
    """`draws` draws of items, seeds and the extra numbers, the same for the same seed."""
    arms, seeds = parts.matched.shape
    items = np.empty((draws, arms, len(parts.columns)))
    for index, columns in enumerate(parts.columns):
        rng = np.random.default_rng(seed_of(seed, "bootstrap", "items", index))
        for place, counts in _counts(rng, draws, columns.shape[1]):
            items[place, :, index] = (counts / columns.shape[1]) @ columns.T
    rng = np.random.default_rng(seed_of(seed, "bootstrap", "seeds"))
    return Draws(items=items, seeds=rng.standard_normal((draws, seeds)), extra=rng.standard_normal((draws, arms)))


def _counts(rng: np.random.Generator, draws: int, units: int) -> Iterator[tuple[slice, Floats]]:
    """Blocks of multinomial counts, draw x unit: how often each of `units` was drawn in `units` draws."""
    block = max(1, _BLOCK // units)
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        picks = rng.integers(0, units, (rows, units)) + units * np.arange(rows)[:, None]
        counts = np.bincount(picks.ravel(), minlength=rows * units).reshape(rows, units)
        yield slice(start, start + rows), counts.astype(np.float64)


def estimate(
    parts: Parts,
    draws: Draws,
    weights: Floats,
    *,
    noise: SeedNoise | None = None,
    few_seeds: int = 3,
    level: float = 0.95,
) -> Estimate:
    """The aggregate `weights` (one a task) of every arm's differences.

    `noise`, in the aggregate's units, stands in for or joins the seeds' own spread; then the t interval over seed means
    is not asked for. An arm without matched seeds gets NaN.
    """
    seeds = _Seeds.of(parts, weights, noise)
    item_part = draws.items @ weights
    seed_part = _seed_draws(parts, draws, weights, seeds)
    variance_items = parts.item_variance @ weights**2
    se = np.sqrt(((item_part + seed_part) ** 2).mean(axis=0))
    df = _satterthwaite(parts, weights, seeds, variance_items)
    effect = parts.effect @ weights
    low, high, p = _interval(effect, se, df, level)
    k = parts.seeds
    if noise is None:
        few = (k >= 2) & (k <= few_seeds)
        over_seeds = _interval(effect, np.sqrt(seeds.own / np.maximum(k, 1)), np.maximum(k - 1, 1), level)
        low = np.where(few, np.minimum(low, over_seeds[0]), low)
        high = np.where(few, np.maximum(high, over_seeds[1]), high)
        p = np.where(few, np.maximum(p, over_seeds[2]), p)
    return Estimate(
        effect=effect,
        se=np.where(np.isfinite(effect), se, np.nan),
        df=df,
        low=low,
        high=high,
        p=p,
        seed_sd=np.where(k > 1, np.sqrt(seeds.own), np.nan),
        seed_part=seed_part,
        item_part=item_part,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seeds:
    """The variance of one seed's difference for each arm: its own, the one used, and that one's degrees of freedom."""

    own: Floats
    used: Floats
    df: Floats

    @classmethod
    def of(cls, parts: Parts, weights: Floats, noise: SeedNoise | None) -> "_Seeds":
        k = parts.seeds
        own_df = np.maximum(k - 1, 0)
        own = ((parts.rows @ weights) ** 2).sum(axis=1) / np.maximum(own_df, 1)
        used, df = own, np.maximum(own_df, 1)
        if noise is not None:
            kept = np.zeros_like(own_df) if noise.here else own_df
            df = kept + noise.df
            used = (kept * own + noise.df * noise.difference_variance) / df
        return cls(own=own, used=np.where(np.arange(len(k)) == parts.baseline, 0.0, used), df=df)


def _seed_draws(parts: Parts, draws: Draws, weights: Floats, seeds: _Seeds) -> Floats:
    """Draw x arm with the variance `used` / k: the seeds' own deviations, and independent noise for what they lack."""
    k = np.maximum(parts.seeds, 1)
    shrink = np.sqrt(np.minimum(1.0, seeds.used / np.maximum(seeds.own, 1e-300)))
    own = (draws.seeds @ (parts.rows @ weights).T) * shrink / np.sqrt(k * np.maximum(k - 1, 1))
    lacking = np.sqrt(np.maximum(0.0, seeds.used - seeds.own) / k)
    return np.asarray(own + draws.extra * lacking)


def _satterthwaite(parts: Parts, weights: Floats, seeds: _Seeds, variance_items: Floats) -> Floats:
    """Degrees of freedom of a sum of independent variance estimates (Satterthwaite, Biometrics 1946)."""
    of_seeds = seeds.used / np.maximum(parts.seeds, 1)
    per_task = parts.item_variance * weights**2
    below = of_seeds**2 / seeds.df + (per_task**2 / np.maximum(parts.units - 1, 1)).sum(axis=1)
    whole = (of_seeds + variance_items) ** 2
    return np.where(below > 0, np.minimum(whole / np.maximum(below, 1e-300), _MANY), _MANY)


def _interval(effect: Floats, se: Floats, df: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Lower end, upper end and two-sided p of a t interval; p is 1 where nothing differs at all."""
    half = t_quantile(0.5 + level / 2, df) * se
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(se > 0, effect / se, np.where(effect == 0, 0.0, np.inf))
    return effect - half, effect + half, np.where(np.isfinite(effect), t_two_sided(ratio, df), np.nan)
