"""Signals of the Gopher repetition filter: Rae et al. 2021, arXiv 2112.11446, appendix A.1.1, table A1.

All shares of characters are of the whole text's characters, white space too. What occurs again counts, its first
occurrence does not. NaN for an empty text.
"""

import numpy as np

from tilth.curate.signals.gopher import ratio
from tilth.curate.signals.repeats import Repeats
from tilth.curate.signals.spans import Floats, Ints, Spans
from tilth.curate.signals.text import Texts


def character_count(texts: Texts) -> Ints:
    """Characters (code points), white space too."""
    return texts.character_count


def duplicate_line_share(texts: Texts) -> Floats:
    """Share of lines that occurred before in the text.

    Source: Gopher table A1 (duplicate line fraction 0.30). Lines are what lies between runs of line feeds; the empty
    pieces before a first and behind a last line feed count as lines, as in datatrove.
    """
    again, _ = _again(texts, texts.lines, texts.line_repeats)
    filled = texts.lines.per_document(texts.lines.starts < texts.lines.ends)
    edges = _edges(texts)
    return ratio(again + (edges == 2), np.where(texts.character_count > 0, filled + edges, 0))


def duplicate_line_character_share(texts: Texts) -> Floats:
    """Share of characters in lines that occurred before. Source: Gopher table A1 (0.20)."""
    return ratio(_again(texts, texts.lines, texts.line_repeats)[1], texts.character_count)


def duplicate_paragraph_share(texts: Texts) -> Floats:
    """Share of paragraphs that occurred before; two line feeds or more part them.

    Source: Gopher table A1 (duplicate paragraph fraction 0.30).
    """
    again, _ = _again(texts, texts.paragraphs, texts.paragraph_repeats)
    return ratio(again, np.where(texts.character_count > 0, texts.paragraphs.count, 0))


def duplicate_paragraph_character_share(texts: Texts) -> Floats:
    """Share of characters in paragraphs that occurred before. Source: Gopher table A1 (0.20)."""
    return ratio(_again(texts, texts.paragraphs, texts.paragraph_repeats)[1], texts.character_count)


def top_ngram_character_share(texts: Texts, n: int) -> Floats:
    """Share of characters in the most frequent n-gram of words, one space between two words.

    Source: Gopher table A1 (0.20, 0.18 and 0.16 for n of 2, 3 and 4). Of equally frequent ones the first counts.
    """
    return ratio(texts.word_ngrams.top_characters(n, joined_by=1), texts.character_count)


def duplicate_ngram_character_share(texts: Texts, n: int) -> Floats:
    """Share of characters in n-grams of words that occurred before, overlapping ones counted once, without spaces.

    Source: Gopher table A1 (0.15 to 0.10 for n from 5 to 10). Read from the left: behind an n-gram that counts the next
    may begin. datatrove forgets n-grams that begin inside one that counted, so on very repetitive texts it counts a
    little less.
    """
    return ratio(texts.word_ngrams.duplicate_characters(n), texts.character_count)


def _again(texts: Texts, spans: Spans, repeated: Repeats) -> tuple[Ints, Ints]:
    """Spans of each document that are not empty and occurred before: how many, and their characters."""
    places = repeated.again
    places = places[spans.starts[places] < spans.ends[places]]
    mask = np.zeros(len(spans.starts), np.int64)
    mask[places] = 1
    count = spans.per_document(mask)
    mask[places] = texts.characters(spans.starts[places], spans.ends[places])
    return count, spans.per_document(mask)


def _edges(texts: Texts) -> Ints:
    """How many of the two ends of each text are a line feed; 2 for a text of line feeds only."""
    lines = texts.lines
    head, tail = lines.first[:-1], lines.first[1:] - 1
    parted = lines.count > 1
    begins = (lines.starts[head] == lines.ends[head]) & parted
    ends = (lines.starts[tail] == lines.ends[tail]) & parted
    edges: Ints = begins.astype(np.int64) + ends
    return edges
