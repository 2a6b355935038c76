"""Every equation between numbers in a text, recomputed exactly.

Finds `a op b = c` and chains of it on each line, in plain, LaTeX and Chinese writing: units and currency, thousands
marks, percent, x × ÷ · ^, \\frac, \\times, full-width digits, `<<48/2=24>>`. Values are exact rationals; a side given in
decimals is right when the other rounds or truncates to it. What cannot be read for certain (a variable, a conversion
of units, mixed numbers, functions) is left alone and counted nowhere, so that a wrong count means wrong arithmetic.

Never calls eval. Bounded on hostile input: 200 equations a text, 200 characters and 48 tokens a side, numbers of 30
digits, exponents of 64, results of 4,096 bits. Costs about 12 us an equation.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from tilth.synth.checks.numbers import ascii_digits

#: A value without rounding.
Exact: TypeAlias = int | Fraction

_MOST_EQUATIONS, _MOST_CHARS, _MOST_TOKENS = 200, 200, 48
_MOST_DIGITS, _MOST_POWER, _MOST_BITS, _MOST_DEPTH = 30, 64, 4096, 12

#: Signs of equality; those of `_NEAR` promise no more than nearness.
_EQUALS = re.compile(r"(?<![<>=!:+\-*/~])(?:=|≈|≃|≅|\bequals\b|约等于|等于)(?![=<>~])")
_NEAR = frozenset({"≈", "≃", "≅", "约等于"})
_TOKEN = re.compile(r"(?:(?<![0-9])\.)?[0-9]++(?:[.,][0-9]++)*+| ?[^\W\d_]++(?:['’][^\W\d_]++)?+|\*\*|[^\s]")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})++(?:\.[0-9]++)?+")
#: The end of a clause, which no expression crosses. Cutting there first leaves little to take apart.
_CLAUSE = re.compile(r"[.,;] |[。，；、]")
#: Words that join sentences: never a unit behind a number.
_JOINING = frozenset(
    "and or is are was so then to with than but if when we for in at by from that has have he she".split()
)
#: Names of functions and constants: what follows them is no expression by itself.
_FUNCTIONS = frozenset("pi π sqrt root log ln sin cos tan gcd lcm max min mod f g h".split())
#: What each sign is: o operator, ( ), % percent. Digits are n, words w, and what is left is ? for doubt.
_KINDS = dict.fromkeys("+-*/^×÷·∙⋅∗−–⁄", "o") | {"**": "o", "(": "(", ")": ")", "%": "%", "²": "p", "³": "p"}
_OPERATORS = {
    "×": "*", "·": "*", "∙": "*", "⋅": "*", "∗": "*", "÷": "/", "⁄": "/", "−": "-", "–": "-", "**": "^",
    "plus": "+", "minus": "-", "times": "*", "x": "*", "X": "*", "of": "*", "加": "+", "加上": "+", "减": "-", "减去": "-",
    "乘": "*", "乘以": "*", "除以": "/",
}  # fmt: skip
_SCALES = {
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "万": 10**4, "亿": 10**8, "万元": 10**4, "亿元": 10**8,
    "万人": 10**4, "亿人": 10**8,
}  # fmt: skip
#: Units that convert into one another: an equation with two of a family may be right in a way not modelled here.
_FAMILIES = {
    unit: family
    for family, units in {
        "time": "second seconds sec s minute minutes min mins hour hours h hr hrs day days week weeks month months year "
        "years decade decades am pm 秒 分 分钟 小时 时 天 日 周 星期 月 个月 年",
        "length": "mm cm dm m km millimeter millimeters centimeter centimeters meter meters metre metres kilometer "
        "kilometers kilometre kilometres inch inches foot feet ft yard yards mile miles 毫米 厘米 分米 米 千米 公里",
        "mass": "mg g kg gram grams kilogram kilograms pound pounds lb lbs ounce ounces oz ton tons tonne tonnes 克 千克 "
        "公斤 吨 斤",
        "volume": "ml l liter liters litre litres cup cups pint pints quart quarts gallon gallons tablespoon tablespoons "
        "teaspoon teaspoons 毫升 升",
        "money": "cent cents dollar dollars penny pennies nickel nickels dime dimes quarter quarters 角 元 万元",
        "data": "bit bits byte bytes kb mb gb tb kib mib gib",
        "count": "dozen dozens half halves score gross pair pairs third thirds fourth fourths fifth fifths",
        "angle": "degree degrees radian radians rad c f k 度",
    }.items()
    for unit in units.split()
}
#: Factors between neighbouring units: 26 cents for 0.26 dollars is no error where a unit stands.
_FACTORS = frozenset(
    {2, 3, 4, 7, 10, 12, 16, 20, 24, 30, 36, 52, 60, 100, 144, 365, 1000, 1024, 1440, 1760, 2000, 3600, 5280, 10000}
)
#: Two expressions this near each other differ by a number that was rounded on the way.
_ROUGH = Fraction(1, 50)
_REMAINDER = re.compile(r"\s{0,3}(?:r\b|remainder|with|and [0-9]|余|[.…]{3})", re.IGNORECASE)
_FRAC = re.compile(r"\\[dt]?frac ?\{([^{}]{1,80})\} ?\{([^{}]{1,80})\}")
_SHORT_FRAC = re.compile(r"\\[dt]?frac ?([0-9]) ?([0-9])")
_GROUP = re.compile(r"\\(?:text|mathrm|textbf|mathbf|operatorname|mbox) ?\{([^{}]{0,80})\}")
_BOXED = re.compile(r"\\boxed ?\{([^{}]{0,80})\}")
_POWER = re.compile(r"\^ ?\{([^{}]{1,40})\}")
_LATEX = (
    ("\\times", "×"), ("\\cdot", "×"), ("\\div", "÷"), ("\\approx", "≈"), ("\\left", ""), ("\\right", ""),
    ("\\%", "%"), ("\\$", " "), ("{,}", ","), ("\\,", ""), ("\\!", ""), ("\\;", " "), ("\\quad", "  "), ("\\ ", " "),
)  # fmt: skip
_MONEY = str.maketrans(dict.fromkeys("$€£¥￥₹", " "))
_UNIT_IN_BRACKETS = re.compile(r"\( ?[^\W\d_]{1,12} ?\)")
_LEAD = re.compile(
    r"[ \t>]{0,20}(?:[-*+•][ \t]{1,4}|\(?[0-9]{1,3}[.)、][ \t]{1,4}|step ?[0-9]{1,3}[:.] ?)?", re.IGNORECASE
)


class Equation(NamedTuple):
    """One equation that could be recomputed."""

    text: str
    right: bool


class _Tokens(NamedTuple):
    words: list[str]
    kinds: str  # one character a token


class _Side(NamedTuple):
    """One side of an equation: its value, the value with percent signs left out, and how it was written."""

    value: Exact
    plain: Exact
    operators: int
    places: int | None  # decimals of a single number; None for an expression
    families: tuple[tuple[str, str], ...]  # (family, unit) of each convertible unit
    doubt: bool  # a letter that may be a variable, a product without a sign, a fraction of a fraction


def equations(text: str) -> list[Equation]:
    """The equations of `text` that can be recomputed, in order, at most 200."""
    found: list[Equation] = []
    text = ascii_digits(text)
    if _EQUALS.search(text) is None and "\\approx" not in text:
        return found
    for line in text.split("\n"):
        if "=" in line or "≈" in line or "equals" in line or "等于" in line or "\\approx" in line:
            found.extend(_line(line[: 40 * _MOST_CHARS]))
            if len(found) >= _MOST_EQUATIONS:
                return found[:_MOST_EQUATIONS]
    return found


def _line(line: str) -> list[Equation]:
    line = _plain(line)
    lead = _LEAD.match(line)
    start = lead.end() if lead else 0
    found: list[Equation] = []
    sign, left = "", None
    for match in _EQUALS.finditer(line, start):
        part = line[start : match.start()]
        if left is not None:
            found.extend(_judge(left, sign, part))
        left = _suffix(part)
        sign, start = match.group(), match.end()
    if left is not None:
        found.extend(_judge(left, sign, line[start:]))
    return found


def _plain(line: str) -> str:
    """LaTeX and currency taken out of a line."""
    if "\\" in line:
        line = _GROUP.sub(r" \1 ", _BOXED.sub(r"(\1)", line))
        for written, meant in _LATEX:
            line = line.replace(written, meant)
        line = _SHORT_FRAC.sub(r"(\1/\2)", line)
        for _ in range(3):
            if "frac" not in line:
                break
            line = _FRAC.sub(r"((\1)/(\2))", line)
    if "^" in line:
        line = _POWER.sub(r"^(\1)", line)
    line = line.replace("$", " ") if line.isascii() else line.translate(_MONEY)
    return _UNIT_IN_BRACKETS.sub(_unit, line) if "(" in line else line


def _unit(match: re.Match[str]) -> str:
    word = match.group()[1:-1].strip()
    return match.group() if len(word) == 1 and word.isascii() else f" {word} "


# ---- one equation


def _judge(left: tuple[_Side, str], sign: str, after: str) -> list[Equation]:
    """The equation as one item, or nothing where it cannot be told."""
    side, text = left
    right, first, shown = _prefix(after)
    if right is None or not (side.operators or right.operators):
        return []
    near = sign in _NEAR
    if _agree(side, right, near) or (first is not None and _agree(side, first, near)):
        return [Equation(f"{text} {sign} {shown}", True)]
    if _doubtful(side, right) or _REMAINDER.search(after):
        return []
    return [Equation(f"{text} {sign} {shown}", False)]


def _doubtful(left: _Side, right: _Side) -> bool:
    """Whether a disagreement may come from how we read: then it does not count."""
    if left.doubt or right.doubt or not left.operators:
        return True
    seen: dict[str, str] = {}
    for family, unit in (*left.families, *right.families):
        if seen.setdefault(family, unit).rstrip("s") != unit.rstrip("s"):
            return True
    if not left.value or not right.value:
        return False
    ratio = abs(Fraction(left.value) / Fraction(right.value))
    if right.operators and abs(ratio - 1) < _ROUGH:
        return True
    return bool(seen) and max(ratio, 1 / ratio) in _FACTORS


def _agree(left: _Side, right: _Side, near: bool) -> bool:
    """Whether the sides are equal, as fractions or with percent signs left out, to the digits shown."""
    if left.value == right.value or left.plain == right.plain:
        return True
    for a, b in (
        (left.value, right.value),
        (left.plain, right.plain),
        (left.value, right.plain),
        (left.plain, right.value),
    ):
        if a == b or _rounds(a, b, right.places, near) or _rounds(b, a, left.places, near):
            return True
    # 3 / 12 × 100 = 25%, and 3 / 12 = 25 with the sign left to the words around
    hundred = 100 * left.value
    return hundred == right.plain or _rounds(hundred, right.plain, right.places, near)


def _rounds(exact: Exact, shown: Exact, places: int | None, near: bool) -> bool:
    """Whether a number shown with `places` decimals stands for `exact`: rounded, or cut off after its last digit.

    A whole number after a plain equals sign stands only for values that are not whole, of ten or more.
    """
    if places is None:
        return False
    difference = abs(Fraction(exact) - Fraction(shown))
    if near:
        return difference <= (Fraction(1, 10**places) if places else _last_digit(shown))
    if not places and (exact.denominator == 1 or abs(shown) < 10):
        return False
    unit = Fraction(1, 10**places)
    return difference <= unit / 2 or (difference < unit and abs(shown) < abs(exact))


def _last_digit(shown: Exact) -> int:
    """The weight of a whole number's last digit that is not 0: 100 of 5,300."""
    whole = abs(int(shown))
    weight = 1
    while whole and whole % (10 * weight) == 0:
        weight *= 10
    return weight


