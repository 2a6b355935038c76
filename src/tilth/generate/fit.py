"""Fitting a document into a model's window: exact in its tokens, cutting only the document.

Guarantees: the rendered messages with a piece never exceed context - max_tokens; a piece is as large as its bounds
allow (one more unit of the bound it was cut at would not fit); the instruction is never touched; windows cover the
document but for white space. Bounds, from the best: paragraph, line, sentence, word, grapheme, code point. A worse
bound is taken inside a unit that does not fit whole, or where the better one would leave over half of the room empty.

Cost: a document whose bytes fit is never tokenised (about 3 us); a cut one costs two or three passes of the
tokenizer over what is kept. Without a counter one byte stands for one token, which is safe and wasteful.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np

from tilth.generate.chat import Messages
from tilth.generate.model import Fit
from tilth.generate.tokenizer import MESSAGE_ALLOWANCE, TokenCounter

#: Raise it when the same settings would cut another way: cuts are part of what decides a text.
FIT_VERSION: Final = 1

Frame = Callable[[str], tuple[tuple[str, str], ...]]
How = Literal["whole", "tokens", "bytes"]
_T = TypeVar("_T")

#: A document without a piece that fits, and a fit that forbids cutting.
PROMPT_TOO_LONG: Final = "prompt_too_long"
DOCUMENT_TOO_LONG: Final = "document_too_long"

#: A cut at a better bound must keep at least this share of the room; below it the next worse bound is tried.
_FILL: Final = 0.5
#: A text whose beginning has this many tokens more than there is room for does not fit: what follows the beginning can
#: change the count only of its last word.
_SLACK: Final = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document. `start` and `end` are character offsets: document[start:end] == text."""

    text: str
    start: int
    end: int
    window: int  # from 0
    windows: int
    how: How  # "whole": not cut; else what the cut was measured in


@dataclass(frozen=True, slots=True)
class TooLong:
    """Nothing can be sent. `reason`: "prompt_too_long" (not even the smallest part of the document fits beside the
    instruction) or "document_too_long" (it would have to be cut, and the fit refuses)."""

    reason: str


# Bounds are the ends of these matches. Every pattern is linear: one run of a class after a fixed or bounded part.
_PARAGRAPH: Final = re.compile(r"\n[ \t\r\f\v]*\n\s*")
_LINE: Final = re.compile(r"[\n\r]+")
_SENTENCE: Final = re.compile(r"(?<=[.!?…])[\"'”’)\]]{0,3}\s+|(?<=[。！？])[”’」』）]{0,3}")
_WORD: Final = re.compile(r"\s+|(?<=[，、；：])")
_PATTERNS: Final = (_PARAGRAPH, _LINE, _SENTENCE, _WORD)
_GRAPHEME, _CODE_POINT = 4, 5  # the levels after the patterns
_LEVELS: Final = 6
_JOINER: Final = "\u200d"


def _opens_grapheme(text: str, at: int) -> bool:
    """Whether a cut before text[at] keeps graphemes whole, for the common ways that characters combine."""
    here, before = text[at], text[at - 1]
    if here < "\u0300":
        return not (before == "\r" and here == "\n")
    if before == _JOINER or here == _JOINER or unicodedata.category(here)[0] == "M":
        return False
    if "\U0001f3fb" <= here <= "\U0001f3ff":  # skin tones
        return False
    if "\U0001f1e6" <= here <= "\U0001f1ff":  # flags are pairs
        first = at
        while first > 0 and "\U0001f1e6" <= text[first - 1] <= "\U0001f1ff" and at - first < 64:
            first -= 1
        return (at - first) % 2 == 0
    return True


def cuts(text: str, start: int, end: int, level: int) -> list[int]:
    """Places strictly between `start` and `end` where a unit of `level` begins, in order."""
    if level == _CODE_POINT:
        return list(range(start + 1, end))
    if level == _GRAPHEME:
        return [at for at in range(start + 1, end) if _opens_grapheme(text, at)]
    found = (match.end() for match in _PATTERNS[level].finditer(text, start, end))
    return sorted({at for at in found if start < at < end})


