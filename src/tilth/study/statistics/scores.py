"""From the table of results to arrays: arm x seed x item for each task, and a named state for each run.

What is guaranteed: every run ends in one of the states ok, diverged, incomplete or absent; a task holds exactly the
items that every run in state ok has a finite value for, so that differences between arms are always over the same
items; what was left out is counted. Costs about 0.6 s and 120 MB a million rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.data.results import read_results

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
State = Literal["ok", "diverged", "incomplete", "absent"]

#: Which way is better, for the metrics that tilth itself writes.
HIGHER_IS_BETTER: Mapping[str, bool] = {
    "acc": True,
    "acc_norm": True,
    "acc_bytes": True,
    "acc_centred": True,
    "exact_match": True,
    "f1": True,
    "norm_prob_gold": True,
    "prob_norm_token": True,
    "margin_bpb": True,
    "gold_bpb": False,
    "bpb": False,
    "loss": False,
}
# A run with fewer of a task's items was cut off while it was evaluated; below that, a few lost items are left out for
# all. 0.9: losing a tenth of the items widens an interval by 5 %.
_ENOUGH_ITEMS = 0.9
# More than half not finite: the model is broken, not the item. An item without a gold answer is NaN in every run.
_BROKEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """What became of one run (arm and seed), and why."""

    arm: str
    seed: int
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """The scores of one task: `values` is arm x seed x item, NaN where a run is not ok; `groups` are passage codes."""

    name: str
    category: str
    values: Floats
    items: tuple[str, ...]
    groups: Integers | None = None  # one code an item, 0..G-1; None where every item stands alone
    left_out: int = 0  # items without a finite value in some run


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The results of one metric at one model size. `usable` is arm x seed: True where the run is in state ok."""

    metric: str
    size: str
    higher_is_better: bool
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    tasks: tuple[TaskScores, ...]
    states: tuple[RunState, ...]
    usable: NDArray[np.bool_]

    def arm(self, name: str) -> int:
        """The index of an arm; raises `ConfigError` naming the known ones."""
        if name not in self.arms:
            raise ConfigError(f"expected one of the arms {', '.join(self.arms)}; saw {name!r}.")
        return self.arms.index(name)

    def task_means(self) -> Floats:
        """Arm x seed x task: the mean over items, NaN where the run is not ok."""
        return np.stack([task.values.mean(axis=2) for task in self.tasks], axis=2)

    def macro_weights(self) -> Floats:
        """One weight a task: the mean over categories of the mean over a category's tasks. They add up to 1."""
        return _macro_weights([task.category for task in self.tasks])


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows of the table count: a metric, a form and a size, and the last `checkpoints` of each run averaged."""

    metric: str
    form: str | None = None  # needed where the table holds several
    size: str | None = None  # needed where the table holds several
    checkpoints: int = 1
    categories: Mapping[str, str] | None = None  # task to category; a task not named is its own category
    higher_is_better: bool | None = None  # needed for a metric that is not in HIGHER_IS_BETTER


def load_scores(paths: Path | Iterable[Path], selection: Selection) -> Scores:
    """The scores of `selection`, the last checkpoints of each run averaged item by item.

    Raises `SourceError` for a missing table and `ConfigError` where the selection fits no rows or several sets of them.
    """
    columns = _Columns(_select(paths, selection))
    scores = _scores(columns, columns.last_steps(selection.checkpoints), selection)
    if not scores.tasks:
        broken = [f"{one.arm} seed {one.seed}: {one.state}" for one in scores.states if one.state != "ok"]
        raise ConfigError(
            "expected items that every finished run has a score for; there are none. "
            f"{'; '.join(broken[:5]) or 'The runs were evaluated on different items'}. Evaluate the runs again."
        )
    return scores


def load_checkpoints(paths: Path | Iterable[Path], selection: Selection, arm: str) -> tuple[tuple[int, Scores], ...]:
    """The scores of one arm at each checkpoint that a run of it finished, by rising step; what the task gate needs."""
    columns = _Columns(_select(paths, selection, arm))
    steps = sorted(set(columns.step.tolist()))
    found = [(step, _scores(columns, columns.step == step, selection)) for step in steps]
    return tuple((step, scores) for step, scores in found if scores.tasks)


def load_curves(paths: Path | Iterable[Path], selection: Selection) -> list[dict[str, Any]]:
    """One row an arm, seed and checkpoint: the macro score and each task's mean, over the items evaluated there.

    A diverged checkpoint has None, which a chart shows as a gap.
    """
    columns = _Columns(_select(paths, selection))
    steps, step = np.unique(columns.step, return_inverse=True)
    tasks = len(columns.tasks)
    points, point = np.unique(columns.run * len(steps) + step, return_inverse=True)
    cell = point * tasks + columns.task
    total = np.bincount(cell, weights=columns.value, minlength=len(points) * tasks)
    count = np.bincount(cell, minlength=len(points) * tasks)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (total / count).reshape(len(points), tasks)
    categories = selection.categories or {}
    weights = _macro_weights([categories.get(name, name) for name in columns.tasks])
    return [
        {
            "arm": columns.arms[key // len(steps) // len(columns.seeds)],
            "seed": columns.seeds[key // len(steps) % len(columns.seeds)],
            "step": int(steps[key % len(steps)]),
            "macro": _finite(float(row @ weights)),
            "tasks": {name: _finite(float(value)) for name, value in zip(columns.tasks, row, strict=True)},
        }
        for key, row in zip(points.tolist(), means, strict=True)
    ]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _macro_weights(categories: list[str]) -> Floats:
    return np.array([1.0 / (len(set(categories)) * categories.count(name)) for name in categories])


def _select(paths: Path | Iterable[Path], selection: Selection, arm: str | None = None) -> pa.Table:
    wanted = {"metric": selection.metric, "form": selection.form, "size": selection.size, "arm": arm}
    table = read_results(paths, **{name: value for name, value in wanted.items() if value is not None})
    if not table.num_rows:
        asked = ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None)
        raise ConfigError(f"expected results with {asked}; the table has none. Choose what was evaluated.")
    for name in ("form", "size"):
        seen = sorted(value for value in pc.unique(table[name].cast(pa.string())).to_pylist())
        if len(seen) > 1:
            raise ConfigError(f"expected one {name}; the table holds {', '.join(seen)}. Choose one of them.")
    return table


class _Columns:
    """The table as arrays of codes; `run` is arm code x number of seeds + seed code."""

    def __init__(self, table: pa.Table) -> None:
        self.arms, arm = _codes(table, "arm")
        self.tasks, self.task = _codes(table, "task")
        self.items, self.item = _codes(table, "item")
        self.groups, self.group = _codes(table, "group")
        self.size = str(table["size"][0].as_py())
        seeds, seed = np.unique(table["seed"].to_numpy(), return_inverse=True)
        self.seeds = tuple(int(value) for value in seeds)
        self.run = arm * len(self.seeds) + seed
        self.step = table["step"].to_numpy()
        self.value = table["value"].to_numpy()

    def last_steps(self, count: int) -> NDArray[np.bool_]:
        """True for the rows of the last `count` checkpoints of each run."""
        if count < 1:
            raise ConfigError(f"expected at least one checkpoint to average; saw {count}.")
        steps, code = np.unique(self.step, return_inverse=True)
        key = self.run * len(steps) + code
        present = np.unique(key)
        runs = present // len(steps)
        ends = np.searchsorted(runs, runs, side="right")
        late = present[ends - np.arange(len(present)) <= count]
        return np.isin(key, late)


def _codes(table: pa.Table, name: str) -> tuple[list[str], Integers]:
    """The sorted distinct values of a text column that rows have, and the code of each row; -1 for null.

    A dictionary read from a file can hold words of rows that were filtered away; they do not count.
    """
    column = table[name].combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    words = column.dictionary.to_pylist()
    indices = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
    used = [index for index in np.unique(indices).tolist() if index >= 0]
    used.sort(key=lambda index: str(words[index]))
    place = np.full(len(words) + 1, -1, dtype=np.int64)  # the last entry is that of -1
    place[used] = np.arange(len(used))
    return [str(words[index]) for index in used], place[indices]


def _scores(columns: _Columns, keep: NDArray[np.bool_], selection: Selection) -> Scores:
    """Fill one array a task, find each run's state, and keep the items that all runs in state ok share."""
    rows = np.flatnonzero(keep)
    rows = rows[np.argsort(columns.task[rows], kind="stable")]
    bounds = np.searchsorted(columns.task[rows], np.arange(len(columns.tasks) + 1))
    filled = [_fill(columns, rows[bounds[code] : bounds[code + 1]]) for code in range(len(columns.tasks))]
    names = [name for name, part in zip(columns.tasks, filled, strict=True) if part.items.size]
    parts = [part for part in filled if part.items.size]
    states = tuple(
        _state(columns.arms[run // len(columns.seeds)], columns.seeds[run % len(columns.seeds)], run, names, parts)
        for run in range(len(columns.arms) * len(columns.seeds))
    )
    usable = np.array([state.state == "ok" for state in states])
    categories = selection.categories or {}
    shape = (len(columns.arms), len(columns.seeds))
    tasks = [
        _common(name, categories.get(name, name), part, usable, columns, shape)
        for name, part in zip(names, parts, strict=True)
    ]
    return Scores(
        metric=selection.metric,
        size=columns.size,
        higher_is_better=_direction(selection),
        arms=tuple(columns.arms),
        seeds=columns.seeds,
        tasks=tuple(task for task in tasks if task.items),
        states=states,
        usable=usable.reshape(shape),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    """One task: run x item means over checkpoints, how many rows each cell had, the items' codes and groups."""

    mean: Floats
    count: Integers
    items: Integers
    groups: Integers


def _fill(columns: _Columns, rows: Integers) -> _Filled:
    items, first, place = np.unique(columns.item[rows], return_index=True, return_inverse=True)
    runs = len(columns.arms) * len(columns.seeds)
    cell = columns.run[rows] * len(items) + place
    size = runs * len(items)
    count = np.bincount(cell, minlength=size).reshape(runs, len(items))
    total = np.bincount(cell, weights=columns.value[rows], minlength=size).reshape(runs, len(items))
    steps, code = np.unique(columns.step[rows], return_inverse=True)
    if len(np.unique(cell * len(steps) + code)) != len(rows):
        raise ConfigError(
            f"expected one row a run, checkpoint and item; the task {columns.tasks[columns.task[rows[0]]]!r} has "
            "several. The same evaluation was written twice: give each result file once."
        )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / count
    return _Filled(mean=mean, count=count, items=items, groups=columns.group[rows][first])


def _state(arm: str, seed: int, run: int, names: list[str], parts: list[_Filled]) -> RunState:
    """What became of a run; the order of the tests is that of what a reader wants to know first."""
    present = sum(int((part.count[run] > 0).sum()) for part in parts)
    if not present:
        return RunState(arm=arm, seed=seed, state="absent", detail="no results; train and evaluate this run")
    broken = sum(int(((part.count[run] > 0) & ~np.isfinite(part.mean[run])).sum()) for part in parts)
    if broken > _BROKEN * present:
        return RunState(arm=arm, seed=seed, state="diverged", detail=f"{broken} of {present} values are not finite")
    short = [
        name
        for name, part in zip(names, parts, strict=True)
        if (part.count[run] > 0).sum() < _ENOUGH_ITEMS * len(part.items)
    ]
    if short:
        return RunState(arm=arm, seed=seed, state="incomplete", detail=f"items are missing in {', '.join(short)}")
    return RunState(arm=arm, seed=seed, state="ok")


def _common(
    name: str, category: str, part: _Filled, usable: NDArray[np.bool_], columns: _Columns, shape: tuple[int, int]
) -> TaskScores:
    """The task over the items that every usable run has; other runs become NaN."""
    common = np.isfinite(part.mean[usable]).all(axis=0) & bool(usable.any())
    values = np.where(usable[:, None], part.mean[:, common], np.nan)
    return TaskScores(
        name=name,
        category=category,
        values=values.reshape(*shape, -1),
        items=tuple(columns.items[code] for code in part.items[common]),
        groups=_group_codes(part.groups[common]),
        left_out=int((~common).sum()),
    )


def _group_codes(groups: Integers) -> Integers | None:
    """Codes 0..G-1; an item without a group is a group of its own. None where no two items share one."""
    if not groups.size or (groups < 0).all():
        return None
    alone = groups < 0
    own = np.where(alone, groups.max() + 1 + np.cumsum(alone), groups)
    found, codes = np.unique(own, return_inverse=True)
    return None if len(found) == len(groups) else codes.astype(np.int64)


def _direction(selection: Selection) -> bool:
    given = selection.higher_is_better
    known = HIGHER_IS_BETTER.get(selection.metric)
    if given is None and known is None:
        raise ConfigError(f"expected to know whether more of {selection.metric!r} is better; say higher_is_better.")
    return bool(known if given is None else given)
