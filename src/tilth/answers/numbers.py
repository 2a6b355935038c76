"""Answers that are one number, read exactly and compared with units, percent and rounding.

Reads signs, thousands in four styles (1,234 1 234 1.234.567 1'234), decimals with point or comma, scientific notation,
fractions and mixed fractions (plain, LaTeX, Unicode), percent, "3 million", Chinese and English numerals, a unit or
plain words behind. Values are `Fraction`. Bounded on hostile input: 400 characters, 1,000 digits, exponents of 400.
Costs about 10 us an answer.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from tilth.answers.chinese import NUMERAL, SCALES, chinese, english
from tilth.answers.clean import characters, squeezed, unwrapped
from tilth.answers.units import UNITS, Unit, unit_of
from tilth.answers.verdict import CheckSettings, How

_MOST_CHARS, _MOST_DIGITS, _MOST_EXPONENT = 400, 1000, 400

_INT = r"[0-9]++"
_GROUPED = (
    r"[0-9]{1,3}(?:,[0-9]{2,3}){0,99},[0-9]{3}(?![0-9])"
    r"|[0-9]{1,3}(?:['_][0-9]{3})++(?![0-9])|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})++(?![0-9]|\s?/)"
    r"|[0-9]{1,3}(?:\.[0-9]{3}){2,}+(?![0-9])"
)
_PLAIN = rf"(?:(?:{_GROUPED})|{_INT})(?:[.,][0-9]++)?+|\.[0-9]++"
_NUMBER = re.compile(rf"(?P<n>{_PLAIN})\.?(?![0-9])")
_EXPONENT = re.compile(
    r"(?:\s?[eE]\s?([+-]?[0-9]{1,6})(?![0-9])|\s?(?:\\times|\\cdot|[xX*])\s?10\s?(?:\^|\*\*)\s?\{?\s?([+-]?\s?[0-9]{1,6})\s?[})]?)"
)
_OVER = re.compile(rf"\s?/\s?(?P<n>{_INT})(?![0-9.,])")
_MIXED = re.compile(rf"(?:\s|\s?-\s?|\s(?:and|&)\s)(?P<a>{_INT})\s?/\s?(?P<b>{_INT})(?![0-9.,])")
_FRAC = re.compile(
    r"\\frac\s?(?:\{\s?(?P<a>-?\s?[0-9.,]{1,200})\s?\}|(?P<c>[0-9]))\s?(?:\{\s?(?P<b>-?\s?[0-9.,]{1,200})\s?\}|(?P<d>[0-9]))"
)
_REPEATING = re.compile(r"([0-9]{0,40})\.([0-9]{0,20})\\(?:overline|dot|bar)\s?\{([0-9]{1,20})\}")
_SIGN = re.compile(r"\s{0,2}([+-])\s{0,2}")
_LEAD = re.compile(
    r"(?:(?:about|approximately|around|roughly|exactly|nearly|only|a total of"
    r"|\\approx|\\sim|~|≈|=|约为?|大约|共计?|是|为|等于)"
    r"\s{0,2}|[A-Za-z](?:_\{?[A-Za-z0-9]{1,8}\}?)?\s?=\s?){1,3}",
    re.IGNORECASE,
)
_MONEY = re.compile(r"(\\?\$|US\$|USD|€|EUR|£|GBP|¥|￥|₹|Rs\.?|INR|CNY|RMB)\s{0,2}", re.IGNORECASE)
_ENGLISH = re.compile(r"[a-z]+(?:[\s-]+[a-z]+){0,12}", re.IGNORECASE)
_TAIL = re.compile(r"[^0-9=<>+*/^\\|\[\](){}!]*+")
_ZH_PER = "每"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it was read. `places` counts the decimals shown, None for an exact form; `label`: plain words."""

    value: Fraction
    places: int | None
    percent: bool
    unit: Unit | None
    label: str

    def text(self) -> str:
        """The number in one form, for a verdict."""
        value = str(self.value) if len(str(self.value)) <= 60 else f"{str(self.value)[:57]}..."
        return value + ("%" if self.percent else "") + (f" {self.unit.dimension}" if self.unit else "")


