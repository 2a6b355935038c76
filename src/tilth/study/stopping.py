"""Arms to give up before their last seed, with the stated chance that an arm that is truly better is given up.

After so many seeds as a look asks for, each arm's difference from the baseline gets a one-sided upper bound; an arm
whose bound lies below the smallest difference that would matter is stopped. The bound is the upper end of the interval
of the verdicts (seeds, items and passages in it), at the level 1 - error / looks. By Bonferroni's inequality an arm
whose true difference is the wanted one or more is then stopped at any look with a chance of at most `error`, however
the looks hang together (they share items and the first seeds). The rate is of each arm, and so it is the chance that
the best arm is lost; several good arms each have it. tests/study_page checks it by simulation.

What it rests on: seeds are exchangeable, so the first k of an order that was fixed beforehand are a fair sample of all;
a checkpoint is not, for curves cross, and so nothing is stopped on unfinished runs. A run that diverged is no low
score: it is left out here, and the arm's verdict says so.

Stopping never makes a false "better" likelier: it only takes chances away. Claims about a stopped arm do look at the
data several times, so they are widened for the number of looks (`statistics.compare`, `looks`).

Costs one analysis a look: about 3 s for 30 arms, 20 tasks of 1,000 items and 3 seeds. Pure: the same scores give the
same answer, so that a resumed study stops what the first run stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tilth.base.errors import ConfigError
from tilth.study.statistics.bootstrap import SeedNoise, draw, estimate
from tilth.study.statistics.compare import pooled_noise
from tilth.study.statistics.components import split
from tilth.study.statistics.scores import Scores
from tilth.study.statistics.settings import Stopping

_DRAWS = 2000  # as the verdicts take: the bound's standard error is then itself known to 1.6 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An arm that is given up: after how many seeds, what is known of it, and by which rule.

    `upper` bounds its difference from the baseline at the level 1 - `error_of_look`; `error` is the rule's over all
    `looks`.
    """

    arm: str
    seeds: int
    effect: float
    upper: float
    difference: float
    error: float
    error_of_look: float
    looks: int

    def sentence(self) -> str:
        """Why it is stopped, with the rule's error."""
        return (
            f"stopped early after {self.seeds} seed{'s' if self.seeds != 1 else ''}: it differs from the baseline by "
            f"{self.effect:+.3g}, and a gain of {self.difference:.3g} or more is excluded (upper bound "
            f"{self.upper:+.3g} at {100 * (1 - self.error_of_look):.4g} %). The rule stops an arm that is truly better "
            f"by so much with a chance of at most {100 * self.error:g} %, over {self.looks} "
            f"look{'s' if self.looks != 1 else ''}."
        )


def hopeless(
    scores: Scores,
    baseline: str,
    settings: Stopping,
    *,
    noise: SeedNoise | None = None,
    order: Sequence[int] | None = None,
) -> tuple[Stopped, ...]:
    """Every arm that the rule stops on the scores so far, look after look; those of earlier looks first.

    `scores` may hold fewer seeds than planned, or more than the looks need: a look sees the first seeds of `order`
    (by default rising) and no others, and only those arms that earlier looks left. An arm is looked at when it and the
    baseline have all of these seeds behind them, diverged ones included, and two that finished. `noise` is a spread
    between seeds known from elsewhere, with which one seed is enough. Raises `ConfigError` where the baseline is no arm
    or `order` lacks a seed.
    """
    scores.arm(baseline)
    seeds = tuple(order) if order is not None else scores.seeds
    missing = [str(seed) for seed in scores.seeds if seed not in seeds]
    if missing:
        raise ConfigError(f"expected every seed in the planned order {seeds}; the results have {missing[0]} too.")
    stopped: dict[str, Stopped] = {}
    for count in settings.looks:
        if count > len(seeds):
            break
        seen = _first_seeds(scores, seeds[:count], gone=stopped)
        stopped |= _look(seen, baseline, settings, count, noise)
    return tuple(stopped.values())


def _first_seeds(scores: Scores, seeds: Sequence[int], gone: Mapping[str, Stopped]) -> Scores:
    """The scores of some seeds and of the arms that are still trained."""
    columns = [scores.seeds.index(seed) for seed in seeds if seed in scores.seeds]
    rows = [place for place, arm in enumerate(scores.arms) if arm not in gone]
    arms = tuple(scores.arms[place] for place in rows)
    return replace(
        scores,
        arms=arms,
        seeds=tuple(scores.seeds[column] for column in columns),
        tasks=tuple(replace(task, values=task.values[rows][:, columns]) for task in scores.tasks),
        states=tuple(state for state in scores.states if state.arm in arms and state.seed in seeds),
        usable=scores.usable[rows][:, columns],
    )


def _look(scores: Scores, baseline: str, settings: Stopping, count: int, noise: SeedNoise | None) -> dict[str, Stopped]:
    ready = _ready(scores, count)
    if baseline not in ready or len(ready) < 2:
        return {}
    weights = scores.macro_weights()
    known = noise if noise is not None or not settings.pool_seeds else pooled_noise(scores, weights)
    parts = split(scores, baseline)
    found = estimate(parts, draw(parts, _DRAWS, 0), weights, noise=known, level=1 - 2 * settings.error_of_look)
    least = 1 if noise is not None else 2
    stopped = {}
    for place, arm in enumerate(scores.arms):
        upper = float(found.high[place])
        if arm == baseline or arm not in ready or parts.seeds[place] < least or not np.isfinite(upper):
            continue
        if upper < settings.difference:
            stopped[arm] = Stopped(
                arm=arm,
                seeds=count,
                effect=float(found.effect[place]),
                upper=upper,
                difference=settings.difference,
                error=settings.error,
                error_of_look=settings.error_of_look,
                looks=len(settings.looks),
            )
    return stopped


def _ready(scores: Scores, count: int) -> set[str]:
    """Arms with every seed of the look behind them, diverged or not; an evaluation that was cut off is not over yet."""
    behind = [state.arm for state in scores.states if state.state in ("ok", "diverged")]
    return {arm for arm in scores.arms if behind.count(arm) >= count}