# ---- finding one side


def _tokens(text: str) -> _Tokens:
    """Words and signs with their kinds; a word keeps the space before it, which tells 5 x from 5x."""
    words = _TOKEN.findall(text)
    kinds: list[str] = []
    for place, word in enumerate(words):
        kind = _KINDS.get(word)
        if kind is None:
            first = word[0]
            if "0" <= first <= "9" or (first == "." and len(word) > 1):
                kind = "n" if _certain(word) else "?"
            elif word[-1].isalpha():
                kind = _word_kind(words, kinds, place)
            else:
                kind = "?"
        kinds.append(kind)
    return _Tokens(words, "".join(kinds))


def _certain(number: str) -> bool:
    """Whether digits with marks are one number: 1,234.5 is, while 3,5 and 1.2.3 may be anything."""
    if "," in number:
        return _GROUPED.fullmatch(number) is not None
    return number.count(".") < 2


def _word_kind(words: list[str], kinds: list[str], place: int) -> str:
    if words[place].strip() in _OPERATORS and kinds and kinds[-1] in "n%w)":
        following = words[place + 1][0] if place + 1 < len(words) else ""
        if following.isdigit() or following == "(":
            return "o"
    return "?" if words[place].strip() in _JOINING else "w"


def _suffix(text: str) -> tuple[_Side, str] | None:
    """The longest expression at the end of `text`."""
    text = text[-_MOST_CHARS:]
    long = len(text) == _MOST_CHARS
    for match in _CLAUSE.finditer(text):
        text, long = match.string[match.end() :], False
    tokens = _tokens(text)
    start = _start(tokens)
    if start is None or start == len(tokens.words) or (long and not start):
        return None
    words = tokens.words[start:]
    side = _read(words, tokens.kinds[start:])
    return None if side is None else (side, _shown(words))


