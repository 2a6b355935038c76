"""Expressions evaluated at fixed points, to refuse what plainly differs without computer algebra.

Reads LaTeX and plain writing: + - * / ^ ! | |, fractions, roots, common functions, pi, e, i and implicit products.
Each variable gets fixed positive values, so that equal expressions agree at every point; what differs at one is
unequal. Agreement proves nothing here: the caller asks SymPy. What is not understood gives None.

Never calls eval. Bounded: 300 tokens, 40 levels, 12 variables; powers overflow to None. About 30 us an expression.
"""

import cmath
import math
import re
from collections.abc import Callable, Iterator
from hashlib import blake2b

Values = tuple[complex, ...]

_MOST_SIGN_OR_NAMES, _MOST_LEVELS, _MOST_VARIABLES, _POINTS = 300, 40, 12, 3
_SIGN_OR_NAME = re.compile(
    r"\s*(?:([0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})|(\\[A-Za-z]+)|([A-Za-z])|(\*\*|[-+*/^(){}\[\]!|_])|(\S))"
)
_WORDS = re.compile(
    r"(?<![A-Za-z\\])(sqrt|sin|cos|tan|sec|csc|cot|arcsin|arccos|arctan|asin|acos|atan|sinh|cosh|tanh|ln|exp|pi)(?![A-Za-z])"
)
_FUNCTIONS: dict[str, Callable[[complex], complex]] = {
    "\\sin": cmath.sin, "\\cos": cmath.cos, "\\tan": cmath.tan, "\\arcsin": cmath.asin, "\\arccos": cmath.acos,
    "\\arctan": cmath.atan, "\\asin": cmath.asin, "\\acos": cmath.acos, "\\atan": cmath.atan, "\\sinh": cmath.sinh,
    "\\cosh": cmath.cosh, "\\tanh": cmath.tanh, "\\ln": cmath.log, "\\exp": cmath.exp,
    "\\sec": lambda z: 1 / cmath.cos(z), "\\csc": lambda z: 1 / cmath.sin(z), "\\cot": lambda z: 1 / cmath.tan(z),
}  # fmt: skip
_GREEK = frozenset("\\" + name for name in ("alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "nu",
                   "rho", "sigma", "tau", "phi", "omega", "kappa", "eta", "xi", "zeta", "psi", "chi"))  # fmt: skip
_OPEN = {"(": ")", "{": "}", "[": "]"}
#: Relative difference above which two values are not equal; float error of such expressions stays below 1e-9.
_DIFFERENT = 1e-6


class _Unknown(Exception):
    """Something this reader does not understand."""


def evaluate(text: str) -> Values | None:
    """The values of an expression at the fixed points; None where it is not understood."""
    try:
        return _Reader(text).whole()
    except (_Unknown, ArithmeticError, ValueError):  # overflow and division by zero are for SymPy to judge
        return None


def differ(one: Values, other: Values) -> bool:
    """Whether two expressions have clearly different values at some point."""
    return any(abs(a - b) > _DIFFERENT * max(abs(a), abs(b)) + 1e-9 for a, b in zip(one, other, strict=True))


def _points(name: str) -> Values:
    """The fixed values of a variable, from 0.4 to 1.6, so that roots and logarithms of them stay real."""
    digest = blake2b(name.encode(), digest_size=4 * _POINTS).digest()
    parts = (int.from_bytes(digest[4 * at : 4 * at + 4], "big") for at in range(_POINTS))
    return tuple(complex(0.4 + 1.2 * part / 2**32) for part in parts)


def _each(function: Callable[..., complex], *values: Values) -> Values:
    found = tuple(function(*row) for row in zip(*values, strict=True))
    if any(not cmath.isfinite(one) for one in found):
        raise _Unknown
    return found


def _power(base: complex, exponent: complex) -> complex:
    if abs(exponent) > 1e4:  # keeps a tower of powers from looking like a number
        raise _Unknown
    return complex(base**exponent)


def _factorial(value: complex) -> complex:
    whole = round(value.real)
    if value.imag or abs(value.real - whole) > 1e-9 or not 0 <= whole <= 150:
        raise _Unknown
    return complex(math.factorial(whole))


def _tokens(text: str) -> Iterator[str]:
    text = _WORDS.sub(r"\\\1 ", text)
    at = count = 0
    text = text.rstrip()
    while at < len(text):
        match = _SIGN_OR_NAME.match(text, at)
        if match is None or match[5] or count >= _MOST_SIGN_OR_NAMES:
            raise _Unknown
        at, count = match.end(), count + 1
        yield match.group().strip()


