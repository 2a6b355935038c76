"""The banded shuffle: documents that agree in a whole band of their signatures are joined.

On disk by part: one sorted run a band, 12 bytes a document and band, and 2 bytes a hash for the estimate. `join_bands`
reads band by band and slice by slice, so its memory does not depend on the input's size, and each document of a
bucket is compared with the bucket's leaders only, so a bucket of a million copies costs a million steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilth.curate.exact.groups import Groups
from tilth.curate.exact.runs import SLICE_ENTRIES, Array, batches, cut_slice, open_array, slices, write_array
from tilth.curate.near.signature import band_hashes, marks_of, similarity_of

ENTRY = np.dtype([("hash", "<u8"), ("row", "<u4")])
_SEEN = np.dtype([("hash", "<u8"), ("number", "<i8")])

#: Documents of one bucket that others are compared with where pairs are verified. More find pairs that the bucket's
#: first documents hide; with 4 a bucket costs at most 4 comparisons a document.
LEADERS = 4
_PAIRS = 1 << 16  # pairs compared at a time: 30 MB at 112 hashes


def runs_path(folder: Path, part: str) -> Path:
    return folder / f"{part}.bands.npy"


def marks_path(folder: Path, part: str) -> Path:
    return folder / f"{part}.marks.npy"


def write_bands(folder: Path, part: str, least: Array, there: NDArray[np.bool_], bands: int) -> None:
    """Write a part's runs and marks; documents without a signature are in no run."""
    rows = np.flatnonzero(there)
    entries = np.empty((bands, len(rows)), dtype=ENTRY)
    hashes = band_hashes(least[rows], bands, least.shape[1] // bands)
    order = np.argsort(hashes, axis=1, kind="stable")
    entries["hash"] = np.take_along_axis(hashes, order, axis=1)
    entries["row"] = rows[order]
    write_array(runs_path(folder, part), entries)
    write_array(marks_path(folder, part), marks_of(least))


@dataclass(frozen=True, slots=True)
class Store:
    """Runs and marks of many parts, this run's and then the indexes', numbered through."""

    places: Sequence[tuple[Path, str]]  # folder and part
    offsets: NDArray[np.int64]  # the first number of each part, and the total
    mapped: dict[int, Array] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return int(self.offsets[-1])

    def run(self, place: int, band: int) -> Array:
        """One part's sorted entries of one band, mapped."""
        run: Array = open_array(runs_path(*self.places[place]))[band]
        return run

    def marks(self, numbers: Array) -> Array:
        """The marks of documents, in the order of `numbers`; each part is opened once."""
        owners = np.searchsorted(self.offsets, numbers, side="right") - 1
        found: Array | None = None
        for owner in np.unique(owners):
            mine = owners == owner
            rows = open_array(marks_path(*self.places[owner]))[numbers[mine] - self.offsets[owner]]
            if found is None:
                found = np.empty((len(numbers), rows.shape[1]), dtype=rows.dtype)
            found[mine] = rows
        return np.zeros((0, 1), dtype=np.uint16) if found is None else found

    def similarity(self, left: Array, right: Array) -> NDArray[np.float64]:
        """Estimated Jaccard of each pair of documents."""
        found = np.empty(len(left))
        for low in range(0, len(left), _PAIRS):
            high = low + _PAIRS
            ends, back = np.unique(right[low:high], return_inverse=True)  # the leaders of large buckets come often
            found[low:high] = similarity_of(self.marks(left[low:high]), self.marks(ends)[back])
        return found


def join_bands(store: Store, bands: int, verify: float | None) -> Groups:
    """Groups of all documents of the store. Memory: the groups, about `SLICE_ENTRIES` entries, a slice's buckets."""
    groups = Groups(store.total)
    for band in range(bands):
        for low, high in slices(store.total, SLICE_ENTRIES):
            _join_slice(store, groups, (band, low, high), verify)
    return groups


def _join_slice(store: Store, groups: Groups, where: tuple[int, int, int], verify: float | None) -> None:
    band, low, high = where
    leaders = np.empty(0, dtype=_SEEN)

    def read(place: int) -> Array:
        entries = cut_slice(store.run(place, band), low, high)
        seen = np.empty(len(entries), dtype=_SEEN)
        seen["hash"], seen["number"] = entries["hash"], entries["row"].astype(np.int64) + store.offsets[place]
        return seen

    for held in batches(len(store.places), read, SLICE_ENTRIES):
        seen = np.concatenate([leaders, *held])
        seen = seen[np.lexsort((seen["number"], seen["hash"]))]
        leaders = link_first(seen, groups) if verify is None else link_verified(seen, groups, store, verify)


def firsts(seen: Array) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Of entries sorted by hash: which are the first of their hash, and for each entry the place of its first."""
    fresh = np.ones(len(seen), dtype=np.bool_)
    fresh[1:] = seen["hash"][1:] != seen["hash"][:-1]
    return fresh, np.flatnonzero(fresh)[np.cumsum(fresh) - 1] if len(seen) else np.zeros(0, dtype=np.int64)


def link_first(seen: Array, groups: Groups) -> Array:
    """Join each bucket to its first document; the firsts stand for their buckets in the next batch."""
    fresh, first = firsts(seen)
    groups.join(seen["number"][first[~fresh]], seen["number"][~fresh])
    return seen[fresh]


def link_verified(seen: Array, groups: Groups, store: Store, least: float) -> Array:
    """Join each document to the first leader of its bucket that is similar enough; who finds none becomes a leader.

    The leaders, at most `LEADERS` a bucket, stand for their buckets in the next batch.
    """
    chosen = [seen[:0]]
    for _ in range(LEADERS):
        fresh, first = firsts(seen)
        chosen.append(seen[fresh])
        left, right = seen["number"][~fresh], seen["number"][first[~fresh]]
        near = store.similarity(left, right) >= least
        groups.join(left[near], right[near])
        seen = seen[~fresh][~near]
    return np.concatenate(chosen)
