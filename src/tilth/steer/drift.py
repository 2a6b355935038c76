"""From what was asked for to what came of it, and requests that make up for the difference.

A request for one cell ends in another (a question asked to be D5 is labelled D3), or in nothing. `Drift` holds, for
each requested discipline and bin, how many usable questions of each target cell one request makes. It is estimated
from earlier rounds; cells with few requests lean on what all disciplines have in common, and that on no drift at all
(a Dirichlet prior of `smoothing` requests on each level).

`plan_requests` then looks for requests whose expected outcome, with what is there already, is nearest to the target:
multiplicative updates that lower the Kullback-Leibler divergence and never leave the positive numbers (Richardson 1972,
Lucy 1974; the EM algorithm for Poisson means). 65 requests x 65 cells x 400 steps take about 10 ms.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilth.steer.cells import BINS, OTHER, UNLABELLED, Base, place_of

Floats = NDArray[np.float64]
#: Least expected count: keeps the updates from dividing by zero.
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round asked for and what came of it. `requests` is empty where it is not known."""

    requests: Mapping[Base, int]
    moves: Mapping[tuple[Base | None, Base | None], int]  # (asked, achieved) -> rows; None: unlabelled

    @property
    def achieved(self) -> Counter[Base | None]:
        """Rows by achieved discipline and bin."""
        found: Counter[Base | None] = Counter()
        for (_, base), rows in self.moves.items():
            found[base] += rows
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """`rate[i, j]`: usable questions of `cells[j]` that one request for `requests[i]` makes."""

    requests: tuple[Base, ...]
    cells: tuple[str, ...]
    rate: Floats
    yield_: float  # usable questions a request, over all


def estimate_drift(
    rounds: Sequence[Round], where: Mapping[Base, str], disciplines: Sequence[str], smoothing: float
) -> Drift:
    """The drift over all of `rounds`, for requests of every bin of `disciplines`."""
    requests = tuple((one, bin_) for one in disciplines for bin_ in BINS)
    cells = (*dict.fromkeys(where.values()), OTHER, UNLABELLED)
    column = {name: index for index, name in enumerate(cells)}
    made = np.zeros((len(requests), len(cells)))
    asked = np.zeros(len(requests))
    row = {base: index for index, base in enumerate(requests)}
    bins = np.zeros((5, 5))
    for one in rounds:
        counts = one.requests or _answered(one)
        for ask, number in counts.items():
            if ask in row:
                asked[row[ask]] += number
        for (wish, got), number in one.moves.items():
            if wish is not None and wish in row:
                made[row[wish], column[_cell(where, got)]] += number
                if got is not None:
                    bins[wish[1] - 1, got[1] - 1] += number
    overall = (made.sum() + smoothing) / (asked.sum() + smoothing)
    shift = (bins + smoothing * np.eye(5)) / (bins.sum(axis=1, keepdims=True) + smoothing)
    prior = np.zeros_like(made)
    for (discipline, bin_), index in row.items():
        for into in BINS:
            prior[index, column[_cell(where, (discipline, into))]] += overall * shift[bin_ - 1, into - 1]
    rate = (made + smoothing * prior) / (asked + smoothing)[:, None]
    return Drift(requests=requests, cells=cells, rate=rate, yield_=float(overall))


def plan_requests(
    drift: Drift, target: Mapping[str, float], have: Mapping[str, float], rows: int, room: Mapping[str, int], steps: int
) -> dict[Base, int]:
    """How many requests of each discipline and bin this round makes: `rows` in all, at most `room` of a discipline.

    `target` are shares by cell, `have` the rows achieved so far by cell. Where disciplines run out of seeds the others
    take their part; fewer than `rows` are planned only where all do.
    """
    total = min(rows, sum(room.get(one, 0) for one in {one for one, _ in drift.requests}))
    if not total:
        return {}
    wish = _fitted(drift, needs(drift, target, have, total), total, room, steps)
    return largest_remainder(dict(zip(drift.requests, wish.tolist(), strict=True)), total, room)


def reachable_distance(drift: Drift, target: Mapping[str, float], steps: int) -> float | None:
    """How near the target any number of rounds could come under this drift: where it is large, the author cannot write
    what the weights ask for, and no steering helps. An upper bound, since the fit is by divergence."""
    if not drift.requests:
        return None
    room = {one: 10**9 for one, _ in drift.requests}  # seeds enough
    made = _fitted(drift, needs(drift, target, {}, 1), 1, room, steps) @ drift.rate
    return total_variation(target, dict(zip(drift.cells, made.tolist(), strict=True)))


