"""Values of written expressions, exact: recursive descent over tokens, with units, percent signs and scales.

Never calls eval. Bounded: 48 tokens, numbers of 30 digits, exponents of 64, 12 brackets deep, results of 4,096 bits.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple, TypeAlias

#: A value without rounding.
Exact: TypeAlias = int | Fraction

#: Tokens that are read in one expression.
MOST_TOKENS = 48
MOST_DIGITS, _MOST_POWER, _MOST_BITS, _MOST_DEPTH = 30, 64, 4096, 12

OPERATORS = {
    "×": "*", "·": "*", "∙": "*", "⋅": "*", "∗": "*", "÷": "/", "⁄": "/", "−": "-", "–": "-", "**": "^",
    "plus": "+", "minus": "-", "times": "*", "x": "*", "X": "*", "of": "*", "加": "+", "加上": "+", "减": "-",
    "减去": "-", "乘": "*", "乘以": "*", "除以": "/",
}  # fmt: skip
_SCALES = {
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "万": 10**4, "亿": 10**8, "万元": 10**4, "亿元": 10**8,
    "万人": 10**4, "亿人": 10**8,
}  # fmt: skip
#: Units that convert into one another: an equation with two of a family may be right in a way not modelled here.
_FAMILIES = {
    unit: family
    for family, units in {
        "time": "second seconds sec s minute minutes min mins hour hours h hr hrs day days week weeks month months "
        "year years decade decades am pm 秒 分 分钟 小时 时 天 日 周 星期 月 个月 年",
        "length": "mm cm dm m km millimeter millimeters centimeter centimeters meter meters metre metres kilometer "
        "kilometers kilometre kilometres inch inches foot feet ft yard yards mile miles 毫米 厘米 分米 米 千米 公里",
        "mass": "mg g kg gram grams kilogram kilograms pound pounds lb lbs ounce ounces oz ton tons tonne tonnes 克 "
        "千克 公斤 吨 斤",
        "volume": "ml l liter liters litre litres cup cups pint pints quart quarts gallon gallons tablespoon "
        "tablespoons teaspoon teaspoons 毫升 升",
        "money": "cent cents dollar dollars penny pennies nickel nickels dime dimes quarter quarters 角 元 万元",
        "data": "bit bits byte bytes kb mb gb tb kib mib gib",
        "count": "dozen dozens half halves score gross pair pairs third thirds fourth fourths fifth fifths",
        "angle": "degree degrees radian radians rad c f k 度",
    }.items()
    for unit in units.split()
}


class Side(NamedTuple):
    """One side of an equation: its value, the value with percent signs left out, and how it was written."""

    value: Exact
    plain: Exact
    operators: int
    places: int | None  # decimals of a single number; None for an expression
    families: tuple[tuple[str, str], ...]  # (family, unit) of each convertible unit
    doubt: bool  # a letter that may be a variable, a product without a sign, a fraction of a fraction


def read(words: list[str], kinds: str) -> Side | None:
    """The value of an expression; None for what cannot be read or grows beyond the bounds."""
    if not words or len(words) > MOST_TOKENS:
        return None
    try:
        value = _Reader(words, kinds, Fraction(1, 100)).whole()
        plain = _Reader(words, kinds, 1).whole() if "%" in kinds else value
    except (_UnreadableError, ZeroDivisionError):
        return None
    operators = kinds.count("o", 1) + (")(" in kinds or "n(" in kinds)
    families, doubt, scaled = _units(words, kinds) if "w" in kinds else ((), False, False)
    places = None
    if kinds.count("n") == 1 and not scaled and "p" not in kinds:
        places = len(words[kinds.index("n")].partition(".")[2])
    doubt = doubt or ")(" in kinds or "n(" in kinds or words.count("/") > 1
    return Side(value, plain, operators, places, families, doubt)


def _units(words: list[str], kinds: str) -> tuple[tuple[tuple[str, str], ...], bool, bool]:
    """(convertible units, whether a word may be a variable, whether one is a scale) of an expression."""
    families: list[tuple[str, str]] = []
    doubt = scaled = False
    for place, kind in enumerate(kinds):
        if kind != "w":
            continue
        word = words[place].strip().lower()
        if word in _SCALES:
            families.append(("scale", word))
            scaled = True
            continue
        family = _FAMILIES.get(word)
        if family:
            families.append((family, word))
        variable = word.isascii() and (len(word) == 1 or (len(word) < 5 and words[place][0] != " " and not family))
        doubt = doubt or variable or word == "of" or (place > 0 and kinds[place - 1] == ")")
        doubt = (
            doubt or (not family and kinds[place + 1 : place + 2] in ("p",)) or words[place + 1 : place + 2] == ["^"]
        )
    return (tuple(families), doubt, scaled)


class _UnreadableError(Exception):
    """The tokens are no expression, or one beyond the bounds."""


class _Reader:
    """Recursive descent over tokens: sums of products of powers of operands."""

    __slots__ = ("at", "depth", "kinds", "percent", "words")

    def __init__(self, words: list[str], kinds: str, percent: Exact) -> None:
        self.words = words
        self.kinds = kinds + "$"  # the end
        self.at = 0
        self.depth = 0
        self.percent = percent

    def whole(self) -> Exact:
        value = self.sum()
        if self.kinds[self.at] != "$":
            raise _UnreadableError
        return value

    def operator(self) -> str:
        """The operator here, or "" for none."""
        if self.kinds[self.at] != "o":
            return ""
        word = self.words[self.at].strip()
        return OPERATORS.get(word, word)

    def sum(self) -> Exact:
        value = self.product()
        while (sign := self.operator()) in ("+", "-"):
            self.at += 1
            other = self.product()
            value = _bounded(value + other if sign == "+" else value - other)
        return value

    def product(self) -> Exact:
        value = self.power()
        while True:
            sign = self.operator()
            if sign in ("*", "/"):
                self.at += 1
            elif self.kinds[self.at] != "(":
                return value
            other = self.power()
            value = _divided(value, other) if sign == "/" else _bounded(value * other)

    def power(self) -> Exact:
        sign = self.operator()
        if sign in ("+", "-"):
            self.at += 1
            value = self.deeper(self.power)
            return value if sign == "+" else -value
        base = self.operand()
        if self.operator() != "^":
            return base
        self.at += 1
        exponent = self.deeper(self.power)
        if exponent.denominator != 1 or not -_MOST_POWER <= exponent <= _MOST_POWER:
            raise _UnreadableError
        return _raised(base, int(exponent))

    def operand(self) -> Exact:
        kind = self.kinds[self.at]
        self.at += 1
        if kind == "n":
            value = number(self.words[self.at - 1])
        elif kind == "(":
            value = self.deeper(self.sum)
            if self.kinds[self.at] != ")":
                raise _UnreadableError
            self.at += 1
        else:
            raise _UnreadableError
        return self.unit(value)

    def unit(self, value: Exact) -> Exact:
        """The operand with its percent signs, scales, units and powers of units read."""
        while (kind := self.kinds[self.at]) in "%wp":
            if kind == "%":
                value = value * self.percent
            elif kind == "w":
                value = value * _SCALES.get(self.words[self.at].strip().lower(), 1)
                if self.kinds[self.at + 1] == "p":  # a square metre
                    self.at += 1
            else:
                value = _raised(value, 2 if self.words[self.at] == "²" else 3)
            self.at += 1
        return _bounded(value)

    def deeper(self, reader: Callable[[], Exact]) -> Exact:
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise _UnreadableError
        value = reader()
        self.depth -= 1
        return value


def number(text: str) -> Exact:
    if len(text) > MOST_DIGITS:
        raise _UnreadableError
    whole, point, decimals = text.replace(",", "").partition(".")
    return Fraction(int(whole + decimals), 10 ** len(decimals)) if point else int(whole)


def _divided(value: Exact, other: Exact) -> Exact:
    if isinstance(value, int) and isinstance(other, int) and other and value % other == 0:
        return value // other
    return _bounded(Fraction(value) / other)


def _raised(base: Exact, exponent: int) -> Exact:
    if base.numerator.bit_length() * abs(exponent) > _MOST_BITS:
        raise _UnreadableError
    return _bounded(base**exponent if isinstance(base, int) and exponent >= 0 else Fraction(base) ** exponent)


def _bounded(value: Exact) -> Exact:
    if value.numerator.bit_length() > _MOST_BITS or value.denominator.bit_length() > _MOST_BITS:
        raise _UnreadableError
    return value
