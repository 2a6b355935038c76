"""Groups of documents from pairs, over one compact array: the parent of each document.

4 bytes a document (8 from 2**31 documents on). Pairs come in batches; each batch is joined with whole-array steps, and
the root of a group is always its lowest number, so the outcome depends on the set of pairs alone, not on their order.
"""

import numpy as np
from numpy.typing import NDArray

from tilth.curate.exact.runs import Array

_CHUNK = 1 << 20  # rows worked on at a time in a pass over all documents: 8 MB of scratch


class Groups:
    """Union-find over the numbers 0 to `count` - 1."""

    def __init__(self, count: int) -> None:
        self.parent: Array = np.arange(count, dtype=np.int32 if count < 1 << 31 else np.int64)

    def find(self, numbers: Array) -> Array:
        """The root of each number; paths are halved on the way."""
        parent = self.parent
        roots = parent[numbers]
        while True:
            above = parent[roots]
            if np.array_equal(above, roots):
                parent[numbers] = roots
                return roots
            roots = above

    def join(self, left: Array, right: Array) -> None:
        """Put left[i] and right[i] into one group, for every i."""
        while len(left):
            left, right = self.find(left), self.find(right)
            apart = left != right
            left, right = left[apart], right[apart]
            low, high = np.minimum(left, right), np.maximum(left, right)
            np.minimum.at(self.parent, high, low)  # of several lower roots the lowest wins; the rest in the next round

    def members(self) -> tuple[NDArray[np.int64], Array]:
        """The documents in groups of two and more, ascending, and the root of each."""
        count = len(self.parent)
        grouped = np.zeros(count, dtype=np.bool_)
        for low in range(0, count, _CHUNK):
            numbers = np.arange(low, min(low + _CHUNK, count))
            roots = self.find(numbers)
            inner = roots != numbers
            grouped[numbers[inner]] = True
            grouped[roots[inner]] = True
        found = np.flatnonzero(grouped)
        return found, self.parent[found]
