"""Texts of a column as arrays of code points, in pieces that fit the cache.

Whole documents are put together up to `PIECE` bytes; a document that is longer comes in pieces of its own, cut at fixed
distances from its start, so that a piece never depends on the documents around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.curate.exact.runs import Array

PIECE = 1 << 18  # bytes of UTF-8: the code points and the tables of powers stay in a core's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Code points of the documents `first`, `first` + 1, ...; document i is codes[bounds[i] : bounds[i + 1]].

    `more` says that the one document of this piece goes on in the next; `continued` that it began before.
    """

    first: int
    codes: Array
    bounds: NDArray[np.int64]
    continued: bool = False
    more: bool = False


def pieces(texts: pl.Series) -> Iterator[Piece]:
    """All documents of a string column in order. Memory: a copy of the column, and a piece."""
    arrow = texts.fill_null("").rechunk().to_arrow()
    _, offset_buffer, data_buffer = arrow.buffers()
    if not len(texts):
        return
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[arrow.offset : arrow.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer if data_buffer is not None else b"", dtype=np.uint8)
    first = 0
    while first < len(texts):
        last = int(np.searchsorted(offsets, offsets[first] + PIECE, side="right")) - 1
        if last > first:
            codes, bounds = _decode(data, offsets[first : last + 1])
            yield Piece(first=first, codes=codes, bounds=bounds)
        else:
            last = first + 1
            yield from _long(first, data[offsets[first] : offsets[last]])
        first = last


def _long(first: int, data: Array) -> Iterator[Piece]:
    """The pieces of one long document."""
    start = 0
    while start < len(data):
        end = min(start + PIECE, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # not within a character: at most 3 steps
            end -= 1
        codes, bounds = _decode(data, np.array([start, end], dtype=np.int64))
        yield Piece(first=first, codes=codes, bounds=bounds, continued=start > 0, more=end < len(data))
        start = end


def _decode(data: Array, offsets: Array) -> tuple[Array, NDArray[np.int64]]:
    """Code points of the bytes, and the documents' bounds in code points."""
    window = data[offsets[0] : offsets[-1]]
    bounds = (offsets - offsets[0]).astype(np.int64)
    if not len(window) or window.max() < 0x80:
        return window, bounds
    starts = np.cumsum((window & 0xC0) != 0x80)
    bounds[1:] = np.where(bounds[1:] > 0, starts[bounds[1:] - 1], 0)
    return np.frombuffer(window.tobytes().decode("utf-8").encode("utf-32-le"), dtype="<u4"), bounds
