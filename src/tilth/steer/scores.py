"""A model's scores on a probe set: values by item, and by cell with intervals.

Intervals come from the Bayesian bootstrap (Rubin, Annals of Statistics 1981) over items, or over passages that several
items share: each draw weighs the items by exponential numbers. A share gets half an item at each end of its scale, as
in Jeffreys' prior, so that a cell where all or nothing is right has an interval of a sensible width; with one answer an
item the interval is exactly Jeffreys'. The k answers to one item are one value, their mean: k answers are no k items.

What an engine does not measure is absent, never zero. 65 cells of 100 items and 2,000 draws take about 0.3 s.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.base.errors import ConfigError, CorruptData
from tilth.base.files import read_json, write_json
from tilth.base.random import seed_of
from tilth.data.results import read_results, write_results
from tilth.steer.cells import Cell

Floats = NDArray[np.float64]

RESULTS_FILE = "results.parquet"
SUMMARY = "probe.json"
FORMAT = 1
#: Metric -> (ends of its scale, or None where it has none; what it is called). A share is better high, bits better low.
METRICS: Mapping[str, tuple[tuple[float, float] | None, str]] = {
    "acc": ((0.0, 1.0), "generated accuracy"),
    "choice_acc": ((0.0, 1.0), "accuracy by choice log-likelihood"),
    "gold_bpb": (None, "bits per byte of the gold answer"),
}
LOWER_IS_BETTER = frozenset({"gold_bpb"})
#: Forms of the table of results.
_FORMS = {"acc": "generate", "choice_acc": "choice", "gold_bpb": "bpb"}
#: Columns of `ProbeResults.items`.
ITEMS = {"item": pl.String, "group": pl.String, "cell": pl.String, "metric": pl.String, "value": pl.Float64}
_BLOCK = 4_000_000  # weights held at once: 32 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A mean with its interval. None where nothing was measured; `items` is how many values it rests on."""

    value: float | None
    low: float | None
    high: float | None
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResults:
    """One model on one probe set. `items` has the columns of `ITEMS`, one row an item and metric that was measured.

    `missing`: items without an answer, by reason. `not_measured`: metric -> why there is none.
    """

    model: str
    step: int
    probe: str  # fingerprint of the probe set
    cells: tuple[Cell, ...]
    items: pl.DataFrame
    answers: int = 1
    missing: Mapping[str, int] = field(default_factory=dict)
    not_measured: Mapping[str, str] = field(default_factory=dict)
    stem: Mapping[str, bool] = field(default_factory=dict)

    def measured(self, metric: str = "acc") -> pl.DataFrame:
        """The rows of one metric; raises `ConfigError` where it was not measured."""
        found = self.items.filter(pl.col("metric") == metric)
        if not found.height:
            why = self.not_measured.get(metric, "no item has a value")
            known = ", ".join(self.items["metric"].unique().sort()) or "none"
            raise ConfigError(
                f"expected values of {metric} for {self.model}; it was not measured: {why}. Measured: {known}."
            )
        return found

    def save(self, folder: Path, *, size: str = "probe", seed: int = 0) -> None:
        """Write `results.parquet` (a table of `data.results`, the cell is the task) and `probe.json`, the summary."""
        rows = [
            {
                "arm": self.model,
                "size": size,
                "seed": seed,
                "step": self.step,
                "task": row["cell"],
                "form": _FORMS[row["metric"]],
                "item": row["item"],
                "group": row["group"],
                "metric": row["metric"],
                "value": row["value"],
            }
            for row in self.items.iter_rows(named=True)
        ]
        write_results(folder / RESULTS_FILE, rows)
        write_json(folder / SUMMARY, self.summary(seed=seed))

    def summary(self, *, level: float = 0.95, draws: int = 2000, seed: int = 0) -> dict[str, Any]:
        """Everything but the items, with the scores of each cell, as plain values."""
        metrics = self.items["metric"].unique().sort().to_list()
        by_metric = {metric: cell_scores(self, metric, level=level, draws=draws, seed=seed) for metric in metrics}
        overall = {metric: overall_score(self, metric, level=level, draws=draws, seed=seed) for metric in metrics}
        return {
            "format": FORMAT,
            "model": self.model,
            "step": self.step,
            "probe": self.probe,
            "answers": self.answers,
            "level": level,
            "missing": dict(self.missing),
            "not_measured": dict(self.not_measured),
            "stem": dict(self.stem),
            "overall": {metric: asdict(score) for metric, score in overall.items()},
            "cells": [
                {**asdict(cell), "scores": {metric: asdict(scores[cell.name]) for metric, scores in by_metric.items()}}
                for cell in self.cells
            ],
        }

    @classmethod
    def load(cls, folder: Path) -> "ProbeResults":
        """Read what `save` wrote; raises `UserError` or `CorruptData` naming the file."""
        table = read_results(folder / RESULTS_FILE)
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        path = folder / SUMMARY
        if not path.exists():
            raise ConfigError(f"expected the results of a probe in {folder}; {SUMMARY} is not there. Probe the model.")
        value = read_json(path)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise CorruptData(f"expected results of a probe, format {FORMAT}, in {path}. Probe the model again.")
        cells = tuple(_cell(one) for one in value["cells"])
        text = [pl.col(name).cast(pl.String) for name in ("item", "group", "metric")]
        return cls(
            model=value["model"],
            step=value["step"],
            probe=value["probe"],
            cells=cells,
            items=frame.select(*text, pl.col("task").cast(pl.String).alias("cell"), "value").select(*ITEMS),
            answers=value["answers"],
            missing=value["missing"],
            not_measured=value["not_measured"],
            stem=value["stem"],
        )


