"""Weights by cell: how much of what is synthesised should lie in each, from what a model lacks.

A deficit is the target's (or a stronger model's) score minus the model's, with an interval. Only a deficit whose
interval excludes zero raises a cell; every cell keeps a floor, none gets more than a cap. The file is YAML for people:
each cell says its deficit, its interval and why it has its weight, and an edited file is checked when it is read.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tilth.base.errors import ConfigError
from tilth.base.files import write_bytes
from tilth.steer.cells import DISCIPLINE, OTHER, UNLABELLED, Base, Cell
from tilth.steer.scores import LOWER_IS_BETTER, ProbeResults, Score, cell_scores, paired_differences

_HEADER = """\
# Weights of synthesis by cell. Edit `weight` freely: weights are shares of the whole and are scaled to add up to 1;
# 0 takes a cell out, a cell that is deleted is no target. `deficit` and `interval` say what the weight was made of.
"""


class WeightSettings(BaseModel):
    """How deficits become weights. Floor and cap, both ours, are multiples of an equal share (one a cell)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Literal["acc", "choice_acc", "gold_bpb"] = "acc"
    level: float = Field(0.95, gt=0.5, lt=1)  # of the intervals
    floor: float = Field(0.25, ge=0, le=1)  # a quarter: enough that a cell is never forgotten, and can be seen to drift
    cap: float = Field(4.0, ge=1)  # above 4 equal shares one cell of a 20-cell map would be a fifth of everything
    draws: int = Field(2000, ge=200, le=100_000)  # 2,000: the ends of a 95% interval are then known to 3% of its width
    seed: int = Field(0, ge=0)


class CellWeight(BaseModel):
    """One cell of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: str = Field(min_length=1)
    disciplines: tuple[str, ...] = Field(min_length=1)
    bins: tuple[int, int]  # first and last, 1 to 5
    items: int = Field(0, ge=0)  # of the probe
    score: float | None = None
    target: float | None = None
    deficit: float | None = None
    interval: tuple[float, float] | None = None
    weight: float = Field(ge=0, allow_inf_nan=False)
    why: str = ""

    @model_validator(mode="after")
    def _check(self) -> "CellWeight":
        if not 1 <= self.bins[0] <= self.bins[1] <= 5:
            raise ValueError(f"expected bins: [first, last] from 1 to 5; saw {list(self.bins)}")
        strange = [one for one in self.disciplines if not DISCIPLINE.fullmatch(one) or one in (UNLABELLED, OTHER)]
        if strange:
            raise ValueError(f"expected ids of disciplines; saw {strange[0][:40]!r}")
        return self

    @property
    def bases(self) -> tuple[Base, ...]:
        """The discipline-bin pairs that the cell covers."""
        return tuple((one, bin_) for one in self.disciplines for bin_ in range(self.bins[0], self.bins[1] + 1))


class Weights(BaseModel):
    """The file. Cells do not overlap, and some weight is above zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    model: str = ""
    step: int = 0
    target: str = ""  # in words
    probe: str = ""  # fingerprint of the probe set
    metric: str = "acc"
    level: float = 0.95
    cells: tuple[CellWeight, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> "Weights":
        names = [cell.cell for cell in self.cells]
        twice = next((name for at, name in enumerate(names) if name in names[:at] or name in (UNLABELLED, OTHER)), None)
        if twice is not None:
            raise ValueError(f"expected each cell once, and no {UNLABELLED} or {OTHER}; saw {twice!r}")
        owner: dict[Base, str] = {}
        for cell in self.cells:
            for base in cell.bases:
                if base in owner:
                    raise ValueError(f"{cell.cell} and {owner[base]} both hold {base[0]}/D{base[1]}: let one of them")
                owner[base] = cell.cell
        if not sum(cell.weight for cell in self.cells):
            raise ValueError("expected a weight above 0 in some cell; saw none")
        return self

    def shares(self) -> dict[str, float]:
        """Cell -> its share of the whole; the shares add up to 1."""
        total = math.fsum(cell.weight for cell in self.cells)
        return {cell.cell: cell.weight / total for cell in self.cells}

    def places(self) -> dict[Base, str]:
        """Discipline and bin -> cell."""
        return {base: cell.cell for cell in self.cells for base in cell.bases}

    def save(self, path: Path) -> None:
        """Write the file atomically."""
        value = self.model_dump(mode="json", exclude_none=True)
        body = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        write_bytes(path, (_HEADER + body).encode())

    @classmethod
    def load(cls, path: Path) -> "Weights":
        """Read and check a file; raises `ConfigError` that names the file, the cell and what is wrong."""
        try:
            value = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                f"expected a YAML file of weights at {path}; saw: {error}. Make it from a probe."
            ) from error
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise ConfigError(
                f"expected weights by cell in {path}; saw: {_said(error, value)}. Mend the file."
            ) from error


