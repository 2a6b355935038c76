"""Cells: discipline x difficulty bin, and the rule that merges thin ones.

A cell's name is `science/D3`; a merged one is `science/D2-D3` (neighbouring bins of one discipline) or
`stem:astronomy+physics/D4-D5` (disciplines of one group). Rows without usable labels lie in `unlabelled`, rows whose
labels belong to no cell in `other`: neither is ever a target, and both are counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

UNLABELLED = "unlabelled"
OTHER = "other"
BINS = (1, 2, 3, 4, 5)
#: What a discipline's id looks like; anything else is no label. 64: ids of the taxonomy have at most 25 characters.
DISCIPLINE = re.compile(r"[a-z][a-z0-9_]{0,63}")

#: A discipline and a bin from 1 to 5.
Base = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Disciplines and a range of bins, both ends included. `items`: how many it was made over; `thin`: too few."""

    name: str
    disciplines: tuple[str, ...]
    low: int
    high: int
    items: int = 0
    thin: bool = False

    @property
    def bases(self) -> tuple[Base, ...]:
        """The discipline-bin pairs that the cell covers."""
        return tuple((one, bin_) for one in self.disciplines for bin_ in range(self.low, self.high + 1))


def cell_name(disciplines: Sequence[str], low: int, high: int, group: str = "") -> str:
    """`science/D3`, `science/D2-D3`, `stem:astronomy+physics/D1-D5`."""
    front = f"{group}:" if len(disciplines) > 1 and group else ""
    bins = f"D{low}" if low == high else f"D{low}-D{high}"
    return f"{front}{'+'.join(disciplines)}/{bins}"


def merge_cells(counts: Mapping[Base, int], stem: Mapping[str, bool], least: int = 50) -> tuple[Cell, ...]:
    """Cells of at least `least` items that cover every discipline in `counts` and all bins.

    First bins of one discipline are joined: the smallest run of bins with its smaller neighbour (the easier one first
    where equal), until every run is large enough or one is left. Disciplines that are too small as a whole are then
    taken together within their group, STEM or not, and their bins joined in the same way. What is still too small is
    marked `thin`. Ordered by discipline and bin, merged disciplines last.
    """
    disciplines = sorted({discipline for discipline, _ in counts})
    totals = {one: sum(counts.get((one, bin_), 0) for bin_ in BINS) for one in disciplines}
    cells: list[Cell] = []
    for one in disciplines:
        if totals[one] >= least:
            cells += _runs((one,), counts, least, "")
    for group, is_stem in (("stem", True), ("non-stem", False)):
        small = tuple(one for one in disciplines if totals[one] < least and stem.get(one, False) == is_stem)
        if small:
            cells += _runs(small, counts, least, group)
    return tuple(cells)


def places(cells: Iterable[Cell]) -> dict[Base, str]:
    """Discipline and bin -> the name of the cell that they lie in."""
    return {base: cell.name for cell in cells for base in cell.bases}


def place_of(where: Mapping[Base, str], discipline: str | None, bin_: int | None) -> str:
    """The cell of a row's labels: its name, `unlabelled` or `other`."""
    if discipline is None or bin_ is None:
        return UNLABELLED
    return where.get((discipline, bin_), OTHER)


def discipline_groups(disciplines: Iterable[str | None], stem: Iterable[bool | None]) -> dict[str, bool]:
    """Whether each discipline counts as STEM: what more of its rows say; a tie and no word at all are no."""
    votes: Counter[str] = Counter()
    for one, flag in zip(disciplines, stem, strict=True):
        if one is not None:
            votes[one] += 0 if flag is None else 1 if flag else -1
    return {one: count > 0 for one, count in votes.items()}


def _runs(disciplines: tuple[str, ...], counts: Mapping[Base, int], least: int, group: str) -> list[Cell]:
    runs = [([bin_], sum(counts.get((one, bin_), 0) for one in disciplines)) for bin_ in BINS]
    while len(runs) > 1:
        place = min(range(len(runs)), key=lambda index: runs[index][1])
        if runs[place][1] >= least:
            break
        beside = [index for index in (place - 1, place + 1) if 0 <= index < len(runs)]
        other = min(beside, key=lambda index: runs[index][1])
        first, second = sorted((place, other))
        runs[first : second + 1] = [(runs[first][0] + runs[second][0], runs[first][1] + runs[second][1])]
    return [
        Cell(
            name=cell_name(disciplines, bins[0], bins[-1], group),
            disciplines=disciplines,
            low=bins[0],
            high=bins[-1],
            items=size,
            thin=size < least,
        )
        for bins, size in runs
    ]
