"""Hashed n-grams of words, characters and ideographs, over whole columns of text.

All texts of a chunk are laid end to end as code points, and prefix sums of a polynomial hash give the hash of any
stretch in constant time, so every n-gram costs a few array operations and no Python loop. Guarantees: the same text
gives the same n-grams in every process, whatever stands beside it; cost is linear in the characters whatever they are.
Costs about 0.1 s a MB of text with the default settings, and 40 times the characters of a chunk in memory.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Raise it when the same text would give other n-grams; a model of another version is refused.
VERSION = 1

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64; the golden ratio's bits
_INVERSE = pow(_BASE, -1, 1 << 64)
_PLANE = 65536  # the basic plane; what lies beyond is taken as it is
_SPACE, _WORD, _IDEOGRAPH, _SIGN = 0, 1, 2, 3
#: Characters worked on at a time, by which memory is bounded (about 60 MB).
CHUNK_CHARS = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grams:
    """Which n-grams are taken. Digits all count as 0, letters in lower case, wide forms as narrow ones (NFKC)."""

    words: tuple[int, ...] = (1, 2)  # words, signs and single ideographs in a row
    characters: tuple[int, ...] = (3, 4, 5)  # inside a word with its two neighbours
    ideographs: tuple[int, ...] = (3,)  # in a row; runs of 1 and 2 are among the words
    bits: int = 18  # 2**bits columns
    max_chars: int = 20_000  # read from the start of each text; what follows rarely changes a topic or a quality


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each n-gram stands in each text, by text and column: rows x 2**bits, sparse (CSR)."""

    indptr: Numbers
    columns: Numbers
    counts: Numbers


