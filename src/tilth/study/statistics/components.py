"""Differences between each arm and the baseline, split into what comes from seeds, from items and from both together.

Model, for one arm and one task: the difference of seed s on item i is d[s, i] = effect + S[s] + I[i] + E[s, i]. Items
are shared by all runs and seeds by all arms, so differences are taken item by item within matched seeds first, which
removes what they have in common. Tasks are fixed. Then with k seeds and n items the mean has the variance

    var(S)/k + var(I)/n + var(E)/(k n)

The sum of squares of the two-way table gives each part without bias (Searle, Casella and McCulloch, Variance
Components, 1992, chapter 4). A plain bootstrap of both rows and columns does not: it counts the last part up to three
times (Owen, The pigeonhole bootstrap, Annals of Applied Statistics 2007) and the first one (k-1)/k times. Items that
share a passage count as one column: the passage's summed deviation.

Memory: one array arm x item a task, whatever the number of seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilth.study.statistics.scores import Floats, Scores, TaskScores


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The split of every arm's differences, oriented so that positive is better.

    A arms, K seeds, T tasks. `baseline` is an arm's index; its own entries are zero. `matched` is A x K: seeds that
    both the arm and the baseline finished. `effect` is A x T; `rows` is A x K x T, each matched seed's deviation from
    the arm's effect; `item_variance` is A x T, var(I)/n (with one seed also var(E)/n); `row_floor` is A x T,
    var(E)/n: what a seed's mean must vary by through its items alone. `columns` holds A x G a task: the items' (or
    passages') deviations, scaled so that resampling them gives `item_variance`.
    """

    baseline: int
    matched: NDArray[np.bool_]
    effect: Floats
    rows: Floats
    item_variance: Floats
    row_floor: Floats
    columns: tuple[Floats, ...]

    @property
    def seeds(self) -> Floats:
        """How many matched seeds each arm has."""
        return np.asarray(self.matched.sum(axis=1), dtype=np.float64)

    @property
    def units(self) -> Floats:
        """How many items or passages each task has."""
        return np.array([part.shape[1] for part in self.columns], dtype=np.float64)


def split(scores: Scores, baseline: str) -> Parts:
    """The parts of all arms against `baseline`. Raises `ConfigError` where no such arm is."""
    base = scores.arm(baseline)
    matched = scores.usable & scores.usable[base]
    matched[base] = scores.usable[base]
    arms, seeds, tasks = len(scores.arms), len(scores.seeds), len(scores.tasks)
    effect, floor, variance = (np.zeros((arms, tasks)) for _ in range(3))
    rows = np.zeros((arms, seeds, tasks))
    columns = []
    sign = 1.0 if scores.higher_is_better else -1.0
    for index, task in enumerate(scores.tasks):
        deviations = np.zeros((arms, _units(task)))
        for arm in range(arms):
            kept = matched[arm]
            if arm == base or not kept.any():
                continue
            one = _split_one(sign * (task.values[arm, kept] - task.values[base, kept]), task)
            effect[arm, index], rows[arm, kept, index] = one.effect, one.rows
            variance[arm, index], floor[arm, index], deviations[arm] = one.item_variance, one.row_floor, one.columns
        columns.append(deviations)
    effect[~matched.any(axis=1)] = np.nan
    return Parts(
        baseline=base,
        matched=matched,
        effect=effect,
        rows=rows,
        item_variance=variance,
        row_floor=floor,
        columns=tuple(columns),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    effect: float
    rows: Floats
    item_variance: float
    row_floor: float
    columns: Floats


def _split_one(differences: Floats, task: TaskScores) -> _One:
    """The two-way table of one arm and task; `differences` is seed x item."""
    table = _by_unit(differences, task)
    seeds, units = table.shape
    row_means, column_means = table.mean(axis=1), table.mean(axis=0)
    effect = float(row_means.mean())
    rows, columns = row_means - effect, column_means - effect
    if units < 2:
        return _One(effect=effect, rows=rows, item_variance=0.0, row_floor=0.0, columns=columns * 0.0)
    column_variance = float(columns @ columns) / (units - 1)
    both = 0.0
    if seeds > 1:
        rest = table - row_means[:, None] - columns[None, :]
        both = float((rest * rest).sum()) / ((seeds - 1) * (units - 1))
    kept = max(0.0, column_variance - both / seeds) if seeds > 1 else column_variance
    shrink = np.sqrt(kept / column_variance * units / (units - 1)) if column_variance > 0 else 0.0
    return _One(effect=effect, rows=rows, item_variance=kept / units, row_floor=both / units, columns=columns * shrink)


def _by_unit(differences: Floats, task: TaskScores) -> Floats:
    """Seed x unit, with the same seed means. A passage's entry is the seed's mean plus its items' summed deviations,
    scaled to the number of passages: the linear form of a mean over items when whole passages are drawn."""
    if task.groups is None:
        return differences
    means = differences.mean(axis=1, keepdims=True)
    units = _units(task)
    sums = np.stack([np.bincount(task.groups, weights=row, minlength=units) for row in differences - means])
    return np.asarray(means + sums * (units / differences.shape[1]))


def _units(task: TaskScores) -> int:
    return len(task.items) if task.groups is None else int(task.groups.max()) + 1
