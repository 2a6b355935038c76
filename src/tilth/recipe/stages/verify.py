"""Settings of the verify stage: checks of a question, and the vote over all answers to it."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

VerifyAction = Literal["drop", "flag", "keep"]


class Verify(BaseModel):
    """Settings of the verify stage. Reasons and what each does by default: docs/verification.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: dict[str, VerifyAction] = Field(default_factory=dict)  # reason -> action, over the reason's default
    # the vote
    least_answers: int = Field(3, ge=1)  # answers below which nothing is decided
    least_share: float = Field(1 / 3, gt=0, le=1)  # of all answers, that the first must have
    least_lead: int = Field(1, ge=1)  # votes that the first must have over the second; 1: plurality, as LongCat votes
    adopt: bool = True  # a question without an answer takes the one that won
    pass_rate_above: float | None = Field(None, ge=0, lt=1)  # keep pass rates above this
    pass_rate_at_most: float | None = Field(None, gt=0, le=1)  # and up to this
    # the checks
    least_characters: int = Field(8, ge=1)  # of a question: "2+2=?" with its answer is one, "Why?" is none
    most_characters: int = Field(20_000, ge=1)
    least_unique: float = Field(0.5, ge=0, le=1)  # share of 5-grams that are distinct; DataFlow's floor is 0.1
    seed_overlap: float = Field(0.8, gt=0, le=1)  # share of the question's n-grams that its seed has
    seed_field: str = "seed_texts"  # where a row keeps the texts of its seeds: one text or a list
    most_chinese: float = Field(0.2, ge=0, lt=1)  # Chinese characters among letters of what should be English
    least_chinese: float = Field(0.05, ge=0, lt=1)  # of what should be Chinese, which may quote a page of English
    level: Literal[80, 90, 95, 99] = 90  # per cent; of the pass rate's interval
    rows_at_once: int = Field(200_000, ge=1)  # rows grouped at once; 200,000 with 16 answers take about 0.6 GB

    @model_validator(mode="after")
    def _range(self) -> Self:
        low, high = self.pass_rate_above, self.pass_rate_at_most
        if low is not None and high is not None and low >= high:
            raise ValueError("pass_rate_above has to be below pass_rate_at_most")
        return self