def quantity(text: str, comma: bool = False) -> Quantity | None:
    """The number that the whole of `text` states; None where it states none, or several.

    With `comma` 3,5 is three and a half. Without, it is two numbers, as mathematics in English writes them.
    """
    if len(text) > 4 * _MOST_CHARS:
        return None
    text = squeezed(unwrapped(characters(text)))[: _MOST_CHARS + 1]
    if not text or len(text) > _MOST_CHARS:
        return None
    if text.isascii() and text.isdigit():
        return Quantity(Fraction(int(text)), 0, False, None, "")
    text = text.rstrip(".。,;*` ")
    lead = _LEAD.match(text)
    text = text[lead.end() :] if lead else text
    sign, text = _sign(text)
    money = _MONEY.match(text)
    if money:
        again, text = _sign(text[money.end() :])
        sign *= again
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    read = _value(text, comma)
    if read is None:
        return None
    value, places, end = read
    return _with_tail(sign * value, places, text[end:], money[1].lstrip("\\").lower() if money else "")


def _sign(text: str) -> tuple[int, str]:
    found = _SIGN.match(text)
    return (1, text) if found is None else (-1 if found[1] == "-" else 1, text[found.end() :])


def _value(text: str, comma: bool) -> tuple[Fraction, int | None, int] | None:
    """The number at the beginning of `text`: value, decimals shown, and where it ends."""
    fraction = _FRAC.match(text)
    if fraction:
        value = _ratio(fraction["a"] or fraction["c"], fraction["b"] or fraction["d"])
        return None if value is None else (value, None, fraction.end())
    repeating = _REPEATING.match(text)
    if repeating:
        return (_repeated(*repeating.groups()), None, repeating.end())
    zh = NUMERAL.match(text) if not text.isascii() else None
    if zh and zh.end() and not zh.group().isascii():
        value = chinese(zh.group())
        return None if value is None else (value, None, zh.end())
    number = _NUMBER.match(text)
    return _english(text) if number is None else _digits(text, number, comma)


def _digits(text: str, number: re.Match[str], comma: bool) -> tuple[Fraction, int | None, int] | None:
    plain = _decimal(number["n"], comma)
    if plain is None:
        return None
    value, places = plain
    end = number.end("n")
    if not places:
        mixed = _MIXED.match(text, end)
        inner = _FRAC.match(text, end + (text[end : end + 1] == " "))
        over = _OVER.match(text, end)
        if mixed:
            part = _ratio(mixed["a"], mixed["b"])
            return None if part is None else (value + part, None, mixed.end())
        if inner:
            part = _ratio(inner["a"] or inner["c"], inner["b"] or inner["d"])
            return None if part is None else (value + part, None, inner.end())
        if over:
            part = _ratio(number["n"], over["n"])
            return None if part is None else (part, None, over.end())
    power = _EXPONENT.match(text, end)
    if power:
        exponent = int((power[1] or power[2]).replace(" ", ""))
        if abs(exponent) > _MOST_EXPONENT:
            return None
        return (value * Fraction(10) ** exponent, max(0, places - exponent), power.end())
    return (value, places, end)


def _decimal(written: str, comma: bool = False) -> tuple[Fraction, int] | None:
    """Digits with marks as a number and its count of decimals."""
    if len(written) > _MOST_DIGITS:
        return None
    plain = written.translate({ord(mark): None for mark in "'_ \u00a0\u202f"})
    if plain.count(".") > 1:  # 1.234.567,8
        plain = plain.replace(".", "").replace(",", ".")
    elif "," in plain:
        head, _, tail = plain.rpartition(",")
        if "." in head:  # 1.234,56
            plain = head.replace(".", "").replace(",", "") + "." + tail
        elif "." in tail or len(tail) == 3:
            plain = plain.replace(",", "")
        elif not comma:
            return None
        else:  # 3,5
            plain = head.replace(",", "") + "." + tail
    places = len(plain.partition(".")[2])
    return (Fraction(plain or "0") if plain != "." else Fraction(0), places)


def _ratio(above: str, below: str) -> Fraction | None:
    top, bottom = (
        _decimal(part.replace(" ", "").removeprefix("-")) if part.strip("-., ") else None for part in (above, below)
    )
    if top is None or bottom is None or not bottom[0]:
        return None
    sign = 1 if above.strip().startswith("-") == below.strip().startswith("-") else -1
    return sign * top[0] / bottom[0]


def _repeated(whole: str, fixed: str, cycle: str) -> Fraction:
    """0.1\\overline{6} is 1/6."""
    base = Fraction(int(whole or "0")) + Fraction(int(fixed or "0"), 10 ** len(fixed))
    return base + Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))


