"""From n-gram counts to weighted, length-normalised features: (1 + ln tf) x idf, each row of length 1 (or empty).

The weights are those of scikit-learn's TfidfTransformer(sublinear_tf=True): idf = ln((1 + n) / (1 + df)) + 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilth.classify.grams import Counts

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rows:
    """A sparse matrix by rows (CSR): texts x columns."""

    indptr: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats

    def __len__(self) -> int:
        return len(self.indptr) - 1


def fit_idf(counts: Counts, columns: int) -> Floats:
    """The inverse document frequency of each column over the texts counted."""
    frequency = np.bincount(counts.columns, minlength=columns)
    return (np.log((1 + len(counts.indptr) - 1) / (1 + frequency)) + 1).astype(np.float32)


def weigh(counts: Counts, idf: Floats) -> Rows:
    """The features of each text; a text without n-grams has none."""
    values = (1 + np.log(counts.counts)).astype(np.float32) * idf[counts.columns]
    sizes = np.diff(counts.indptr)
    lengths = np.sqrt(sum_by_row(values * values, counts.indptr))
    lengths[lengths == 0] = 1
    return Rows(counts.indptr, counts.columns, values / np.repeat(lengths, sizes))


def sum_by_row(values: Floats, indptr: NDArray[np.int64]) -> Floats:
    """The sum of the values of each row (first axis); 0 for an empty row."""
    total = np.zeros((len(indptr) - 1, *values.shape[1:]), np.float32)
    full = np.flatnonzero(np.diff(indptr))
    if len(full):
        total[full] = np.add.reduceat(values, indptr[full], axis=0)
    return total


def take(counts: Counts, rows: NDArray[np.int64]) -> Counts:
    """The counts of some of the texts, in the order of `rows`."""
    sizes = np.diff(counts.indptr)[rows]
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    at = np.repeat(counts.indptr[rows] - indptr[:-1], sizes) + np.arange(indptr[-1])
    return Counts(indptr, counts.columns[at], counts.counts[at])
