"""Settings of labelling: discipline and field of each text by the local labeller."""

from pydantic import BaseModel, ConfigDict, Field


class Label(BaseModel):
    """Labels are columns; nothing is dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1)  # folder of a trained labeller
    taxonomy: str | None = None  # the file it was trained under; None: the shipped one
    abstain_below: float | None = Field(None, ge=0, le=1)  # None: the threshold that was set in training
    column: str = "text"
