"""Power before spending: the smallest true difference a study can see, and the seeds a wanted difference needs.

The plan asks the same question as the analysis: it integrates over the seeds' sample variance with the same interval
(Satterthwaite's t, at few seeds the wider of it and the t interval over seed means), so a simulated study's power
equals the planned one (tests/study). No random numbers; a figure takes milliseconds. scipy is loaded on the first
call.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tilth.base.errors import ConfigError
from tilth.base.random import seed_of
from tilth.study.statistics.quantiles import (
    Floats,
    chi2_quantile,
    noncentral_t_cdf,
    normal_cdf,
    normal_quantile,
    t_quantile,
)

_GRID = 2000  # points of the seeds' variance; power is then exact to about 0.001
_MOST_SEEDS = 1000  # a study that needs more will not be run
_HALVINGS = 60  # of an interval: the difference is then exact to the last digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a comparison of one arm with the baseline is planned with; all spreads in the metric's units.

    `seed_sd` is the spread of one arm's score between seeds, `correlation` how much of it two arms share at the same
    seed. `item_sd` is the spread of one arm's item scores about its mean, `item_correlation` the share of it that two
    arms have in common (0.5 to 0.8 for models of one size); `items` is the number over all tasks. With `item_sd` 0
    only seeds count, as with a published spread, which has the sampling of items of a fixed test in neither arm.
    `comparisons` is the number of arms: the plan uses the first, hardest step of Holm's procedure. With `pooled` the
    analysis takes the seeds' spread over all arms together; `known_df` are the degrees of freedom of a spread known
    from elsewhere (`SeedNoise`), with which one seed an arm can carry a claim.
    """

    seed_sd: float
    seeds: int = 3
    correlation: float = 0.0
    items: int = 1000
    item_sd: float = 0.0
    item_correlation: float = 0.5
    comparisons: int = 1
    alpha: float = 0.05
    few_seeds: int = 3
    pooled: bool = False
    known_df: float = 0.0

    @property
    def df(self) -> float:
        """Degrees of freedom of the seeds' variance."""
        return (self.seeds - 1) * (self.comparisons if self.pooled else 1) + self.known_df

    @property
    def seed_variance(self) -> float:
        """Variance of the mean difference that comes from seeds."""
        return 2.0 * self.seed_sd**2 * (1.0 - self.correlation) / self.seeds

    @property
    def item_variance(self) -> float:
        """Variance of the mean difference that comes from which items are asked."""
        return 2.0 * self.item_sd**2 * (1.0 - self.item_correlation) / self.items


def power(difference: float, design: Design) -> float:
    """The chance that a true `difference` is found (in either direction) by the analysis.

    Raises `ConfigError` for one seed without a known spread: the analysis makes no claim from it.
    """
    return _Chance(design).of(difference)


class _Chance:
    """Power as a function of the difference: the intervals' widths, which do not depend on it, are found once."""

    def __init__(self, design: Design) -> None:
        if design.df <= 0:
            raise ConfigError("expected at least 2 seeds; one seed an arm is screening and carries no claim.")
        self.sd = float(np.sqrt(design.seed_variance + design.item_variance))
        self._half = _half_widths(design)

    def of(self, difference: float) -> float:
        if self.sd == 0:
            return float(difference != 0)
        far, near = (-abs(difference) - self._half) / self.sd, (abs(difference) - self._half) / self.sd
        return float((normal_cdf(near) + normal_cdf(far)).mean())


def _half_widths(design: Design) -> Floats:
    """Half the interval's width for each possible sample variance of the seeds, in equal steps of probability."""
    df = design.df
    share = (np.arange(_GRID) + 0.5) / _GRID
    of_seeds = design.seed_variance * chi2_quantile(share, df) / df
    whole = of_seeds + design.item_variance
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(of_seeds > 0, whole**2 / (of_seeds**2 / df), np.inf)
    probability = 1 - design.alpha / design.comparisons / 2
    half = t_quantile(probability, freedom) * np.sqrt(whole)
    if design.seeds <= design.few_seeds and not design.pooled and not design.known_df:
        half = np.maximum(half, t_quantile(probability, df) * np.sqrt(of_seeds))
    return half


def smallest_difference(design: Design, wanted_power: float = 0.8) -> float:
    """The smallest true difference found with `wanted_power`, in the metric's units."""
    chance = _Chance(design)
    high = chance.sd
    while high > 0 and chance.of(high) < wanted_power:
        high *= 2
    return _bisect(lambda difference: chance.of(difference) >= wanted_power, 0.0, high)