class _Dumper(yaml.SafeDumper):
    """Short lists on one line, as a person would write them."""


_Dumper.add_representer(
    list,
    lambda dumper, value: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", value, flow_style=not any(isinstance(item, dict) for item in value)
    ),
)
_Dumper.add_representer(float, lambda dumper, value: dumper.represent_float(round(value, 6)))


def weights_from(
    results: ProbeResults, target: float | Mapping[str, float] | ProbeResults, settings: WeightSettings | None = None
) -> Weights:
    """The weights of a model's cells.

    `target` is a score that every cell should reach, one by cell, or the results of a stronger model on the same probe
    set, compared item by item. Cells without a value, or too thin to tell, keep the floor and say so. Raises
    `ConfigError` for a target that leaves cells out, another probe set, or a metric that was not measured.
    """
    settings = settings or WeightSettings()
    scores = _scores(results, settings)
    wanted, deficits = _deficits(results, target, scores, settings)
    gains = {cell.name: _gain(deficits[cell.name]) if not cell.thin else 0.0 for cell in results.cells}
    shares = share_out(list(gains.values()), settings.floor, settings.cap)
    most = min(1.0, settings.cap / len(shares)) if any(gains.values()) else math.inf
    return Weights(
        model=results.model,
        step=results.step,
        target=f"results of {target.model}" if isinstance(target, ProbeResults) else _words(target),
        probe=results.probe,
        metric=settings.metric,
        level=settings.level,
        cells=tuple(
            _cell(cell, scores[cell.name], wanted[cell.name], deficits[cell.name], share, most)
            for cell, share in zip(results.cells, shares, strict=True)
        ),
    )


def share_out(gains: Sequence[float], floor: float, cap: float) -> list[float]:
    """Shares that add up to 1: the floor for all, the rest in proportion to `gains`, nobody above the cap.

    What the cap cuts off goes to the others in proportion to their gains, and evenly where none has any.
    """
    count = len(gains)
    least, most = floor / count, min(1.0, cap / count)
    if not any(gains):
        return [1 / count] * count
    top = max(gains)
    extra = [0.0] * count
    rest, room = 1 - floor, most - least
    for _ in range(2 * count):  # each turn fills up a cell or ends; the gains may run out once on the way
        open_ = [index for index in range(count) if extra[index] < room]
        if not open_ or rest <= 0:
            break
        # a gain of a billionth of the greatest is none
        weight = {index: gains[index] / top for index in open_ if gains[index] > 1e-9 * top}
        weight = weight or dict.fromkeys(open_, 1.0)
        total = math.fsum(weight.values())
        if all(rest * own / total <= room - extra[index] for index, own in weight.items()):
            for index, own in weight.items():
                extra[index] += rest * own / total
            break
        for index, own in weight.items():
            extra[index] = min(room, extra[index] + rest * own / total)
        rest = 1 - floor - math.fsum(extra)
    return [least + more for more in extra]


def _scores(results: ProbeResults, settings: WeightSettings) -> dict[str, Score]:
    return cell_scores(results, settings.metric, level=settings.level, draws=settings.draws, seed=settings.seed)