def _start(tokens: _Tokens) -> int | None:
    """Where the expression that ends with the last token begins; None where that is in doubt."""
    words, kinds = tokens
    depth = 0
    at = len(kinds)
    wanted = True  # the next token to the left must end an operand
    while at:
        kind = kinds[at - 1]
        if kind == "n":
            if not wanted:
                return None  # two numbers side by side: 1 1/2, or a number before the expression
            wanted = False
        elif kind == "o":
            if wanted:
                return None
            wanted = words[at - 1] not in "+-−–" or (at > 1 and kinds[at - 2] not in "(o")
        elif kind in "()":
            depth += 1 if kind == ")" else -1
            if depth < 0:
                return at  # an open bracket: the expression began behind it
            wanted = kind == ")"
        elif kind == "?" or (kind == "w" and not _unit_at(kinds, at - 1)):
            return None if depth or wanted or _tied(tokens, at) else at
        at -= 1
    return None if wanted or depth else 0


def _tied(tokens: _Tokens, at: int) -> bool:
    """Whether what stands before `at` ties the expression to itself: a function, a root, an index, 12:4."""
    sign = tokens.words[at - 1]
    if tokens.kinds[at - 1] == "w":
        return (
            tokens.kinds[at] == "(" or sign.strip().lower() in _FUNCTIONS or (at > 1 and tokens.words[at - 2] == "\\")
        )
    return (
        sign in "√_\\{}'|!"
        or (tokens.kinds[at] == "(" and sign not in ",.:;，。：；")
        or (at > 1 and sign in ":/" and tokens.kinds[at - 2] == "n")
    )


