"""Settings of the refine stage: a second model makes a question self-contained and mends its answer."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tilth.generate.model import ModelSpec, Sampling


class Refine(BaseModel):
    """Settings of the refine stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_folders: tuple[str, ...] = ()  # searched before the shipped prompts
    model: ModelSpec = ModelSpec()
    #: Temperature 0 and top_p 0.9 as MegaScience refines; 4,096 tokens fit a context of 8,192 with the question.
    sampling: Sampling = Sampling(temperature=0.0, top_p=0.9, max_tokens=4096)
    source_column: str = "text"
    retries: int = Field(1, ge=0, le=5)  # further tries after an answer that cannot be read, with what was wrong
    max_characters: int = Field(20_000, gt=0)  # of question, context, choices, answer and solution; more is routed away
    longest: int = Field(40_000, gt=0)  # characters of the refined question and solution together
    on_contradiction: Literal["drop", "keep"] = "drop"  # keep: the row goes on as it was, with a flag
    on_failure: Literal["drop", "keep"] = "drop"  # the same for a refinement that cannot be used
