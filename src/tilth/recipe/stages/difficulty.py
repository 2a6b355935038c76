"""Settings of the difficulty stage: pass rates of a panel of solvers on one scale, beside the rubric."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Four = tuple[float, float, float, float]


class Difficulty(BaseModel):
    """Settings of the difficulty stage. Nothing is dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rubric_borders: Four = (2.0, 4.0, 6.0, 8.0)  # between D1 and D5; the defaults of tilth.difficulty.bins
    rate_borders: Four = (0.9, 0.7, 0.5, 0.2)  # of the reference solver's expected rate
    reference_skill: float = Field(0.0, ge=-10, le=10)  # 0 solves the mean question half of the time
    groups: Literal["panel", "mechanism", "none"] = "panel"
    """What has a mean difficulty of its own: needed where solvers were given questions of other difficulty."""
    least_group: int = Field(50, ge=1)  # questions; smaller groups join the largest, since their mean would be noise
    anchors: dict[str, float] = Field(default_factory=dict)  # solver -> skill of an earlier fit, whose scale is kept
    level: Literal[80, 90, 95, 99] = 90  # per cent; of the intervals
    fit_rows: int = Field(200_000, ge=10)  # questions that the fit looks at; all of them are scored by it
    hard_rate: float = Field(0.5, gt=0, le=1)  # high difficulty: D4 or D5, solved at all and at most at this rate
