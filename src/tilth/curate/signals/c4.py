"""Signals of C4, and its removal of lines: Raffel et al. 2020, JMLR 21 (140), section 2.2.

Lines are those of str.splitlines(), white space at both ends taken off. C4 looks at each line in an order: a line that
an earlier test removed is not looked at by a later one. What the paper does not say (words of more than 1,000
characters, policy lines, citations) is from the code its authors published: tensorflow/datasets, text/c4_utils.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from tilth.curate.signals.classes import ALPHABETIC
from tilth.curate.signals.gopher import ends_in_ellipsis, ratio
from tilth.curate.signals.spans import Bools, Floats, Hashes, Ints, Spans, hash_spans
from tilth.curate.signals.text import Texts, of_series

#: C4 2.2: a retained line ends in one of these; the code adds the single quote.
TERMINAL_MARKS = b".?!\"'"
MIN_WORDS = 3  # C4 2.2: a retained line has at least 3 words
MAX_WORD = 1000  # c4_utils.py: characters
LOREM_IPSUM = (b"lorem ipsum",)
JAVASCRIPT = (b"javascript",)
#: c4_utils.py: phrases of boilerplate about policies.
POLICY = (b"terms of use", b"privacy policy", b"cookie policy", b"uses cookies", b"use of cookies", b"use cookies")
#: References as Wikipedia prints them. Linear: no repeat inside a repeat.
CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")

#: English words that end with a full stop inside a sentence; one letter and a stop never ends one.
ABBREVIATIONS = (
    *(
        "Mr.",
        "Mrs.",
        "Ms.",
        "Dr.",
        "Prof.",
        "Rev.",
        "Sen.",
        "Rep.",
        "Gov.",
        "Gen.",
        "Adm.",
        "Capt.",
        "Col.",
        "Lt.",
        "Sgt.",
    ),
    *(
        "St.",
        "Jr.",
        "Sr.",
        "Inc.",
        "Ltd.",
        "Co.",
        "Corp.",
        "Bros.",
        "vs.",
        "cf.",
        "al.",
        "Fig.",
        "Eq.",
        "Vol.",
        "Ph.D.",
    ),
    *("Jan.", "Feb.", "Mar.", "Apr.", "Jun.", "Jul.", "Aug.", "Sep.", "Sept.", "Oct.", "Nov.", "Dec."),
)

#: Characters whose lines are cut together.
_PIECE = 1 << 20
_CURLY, _STOP, _BRACKET = 0x7B, 0x2E, 0x5D
_ENDS = np.zeros(256, np.bool_)
_ENDS[list(TERMINAL_MARKS)] = True
_SENTENCE = np.zeros(256, np.bool_)
_SENTENCE[list(b".?!")] = True
_CLOSING = np.zeros(256, np.bool_)
_CLOSING[list(b"\"')]")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a slice, stripped, and which tests they fail. `first`, `after`: the words of each line."""

    spans: Spans
    first: Ints
    after: Ints
    long_word: Bools
    no_mark: Bools
    few_words: Bools
    lorem_ipsum: Bools
    javascript: Bools
    curly: Bools
    policy: Bools

    @property
    def read(self) -> Bools:
        """Lines that pass the tests of form, so that their words are looked at."""
        return ~(self.long_word | self.no_mark | self.few_words)

    @property
    def kept(self) -> Bools:
        """Lines that C4 keeps, where it keeps the document."""
        return self.read & ~self.javascript & ~self.policy


def lines_of(texts: Texts) -> Lines:
    """All tests on all lines of a slice."""
    spans = _stripped(texts)
    first, after = texts.words_in(spans)
    return Lines(
        spans=spans,
        first=first,
        after=after,
        long_word=_long_word(texts, spans),
        no_mark=~_ends_in_mark(texts, spans, first, after),
        few_words=after - first < MIN_WORDS,
        lorem_ipsum=_has(texts, spans, LOREM_IPSUM),
        javascript=_has(texts, spans, JAVASCRIPT),
        curly=_at(spans, np.flatnonzero(texts.bytes == _CURLY)),
        policy=_has(texts, spans, POLICY),
    )


