"""Score against training steps: one line an arm (mean over seeds), the seeds' range as a band."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tilth.view.study.svg import Frame, Scale, axes, chart, fitted, label, line, px, safe, ticks

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 1080.0, 380.0, 70.0, 240.0, 14.0, 44.0
_FRAME = Frame(left=_LEFT, right=_WIDTH - _RIGHT, bottom=_HEIGHT - _BOTTOM)
MOST_LINES = 8  # more cannot be told apart by colour, dash and label


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One arm: (step, mean, least, greatest over seeds) by rising step."""

    arm: str
    points: tuple[tuple[int, float, float, float], ...]


def curves_of(rows: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> list[Curve]:
    """The curves of `arms`, in their order; checkpoints without a finite score are gaps and left out."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["macro"] is not None:
            found[row["arm"]][row["step"]].append(row["macro"])
    return [
        Curve(
            arm=arm,
            points=tuple(
                (step, sum(values) / len(values), min(values), max(values))
                for step, values in sorted(found[arm].items())
            ),
        )
        for arm in arms
        if found[arm]
    ]


def sooner(curves: Sequence[Curve], baseline: str, *, higher_is_better: bool) -> list[tuple[str, float | None, float]]:
    """For each other arm the step at which it reaches the baseline's last mean score (between checkpoints on a straight
    line), None where it does not, and how many times sooner that is than the baseline's last step."""
    base = next((curve for curve in curves if curve.arm == baseline), None)
    if base is None or len(base.points) < 2:
        return []
    sign = 1.0 if higher_is_better else -1.0
    last, goal = base.points[-1][0], sign * base.points[-1][1]
    found = []
    for curve in curves:
        if curve.arm != baseline and len(curve.points) > 1:
            step = _reached([(point[0], sign * point[1]) for point in curve.points], goal)
            found.append((curve.arm, step, last / step if step else 0.0))
    return found


def _reached(points: Sequence[tuple[int, float]], goal: float) -> float | None:
    if points[0][1] >= goal:
        return float(points[0][0])
    for (before, low), (after, high) in pairwise(points):
        if high >= goal > low:
            return before + (after - before) * (goal - low) / (high - low)
    return None


def curves_chart(curves: Sequence[Curve], title: str, unit: str) -> str:
    """The chart as SVG; empty where no arm has two checkpoints."""
    shown = [curve for curve in curves if len(curve.points) > 1]
    if not shown:
        return ""
    steps = [point[0] for curve in shown for point in curve.points]
    scores = [value for curve in shown for point in curve.points for value in point[1:]]
    gap = (max(scores) - min(scores)) * 0.06 or 0.01
    (left, right), (low, high) = (min(steps), max(steps)), (min(scores) - gap, max(scores) + gap)

    def across(step: float) -> float:
        return _LEFT + (step - left) / max(right - left, 1) * (_WIDTH - _LEFT - _RIGHT)

    def down(score: float) -> float:
        return _HEIGHT - _BOTTOM - (score - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = axes(_FRAME, across, down, ticks(left, right, 6), ticks(low, high, 6))
    parts.append(label(_WIDTH - _RIGHT, _HEIGHT - 6, "optimiser steps", anchor="end", kind="tick"))
    parts.append(label(_LEFT, _HEIGHT - 6, safe(unit), kind="tick"))
    ends = _spread([down(curve.points[-1][1]) for curve in shown], 16.0, _TOP + 6, _HEIGHT - _BOTTOM)
    for index, (curve, end) in enumerate(zip(shown, ends, strict=True)):
        parts += _curve(curve, index % MOST_LINES, across, down, end)
    return chart(_WIDTH, _HEIGHT, title, parts)


def _curve(curve: Curve, colour: int, across: Scale, down: Scale, end: float) -> list[str]:
    upper = [f"{px(across(step))},{px(down(most))}" for step, _, _, most in curve.points]
    lower = [f"{px(across(step))},{px(down(least))}" for step, _, least, _ in reversed(curve.points)]
    middle = " ".join(f"{px(across(step))},{px(down(mean))}" for step, mean, _, _ in curve.points)
    last = curve.points[-1]
    return [
        f'<polygon points="{" ".join([*upper, *lower])}" class="band c{colour}"/>',
        f'<polyline points="{middle}" class="curve c{colour}"><title>{safe(curve.arm)}</title></polyline>',
        line(across(last[0]) + 3, down(last[1]), _WIDTH - _RIGHT + 14, end - 4, "lead"),
        label(_WIDTH - _RIGHT + 18, end, fitted(curve.arm, _RIGHT - 22), kind=f"name c{colour}"),
    ]


def _spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Base lines of labels near `places`, at least `gap` apart, within `low` and `high` as far as they fit."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    found = [0.0] * len(places)
    at = low - gap
    for index in order:
        at = max(places[index] + 4, at + gap)
        found[index] = at
    over = max(0.0, at - high)
    for rank, index in enumerate(reversed(order)):
        found[index] = min(found[index], max(high - rank * gap, found[index] - over))
    return found
