"""Chinese and English numerals as exact numbers.

三十五, 两千零四, 一百二, 3万, 1.5亿, 三点五, 三分之二, 百分之五十, 负七, 半; twenty-four, three hundred and five.
"""

import re
from fractions import Fraction

_DIGITS = {sign: value for value, signs in enumerate(("零〇○", "一壹幺", "二贰两兩", "三叁", "四肆", "五伍", "六陆陸",
           "七柒", "八捌", "九玖")) for sign in signs}  # fmt: skip
_SMALL = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12}
SIGNS = "".join((*_DIGITS, *_SMALL, *_LARGE))
_WHOLE = re.compile(f"[{SIGNS}]{{1,40}}")
_MIXED = re.compile(rf"([0-9]{{1,20}}(?:\.[0-9]{{1,20}})?)\s?([{''.join((*_SMALL, *_LARGE))}]{{1,3}})")
#: What a numeral may consist of: read at the start of a text.
NUMERAL = re.compile(
    rf"[负負]?(?:(?:[{SIGNS}0-9]{{1,40}}又)?(?:[{SIGNS}0-9]{{1,40}}|百)分之[{SIGNS}0-9]{{1,40}}(?:[点點.][{SIGNS}0-9]{{1,20}})?"
    rf"|[0-9]{{1,20}}(?:\.[0-9]{{1,20}})?\s?[{''.join((*_SMALL, *_LARGE))}]{{1,3}}"
    rf"|[{SIGNS}]{{1,40}}(?:[点點][{SIGNS}]{{1,20}})?|半)"
)
_ENGLISH = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "  # noqa: SIM905
        "seventeen eighteen nineteen".split()
    )
} | {word: 10 * value for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}  # noqa: SIM905
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
#: Words that multiply the digits before them.
SCALES = {**_SCALES, "dozen": 12, "lakh": 10**5, "crore": 10**7}


def chinese(text: str) -> Fraction | None:
    """The value of a numeral that `NUMERAL` matched; None where its signs make no number."""
    if text[:1] in ("负", "負"):
        value = chinese(text[1:])
        return None if value is None else -value
    if text == "半":
        return Fraction(1, 2)
    if "分之" in text:
        return _part(text)
    whole, point, decimals = text.replace("點", "点").partition("点")
    mixed = _MIXED.fullmatch(whole)
    if mixed:
        factor = 1
        for sign in mixed[2]:
            factor *= _SMALL.get(sign) or _LARGE[sign]
        return Fraction(mixed[1]) * factor
    value = _whole(whole)
    if value is None or not point:
        return value
    digits = "".join(str(_DIGITS[sign]) for sign in decimals if sign in _DIGITS)
    return value + Fraction(int(digits), 10 ** len(digits)) if len(digits) == len(decimals) else None


def _part(text: str) -> Fraction | None:
    """百分之五十, 三分之二, 一又二分之一."""
    whole, again, rest = text.partition("又") if "又" in text else ("", "", text)
    below, _, above = rest.partition("分之")
    bottom = Fraction(100) if below == "百" else chinese(below)
    top = Fraction(above) if re.fullmatch(r"[0-9]{1,20}(?:\.[0-9]{1,20})?", above) else chinese(above)
    lead = chinese(whole) if again else Fraction(0)
    if bottom is None or top is None or lead is None or not bottom:
        return None
    return lead + top / bottom


def _whole(text: str) -> Fraction | None:
    if text.isascii() and text.isdigit():
        return Fraction(int(text))
    if not _WHOLE.fullmatch(text):
        return None
    if all(sign in _DIGITS for sign in text):  # 二〇二四
        return Fraction(int("".join(str(_DIGITS[sign]) for sign in text)))
    total = section = digit = 0
    last = 1
    for sign in text:
        if sign in _DIGITS:
            digit = _DIGITS[sign]
            last = 1 if not digit else last
        elif sign in _SMALL:
            last = _SMALL[sign]
            section += (digit or (1 if last == 10 and not section else digit)) * last
            digit = 0
        else:
            last = _LARGE[sign]
            total = (total + section + digit) * last if last > 10**4 else total + (section + digit) * last
            section = digit = 0
    colloquial = digit and last >= 100  # 一百二 is 120, 三万五 is 35,000
    return Fraction(total + section + (digit * last // 10 if colloquial and text[-2] not in "零〇○" else digit))


def english(words: list[str]) -> Fraction | None:
    """The value of number words such as ["three", "hundred", "and", "five"]; None where they are no number."""
    total = section = 0
    seen = False
    for word in words:
        if word == "and" and seen:
            continue
        if word in _ENGLISH:
            value = _ENGLISH[word]
            if section % 100 and not (section % 100 >= 20 and section % 10 == 0 and 0 < value < 10):
                return None
            section += value
        elif word == "hundred" and 0 < section < 10:
            section *= 100
        elif word in _SCALES and word != "hundred" and section:
            total, section = total + section * _SCALES[word], 0
        else:
            return None
        seen = True
    return Fraction(total + section) if seen else None