def count_grams(texts: Sequence[str], grams: Grams) -> Counts:
    """The n-grams of each text. Texts may be empty, of control characters or with unpaired surrogates."""
    cut = [text[: grams.max_chars] for text in texts]
    parts = [_count_chunk(cut[start:stop], grams) for start, stop in chunks([len(text) for text in cut])]
    if not parts:
        return Counts(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    sizes = np.concatenate([np.diff(part.indptr) for part in parts])
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    columns = np.concatenate([part.columns for part in parts])
    return Counts(indptr, columns, np.concatenate([part.counts for part in parts]))


def chunks(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Ranges of texts that hold at most `CHUNK_CHARS` characters each, or one text."""
    ranges, start, total = [], 0, 0
    for at, length in enumerate(lengths):
        if at > start and total + length > CHUNK_CHARS:
            ranges.append((start, at))
            start, total = at, 0
        total += length + 2
    return [*ranges, (start, len(lengths))] if len(lengths) > start else ranges


def _count_chunk(texts: Sequence[str], grams: Grams) -> Counts:
    lay = _lay_out(texts)
    pieces = [
        *(_word_grams(lay, length) for length in grams.words),
        *(_character_grams(lay, length) for length in grams.characters),
        *(_ideograph_grams(lay, length) for length in grams.ideographs),
    ]
    rows = np.concatenate([row for row, _ in pieces]).astype(np.uint64)
    hashes = np.concatenate([found for _, found in pieces])
    bits = np.uint64(grams.bits)
    keys = (rows << bits) | (hashes >> np.uint64(64 - grams.bits))
    keys.sort()
    first = np.flatnonzero(np.diff(keys, prepend=~keys[:1]) != 0)
    counts = np.diff(np.append(first, len(keys)))
    keys = keys[first]
    indptr = np.searchsorted(keys >> bits, np.arange(len(texts) + 1, dtype=np.uint64))
    return Counts(indptr.astype(np.int64), (keys & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64), counts)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The code points of a chunk: which text each is of, its kind, and what hashes of stretches are made from."""

    rows: Numbers
    kinds: NDArray[np.uint8]
    prefix: Words  # prefix[i]: sum of value[j] * base**j over j < i, modulo 2**64
    inverse: Words  # base**-i

    def stretch(self, start: Numbers, stop: Numbers, salt: int) -> Words:
        """The hash of characters start to stop - 1; `salt` keeps the families of n-grams apart."""
        found: Words = _mix((self.prefix[stop] - self.prefix[start]) * self.inverse[start] + np.uint64(salt))
        return found


def _lay_out(texts: Sequence[str]) -> _Layout:
    joined = "".join([f"\n{text}\n" for text in texts])
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    rows = np.repeat(np.arange(len(texts)), [len(text) + 2 for text in texts])
    values, kinds = _tables()
    low = np.minimum(points, _PLANE - 1)
    beyond = points >= _PLANE
    value, kind = values[low], kinds[low]
    if beyond.any():
        # planes 2 and 3 hold ideographs only; plane 1 scripts, emoji and mathematical letters, taken as signs
        value = np.where(beyond, _mix(points.astype(np.uint64) + np.uint64(1)), value)
        kind = np.where(beyond, np.where(points >= 0x20000, _IDEOGRAPH, _SIGN).astype(np.uint8), kind)
    powers, inverse = _powers(1 << max(10, len(points).bit_length()))
    prefix = np.zeros(len(points) + 1, np.uint64)
    np.cumsum(value * powers[: len(points)], out=prefix[1:], dtype=np.uint64)
    return _Layout(rows, kind, prefix, inverse)


def _word_grams(lay: _Layout, length: int) -> tuple[Numbers, Words]:
    """Runs of `length` tokens: a word, a number, a sign or an ideograph is one token."""
    word = lay.kinds == _WORD
    start = np.flatnonzero((word & ~np.append(False, word[:-1])) | (lay.kinds >= _IDEOGRAPH))
    stop = np.flatnonzero((word & ~np.append(word[1:], False)) | (lay.kinds >= _IDEOGRAPH)) + 1
    tokens, rows = lay.stretch(start, stop, 1), lay.rows[start]
    count = max(0, len(tokens) - length + 1)
    found = tokens[:count]
    for step in range(1, length):
        found = _mix(found * np.uint64(31) + tokens[step : step + count])
    inside = rows[:count] == rows[length - 1 : length - 1 + count]
    return rows[:count][inside], found[inside]


def _character_grams(lay: _Layout, length: int) -> tuple[Numbers, Words]:
    """Windows of `length` characters: all of a word but for the first and last, which may be its neighbours."""
    starts = np.arange(max(0, len(lay.rows) - length + 1))
    outside = np.append(0, np.cumsum(lay.kinds != _WORD))
    inner = outside[starts + length - 1] == outside[starts + 1]
    starts = starts[inner & (lay.rows[starts] == lay.rows[starts + length - 1])]
    return lay.rows[starts], lay.stretch(starts, starts + length, 1000 + length)


def _ideograph_grams(lay: _Layout, length: int) -> tuple[Numbers, Words]:
    """Windows of `length` ideographs in a row; a text begins and ends with a line break, so none crosses texts."""
    starts = np.arange(max(0, len(lay.rows) - length + 1))
    outside = np.append(0, np.cumsum(lay.kinds != _IDEOGRAPH))
    starts = starts[outside[starts + length] == outside[starts]]
    return lay.rows[starts], lay.stretch(starts, starts + length, 2000 + length)


def _mix(value: Words) -> Words:
    """Spread every bit over all bits: the finaliser of MurmurHash3 (Appleby, public domain)."""
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    value = (value ^ (value >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@cache
def _tables() -> tuple[Words, NDArray[np.uint8]]:
    """For each code point of the basic plane: a random value of its folded form, and its kind. Made once, in 60 ms."""
    folded = np.arange(_PLANE, dtype=np.uint64)
    kinds = np.zeros(_PLANE, np.uint8)
    for point in range(_PLANE):
        if 0xD800 <= point < 0xE000:  # surrogates stand alone for nothing
            kinds[point] = _SIGN
            continue
        sign = unicodedata.normalize("NFKC", chr(point)).lower()
        sign = sign if len(sign) == 1 else chr(point)
        folded[point], kinds[point] = _fold(sign)
    return _mix(folded + np.uint64(1)), kinds


def _fold(sign: str) -> tuple[int, int]:
    category = unicodedata.category(sign)
    point = ord(sign)
    if category == "Nd":
        return ord("0"), _WORD
    if category[0] in "LMN":
        # CJK radicals to Yi, and compatibility ideographs: scripts written without spaces
        return point, _IDEOGRAPH if 0x2E80 <= point < 0xA4D0 or 0xF900 <= point < 0xFB00 else _WORD
    return point, _SPACE if category[0] == "Z" or category in ("Cc", "Cf") else _SIGN


@cache
def _powers(count: int) -> tuple[Words, Words]:
    """base**i and base**-i for i < count, modulo 2**64."""
    powers = np.full(count, _BASE, np.uint64)
    inverse = np.full(count, _INVERSE, np.uint64)
    powers[0] = inverse[0] = 1
    return np.cumprod(powers, dtype=np.uint64), np.cumprod(inverse, dtype=np.uint64)