def _cell(value: Mapping[str, Any]) -> Cell:
    own: dict[str, Any] = {name: value[name] for name in Cell.__dataclass_fields__}
    return Cell(**{**own, "disciplines": tuple(own["disciplines"])})


def cell_scores(
    results: ProbeResults, metric: str = "acc", *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> dict[str, Score]:
    """The score of every cell, `unlabelled` too where it has items."""
    found = {str(name[0]): part for name, part in results.measured(metric).group_by("cell", maintain_order=True)}
    names = [cell.name for cell in results.cells]
    scale = METRICS[metric][0]
    return {
        name: score_of(found[name], scale, level=level, draws=draws, seed=seed_of(seed, "probe", metric, name))
        if name in found
        else Score(value=None, low=None, high=None, items=0)
        for name in [*names, *sorted(set(found) - set(names))]
    }


def overall_score(
    results: ProbeResults, metric: str = "acc", *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> Score:
    """The mean over all items."""
    rows = results.measured(metric)
    return score_of(rows, METRICS[metric][0], level=level, draws=draws, seed=seed_of(seed, "probe", metric))


def score_of(rows: pl.DataFrame, scale: tuple[float, float] | None, *, level: float, draws: int, seed: int) -> Score:
    """The mean of `value` with its interval; rows with one `group` are drawn together."""
    values = rows["value"].to_numpy()
    low, high = interval(values, clusters(rows), scale, level=level, draws=draws, seed=seed)
    return Score(value=float(values.mean()), low=low, high=high, items=len(values))


def clusters(rows: pl.DataFrame) -> NDArray[np.int64]:
    """A number for each row: the same for rows of one passage."""
    keys = rows.select(pl.coalesce(pl.concat_str(pl.lit("g"), "group"), pl.concat_str(pl.lit("i"), "item"))).to_series()
    return np.asarray(keys.rank("dense").cast(pl.Int64).to_numpy() - 1, dtype=np.int64)


def interval(
    values: Floats,
    cluster: NDArray[np.int64],
    scale: tuple[float, float] | None,
    *,
    level: float,
    draws: int,
    seed: int,
) -> tuple[float | None, float | None]:
    """Ends of the interval of the mean of `values`; see the module. (None, None) for a single value without a scale."""
    sums, sizes = np.bincount(cluster, weights=values), np.bincount(cluster).astype(np.float64)
    if scale is None and len(sums) < 2:
        return None, None
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    block = max(1, _BLOCK // len(sums))
    for start in range(0, draws, block):
        weights = rng.standard_exponential((min(block, draws - start), len(sums)))
        above, below = weights @ sums, weights @ sizes
        if scale is not None:  # half an item at each end; an item that stands alone weighs a gamma of shape 1
            ends = rng.standard_gamma(0.5, (len(weights), 2)) * sizes.mean()
            above, below = above + ends @ np.array(scale), below + ends.sum(axis=1)
        means[start : start + len(weights)] = above / below
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    if scale is not None:  # the end that all values touch cannot be excluded (Brown, Cai and DasGupta 2001, 4.1.2)
        low = scale[0] if (values == scale[0]).all() else low
        high = scale[1] if (values == scale[1]).all() else high
    return float(low), float(high)


def paired_differences(
    one: ProbeResults, other: ProbeResults, metric: str, *, level: float, draws: int, seed: int
) -> dict[str, Score]:
    """By cell: the mean over common items of `other` minus `one`, with its interval. Positive: `other` is higher.

    Raises `ConfigError` where the two were measured on different probe sets.
    """
    if one.probe != other.probe:
        raise ConfigError(
            f"expected two models on one probe set; saw {one.model} on {one.probe[:8]} and {other.model} on "
            f"{other.probe[:8]}. Probe both on the same set."
        )
    joined = one.measured(metric).join(
        other.measured(metric).select("item", pl.col("value").alias("later")),
        on="item",
        how="inner",
        maintain_order="left",
    )
    both = joined.with_columns(value=pl.col("later") - pl.col("value"))
    scale = METRICS[metric][0]
    ends = None if scale is None else (scale[0] - scale[1], scale[1] - scale[0])
    found = {str(name[0]): part for name, part in both.group_by("cell", maintain_order=True)}
    return {
        cell.name: score_of(found[cell.name], ends, level=level, draws=draws, seed=seed_of(seed, "pair", cell.name))
        if cell.name in found
        else Score(value=None, low=None, high=None, items=0)
        for cell in one.cells
    }


def result_rows(item: str, group: str | None, cell: str, values: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """The rows of one item: one a metric that has a finite value."""
    return [
        {"item": item, "group": group, "cell": cell, "metric": metric, "value": float(value)}
        for metric, value in values.items()
        if value is not None and math.isfinite(value)
    ]


def items_frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of `result_rows` as a frame with the columns of `ITEMS`."""
    return pl.DataFrame([dict(row) for row in rows], schema=ITEMS)
