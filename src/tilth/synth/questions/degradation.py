"""Difficulty degradation, measured: what was asked for against what an annotator says was achieved.

Grades: a confusion table of requested against annotated, whole and by mechanism. Difficulty: the mean difference by
mechanism, and for the hardening loop by round and by strategy, with bootstrap intervals; negative means easier than
asked for. Rows without an annotation are counted and left out, never taken for a success. All of it is plain values,
ready for a page.

Costs about 45 us a row, most of it JSON; memory: one number a row and group.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from tilth.base.random import seed_of
from tilth.data.qa import QA, qa_of
from tilth.difficulty.bins import BinSettings, rubric_bins
from tilth.difficulty.rates import wilson

GRADES = ("G1", "G2", "G3", "G4", "G5", "GC")
#: Two-sided level of every interval, and draws of the bootstrap: a bound then varies by a tenth of the width.
LEVEL, DRAWS = 0.9, 2000
_UNKNOWN = "unknown"


def degradation(rows: Iterable[Mapping[str, Any] | QA], seed: int = 0) -> dict[str, Any]:
    """Requested against achieved over rows of any step: kept ones, dropped ones with their rounds, or `QA`s.

    A row is a mapping with `text` and `metadata` or `parsed`; of a dropped row the rounds stand in `signals`. Returns

    - `rows`, and the `level` of every interval;
    - `grades`: `labels`, `counts` (requested x annotated), `pairs`, `unannotated`, and the shares `exact` and `below`,
      each {value, low, high}; the same `by_mechanism`;
    - `difficulty`, an entry a mechanism; `rounds` and `strategies`, an entry for each of the hardening loop, with how
      they ended (`verdicts`) and the `gain` over the question before. An entry has `pairs`, the means `requested` and
      `achieved`, their `difference` (negative: easier than asked for), `lower_bin` and `below_a_bin` (the shares that
      ended in a lower bin, and more than one bin lower) as {value, low, high}, and `bins` (requested x achieved).
    """
    grades: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    missing: Counter[str] = Counter()
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    gains: dict[tuple[str, str], list[float]] = defaultdict(list)
    verdicts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    total = 0
    for row in rows:
        total += 1
        qa, rounds = _read(row)
        mechanism = qa.mechanism if isinstance(qa.mechanism, str) else _UNKNOWN
        if qa.grade_requested in GRADES:
            if qa.grade in GRADES:
                grades[mechanism][str(qa.grade_requested), str(qa.grade)] += 1
            else:
                missing[mechanism] += 1
        asked, achieved = _number(qa.difficulty_requested), _number(qa.difficulty)
        if asked is not None and achieved is not None:
            pairs["mechanism", mechanism].append((asked, achieved))
        for entry in rounds:
            _add_round(entry, pairs, gains, verdicts)
    return {
        "rows": total,
        "level": LEVEL,
        "grades": {
            **_grades(sum(grades.values(), Counter()), sum(missing.values())),
            "by_mechanism": _each(grades, missing),
        },
        "difficulty": [_difficulty("mechanism", name, pairs, seed) for name in _names(pairs, "mechanism")],
        "rounds": _rounds("round", pairs, gains, verdicts, seed),
        "strategies": _rounds("strategy", pairs, gains, verdicts, seed),
    }


def _read(row: Mapping[str, Any] | QA) -> tuple[QA, list[Mapping[str, Any]]]:
    if isinstance(row, QA):
        return row, _entries(row.more.get("rounds"))
    qa = qa_of(str(row.get("text") or ""), row.get("metadata") or row.get("parsed"))
    rounds = _entries(qa.more.get("rounds"))
    return qa, rounds or _entries(_object(row.get("signals")).get("rounds"))


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    """A difficulty on the rubric's scale."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 10
    return float(value) if fits else None


def _add_round(
    entry: Mapping[str, Any],
    pairs: dict[tuple[str, str], list[tuple[float, float]]],
    gains: dict[tuple[str, str], list[float]],
    verdicts: dict[tuple[str, str], Counter[str]],
) -> None:
    asked, achieved, before = (_number(entry.get(name)) for name in ("requested", "achieved", "before"))
    for kind in ("round", "strategy"):
        key = (kind, str(entry.get(kind)))
        verdicts[key][str(entry.get("verdict"))] += 1
        if asked is not None and achieved is not None:
            pairs[key].append((asked, achieved))
        if before is not None and achieved is not None:
            gains[key].append(achieved - before)