def _unit_at(kinds: str, at: int) -> bool:
    """Whether the word at `at` is a unit: at most three words behind a number, a percent sign or a bracket."""
    for kind in reversed(kinds[max(0, at - 3) : at]):
        if kind != "w":
            return kind in "n%)p"
    return False


def _prefix(text: str) -> tuple[_Side | None, _Side | None, str]:
    """The longest expression at the beginning of `text`, its first operand where it has more, and what was read."""
    text = text[:_MOST_CHARS]
    clause = _CLAUSE.search(text)
    tokens = _tokens(text[: clause.start()] if clause else text)
    end = _end(tokens)
    if not end:
        return (None, None, "")
    words, kinds = tokens.words[:end], tokens.kinds[:end]
    side = _read(words, kinds)
    first = None
    if side is None or side.operators:
        cut = kinds.find("o", 1)
        first = _read(words[:cut], kinds[:cut]) if cut > 0 else None
    return (side or first, first, _shown(words))


def _shown(words: list[str]) -> str:
    return " ".join(map(str.strip, words))


def _end(tokens: _Tokens) -> int:
    """How many tokens the expression at the beginning has; 0 for none."""
    words, kinds = tokens
    end = depth = 0
    wanted = True
    for place, kind in enumerate(kinds[:_MOST_TOKENS]):
        if kind == "?" or (kind == "w" and not _unit_at(kinds, place)):
            break
        if kind == "n":
            if not wanted:
                return 0 if kinds[place - 1] == "n" else end  # 3 1/2
            wanted = False
        elif kind == "o":
            if wanted and words[place] not in "+-−–":
                return end
            wanted = True
        elif kind == "(":
            if not wanted and kinds[place - 1] == "w":
                break
            depth, wanted = depth + 1, True
        elif kind == ")":
            depth, wanted = depth - 1, False
            if depth < 0:
                break
        if not wanted and not depth:
            end = place + 1
    return end


# ---- reading one side


def _read(words: list[str], kinds: str) -> _Side | None:
    """The value of an expression; None for what cannot be read or grows beyond the bounds."""
    if not words or len(words) > _MOST_TOKENS:
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
        places = len(words[kinds.index("n")].partition(".")[2]) + (2 if value != plain else 0)
    doubt = doubt or ")(" in kinds or "n(" in kinds or words.count("/") > 1
    return _Side(value, plain, operators, places, families, doubt)


def _units(words: list[str], kinds: str) -> tuple[tuple[tuple[str, str], ...], bool, bool]:
    """(convertible units, whether a word may be a variable, whether one is a scale) of an expression."""
    families: list[tuple[str, str]] = []
    doubt = scaled = False
    for place, kind in enumerate(kinds):
        if kind != "w":
            continue
        word = words[place].strip().lower()
        if word in _SCALES:
            scaled = True
            continue
        family = _FAMILIES.get(word)
        if family:
            families.append((family, word))
        variable = word.isascii() and (len(word) == 1 or (len(word) < 5 and words[place][0] != " " and not family))
        doubt = doubt or variable or (place > 0 and kinds[place - 1] == ")")
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
        return _OPERATORS.get(word, word)

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
        if exponent.denominator != 1 or abs(exponent) > _MOST_POWER:
            raise _UnreadableError
        return _raised(base, int(exponent))

    def operand(self) -> Exact:
        kind = self.kinds[self.at]
        self.at += 1
        if kind == "n":
            value = _number(self.words[self.at - 1])
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

    def deeper(self, read: Callable[[], Exact]) -> Exact:
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise _UnreadableError
        value = read()
        self.depth -= 1
        return value


def _number(text: str) -> Exact:
    if len(text) > _MOST_DIGITS:
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
