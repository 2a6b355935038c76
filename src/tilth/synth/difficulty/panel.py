"""Answers of a panel as tables, the scale fitted to them, and what the scale says of any row.

The fit looks at `fit_rows` questions at most, those with the smallest hash of their id; every row is then scored by the
fitted skills and spread, which is what the fit itself does with its own rows. So memory and time of the fit are
bounded, and a row's score needs nothing but the row and one small file. Costs about 20 us a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tilth.difficulty.rasch import Answers, RaschFit, RaschSettings, fit_rasch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Raise it when the same answers would give other numbers.
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A fitted scale: skills by solver, mean difficulty by group, spread. `groups` are those that were fitted."""

    skills: Mapping[str, float]
    errors: Mapping[str, float]
    groups: Mapping[str, float]
    other: float  # the mean of a group that was too small for one of its own
    spread: float
    grid: tuple[float, ...]
    converged: bool
    change: float
    rows: int

    def to_json(self) -> dict[str, Any]:
        return {
            "skills": dict(self.skills),
            "errors": dict(self.errors),
            "groups": dict(self.groups),
            "other": self.other,
            "spread": self.spread,
            "grid": list(self.grid),
            "converged": self.converged,
            "change": self.change,
            "rows": self.rows,
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Scale":
        return cls(**{**value, "grid": tuple(value["grid"])})


def tallies(answers: Any) -> dict[str, tuple[int, int]]:
    """(passes, tries) by solver, of the answers that could be judged; each answer counts once."""
    found: dict[str, tuple[int, int]] = {}
    seen: set[str] = set()
    for item in answers if isinstance(answers, list) else ():
        if not isinstance(item, dict) or not isinstance(item.get("correct"), bool):
            continue
        name, identity = item.get("model"), item.get("id")
        if not isinstance(name, str) or (isinstance(identity, str) and identity in seen):
            continue
        if isinstance(identity, str):
            seen.add(identity)
        passes, tries = found.get(name, (0, 0))
        found[name] = (passes + item["correct"], tries + 1)
    return found


def group_of(tally: Mapping[str, Any], mechanism: Any, groups: str) -> str:
    """The group that a row's difficulty is drawn from."""
    if groups == "panel":
        return orjson.dumps(sorted(tally)).decode()
    return str(mechanism or "none") if groups == "mechanism" else ""


def fit_scale(
    rows: Sequence[Mapping[str, tuple[int, int]]],
    groups: Sequence[str],
    least_group: int,
    level: float,
    anchors: Mapping[str, float],
) -> tuple[Scale, RaschFit]:
    """The scale of some rows, each with at least one answer. Raises `ConfigError` for solvers that nothing links."""
    solvers = sorted({name for row in rows for name in row})
    number = {name: place for place, name in enumerate(solvers)}
    cells = [
        (item, number[name], passes, tries)
        for item, row in enumerate(rows)
        for name, (passes, tries) in sorted(row.items())
    ]
    names, group = _grouped(groups, least_group)
    item, solver, passes, tries = (np.array(column, dtype=np.int64) for column in zip(*cells, strict=True))
    fit = fit_rasch(
        Answers.of(item, solver, passes, tries, group),
        RaschSettings(level=level),
        {number[name]: skill for name, skill in anchors.items() if name in number},
    )
    own = {name: float(fit.mean[place]) for place, name in enumerate(names) if name is not None}
    scale = Scale(
        skills={name: float(fit.skill[place]) for name, place in number.items()},
        errors={name: float(fit.skill_error[place]) for name, place in number.items()},
        groups=own,
        other=float(fit.mean[0]),
        spread=float(fit.spread),
        grid=tuple(float(point) for point in fit.grid),
        converged=fit.converged,
        change=float(fit.change),
        rows=len(rows),
    )
    return scale, fit


def score(rows: Sequence[Mapping[str, tuple[int, int]]], groups: Sequence[str], scale: Scale, level: float) -> RaschFit:
    """Where rows stand on the scale: the posterior of each pattern of answers, as the fit computes it.

    A row without answers of a solver on the scale gets its group's distribution, and `answers` 0.
    """
    grid = np.array(scale.grid)
    names = list(scale.skills)
    patterns: dict[tuple[Any, ...], int] = {}
    keys = [_pattern(row, group, scale) for row, group in zip(rows, groups, strict=True)]
    at = np.array([patterns.setdefault(key, len(patterns)) for key in keys], dtype=np.int64)
    mean = np.array([key[0] for key in patterns], dtype=float)
    passes = np.array([key[1] for key in patterns], dtype=float)
    tries = np.array([key[2:] for key in patterns], dtype=float).reshape(len(patterns), len(names))
    skill = np.array([scale.skills[name] for name in names])
    log = -passes[:, None] * grid - tries @ np.logaddexp(0, skill[:, None] - grid[None, :])
    log -= ((grid - mean[:, None]) / scale.spread) ** 2 / 2
    posterior = np.exp(log - log.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    first = posterior @ grid
    error = np.sqrt(np.clip(posterior @ grid**2 - first**2, 0, None))
    total = tries.sum(axis=1).astype(np.int64)
    return RaschFit(
        difficulty=first[at],
        error=error[at],
        low=_quantile(posterior, grid, (1 - level) / 2)[at],
        high=_quantile(posterior, grid, (1 + level) / 2)[at],
        extreme=((total > 0) & ((passes == 0) | (passes == total)))[at],
        answers=total[at],
        skill=skill,
        skill_error=np.array([scale.errors[name] for name in names]),
        mean=np.array([scale.other]),
        spread=scale.spread,
        converged=scale.converged,
        iterations=0,
        change=scale.change,
        grid=grid,
        posterior=posterior,
        pattern=at,
    )


def _pattern(row: Mapping[str, tuple[int, int]], group: str, scale: Scale) -> tuple[Any, ...]:
    known = [row.get(name, (0, 0)) for name in scale.skills]
    return (scale.groups.get(group, scale.other), sum(one[0] for one in known), *(one[1] for one in known))


def _grouped(groups: Sequence[str], least: int) -> tuple[list[str | None], Ints]:
    """Names of the groups in order, and each row's. Group 0 is the largest; those below `least` join it."""
    names, place, count = np.unique(np.array(groups, dtype=object), return_inverse=True, return_counts=True)
    order = np.argsort(-count, kind="stable")
    kept = [int(one) for rank, one in enumerate(order) if rank == 0 or count[one] >= least]
    to = np.zeros(len(names), dtype=np.int64)
    for number, one in enumerate(kept):
        to[one] = number
    return [str(names[one]) for one in kept], to[place.ravel()]


def _quantile(posterior: Floats, grid: Floats, share: float) -> Floats:
    """Quantiles over the grid, each point's mass spread over its cell, as in `tilth.difficulty.rasch`."""
    total = np.cumsum(posterior, axis=1)
    place = np.minimum((total < share).sum(axis=1), len(grid) - 1)
    rows = np.arange(len(posterior))
    before = np.where(place > 0, total[rows, place - 1], 0.0)
    part = (share - before) / np.maximum(posterior[rows, place], 1e-300)
    return np.asarray(grid[place] + (np.clip(part, 0, 1) - 0.5) * (grid[1] - grid[0]))
