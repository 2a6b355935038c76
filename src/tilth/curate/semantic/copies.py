"""Rows with one and the same vector, so that a thousand copies of a question are one search and not a million pairs.

Copies have the same neighbours, so what is decided for one of them holds for all: the outcome is that of all pairs.
Costs one pass over the vectors and 40 bytes a row.
"""

import numpy as np

from tilth.curate.semantic.clusters import Array, Decision
from tilth.curate.semantic.index import Vectors

_BLOCK = 4096  # rows at once


def representatives(vectors: Vectors, kinds: Array, preference: Array) -> Array:
    """For each row the preferred row with its vector and its kind (uint64); itself where it has no copy, or no length.

    Equal hashes are looked for and the vectors then compared, so two rows are copies only if they are equal.
    """
    count = len(vectors)
    keys = np.empty(count, np.uint64)
    for low in range(0, count, _BLOCK):
        block = vectors.slice(low, low + _BLOCK)
        keys[low : low + _BLOCK] = (block.view(np.uint16) * _factors(vectors.dimensions)).sum(axis=1, dtype=np.uint64)
    keys = (keys ^ kinds) * np.uint64(0x9E3779B97F4A7C15)
    order = np.lexsort((preference, keys))
    heads = np.ones(count, bool)
    heads[1:] = keys[order][1:] != keys[order][:-1]
    found = np.arange(count)
    found[order] = order[np.flatnonzero(heads)][np.cumsum(heads) - 1]
    copies = np.flatnonzero(found != np.arange(count))
    for low in range(0, len(copies), _BLOCK):
        rows = copies[low : low + _BLOCK]
        own, other = vectors.take(rows), vectors.take(found[rows])
        equal = (own == other).all(axis=1) & own.any(axis=1) & (kinds[rows] == kinds[found[rows]])
        found[rows[~equal]] = rows[~equal]
    return found


def with_copies(decision: Decision, found: Array) -> Decision:
    """What was decided about representatives, for all their copies too."""
    count = len(found)
    every = np.arange(count)
    kept, cluster, cosine = every.copy(), every.copy(), np.ones(count, np.float32)
    near = np.zeros(count, bool)
    kept[decision.rows], cluster[decision.rows] = decision.kept, decision.clusters
    cosine[decision.rows], near[decision.rows] = decision.cosines, True
    copies = np.flatnonzero(found != every)
    near[copies] = near[found[copies]] = True
    kept[copies], cosine[copies] = kept[found[copies]], cosine[found[copies]]
    cluster = cluster[found]
    lowest = every.copy()
    np.minimum.at(lowest, cluster, every)
    rows = np.flatnonzero(near)
    return Decision(rows, lowest[cluster][rows], kept[rows], cosine[rows])


def _factors(dimensions: int) -> Array:
    """Odd 64-bit numbers, one a dimension (splitmix64)."""
    values = np.arange(1, dimensions + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return (values ^ (values >> np.uint64(27))) | np.uint64(1)
