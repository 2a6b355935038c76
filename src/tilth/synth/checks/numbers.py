"""Numbers as texts write them, and the ones an answer states that its source does not have.

Reads digits with thousands marks and decimals, full-width digits, scales (thousand, million, 万, 亿, %), English number
words ("two hundred and five") and Chinese numerals (三百二十). A number of the answer is grounded when the source
states the same value in any of these forms, or a value that rounds to it.

Costs 10 us where every number stands in the source as written; the longer search runs for the rest only.
"""

import re
from collections.abc import Callable, Collection, Iterable
from itertools import pairwise
from typing import NamedTuple

# a pattern that begins with a plain set is searched for three times as fast as one that begins with a repeat
NUMBER = re.compile(r"[0-9][0-9]*+(?:[.,][0-9]++)*+")
_FULL_WIDTH = re.compile("[０-９．％＋－＝／]")
_TO_ASCII = str.maketrans("０１２３４５６７８９．％＋－＝（）／", "0123456789.%+-=()/")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")

_SCALES = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "mn": 1e6, "bn": 1e9,
    "十": 1e1, "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "億": 1e8, "万亿": 1e12,
    "%": 1e-2, "percent": 1e-2, "per cent": 1e-2, "dozen": 12.0,
}  # fmt: skip
_SCALED = re.compile(
    r"([0-9][0-9]*+(?:[.,][0-9]++)*+)[ -]?"
    r"(hundred|thousand|million|billion|trillion|mn\b|bn\b|dozen|percent|per cent|%|百万|千万|万亿|[十百千万萬亿億])"
)
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ONES = {word: number for number, word in enumerate(_SMALL.split())} | {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "once": 1, "twice": 2, "half": 2, "quarter": 4, "double": 2, "pair": 2, "couple": 2,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_AMOUNTS = {word: float(amount) for word, amount in (_ONES | _TENS).items()}
_NUMBER_WORDS = frozenset(_AMOUNTS)
_BIG = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "dozen": 12}
#: All but the first bytes that Chinese numerals have in UTF-8.
_NOT_HAN_LEAD = bytes(byte for byte in range(256) if not 0xE3 <= byte <= 0xE9)
#: Letters; all other bytes divide number words.
_LATIN_BYTES = bytes(byte if 97 <= byte <= 122 else 32 for byte in range(256))
_HAN_DIGITS = {char: "零一二三四五六七八九".index(char) for char in "零一二三四五六七八九"} | {
    "〇": 0,
    "两": 2,
    "兩": 2,
}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_HAN_SECTIONS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_HAN_NUMBER = re.compile("[零〇一二两兩三四五六七八九十百千万萬亿億]{1,24}")
#: Numbers that only count lines: "3." or "(3)" at a line's start, "Step 3", "Q3", "第3步".
_ORDINAL = re.compile(
    r"(?m)^[ \t>#*|•(（-]{0,12}(?:step|question|problem|part|phase|section|chapter|answer|q|a|问题|步骤|问|答|第)?"
    r"[ ]?([0-9]{1,3})(?=[.)、．:：*）]|[ ]?[步章节条部])"
)
#: Whole numbers below this are structure ("two reasons", "one of") rather than facts of the source.
_STRUCTURAL = 3
#: Numbers of one answer that get the longer search, and values of a source that rounding is tried on.
_SEARCHED, _ROUNDED = 64, 512


class Values(NamedTuple):
    """The values a text states, and those among them that a shorter number may round."""

    exact: frozenset[float]
    decimals: tuple[float, ...]  # that are not whole: 3.47 for 3.5
    all: tuple[float, ...]  # for numbers with a scale: 1,234,567 for 1.2 million


_TWO_MARKS = frozenset([(".", "."), (".", ","), (",", "."), (",", ",")])
#: Bytes of numbers; all others divide them.
_NUMBER_BYTES = bytes(byte if chr(byte) in "0123456789.," else 32 for byte in range(256))
_NOT_DIGIT = bytes(byte for byte in range(256) if not 48 <= byte <= 57)


def numbers_of(text: str, data: bytes | None = None) -> frozenset[str]:
    """The distinct numbers of `text` as written, in ASCII digits: what `NUMBER` finds, ten times as fast.

    `data` is the text in UTF-8 where the caller has it.
    """
    if data is None:
        data = text.encode("utf-8", "surrogatepass")
    if b"\xef\xbc" in data:
        data = ascii_digits(text).encode("utf-8", "surrogatepass")
    if not data.translate(None, _NOT_DIGIT):
        return frozenset()
    runs = set(data.translate(_NUMBER_BYTES).split())  # a set first: most runs are the marks of sentences
    found = {run.strip(b".,").decode() for run in runs}
    found.discard("")
    for run in [run for run in found if not _TWO_MARKS.isdisjoint(pairwise(run))]:
        found.discard(run)
        found.update(NUMBER.findall(run))
    return frozenset(found)


