"""The file of weights by cell as shares, and which rows of a cell are within its share.

A cell covers some disciplines and a run of difficulty bins. It may keep `tolerance` times its share of the rows; of a
cell with more, those with the lowest hash are kept, so that the choice depends on neither shards nor workers. Memory
of a decision: about 40 bytes a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tilth.base.errors import ConfigError
from tilth.data.qa import QA
from tilth.difficulty.bins import BinSettings, rubric_bins
from tilth.recipe.stages.layouts import Layouts

#: Where a row lies whose labels are in no cell of the file.
UNPLACED = "unplaced"
_Bin = Annotated[int, Field(ge=1, le=5)]


class _Cell(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # deficit, interval and reasons are for people

    cell: str = Field(min_length=1)
    disciplines: tuple[str, ...] = Field(min_length=1)
    bins: tuple[_Bin, _Bin]
    weight: float = Field(ge=0, allow_inf_nan=False)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    cells: tuple[_Cell, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Target:
    """`shares` add up to 1; `places` says which cell a discipline and a bin lie in."""

    shares: Mapping[str, float]
    places: Mapping[tuple[str, int], str]

    def limits(self, rows: int, tolerance: float) -> dict[str, int]:
        """How many rows each cell may keep of `rows`; rounded up, so that a small share is not nothing."""
        return {name: int(np.ceil(round(share * tolerance * rows, 6))) for name, share in self.shares.items()}


def load_target(path: str) -> Target:
    """Read the file; raises `ConfigError` that names it and says what is wrong."""
    try:
        value = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
        cells = _File.model_validate(value).cells
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(
            f"expected a file of weights by cell at {path}, as `tilth weights` writes it; saw: {error}"
        ) from error
    total = sum(cell.weight for cell in cells)
    places = {
        (one, bin_): cell.cell
        for cell in cells
        for one in cell.disciplines
        for bin_ in range(cell.bins[0], cell.bins[1] + 1)
    }
    if not total or len(places) < sum(len(cell.disciplines) * (cell.bins[1] - cell.bins[0] + 1) for cell in cells):
        raise ConfigError(f"expected cells in {path} that do not overlap, with a weight above 0; mend the file.")
    return Target({cell.cell: cell.weight / total for cell in cells}, places)


def cells_of(qas: Sequence[QA], target: Target | None, settings: Layouts) -> list[str | None]:
    """The cell of each row; `UNPLACED` where the file has none for it, None where there is no file."""
    if target is None:
        return [None] * len(qas)
    scores = [
        qa.difficulty if isinstance(qa.difficulty, int | float) and 1 <= qa.difficulty <= 10 else None for qa in qas
    ]
    bins = rubric_bins([score or 1.0 for score in scores], BinSettings(rubric_borders=settings.rubric_borders))
    return [
        target.places.get((name, int(bin_)), UNPLACED) if isinstance(name, str) and score is not None else UNPLACED
        for name, score, bin_ in zip((getattr(qa, settings.discipline) for qa in qas), scores, bins, strict=True)
    ]


def last_kept(hashes: Mapping[str, Iterable[np.ndarray]], limits: Mapping[str, int]) -> dict[str, int]:
    """The highest hash that a cell keeps; -1 where it keeps none. Cells within their share are left out."""
    found = {}
    for name, parts in hashes.items():
        limit = limits.get(name)
        if limit is None:
            continue
        joined = np.concatenate(list(parts))
        if len(joined) > limit:
            found[name] = int(np.partition(joined, limit - 1)[limit - 1]) if limit else -1
    return found
