"""Lines or paragraphs of a column of text, each with its place, its letters and a hash of them.

Two units are the same where their letters and digits are, case, diacritics, punctuation and white space aside and every
digit read as 0, as in CCNet (Wenzek et al. 2020, arXiv:1911.00359, section 3.1).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.curate.exact.runs import Array
from tilth.curate.near.codepoints import LETTER, UNSPACED, Table, table
from tilth.curate.near.pieces import Piece, pieces
from tilth.curate.near.tokens import span_hashes

_NEWLINE = 10
_BLANK = (9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x2028, 0x2029, 0x3000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Units with a letter, in order; `start` and `end` count characters of their document."""

    document: NDArray[np.int64]  # row in the column
    start: NDArray[np.int64]
    end: NDArray[np.int64]  # the newline, and blank lines after a paragraph, belong to the unit
    letters: NDArray[np.int64]  # letters and digits
    hashes: NDArray[np.uint64]


def units_of(texts: pl.Series, unit: Literal["line", "paragraph"]) -> Units:
    """All units of a column. A line beyond 262,144 bytes counts as several. Memory: 40 bytes a unit and a copy."""
    lookup = table(True)
    found: list[tuple[Array, ...]] = [tuple(np.zeros(0, dtype=kind) for kind in ("i8", "i8", "i8", "i8", "u8"))]
    passed = 0  # characters of this document in earlier pieces
    for piece in pieces(texts):
        passed = passed if piece.continued else 0
        found.append(_of_piece(piece, unit, lookup, passed))
        passed += len(piece.codes)
    document, start, end, letters, hashes = (np.concatenate(column) for column in zip(*found, strict=True))
    return Units(document=document, start=start, end=end, letters=letters, hashes=hashes)


def _of_piece(piece: Piece, unit: str, lookup: Table, passed: int) -> tuple[Array, ...]:
    """document, start, end, letters, hash."""
    starts, ends = _lines(piece)
    if unit == "paragraph":
        starts, ends = _paragraphs(piece, starts, ends)
    kind = lookup.kind[piece.codes]
    letter = (kind == LETTER) | (kind == UNSPACED)
    before = np.concatenate(([0], np.cumsum(letter)))
    low, high = before[starts], before[ends]
    full = high > low
    starts, ends, low, high = starts[full], ends[full], low[full], high[full]
    hashes = span_hashes(piece.codes[letter], lookup, low, high)
    place = np.searchsorted(piece.bounds, starts, side="right") - 1
    origin = piece.bounds[place] - passed
    return piece.first + place, starts - origin, ends - origin, high - low, hashes


def _lines(piece: Piece) -> tuple[Array, Array]:
    """Bounds of all lines, the newline included; no line crosses a document's bound."""
    edge = np.zeros(len(piece.codes) + 1, dtype=np.bool_)
    edge[1:] = piece.codes == _NEWLINE
    edge[piece.bounds] = True
    edges = np.flatnonzero(edge)
    return edges[:-1], edges[1:]


def _paragraphs(piece: Piece, starts: Array, ends: Array) -> tuple[Array, Array]:
    """Runs of lines that are not blank, with the blank lines behind them."""
    seen = np.concatenate(([0], np.cumsum(~np.isin(piece.codes, _BLANK))))
    filled = seen[ends] > seen[starts]
    limit = np.zeros(len(piece.codes) + 1, dtype=np.bool_)
    limit[piece.bounds] = True
    opens = filled.copy()
    opens[1:] &= ~filled[:-1] | limit[starts[1:]]
    heads = starts[opens]
    limit[heads] = True  # a paragraph ends at the next, or with its document
    limits = np.flatnonzero(limit)
    return heads, limits[np.searchsorted(limits, heads, side="right")]
