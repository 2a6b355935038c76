"""Settings of the refine stage."""

from pydantic import BaseModel, ConfigDict

from tilth.generate.model import ModelSpec, Sampling


class Refine(BaseModel):
    """Settings of the refine stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_folders: tuple[str, ...] = ()  # searched before the shipped library
    model: ModelSpec = ModelSpec()
    sampling: Sampling = Sampling()
    source_column: str = "text"