class _Reader:
    """Recursive descent over the tokens, evaluating as it reads."""

    def __init__(self, text: str) -> None:
        self.tokens = [*_tokens(text), ""]
        self.at = self.level = 0
        self.names: set[str] = set()

    def whole(self) -> Values:
        value = self.sum()
        if self.tokens[self.at]:
            raise _Unknown
        return value

    def take(self) -> str:
        sign = self.tokens[self.at]
        self.at += bool(sign)
        return sign

    def expect(self, sign: str) -> None:
        if self.take() != sign:
            raise _Unknown

    def sum(self) -> Values:
        self.level += 1
        if self.level > _MOST_LEVELS:
            raise _Unknown
        value = self.product()
        while self.tokens[self.at] in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value = _each(lambda a, b, sign=sign: a + sign * b, value, self.product())
        self.level -= 1
        return value

    def product(self) -> Values:
        value = self.signed()
        while (sign := self.tokens[self.at]) in ("*", "/", "\\cdot", "\\times", "\\div") or self._starts(sign):
            if sign in ("/", "\\div"):
                self.take()
                value = _each(lambda a, b: a / b, value, self.signed())
            else:
                if not self._starts(sign):
                    self.take()
                value = _each(lambda a, b: a * b, value, self.signed())
        return value

    def _starts(self, sign: str) -> bool:
        """Whether `sign` begins a factor without a sign of multiplication before it."""
        if sign and sign[0].isdigit():
            return not self.tokens[self.at - 1][-1].isdigit()  # 2 3 is no product
        return bool(sign) and (
            sign[0].isalpha() or sign in "({" or (sign[0] == "\\" and sign not in ("\\cdot", "\\times", "\\div"))
        )

    def signed(self) -> Values:
        sign = 1
        while self.tokens[self.at] in ("+", "-"):
            sign *= 1 if self.take() == "+" else -1
        value = self.power()
        return value if sign == 1 else _each(lambda a: -a, value)

    def power(self) -> Values:
        value = self.atom()
        while self.tokens[self.at] == "!":
            self.take()
            value = _each(_factorial, value)
        if self.tokens[self.at] in ("^", "**"):
            self.take()
            if self.tokens[self.at] == "\\circ":
                self.take()
                return value
            self.level += 1
            if self.level > _MOST_LEVELS:
                raise _Unknown
            exponent = self.group() if self.tokens[self.at] == "{" else self.signed_power()
            self.level -= 1
            value = _each(_power, value, exponent)
        return value

    def signed_power(self) -> Values:
        if self.tokens[self.at] == "-":
            self.take()
            return _each(lambda a: -a, self.power())
        return self.power()

    def group(self) -> Values:
        opening = self.take()
        if opening not in _OPEN:
            self.at -= 1
            sign = self.tokens[self.at]
            if len(sign) > 1 and sign.isdigit():  # \frac12 is one half
                self.tokens[self.at : self.at + 1] = list(sign)
            return self.atom()
        value = self.sum()
        self.expect(_OPEN[opening])
        return value

    def atom(self) -> Values:
        sign = self.take()
        if sign and (sign[0].isdigit() or sign[0] == "."):
            return (complex(float(sign)),) * _POINTS
        if sign in ("(", "{"):
            self.at -= 1
            return self.group()
        if sign == "|":
            value = self.sum()
            self.expect("|")
            return _each(lambda a: complex(abs(a)), value)
        if sign.startswith("\\"):
            return self.command(sign)
        return self.variable(sign)

    def command(self, sign: str) -> Values:
        if sign in ("\\frac", "\\binom"):
            above, below = self.group(), self.group()
            if sign == "\\binom":
                return _each(lambda a, b: _factorial(a) / (_factorial(b) * _factorial(a - b)), above, below)
            return _each(lambda a, b: a / b, above, below)
        if sign == "\\sqrt":
            degree = self.group() if self.tokens[self.at] == "[" else (2 + 0j,) * _POINTS
            return _each(lambda a, n: a ** (1 / n), self.group(), degree)
        if sign in _FUNCTIONS:
            return self.function(_FUNCTIONS[sign])
        if sign == "\\pi":
            return (complex(math.pi),) * _POINTS
        if sign in _GREEK:
            return self.variable(sign)
        raise _Unknown

    def function(self, function: Callable[[complex], complex]) -> Values:
        exponent = None
        if self.tokens[self.at] == "^":
            self.take()
            exponent = self.group()
            if exponent[0].real < 0:  # sin^{-1} is read in two ways
                raise _Unknown
        self.level += 1
        if self.level > _MOST_LEVELS:
            raise _Unknown
        value = self.group() if self.tokens[self.at] in _OPEN else self.bare_argument()
        self.level -= 1
        value = _each(function, value)
        return value if exponent is None else _each(_power, value, exponent)

    def bare_argument(self) -> Values:
        """The argument of sin 2x: the factors up to the next sign or function."""
        value = self.power()
        while (
            self._starts(self.tokens[self.at])
            and self.tokens[self.at] not in _FUNCTIONS
            and self.tokens[self.at] != "("
        ):
            value = _each(lambda a, b: a * b, value, self.power())
        return value

    def variable(self, name: str) -> Values:
        if name == "i":
            return (1j,) * _POINTS
        if name == "e":
            return (complex(math.e),) * _POINTS
        if not (name.isalpha() or name in _GREEK) or self.tokens[self.at] == "_":
            raise _Unknown
        self.names.add(name)
        if len(self.names) > _MOST_VARIABLES:
            raise _Unknown
        return _points(name)
