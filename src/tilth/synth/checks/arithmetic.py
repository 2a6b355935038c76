"""Every equation between numbers in a text, recomputed exactly.

Finds `a op b = c` and chains of it on each line, in plain, LaTeX and Chinese writing: units and currency, thousands
marks, percent, x × ÷ · ^, \\frac, \\times, full-width digits, `<<48/2=24>>`. Values are exact rationals; a side given
in decimals is right when the other rounds or truncates to it. What cannot be read for certain (a variable, a conversion
of units, mixed numbers, functions) is left alone and counted nowhere, so that a wrong count means wrong arithmetic.

Never calls eval. Bounded on hostile input: 200 equations a text, 200 characters and 48 tokens a side, numbers of 30
digits, exponents of 64, results of 4,096 bits. Costs about 5 us a plain equation, 40 us one that is not.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from tilth.synth.checks.exact import MOST_DIGITS, MOST_TOKENS, OPERATORS, Exact, Side, number, read
from tilth.synth.checks.numbers import ascii_digits

_MOST_EQUATIONS, _MOST_CHARS = 200, 200

#: Signs of equality; those of `_NEAR` promise no more than nearness.
_EQUALS = re.compile(r"=(?<![<>=!:+\-*/~]=)(?![=<>~])|[≈≃≅]|equals\b|约等于|等于")
#: A product, sum, difference or quotient of two plain numbers: most equations, confirmed without taking them apart.
_PLAIN = r"([0-9]++(?:,[0-9]{3})*+(?:\.[0-9]++)?+)"
_SIMPLE = re.compile(
    r"(?<![-+*/×÷^x(.,0-9])(?<![-+*/×÷^x(.,0-9] )"
    rf"{_PLAIN} ?([-+*/×÷x]) ?\$?{_PLAIN} ?(=) ?\$?{_PLAIN}(?![0-9,.]?[0-9]| ?[-+*/×÷^(%=])"
)
_SIGNS = ("=", "≈", "equals", "等于", "\\approx", "≃", "≅")
_NEAR = frozenset({"≈", "≃", "≅", "约等于"})
_TOKEN = re.compile(r"(?:(?<![0-9])\.)?[0-9]++(?:[.,][0-9]++)*+| ?[^\W\d_]++(?:['’][^\W\d_]++)?+|\*\*|[^\s]")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})++(?:\.[0-9]++)?+")
#: The end of a clause, which no expression crosses. Cutting there first leaves little to take apart.
_CLAUSE = re.compile(r"[.,;] |[。，；、]")
#: Words that join sentences: never a unit behind a number.
_JOINING = frozenset(
    "and or is are was so then to with than but if when we for in at by from that has have he she".split()  # noqa: SIM905
)
#: Names of functions and constants: what follows them is no expression by itself.
_FUNCTIONS = frozenset("pi π sqrt root log ln sin cos tan gcd lcm max min mod f g h".split())  # noqa: SIM905
#: What each sign is: o operator, ( ), % percent. Digits are n, words w, and what is left is ? for doubt.
_KINDS = dict.fromkeys("+-*/^×÷·∙⋅∗−–⁄", "o") | {"**": "o", "(": "(", ")": ")", "%": "%", "²": "p", "³": "p"}
#: Factors between neighbouring units: 26 cents for 0.26 dollars is no error where a unit stands.
_FACTORS = frozenset(
    {
        2,
        3,
        4,
        7,
        10,
        12,
        16,
        20,
        24,
        30,
        36,
        52,
        60,
        100,
        144,
        365,
        1000,
        1024,
        1440,
        1760,
        2000,
        3600,
        5280,
        10**4,
        10**6,
        10**8,
        10**9,
    }
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


def equations(text: str) -> list[Equation]:
    """The equations of `text` that can be recomputed, in order, at most 200."""
    found: list[Equation] = []
    text = ascii_digits(text)
    if not any(map(text.__contains__, _SIGNS)):
        return found
    for line in text.split("\n"):
        if any(map(line.__contains__, _SIGNS)):
            found.extend(_line(line[: 40 * _MOST_CHARS]))
            if len(found) >= _MOST_EQUATIONS:
                return found[:_MOST_EQUATIONS]
    return found


def _line(line: str) -> list[Equation]:
    line = _plain(line)
    lead = _LEAD.match(line)
    start = lead.end() if lead else 0
    confirmed = {match.start(4): match.group() for match in _SIMPLE.finditer(line) if _holds(match)}
    signs = list(_EQUALS.finditer(line, start))
    found: list[Equation] = []
    for place, sign in enumerate(signs):
        if sign.start() in confirmed:
            found.append(Equation(confirmed[sign.start()], True))
        else:
            after = signs[place + 1].start() if place + 1 < len(signs) else len(line)
            left = _suffix(line[start : sign.start()])
            found.extend(_judge(left, sign.group(), line[sign.end() : after]) if left else ())
        start = sign.end()
    return found


def _holds(match: re.Match[str]) -> bool:
    """Whether a simple equation is right as it stands; what is rounded, or wrong, is looked at again with care."""
    first, sign, second, _, result = match.groups()
    if max(len(first), len(second), len(result)) > MOST_DIGITS:
        return False
    a, b, c = number(first), number(second), number(result)
    if sign in "/÷":
        return a == b * c and b != 0
    return c == (a + b if sign == "+" else a - b if sign == "-" else a * b)


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


def _judge(left: tuple[Side, str], sign: str, after: str) -> list[Equation]:
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


def _doubtful(left: Side, right: Side) -> bool:
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
    if ratio in (100, Fraction(1, 100)) or (right.operators and abs(ratio - 1) < _ROUGH):
        return True  # a percent sign or a unit left to the words around, or a number rounded on the way
    return bool(seen) and max(ratio, 1 / ratio) in _FACTORS


def _agree(left: Side, right: Side, near: bool) -> bool:
    """Whether the sides are equal, as fractions or with percent signs left out, to the digits shown."""
    if left.value == right.value or left.plain == right.plain:
        return True
    return any(
        a == b or _rounds(a, b, shown_b, near) or _rounds(b, a, shown_a, near)
        for a, shown_a in _readings(left)
        for b, shown_b in _readings(right)
    )


def _readings(side: Side) -> tuple[tuple[Exact, int | None], ...]:
    """The value of a side and its decimals, as a fraction and with the percent signs left out."""
    if side.value == side.plain:
        return ((side.value, side.places),)
    places = None if side.places is None else side.places + 2
    return ((side.value, places), (side.plain, side.places))


def _rounds(exact: Exact, shown: Exact, places: int | None, near: bool) -> bool:
    """Whether a number shown with `places` decimals stands for `exact`: rounded, or cut off after its last digit.

    A whole number after a plain equals sign stands only for values that are not whole, of ten or more.
    """
    if places is None:
        return False
    difference = abs(Fraction(exact) - Fraction(shown))
    if near:
        return difference <= (Fraction(1, 10**places) if places else _last_digit(shown))
    size = abs(Fraction(shown))
    if not places and (exact.denominator == 1 or size < 10):
        return False
    unit = Fraction(1, 10**places)
    return difference <= unit / 2 or (difference < unit and size < abs(Fraction(exact)))


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
                kind = "%" if word.strip() == "percent" else _word_kind(words, kinds, place)
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
    if words[place].strip() in OPERATORS and kinds and kinds[-1] in "n%w)":
        following = words[place + 1][0] if place + 1 < len(words) else ""
        if following.isdigit() or following == "(":
            return "o"
    return "?" if words[place].strip() in _JOINING else "w"


def _suffix(text: str) -> tuple[Side, str] | None:
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
    side = read(words, tokens.kinds[start:])
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


def _prefix(text: str) -> tuple[Side | None, Side | None, str]:
    """The longest expression at the beginning of `text`, its first operand where it has more, and what was read."""
    text = text[:_MOST_CHARS]
    clause = _CLAUSE.search(text)
    tokens = _tokens(text[: clause.start()] if clause else text)
    end = _end(tokens)
    if not end:
        return (None, None, "")
    words, kinds = tokens.words[:end], tokens.kinds[:end]
    side = read(words, kinds)
    first = None
    if side is None or side.operators:
        cut = kinds.find("o", 1)
        first = read(words[:cut], kinds[:cut]) if cut > 0 else None
    return (side or first, first, _shown(words))


def _shown(words: list[str]) -> str:
    return " ".join(map(str.strip, words))


def _end(tokens: _Tokens) -> int:
    """How many tokens the expression at the beginning has; 0 for none."""
    words, kinds = tokens
    end = depth = 0
    wanted = True
    for place, kind in enumerate(kinds[:MOST_TOKENS]):
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
