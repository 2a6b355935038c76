"""Word problems from a document's own numbers, with worked arithmetic.

Only like is reckoned with like: the same unit for sums, differences and ratios, years only with years, a percentage
only of what the source says it is of, a rate only times its own unit, a table's column only within itself. Every line
`a + b = c` is exact (`Decimal`); a quotient that does not end within two decimals is written with ≈.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.quantities import quantities
from tilth.generate.engines.extractive.quantity import Quantity, plain
from tilth.generate.engines.extractive.tables import Grid, grids, measures, numeric_column
from tilth.generate.engines.extractive.wording import Words, words_for

MOST_TRIED = 40  # candidate problems built for one document
#: Most sentences with figures between two numbers that are compared: what a percentage is of changes fastest.
NEAR = {"percent": 1, "count": 2, "measure": 3, "money": 3}
NEAR_YEARS = 8
LIKE = 500  # the larger of two compared numbers is at most this many times the smaller
GROUPS = (50, 80, 100, 120, 150, 200, 240, 250, 300, 400, 500, 600, 800, 1000, 2000, 4000, 5000, 10000)
SPANS = ((2, 5), (3, 7), (4, 9), (5, 12), (6, 10), (8, 20))
_DURATIONS = frozenset(
    [
        "seconds",
        "minutes",
        "hours",
        "days",
        "weeks",
        "months",
        "years",
        "小时",
        "分钟",
        "秒",
        "天",
        "日",
        "个月",
        "年",
        "周",
        "小時",
        "分鐘",
        "個月",
    ]
)
_PLURAL = {"person": "people", "child": "children", "copy": "copies"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Context (sentences or rows of the source), question, steps with their calculations, answer."""

    context: str
    question: str
    steps: tuple[str, ...]
    answer: str


def problem(document: Document, draw: random.Random, room: int) -> str | None:
    """A problem with its solution as Markdown, or None where no two numbers go together."""
    say = words_for(document.tongue)
    made = _from_quantities(quantities(document), say, draw) or _from_tables(document, say, draw)
    if made is None:
        return None
    text = _layout(made, say, draw)
    return text if len(text) <= room else None


def _from_quantities(found: Sequence[Quantity], say: Words, draw: random.Random) -> Problem | None:
    """Try the kinds of problem in a drawn order; years come later, since nearly every text has some."""
    makers: list[tuple[float, Callable[[], Problem | None]]] = []
    for quantity in found if not say.tongue.chinese else ():
        if quantity.per:
            makers.append((draw.random(), lambda quantity=quantity: _rate(quantity, say, draw)))  # type: ignore[misc]
        if quantity.kind == "percent" and quantity.of and 0 < quantity.value < 100:
            makers.append((draw.random(), lambda quantity=quantity: _group(quantity, say, draw)))  # type: ignore[misc]
    for (kind, _), group in _groups(found).items():
        make = _years if kind == "year" else _same_unit
        late = 0.4 if kind == "year" else 0.0
        makers.append((late + draw.random(), lambda group=group, make=make: make(group, say, draw)))  # type: ignore[misc]
    for _, attempt in sorted(makers, key=lambda maker: maker[0])[:MOST_TRIED]:
        made = attempt()
        if made is not None:
            return made
    return None


def _groups(found: Sequence[Quantity]) -> dict[tuple[str, str], list[Quantity]]:
    """Quantities by kind and unit, one a value, groups of at least two."""
    groups: dict[tuple[str, str], list[Quantity]] = defaultdict(list)
    for quantity in found:
        group = groups[quantity.kind, quantity.unit]
        if not quantity.per and len(group) < 60 and all(quantity.value != other.value for other in group):
            group.append(quantity)
    return {key: group for key, group in groups.items() if len(group) >= 2}


def _context(chosen: Sequence[Quantity], say: Words) -> str:
    """The sentences that the numbers stand in, each once, in order."""
    ordered = sorted({quantity.order: quantity.sentence for quantity in chosen}.items())
    return say("join").join(sentence for _, sentence in ordered)


def _about(say: Words, sign: str) -> str:
    return "" if sign == "=" else say("about")


# ---- kinds of problem ----