class Fitter:
    """Fits documents to one model. One per run and model; it holds no document."""

    def __init__(self, *, counter: TokenCounter | None, context: int, fit: Fit) -> None:
        self._counter = counter
        self._context = context
        self._fit = fit

    def pieces(self, document: str, frame: Frame, max_tokens: int) -> list[Piece] | TooLong:
        """The parts of `document` to send, each to be rendered by `frame`; `max_tokens` are left for the answer."""
        budget = self._context - max_tokens
        if self._surely_fits(document, frame, budget):
            return [Piece(document, 0, len(document), 0, 1, "whole")]
        cutter = _Cutter(document, frame, budget, self._counter, self._fit.document_tokens)
        if not cutter.fits(0, 0):
            return TooLong(PROMPT_TOO_LONG)
        if cutter.fits_whole():
            return [Piece(document, 0, len(document), 0, 1, "whole")]
        if self._fit.mode == "refuse":
            return TooLong(DOCUMENT_TOO_LONG)
        spans = self._spans(cutter, len(document))
        if spans is None:
            return TooLong(PROMPT_TOO_LONG)
        how: How = "tokens" if self._counter is not None else "bytes"
        return [
            Piece(document[start:end], start, end, index, len(spans), how) for index, (start, end) in enumerate(spans)
        ]

    def _surely_fits(self, document: str, frame: Frame, budget: int) -> bool:
        """Whether lengths alone show that the whole document fits. A character is at most four bytes."""
        messages = frame(document)
        cap = self._fit.document_tokens
        if self._counter is None:
            return byte_cost(messages) <= budget and (cap is None or _bytes(document) <= cap)
        bound = self._counter.bound_messages(messages)
        if bound is None or bound > budget:
            return False
        if cap is None:
            return True
        inside = self._counter.bound(document)
        return inside is not None and inside <= cap

    def _spans(self, cutter: "_Cutter", length: int) -> list[tuple[int, int]] | None:
        if self._fit.mode == "windows":
            return cutter.windows(self._fit.overlap)
        first, last = cutter.trim(0, length)
        if self._fit.mode == "tail":
            trimmed = cutter.trim(cutter.grow_left(first, last), last)
        elif self._fit.mode == "middle":
            trimmed = cutter.trim(*cutter.middle(first, last))
        else:
            trimmed = cutter.trim(first, cutter.grow_right(first, last))
        return [trimmed] if trimmed[0] < trimmed[1] else None


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def byte_cost(messages: Messages) -> int:
    """What stands for tokens without a counter: the contents' bytes and an allowance a message."""
    return sum(_bytes(content) for _, content in messages) + MESSAGE_ALLOWANCE * len(messages)


