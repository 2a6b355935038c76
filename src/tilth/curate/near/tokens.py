"""Words as 64-bit hashes, from code points, with whole-array steps and no Python string in between.

A word is a run of letters and digits; in scripts without spaces each character is a word. Its hash is a polynomial in
its characters' values, taken from running sums over the piece, then mixed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tilth.curate.exact.runs import Array
from tilth.curate.near.codepoints import IGNORED, SEPARATOR, UNSPACED, Table, mix
from tilth.curate.near.pieces import PIECE, Piece

_BASE = 0xD1342543DE82EF95  # odd, so that it has an inverse modulo 2**64; a multiplier of Steele and Vigna (2021)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Word hashes of a piece; document i is hashes[bounds[i] : bounds[i + 1]]. `unspaced`: words that are a character
    of a script without spaces, by document."""

    hashes: NDArray[np.uint64]
    bounds: NDArray[np.int64]
    unspaced: NDArray[np.int64]


@cache
def powers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """_BASE ** i and its inverse, for the places in a piece."""
    up = np.cumprod(np.full(PIECE, _BASE, dtype=np.uint64), dtype=np.uint64)
    down = np.cumprod(np.full(PIECE, pow(_BASE, -1, 1 << 64), dtype=np.uint64), dtype=np.uint64)
    return up, down


def without_ignored(codes: Array, bounds: NDArray[np.int64], table: Table) -> tuple[Array, NDArray[np.int64], Array]:
    """The codes without combining diacritics and zero-width characters, their bounds and their kinds."""
    kind = table.kind[codes]
    ignored = kind == IGNORED
    if not ignored.any():
        return codes, bounds, kind
    gone = np.concatenate(([0], np.cumsum(ignored)))
    return codes[~ignored], bounds - gone[bounds], kind[~ignored]


def span_hashes(codes: Array, table: Table, starts: Array, ends: Array) -> NDArray[np.uint64]:
    """A hash of each span codes[starts[i] : ends[i]], none empty: equal for equal folded characters in equal places."""
    up, down = powers()
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    values = table.value[codes]
    values *= up[: len(codes)]
    np.cumsum(values, out=sums[1:])
    hashes: NDArray[np.uint64] = sums[ends] - sums[starts]
    hashes *= down[starts]
    return mix(hashes)


def tokenise(piece: Piece, table: Table) -> Tokens:
    """The words of a piece."""
    codes, bounds, kind = without_ignored(piece.codes, piece.bounds, table)
    word, alone = kind != SEPARATOR, kind == UNSPACED
    start = word.copy()
    start[1:] &= ~word[:-1] | alone[1:] | alone[:-1]
    edges = bounds[:-1][bounds[:-1] < len(codes)]
    start[edges] |= word[edges]  # a document's first letter begins a word, whatever stands before it
    end = word
    end[:-1] &= ~word[1:] | start[1:]
    starts, ends = np.flatnonzero(start), np.flatnonzero(end) + 1
    single = np.concatenate(([0], np.cumsum(alone[starts])))
    places = np.searchsorted(starts, bounds)
    return Tokens(hashes=span_hashes(codes, table, starts, ends), bounds=places, unspaced=np.diff(single[places]))
