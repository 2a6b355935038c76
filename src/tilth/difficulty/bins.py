"""Five bins of difficulty, D1 the easiest: from a rubric score, and from an expected pass rate.

The rubric's borders and the rule that D4 and D5 are high difficulty with a solve rate of at most a half are settings of
ours (section 4.2 of the BoostQA notes marks them as proposals); the borders of the pass rate follow from that rule.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tilth.difficulty.rasch import RaschFit

NAMES = ("D1", "D2", "D3", "D4", "D5")
Four = tuple[float, float, float, float]


class BinSettings(BaseModel):
    """Where the bins meet. A score on a rubric border belongs to the easier bin, a rate on a border to the harder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rubric_borders: Four = (2.0, 4.0, 6.0, 8.0)
    rate_borders: Four = (0.9, 0.7, 0.5, 0.2)  # of the reference solver; 0.5 opens D4
    reference_skill: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """Skill of the solver whose expected rate is binned; 0 solves the mean question half of the time."""

    @field_validator("rubric_borders")
    @classmethod
    def _rising(cls, borders: Four) -> Four:
        if list(borders) != sorted(set(borders)):
            raise ValueError("expected rising borders")
        return borders

    @field_validator("rate_borders")
    @classmethod
    def _falling(cls, borders: Four) -> Four:
        if list(borders) != sorted(set(borders), reverse=True) or borders[3] <= 0 or borders[0] >= 1:
            raise ValueError("expected falling borders between 0 and 1")
        return borders


@dataclass(frozen=True, slots=True)
class Binned:
    """A bin from 1 to 5 for each question, and the probability that it is the right one, given the answers."""

    bin: NDArray[np.int64]
    certainty: NDArray[np.float64]


_DEFAULT = BinSettings()


def rubric_bins(scores: ArrayLike, settings: BinSettings = _DEFAULT) -> NDArray[np.int64]:
    """The bins, 1 to 5, of rubric scores from 1 to 10."""
    return np.searchsorted(np.asarray(settings.rubric_borders), np.asarray(scores, dtype=float), side="left") + 1


def fitted_bins(fit: RaschFit, settings: BinSettings = _DEFAULT) -> Binned:
    """The most probable bin of each question under its posterior, by the reference solver's expected pass rate."""
    borders = np.asarray(settings.rate_borders)
    at = settings.reference_skill + np.log((1 - borders) / borders)  # difficulty at which the rate is the border
    step = fit.grid[1] - fit.grid[0]
    place = (at - fit.grid[0]) / step + 0.5  # in cells from the left end of the grid; each point's mass fills its cell
    cell = np.clip(place.astype(np.int64), 0, len(fit.grid) - 1)
    total = np.cumsum(fit.posterior, axis=1)
    below = total[:, cell] - fit.posterior[:, cell] * np.clip(cell + 1 - place, 0, 1)
    mass = np.diff(below, axis=1, prepend=0.0, append=1.0)
    best = mass.argmax(axis=1)
    return Binned(best[fit.pattern] + 1, mass[np.arange(len(mass)), best][fit.pattern])
