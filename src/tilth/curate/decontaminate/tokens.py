"""Texts as hashed tokens with their places, the same tokens whatever the layout: the ground of all matching.

A token is a run of letters and digits, or one character of a script that is written without spaces. Case, accents,
full-width forms, punctuation, line breaks, table pipes, bullets, emphasis, `$` and brackets leave no trace; LaTeX
command names, HTML tags and entities, and link targets are dropped. So "**What** is\\n`x^2`?" and "| what is $x²$ |"
give the same tokens.

Guarantees: no regular expression, linear in the text, of up to 2^31 characters; a text gives the same tokens whatever
texts are beside it. Costs about 20 ns a character, and 60 bytes a character of one block of `_BLOCK` characters.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

#: Raise it when the same text would give other tokens.
VERSION = 1

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

#: Characters worked on at once: small enough for the arrays to stay near the processor's cache.
_BLOCK = 1 << 18
#: Longer tags and link targets than this are taken for text.
_MARKUP_CHARS = 2000
_LETTER, _ALONE, _SKIP = np.uint32(1 << 24), np.uint32(2 << 24), np.uint32(3 << 24)
_KIND, _CODE = np.uint32(3 << 24), np.uint32((1 << 24) - 1)
#: Odd, so that it has an inverse modulo 2^64; the fractional digits of the golden ratio, as in Fibonacci hashing.
_BASE = 0x9E3779B97F4A7C15
#: Scripts without spaces between words (and kana): each character is a token. Ranges of the Unicode block table.
_NO_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # iteration mark, zero
    (0x3040, 0x30FF),  # kana
    (0x31F0, 0x31FF),  # kana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xF900, 0xFAFF),  # Han compatibility
    (0x20000, 0x323AF),  # Han extensions B to H
)
#: Written inside words and meaning nothing there: combining accents, soft hyphen, zero-width marks.
_INVISIBLE = (*range(0x0300, 0x0370), 0x00AD, *range(0x200B, 0x2010), 0x2060, 0xFEFF)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of several texts, one text after the other.

    `hashes` (uint64); `starts`, `ends` (int32): characters in the token's own text; `alone`: whether it is a character
    of a script without spaces; `bounds` (one more than texts): text i has tokens bounds[i] to bounds[i + 1].
    """

    hashes: U64
    starts: I32
    ends: I32
    alone: Mask
    bounds: I64

    def __len__(self) -> int:
        return len(self.hashes)


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole short texts joined by line ends, or one piece of a long text."""

    text: str
    first: int  # number of its first text
    places: I64  # where each of its texts begins in `text`
    offset: int = 0  # where the piece begins in its text


def tokenise(texts: Sequence[str]) -> Tokens:
    """The tokens of all `texts`. Unpaired surrogates are separators."""
    hashes: list[U64] = []
    starts: list[I32] = []
    ends: list[I32] = []
    alone: list[Mask] = []
    owners: list[I32] = []
    for block in _blocks(texts):
        found, begin, end, single = _tokens_of(block)
        owner = np.searchsorted(block.places, begin, "right") - 1
        shift = block.offset - block.places[owner]
        hashes.append(found)
        starts.append((begin + shift).astype(np.int32))
        ends.append((end + shift).astype(np.int32))
        alone.append(single)
        owners.append((owner + block.first).astype(np.int32))
    owned = _concatenate(owners, np.int32)
    bounds = np.searchsorted(owned, np.arange(len(texts) + 1, dtype=np.int32), "left").astype(np.int64)
    del owned
    return Tokens(
        _concatenate(hashes, np.uint64),
        _concatenate(starts, np.int32),
        _concatenate(ends, np.int32),
        _concatenate(alone, np.bool_),
        bounds,
    )


def _concatenate(parts: list[Any], kind: type) -> Any:
    """All parts as one array; the list is emptied, since the tokens of a long document are not small."""
    whole = np.concatenate(parts) if parts else np.empty(0, kind)
    parts.clear()
    return whole


def _blocks(texts: Sequence[str]) -> Iterator[_Block]:
    """Texts in blocks of at most `_BLOCK` characters; a long text is cut at spaces, or anywhere where it has none."""
    first, size = 0, 0
    for number, text in enumerate(texts):
        if size + len(text) + 1 > _BLOCK:
            yield from _together(texts, first, number)
            first, size = number, 0
        if len(text) < _BLOCK:
            size += len(text) + 1
            continue
        yield from _pieces(text, number)
        first = number + 1
    yield from _together(texts, first, len(texts))


def _together(texts: Sequence[str], first: int, last: int) -> Iterator[_Block]:
    if first == last:
        return
    here = texts[first:last]
    lengths = np.fromiter((len(text) + 1 for text in here), np.int64, len(here))
    yield _Block("\n".join(here), first, np.concatenate(([0], np.cumsum(lengths)[:-1])))


def _pieces(text: str, number: int) -> Iterator[_Block]:
    place, start = np.zeros(1, np.int64), 0
    while len(text) - start >= _BLOCK:
        limit = start + _BLOCK - 1
        cut = text.rfind(" ", start + _BLOCK // 2, limit) + 1 or limit
        yield _Block(text[start:cut], number, place, start)
        start = cut
    yield _Block(text[start:], number, place, start)


def _tokens_of(block: _Block) -> tuple[U64, I64, I64, Mask]:
    """Hashes, starts, ends and kinds of a block's tokens; places are in the block."""
    codes = np.frombuffer(block.text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
    folded = _table()[codes]
    kind = folded & _KIND
    places = None
    if not block.text.isascii() and (kind == _SKIP).any():
        places = np.flatnonzero(kind != _SKIP)
        codes, folded, kind = codes[places], folded[places], kind[places]
    letter, single = kind == _LETTER, kind == _ALONE
    step = np.diff(letter, prepend=False, append=False)  # true where a run of letters begins, and after its end
    starts = np.flatnonzero((letter & step[:-1]) | single)
    ends = np.flatnonzero((letter & step[1:]) | single) + 1
    powers, inverses = _powers()
    terms = (folded & _CODE).astype(np.uint64) * powers[: len(folded)]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(terms)))
    hashes = mix((sums[ends] - sums[starts]) * inverses[starts])
    alone = single[starts]
    if places is not None:
        starts, ends = places[starts], places[ends - 1] + 1
    kept = ~_markup(block, starts, ends)
    if kept.all():
        return hashes, starts, ends, alone
    return hashes[kept], starts[kept], ends[kept], alone[kept]