def _english(text: str) -> tuple[Fraction, int | None, int] | None:
    match = _ENGLISH.match(text)
    if match is None:
        return None
    words = re.split(r"[\s-]+", match.group().lower())
    for count in range(min(len(words), 10), 0, -1):
        value = english(words[:count])
        if value is not None and words[count - 1] != "and":
            end = re.match(rf"(?:[a-zA-Z]+[\s-]*){{{count}}}", text)
            return (value, None, end.end() if end else match.end())
    return None


def _with_tail(value: Fraction, places: int | None, tail: str, money: str) -> Quantity | None:
    """What stands behind the number: a factor, percent, a unit, plain words; None where it is more than that."""
    tail = tail.strip()
    word = tail.split(" ", 1)[0].lower().rstrip("s")
    if word in SCALES:
        value, places, tail = value * SCALES[word], None, tail[len(tail.split(" ", 1)[0]) :].strip()
    percent = False
    for mark in ("\\%", "%", "percentage points", "percent", "per cent"):
        if tail.lower().startswith(mark):
            percent, tail = True, tail[len(mark) :].strip()
            value /= 100
            places = None if places is None else places + 2
            break
    if tail.startswith("(") and tail.endswith(")"):
        tail = tail[1:-1].strip()
    if tail.startswith("个") and unit_of(tail) is None:
        tail = tail[1:]
    unit = UNITS.get(money) if money else _unit(tail)
    if unit is None and not _words(tail):
        return None
    return Quantity(value, places, percent, unit, tail)


def _unit(tail: str) -> Unit | None:
    if not tail:
        return None
    found = unit_of(tail)
    if found is None and " " in tail:  # "dollars per week", "hours each": the first word says the dimension
        first, _, rest = tail.partition(" ")
        found = unit_of(first) if not rest.startswith(("per ", "a ", "an ", "/")) else None
    return found


def _words(tail: str) -> bool:
    """Whether `tail` is a few plain words, as in "24 meatballs": no digits, no operators, no second statement."""
    return not tail or (
        len(tail) <= 80 and _TAIL.fullmatch(tail) is not None and " or " not in f" {tail} " and len(tail.split()) <= 8
    )


def same_number(answer: Quantity, gold: Quantity, settings: CheckSettings) -> tuple[bool, How, str]:
    """Whether two numbers are the same under `settings`, how that was decided, and in words."""
    a, g = answer, gold
    if a.unit and g.unit and a.unit != g.unit:
        if a.unit.dimension != g.unit.dimension:
            return (False, "units", f"{a.unit.dimension} against {g.unit.dimension}")
        converted = (a.value + a.unit.offset) * a.unit.factor / g.unit.factor - g.unit.offset
        a = Quantity(converted, a.places, a.percent, g.unit, a.label)
    elif g.unit and not a.unit and settings.unit_required:
        return (False, "units", f"no unit, expected one of {g.unit.dimension}")
    if a.value == g.value:
        return (True, "number", "equal exactly")
    if _near(a.value, g.value, settings):
        return (True, "tolerance", "equal within the tolerance")
    if _rounded(a, g, settings):
        return (True, "tolerance", "equal after rounding")
    if settings.percent_optional and a.percent != g.percent:
        bare = 100 * (a.value if a.percent else g.value)
        if bare == (g.value if a.percent else a.value):
            return (True, "number", "equal with the percent sign left out")
    return (False, "number", "different numbers")


def _near(answer: Fraction, gold: Fraction, settings: CheckSettings) -> bool:
    room = max(Fraction(settings.absolute_tolerance), Fraction(settings.relative_tolerance) * abs(gold))
    return abs(answer - gold) <= room


def _rounded(a: Quantity, g: Quantity, settings: CheckSettings) -> bool:
    """Whether one side shows decimals that round, half up or down, to the other, with digits enough to mean it."""
    if not settings.rounding_digits:
        return False
    for short, exact in ((a, g), (g, a)):
        if not short.places or not short.value or (exact.places is not None and exact.places <= short.places):
            continue
        if short is a and exact.places is not None:
            continue  # fewer decimals than a gold that is itself given in decimals: not precise enough
        if _digits_shown(short) >= settings.rounding_digits and abs(short.value - exact.value) <= Fraction(
            1, 2 * 10**short.places
        ):
            return True
    return False


def _digits_shown(number: Quantity) -> int:
    """Significant digits of a decimal as written: 3 of 0.333, 4 of 12.50."""
    return len(str(abs(number.value.numerator * 10 ** (number.places or 0)) // number.value.denominator))