def terminal_line_share(texts: Texts) -> Floats:
    """Share of lines, empty ones too, that end in . ? ! or a quotation mark and in no ellipsis. Source: C4 2.2."""
    lines = texts.once(lines_of)
    return ratio(lines.spans.per_document(~lines.no_mark), lines.spans.count)


def few_word_line_share(texts: Texts) -> Floats:
    """Share of lines, empty ones too, of fewer than 3 words. Source: C4 2.2."""
    lines = texts.once(lines_of)
    return ratio(lines.spans.per_document(lines.few_words), lines.spans.count)


def words_per_line(texts: Texts) -> Floats:
    """Mean words of the lines that have any. Source: C4 2.2 tests each line; the mean is ours."""
    lines = texts.once(lines_of)
    return ratio(texts.words.count, lines.spans.per_document(lines.after > lines.first))


def javascript_line_count(texts: Texts) -> Ints:
    """Lines with the word JavaScript, in any case. Source: C4 2.2."""
    lines = texts.once(lines_of)
    return lines.spans.per_document(lines.javascript)


def policy_line_count(texts: Texts) -> Ints:
    """Lines that speak of terms of use, of a privacy policy or of cookies. Source: c4_utils.py."""
    lines = texts.once(lines_of)
    return lines.spans.per_document(lines.policy)


def lorem_ipsum_line_count(texts: Texts) -> Ints:
    """Lines with "lorem ipsum", in any case, among those that pass the tests of form. Source: C4 2.2."""
    lines = texts.once(lines_of)
    return lines.spans.per_document(lines.read & lines.lorem_ipsum)


def curly_bracket_line_count(texts: Texts) -> Ints:
    """Lines with an opening curly bracket among those that pass the tests of form and of JavaScript. Source: C4 2.2."""
    lines = texts.once(lines_of)
    return lines.spans.per_document(lines.read & ~lines.javascript & lines.curly)


def c4_line_share(texts: Texts) -> Floats:
    """Share of lines that hold a word and that C4 keeps. Source: C4 2.2, all tests on lines together."""
    lines = texts.once(lines_of)
    return ratio(lines.spans.per_document(lines.kept), lines.spans.per_document(lines.after > lines.first))


def c4_sentence_count(texts: Texts) -> Ints:
    """Sentences in the lines that C4 keeps: each line's end is one, and each word in it that ends in . ? or !

    A word that ends in several dots, single letters with stops (J., U.S., e.g.) and `ABBREVIATIONS` end none; closing
    quotes and brackets do not count. Source: C4 2.2 (at least 5 sentences).
    """
    lines = texts.once(lines_of)
    ends = np.zeros(len(texts.words.starts) + 1, np.int32)
    np.cumsum(_ends_sentence(texts), dtype=np.int32, out=ends[1:])
    kept = np.flatnonzero(lines.kept)
    counts = np.zeros(len(lines.first), np.int64)
    counts[kept] = 1 + ends[lines.after[kept] - 1] - ends[lines.first[kept]]
    return lines.spans.per_document(counts)


def kept_text(text: str) -> str:
    """A text cut down to the lines that C4 keeps, without references: what C4's own text is.

    Piece by piece, since every line is judged by itself. A loop over the lines that are kept, as they have to become
    strings.
    """
    cut: list[str] = []
    for piece in _pieces(text):
        texts = of_series(pl.Series([piece]))
        lines = texts.once(lines_of)
        kept = lines.spans.where(lines.kept)
        spans = zip(kept.starts.tolist(), kept.ends.tolist(), strict=True)
        cut += [CITATION.sub("", texts.bytes[start:end].tobytes().decode()) for start, end in spans]
    return "\n".join(cut).strip()


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces of whole lines, of about `_PIECE` characters where its lines are shorter."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def _stripped(texts: Texts) -> Spans:
    """The lines without white space at their ends; a blank one is empty."""
    lines = texts.all_lines
    first, after = texts.words_in(lines)
    some = first < after
    starts, ends = lines.starts.copy(), lines.starts.copy()
    starts[some] = texts.words.starts[first[some]]
    ends[some] = texts.words.ends[after[some] - 1]
    return Spans(starts=starts, ends=ends, first=lines.first)


