"""Spans of bytes (words, lines, paragraphs) of many documents at once, their hashes, and sums over them by document.

All arrays are over one slice of documents whose texts lie one behind the other in one buffer; a span never crosses the
border of its document. Hashes are 64-bit: two different spans of a document share one with a chance of about 2**-64 a
pair, and texts made to collide on purpose can only make a document look more repetitive than it is.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

PADDING = 8  # bytes behind a buffer, so that eight bytes can be read at any place
_AT_ONCE = 1 << 20  # spans hashed together, which bounds the memory of a long document
LONG = 256  # bytes; a longer span is hashed on its own

_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93))  # odd, as in splitmix64 and its kin
_SHIFT = np.uint64(32)
#: The first k bytes of a little-endian word of eight.
_FIRST = np.array([(1 << (8 * count)) - 1 for count in range(9)], np.uint64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Spans in order. `starts`, `ends`: byte places in the buffer; `first`: index of each document's first span,
    with the number of all spans behind it."""

    starts: Ints
    ends: Ints
    first: Ints

    @property
    def count(self) -> Ints:
        """Spans in each document."""
        return np.diff(self.first)

    @property
    def document(self) -> Ints:
        """The document of each span."""
        return np.repeat(np.arange(len(self.first) - 1), self.count)

    def per_document(self, values: npt.NDArray[np.generic]) -> Ints:
        """Sum of `values` (one a span, integers or booleans) over each document."""
        if len(self.first) == 2:  # one document, which may be a long one: no arrays of its length
            return np.array([np.sum(values, dtype=np.int64)])
        if values.dtype == np.bool_:
            return np.diff(np.searchsorted(np.flatnonzero(values), self.first))
        total = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
        sums: Ints = total[self.first[1:]] - total[self.first[:-1]]
        return sums

    def where(self, mask: Bools) -> "Spans":
        """The spans where `mask` holds."""
        kept = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
        return Spans(starts=self.starts[mask], ends=self.ends[mask], first=kept[self.first])


def between(bounds: Ints, from_: Ints, to: Ints) -> Spans:
    """What lies between separators, as str.split() gives it: each document has one span more than separators.

    `bounds`: places where documents begin, and the end of the last; `from_`, `to`: where separators begin and end, in
    order, each inside one document.
    """
    documents = len(bounds) - 1
    before = np.searchsorted(from_, bounds)
    before[-1] = len(from_)
    first = before + np.arange(documents + 1)
    starts = np.empty(len(from_) + documents, np.int64)
    ends = np.empty_like(starts)
    opening = np.zeros(len(starts), np.bool_)
    opening[first[:-1]] = True
    starts[opening], starts[~opening] = bounds[:-1], to
    closing = np.zeros(len(starts), np.bool_)
    closing[first[1:] - 1] = True
    ends[closing], ends[~closing] = bounds[1:], from_
    return Spans(starts=starts, ends=ends, first=first)


def mix(values: Hashes, more: Hashes | np.uint64) -> Hashes:
    """Fold `more` into hashes."""
    mixed: Hashes = (values ^ more) * _FACTORS[0]
    mixed ^= mixed >> _SHIFT
    mixed *= _FACTORS[1]
    return mixed


def hash_spans(buffer: Bytes, spans: Spans) -> Hashes:
    """A hash of each span's bytes, eight at a time over all spans together. `buffer` has `PADDING` bytes behind it."""
    found = np.empty(len(spans.starts), np.uint64)
    for start in range(0, len(found), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = _hash_some(buffer, spans.starts[part], spans.ends[part])
    return found


def _hash_some(buffer: Bytes, begins: Ints, ends: Ints) -> Hashes:
    lengths = ends - begins
    hashes = mix(lengths.astype(np.uint64), _FACTORS[1])
    eights = np.lib.stride_tricks.as_strided(buffer[:8].view("<u8"), (len(buffer) - 7,), (1,))
    live: Ints | slice = slice(None)
    if len(lengths) and int(lengths.max()) > LONG:
        live = np.flatnonzero(lengths <= LONG)
        _hash_long(buffer, begins, ends, np.flatnonzero(lengths > LONG), hashes)
    starts, left = begins[live], lengths[live]
    while len(starts):
        words = eights[starts] & _FIRST[np.minimum(left, 8)]
        hashes[live] = mix(hashes[live], words)
        more = np.flatnonzero(left > 8)
        live = more if isinstance(live, slice) else live[more]
        starts, left = starts[more] + 8, left[more] - 8
    return hashes


def _hash_long(buffer: Bytes, begins: Ints, ends: Ints, which: Ints, hashes: Hashes) -> None:
    """Hash long spans one by one: a loop is as fast as columns here, as each step hashes at least `LONG` bytes.

    Python's own hash of bytes differs from process to process; only whether two are equal is ever looked at.
    """
    pairs = zip(begins[which].tolist(), ends[which].tolist(), strict=True)
    found = np.fromiter((hash(buffer[start:end].tobytes()) for start, end in pairs), np.int64, len(which))
    hashes[which] = found.view(np.uint64)
