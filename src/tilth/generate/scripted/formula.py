"""Worked arithmetic as a formula: the numbers of a question, the equations of its solution, and other numbers for both.

Reads solutions whose steps stand as `<<48/2=24>>` (GSM8K) or as one expression `( 76.0 - 25.0 )` (SVAMP). A number of
an equation is an earlier result, a number of the question, or a constant. Only numbers whose part is beyond doubt are
varied: they stand in the question once, as digits, and are no everyday constant. Exact (fractions); the formula has to
give the known answer, or there is none. Costs about 50 us to read a solution and 30 us to try one set of numbers.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

NUMBER = re.compile(r"\d{1,9}(?:,\d{3}){0,3}(?:\.\d{1,6})?")
_STEP = re.compile(r"<<([^<>=]{1,200})=([^<>=]{1,40})>>")
_WHOLE = re.compile(r"[\d\s.()+*/-]{3,200}")
_TOKEN = re.compile(r"\s{0,5}(?:(\d{1,12}(?:\.\d{0,6})?|\.\d{1,6})|([-+*/()]))")
#: Numbers that a solution may use without having them from the question: halves, percent, units of time and length.
_CONSTANTS = frozenset((0, 1, 2, 7, 10, 12, 24, 30, 52, 60, 100, 365, 1000))
#: Signs beside a number that make it a part of something else: a fraction, a clock time, a date, a code.
_PART = re.compile(r"[/:\-\w.,]")
_WORDS = {"three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "dozen": 12, "twice": 2}
_MOST_STEPS = 12
_TRIES = 40

Value = Fraction
#: A token of an expression: a number, an operator, or the name of a variable ("q3": the question's, "r0": a result).
Token = Value | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """`steps` are the equations; `varied` names numbers of the question by their place, with their value."""

    steps: tuple[tuple[Token, ...], ...]
    varied: Mapping[int, Value]
    percent: frozenset[int]  # of `varied`, those that are percentages
    answer: Value

    def results(self, numbers: Mapping[int, Value]) -> list[Value] | None:
        """The result of each step with other numbers; None where something is divided by 0."""
        values: dict[str, Value] = {f"q{place}": value for place, value in {**self.varied, **numbers}.items()}
        for index, step in enumerate(self.steps):
            value = _evaluate(
                [values[token] if isinstance(token, str) and token in values else token for token in step]
            )
            if value is None:
                return None
            values[f"r{index}"] = value
        return [values[f"r{index}"] for index in range(len(self.steps))]

    def lines(self, numbers: Mapping[int, Value]) -> list[str]:
        """Each step with its numbers put in: `48 / 2 = 24`."""
        results = self.results(numbers) or []
        values = {f"q{place}": value for place, value in {**self.varied, **numbers}.items()}
        lines = []
        for index, step in enumerate(self.steps):
            shown = [_shown(values.get(token, token) if isinstance(token, str) else token) for token in step]
            lines.append(" ".join(shown).replace("( ", "(").replace(" )", ")") + f" = {show(results[index])}")
            values[f"r{index}"] = results[index]
        return lines


def read_formula(question: str, answer: str, solution: str | None) -> Formula | None:
    """The formula of a worked question, or None where its solution is no arithmetic that gives the answer."""
    gold = number_of(answer)
    expressions = _expressions(solution or "")
    if gold is None or not expressions or len(expressions) > _MOST_STEPS:
        return None
    varied, percent = _numbers(question)
    by_value = {value: f"q{place}" for place, value in varied.items()}
    steps: list[tuple[Token, ...]] = []
    results: dict[Value, str] = {}
    for index, (text, stated) in enumerate(expressions):
        tokens = _tokens(text)
        if tokens is None:
            return None
        value = _evaluate(tokens)
        if value is None or (stated is not None and value != stated):
            return None
        named = [
            results.get(token, by_value.get(token, token)) if isinstance(token, Value) else token for token in tokens
        ]
        steps.append(tuple(named))
        results[value] = f"r{index}"
    used = {token for step in steps for token in step if isinstance(token, str)}
    kept = {place: value for place, value in varied.items() if f"q{place}" in used}
    if value != gold or not kept:
        return None
    return Formula(steps=tuple(steps), varied=kept, percent=percent & kept.keys(), answer=gold)


def vary(formula: Formula, draw: random.Random) -> dict[int, Value] | None:
    """Other numbers under which every step stays as round and as positive as it was; None where none are found."""
    before = formula.results({})
    for _ in range(_TRIES):
        numbers = {place: _another(value, place in formula.percent, draw) for place, value in formula.varied.items()}
        if numbers == dict(formula.varied) or len(set(numbers.values())) < len(numbers):
            continue
        after = formula.results(numbers)
        if after and before and all(_like(new, old) for new, old in zip(after, before, strict=True)):
            return numbers
    return None


def number_of(text: str) -> Value | None:
    """A number as it is written, thousands marks and all; None where the text is more than one number."""
    bare = text.strip().replace(",", "").removeprefix("$").removesuffix("%").strip()
    if not re.fullmatch(r"-?\d{1,15}(?:\.\d{1,9})?", bare):
        return None
    return Fraction(bare)


def show(value: Value) -> str:
    """A number in plain digits; a fraction where the digits do not end."""
    if value.denominator == 1:
        return str(value.numerator)
    bare = value.denominator
    for factor in (2, 5):
        while bare % factor == 0:
            bare //= factor
    return f"{float(value):.6f}".rstrip("0") if bare == 1 else f"{value.numerator}/{value.denominator}"


def put(question: str, numbers: Mapping[int, Value]) -> str:
    """The question with other numbers in the places that `numbers` names."""
    places = iter(range(len(question)))
    return NUMBER.sub(lambda match: show(numbers[place]) if (place := next(places)) in numbers else match[0], question)


def _expressions(solution: str) -> list[tuple[str, Value | None]]:
    steps = [(match[1], number_of(match[2])) for match in _STEP.finditer(solution)]
    if steps:
        return [] if any(stated is None for _, stated in steps) else list(steps)
    bare = solution.strip()
    if bare.startswith("(") and bare.endswith(")") and "(" not in bare[1:-1]:
        bare = bare[1:-1]
    return [(bare, None)] if _WHOLE.fullmatch(bare) and any(sign in bare for sign in "+-*/") else []


def _numbers(question: str) -> tuple[dict[int, Value], frozenset[int]]:
    """Numbers of the question that may be varied, by place, and those that are percentages."""
    found: dict[int, Value] = {}
    percent = set()
    words = {_WORDS[word] for word in re.findall(r"[a-z]{3,6}", question.lower()) if word in _WORDS}
    seen: list[Value] = []
    for place, match in enumerate(NUMBER.finditer(question)):
        value = Fraction(match[0].replace(",", ""))
        seen.append(value)
        after = question[match.end() : match.end() + 2]
        apart = question[match.start() - 1 : match.start()] if match.start() else ""
        part = _PART.match(apart) or (after[:1] not in (".", ",", "") and _PART.match(after))
        ends = len(after) == 2 and after[0] in ".," and after[1].isdigit()
        if part or ends or value.denominator != 1 or value in _CONSTANTS or value in words:
            continue
        found[place] = value
        if after[:1] == "%":
            percent.add(place)
    alone = {place: value for place, value in found.items() if seen.count(value) == 1}
    return alone, frozenset(percent)


def _tokens(text: str) -> list[Token] | None:
    tokens: list[Token] = []
    place = 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return None
        tokens.append(Fraction(match[1]) if match[1] else match[2])
        place = match.end()
    return tokens


def _evaluate(tokens: Sequence[Token]) -> Value | None:
    """The value of an expression, or None where it is none. Two stacks; a minus before a number is taken from 0."""
    values: list[Value] = []
    signs: list[str] = []
    before: Token = "("
    for token in tokens:
        if isinstance(token, Value):
            values.append(token)
        elif token in _OPEN:
            signs.append(token)
        elif token in _SHUT:
            while signs and signs[-1] != "(":
                if not _apply(values, signs.pop()):
                    return None
            if not signs:
                return None
            signs.pop()
        else:
            if isinstance(before, str) and before not in _SHUT:
                values.append(Fraction(0))
            while signs and signs[-1] != "(" and _RANK[signs[-1]] >= _RANK.get(token, 0):
                if not _apply(values, signs.pop()):
                    return None
            signs.append(token)
        before = token
    while signs:
        if not _apply(values, signs.pop()):
            return None
    return values[0] if len(values) == 1 else None


_OPEN, _SHUT = frozenset("("), frozenset(")")
_RANK = {"+": 1, "-": 1, "*": 2, "/": 2}


def _apply(values: list[Value], sign: str) -> bool:
    if len(values) < 2 or sign not in _RANK:
        return False
    right, left = values.pop(), values.pop()
    if sign == "/" and right == 0:
        return False
    values.append(
        left + right if sign == "+" else left - right if sign == "-" else left * right if sign == "*" else left / right
    )
    return True


def _another(value: Value, percent: bool, draw: random.Random) -> Value:
    """A number of the same size and roundness."""
    whole = value.numerator
    step = next(unit for unit in (100, 50, 10, 5, 1) if whole % unit == 0 and (whole >= 2 * unit or unit == 1))
    low, high = max(3, whole // 2), min(95, 2 * whole) if percent and whole < 100 else 2 * whole + 1
    drawn = draw.randint(max(1, low // step), max(high // step, low // step, 1)) * step
    return Fraction(drawn if drawn not in _CONSTANTS else drawn + step)


def _like(new: Value, old: Value) -> bool:
    """As positive and as whole as the old one; a decimal may have two places at most."""
    if (new > 0) != (old > 0) or (old.denominator == 1 and new.denominator != 1):
        return False
    return new.denominator == 1 or (100 % new.denominator == 0)


def _shown(token: Token) -> str:
    return token if isinstance(token, str) else show(token)
