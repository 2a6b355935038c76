"""The forest plot: one row a difference, its interval as a line, zero and the margin marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from tilth.view.study.svg import Scale, axis_number, chart, decimals, fitted, label, line, number, px, safe, ticks

_WIDTH, _NAMES, _WORDS, _ROW, _TOP = 1080.0, 250.0, 330.0, 28.0, 14.0
_LONG = 25  # rows; a longer plot has its numbers above as well as below
_BEYOND = 4.0  # an interval that reaches further than so many times the largest effect is cut, and an arrow says so

#: What a row says; also the class that colours it. The shape differs too, for those who do not see colours.
KINDS = {"better": "better", "worse": "worse", "not worse than": "same", "cannot tell": "unsure"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One difference; `effect` None where there is none, and `words` say why."""

    name: str
    effect: float | None
    low: float | None
    high: float | None
    kind: str
    words: str


def forest(rows: Sequence[Row], title: str, *, margin: float | None = None) -> str:
    """The plot as SVG; rows in the order given."""
    low, high = _domain(rows, margin)
    left, right = _NAMES, _WIDTH - _WORDS
    bottom, long = _TOP + _ROW * len(rows), len(rows) > _LONG
    values = [value for row in rows for value in (row.effect,) if value is not None]
    places = decimals(values)

    def across(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = [_band(across, margin, low, high, bottom)] if margin else []
    for tick in ticks(low, high):
        parts.append(line(across(tick), _TOP, across(tick), bottom, "zero" if tick == 0 else "grid"))
        parts.append(label(across(tick), bottom + 18, axis_number(tick), anchor="middle", kind="tick"))
        parts += [label(across(tick), _TOP - 4, axis_number(tick), anchor="middle", kind="tick")] if long else []
    for index, row in enumerate(rows):
        parts += _row(row, _TOP + _ROW * (index + 0.5), across, (low, high), places)
    parts.append(label(across(0) - 10, bottom + 38, "← worse", anchor="end", kind="tick"))
    parts.append(label(across(0) + 10, bottom + 38, "better →", kind="tick"))
    return chart(_WIDTH, bottom + 46, title, parts)


def _domain(rows: Sequence[Row], margin: float | None) -> tuple[float, float]:
    """Symmetric enough to hold every effect and, within reason, every interval; always with zero inside."""
    effects = [abs(row.effect) for row in rows if row.effect is not None]
    reach = _BEYOND * max([*effects, margin or 0.0], default=0.0) or 1.0
    ends = [0.0, *(end for row in rows for end in (row.low, row.high, row.effect) if end is not None)]
    low, high = max(min(ends), -reach), min(max(ends), reach)
    if margin:
        low, high = min(low, -margin * 1.2), max(high, margin * 1.2)
    gap = (high - low) * 0.05 or 1.0
    return low - gap, high + gap


def _band(across: Scale, margin: float, low: float, high: float, bottom: float) -> str:
    first, last = across(max(-margin, low)), across(min(margin, high))
    return (
        f'<rect x="{px(first)}" y="{px(_TOP)}" width="{px(last - first)}" height="{px(bottom - _TOP)}" class="margin"/>'
    )


def _row(row: Row, y: float, across: Scale, domain: tuple[float, float], places: int) -> list[str]:
    parts = [label(_NAMES - 14, y + 4.5, fitted(row.name, _NAMES - 20), anchor="end", kind="name")]
    words = _WIDTH - _WORDS + 14
    if row.effect is None or row.low is None or row.high is None:
        return [*parts, label(words, y + 4.5, fitted(row.words, _WORDS), kind="soft")]
    low, high = max(row.low, domain[0]), min(row.high, domain[1])
    kind = KINDS.get(row.kind, row.kind)
    parts.append(line(across(low), y, across(high), y, f"interval {kind}"))
    parts += [_arrow(across(low), y, -1, kind)] if low > row.low else []
    parts += [_arrow(across(high), y, 1, kind)] if high < row.high else []
    parts.append(_mark(across(row.effect), y, kind))
    span = f"{number(row.effect, places, signed=True)}  ({number(row.low, places)} to {number(row.high, places)})"
    parts.append(label(words, y + 4.5, f'{span}  <tspan class="{kind}">{safe(row.words, 24)}</tspan>', kind="value"))
    title = f"<title>{safe(row.name)}: {span}, {safe(row.words)}</title>"
    return [f"<g>{title}{''.join(parts)}</g>"]


def _arrow(x: float, y: float, way: int, kind: str) -> str:
    points = f"{px(x + 6 * way)},{px(y)} {px(x)},{px(y - 4)} {px(x)},{px(y + 4)}"
    return f'<polygon points="{points}" class="mark {kind}"/>'


def _mark(x: float, y: float, kind: str) -> str:
    """Better: a filled disc; worse: a square; not worse: a diamond; cannot tell: an open ring."""
    if kind == "worse":
        return f'<rect x="{px(x - 5)}" y="{px(y - 5)}" width="10" height="10" class="mark worse"/>'
    if kind == "same":
        points = f"{px(x)},{px(y - 6.5)} {px(x + 6.5)},{px(y)} {px(x)},{px(y + 6.5)} {px(x - 6.5)},{px(y)}"
        return f'<polygon points="{points}" class="mark same"/>'
    return f'<circle cx="{px(x)}" cy="{px(y)}" r="5" class="{"mark better" if kind == "better" else "ring unsure"}"/>'
