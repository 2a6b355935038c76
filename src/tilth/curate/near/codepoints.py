"""Code points: which are parts of words, and the number that stands for each in a hash.

The tables come from the Unicode 3.2 database that every Python carries unchanged, and characters are mixed with integer
arithmetic of our own, so that a hash is the same on every machine and in every version. Characters younger than
Unicode 3.2 count as letters without case.

Folding is that of FineWeb's deduplication (datatrove's default text normalisation): case, punctuation and diacritics
do not count, and with `fold_numbers` every digit is 0.
"""

from dataclasses import dataclass
from functools import cache
from unicodedata import ucd_3_2_0

import numpy as np
from numpy.typing import NDArray

from tilth.curate.exact.runs import Array

SEPARATOR, LETTER, UNSPACED, IGNORED = 0, 1, 2, 3  # UNSPACED: a letter of a script without spaces between words
_LIMIT = 0x110000

#: Scripts written without spaces between words (Unicode blocks): Thai and Lao, Burmese, Khmer, kana, Han.
_UNSPACED = (
    (0x0E01, 0x0EDF),
    (0x1000, 0x109F),
    (0x1780, 0x17DD),
    (0x3041, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)

#: Left out before words are cut: soft hyphen, diacritics, zero-width and direction marks, variation selectors.
_IGNORED = ((0xAD, 0xAD), (0x300, 0x36F), (0x200B, 0x200F), (0x2060, 0x2064), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Lookups by code point: kind, and value (0 for what is no part of a word)."""

    kind: NDArray[np.uint8]
    value: NDArray[np.uint64]


def mix(values: Array) -> Array:
    """Spread 64-bit values over all bits, in place: the finaliser of SplitMix64 (Steele et al., OOPSLA 2014)."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


@cache
def table(fold_numbers: bool) -> Table:
    """The lookups: 10 MB, made once a process in about 0.1 s."""
    kind = np.full(_LIMIT, LETTER, dtype=np.uint8)
    folded = np.arange(_LIMIT, dtype=np.uint64)
    for low, high in _UNSPACED:
        kind[low : high + 1] = UNSPACED
    ignored = {code for low, high in _IGNORED for code in range(low, high + 1)}
    for code in range(0x10000):  # the plane that has case, punctuation and diacritics
        character = chr(code)
        category = ucd_3_2_0.category(character)
        if category == "Cf" or code in ignored:
            kind[code] = IGNORED
        elif category[0] in "ZPS" or category == "Cc":
            kind[code] = SEPARATOR
        elif category == "Nd" and fold_numbers:
            folded[code] = ord("0")
        elif category[0] in "LN":
            folded[code] = _fold(character)
    value = mix((folded + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    value[(kind == SEPARATOR) | (kind == IGNORED)] = 0
    return Table(kind=kind, value=value)


def _fold(character: str) -> int:
    """The code point of the character without case and diacritics, where that is one character."""
    plain = [part for part in ucd_3_2_0.normalize("NFKD", character) if not 0x300 <= ord(part) <= 0x36F]
    lower = (plain[0] if len(plain) == 1 else character).lower()
    return ord(lower) if len(lower) == 1 else ord(character)
