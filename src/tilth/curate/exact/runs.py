"""Sorted runs: tables of hashes on disk, larger than memory together, read back slice by slice.

Each part writes one run, sorted by hash. `slices` then walks over ranges of hash values; of each run only the
entries in the range are read, found by binary search in the mapped file. Hashes are uniform, so the ranges are even.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import CorruptData
from tilth.base.files import write_atomic

Array = NDArray[Any]

#: Entries held at a time: 2 million of at most 28 bytes, and about as much again twice while they are sorted: 150 MB.
SLICE_ENTRIES = 2_000_000


def write_array(path: Path, array: Array) -> None:
    """Write one array as .npy, atomically."""
    write_atomic(path, partial(_save, array))


def _save(array: Array, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def open_array(path: Path) -> Array:
    """Map an array that `write_array` wrote. Raises `CorruptData` where it is missing or not whole."""
    try:
        mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptData(
            f"expected an array that gathering wrote at {path}; saw: {error}. Delete the step's folder and run again."
        ) from error
    return mapped


def sort_run(entries: Array) -> Array:
    """The entries by hash; entries of one hash stay in their order."""
    return entries[np.argsort(entries["hash"], kind="stable")]


def slices(total: int, limit: int) -> list[tuple[int, int]]:
    """Ranges [low, high) of 64-bit hash values that hold about `limit` of `total` uniform entries each."""
    count = max(1, -(-total // limit))
    bounds = [(1 << 64) * number // count for number in range(count + 1)]
    return list(pairwise(bounds))


def cut_slice(run: Array, low: int, high: int) -> Array:
    """The entries of a sorted run whose hash is in [low, high), copied to memory."""
    hashes = run["hash"]
    first = int(np.searchsorted(hashes, np.uint64(low)))
    last = len(run) if high >> 64 else int(np.searchsorted(hashes, np.uint64(high)))
    return np.array(run[first:last])


def batches(count: int, read: Callable[[int], Array], limit: int) -> Iterator[list[Array]]:
    """`read(0)`, ..., `read(count - 1)` in turn, as many together as come to `limit` entries."""
    held: list[Array] = []
    entries = 0
    for number in range(count):
        held.append(read(number))
        entries += len(held[-1])
        if entries >= limit:
            yield held
            held, entries = [], 0
    if held:
        yield held
