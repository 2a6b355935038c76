"""Pairs of vectors within a cosine of each other: exact for small sets, through an approximate index for large ones.

The index is HNSW (Malkov and Yashunin 2016, arXiv 1603.09320) of the package usearch. It is filled by one thread, which
makes the same graph every time; searches may use more. The cosine of every pair that the index finds is then computed
again from the vectors, so a pair is reported only if it holds.
Costs about 2 ms a row through the index. Memory: 50 MB for an exact search, else `shard_rows` x (2 x dimensions + 900)
bytes; the vectors themselves are mapped from disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import MissingExtra

Array = NDArray[Any]

#: Sets up to this size are compared exactly. Measured at 512 dimensions: 25,000 rows take 6 CPU-seconds exactly and 46
#: through the index; the first grows with the square, so the index begins to pay near 180,000.
EXACT_ROWS = 100_000
#: Edges a node of the graph keeps; the library's and the paper's usual value.
CONNECTIVITY = 16
_BLOCK = 1024  # queries at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How pairs are looked for."""

    threshold: float
    neighbours: int
    expansion: int
    shard_rows: int
    exact: bool


def near_pairs(vectors: "Vectors", search: Search, workers: int) -> Iterator[tuple[Array, Array, Array]]:
    """Blocks of pairs (first < second, as int64) and their cosines (float32) of at least the threshold.

    A pair may come twice. Zero vectors are near nothing.
    """
    found = _exact if search.exact else _approximate
    for query, other in found(vectors, search, max(1, workers)):
        first, second = np.minimum(query, other), np.maximum(query, other)
        apart = first != second
        first, second = first[apart], second[apart]
        cosines = np.einsum("ij,ij->i", vectors.take(first), vectors.take(second))
        near = cosines >= search.threshold
        if near.any():
            yield first[near], second[near], cosines[near]


class Vectors:
    """Vectors of several parts as one matrix of float16, mapped from disk."""

    def __init__(self, parts: list[Array]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._starts = np.concatenate([[0], np.cumsum([len(part) for part in self._parts])]).astype(np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def dimensions(self) -> int:
        return int(self._parts[0].shape[1]) if self._parts else 0

    def slice(self, low: int, high: int) -> Array:
        """Rows [low, high), copied to memory."""
        pieces = [
            part[max(0, low - int(start)) : max(0, high - int(start))]
            for part, start in zip(self._parts, self._starts, strict=False)
        ]
        return np.concatenate([np.asarray(piece) for piece in pieces])

    def take(self, rows: Array) -> Array:
        """Some rows as float32."""
        result = np.empty((len(rows), self.dimensions), np.float32)
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(owner):
            here = owner == number
            result[here] = self._parts[number][rows[here] - self._starts[number]]
        return result


class Chosen(Vectors):
    """Some rows of `vectors`, as if there were no others."""

    def __init__(self, vectors: Vectors, rows: Array) -> None:
        self._vectors = vectors
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dimensions(self) -> int:
        return self._vectors.dimensions

    def slice(self, low: int, high: int) -> Array:
        """Rows [low, high) of those chosen, copied to memory."""
        return self._vectors.take(self._rows[low:high]).astype(np.float16)

    def take(self, rows: Array) -> Array:
        """Some rows of those chosen as float32."""
        return self._vectors.take(self._rows[rows])


def _exact(vectors: Vectors, search: Search, _: int) -> Iterator[tuple[Array, Array]]:
    slack = search.threshold - 1e-3  # decided again with the same arithmetic as the approximate way
    for low in range(0, len(vectors), _BLOCK):
        queries = vectors.slice(low, low + _BLOCK).astype(np.float32)
        for start in range(low, len(vectors), 8 * _BLOCK):
            others = vectors.slice(start, start + 8 * _BLOCK).astype(np.float32)
            query, other = np.nonzero(queries @ others.T >= slack)
            yield query + low, other + start


def _approximate(vectors: Vectors, search: Search, workers: int) -> Iterator[tuple[Array, Array]]:
    for start in range(0, len(vectors), search.shard_rows):
        end = min(start + search.shard_rows, len(vectors))
        index = _filled(vectors, start, end, search)
        # rows before this shard met these when their own shard was searched
        for low in range(start, len(vectors), _BLOCK):
            block = vectors.slice(low, low + _BLOCK)
            found = index.search(block, min(search.neighbours + 1, end - start), threads=workers)
            keys, distances = _square(found.keys, len(block)), _square(found.distances, len(block))
            query, column = np.nonzero(distances <= 1 - search.threshold + 1e-3)
            yield query + low, keys[query, column].astype(np.int64)


def _filled(vectors: Vectors, start: int, end: int, search: Search) -> Any:
    try:
        from usearch.index import Index
    except ImportError:
        raise MissingExtra("semantic near-duplicates of more than 100,000 questions", "usearch", "semantic") from None
    index = Index(
        ndim=vectors.dimensions,
        metric="cos",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=search.expansion,
        expansion_search=search.expansion,
    )
    for low in range(start, end, 64 * _BLOCK):
        block = vectors.slice(low, min(low + 64 * _BLOCK, end))
        kept = np.flatnonzero(block.any(axis=1))  # a zero vector has no direction
        index.add((kept + low).astype(np.uint64), block[kept], threads=1)
    return index


def _square(values: Any, rows: int) -> Array:
    """The library gives one row of answers without its first axis."""
    return np.asarray(values).reshape(rows, -1)