def _same_unit(group: list[Quantity], say: Words, draw: random.Random) -> Problem | None:
    """Two quantities with one unit: difference and ratio, increase in percent, or two periods end to end."""
    pair = _pair(group, draw)
    if pair is None:
        return None
    low, high = sorted(pair, key=lambda quantity: quantity.value)
    gap = high.value - low.value
    a, b, difference = plain(high.value), plain(low.value), plain(gap)
    steps = [
        *_written_out((high, low), say),
        say("difference", a=a, b=b, c=difference, unit=named(gap, high.name)),
    ]
    shown = {"high": high.shown, "low": low.shown, "unit": high.name}
    if high.unit in _DURATIONS and draw.random() < 0.4:
        total = plain(high.value + low.value)
        steps.append(say("total", a=a, b=b, c=total, unit=high.name))
        question, answer = (
            say("ask_together", **shown),
            say("answer_together", d=difference, t=total, unit=high.name, one=named(gap, high.name)),
        )
    elif high.kind != "percent" and draw.random() < 0.5:
        hundredfold = (high.value - low.value) * 100
        share, sign = quotient(hundredfold, low.value)
        steps.append(say("hundred", a=difference, b=plain(hundredfold)))
        steps.append(say("increase", a=plain(hundredfold), b=b, c=plain(share), sign=sign, about=_about(say, sign)))
        question = say("ask_increase", **shown)
        answer = say(
            "answer_increase", d=difference, unit=named(gap, high.name), p=plain(share), about=_about(say, sign)
        )
    else:
        ratio, sign = quotient(high.value, low.value)
        steps.append(say("ratio", a=a, b=b, c=plain(ratio), sign=sign))
        kind = "points" if high.kind == "percent" else "ratio"
        question = say(f"ask_{kind}", **shown)
        answer = say(
            f"answer_{kind}", d=difference, unit=named(gap, high.name), r=plain(ratio), about=_about(say, sign)
        )
    return Problem(_context(pair, say), question, tuple(steps), answer)


def _pair(group: list[Quantity], draw: random.Random) -> tuple[Quantity, Quantity] | None:
    """Two quantities that stand near each other and are of like size, or None."""
    near = [
        (first, second)
        for index, first in enumerate(group[:40])
        for second in group[index + 1 : index + 4]
        if second.order - first.order <= NEAR[first.kind]
        and max(first.value, second.value) <= LIKE * min(first.value, second.value)
    ]
    return draw.choice(near) if near else None


def _written_out(chosen: Sequence[Quantity], say: Words) -> list[str]:
    """Steps that write out numbers given in words or magnitudes (3.2 million is 3200000)."""
    return [
        say("means", shown=quantity.shown, value=plain(quantity.value))
        for quantity in chosen
        if plain(quantity.value) not in quantity.shown.replace(",", "")
    ]


def _years(group: list[Quantity], say: Words, draw: random.Random) -> Problem | None:
    """Time between two dates, or between three and which gap was longer."""
    dates = sorted(_dated(group, draw), key=lambda quantity: quantity.value)
    if len(dates) < 2:
        return None
    values = [quantity.value for quantity in dates]
    spans = [after - before for before, after in pairwise(values)]
    gaps = [abs(after.order - before.order) for before, after in pairwise(dates)]
    if min(spans) < 2 or max(gaps) > NEAR_YEARS:
        return None
    if len(dates) == 3:
        return _gaps(dates, say) if spans[0] != spans[1] else None
    span = spans[0]
    one, two = plain(values[0]), plain(values[1])
    steps = [say("years_between", a=two, b=one, c=plain(span))]
    if span >= 20 and draw.random() < 0.5:
        decades = plain(span / 10)
        steps.append(say("decades", a=plain(span), b=decades))
        answer = say("answer_decades", span=plain(span), decades=decades)
        return Problem(_context(dates, say), say("ask_decades", one=one, two=two), tuple(steps), answer)
    months = plain(span * 12)
    steps.append(say("months", a=plain(span), b=months))
    answer = say("answer_months", span=plain(span), months=months)
    return Problem(_context(dates, say), say("ask_months", one=one, two=two), tuple(steps), answer)


def _gaps(dates: Sequence[Quantity], say: Words) -> Problem:
    first, middle, last = (quantity.value for quantity in dates)
    one, two = middle - first, last - middle
    gap = plain(abs(one - two))
    steps = (
        say("years_between", a=plain(middle), b=plain(first), c=plain(one)),
        say("years_between", a=plain(last), b=plain(middle), c=plain(two)),
        say("gap", a=plain(max(one, two)), b=plain(min(one, two)), c=gap),
    )
    question = say("ask_gaps", one=plain(first), two=plain(middle), three=plain(last))
    return Problem(_context(dates, say), question, steps, say("answer_gaps", one=plain(one), two=plain(two), gap=gap))


def _dated(group: list[Quantity], draw: random.Random) -> list[Quantity]:
    """Two or three years that stand together, from different sentences where there are such."""
    by_sentence: dict[int, Quantity] = {}
    for quantity in group:
        by_sentence.setdefault(quantity.order, quantity)
    chosen = list(by_sentence.values()) if len(by_sentence) >= 2 else group
    start = draw.randrange(max(1, len(chosen) - 2))
    return chosen[start : start + draw.choice((2, 3))]