def ascii_digits(text: str) -> str:
    """`text` with full-width digits, signs and brackets made ASCII; the same object where there are none."""
    if text.isascii() or _FULL_WIDTH.search(text) is None:
        return text
    return text.translate(_TO_ASCII)


def value(number: str) -> float:
    """The value of one match of `NUMBER`: 1,234.5 is 1234.5, and 3,5 is 3.5. Version-like runs give -1."""
    if "," in number:
        number = number.replace(",", "") if _GROUPED.fullmatch(number) else number.replace(",", ".")
    if number.count(".") > 1:
        return -1.0
    return float(number[:200])  # 200 digits times any scale still fit a float


def values_of(lower: str, numbers: Collection[str] | None = None) -> Values:
    """Every value that a lower-cased text states, in any form; `numbers` are the text's `numbers_of` where known."""
    lower = ascii_digits(lower)
    if numbers is None:
        numbers = numbers_of(lower)
    plain = set(map(value, numbers))
    found = _SCALED.findall(lower) if numbers else ()
    scaled = {value(number) * _SCALES[scale.strip()] for number, scale in found}
    data = lower.encode("utf-8", "replace")
    words = set(_english(data.translate(_LATIN_BYTES).decode("ascii").split()))
    han = {_han(run) for run in _HAN_NUMBER.findall(lower)} if data.translate(None, _NOT_HAN_LEAD) else set()
    exact = frozenset(_round(item) for item in plain | scaled | words | han)
    stated = tuple(sorted(plain | scaled))[:_ROUNDED]
    return Values(exact, tuple(amount for amount in stated if amount != int(amount)), stated)


def ungrounded(lower: Callable[[], str], own: Iterable[str], source: Callable[[], Values]) -> list[str]:
    """Of the numbers `own`, as written in a lower-cased text, those whose value the source does not state. Sorted.

    Line numbers and whole numbers below 3 never count. `lower` and `source` give the text and the source's values:
    both are asked for only where a number is left that needs them.
    """
    missing = [number for number in sorted(own)[:_SEARCHED] if not _structural(value(number))]
    if not missing:
        return []
    text = ascii_digits(lower())
    if any(len(number) < 4 for number in missing):
        ordinals = set(_ORDINAL.findall(text))
        missing = [number for number in missing if number not in ordinals]
        if not missing:
            return []
    values = source()
    missing = [number for number in missing if not _stated(number, (1.0,), values)]
    if not missing:
        return []
    scales: dict[str, list[float]] = {}
    for number, scale in _SCALED.findall(text):
        scales.setdefault(number, []).append(_SCALES[scale.strip()])
    return [number for number in missing if not _stated(number, scales.get(number, ()), values)]


def _structural(amount: float) -> bool:
    """Whether a number never counts: no single number, or a small whole one."""
    return amount < 0 or (amount < _STRUCTURAL and amount == int(amount))


def _stated(number: str, scales: Iterable[float], source: Values) -> bool:
    """Whether the source states the number, times one of the scales, or a value that rounds to it."""
    amount = value(number)
    places = len(number.partition(".")[2])
    step = 0.5 * 10.0**-places + 1e-9
    for scale in scales:
        if _round(amount * scale) in source.exact:
            return True
        if scale != 1.0 or places:
            near = source.decimals if scale == 1.0 else source.all
            if any(abs(stated - amount * scale) <= step * scale for stated in near):
                return True
    return False


def _round(amount: float) -> float:
    return float(f"{amount:.9g}")


def _english(words: list[str]) -> list[float]:
    """Values of number words, runs joined: two hundred and five is 205, and also 2, 100 and 5 on their own."""
    values: list[float] = []
    if _NUMBER_WORDS.isdisjoint(words):
        return values
    total = current = 0.0
    running = False
    for word, amount in zip(words, map(_AMOUNTS.get, words), strict=True):
        if amount is not None:
            values.append(amount)
            current += amount
            running = True
        elif not running or word == "and":
            continue
        elif word in _BIG:
            current *= _BIG[word]
            if _BIG[word] >= 1000:
                total, current = total + current, 0.0
        else:
            values.append(total + current)
            total = current = 0.0
            running = False
    if running:
        values.append(total + current)
    return values


def _han(run: str) -> float:
    """The value of a Chinese numeral; digits in a row (二〇二四) are read as written."""
    if not any(char in _HAN_UNITS or char in _HAN_SECTIONS for char in run):
        return float("".join(str(_HAN_DIGITS[char]) for char in run))
    total = section = digit = 0
    for char in run:
        if char in _HAN_DIGITS:
            digit = _HAN_DIGITS[char]
        elif char in _HAN_UNITS:
            section += (digit or 1) * _HAN_UNITS[char]
            digit = 0
        else:
            total = (total + section + digit) * _HAN_SECTIONS[char]
            section = digit = 0
    return float(total + section + digit)
