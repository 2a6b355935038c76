"""Settings of the layouts stage: questions become the texts that a model trains on."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LayoutName = Literal["plain", "reasoning", "choice", "chat"]
_WEIGHTS: dict[LayoutName, float] = {"plain": 1.0, "reasoning": 2.0, "choice": 1.0, "chat": 1.0}
Four = tuple[float, float, float, float]


class Layouts(BaseModel):
    """Which layouts, how often, and how many rows of each cell. Layouts and their texts: docs/boostqa.md.

    A row takes a layout out of those that fit it: `reasoning` and `chat` where there is a solution, `choice` where
    there are choices, `plain` always. The weights are ours. Speakers are plain words: in the trials of Olmo 3 special
    tokens unseen in pre-training took GSM8K from 49 to 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: dict[LayoutName, Annotated[float, Field(ge=0)]] = Field(default_factory=lambda: dict(_WEIGHTS))
    # the balance over cells of discipline and difficulty
    target: str | None = None  # file of weights by cell; None: every row is kept
    over_target: Literal["drop", "flag", "keep"] = "drop"  # what happens to rows beyond their cell's share
    tolerance: float = Field(1.0, gt=0)  # times its target share that a cell may have
    rows: int | None = Field(None, gt=0)  # rows that the shares are of; None: all that come in
    unplaced: Literal["keep", "drop"] = "keep"  # rows whose labels lie in no cell of the file
    discipline: Literal["discipline", "field"] = "discipline"  # the level of the taxonomy that the file is by
    rubric_borders: Four = (2.0, 4.0, 6.0, 8.0)  # between D1 and D5; as in tilth.difficulty.bins

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(self.weights.values()):
            raise ValueError("expected a weight above 0 for plain, reasoning, choice or chat")
        return self
