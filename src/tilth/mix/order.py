"""The order in which a part's rows are taken: a keyed permutation that is computed, not stored.

A Feistel network over the row numbers (Luby and Rackoff 1988), walked until it lands on a number below `rows` (cycle
walking, Black and Rogaway 2002), so that any range of places can be asked for at once, and memory is that range.
It is no cipher: six rounds of an integer mixer are plenty to leave no pattern, see the tests.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tilth.base.random import seed_of

_ROUNDS: Final = 6
Numbers = NDArray[np.int64]


def order_key(seed: int, part: str, epoch: int) -> int:
    """The key of one pass over a part: it depends on nothing but the study's seed, the part's name and the epoch."""
    return seed_of(seed, "mix", part, epoch)


def permuted(places: Numbers, rows: int, key: int) -> Numbers:
    """The rows at `places` of the permutation of 0 to rows - 1; places must lie in the same range."""
    half = max(1, (max(rows - 1, 1).bit_length() + 1) // 2)  # bits; the domain is at most 4 x rows
    mask = np.uint64((1 << half) - 1)
    keys = [np.uint64(seed_of(key, "round", number)) for number in range(_ROUNDS)]
    found = places.astype(np.uint64)
    outside = np.arange(len(found))
    while len(outside):
        found[outside] = _rounds(found[outside], np.uint64(half), mask, keys)
        outside = outside[found[outside] >= np.uint64(rows)]
    return found.astype(np.int64)


def _rounds(values: NDArray[np.uint64], half: np.uint64, mask: np.uint64, keys: list[np.uint64]) -> NDArray[np.uint64]:
    left, right = values >> half, values & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    joined: NDArray[np.uint64] = (left << half) | right
    return joined


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014, figure 16); multiplication wraps around."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed
