"""What signals look like and where thresholds would cut, before anything is dropped.

A `Histogram` counts values on a fixed grid, so two of them merge by adding, in any order, to the same counts. Memory
does not grow with the rows: about 16 KB a signal. Quantiles are off by at most half a bin: 0.0005 for shares, and 1% of
the value for all else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from tilth.curate.signals.bounds import RulesByLanguage, failing, rows_by_key
from tilth.curate.signals.measure import check_names, measure
from tilth.curate.signals.spans import Floats, Ints
from tilth.curate.signals.table import SIGNALS, Unit
from tilth.recipe.stages.rules import Rule

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BARS = 40  # at most so many bars are shown
_GROWTH = 1.02  # of one bin to the next; see above
_LEAST, _GREATEST = 1e-6, 1e12  # what is beyond falls into the first and the last bin

#: For one rule: the rows it judged, those it would drop, and those that no other rule would drop.
_JUDGED, _DROPPED, _ONLY = range(3)


@cache
def _grid(share: bool) -> Floats:
    """Lower edges of the bins. Shares: 0 to 1 in thousandths. All else: 0, then growing by 2% from a millionth."""
    if share:
        return np.arange(1001) / 1000
    steps = int(np.log(_GREATEST / _LEAST) / np.log(_GROWTH)) + 1
    return np.concatenate([[0.0], _LEAST * _GROWTH ** np.arange(steps)])


@dataclass(slots=True, kw_only=True)
class Histogram:
    """Counts of one signal's values on the grid of its unit. All values are 0 or more."""

    unit: Unit
    counts: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    missing: int = 0
    total: float = 0.0
    least: float = np.inf
    greatest: float = -np.inf

    def __post_init__(self) -> None:
        if not len(self.counts):
            self.counts = np.zeros(len(self._edges), np.int64)

    @property
    def _edges(self) -> Floats:
        return _grid(self.unit == "share")

    @property
    def count(self) -> int:
        """Values seen."""
        return int(self.counts.sum())

    def add(self, values: pl.Series) -> None:
        """Count a column; nulls are counted apart."""
        self.missing += values.null_count()
        seen = values.drop_nulls().cast(pl.Float64).to_numpy()
        if not len(seen):
            return
        bins = np.clip(np.searchsorted(self._edges, seen, side="right") - 1, 0, len(self.counts) - 1)
        self.counts += np.bincount(bins, minlength=len(self.counts))
        self.total += float(seen.sum())
        self.least, self.greatest = min(self.least, float(seen.min())), max(self.greatest, float(seen.max()))

    def merge(self, other: "Histogram") -> None:
        """Take in the counts of another histogram of the same signal."""
        self.counts = self.counts + other.counts
        self.missing += other.missing
        self.total += other.total
        self.least, self.greatest = min(self.least, other.least), max(self.greatest, other.greatest)

    def quantile(self, share: float) -> float | None:
        """The value below which `share` of the values lie, to half a bin; None without values."""
        if not self.count:
            return None
        index = int(np.searchsorted(np.cumsum(self.counts), share * self.count))
        index = min(index, len(self.counts) - 1)
        edges = self._edges
        upper = edges[index + 1] if index + 1 < len(edges) else self.greatest
        middle = float(edges[index] + upper) / 2 if index else 0.0
        return min(max(middle, self.least), self.greatest)

    def bars(self) -> list[dict[str, float | int]]:
        """At most `BARS` neighbouring ranges with their counts, from the least value to the greatest."""
        filled = np.flatnonzero(self.counts)
        if not len(filled):
            return []
        first, last = int(filled[0]), int(filled[-1])
        step = -(-(last - first + 1) // BARS)
        edges = np.append(self._edges, max(self.greatest, float(self._edges[-1])))
        return [
            {
                "from": _short(edges[start]),
                "to": _short(edges[min(start + step, len(self.counts))]),
                "count": int(self.counts[start : start + step].sum()),
            }
            for start in range(first, last + 1, step)
        ]

    def result(self) -> dict[str, Any]:
        """Plain values for JSON."""
        count = self.count
        return {
            "count": count,
            "missing": self.missing,
            "mean": _short(self.total / count) if count else None,
            "least": _short(self.least) if count else None,
            "greatest": _short(self.greatest) if count else None,
            "quantiles": {f"{share:g}": _short(self.quantile(share)) for share in QUANTILES} if count else {},
            "bars": self.bars(),
        }


class Survey:
    """Histograms of signals, and for each rule what it would drop, over any number of frames.

    `rules`: those of each language, as `rules_by_language` gives them; their signals are measured for the rows they
    judge. `signals`: measured for every row. Frames need `text` and `language`. Memory: see the module.
    """

    def __init__(self, rules: RulesByLanguage, signals: Sequence[str] = (), bad_words: Sequence[str] = ()) -> None:
        check_names(signals)
        self.rules = dict(rules)
        self.signals = tuple(signals)
        self.bad_words = tuple(bad_words)
        self.rows = 0
        self.bytes = 0
        self.languages: dict[str, int] = {}
        self.histograms: dict[str, Histogram] = {}
        self.judged = {key: np.zeros((len(found), 3), np.int64) for key, found in rules.items()}
        self.together: dict[str | None, list[int]] = {}  # key -> rows, rows that any rule would drop

    def add(self, frame: pl.DataFrame) -> None:
        """Measure and count one frame."""
        self.rows += len(frame)
        self.bytes += int(frame["text"].str.len_bytes().sum())
        for language, rows in frame["language"].fill_null("").value_counts().iter_rows():
            self.languages[language] = self.languages.get(language, 0) + rows
        for key, places in rows_by_key(frame["language"], self.rules):
            rules = self.rules[key] if key is not None else ()
            names = list(dict.fromkeys([*self.signals, *(rule.signal for rule in rules)]))
            part = pl.DataFrame({"text": frame["text"].gather(places)})
            part = measure(part, names, bad_words=self.bad_words)
            for name in names:
                self._histogram(name).add(part[name])
            self._judge(key, part, rules)

    def merge(self, other: "Survey") -> None:
        """Take in what another survey of the same rules and signals counted."""
        self.rows += other.rows
        self.bytes += other.bytes
        for language, rows in other.languages.items():
            self.languages[language] = self.languages.get(language, 0) + rows
        for name, histogram in other.histograms.items():
            self._histogram(name).merge(histogram)
        for key, counts in other.judged.items():
            self.judged[key] = self.judged[key] + counts
        for both, (rows, dropped) in other.together.items():
            self._count(both, rows, dropped)

    def result(self) -> dict[str, Any]:
        """Plain values for JSON: rows, languages, `signals` by name, `rules` in order, and `presets` by language."""
        return {
            "rows": self.rows,
            "bytes": self.bytes,
            "languages": dict(sorted(self.languages.items(), key=lambda item: (-item[1], item[0]))),
            "signals": {name: _described(name, self.histograms[name]) for name in SIGNALS if name in self.histograms},
            "rules": [row for key, rules in self.rules.items() for row in self._rows_of(key, rules)],
            "presets": {
                key: {"rows": rows, "dropped": dropped, "share": _share(dropped, rows)}
                for key, (rows, dropped) in sorted(self.together.items(), key=lambda item: item[0] or "")
                if key is not None
            },
            "without_preset": self.together.get(None, [0, 0])[0],
        }

    def _histogram(self, name: str) -> Histogram:
        return self.histograms.setdefault(name, Histogram(unit=SIGNALS[name].unit))

    def _count(self, key: str | None, rows: int, dropped: int) -> None:
        counted = self.together.setdefault(key, [0, 0])
        counted[0] += rows
        counted[1] += dropped

    def _judge(self, key: str | None, part: pl.DataFrame, rules: Sequence[Rule]) -> None:
        if key is None or not rules:
            self._count(key, len(part), 0)
            return
        verdicts = [part.select(failing(rule).fill_null(False)).to_series().to_numpy() for rule in rules]
        fails = np.column_stack([np.broadcast_to(verdict, len(part)) for verdict in verdicts])
        by_row = fails.sum(axis=1)
        counts = self.judged[key]
        counts[:, _JUDGED] += len(part)
        counts[:, _DROPPED] += fails.sum(axis=0)
        counts[:, _ONLY] += fails[by_row == 1].sum(axis=0)
        self._count(key, len(part), int((by_row > 0).sum()))

    def _rows_of(self, key: str, rules: Sequence[Rule]) -> list[dict[str, Any]]:
        rows = []
        for rule, counted in zip(rules, self.judged[key].tolist(), strict=True):
            judged, dropped, only = counted
            what = rule.model_dump(include={"reason", "signal", "minimum", "maximum", "meaning", "source"})
            shares = {"share": _share(dropped, judged), "share_only": _share(only, judged)}
            rows.append({"language": key, **what, "rows": judged, "dropped": dropped, "only": only, **shares})
        return rows


def _described(name: str, histogram: Histogram) -> dict[str, Any]:
    signal = SIGNALS[name]
    return {"meaning": signal.meaning, "unit": signal.unit, "source": signal.source, **histogram.result()}


def _share(part: int, whole: int) -> float | None:
    return _short(part / whole) if whole else None


def _short(value: Any) -> float:
    """Six digits: what is beyond them is noise of the order in which frames came."""
    return float(f"{float(value):.6g}")
