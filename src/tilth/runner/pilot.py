"""Pilots: a preview of a few rows, and an estimate of tokens, hours and money with an interval.

The estimate takes documents from strata of equal count by length, sends them through the real engine, and journals the
answers in the run itself: a pilot is a part of the run that happens first, and nothing of it is paid twice. Intervals
are bootstrap percentiles over documents within strata; the rate's comes from blocks of the pilot's own time line.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tilth.base.errors import ConfigError
from tilth.base.random import seed_of
from tilth.cost import Price
from tilth.data.dataset import Manifest

#: Strata of document length. Five show the long tail and leave 40 documents each at the default of 200.
STRATA = 5
#: Coverage asked of the intervals.
LEVEL = 0.90
_RESAMPLES = 2000
#: Blocks of the time line for the rate's interval; eight leave 25 documents in each.
_BLOCKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The documents a pilot looks at: ids by stratum, and how many documents each stratum has."""

    ids: tuple[tuple[str, ...], ...]
    sizes: tuple[int, ...]

    def all_ids(self) -> tuple[str, ...]:
        """Every chosen id."""
        return tuple(doc for stratum in self.ids for doc in stratum)


@dataclass(slots=True)
class Measured:
    """What one document of the pilot used."""

    units: int = 0
    kept: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A forecast: its middle and the bounds of the `LEVEL` interval."""

    middle: float
    low: float
    high: float


def choose(folder: Path, manifest: Manifest, rows: int, seed: int) -> Sampled:
    """`rows` documents from strata of equal count by length. Memory: 8 bytes a document and the chosen ids."""
    lengths = np.concatenate(
        [
            pc.binary_length(pq.read_table(folder / f"{shard.name}.parquet", columns=["text"])["text"]).to_numpy()
            for shard in manifest.shards
        ]
    )
    order = np.argsort(lengths, kind="stable")
    random = np.random.default_rng(seed_of(seed, "pilot"))
    strata = [part for part in np.array_split(order, min(STRATA, rows, len(order))) if len(part)]
    each = max(rows // len(strata), 1)
    chosen = [np.sort(random.choice(part, size=min(each, len(part)), replace=False)) for part in strata]
    wanted = {int(place): number for number, places in enumerate(chosen) for place in places}
    ids: list[list[str]] = [[] for _ in strata]
    first = 0
    for shard in manifest.shards:
        places = [place - first for place in wanted if first <= place < first + shard.rows]
        if places:
            column = pq.read_table(folder / f"{shard.name}.parquet", columns=["doc_id"])["doc_id"]
            for place in sorted(places):
                ids[wanted[place + first]].append(column[place].as_py())
        first += shard.rows
    return Sampled(ids=tuple(map(tuple, ids)), sizes=tuple(len(part) for part in strata))


class Watch:
    """Collects what a pilot's rows used, and when each ended."""

    def __init__(self) -> None:
        self.by_document: dict[str, Measured] = {}
        self.ends: list[float] = []

    def hear(self, unit: Any, outcome: Any) -> None:
        """Take in one outcome."""
        measured = self.by_document.setdefault(unit.document.doc_id, Measured())
        measured.units += 1
        measured.kept += outcome.reason is None
        measured.requests += outcome.row.get("tries") or 0
        measured.prompt_tokens += outcome.row.get("prompt_tokens") or 0
        measured.completion_tokens += outcome.row.get("completion_tokens") or 0
        self.ends.append(time.monotonic())


