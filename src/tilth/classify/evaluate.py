"""How good a classifier or scorer is on rows it was not trained on, each figure with its interval.

Intervals are percentile bootstraps (95%, 1,000 resamples) over groups of rows, or over rows where there are no groups:
questions from one page are not independent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tilth.base.random import seed_of
from tilth.classify.calibrate import abstain_threshold, expected_calibration_error, fit_temperature, softmax
from tilth.classify.features import Floats

#: Resamples of a bootstrap; the ends of the interval then move by about a twentieth of its width between seeds.
RESAMPLES = 1000

Numbers = NDArray[np.int64]
Interval = tuple[float, float]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """One class over the rows of all folds."""

    name: str
    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Probabilities against outcomes. The figures are cross-fitted: no row was used to set what it is measured with."""

    temperature: float
    error_before: float  # expected calibration error at temperature 1
    error: float  # at the fitted temperature
    target_precision: float
    abstain_below: float
    precision: float  # of the rows answered
    coverage: float  # share of rows answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A classifier under cross-validation. `confusion[truth][answer]` counts rows, classes in order of `classes`."""

    rows: int
    folds: int
    groups: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    majority: float  # accuracy of always naming the largest class
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """A scorer under cross-validation; errors in units of the labels."""

    rows: int
    folds: int
    groups: int
    mean_error: float  # mean absolute error
    mean_error_interval: Interval
    spearman: float
    spearman_interval: Interval
    baseline_error: float  # mean absolute error of always answering the median


def report_classes(
    decisions: Floats, truth: Numbers, names: Sequence[str], fold: Numbers, groups: Numbers, *, precision: float
) -> Report:
    """The report from out-of-fold decisions (rows x classes)."""
    best = decisions.argmax(axis=1)
    count = len(names)
    confusion = _confusion(truth, best, count)
    seed = seed_of(0, "bootstrap", len(truth))
    draws = _resample(groups, seed, lambda weights: _confusion(truth, best, count, weights))
    return Report(
        rows=len(truth),
        folds=int(fold.max()) + 1,
        groups=len(np.unique(groups)),
        accuracy=accuracy(confusion),
        accuracy_interval=interval([accuracy(draw) for draw in draws]),
        macro_f1=_macro_f1(confusion),
        macro_f1_interval=interval([_macro_f1(draw) for draw in draws]),
        majority=float(confusion.sum(axis=1).max() / max(1, len(truth))),
        classes=tuple(_figures(confusion, at, name) for at, name in enumerate(names)),
        confusion=tuple(tuple(int(value) for value in row) for row in confusion),
        calibration=_calibration(decisions, truth, fold, precision),
    )


def report_scores(answers: Floats, truth: Floats, fold: Numbers, groups: Numbers) -> ScoreReport:
    """The report from out-of-fold answers."""
    errors = np.abs(answers - truth)
    seed = seed_of(0, "bootstrap", len(truth))
    draws = _resample(groups, seed, lambda weights: np.repeat(np.arange(len(truth)), weights.astype(np.int64)))
    return ScoreReport(
        rows=len(truth),
        folds=int(fold.max()) + 1,
        groups=len(np.unique(groups)),
        mean_error=float(errors.mean()),
        mean_error_interval=interval([float(errors[draw].mean()) for draw in draws]),
        spearman=spearman(answers, truth),
        spearman_interval=interval([spearman(answers[draw], truth[draw]) for draw in draws]),
        baseline_error=float(np.abs(truth - np.median(truth)).mean()),
    )


def accuracy(confusion: NDArray[np.float64]) -> float:
    """Share of rows on the diagonal; 0 for no rows."""
    return float(np.trace(confusion) / max(1.0, confusion.sum()))


def interval(draws: Sequence[float]) -> Interval:
    """The middle 95% of bootstrap draws."""
    low, high = np.quantile(np.asarray(draws), [0.025, 0.975])
    return float(low), float(high)


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation, ties at their mean rank; 0 where one side does not vary."""
    ranks = _ranks(first), _ranks(second)
    if any(rank.std() == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: Floats) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _resample(groups: Numbers, seed: int, measure: Callable[[NDArray[np.float64]], Value]) -> list[Value]:
    """`measure` of row weights, once a resample: how often each row's group was drawn."""
    random = np.random.default_rng(seed)
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max()) + 1
    shares = np.full(count, 1 / count)
    return [measure(random.multinomial(count, shares)[group].astype(np.float64)) for _ in range(RESAMPLES)]


def _confusion(
    truth: Numbers, answer: Numbers, count: int, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    flat = np.bincount(truth * count + answer, weights=weights, minlength=count * count)
    return flat.reshape(count, count).astype(np.float64)


def _macro_f1(confusion: NDArray[np.float64]) -> float:
    """The mean F1 of the classes that have rows or answers."""
    ends = confusion.sum(axis=0) + confusion.sum(axis=1)
    there = ends > 0
    return float(np.mean(2 * np.diag(confusion)[there] / ends[there])) if there.any() else 0.0


def _figures(confusion: NDArray[np.float64], at: int, name: str) -> ClassFigures:
    right, rows, answers = confusion[at, at], confusion[at].sum(), confusion[:, at].sum()
    return ClassFigures(
        name=name,
        rows=int(rows),
        precision=float(right / answers) if answers else 0.0,
        recall=float(right / rows) if rows else 0.0,
        f1=float(2 * right / (rows + answers)) if rows + answers else 0.0,
    )


def _calibration(decisions: Floats, truth: Numbers, fold: Numbers, precision: float) -> Calibration:
    """Temperature and threshold from all rows; their figures for each fold from what the other folds give."""
    right = decisions.argmax(axis=1) == truth
    temperature = fit_temperature(decisions, truth)
    probability = np.zeros(len(truth), np.float32)
    answered = np.zeros(len(truth), np.bool_)
    for at in range(int(fold.max()) + 1):
        here, others = fold == at, fold != at
        warm = np.float32(fit_temperature(decisions[others], truth[others]))
        probability[here] = softmax(decisions[here] / warm).max(axis=1)
        known = softmax(decisions[others] / warm).max(axis=1)
        answered[here] = probability[here] >= abstain_threshold(known, right[others], precision)
    final = softmax(decisions / np.float32(temperature)).max(axis=1)
    return Calibration(
        temperature=temperature,
        error_before=expected_calibration_error(softmax(decisions).max(axis=1), right),
        error=expected_calibration_error(probability, right),
        target_precision=precision,
        abstain_below=abstain_threshold(final, right, precision),
        precision=float(right[answered].mean()) if answered.any() else 0.0,
        coverage=float(answered.mean()),
    )