class _Cutter:
    """The search for cuts in one document. Every answer about fitting is a count of the rendered messages."""

    def __init__(self, document: str, frame: Frame, budget: int, counter: TokenCounter | None, cap: int | None) -> None:
        self._document = document
        self._frame = frame
        self._budget = budget
        self._counter = counter
        self._cap = cap
        self._costs: dict[tuple[int, int], tuple[int, int]] = {}
        self._overhead = self._cost(0, 0)[0]
        self._room = min(max(budget - self._overhead, 0), budget if cap is None else cap)
        self._starts: tuple[int, int, list[int]] = (0, 0, [])  # a region and where its tokens start

    # what things cost

    def _text_cost(self, text: str) -> int:
        return _bytes(text) if self._counter is None else self._counter.count(text)

    def _cost(self, start: int, end: int) -> tuple[int, int]:
        """Tokens of the rendered messages with this part, and of the part alone (0 where there is no cap)."""
        span = self.trim(start, end)
        if span not in self._costs:
            text = self._document[span[0] : span[1]]
            messages = self._frame(text)
            total = byte_cost(messages) if self._counter is None else self._counter.count_messages(messages)
            self._costs[span] = (total, self._text_cost(text) if self._cap is not None else 0)
        return self._costs[span]

    def fits(self, start: int, end: int) -> bool:
        """Whether the messages with document[start:end] keep to the budget and the cap."""
        total, own = self._cost(start, end)
        return total <= self._budget and (self._cap is None or own <= self._cap)

    def fits_whole(self) -> bool:
        """Whether the document fits as it is, white space at its ends included."""
        length = len(self._document)
        if self._right_region(0, length)[1] < length:
            return False
        if self._cap is not None and self._text_cost(self._document) > self._cap:
            return False
        messages = self._frame(self._document)
        total = byte_cost(messages) if self._counter is None else self._counter.count_messages(messages)
        return total <= self._budget

    def trim(self, start: int, end: int) -> tuple[int, int]:
        """The span without white space at its ends."""
        text = self._document[start:end]
        left = len(text) - len(text.lstrip())
        kept = len(text.strip())
        return (start + left, start + left + kept) if kept else (start, start)

    def _half_full(self, start: int, end: int) -> bool:
        total, own = self._cost(start, end)
        filled = own if self._cap == self._room else total - self._overhead
        return filled >= _FILL * self._room

    # where the cut should be, by one pass of the tokenizer over the neighbourhood

    def _token_starts(self, start: int, end: int) -> list[int]:
        """Offsets in [start, end) where tokens start; the last region asked for is kept."""
        low, high, found = self._starts
        if not (low <= start and end <= high) or low == high:
            text = self._document[start:end]
            found = _byte_starts(text) if self._counter is None else _starts(self._counter.encode_with_offsets(text)[1])
            found = [start + at for at in found]
            self._starts = (low, high, found) = (start, end, found)
        return found[bisect_left(found, start) : bisect_left(found, end)]

    def _right_region(self, start: int, end: int) -> tuple[int, int]:
        """About where `room` tokens from `start` end, and a place that is surely too far to the right, or `end`."""
        length = 5 * self._room + 512  # characters; a little over what English needs
        while True:
            stop = min(end, start + length)
            found = self._token_starts(start, stop)
            if stop == end or len(found) > self._room + _SLACK:
                return found[self._room] if len(found) > self._room else stop, stop
            length *= 2

    def _left_region(self, start: int, end: int) -> tuple[int, int]:
        """About where `room` tokens before `end` start, and a place that is surely too far to the left, or `start`."""
        length = 5 * self._room + 512
        while True:
            stop = max(start, end - length)
            found = self._token_starts(stop, end)
            if stop == start or len(found) > self._room + _SLACK:
                return found[-self._room - 1] if len(found) > self._room else stop, stop
            length *= 2

    # growing a part until nothing more fits

    def grow_right(self, start: int, end: int) -> int:
        """The farthest cut such that document[start:cut] fits; `start` where nothing does."""
        guess, far = self._right_region(start, end)
        if far == end and self.fits(start, end):
            return end
        near = start
        for level in range(_LEVELS):
            places = [*cuts(self._document, near, far, level), far]
            count = _largest(places, lambda at: self.fits(start, at), bisect_right(places, guess))
            near = places[count - 1] if count else near
            if count == len(places) or self._enough(near > start, (start, near), (near, places[count])):
                return near
            far = places[count]
        return near

    def grow_left(self, start: int, end: int) -> int:
        """The farthest cut to the left such that document[cut:end] fits; `end` where nothing does."""
        guess, far = self._left_region(start, end)
        if far == start and self.fits(start, end):
            return start
        near = end
        for level in range(_LEVELS):
            places = [*reversed(cuts(self._document, far, near, level)), far]
            tried = sum(at >= guess for at in places)
            count = _largest(places, lambda at: self.fits(at, end), tried)
            near = places[count - 1] if count else near
            if count == len(places) or self._enough(near < end, (near, end), (places[count], near)):
                return near
            far = places[count]
        return near

    def _enough(self, some: bool, kept: tuple[int, int], unit: tuple[int, int]) -> bool:
        """Whether to stop at this bound: over half of the room is used, and the next unit could stand alone."""
        return some and self._half_full(*kept) and self.fits(*unit)

    def middle(self, first: int, last: int) -> tuple[int, int]:
        """The part around the middle of [first, last), grown a unit to the right and to the left in turn."""
        centre = (first + last) // 2
        start, end = self._left_region(first, centre)[1], self._right_region(centre, last)[1]
        self._token_starts(start, end)  # one pass; estimates below read from it
        for level in range(_LEVELS):
            bounds = [start, *cuts(self._document, start, end, level), end]
            index = min(max(bisect_right(bounds, centre) - 1, 0), len(bounds) - 2)
            unit = bounds[index], bounds[index + 1]
            if not self.fits(*unit):
                start, end = unit
                continue
            grown = self._grow_both(bounds, index)
            if self._half_full(*grown) or level == _LEVELS - 1:
                return grown
        return centre, centre

    def _grow_both(self, bounds: Sequence[int], index: int) -> tuple[int, int]:
        steps = list(_alternate(index, len(bounds) - 1))
        guess = bisect_right(
            steps, self._room, key=lambda step: len(self._token_starts(bounds[step[0]], bounds[step[1]]))
        )
        count = _largest(steps, lambda step: self.fits(bounds[step[0]], bounds[step[1]]), guess)
        low, high = steps[count - 1] if count else (index, index + 1)
        rest = range(high + 1, len(bounds))  # one side may still take a unit that the other could not
        high += _largest(rest, lambda at: self.fits(bounds[low], bounds[at]), 0)
        rest = range(low - 1, -1, -1)
        low -= _largest(rest, lambda at: self.fits(bounds[at], bounds[high]), 0)
        return bounds[low], bounds[high]

    def windows(self, overlap: int) -> list[tuple[int, int]] | None:
        """Spans that cover the document in order; None where not even one character fits."""
        length = len(self._document)
        spans: list[tuple[int, int]] = []
        at = self._skip_space(0)
        while at < length:
            end = at
            if spans and overlap:
                back = self._overlap_start(spans[-1], overlap)
                end = self.grow_right(back, length) if back < at else at
                start = back
            if end <= at:  # no overlap asked for, or none leaves room for anything new
                start, end = at, self.grow_right(at, length)
            span = self.trim(start, end)
            if span[1] <= at:
                return None
            spans.append(span)
            at = self._skip_space(end)
        return spans or None

    def _skip_space(self, at: int) -> int:
        match = _SPACE.match(self._document, at)
        return match.end() if match else at

    def _overlap_start(self, span: tuple[int, int], overlap: int) -> int:
        """Where the last units of `span` of at most `overlap` tokens start: paragraphs, else lines, else sentences."""
        start, end = span
        low = max(start, end - 16 * overlap - 256)
        for level in range(3):
            places = [at for at in cuts(self._document, low, end, level) if self._document[at:end].strip()]
            count = _largest(places[::-1], lambda at: self._text_cost(self._document[at:end].strip()) <= overlap, 1)
            if count:
                return places[-count]
        return end


