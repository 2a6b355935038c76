"""Settings of steering: which seeds a round of synthesis takes, and which rows are probe items and never seeds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _as_tuple(value: Any) -> Any:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
Four = tuple[float, float, float, float]
Grade = Literal["G1", "G2", "G3", "G4", "G5", "GC"]
BinName = Literal["D1", "D2", "D3", "D4", "D5"]

#: Grades asked for in a bin; ours, after the order of both scales. Competition is asked of `contests` only.
GRADES: dict[BinName, tuple[Grade, ...]] = {
    "D1": ("G1", "G2"),
    "D2": ("G2", "G3"),
    "D3": ("G3", "G4"),
    "D4": ("G4", "G5"),
    "D5": ("G5", "GC"),
}


class LabelColumns(BaseModel):
    """Which labels of a row say what cell it lies in. A label that is missing or no label makes it `unlabelled`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    discipline: Literal["discipline", "field"] = "discipline"  # the upper or the lower level of the taxonomy
    # rubric: `difficulty` from 1 to 10; pass_rate: a share; ability: logits on the Rasch scale
    measure: Literal["rubric", "pass_rate", "ability"] = "rubric"
    rubric_borders: Four = (2.0, 4.0, 6.0, 8.0)  # as in tilth.difficulty.bins
    rate_borders: Four = (0.9, 0.7, 0.5, 0.2)  # as there; of pass_rate, and of the rate that an ability means
    reference_skill: float = Field(0.0, ge=-10, le=10)  # logits; whose rate an ability is turned into


class Select(BaseModel):
    """One round of the closed loop: seeds and requests that bring the achieved distribution to the target.

    `requested` and `achieved` name the datasets of the earlier rounds, in order: what their `select` steps chose, and
    the questions that came of it, labelled anew.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: str = Field(min_length=1)  # the file of weights by cell
    rows: int = Field(gt=0)  # seeds of this round
    round: int = Field(1, ge=1)
    requested: Names = ()
    achieved: Names = ()
    labels: LabelColumns = LabelColumns()
    # file that `tilth agreement` wrote: labels below its threshold steer nothing; None: not asked for
    agreement: str | None = None
    reuse: int = Field(1, ge=1)  # rounds that one seed may be in
    # 10: after 50 requests of a cell its own outcomes weigh five times as much as what all cells have in common; ours
    smoothing: float = Field(10.0, gt=0)
    steps: int = Field(400, ge=1, le=100_000)  # of the fit of requests to needs; more changes less than one row
    grades: dict[BinName, tuple[Grade, ...]] = Field(default_factory=lambda: dict(GRADES))
    contests: tuple[str, ...] = ("science", "engineering", "mathematics", "physics", "computer_science")

    @model_validator(mode="after")
    def _rounds(self) -> "Select":
        if self.requested and len(self.requested) != len(self.achieved):
            raise ValueError(
                f"expected a dataset in requested for each in achieved; saw {len(self.requested)} and "
                f"{len(self.achieved)}. Leave requested out where it is not known: all requests then count as answered"
            )
        return self


class ProbeItems(BaseModel):
    """Rows that are items of a probe set are dropped: by id, and by the question's text without case and spacing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    probe: Names = Field(min_length=1)  # folders of probe sets