def _fitted(drift: Drift, need: Floats, total: int, room: Mapping[str, int], steps: int) -> Floats:
    """Requests, not yet whole, whose expected outcome is nearest in divergence to `need`."""
    useful = drift.rate[:, : len(need)]
    size = np.maximum(useful.sum(axis=1), _TINY)
    open_ = np.array([room.get(one, 0) > 0 for one, _ in drift.requests])
    wish = np.where(open_, total / open_.sum(), 0.0)
    for _ in range(steps):
        expected = np.maximum(wish @ useful, _TINY)
        wish = _within(wish * (useful @ (need / expected)) / size, drift.requests, room, total)
    return wish


def needs(drift: Drift, target: Mapping[str, float], have: Mapping[str, float], rows: int) -> Floats:
    """Questions that each cell of the target still needs, so that all together have its shares after `rows` requests.

    Cells that have too much already need none; the whole then grows beyond one round, and the shares of what is
    needed are what counts.
    """
    shares = np.array([target.get(name, 0.0) for name in drift.cells[:-2]])
    there = np.array([have.get(name, 0.0) for name in drift.cells[:-2]])
    gap = shares * (there.sum() + rows * drift.yield_) - there
    return np.where(shares > 0, np.maximum(gap, _TINY), _TINY)


def largest_remainder(wish: Mapping[Base, float], total: int, room: Mapping[str, int] | None = None) -> dict[Base, int]:
    """Whole numbers near `wish` that add up to `total`: rounded down, the largest remainders up (Hamilton's method).

    With `room`, no discipline gets more than its own. Equal remainders go in the order of discipline and bin.
    """
    scale = total / max(sum(wish.values()), _TINY)
    exact = {base: value * scale for base, value in wish.items()}
    found = {base: int(value) for base, value in exact.items()}
    used: Counter[str] = Counter()
    for (one, _), count in found.items():
        used[one] += count
    order = sorted(exact, key=lambda base: (-(exact[base] - found[base]), base))
    left = total - sum(found.values())
    while left > 0:
        before = left
        for base in order:
            if left and (room is None or used[base[0]] < room.get(base[0], 0)):
                found[base] += 1
                used[base[0]] += 1
                left -= 1
        if left == before:
            break
    return {base: count for base, count in found.items() if count}


def total_variation(target: Mapping[str, float], achieved: Mapping[str, float]) -> float | None:
    """Half the sum of absolute differences of shares, from 0 to 1; None where nothing was achieved.

    Rows outside the target's cells count as achieved, so they are distance.
    """
    whole = sum(achieved.values())
    if not whole:
        return None
    names = {*target, *achieved}
    return sum(abs(target.get(name, 0.0) - achieved.get(name, 0.0) / whole) for name in names) / 2


def by_cell(counts: Mapping[Base | None, int], where: Mapping[Base, str]) -> Counter[str]:
    """Rows by cell, `other` and `unlabelled` too."""
    found: Counter[str] = Counter()
    for base, rows in counts.items():
        found[_cell(where, base)] += rows
    return found


def _cell(where: Mapping[Base, str], base: Base | None) -> str:
    return place_of(where, *(base or (None, None)))


def _answered(one: Round) -> Counter[Base]:
    """Rows by what they were asked to be: every request counts as answered."""
    found: Counter[Base] = Counter()
    for (wish, _), rows in one.moves.items():
        if wish is not None:
            found[wish] += rows
    return found


def _within(wish: Floats, requests: Sequence[Base], room: Mapping[str, int], total: int) -> Floats:
    """`wish` scaled to `total`, no discipline above its room; what is cut off goes to the others in proportion."""
    names = list(dict.fromkeys(one for one, _ in requests))
    place = np.array([names.index(one) for one, _ in requests])
    most = np.array([float(room.get(name, 0)) for name in names])
    sums = np.bincount(place, weights=wish, minlength=len(names))
    given, full = np.zeros(len(names)), np.zeros(len(names), dtype=np.bool_)
    for _ in names:
        free = ~full & (sums > 0)
        rest = total - most[full].sum()
        if not free.any():
            break
        given = np.where(full, most, np.where(free, sums * rest / max(sums[free].sum(), _TINY), 0.0))
        over = free & (given > most)
        if not over.any():
            break
        full |= over
    given = np.minimum(given, most)
    scaled = wish * (given / np.maximum(sums, _TINY))[place]
    return np.asarray(scaled, dtype=np.float64)
