"""The few pieces of SVG that the study's charts are made of: escaped text, axes, number formats.

A chart is one string of inline SVG without script or style of its own: colours come from classes of the page, so that
it follows light and dark. The same data gives the same bytes. Names of others are escaped here and nowhere else.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from tilth.view.terminal import one_line

#: From a value to a coordinate in pixels.
Scale = Callable[[float], float]

_LETTER = 7.3  # pixels an average letter takes at 13 px in the fonts of page.css


def safe(text: object, most: int = 200) -> str:
    """Text of others for HTML and SVG: one line, controls shown, markup inert."""
    return escape(one_line(str(text), most), quote=True)


def fitted(text: object, width: float) -> str:
    """As `safe`, cut to about `width` pixels."""
    return safe(text, max(int(width / _LETTER), 4))


def px(value: float) -> str:
    """A coordinate with one decimal, short."""
    return f"{value:.1f}".removesuffix(".0")


def label(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    """A text element; `text` is safe already, `y` its base line."""
    return f'<text x="{px(x)}" y="{px(y)}" text-anchor="{anchor}" class="{kind}">{text}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A line of a class."""
    return f'<line x1="{px(x1)}" y1="{px(y1)}" x2="{px(x2)}" y2="{px(y2)}" class="{kind}"/>'


def chart(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """The SVG element with its name for those who do not see it."""
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {px(width)} {px(height)}" width="{px(width)}" height="{px(height)}" role="img" '
        f'aria-label="{safe(title, 400)}">{body}</svg>'
    )


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round values between `low` and `high`, at most about `most`."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / most))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def decimals(values: Sequence[float]) -> int:
    """Decimals that show the largest of `values` with three figures."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 2 if largest == 0 else min(max(2 - math.floor(math.log10(largest)), 0), 6)


def number(value: float, places: int, *, signed: bool = False) -> str:
    """A number with a real minus sign; never minus zero."""
    text = f"{value:+.{places}f}" if signed else f"{value:.{places}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def amount(value: float) -> str:
    """A cost with three figures, or all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def axis_number(value: float) -> str:
    """A tick's number, as short as it can be."""
    if value and (abs(value) >= 1e5 or abs(value) < 1e-4):
        return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e−").replace("-", "−")
    return f"{value:.6f}".rstrip("0").rstrip(".").replace("-", "−") or "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a chart of two axes lies within its picture: the edges of the plotted area, in pixels."""

    left: float
    right: float
    bottom: float


def axes(frame: Frame, across: Scale, down: Scale, columns: Sequence[float], rows: Sequence[float]) -> list[str]:
    """Grid lines with numbers at `rows`, numbers below at `columns`."""
    return [
        *(line(frame.left, down(tick), frame.right, down(tick), "grid") for tick in rows),
        *(label(frame.left - 8, down(tick) + 4, axis_number(tick), anchor="end", kind="tick") for tick in rows),
        *(label(across(tick), frame.bottom + 20, axis_number(tick), anchor="middle", kind="tick") for tick in columns),
    ]
