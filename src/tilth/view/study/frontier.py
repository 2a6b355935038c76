"""Cost against score, with the Pareto edge: arms that no cheaper arm beats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tilth.view.study.svg import Frame, Scale, amount, axes, chart, fitted, label, px, safe, ticks

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 1080.0, 400.0, 70.0, 200.0, 16.0, 46.0
_FRAME = Frame(left=_LEFT, right=_WIDTH - _RIGHT, bottom=_HEIGHT - _BOTTOM)
_WIDE = 20.0  # costs further apart than this factor are drawn on a logarithmic axis
_NAMED = 14  # labels beyond the edge's own; more overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One arm; `score` in the metric's own units, `kind` as in the forest plot."""

    name: str
    cost: float
    score: float
    kind: str


def pareto(points: Sequence[Point], *, higher_is_better: bool = True) -> list[Point]:
    """The arms that no arm of at most their cost equals or beats, by rising cost."""
    sign = 1.0 if higher_is_better else -1.0
    found: list[Point] = []
    for point in sorted(points, key=lambda one: (one.cost, -sign * one.score, one.name)):
        if not found or sign * point.score > sign * found[-1].score:
            found.append(point)
    return found


def frontier(points: Sequence[Point], title: str, *, currency: str, unit: str, higher_is_better: bool = True) -> str:
    """The chart as SVG; empty with fewer than two points."""
    if len(points) < 2:
        return ""
    edge = pareto(points, higher_is_better=higher_is_better)
    costs, scores = [point.cost for point in points], [point.score for point in points]
    log = min(costs) > 0 and max(costs) / min(costs) > _WIDE
    warp = math.log10 if log else float
    ends = [warp(cost) for cost in costs]
    wide = (max(ends) - min(ends)) * 0.06 or 0.5
    tall = (max(scores) - min(scores)) * 0.08 or 0.01
    (left, right), (low, high) = (min(ends) - wide, max(ends) + wide), (min(scores) - tall, max(scores) + tall)

    def across(cost: float) -> float:
        return _LEFT + (warp(cost) - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)

    def down(score: float) -> float:
        return _HEIGHT - _BOTTOM - (score - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    marks = [10.0**power for power in range(math.ceil(left), math.floor(right) + 1)] if log else ticks(left, right, 6)
    parts = axes(_FRAME, across, down, marks, ticks(low, high, 6))
    parts.append(label(_WIDTH - _RIGHT, _HEIGHT - 6, safe(f"{currency} for one model"), anchor="end", kind="tick"))
    parts.append(label(_LEFT, _HEIGHT - 6, safe(unit), kind="tick"))
    parts.append(_edge(edge, across, down))
    for point in points:
        parts += _point(point, across, down, named=point in edge or len(points) <= _NAMED)
    return chart(_WIDTH, _HEIGHT, title, parts)


def _edge(edge: Sequence[Point], across: Scale, down: Scale) -> str:
    places = []
    for index, point in enumerate(edge):
        if index:
            places.append(f"{px(across(point.cost))},{px(down(edge[index - 1].score))}")
        places.append(f"{px(across(point.cost))},{px(down(point.score))}")
    return f'<polyline points="{" ".join(places)}" class="edge"/>'


def _point(point: Point, across: Scale, down: Scale, *, named: bool) -> list[str]:
    x, y = across(point.cost), down(point.score)
    words = f"{safe(point.name)}: {amount(point.cost)}, {point.score:.4g}"
    mark = f'<circle cx="{px(x)}" cy="{px(y)}" r="5" class="mark {point.kind}"><title>{words}</title></circle>'
    return [mark, label(x + 7, y - 8, fitted(point.name, 180), kind="name")] if named else [mark]
