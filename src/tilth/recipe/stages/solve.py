"""Settings of the solve stage."""

from pydantic import BaseModel, ConfigDict

from tilth.generate.model import ModelSpec, Sampling


class Solve(BaseModel):
    """Settings of the solve stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_folders: tuple[str, ...] = ()  # searched before the shipped library
    model: ModelSpec = ModelSpec()
    sampling: Sampling = Sampling()
    source_column: str = "text"