def mix(values: U64) -> U64:
    """Spread each value over all 64 bits (finaliser of MurmurHash3)."""
    values = values ^ (values >> np.uint64(33))
    values *= np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values


def _markup(block: _Block, starts: I64, ends: I64) -> Mask:
    """Which tokens are LaTeX commands, HTML tags or entities, or link targets."""
    text = block.text
    drop = np.zeros(len(starts), bool)
    if not len(starts) or not any(mark in text for mark in ("\\", "&", "<", "](")):
        return drop
    codes = np.frombuffer(("\n\n" + text + "\n").encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
    before, after = codes[starts + 1], codes[ends + 2]
    if "\\" in text:
        drop |= before == ord("\\")
    if "&" in text:
        numeric = (before == ord("#")) & (codes[starts] == ord("&"))
        drop |= ((before == ord("&")) | numeric) & (after == ord(";"))
    inner = codes[2:]
    if "<" in text:
        drop |= _within(_tags(inner, block.places), starts)
    if "](" in text:
        drop |= _within(_targets(inner, block.places), starts)
    return drop


_Spans = tuple[I64, I64]


def _within(spans: _Spans, starts: I64) -> Mask:
    """Which of `starts` lie in one of the spans, which are sorted and do not overlap."""
    opens, closes = spans
    if not len(opens):
        return np.zeros(len(starts), bool)
    at = np.searchsorted(opens, starts) - 1
    return (at >= 0) & (starts < closes[at])


def _tags(codes: npt.NDArray[np.uint32], places: I64) -> _Spans:
    """Spans from `<` to `>`: a name follows, no other `<` is inside, and a long one has an attribute."""
    marks = np.flatnonzero(codes == ord("<"))
    following = codes[marks + 1]  # the text ends with a line end, so there is one
    lower = following | np.uint32(0x20)
    name = ((lower >= ord("a")) & (lower <= ord("z"))) | (following == ord("/")) | (following == ord("!"))
    opens, closes = _closed(marks[name], np.flatnonzero(codes == ord(">")), places)
    single = np.searchsorted(marks, closes) - np.searchsorted(marks, opens) == 1
    signs = np.flatnonzero(codes == ord("="))
    attribute = np.searchsorted(signs, closes) > np.searchsorted(signs, opens)
    kept = single & (attribute | (closes - opens <= 20))  # 20: longer than any tag name
    return opens[kept], closes[kept]


def _targets(codes: npt.NDArray[np.uint32], places: I64) -> _Spans:
    """Spans of `](target)`, where the target begins as an address does."""
    marks = np.flatnonzero((codes[:-2] == ord("]")) & (codes[1:-1] == ord("(")))
    address = np.isin(codes[marks + 2], [ord(sign) for sign in "/#.hm<"])
    opens, closes = _closed(marks[address], np.flatnonzero(codes == ord(")")), places)
    free = np.ones(len(opens), bool)
    free[1:] = opens[1:] > closes[:-1]
    return opens[free], closes[free]


def _closed(opens: I64, ends: I64, places: I64) -> _Spans:
    """Each opening mark with the next closing one, where that is near and in the same text."""
    at = np.searchsorted(ends, opens, "right")
    opens, at = opens[at < len(ends)], at[at < len(ends)]
    closes = ends[at]
    near = closes - opens <= _MARKUP_CHARS
    near &= np.searchsorted(places, opens, "right") == np.searchsorted(places, closes, "right")
    return opens[near], closes[near]


@cache
def _powers() -> tuple[U64, U64]:
    """Powers of the base and of its inverse, as many as a block has characters."""
    base = np.full(_BLOCK, _BASE, np.uint64)
    inverse = np.full(_BLOCK, pow(_BASE, -1, 1 << 64), np.uint64)
    base[0] = inverse[0] = 1
    return np.cumprod(base), np.cumprod(inverse)


@cache
def _table() -> npt.NDArray[np.uint32]:
    """For each code point its kind and what it is folded to. Made once a process, about 0.1 s."""
    table = np.zeros(0x110000, np.uint32)
    for start, end in _NO_SPACES:
        table[start : end + 1] = np.arange(start, end + 1, dtype=np.uint32) | _ALONE
    spaceless = {code for start, end in _NO_SPACES if end - start < 0x1000 for code in range(start, end + 1)}
    for code in (*range(0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x10000), *range(0x10000, 0x1F000)):
        table[code] = _fold(code, code in spaceless)
    hangul = np.arange(0xAC00, 0xD7A4, dtype=np.uint32)
    table[hangul] = hangul | _LETTER
    table[list(_INVISIBLE)] = _SKIP
    return table


def _fold(code: int, spaceless: bool) -> int:
    """Kind and folded form of one character: compatibility form, without accents, in lower case."""
    shown = chr(code)
    if unicodedata.category(shown)[0] not in "LMN":
        return 0
    plain = unicodedata.normalize("NFKD", shown).casefold()[0]
    if spaceless or 0x2E80 <= ord(plain) <= 0x9FFF:
        return ord(plain) | int(_ALONE)
    raised = unicodedata.normalize("NFKC", shown) != shown and unicodedata.category(shown) == "No"
    return ord(plain) | int(_ALONE if raised else _LETTER)  # a power stands alone: x² is x, 2 as in x^2