_SPACE: Final = re.compile(r"\s*")


def _starts(offsets: Iterable[tuple[int, int]]) -> list[int]:
    return [start for start, _ in offsets]


def _byte_starts(text: str) -> list[int]:
    """Each character's offset, once for each of its UTF-8 bytes."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    widths = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    starts: list[int] = np.repeat(np.arange(len(points)), widths).tolist()
    return starts


def _alternate(index: int, units: int) -> Iterable[tuple[int, int]]:
    """Ranges of bounds around unit `index`, each one unit larger: right, left, right, ... until all are in."""
    low, high = index, index + 1
    yield low, high
    while low > 0 or high < units:
        if high < units:
            high += 1
            yield low, high
        if low > 0:
            low -= 1
            yield low, high


def _largest(places: Sequence[_T], good: Callable[[_T], bool], guess: int) -> int:
    """How many of `places` are good, where good ones come first: gallops from `guess`, then halves.

    Where goodness is not quite monotonic (a longer text can have fewer tokens) the answer is still a good place
    followed by a bad one.
    """
    low, high = 0, len(places) + 1  # the first `low` are good, the first `high` are not
    step, at = 1, min(max(guess, 1), len(places))
    while low + 1 < high and 0 < at <= len(places):
        if good(places[at - 1]):
            low = at
            at = min(at + step, high - 1)
        else:
            high = at
            at = max(at - step, low + 1)
        step *= 2
        if high - low <= step:
            at = (low + high) // 2
    return low


def stitch(pieces: Sequence[Piece], texts: Sequence[str]) -> str:
    """The answers to one document's windows as one text, in the windows' order, a blank line between them."""
    if len(pieces) != len(texts):
        raise ValueError(f"expected a text for each of {len(pieces)} pieces; saw {len(texts)}")
    ordered = sorted(zip(pieces, texts, strict=True), key=lambda pair: pair[0].window)
    return "\n\n".join(text.strip() for _, text in ordered if text.strip())


def covers(document: str, pieces: Sequence[Piece]) -> bool:
    """Whether the pieces, in order, hold every character of the document but white space, each at its own offsets."""
    at = 0
    for piece in sorted(pieces, key=lambda piece: piece.window):
        if document[piece.start : piece.end] != piece.text or document[at : piece.start].strip():
            return False
        at = max(at, piece.end)
    return not document[at:].strip()
