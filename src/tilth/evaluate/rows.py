"""Scores of items as rows of the table of results."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tilth.data.results import RESULTS
from tilth.evaluate.item import Asked
from tilth.evaluate.runs import RunName

#: More of a task's values than this share are no numbers: the model is broken, not an item.
_BROKEN = 0.5


@dataclass(frozen=True, slots=True)
class Scored:
    """What a back end gives back for one task: rows, items it could not score by reason, items whose context was cut,
    and why it failed."""

    rows: pa.Table = field(default_factory=RESULTS.empty_table)
    left_out: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    failure: str = ""


def result_table(asked: Asked, run: RunName, scores: Iterable[tuple[str, str | None, Mapping[str, float]]]) -> pa.Table:
    """Rows of items, given as their id, group and metrics."""
    item: list[str] = []
    group: list[str | None] = []
    metric: list[str] = []
    value: list[float] = []
    for name, passage, metrics in scores:
        for one, number in metrics.items():
            item.append(name)
            group.append(passage)
            metric.append(one)
            value.append(number)
    count = len(item)
    same = {
        "arm": run.arm,
        "size": run.size,
        "seed": run.seed,
        "step": run.step,
        "task": asked.task,
        "form": asked.form,
    }
    columns = {name: pa.repeat(pa.scalar(one, RESULTS.field(name).type), count) for name, one in same.items()}
    columns |= {"item": pa.array(item, pa.string()), "group": pa.array(group, pa.string())}
    columns |= {"metric": pa.array(metric, pa.string()), "value": pa.array(value, pa.float64())}
    return pa.table([columns[name] for name in RESULTS.names], schema=RESULTS)


def is_broken(rows: pa.Table) -> bool:
    """True where most values are no numbers."""
    values = rows["value"].to_numpy()
    return bool(len(values) and np.mean(~np.isfinite(values)) > _BROKEN)
