"""Two measures of difficulty beside each other: rank correlation with an interval, and a confusion of bins.

Whole columns; numpy only. Human and model difficulty correlate weakly in the literature (arXiv 2511.21692), so a low
figure is a finding, not an error.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilth.difficulty.rates import normal_quantile

BINS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Spearman's rank correlation over `pairs` questions; all NaN where a side does not vary or pairs are below 4."""

    value: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts of (first measure's bin, second's), 5 x 5, and agreement: exact, within one bin, weighted kappa."""

    counts: NDArray[np.int64]
    exact: float
    within_one: float
    kappa: float  # Cohen's, quadratic weights; NaN where one bin holds everything


def spearman(first: ArrayLike, second: ArrayLike, level: float = 0.9) -> Correlation:
    """Spearman's correlation, ties at their mean rank, pairs with NaN left out.

    Interval: Fisher's transform with the standard error of Bonett and Wright (2000), sqrt((1 + r^2 / 2) / (n - 3)).
    """
    a, b = np.asarray(first, dtype=float).ravel(), np.asarray(second, dtype=float).ravel()
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = ranks(a[known]), ranks(b[known])
    count = len(a)
    if count < 4 or a.std() == 0 or b.std() == 0:
        return Correlation(value=np.nan, low=np.nan, high=np.nan, pairs=count)
    value = float(np.corrcoef(a, b)[0, 1])
    centre = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    half = normal_quantile(level) * np.sqrt((1 + value**2 / 2) / (count - 3))
    return Correlation(value=value, low=float(np.tanh(centre - half)), high=float(np.tanh(centre + half)), pairs=count)


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, ties at their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place.ravel()], dtype=float)


def confusion(first: ArrayLike, second: ArrayLike) -> Confusion:
    """Bins 1 to 5 of two measures against each other. Raises `ValueError` for other values or no pairs."""
    a, b = np.asarray(first, dtype=np.int64).ravel(), np.asarray(second, dtype=np.int64).ravel()
    if not len(a) or len(a) != len(b) or min(a.min(), b.min()) < 1 or max(a.max(), b.max()) > BINS:
        raise ValueError("expected two columns of one length with bins from 1 to 5")
    counts = np.bincount((a - 1) * BINS + b - 1, minlength=BINS**2).reshape(BINS, BINS)
    share = counts / counts.sum()
    gap = np.abs(np.subtract.outer(np.arange(BINS), np.arange(BINS)))
    chance = np.outer(share.sum(axis=1), share.sum(axis=0))
    by_chance = float((gap**2 * chance).sum())
    kappa = 1 - float((gap**2 * share).sum()) / by_chance if by_chance else float("nan")
    return Confusion(counts=counts, exact=float(np.trace(share)), within_one=float(share[gap <= 1].sum()), kappa=kappa)
