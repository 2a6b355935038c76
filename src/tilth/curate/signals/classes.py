"""What kind of character each code point is, as bits in one table, and the same table for the bytes of UTF-8.

The properties are Unicode's, taken from the regular-expression engine of Polars, so they do not change with the version
of Python. Building the table costs about 60 ms once a process, and only where a text is not plain ASCII.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

SPACE = 1  # what str.split() splits at
BREAK = 2  # what str.splitlines() breaks at
ALPHABETIC = 4  # general category L, as str.isalpha()
SYMBOL = 8  # punctuation, symbols and control characters: categories P, S and Cc
PUNCTUATION = 16  # category P
TERMINAL = 32  # property Sentence_Terminal (Unicode Standard Annex 29): . ? ! and their relatives in other scripts
HAN = 64  # script Han
DIGIT = 128  # category Nd

#: One past the last code point looked at: CJK extension H ends below it, and beyond are only tags and private use.
LIMIT = 0x32400

_PROPERTIES = {
    ALPHABETIC: r"\p{L}",
    SYMBOL: r"[\p{P}\p{S}\p{Cc}]",
    PUNCTUATION: r"\p{P}",
    TERMINAL: r"\p{Sentence_Terminal}",
    HAN: r"\p{Han}",
    DIGIT: r"\p{Nd}",
}
_BREAKS = (0x0A, 0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029)
_SPACES = (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B))
_SPACES_ABOVE = (0x2028, 0x2029, 0x202F, 0x205F, 0x3000)

Classes = npt.NDArray[np.uint8]


def _classify(limit: int) -> Classes:
    """The class bits of the code points below `limit`; unpaired surrogates, which UTF-8 cannot hold, have none."""
    points = [point for point in range(limit) if not 0xD800 <= point <= 0xDFFF]
    characters = pl.Series([chr(point) for point in points])
    table = np.zeros(limit, np.uint8)
    where = np.asarray(points)
    for bit, pattern in _PROPERTIES.items():
        table[where[characters.str.contains(pattern).to_numpy()]] |= np.uint8(bit)
    for bit, listed in ((SPACE, (*_SPACES, *_SPACES_ABOVE)), (BREAK, _BREAKS)):
        table[[point for point in listed if point < limit]] |= np.uint8(bit)
    return table


@cache
def code_point_classes() -> Classes:
    """Class bits by code point, `LIMIT` entries."""
    return _classify(LIMIT)


@cache
def byte_classes() -> Classes:
    """Class bits by byte: those of ASCII, and none for the bytes of longer sequences. 256 entries."""
    return np.concatenate([_classify(128), np.zeros(128, np.uint8)])
