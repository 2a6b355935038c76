"""Made-up studies whose truth is known, to check the statistics and the plan against, and to measure their speed.

The same seed gives the same study. Scores follow the model of `statistics/components.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tilth.study.statistics.scores import Floats, RunState, Scores, TaskScores


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a made-up study is drawn from. Effects are those of the arms against the baseline, the same in every task.

    `seed_sd` is the spread between seeds of one arm's score (tasks move together); `common_seed_sd` what all arms of a
    seed share; `item_sd` how much an arm's effect differs from item to item (of one arm; a difference of two has
    sqrt(2) times that); `both_sd` how much one item's score changes from run to run. `passage` items share their item
    effect. `binary` turns each score into right or wrong at its median, so that the scale is then that of accuracy.
    """

    effects: Sequence[float] = (0.0,)
    seeds: int = 3
    tasks: int = 4
    items: int = 200
    seed_sd: float = 0.01
    common_seed_sd: float = 0.01
    item_sd: float = 0.1
    both_sd: float = 0.2
    passage: int = 1
    binary: bool = False


def simulate(truth: Truth, rng: np.random.Generator) -> Scores:
    """A study of the arms "baseline", "arm-1", ... with seeds 1, 2, ... and one category a task."""
    arms = ("baseline", *(f"arm-{index + 1}" for index in range(len(truth.effects))))
    effects = np.array([0.0, *truth.effects])[:, None]
    shape = (len(arms), truth.seeds)
    of_runs = effects + truth.seed_sd * rng.standard_normal(shape)
    of_runs = of_runs + truth.common_seed_sd * rng.standard_normal(truth.seeds)
    tasks = [_task(f"task-{index + 1}", of_runs, truth, rng) for index in range(truth.tasks)]
    return Scores(
        metric="made-up",
        size="made-up",
        higher_is_better=True,
        arms=arms,
        seeds=tuple(range(1, truth.seeds + 1)),
        tasks=tuple(tasks),
        states=tuple(RunState(arm=arm, seed=seed + 1, state="ok") for arm in arms for seed in range(truth.seeds)),
        usable=np.ones(shape, dtype=np.bool_),
    )


def _task(name: str, of_runs: Floats, truth: Truth, rng: np.random.Generator) -> TaskScores:
    arms, seeds = of_runs.shape
    groups = np.arange(truth.items) // truth.passage
    difficulty = rng.standard_normal(truth.items)
    of_items = truth.item_sd * rng.standard_normal((arms, 1, groups[-1] + 1))[:, :, groups]
    noise = truth.both_sd * rng.standard_normal((arms, seeds, truth.items))
    values = of_runs[:, :, None] + of_items + noise + difficulty
    return TaskScores(
        name=name,
        category=name,
        values=(values > 0).astype(np.float64) if truth.binary else values,
        items=tuple(f"{index:06d}" for index in range(truth.items)),
        groups=groups if truth.passage > 1 else None,
    )