def _long_word(texts: Texts, spans: Spans) -> Bools:
    return _at(spans, texts.words.starts[texts.word_lengths > MAX_WORD])


def _ends_in_mark(texts: Texts, spans: Spans, first: Ints, after: Ints) -> Bools:
    some = np.flatnonzero(first < after)
    ends = spans.ends[some]
    last = after[some] - 1
    marked = np.zeros(len(first), np.bool_)
    marked[some] = _ENDS[texts.buffer[ends - 1]] & ~ends_in_ellipsis(texts, texts.words.starts[last], ends, dots=True)
    bracketed = some[texts.buffer[ends - 1] == _BRACKET]
    bracketed = bracketed[(after - first)[bracketed] >= MIN_WORDS]
    for line in bracketed.tolist():  # few lines end in a bracket, and a reference may stand behind the mark
        shown = texts.bytes[max(spans.starts[line], spans.ends[line] - 4 * MAX_WORD) : spans.ends[line]].tobytes()
        text = CITATION.sub("", shown.decode(errors="ignore"))
        marked[line] = text.endswith(tuple(chr(mark) for mark in TERMINAL_MARKS)) and not text.endswith("...")
    return marked


def _ends_sentence(texts: Texts) -> Bools:
    """Which words end a sentence."""
    words = texts.words
    at = words.ends - 1
    for _ in range(2):  # a quote and a bracket
        at = np.where(_CLOSING[texts.buffer[at]] & (at > words.starts), at - 1, at)
    found = _SENTENCE[texts.buffer[at]]
    which = np.flatnonzero(found & (texts.buffer[at] == _STOP))
    places, starts = at[which], words.starts[which]
    stops = np.flatnonzero(texts.bytes == _STOP)
    inner = np.searchsorted(stops, places) - np.searchsorted(stops, starts)
    # J. or U.S. or e.g.: single letters, each with its stop
    letters = (texts.characters(starts, places) == 2 * inner + 1) & (texts.classes[starts] & np.uint8(ALPHABETIC) != 0)
    dots = (places > starts) & (texts.buffer[np.maximum(places - 1, 0)] == _STOP)
    # by hash: words that are an abbreviation and nothing else
    abbreviated = np.isin(texts.word_hashes[which], _abbreviations())
    found[which] &= ~(letters | abbreviated | dots)
    return found


@cache
def _abbreviations() -> Hashes:
    joined = np.frombuffer("".join(ABBREVIATIONS).encode() + bytes(8), np.uint8)
    ends = np.cumsum([len(word) for word in ABBREVIATIONS])
    starts = np.concatenate([[0], ends[:-1]])
    return hash_spans(joined, Spans(starts=starts, ends=ends, first=np.array([0, len(ends)])))


def _has(texts: Texts, spans: Spans, phrases: Sequence[bytes]) -> Bools:
    """Which spans hold one of `phrases`, in any case of ASCII letters."""
    lowered = texts.once(_lowered)
    found = np.zeros(len(spans.starts), np.bool_)
    for phrase in phrases:
        places, place = [], lowered.find(phrase)
        while place >= 0:
            places.append(place)
            place = lowered.find(phrase, place + len(phrase))
        if places:
            found |= _at(spans, np.asarray(places), len(phrase))
    return found


def _lowered(texts: Texts) -> bytes:
    return texts.bytes.tobytes().lower()


def _at(spans: Spans, places: Ints, length: int = 1) -> Bools:
    """Which spans hold one of `places`, with `length` bytes from there."""
    found = np.zeros(len(spans.starts), np.bool_)
    if len(found):
        index = np.searchsorted(spans.starts, places, side="right") - 1
        index, places = index[index >= 0], places[index >= 0]
        found[index[places + length <= spans.ends[index]]] = True
    return found
