"""Signals of the Gopher quality filter: Rae et al. 2021, arXiv 2112.11446, appendix A.1.1, "Quality Filtering".

Where the paper leaves a choice open (which lines count, what a word is), the choice is that of datatrove 0.10, whose
thresholds the field uses; words are split on white space. A ratio is NaN where there is nothing to divide by.
"""

import numpy as np
import numpy.typing as npt

from tilth.curate.signals.classes import ALPHABETIC, SYMBOL
from tilth.curate.signals.spans import Bools, Floats, Ints, Spans, hash_spans
from tilth.curate.signals.text import Texts

#: Gopher, appendix A.1.1: a text has at least two of these.
STOP_WORDS = (b"the", b"be", b"to", b"of", b"and", b"that", b"have", b"with")

_DOT, _DASH, _HASH = 0x2E, 0x2D, 0x23
_ELLIPSIS = (0xE2, 0x80, 0xA6)  # the character U+2026
_BULLET = (0xE2, 0x80, 0xA2)  # U+2022


def ratio(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Floats:
    """`part` / `whole`, NaN where `whole` is 0."""
    quotient: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole != 0)
    return quotient


def more_than_symbols(texts: Texts) -> Bools:
    """Which words have a character that is no punctuation, symbol or control character."""
    return texts.words_with(SYMBOL, without=True)


def word_count(texts: Texts) -> Ints:
    """Words that are more than symbols: those with a character that is no punctuation, symbol or control character.

    Source: Gopher A.1.1 (between 50 and 100,000 words); leaving out symbols follows datatrove's filter.
    """
    return texts.words.per_document(texts.once(more_than_symbols))


def mean_word_length(texts: Texts) -> Floats:
    """Mean characters of the words that `word_count` counts. Source: Gopher A.1.1 (mean length between 3 and 10)."""
    counted = texts.once(more_than_symbols)
    return ratio(texts.words.per_document(texts.word_lengths * counted), texts.words.per_document(counted))


def hash_word_ratio(texts: Texts) -> Floats:
    """Characters '#' a word. Source: Gopher A.1.1 (symbol-to-word ratio of the hash symbol)."""
    return ratio(texts.count_where(texts.bytes == _HASH), texts.words.count)


def ellipsis_word_ratio(texts: Texts) -> Floats:
    """Ellipses, three dots or the one character, a word. Source: Gopher A.1.1 (symbol-to-word ratio of the ellipsis).

    A run of dots holds a third of its length, rounded down, as str.count() has it.
    """
    dots = np.flatnonzero(texts.bytes == _DOT)
    document = np.searchsorted(texts.bounds, dots, side="right") - 1
    opens = np.ones(len(dots), np.bool_)
    opens[1:] = (dots[1:] != dots[:-1] + 1) | (document[1:] != document[:-1])
    heads = np.flatnonzero(opens)
    threes = np.diff(np.append(heads, len(dots))) // 3
    total = np.bincount(document[heads], weights=threes, minlength=len(texts)) if len(dots) else np.zeros(len(texts))
    if not texts.is_ascii:
        total = total + texts.count_at(texts.leads[_begins(texts, texts.leads, _ELLIPSIS)])
    return ratio(total, texts.words.count)


def bullet_line_share(texts: Texts) -> Floats:
    """Share of lines, empty ones too, that begin with a bullet or a hyphen behind white space.

    Source: Gopher A.1.1 (at most 90% of lines begin with a bullet point).
    """
    lines = texts.all_lines
    first, after = texts.words_in(lines)
    some = first < after
    at = texts.words.starts[first[some]]
    marked = np.zeros(len(first), np.bool_)
    marked[some] = (texts.buffer[at] == _DASH) | _begins(texts, at, _BULLET)
    return ratio(lines.per_document(marked), lines.count)


def ellipsis_line_share(texts: Texts) -> Floats:
    """Share of lines, empty ones too, that end with an ellipsis before white space.

    Source: Gopher A.1.1 (at most 30% of lines end with an ellipsis).
    """
    lines = texts.all_lines
    first, after = texts.words_in(lines)
    some = first < after
    last = after[some] - 1
    marked = np.zeros(len(first), np.bool_)
    marked[some] = ends_in_ellipsis(texts, texts.words.starts[last], texts.words.ends[last])
    return ratio(lines.per_document(marked), lines.count)


def alphabetic_word_share(texts: Texts) -> Floats:
    """Share of words with a letter. Source: Gopher A.1.1 (80% of words contain an alphabetic character)."""
    return ratio(texts.words.per_document(texts.words_with(ALPHABETIC)), texts.words.count)


def stop_word_count(texts: Texts) -> Ints:
    """How many of eight frequent English words occur, lower case only.

    Source: Gopher A.1.1 (at least two of: the, be, to, of, and, that, have, with).
    """
    joined = np.frombuffer(b"".join(STOP_WORDS) + bytes(8), np.uint8)
    ends = np.cumsum([len(word) for word in STOP_WORDS])
    starts = np.concatenate([[0], ends[:-1]])
    wanted = hash_spans(joined, Spans(starts=starts, ends=ends, first=np.array([0, len(ends)])))
    short = np.flatnonzero(texts.words.ends - texts.words.starts <= 4)
    hashes, document = texts.word_hashes[short], np.searchsorted(texts.words.first, short, side="right") - 1
    found = np.zeros(len(texts), np.int64)
    for stop_word in wanted:
        found[np.unique(document[hashes == stop_word])] += 1
    return found


def ends_in_ellipsis(texts: Texts, starts: Ints, ends: Ints, *, dots: bool = False) -> Bools:
    """Whether words end in three dots or, but with `dots`, in the character of them."""
    long = ends - starts >= 3
    found = long.copy()
    for step in (1, 2, 3):
        found &= texts.buffer[np.maximum(ends - step, 0)] == _DOT
    if dots:
        return found
    return found | (long & _begins(texts, np.maximum(ends - 3, 0), _ELLIPSIS))


def _begins(texts: Texts, places: Ints, character: tuple[int, int, int]) -> Bools:
    """Whether a character of three bytes begins at places."""
    first, second, third = character
    found: Bools = texts.buffer[places] == first
    if found.any():
        found &= (texts.buffer[places + 1] == second) & (texts.buffer[places + 2] == third)
    return found
