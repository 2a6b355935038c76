"""One slice of documents as columns: bytes, characters, words, lines. Each is made when first asked for, and once.

Cost, on English text: about 8 ns a byte for words and their lengths, 12 with hashes. Memory: up to about 40 bytes for
each byte of the slice where every word is one letter, 10 on ordinary text; `measure` keeps slices small.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tilth.curate.signals.classes import BREAK, LIMIT, SPACE, byte_classes, code_point_classes
from tilth.curate.signals.repeats import Ngrams, Repeats, looked_at, repeats
from tilth.curate.signals.spans import PADDING, Bools, Bytes, Hashes, Ints, Spans, between, hash_spans, mix

T = TypeVar("T")

_NEWLINE = 0x0A
_RETURN = 0x0D


class Texts:
    """The texts of a slice.

    `series`: the column; `bad_words`: an expression for the words of the user's list; `buffer`: their UTF-8 bytes
    one behind the other, and `PADDING` zeros; `bounds`: where each begins, and the end of the last.
    """

    def __init__(self, series: pl.Series, buffer: Bytes, bounds: Ints, bad_words: str | None = None) -> None:
        self.series = series
        self.bad_words = bad_words
        self.buffer = buffer
        self.bounds = bounds
        self._made: dict[object, object] = {}

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return int(self.bounds[-1])

    @cached_property
    def bytes(self) -> Bytes:
        """The buffer without its padding."""
        return self.buffer[: self.size]

    @cached_property
    def is_ascii(self) -> bool:
        """Whether a byte is a character everywhere in the slice."""
        return self.size == 0 or int(self.bytes.max()) < 0x80

    def once(self, make: "Callable[[Texts], T]") -> T:
        """What `make` makes of this slice, made once: for columns that the signals of one family share."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast(T, self._made[make])

    # Characters

    @cached_property
    def leads(self) -> Ints:
        """Places of the first bytes of the characters that are not ASCII."""
        return np.flatnonzero(self.bytes >= 0xC0)

    @cached_property
    def code_points(self) -> npt.NDArray[np.uint32]:
        """The code points of the characters at `leads`."""
        at, buffer = self.leads, self.buffer
        first, second, third, fourth = (buffer[at + step].astype(np.uint32) for step in range(4))
        low = np.uint32(0x3F)
        two = (first & np.uint32(0x1F)) << 6 | (second & low)
        three = (first & np.uint32(0x0F)) << 12 | (second & low) << 6 | (third & low)
        four = (first & np.uint32(0x07)) << 18 | (second & low) << 12 | (third & low) << 6 | (fourth & low)
        return np.where(first < 0xE0, two, np.where(first < 0xF0, three, four))

    @cached_property
    def classes(self) -> Bytes:
        """Class bits by byte: those of a character at its first byte; `SPACE` at the others of a long space too."""
        classes: Bytes = byte_classes()[self.bytes]
        if not self.is_ascii:
            points = self.code_points
            found = np.where(points < LIMIT, code_point_classes()[np.minimum(points, LIMIT - 1)], 0).astype(np.uint8)
            classes[self.leads] = found
            spaces = self.leads[found & SPACE != 0]
            classes[spaces + 1] |= np.uint8(SPACE)
            long = spaces[self.bytes[spaces] >= 0xE0]
            classes[long + 2] |= np.uint8(SPACE)
        return classes

    @cached_property
    def _characters_before(self) -> npt.NDArray[np.int32] | None:
        """How many characters begin before each place; None where a byte is a character."""
        if self.is_ascii:
            return None
        before = np.empty(self.size + 1, np.int32)
        before[0] = 0
        np.cumsum(self.bytes & 0xC0 != 0x80, dtype=np.int32, out=before[1:])
        return before

    def characters(self, starts: Ints, ends: Ints) -> Ints:
        """Characters (code points) from `starts` to `ends`."""
        before = self._characters_before
        if before is None:
            return ends - starts
        return before[ends].astype(np.int64) - before[starts]

    @cached_property
    def character_count(self) -> Ints:
        """Characters of each text."""
        return self.characters(self.bounds[:-1], self.bounds[1:])

    def count_class(self, bit: int) -> Ints:
        """Characters of each text that have a class bit other than `SPACE`."""
        return self.count_where(self.classes & np.uint8(bit) != 0)

    def count_where(self, mask: Bools) -> Ints:
        """Places of each text where `mask` (one a byte) holds."""
        if len(self) == 1:  # it may be a long one: no array of its length
            return np.array([np.count_nonzero(mask)])
        return self.count_at(np.flatnonzero(mask))

    def count_at(self, places: Ints) -> Ints:
        """How many of `places`, in order, lie in each text."""
        return np.diff(np.searchsorted(places, self.bounds))

    def ends_with(self, bit: int, spans: Spans) -> Bools:
        """Whether the last character of each span has a class bit; an empty span has none."""
        at = np.maximum(spans.ends - 1, 0)
        for _ in range(3):  # a character has at most three bytes behind its first
            at = np.where(self.buffer[at] & 0xC0 == 0x80, at - 1, at)
        found: Bools = (spans.ends > spans.starts) & (self._padded_classes[at] & np.uint8(bit) != 0)
        return found

    @cached_property
    def _padded_classes(self) -> Bytes:
        return np.append(self.classes, np.uint8(0))  # something to look at where there is no text

    # Words

    @cached_property
    def words(self) -> Spans:
        """What str.split() gives: runs of characters that are no white space."""
        inside = self.classes & np.uint8(SPACE) == 0
        begins, ends = inside.copy(), inside.copy()
        begins[1:] &= ~inside[:-1]
        ends[:-1] &= ~inside[1:]
        filled = self.bounds[:-1][np.diff(self.bounds) > 0]
        begins[filled] |= inside[filled]
        last = self.bounds[1:][np.diff(self.bounds) > 0] - 1
        ends[last] |= inside[last]
        starts = np.flatnonzero(begins)
        return Spans(starts=starts, ends=np.flatnonzero(ends) + 1, first=np.searchsorted(starts, self.bounds))

    @cached_property
    def word_lengths(self) -> npt.NDArray[np.int32]:
        """Characters of each word."""
        return self.characters(self.words.starts, self.words.ends).astype(np.int32)

    @cached_property
    def word_hashes(self) -> Hashes:
        return hash_spans(self.buffer, self.words)

    @cached_property
    def word_ngrams(self) -> Ngrams:
        kept, first = looked_at(self.words.first)
        hashes = self._of_document(self.word_hashes[kept], first)
        return Ngrams(hashes, self.word_lengths[kept], first, self.words.count)

    def words_with(self, bit: int, *, without: bool = False) -> Bools:
        """Which words have a character with a class bit, or with `without` a character that lacks it."""
        has = self.classes & np.uint8(bit) != 0
        if without:  # continuation bytes have no bits and must not count as characters
            has = ~has & (self.bytes & 0xC0 != 0x80)
        before = np.empty(self.size + 1, np.int32)
        before[0] = 0
        np.cumsum(has, dtype=np.int32, out=before[1:])
        return before[self.words.ends] > before[self.words.starts]

    def words_in(self, spans: Spans) -> tuple[Ints, Ints]:
        """The index of the first word of each span and one past the last; for spans that end at white space."""
        starts = self.words.starts
        return np.searchsorted(starts, spans.starts), np.searchsorted(starts, spans.ends)

    # Lines

    @cached_property
    def newlines(self) -> Ints:
        """Places of line feeds."""
        return np.flatnonzero(self.bytes == _NEWLINE)

    @cached_property
    def lines(self) -> Spans:
        r"""What text.split("\n") gives, empty lines too."""
        return between(self.bounds, self.newlines, self.newlines + 1)

    @cached_property
    def line_is_blank(self) -> Bools:
        """Which of `lines` have no word."""
        first, after = self.words_in(self.lines)
        blank: Bools = first == after
        return blank

    @cached_property
    def all_lines(self) -> Spans:
        """What str.splitlines() gives: broken at every kind of line break, without an empty one at the end."""
        breaks = np.flatnonzero(self.classes & np.uint8(BREAK) != 0)
        values = self.bytes[breaks]
        widths = 1 + (values >= 0xC0).astype(np.int64) + (values >= 0xE0)
        follows = np.zeros(len(breaks), np.bool_)  # a line feed behind a carriage return of the same text
        follows[1:] = (values[1:] == _NEWLINE) & (values[:-1] == _RETURN) & (breaks[1:] == breaks[:-1] + 1)
        follows &= ~np.isin(breaks, self.bounds[:-1])
        widths[np.flatnonzero(follows) - 1] = 2
        found = between(self.bounds, breaks[~follows], (breaks + widths)[~follows])
        keep = np.ones(len(found.starts), np.bool_)
        last = found.first[1:] - 1
        keep[last] = found.starts[last] < found.ends[last]
        return found.where(keep)

    @cached_property
    def paragraphs(self) -> Spans:
        """What lies between runs of two or more line feeds, white space around the text taken off."""
        words = self.words
        has = words.count > 0
        begin, end = self.bounds[:-1].copy(), self.bounds[:-1].copy()
        begin[has] = words.starts[words.first[:-1][has]]
        end[has] = words.ends[words.first[1:][has] - 1]
        places = self.newlines
        document = np.searchsorted(self.bounds, places, side="right") - 1
        places = places[(places >= begin[document]) & (places < end[document])]
        opens = np.ones(len(places), np.bool_)
        opens[1:] = places[1:] != places[:-1] + 1
        heads = np.flatnonzero(opens)
        tails = np.append(heads, len(places))[1:] - 1
        long = tails > heads
        found = between(self.bounds, places[heads[long]], places[tails[long]] + 1)
        found.starts[found.first[:-1]] = begin
        found.ends[found.first[1:] - 1] = end
        return found

    # Repetition

    def _of_document(self, hashes: Hashes, first: Ints) -> Hashes:
        """The hashes with their document folded in, so that equal ones are of the same document."""
        if len(first) == 2:
            return mix(hashes, np.uint64(0))
        return mix(hashes, np.repeat(np.arange(len(first) - 1, dtype=np.uint64) << np.uint64(1), np.diff(first)))

    def _repeats(self, spans: Spans) -> Repeats:
        return repeats(self._of_document(hash_spans(self.buffer, spans), spans.first))

    @cached_property
    def line_repeats(self) -> Repeats:
        """Which of `lines` have the bytes of another one of the same document."""
        return self._repeats(self.lines)

    @cached_property
    def paragraph_repeats(self) -> Repeats:
        """Which of `paragraphs` have the bytes of another one of the same document."""
        return self._repeats(self.paragraphs)

    # Chinese: characters instead of words

    @cached_property
    def marks(self) -> Spans:
        """Every character that is no white space, as a span."""
        mask = (self.classes & np.uint8(SPACE) == 0) & (self.bytes & 0xC0 != 0x80)
        starts = np.flatnonzero(mask)
        return Spans(starts=starts, ends=starts, first=np.searchsorted(starts, self.bounds))

    @cached_property
    def mark_ngrams(self) -> Ngrams:
        """N-grams of characters that are no white space."""
        points = self.bytes.astype(np.uint32)
        points[self.leads] = self.code_points
        kept, first = looked_at(self.marks.first)
        spread = mix(points[self.marks.starts[kept]].astype(np.uint64), np.uint64(0))  # code points alone are too close
        hashes = self._of_document(spread, first)
        return Ngrams(hashes, np.ones(len(hashes), np.int32), first, self.marks.count)


def of_series(texts: pl.Series, *, bad_words: str | None = None) -> Texts:
    """A slice from a column of strings; a null is an empty text."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    assert isinstance(array, pa.LargeStringArray)
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1] if len(array) else None
    if bounds is None:
        return Texts(texts, np.zeros(PADDING, np.uint8), np.zeros(1, np.int64))
    begin, size = int(bounds[0]), int(bounds[-1] - bounds[0])
    buffer = np.zeros(size + PADDING, np.uint8)
    if size:
        buffer[:size] = np.frombuffer(data, np.uint8, size, begin)
    return Texts(texts, buffer, bounds - begin, bad_words)