def _bisect(enough: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def seeds_needed(difference: float, design: Design, wanted_power: float = 0.8) -> int | None:
    """The fewest seeds an arm that find a true `difference` with `wanted_power`; None where items alone forbid it.

    `design.seeds` is not looked at.
    """
    many = _with_seeds(design, _MOST_SEEDS)
    if power(difference, many) < wanted_power:
        return None
    for seeds in range(2, _MOST_SEEDS + 1):
        if power(difference, _with_seeds(design, seeds)) >= wanted_power:
            return seeds
    return None


def _with_seeds(design: Design, seeds: int) -> Design:
    return Design(**{**asdict(design), "seeds": seeds})


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """One line of the plan's table: with so many seeds an arm, the smallest difference seen, and the chance that the
    wanted one is (None where none was asked for)."""

    seeds: int
    runs: int
    smallest: float
    power: float | None


def power_table(
    design: Design, seeds: Sequence[int] = (2, 3, 5, 8, 10), wanted: float | None = None, wanted_power: float = 0.8
) -> tuple[PowerRow, ...]:
    """The plan's table for several numbers of seeds; `runs` counts all arms and the baseline."""
    rows = []
    for count in seeds:
        one = _with_seeds(design, count)
        rows.append(
            PowerRow(
                seeds=count,
                runs=count * (design.comparisons + 1),
                smallest=smallest_difference(one, wanted_power),
                power=None if wanted is None else power(wanted, one),
            )
        )
    return tuple(rows)


def as_json(rows: Sequence[PowerRow]) -> list[dict[str, Any]]:
    """The table as plain dictionaries."""
    return [asdict(row) for row in rows]


def smallest_by_items(*, items: int, rate: float, correlation: float = 0.0, wanted_power: float = 0.8) -> float:
    """The smallest difference of two proportions near `rate` that one run each can show, from question sampling alone,
    at 5 % two-sided (Miller, Adding Error Bars to Evals, 2024). `correlation` is that of two models' right answers."""
    reach = float(normal_quantile(0.975) + normal_quantile(wanted_power))
    return reach * float(np.sqrt(2 * rate * (1 - rate) * (1 - correlation) / items))


def two_sample_seeds(ratio: float, wanted_power: float = 0.8, alpha: float = 0.05) -> int:
    """Seeds an arm that show a difference of `ratio` standard deviations of one run, by a two-sample t test without
    pairing (exact, noncentral t)."""
    for seeds in range(2, _MOST_SEEDS + 1):
        df, shift = 2 * seeds - 2, ratio * np.sqrt(seeds / 2)
        edge = t_quantile(1 - alpha / 2, df)
        if 1 - noncentral_t_cdf(edge, df, shift) + noncentral_t_cdf(-edge, df, shift) >= wanted_power:
            return seeds
    raise ConfigError(f"expected a difference that {_MOST_SEEDS} seeds show; {ratio} standard deviations is less.")


def chance_of_right_sign(ratio: float, seeds: int) -> float:
    """The chance that the arm that is better by `ratio` standard deviations of one run comes out ahead."""
    return float(normal_cdf(ratio * np.sqrt(seeds / 2)))


def chance_of_right_order(signal_to_noise: float) -> float:
    """The chance that two arms come out in their true order, where true scores spread `signal_to_noise` times as much
    as noise does: 1 - arccos(r) / pi with r the correlation of true and measured scores (Sheppard 1899)."""
    return float(1 - np.arccos(signal_to_noise / np.hypot(1, signal_to_noise)) / np.pi)


def chance_of_finding_best(signal_to_noise: float, arms: int, top: int = 3, draws: int = 20_000) -> tuple[float, float]:
    """The chance that the arm that comes out first is truly the best, and that the truly best is among the first `top`.

    By simulation with a fixed seed; exact to about 0.004 at 20,000 draws.
    """
    rng = np.random.default_rng(seed_of(0, "power", "best", arms))
    true = signal_to_noise * rng.standard_normal((draws, arms))
    order = np.argsort(-(true + rng.standard_normal((draws, arms))), axis=1)
    best = true.argmax(axis=1)
    return float((order[:, 0] == best).mean()), float((order[:, :top] == best[:, None]).any(axis=1).mean())
