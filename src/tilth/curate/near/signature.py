"""MinHash signatures of whole columns of text.

A shingle is a run of words (5 by default, as in FineWeb), or of characters where most words of a document are single
characters of a script without spaces. It is hashed to 32 well-mixed bits x; hash k of the signature is the least
a_k * x mod 2**32 over the document's shingles, a_k odd. Since x is random and multiplication by an odd number is a
bijection, two documents agree in a hash with the probability of their Jaccard similarity (Broder 1997).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.curate.exact.runs import Array
from tilth.curate.near.codepoints import Table, mix, table
from tilth.curate.near.pieces import pieces
from tilth.curate.near.tokens import Tokens, tokenise

_STEP = 0x9FB21C651E98DF25  # odd: the multiplier that tells a word's place in its shingle
UNSPACED_SHARE = 0.5  # a document has character shingles where more than this share of its words is one character


@dataclass(frozen=True, slots=True, kw_only=True)
class Shingling:
    """What a document's shingles are."""

    words: int
    characters: int
    fold_numbers: bool


def multipliers(count: int) -> NDArray[np.uint32]:
    """The a_k: the same for every run, so that indexes of different runs fit together."""
    values = mix(np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return (values >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


def signatures(texts: pl.Series, shingling: Shingling, count: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Signatures, shape (n, count), and which documents have one: those with at least one shingle.

    Memory: `count` * 4 bytes a document, a copy of the texts and a few megabytes.
    """
    lookup, factors = table(shingling.fold_numbers), multipliers(count)
    least = np.full((len(texts), count), np.iinfo(np.uint32).max, dtype=np.uint32)
    there = np.zeros(len(texts), dtype=np.bool_)
    for first, shingles, bounds in _shingles(texts, shingling, lookup):
        lengths = np.diff(bounds)
        has = np.flatnonzero(lengths > 0)
        if not len(has):
            continue
        minima = _minima(shingles, bounds[:-1][has], factors)
        rows = first + has
        least[rows] = np.minimum(least[rows], minima.T)
        there[rows] = True
    return least, there


def _minima(shingles: Array, starts: Array, factors: Array) -> Array:
    """Least product by factor and document, shape (factors, documents)."""
    minima = np.empty((len(factors), len(starts)), dtype=np.uint32)
    product = np.empty_like(shingles)
    for number, factor in enumerate(factors):
        np.multiply(shingles, factor, out=product)
        np.minimum.reduceat(product, starts, out=minima[number])
    return minima


def _shingles(texts: pl.Series, shingling: Shingling, lookup: Table) -> Iterator[tuple[int, Array, Array]]:
    """(first document, 32-bit shingle hashes, bounds by document) piece by piece."""
    widths = np.zeros(0, dtype=np.int64)
    tail = np.zeros(0, dtype=np.uint64)
    for piece in pieces(texts):
        words = tokenise(piece, lookup)
        if piece.continued:  # the last words of the piece before begin the shingles that cross the cut
            words = _joined(tail, words)
        else:
            widths = _widths(words, shingling)
        yield piece.first, *_hash_shingles(words, widths)
        if piece.more:
            tail = words.hashes[max(0, len(words.hashes) - int(widths[0]) + 1) :]


def _widths(words: Tokens, shingling: Shingling) -> NDArray[np.int64]:
    """Words in a shingle, by document; of a long document the first piece decides."""
    single = words.unspaced > UNSPACED_SHARE * np.diff(words.bounds)
    return np.where(single, shingling.characters, shingling.words)


def _joined(tail: Array, words: Tokens) -> Tokens:
    hashes = np.concatenate([tail, words.hashes])
    return Tokens(hashes=hashes, bounds=np.array([0, len(hashes)]), unspaced=words.unspaced)


def _hash_shingles(words: Tokens, widths: NDArray[np.int64]) -> tuple[Array, Array]:
    """All shingles that lie within a document, and the bounds of each document's."""
    lengths = np.diff(words.bounds)
    counts = np.maximum(lengths - widths + 1, 0)
    bounds = np.concatenate(([0], np.cumsum(counts)))
    total = len(words.hashes)
    hashes = np.empty(int(bounds[-1]), dtype=np.uint32)
    owner_width = np.repeat(widths, lengths)
    left = np.repeat(words.bounds[1:], lengths) - np.arange(total)  # words to the document's end
    valid = left >= owner_width
    kept_widths = owner_width[valid]
    for width in np.unique(widths):
        if total < width:
            continue
        sums = _rolling(words.hashes, int(width))
        inside = valid[: len(sums)] & (owner_width[: len(sums)] == width)
        hashes[kept_widths == width] = (sums[inside] >> np.uint64(32)).astype(np.uint32)
    return hashes, bounds


def _rolling(hashes: Array, width: int) -> Array:
    """A mixed hash of each run of `width` words (Horner's rule, modulo 2**64)."""
    count = len(hashes) - width + 1
    sums = hashes[:count].copy()
    for place in range(1, width):
        sums *= np.uint64(_STEP)
        sums += hashes[place : place + count]
    return mix(sums)


def band_hashes(least: NDArray[np.uint32], bands: int, rows: int) -> NDArray[np.uint64]:
    """One 64-bit hash of each band's rows, shape (bands, n)."""
    split = least.reshape(len(least), bands, rows)
    hashes = np.repeat(np.arange(1, bands + 1, dtype=np.uint64)[:, None], len(least), axis=1)
    for row in range(rows):
        hashes = mix(hashes * np.uint64(_STEP) + split[:, :, row].T.astype(np.uint64))
    return hashes


def marks_of(least: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """The low 16 bits of a signature: what the estimate of a similarity needs, at half the size."""
    return (least & np.uint32(0xFFFF)).astype(np.uint16)


def similarity_of(left: Array, right: Array) -> NDArray[np.float64]:
    """Estimated Jaccard of each pair of marks: the share that agrees; standard error at most 0.5 / sqrt(hashes)."""
    agree: NDArray[np.float64] = (left == right).mean(axis=1)
    return agree