def _deficits(
    results: ProbeResults,
    target: float | Mapping[str, float] | ProbeResults,
    scores: Mapping[str, Score],
    settings: WeightSettings,
) -> tuple[dict[str, float | None], dict[str, Score]]:
    """By cell: the target's score, and what the model lacks of it."""
    down = settings.metric in LOWER_IS_BETTER
    if isinstance(target, ProbeResults):
        theirs = _scores(target, settings)
        pairs = paired_differences(
            results, target, settings.metric, level=settings.level, draws=settings.draws, seed=settings.seed
        )
        wanted = {name: theirs[name].value if name in theirs else None for name in pairs}
        return wanted, {name: _turned(pair, down) for name, pair in pairs.items()}
    if isinstance(target, Mapping):
        lacking = [cell.name for cell in results.cells if cell.name not in target]
        if lacking:
            raise ConfigError(f"expected a target for every cell; {lacking[0]} and {len(lacking) - 1} more have none.")
        aims = {cell.name: float(target[cell.name]) for cell in results.cells}
    else:
        aims = {cell.name: float(target) for cell in results.cells}
    strange = next((name for name, value in aims.items() if not 0 <= value <= (100 if down else 1)), None)
    if strange is not None:
        raise ConfigError(f"expected targets from 0 to {100 if down else 1}; saw {aims[strange]:g} for {strange}.")
    found = {name: _turned(_minus(aim, scores[name]), down) for name, aim in aims.items()}
    return {**aims}, found


def _minus(aim: float, score: Score) -> Score:
    if score.value is None or score.low is None or score.high is None:
        return score
    return Score(value=aim - score.value, low=aim - score.high, high=aim - score.low, items=score.items)


def _turned(score: Score, down: bool) -> Score:
    """Where less is better, the model lacks what it has too much of."""
    if not down or score.value is None or score.low is None or score.high is None:
        return score
    return Score(value=-score.value, low=-score.high, high=-score.low, items=score.items)


def _gain(deficit: Score) -> float:
    """The deficit where its interval lies above zero, else 0."""
    sure = deficit.value is not None and deficit.low is not None and deficit.low > 0
    return float(deficit.value or 0.0) if sure else 0.0


def _cell(cell: Cell, score: Score, aim: float | None, deficit: Score, share: float, most: float) -> CellWeight:
    known = deficit.low is not None and deficit.high is not None
    return CellWeight(
        cell=cell.name,
        disciplines=cell.disciplines,
        bins=(cell.low, cell.high),
        items=score.items,
        score=score.value,
        target=aim,
        deficit=deficit.value,
        interval=(deficit.low or 0.0, deficit.high or 0.0) if known else None,
        weight=share,
        why=_why(cell, deficit, share, most),
    )


def _why(cell: Cell, deficit: Score, share: float, most: float) -> str:
    """Why a cell has its weight; `most` is the cap, infinite where no cell has a sure deficit."""
    if deficit.value is None or deficit.low is None:
        reason = "not measured"
    elif cell.thin:
        reason = "too few items to steer by"
    elif deficit.low > 0:
        reason = "deficit: its interval excludes zero"
    elif deficit.high is not None and deficit.high < 0:
        reason = "above the target"
    else:
        reason = "no deficit that can be told from zero"
    if most == math.inf:
        return f"{reason}; no cell has a sure deficit, so all weigh the same"
    return f"{reason}; held at the cap" if share >= most - 1e-9 else reason


def _words(target: float | Mapping[str, float]) -> str:
    return "a score by cell" if isinstance(target, Mapping) else f"{target:g} in every cell"


def _said(error: ValidationError, value: Any) -> str:
    """The first fault in words, with the cell it lies in."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    cells = value.get("cells") if isinstance(value, dict) else None
    if len(first["loc"]) > 1 and first["loc"][0] == "cells" and isinstance(cells, list):
        number = first["loc"][1]
        one = cells[number] if isinstance(number, int) and number < len(cells) else None
        place = f"{one.get('cell') if isinstance(one, dict) else 'item'} (number {number}), {place}"
    more = f"; and {error.error_count() - 1} more" if error.error_count() > 1 else ""
    return f"{place or 'the file'}: {first['msg']}{more}"
