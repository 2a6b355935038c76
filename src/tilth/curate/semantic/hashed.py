"""The embedding without a model: TF-IDF of character and word n-grams, hashed and projected. Lexical, not semantic.

It finds questions in nearly the same words, in any order of them; it cannot tell that "big" is "large". Features are
counted while gathering; the weights follow once all are counted. Guarantees: the same vectors on every machine and
whatever the cut into parts. Costs about 75 us a question of 150 characters; 6 bytes a feature on disk.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.random import seed_of

Array = NDArray[Any]

#: Hash buckets: 2^18, so that the few tens of thousands of n-grams of a seed set seldom share one.
BITS = 18
#: Length of a vector. A projection to 512 has a standard error of about 1/sqrt(512) = 0.04 on a cosine.
DIMENSIONS = 512
_SPREAD = 4  # places of the vector that a bucket adds to: sparse projection, Achlioptas 2003 and Li et al. 2006
_WINDOW = 4000  # characters of a text that are looked at
_BLOCK = 4096  # texts projected at once
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd: multiplicative hashing, Knuth vol. 3, 6.4
_BASE = np.uint64(0x100000001B3)  # the prime of 64-bit FNV


@dataclass(frozen=True, slots=True)
class Features:
    """Counts of features of some texts, as rows of a sparse matrix: row r has `buckets[starts[r]:starts[r + 1]]`."""

    starts: Array  # int64, one more than rows
    buckets: Array  # uint32
    counts: Array  # uint16


def count_features(texts: list[str]) -> Features:
    """Character trigrams, words and pairs of words of each text, in lower case, over all texts at once."""
    folded = [" " + " ".join(text[:_WINDOW].lower().split()) + " " for text in texts]
    points = np.frombuffer("\n".join([*folded, ""]).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    rows = np.repeat(np.arange(len(folded)), [len(text) + 1 for text in folded])
    found = [_trigrams(points, rows), *_words(points, rows)]
    row = np.concatenate([place for place, _ in found]).astype(np.uint64)
    bucket = np.concatenate([(hashes * _MIX) >> np.uint64(64 - BITS) for _, hashes in found])
    cells, counts = np.unique((row << np.uint64(BITS)) | bucket, return_counts=True)
    per_row = np.bincount((cells >> np.uint64(BITS)).astype(np.int64), minlength=len(folded))
    return Features(
        starts=np.concatenate([[0], np.cumsum(per_row)]).astype(np.int64),
        buckets=(cells & np.uint64((1 << BITS) - 1)).astype(np.uint32),
        counts=np.minimum(counts, 65535).astype(np.uint16),
    )


def weights(document_counts: Array, documents: int) -> Array:
    """Smoothed inverse document frequency of each bucket: ln((1 + n) / (1 + df)) + 1, as scikit-learn's default."""
    idf: Array = np.log((1 + documents) / (1 + document_counts)) + 1
    return idf.astype(np.float32)


def project(features: Features, idf: Array) -> Array:
    """Unit vectors, float16 of shape (rows, DIMENSIONS): (1 + ln count) x idf, projected by random signs."""
    places, signs = _projection()
    rows = len(features.starts) - 1
    result = np.zeros((rows, DIMENSIONS), np.float16)
    for low in range(0, rows, _BLOCK):
        high = min(low + _BLOCK, rows)
        span = slice(int(features.starts[low]), int(features.starts[high]))
        buckets = features.buckets[span]
        row = np.repeat(np.arange(high - low), np.diff(features.starts[low : high + 1]))
        value = (1 + np.log(features.counts[span].astype(np.float32))) * idf[buckets]
        cell = row[:, None] * DIMENSIONS + places[buckets]
        size = (high - low) * DIMENSIONS
        dense = np.bincount(cell.ravel(), (value[:, None] * signs[buckets]).ravel(), size).reshape(-1, DIMENSIONS)
        norms = np.linalg.norm(dense, axis=1, keepdims=True)
        result[low:high] = dense / np.maximum(norms, 1e-12)  # a text without features stays zero
    return result


def _projection() -> tuple[Array, Array]:
    """For each bucket, `_SPREAD` places of the vector and a sign for each; fixed, so vectors never change."""
    draw = np.random.default_rng(seed_of(0, "semantic", "hashed", "projection"))
    size = (1 << BITS, _SPREAD)
    return draw.integers(0, DIMENSIONS, size), draw.integers(0, 2, size).astype(np.float32) * 2 - 1


def _trigrams(points: Array, rows: Array) -> tuple[Array, Array]:
    """Row and hash of every three characters that lie in one text."""
    if len(points) < 3:
        return rows[:0], points[:0]
    hashes = (points[:-2] * _BASE + points[1:-1]) * _BASE + points[2:]
    inside = rows[:-2] == rows[2:]
    inside &= points[2:] != 10  # the line feed that ends a text
    return rows[:-2][inside], hashes[inside]


def _words(points: Array, rows: Array) -> list[tuple[Array, Array]]:
    """Row and hash of every word, and of every two words that follow each other in one text."""
    gap = (points == 32) | (points == 10)
    begins = np.flatnonzero(~gap & np.concatenate([[True], gap[:-1]]))
    if not len(begins):
        return []
    ends = np.flatnonzero(~gap & np.concatenate([gap[1:], [True]])) + 1
    latest = np.zeros(len(points), np.int64)
    latest[begins] = begins
    place = np.arange(len(points)) - np.maximum.accumulate(latest)
    powers = np.cumprod(np.full(int((ends - begins).max()) + 2, _BASE))
    terms = np.where(gap, 0, points * powers[np.minimum(place, len(powers) - 1)])
    words = np.add.reduceat(terms, begins) ^ np.uint64(0x5BD1E995)  # apart from trigrams
    row = rows[begins]
    together = row[:-1] == row[1:]
    pairs = (words[:-1] * _BASE + words[1:])[together]
    return [(row, words), (row[:-1][together], pairs)]
