"""From pairs to what is kept: every dropped row is itself near the row that is kept for it.

Rows are taken in order of preference; a row that is still undecided is kept, and its undecided neighbours are dropped
for it. So a chain (a near b, b near c, a not near c) may keep two of its rows; joining chains would drop questions that
are near nothing that is kept. Memory: 48 bytes a pair.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """Of each row that has a neighbour, by its number: cluster (lowest number of its chain), kept row, cosine to it."""

    rows: Array
    clusters: Array
    kept: Array
    cosines: Array


def decide(first: Array, second: Array, cosines: Array, preference: Array) -> Decision:
    """`preference`: rank of every row, the lowest kept first. Pairs may repeat."""
    rows, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, two = places[: len(first)], places[len(first) :]
    from_, to = np.concatenate([one, two]), np.concatenate([two, one])
    order = np.argsort(from_, kind="stable")
    to, cosine = to[order], np.concatenate([cosines, cosines])[order]
    starts = np.searchsorted(from_[order], np.arange(len(rows) + 1))
    kept, nearest = np.full(len(rows), -1, np.int64), np.ones(len(rows), np.float32)
    # a loop: each step depends on those before it; only rows with a neighbour are in it
    for row in np.argsort(preference[rows], kind="stable"):
        if kept[row] >= 0:
            continue
        kept[row] = row
        span = slice(starts[row], starts[row + 1])
        for other, value in zip(to[span], cosine[span], strict=True):
            if kept[other] < 0:
                kept[other], nearest[other] = row, value
    return Decision(rows, rows[_chains(len(rows), one, two)], rows[kept], nearest)


def _chains(count: int, one: Array, two: Array) -> Array:
    """The lowest row of each row's connected set: labels spread over pairs until nothing changes."""
    label = np.arange(count)
    while True:
        low = np.minimum(label[one], label[two])
        new = label.copy()
        np.minimum.at(new, one, low)
        np.minimum.at(new, two, low)
        new = new[new]  # halves the longest path each time
        if np.array_equal(new, label):
            return label
        label = new
