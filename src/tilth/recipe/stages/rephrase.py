"""Settings of the rephrasing stage."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tilth.generate.model import Fit, ModelSpec, Sampling

Policy = Literal["keep", "flag", "drop", "retry"]


class Checks(BaseModel):
    """What happens to an answer that fails a check. Names and defaults: `tilth checks`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policies: dict[str, Policy] = Field(default_factory=dict)  # check name -> policy, over the check's default
    thresholds: dict[str, float] = Field(default_factory=dict)  # threshold name -> value, over the default
    retries: int = Field(1, ge=0)  # answers drawn again, with another seed, where a check says retry


class Rephrase(BaseModel):
    """Settings of the rephrasing stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompts: tuple[str, ...] = Field(min_length=1)
    prompt_folders: tuple[str, ...] = ()  # searched before the shipped library
    model: ModelSpec = ModelSpec()
    sampling: Sampling = Sampling()
    fit: Fit = Fit()
    checks: Checks = Checks()
    route: bool = True  # False: every document goes to every prompt
    source_column: str = "text"
