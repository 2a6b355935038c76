"""Signals that count characters, for Chinese and other scripts without spaces between words.

A mark is a character that is no white space. NaN where a text has none. Sources: Chen et al. 2023, "ChineseWebText",
arXiv 2311.01149, section 3 (length, share of Chinese characters, repeated 13-grams); where none is named, ours.
"""

import numpy as np

from tilth.curate.signals.classes import DIGIT, HAN, PUNCTUATION, TERMINAL
from tilth.curate.signals.fineweb import filled_lines
from tilth.curate.signals.gopher import ratio
from tilth.curate.signals.spans import Floats, Ints
from tilth.curate.signals.text import Texts

_STOP = 0x2E


def mark_count(texts: Texts) -> Ints:
    """Characters that are no white space. Source: ChineseWebText, section 3 (texts of fewer than 200 characters)."""
    return texts.marks.count


def han_share(texts: Texts) -> Floats:
    """Share of marks of the script Han. Source: ChineseWebText, section 3 (at least 30%)."""
    return ratio(texts.count_class(HAN), texts.marks.count)


def punctuation_share(texts: Texts) -> Floats:
    """Share of marks that are punctuation (Unicode category P)."""
    return ratio(texts.count_class(PUNCTUATION), texts.marks.count)


def digit_share(texts: Texts) -> Floats:
    """Share of marks that are decimal digits (Unicode category Nd)."""
    return ratio(texts.count_class(DIGIT), texts.marks.count)


def mean_line_characters(texts: Texts) -> Floats:
    """Mean marks of the lines that are not blank. Source: ChineseWebText, section 3 (at least 10 a line)."""
    return ratio(texts.marks.count, texts.once(filled_lines).count)


def mean_sentence_characters(texts: Texts) -> Floats:
    """Mean marks of a sentence; one ends at 。？！ and the like in any script, and at the end of a line without one.

    A full stop of ASCII ends none, as it stands in numbers and addresses.
    """
    lines = texts.once(filled_lines)
    ends = np.flatnonzero((texts.classes & np.uint8(TERMINAL) != 0) & (texts.bytes != _STOP))
    open_lines = lines.per_document(~texts.ends_with(TERMINAL, lines))
    return ratio(texts.marks.count, texts.count_at(ends) + open_lines)


def top_character_ngram_share(texts: Texts, n: int) -> Floats:
    """Share of marks in the most frequent n-gram of marks: Gopher's table A1 with characters for words."""
    return ratio(texts.mark_ngrams.top_characters(n, joined_by=0), texts.marks.count)


def duplicate_character_ngram_share(texts: Texts, n: int) -> Floats:
    """Share of marks in n-grams of marks that occurred before, overlapping ones counted once.

    Source: ChineseWebText, section 3 (13-grams, at most 50%); counted as in Gopher's table A1.
    """
    return ratio(texts.mark_ngrams.duplicate_characters(n), texts.marks.count)
