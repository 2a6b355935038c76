"""What the checks read off a text, each view computed once and kept: words, n-grams, stems, numbers, language.

A word is a run of letters and digits, lower-cased; a Chinese, Japanese or Korean character is a word by itself. One
`SourceText` serves every prompt and try of a document window. All views are linear in the text, and made when asked
for: the checks first try to decide by words alone (`repeats_most`, `known`), which needs no n-grams and no stems.

Costs, for 2 kB: about 20 us words, 10 us the set of them, 45 us n-grams, 40 us stems, 6 us numbers.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from operator import is_not

from tilth.synth.checks.language import STOPWORDS, detect, short_name
from tilth.synth.checks.numbers import Values, numbers_of, values_of

#: Characters that stand as a word each: Han, kana, Hangul.
IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
#: Bytes that stand in words: ASCII letters and digits, and every byte of a longer character.
_WORD_BYTES = bytes(byte if byte > 127 or chr(byte).isalnum() else 32 for byte in range(256))
#: The same in lower case, for ASCII text, which then needs no lower-casing before.
_LOWER_WORD_BYTES = _WORD_BYTES.lower()
#: Longer characters that divide words.
_MARKS = frozenset("’‘“”–—…\u00a0·•×")
_ASCII = bytes(range(128))
#: All but the first bytes that ideographs have in UTF-8 (they share them with some marks and signs).
_NOT_IDEOGRAPH_LEAD = bytes(byte for byte in range(256) if not (0xE3 <= byte <= 0xED or 0xEF <= byte <= 0xF0))
_WORD_OR_IDEOGRAPH = re.compile(rf"[{IDEOGRAPHS}]|[^\W_{IDEOGRAPHS}]+")
_IDEOGRAPH = re.compile(rf"[{IDEOGRAPHS}]")

#: Words in an n-gram of alphabetic text: five in a row seldom agree by chance (Gopher's shortest repeated n-gram,
#: Rae et al. 2021, table A1). Of ideographs eight, which carry about as much as five English words.
GRAM_WORDS, GRAM_IDEOGRAPHS = 5, 8
#: Letters that stand for a word's stem: inflection changes what follows.
STEM = 5

_STOP_STEMS = frozenset(word[:STEM] for word in STOPWORDS)

Gram = tuple[str, ...]


class SourceText:
    """One text and its views. `language` is what the source says ("en", "zh", ...) or None: then it is detected."""

    __slots__ = (
        "_data",
        "_grams",
        "_ideographs",
        "_language",
        "_lower",
        "_numbers",
        "_stems",
        "_values",
        "_words",
        "_wordset",
        "given",
        "text",
    )

    def __init__(self, text: str, language: str | None) -> None:
        self.text = text
        self.given = language
        self._data: bytes | None = None
        self._lower: str | None = None
        self._words: list[str] | None = None
        self._ideographs: bool | None = None
        self._wordset: frozenset[str] | None = None
        self._grams: dict[int, frozenset[Gram]] = {}
        self._stems: frozenset[str] | None = None
        self._numbers: frozenset[str] | None = None
        self._values: Values | None = None
        self._language: str | None = None

    @property
    def lower(self) -> str:
        """The text in lower case."""
        if self._lower is None:
            self._lower = self.text.lower()
        return self._lower

    @property
    def data(self) -> bytes:
        """The text in UTF-8."""
        if self._data is None:
            self._data = self.text.encode("utf-8", "surrogatepass")
        return self._data

    @property
    def words(self) -> list[str]:
        """The words in order."""
        if self._words is None:
            if only_marks(self.data):  # most English text: nothing in it needs more than ASCII's lower case
                plain = self.text.encode("ascii", "replace")
                self._words = plain.translate(_LOWER_WORD_BYTES).decode("ascii").split()
            else:
                self._words = words_of(self.lower)
        return self._words

    @property
    def ideographs(self) -> bool:
        """Whether at least half of the first words are ideographs: then n-grams and stems go by characters."""
        if self._ideographs is None:
            self._ideographs = not self.text.isascii() and mostly_ideographs(self.words)
        return self._ideographs

    @property
    def size(self) -> int:
        """Words in an n-gram of this text."""
        return GRAM_IDEOGRAPHS if self.ideographs else GRAM_WORDS

    @property
    def wordset(self) -> frozenset[str]:
        """The distinct words."""
        if self._wordset is None:
            self._wordset = frozenset(self.words)
        return self._wordset

    def grams(self, size: int) -> frozenset[Gram]:
        """The distinct n-grams of `size` words."""
        grams = self._grams.get(size)
        if grams is None:
            grams = self._grams[size] = frozenset(grams_of(self.words, size))
        return grams

    @property
    def stems(self) -> frozenset[str]:
        """Stems of content words, pairs of ideographs: what the text is about."""
        if self._stems is None:
            self._stems = stems_of(self.words if self.ideographs else self.wordset, self.ideographs)
        return self._stems

    @property
    def numbers(self) -> frozenset[str]:
        """The distinct numbers as written, in ASCII digits."""
        if self._numbers is None:
            self._numbers = numbers_of(self.text, self.data)
        return self._numbers

    @property
    def values(self) -> Values:
        """Every value that the text states, in digits or words, with its scale and percent forms."""
        if self._values is None:
            self._values = values_of(self.lower, self.numbers)
        return self._values

    @property
    def language(self) -> str:
        """The language as given, or as detected; "" when unknown."""
        if self._language is None:
            self._language = short_name(self.given) if self.given else detect(self.text, self.words)
        return self._language


def only_marks(data: bytes) -> bool:
    """Whether all that is not ASCII in a UTF-8 text are marks that divide words."""
    return data.isascii() or _MARKS.issuperset(data.translate(None, _ASCII).decode("utf-8", "surrogatepass"))


def words_of(lower: str) -> list[str]:
    """The words of a lower-cased text."""
    data = lower.encode("utf-8", "surrogatepass")
    longer = data.translate(None, _ASCII)
    if longer:
        if longer.translate(None, _NOT_IDEOGRAPH_LEAD) and _IDEOGRAPH.search(lower) is not None:
            return _WORD_OR_IDEOGRAPH.findall(lower)
        for mark in _MARKS.intersection(longer.decode("utf-8", "surrogatepass")):
            data = data.replace(mark.encode(), b" ")
    # bytes: four times as fast as a regular expression over the text
    return data.translate(_WORD_BYTES).decode("utf-8", "surrogatepass").split()


# ---- what words alone tell of n-grams


def repeats_most(words: Sequence[str], size: int) -> tuple[int, dict[str, int]]:
    """(the most n-grams that can repeat an earlier one, the first place of each word).

    An n-gram that holds a word for the first time cannot have come before, so only the others may repeat.
    """
    places: dict[str, int] = {}
    order = list(range(len(words)))
    seen = bytes(map(is_not, map(places.setdefault, words, order), order))
    return (windows(seen, size), places)


def known(words: Sequence[str], others: Collection[str]) -> bytes:
    """One byte a word: 1 where `others` has it, else 0. `windows` of it are the most n-grams that others may hold."""
    return bytes(map(others.__contains__, words))


def windows(marks: bytes, size: int) -> int:
    """How many windows of `size` bytes hold only ones; `marks` holds zeros and ones. Linear, without a loop over it."""
    held = int.from_bytes(marks, "little")
    reach = 1
    while reach < size:
        step = min(reach, size - reach)
        held &= held >> (8 * step)
        reach += step
    return held.bit_count()


def has_stems(words: Iterable[str], others: Collection[str], least: float) -> bool:
    """Whether `least` stems of `words` are of words that `others` has as they stand. Stops when they are found."""
    if least <= 0:
        return True
    stems: set[str] = set()
    for word in words:
        if len(word) > 3 and word in others and word[:STEM] not in _STOP_STEMS:
            stems.add(word[:STEM])
            if len(stems) >= least:
                return True
    return False


# ---- n-grams and stems


def grams_of(words: list[str], size: int) -> list[Gram]:
    """The n-grams of `size` words in order, repeats included."""
    return list(zip(*[words[start:] for start in range(size)], strict=False))


def stems_of(words: Iterable[str], ideographs: bool) -> frozenset[str]:
    """First letters of each content word of four letters or more; pairs of neighbours where ideographs rule."""
    if ideographs:
        return frozenset(map("".join, pairwise(words)))
    return frozenset({word[:STEM] for word in words if len(word) > 3} - _STOP_STEMS)


def mostly_ideographs(words: list[str]) -> bool:
    """Whether at least half of the first 100 words are ideographs."""
    sample = words[:100]
    return 2 * len("".join(sample)) < 5 * len(sample) and 2 * sum(map(_is_ideograph, sample)) > len(sample)


def _is_ideograph(word: str) -> bool:
    return len(word) == 1 and word > "\u303f"