def _names(table: Mapping[tuple[str, str], Any], kind: str) -> list[str]:
    names = {name for one, name in table if one == kind}
    return sorted(names, key=lambda name: (len(name), name) if kind == "round" else (0, name))


def _each(grades: Mapping[str, Counter[tuple[str, str]]], missing: Counter[str]) -> dict[str, Any]:
    return {name: _grades(grades.get(name, Counter()), missing[name]) for name in sorted({*grades, *missing})}


def _grades(counts: Counter[tuple[str, str]], missing: int) -> dict[str, Any]:
    """A confusion table; GC has no place in the order of grades, so it never counts as below or above another."""
    known = sum(counts.values())
    exact = sum(count for (asked, found), count in counts.items() if asked == found)
    ordered = GRADES[:-1]
    below = sum(
        count
        for (asked, found), count in counts.items()
        if asked in ordered and found in ordered and ordered.index(found) < ordered.index(asked)
    )
    return {
        "labels": list(GRADES),
        "counts": [[counts[asked, found] for found in GRADES] for asked in GRADES],
        "pairs": known,
        "unannotated": missing,
        "exact": share_of(exact, known),
        "below": share_of(below, known),
    }


def share_of(count: int, total: int) -> dict[str, float | None]:
    """A share with Wilson's interval; nulls where there is nothing."""
    if not total:
        return {"value": None, "low": None, "high": None}
    rates = wilson([count], [total], LEVEL)
    return {"value": count / total, "low": float(rates.low[0]), "high": float(rates.high[0])}


def _difficulty(
    kind: str, name: str, pairs: Mapping[tuple[str, str], Sequence[tuple[float, float]]], seed: int
) -> dict[str, Any]:
    table = np.asarray(pairs.get((kind, name), []), dtype=np.float64).reshape(-1, 2)
    asked, achieved = table[:, 0], table[:, 1]
    count = len(table)
    bins = np.zeros((5, 5), np.int64)
    settings = BinSettings()
    if count:
        rows, columns = rubric_bins(asked, settings) - 1, rubric_bins(achieved, settings) - 1
        np.add.at(bins, (rows, columns), 1)
    lower, far = int(np.tril(bins, -1).sum()), int(np.tril(bins, -2).sum())
    return {
        kind: int(name) if kind == "round" and name.isdigit() else name,
        "pairs": count,
        "requested": float(asked.mean()) if count else None,
        "achieved": float(achieved.mean()) if count else None,
        "difference": mean_interval(achieved - asked, seed, kind, name),
        "lower_bin": share_of(lower, count),
        "below_a_bin": share_of(far, count),
        "bins": bins.tolist(),
    }


def _rounds(
    kind: str,
    pairs: Mapping[tuple[str, str], Sequence[tuple[float, float]]],
    gains: Mapping[tuple[str, str], Sequence[float]],
    verdicts: Mapping[tuple[str, str], Counter[str]],
    seed: int,
) -> list[dict[str, Any]]:
    """By round or strategy, with the rise over the question before it and how the rounds ended."""
    return [
        {
            **_difficulty(kind, name, pairs, seed),
            "gain": mean_interval(np.asarray(gains.get((kind, name), []), dtype=np.float64), seed, "gain", kind, name),
            "verdicts": dict(sorted(verdicts[kind, name].items())),
        }
        for name in _names(verdicts, kind)
    ]


def mean_interval(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", seed: int, *names: str) -> dict[str, Any]:
    """A mean with its percentile bootstrap interval (Efron 1979); no interval below two values.

    Differences of half points take few values, so draws are counts of these: the time does not grow with the rows.
    """
    if len(values) == 0:
        return {"value": None, "low": None, "high": None}
    mean = float(values.mean())
    if len(values) == 1:
        return {"value": mean, "low": None, "high": None}
    distinct, counts = np.unique(values.round(2), return_counts=True)
    random = np.random.default_rng(seed_of(seed, "degradation", *names))
    drawn = random.multinomial(len(values), counts / counts.sum(), size=DRAWS)
    means = drawn @ distinct / len(values)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"value": mean, "low": float(low), "high": float(high)}
