"""Signals of the FineWeb filters: Penedo et al. 2024, arXiv 2406.17557, section 3.6.

Lines are what lies between line feeds and is not blank. NaN where there is no such line.
"""

import numpy as np

from tilth.curate.signals.classes import TERMINAL
from tilth.curate.signals.gopher import ratio
from tilth.curate.signals.spans import Floats, Ints, Spans
from tilth.curate.signals.text import Texts

#: FineWeb 3.6: a line of at most so many characters is short.
SHORT_LINE = 30


def filled_lines(texts: Texts) -> Spans:
    """The lines that are not blank."""
    return texts.lines.where(~texts.line_is_blank)


def line_count(texts: Texts) -> Ints:
    """Lines that are not blank. Source: FineWeb 3.6, whose shares are of these lines."""
    return texts.once(filled_lines).count


def punctuated_line_share(texts: Texts) -> Floats:
    """Share of lines whose last character ends a sentence in some script; white space at the end of a line hides it.

    Source: FineWeb 3.6 (fraction of lines ending with punctuation at most 0.12 is dropped).
    """
    lines = texts.once(filled_lines)
    return ratio(lines.per_document(texts.ends_with(TERMINAL, lines)), lines.count)


def short_line_share(texts: Texts) -> Floats:
    """Share of lines of at most 30 characters. Source: FineWeb 3.6 (at least 0.67 is dropped)."""
    lines = texts.once(filled_lines)
    short = texts.characters(lines.starts, lines.ends) <= SHORT_LINE
    return ratio(lines.per_document(short), lines.count)


def repeated_line_character_share(texts: Texts) -> Floats:
    """Share of characters, line feeds aside, in lines that occurred before.

    Source: FineWeb 3.6 (fraction of characters in duplicated lines at least 0.01 is dropped).
    """
    places = texts.line_repeats.again
    places = places[~texts.line_is_blank[places]]
    again = np.zeros(len(texts.lines.starts), np.int64)
    again[places] = texts.characters(texts.lines.starts[places], texts.lines.ends[places])
    whole = np.where(texts.once(filled_lines).count > 0, texts.character_count - (texts.lines.count - 1), 0)
    return ratio(texts.lines.per_document(again), whole)


def newline_word_ratio(texts: Texts) -> Floats:
    """Line feeds a word: high for lists.

    Source: the FineWeb code, datatrove's FineWebQualityFilter (above 0.3 is dropped); the paper does not name it.
    """
    return ratio(texts.lines.count - 1, texts.words.count)
