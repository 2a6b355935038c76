"""Settings of the stage that joins seeds by shared knowledge points."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Size = Literal[2, 3, 4]


class Link(BaseModel):
    """Which seeds go together. Two to four seeds a question is LinkSyn's number; the rest are proposals of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sizes: dict[Size, Annotated[float, Field(ge=0)]] = {2: 2.0, 3: 1.0, 4: 1.0}
    """Weight of each number of seeds, the row's own included; a walk that ends early gives fewer."""
    points: Literal["auto", "metadata", "terms"] = "auto"  # auto: the row's own `points`, else rare terms
    terms: int = Field(12, ge=1, le=32)  # rare terms kept of a row without points
    shared_terms: int = Field(2, ge=1)  # that two rows must have in common; of points that were named one is enough
    most_share: float = Field(0.01, gt=0, le=1)  # of the rows that may hold a rare term; more common ones join nothing
    most_rows: int = Field(5, ge=2)  # rows that may hold a rare term whatever the share: for small sets of seeds
    popularity: float = Field(0.5, ge=0, le=1)
    """a in V(v) = a log(1 + popularity) + (1 - a) / sqrt(1 + times walked): 1 seeks common points, 0 fresh ones."""
    tries: int = Field(8, ge=1, le=64)  # rows of a point looked at before another point is tried
    most_alike: float = Field(0.8, gt=0, le=1)  # share of all terms, estimated, above which two are one question
    same_discipline: bool = True  # rows that have none are a group of their own
    extract_chars: int = Field(1000, ge=50)  # of each part of a partner that goes into the row: JiuZhang3.0
    unlinked: Literal["drop", "flag"] = "drop"  # what happens to a row without a partner

    @field_validator("sizes")
    @classmethod
    def _some(cls, sizes: dict[Size, float]) -> dict[Size, float]:
        if not any(sizes.values()):
            raise ValueError("expected a weight above 0 for 2, 3 or 4 seeds")
        return sizes