def _rate(quantity: Quantity, say: Words, draw: random.Random) -> Problem | None:
    """A rate over two numbers of its unit, and the difference: 3 km per hour for 4 and for 9 hours."""
    if quantity.value > 10**9:
        return None
    short, long = draw.choice(SPANS)
    value, unit = quantity.value, quantity.name
    one, two = value * short, value * long
    pers = _PLURAL.get(quantity.per, quantity.per + "s")
    steps = (
        *_written_out((quantity,), say),
        say("rate", count=short, per=pers, a=plain(value), b=plain(one), unit=unit),
        say("rate", count=long, per=pers, a=plain(value), b=plain(two), unit=unit),
        say("rate_more", a=plain(two), b=plain(one), c=plain(two - one), unit=unit),
    )
    named = {"unit": unit, "short": short, "long": long, "pers": pers}
    question = say("ask_rate", shown=quantity.shown, per=quantity.per, **named)
    answer = say("answer_rate", a=plain(one), c=plain(two - one), **named)
    return Problem(quantity.sentence, question, steps, answer)


def _group(quantity: Quantity, say: Words, draw: random.Random) -> Problem | None:
    """A percentage of a group of a drawn, made-up size for which it is a whole number."""
    sizes = [size for size in GROUPS if (quantity.value * size) % 100 == 0][:6]
    if not sizes:
        return None
    size = draw.choice(sizes)
    product = quantity.value * size
    part = plain(product / 100)
    rest = plain(size - product / 100)
    steps = (
        say("share", size=size, percent=plain(quantity.value), product=plain(product)),
        say("share_of", product=plain(product), part=part),
        say("others", size=size, part=part, rest=rest),
    )
    question = say("ask_share", shown=quantity.shown, size=size, of=quantity.of)
    answer = say("answer_share", part=part, size=size, of=quantity.of, rest=rest)
    return Problem(quantity.sentence, question, steps, answer)


def _from_tables(document: Document, say: Words, draw: random.Random) -> Problem | None:
    """Total, average and spread of one numeric column over three rows."""
    for grid in grids(document)[:8]:
        for column in range(1, len(grid.header)):
            made = _column(grid, column, say, draw)
            if made is not None:
                return made
    return None


def _column(grid: Grid, column: int, say: Words, draw: random.Random) -> Problem | None:
    numbers = numeric_column(grid, column)
    name = grid.header[column]
    if numbers is None or column == grid.key or min(numbers) < 0 or not measures(name, numbers):
        return None
    start = draw.randrange(max(1, len(grid.rows) - 2))
    rows, values = grid.rows[start : start + 3], numbers[start : start + 3]
    if len({row[grid.key] for row in rows if row[grid.key]}) < 3 or len(set(values)) < 2:
        return None
    total, high, low = sum(values, Decimal(0)), max(values), min(values)
    mean, sign = quotient(total, Decimal(3))
    listed = say("listing_join").join(say("listing_row", name=row[grid.key], cell=row[column]) for row in rows)
    steps = (
        say("add_three", sum=" + ".join(plain(value) for value in values), total=plain(total)),
        say("average", total=plain(total), mean=plain(mean), sign=sign),
        say("spread", high=plain(high), low=plain(low), spread=plain(high - low)),
    )
    answer = say(
        "answer_column", total=plain(total), mean=plain(mean), spread=plain(high - low), about=_about(say, sign)
    )
    return Problem(say("listing", column=name, rows=listed), say("ask_column"), steps, answer)


_SINGULAR = {"feet": "foot", "inches": "inch", "people": "person", "percentage points": "percentage point"}


def named(value: Decimal, name: str) -> str:
    """The unit's name for `value`: singular for one in English, as it is otherwise."""
    if value != 1 or not name.isascii():
        return name
    return _SINGULAR.get(name) or (name.removesuffix("s") if not name.endswith(")") else name)


def quotient(numerator: Decimal, denominator: Decimal) -> tuple[Decimal, str]:
    """The quotient with "=" where it ends within two decimals, else rounded half up and "≈".

    Quotients below 0.005 get four decimals.
    """
    exact = numerator / denominator
    rounded = exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    if rounded == 0:
        rounded = exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
    return rounded, "=" if rounded * denominator == numerator else "≈"


def _layout(made: Problem, say: Words, draw: random.Random) -> str:
    """One of several Markdown layouts, all with the labels Problem, Solution and Answer."""
    colon = say("colon").strip()
    style, mark = draw.randrange(3), draw.randrange(3)
    if style == 0:
        body = "\n".join(f"{number}. {step}" for number, step in enumerate(made.steps, 1))
    elif style == 1:
        body = "\n".join(say("step", number=number) + step for number, step in enumerate(made.steps, 1))
    else:
        body = "\n".join(made.steps)
    gap = "" if say.tongue.chinese else " "
    ask, solve, reply = say("problem"), say("solution"), say("answer")
    task = f"{made.context}\n\n{made.question}"
    if mark == 0:
        return f"## {ask}\n\n{task}\n\n## {solve}\n\n{body}\n\n**{reply}{colon}**{gap}{made.answer}"
    if mark == 1:
        return f"{ask}{colon}{gap}{task}\n\n{solve}{colon}\n{body}\n\n{reply}{colon}{gap}{made.answer}"
    return f"**{ask}{colon}** {task}\n\n**{solve}{colon}**\n{body}\n\n**{reply}{colon}** {made.answer}"
