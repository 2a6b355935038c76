"""One-parameter item response model (Rasch): the difficulty of questions and the skill of solvers on one scale.

    P(solver j passes question i) = 1 / (1 + exp(difficulty_i - skill_j))       (Rasch 1960), in logits

Marginal maximum a posteriori by EM (Bock and Aitkin 1981) with the roles turned: solvers are few and answer much, so
their skills are parameters; questions are many and answered little, so their difficulties are integrated out over a
normal distribution whose mean (one a group) and spread are estimated. Skills have a weak normal prior. Panels of
different solvers are put on one scale by one fit over all answers (concurrent calibration), linked by solvers or
questions in common, or by anchored skills of an earlier fit; what is not linked is refused.

A question that nobody or everybody solves has no maximum-likelihood difficulty; its posterior mean is finite, its
interval wide, and it is marked `extreme`. Errors of difficulties take the skills as known: theirs are far smaller.
Numpy only; 100,000 questions of 8 answers take well under a second where panels are few.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from tilth.base.errors import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Half-width of the grid of difficulties, in logits: at 8 a mean solver passes once in 3,000 tries.
_REACH = 8.0
#: Least spread of difficulties, in logits: below it questions are alike, and the grid could not carry the distribution.
_LEAST_SPREAD = 0.3


class RaschSettings(BaseModel):
    """How the model is fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    iterations: Annotated[int, Field(ge=1)] = 500
    tolerance: Annotated[float, Field(gt=0)] = 1e-4  # greatest change of a parameter in logits; errors are above 0.01
    level: Annotated[float, Field(gt=0, lt=1)] = 0.9  # of the intervals
    skill_spread: Annotated[float, Field(gt=0)] = 3.0  # of the weak prior on skills: 99 in 100 within 7.7 logits
    step: Annotated[float, Field(gt=0, le=0.5)] = 0.4  # of the grid; made finer where questions have many answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What solvers did: row r says that `solver[r]` passed `item[r]` `passes[r]` times of `tries[r]`.

    Items and solvers are numbered from 0. `group` gives each item's group, each with a mean of its own: needed where
    panels were given questions of different difficulty.
    """

    item: Ints
    solver: Ints
    passes: Ints
    tries: Ints
    items: int
    solvers: int
    group: Ints

    @classmethod
    def of(
        cls, item: ArrayLike, solver: ArrayLike, passes: ArrayLike, tries: ArrayLike, group: ArrayLike | None = None
    ) -> "Answers":
        """From columns. Raises `ValueError` where they do not fit together."""
        i, j, s, n = (np.asarray(one, dtype=np.int64).ravel() for one in (item, solver, passes, tries))
        if not len(i) or not len(i) == len(j) == len(s) == len(n):
            raise ValueError("expected four columns of one length, with at least one row")
        if min(i.min(), j.min(), s.min()) < 0 or (s > n).any():
            raise ValueError("expected numbers from 0, and passes of at most the tries")
        groups = np.zeros(int(i.max()) + 1, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
        if len(groups) <= i.max() or groups.min() < 0:
            raise ValueError("expected a group from 0 for each item")
        return cls(item=i, solver=j, passes=s, tries=n, items=len(groups), solvers=int(j.max()) + 1, group=groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class RaschFit:
    """The fitted scale: 0 is the mean difficulty of all questions, or where the anchors put it.

    Arrays over items: `difficulty` (posterior mean), `error` (posterior standard deviation), `low`, `high`, `extreme`
    (0 of k or k of k), `answers` (tries). Over solvers: `skill`, `skill_error`. `mean` has one entry a group.
    `posterior` holds the distribution over `grid` for each distinct pattern, `pattern` each item's.
    """

    difficulty: Floats
    error: Floats
    low: Floats
    high: Floats
    extreme: NDArray[np.bool_]
    answers: Ints
    skill: Floats
    skill_error: Floats
    mean: Floats
    spread: float
    converged: bool
    iterations: int
    change: float  # of the last iteration, in logits
    grid: Floats = field(repr=False)
    posterior: Floats = field(repr=False)
    pattern: Ints = field(repr=False)

    def expected_rate(self, skill: float) -> Floats:
        """The pass rate that a solver of `skill` is expected to have on each question, over its posterior."""
        rate = self.posterior @ _logistic(skill - self.grid)
        return np.asarray(rate[self.pattern])


@dataclass(slots=True)
class _Patterns:
    """Items with the same group, number of passes and tries by solver are one pattern: the passes suffice (Rasch)."""

    tries: Floats  # patterns x solvers
    passes: Floats  # patterns
    group: Ints
    weight: Floats  # items in each
    of_item: Ints


@dataclass(slots=True)
class _State:
    skill: Floats
    mean: Floats
    spread: float


def fit_rasch(
    answers: Answers, settings: RaschSettings | None = None, anchors: Mapping[int, float] | None = None
) -> RaschFit:
    """Fit the model.

    `anchors` fixes the skills of solvers known from an earlier fit, whose scale is then kept. Raises `ConfigError`
    where some solvers are linked to the others by no question, no common solver and no anchor. A fit that has not
    converged is returned with `converged` False: look before you use it.
    """
    settings = settings or RaschSettings()
    anchors = dict(anchors or {})
    tries, passes = _tables(answers)
    patterns = _patterns(answers, tries, passes)
    _refuse_unlinked(patterns.tries, tries.sum(axis=0) > 0, anchors)
    grid = _grid(settings, int(tries.sum(axis=1).max()))
    state = _start(answers, tries, passes, anchors)
    free = np.array([j not in anchors for j in range(answers.solvers)])
    solved = passes.sum(axis=0).astype(float)
    change, count = np.inf, 0
    while change > settings.tolerance and count < settings.iterations:
        posterior, _ = _posterior(patterns, state, grid)
        following = _improved(patterns, state, grid, posterior, solved, free, settings)
        change = max(
            float(np.abs(following.skill - state.skill).max()),
            float(np.abs(following.mean - state.mean).max()),
            abs(following.spread - state.spread),
        )
        state, count = following, count + 1
    posterior, rates = _posterior(patterns, state, grid)
    errors = _skill_errors(answers, (tries, passes), patterns, state, (grid, posterior, rates), free)
    return _finished((tries, passes), patterns, state, (grid, posterior), errors,
                     (change <= settings.tolerance, count, change), settings.level)  # fmt: skip


def _tables(answers: Answers) -> tuple[Ints, Ints]:
    """Tries and passes, items x solvers."""
    shape = (answers.items, answers.solvers)
    at = answers.item * answers.solvers + answers.solver
    size = shape[0] * shape[1]
    tries = np.bincount(at, weights=answers.tries, minlength=size).astype(np.int64).reshape(shape)
    return tries, np.bincount(at, weights=answers.passes, minlength=size).astype(np.int64).reshape(shape)


def _patterns(answers: Answers, tries: Ints, passes: Ints) -> _Patterns:
    rows = np.ascontiguousarray(np.column_stack([answers.group, passes.sum(axis=1), tries]).astype(np.int32))
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, first, place, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    chosen = rows[first]
    return _Patterns(
        tries=chosen[:, 2:].astype(float),
        passes=chosen[:, 1].astype(float),
        group=chosen[:, 0].astype(np.int64),
        weight=count.astype(float),
        of_item=place.ravel(),
    )


def _grid(settings: RaschSettings, most_tries: int) -> Floats:
    """Difficulties from -8 to 8; the step stays below a standard error of the best-known question.

    A sum over points that are one standard deviation apart gives the moments of a normal curve to 1e-8.
    """
    step = min(settings.step, 2.0 / np.sqrt(max(most_tries, 1)))  # the information of n tries is at most n / 4
    return np.linspace(-_REACH, _REACH, 2 * int(np.ceil(_REACH / step)) + 1)


def _start(answers: Answers, tries: Ints, passes: Ints, anchors: Mapping[int, float]) -> _State:
    """Skills from raw pass rates, with half a pass added on both sides."""
    done = tries.sum(axis=0)
    rate = (passes.sum(axis=0) + 0.5) / (done + 1.0)
    skill = np.log(rate / (1 - rate))
    for solver, value in anchors.items():
        skill[solver] = value
    return _State(skill, np.zeros(int(answers.group.max()) + 1), 1.0)


def _logistic(value: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-value)))


def _posterior(patterns: _Patterns, state: _State, grid: Floats) -> tuple[Floats, Floats]:
    """The distribution of difficulty for each pattern (patterns x grid), and the pass rates (solvers x grid)."""
    gap = state.skill[:, None] - grid[None, :]
    log = -patterns.passes[:, None] * grid - patterns.tries @ np.logaddexp(0, gap)
    log -= ((grid - state.mean[patterns.group][:, None]) / state.spread) ** 2 / 2
    log -= log.max(axis=1, keepdims=True)
    np.exp(log, out=log)
    log /= log.sum(axis=1, keepdims=True)
    return log, _logistic(gap)


def _improved(
    patterns: _Patterns,
    state: _State,
    grid: Floats,
    posterior: Floats,
    solved: Floats,
    free: NDArray[np.bool_],
    settings: RaschSettings,
) -> _State:
    """One M-step: skills by Newton, means and spread in closed form, then 0 put back to the mean question."""
    load = (
        patterns.tries * patterns.weight[:, None]
    ).T @ posterior  # solvers x grid: expected tries at each difficulty
    skill = state.skill.copy()
    for _ in range(3):  # three steps solve it far below the tolerance
        rate = _logistic(skill[:, None] - grid)
        slope = solved - (load * rate).sum(axis=1) - skill / settings.skill_spread**2
        bend = (load * rate * (1 - rate)).sum(axis=1) + 1 / settings.skill_spread**2
        skill = np.where(free, skill + np.clip(slope / bend, -2, 2), skill)
    groups = len(state.mean)
    first = posterior @ grid
    items = np.bincount(patterns.group, weights=patterns.weight, minlength=groups)
    mean = np.bincount(patterns.group, weights=patterns.weight * first, minlength=groups) / np.maximum(items, 1)
    second = posterior @ grid**2 - 2 * first * mean[patterns.group] + mean[patterns.group] ** 2
    spread = max(float(np.sqrt((patterns.weight * second).sum() / patterns.weight.sum())), _LEAST_SPREAD)
    if free.all():
        shift = float((mean * items).sum() / items.sum())
        skill, mean = skill - shift, mean - shift
    return _State(skill, mean, spread)


def _skill_errors(
    answers: Answers,
    tables: tuple[Ints, Ints],
    patterns: _Patterns,
    state: _State,
    integrated: tuple[Floats, Floats, Floats],
    free: NDArray[np.bool_],
) -> Floats:
    """Standard errors of skills by the outer products of the items' scores (Berndt and others 1974); 0 if anchored.

    They hold for the scale whose zero is the mean of the population that the questions were drawn from.
    """
    tries, passes = tables
    grid, posterior, rates = integrated
    first = posterior @ grid
    centred = first - state.mean[patterns.group]
    second = posterior @ grid**2 - 2 * first * state.mean[patterns.group] + state.mean[patterns.group] ** 2
    groups = len(state.mean)
    scores = np.empty((answers.items, answers.solvers + groups + 1))
    scores[:, : answers.solvers] = passes - tries * (posterior @ rates.T)[patterns.of_item]
    member = np.eye(groups)[answers.group]
    scores[:, answers.solvers : -1] = member * (centred / state.spread**2)[patterns.of_item][:, None]
    scores[:, -1] = (second / state.spread**3 - 1 / state.spread)[patterns.of_item]
    information = scores.T @ scores
    information[np.diag_indices(answers.solvers)] += 1e-9  # a solver without answers
    keep = np.eye(len(information))[:, np.concatenate([free, np.ones(groups + 1, dtype=bool)])]
    if free.all():  # the scale's zero is a condition: the mean over items of the group means
        shares = np.zeros(len(information))
        shares[answers.solvers : -1] = np.bincount(answers.group, minlength=groups) / answers.items
        keep = np.linalg.svd(shares[None, :])[2][1:].T
    covariance = keep @ np.linalg.pinv(keep.T @ information @ keep, hermitian=True) @ keep.T
    return np.asarray(np.sqrt(np.clip(np.diag(covariance)[: answers.solvers], 0, None)))


def _finished(
    tables: tuple[Ints, Ints],
    patterns: _Patterns,
    state: _State,
    integrated: tuple[Floats, Floats],
    skill_error: Floats,
    progress: tuple[bool, int, float],
    level: float,
) -> RaschFit:
    grid, posterior = integrated
    mean = posterior @ grid
    error = np.sqrt(np.clip(posterior @ grid**2 - mean**2, 0, None))
    low, high = _quantile(posterior, grid, (1 - level) / 2), _quantile(posterior, grid, (1 + level) / 2)
    tries, passes = tables[0].sum(axis=1), tables[1].sum(axis=1)
    at = patterns.of_item
    return RaschFit(
        difficulty=mean[at], error=error[at], low=low[at], high=high[at],
        extreme=(tries > 0) & ((passes == 0) | (passes == tries)), answers=tries,
        skill=state.skill, skill_error=skill_error, mean=state.mean, spread=state.spread,
        converged=progress[0], iterations=progress[1], change=progress[2],
        grid=grid, posterior=posterior, pattern=at,
    )  # fmt: skip


def _quantile(posterior: Floats, grid: Floats, share: float) -> Floats:
    """Quantiles of distributions over the grid, each point's mass spread over its cell."""
    total = np.cumsum(posterior, axis=1)
    place = np.minimum((total < share).sum(axis=1), len(grid) - 1)
    rows = np.arange(len(posterior))
    before = np.where(place > 0, total[rows, place - 1], 0.0)
    part = (share - before) / np.maximum(posterior[rows, place], 1e-300)
    return np.asarray(grid[place] + (np.clip(part, 0, 1) - 0.5) * (grid[1] - grid[0]))


def _refuse_unlinked(tries: Floats, active: NDArray[np.bool_], anchors: Mapping[int, float]) -> None:
    """Raise `ConfigError` where the solvers fall into parts that no question joins."""
    parent = list(range(tries.shape[1]))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    together = [sorted(anchors), *(np.flatnonzero(row).tolist() for row in np.unique(tries > 0, axis=0))]
    for group in together:
        for one in group[1:]:
            parent[root(one)] = root(group[0])
    parts = {root(int(one)) for one in np.flatnonzero(active)}
    if len(parts) > 1:
        raise ConfigError(
            f"expected solvers linked by questions in common; saw {len(parts)} parts that share none, whose scales "
            "cannot be compared. Let one solver answer questions of both, or anchor a known skill in each."
        )