def forecast(sampled: Sampled, watch: Watch, price: Price | None, gpus: int, seed: int) -> dict[str, Interval]:
    """Totals for all documents: units, kept, requests, tokens, hours, money. `ConfigError` without an outcome."""
    if not watch.by_document:
        raise ConfigError(
            "expected the pilot to make at least one request; every document was routed away from every prompt. "
            "Look at the routing in tilth preview, or set route: false."
        )
    fields = ("units", "kept", "requests", "prompt_tokens", "completion_tokens")
    strata = [
        np.array(
            [[getattr(watch.by_document.get(doc, Measured()), name) for name in fields] for doc in ids], dtype=float
        )
        for ids in sampled.ids
    ]
    totals = _totals(strata, sampled.sizes, seed)
    seconds = totals[:, fields.index("units")] / _rates(watch.ends, seed)
    money = np.zeros(len(totals))
    if price is not None:
        money = (
            totals[:, 3] * price.prompt_per_million + totals[:, 4] * price.completion_per_million
        ) / 1e6 + seconds * gpus / 3600 * price.gpu_hour
    found = {name: interval(totals[:, place]) for place, name in enumerate(fields)}
    return {**found, "hours": interval(seconds / 3600), "money": interval(money)}


def interval(values: "np.ndarray[Any, Any]") -> Interval:
    """Median and the central `LEVEL` interval of bootstrap values."""
    tail = (1 - LEVEL) / 2
    low, middle, high = np.quantile(values, [tail, 0.5, 1 - tail])
    return Interval(middle=float(middle), low=float(low), high=float(high))


def _totals(strata: Sequence["np.ndarray[Any, Any]"], sizes: Sequence[int], seed: int) -> "np.ndarray[Any, Any]":
    """Bootstrap totals, one row a resample: stratified expansion, the documents not looked at drawn with noise.

    The total of a stratum is what was seen plus (size - seen) times the resampled mean, plus the sampling noise of
    the documents still to come, so that the interval is one for the outcome and not for a mean.
    """
    random = np.random.default_rng(seed_of(seed, "forecast"))
    total = np.zeros((_RESAMPLES, strata[0].shape[1]))
    for rows, size in zip(strata, sizes, strict=True):
        seen, rest = len(rows), size - len(rows)
        picks = random.integers(0, seen, size=(_RESAMPLES, seen))
        means = rows[picks].mean(axis=1)
        # the bootstrap variance of a mean is (n-1)/n of the sample variance's; with few rows that narrows it
        means = rows.mean(axis=0) + (means - rows.mean(axis=0)) * np.sqrt(seen / max(seen - 1, 1))
        spread = rows.std(axis=0, ddof=1) if seen > 1 else np.zeros(rows.shape[1])
        noise = random.standard_normal(means.shape) * spread * np.sqrt(max(rest, 0))
        total += rows.sum(axis=0) + rest * means + noise
    positive: np.ndarray[Any, Any] = np.maximum(total, 0)
    return positive


def _rates(ends: Sequence[float], seed: int) -> "np.ndarray[Any, Any]":
    """Bootstrap units a second, from blocks of the time line without its first fifth (start-up) and last tenth."""
    times = np.sort(np.array(ends))
    middle = times[int(len(times) * 0.2) : max(int(len(times) * 0.9), int(len(times) * 0.2) + 2)]
    if len(middle) < 2 * _BLOCKS or middle[-1] <= middle[0]:
        elapsed = max(times[-1] - times[0], 1e-3)
        return np.full(_RESAMPLES, len(times) / elapsed)
    edges = np.linspace(0, len(middle) - 1, _BLOCKS + 1).astype(int)
    gaps = np.maximum(np.diff(middle[edges]), 1e-6) / np.diff(edges)  # seconds a unit, by block
    random = np.random.default_rng(seed_of(seed, "rates"))
    picks = random.integers(0, _BLOCKS, size=(_RESAMPLES, _BLOCKS))
    mean = gaps.mean()
    drawn = mean + (gaps[picks].mean(axis=1) - mean) * np.sqrt(_BLOCKS / (_BLOCKS - 1))
    rates: np.ndarray[Any, Any] = 1 / np.maximum(drawn, mean / 10)
    return rates


def check_forecast(found: dict[str, dict[str, float]], actual: dict[str, float]) -> dict[str, dict[str, Any]]:
    """The forecast beside what came out: for each quantity the bounds, the outcome, and whether it fell inside."""
    return {
        name: {**found[name], "actual": value, "hit": found[name]["low"] <= value <= found[name]["high"]}
        for name, value in actual.items()
        if name in found
    }
