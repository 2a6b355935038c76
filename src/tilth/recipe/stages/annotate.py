"""Settings of the annotate stage: difficulty on a rubric, grade, discipline and field, by votes of a model."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tilth.generate.model import ModelSpec, Sampling


class Annotate(BaseModel):
    """Settings of the annotate stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_folders: tuple[str, ...] = ()  # searched before the shipped prompts
    model: ModelSpec = ModelSpec()
    sampling: Sampling = Sampling(max_tokens=600)  # 600: an analysis of a few sentences and five values
    source_column: str = "text"
    votes: int = Field(6, ge=1, le=64)  # 6: DeepMath-103K (arXiv 2504.11456); 64: far above any use
    least_votes: int | None = Field(None, ge=1)  # votes that must be readable; None: more than half
    anchors: str | None = None  # file of anchor problems by level; None: the shipped ones
    taxonomy: str | None = None  # file of disciplines and fields; None: the shipped one
    show_solution: bool = True  # difficulty is judged by the steps of the solution, where there is one
    max_characters: int = Field(12_000, gt=0)  # of question, choices, answer and solution together; more is cut
    labels: Literal["replace", "keep"] = "replace"  # what happens to a discipline that the row has already

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.least_votes is not None and self.least_votes > self.votes:
            raise ValueError("least_votes cannot be more than votes")
        return self
