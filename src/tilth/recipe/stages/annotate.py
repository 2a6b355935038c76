"""Settings of the annotate stage."""

from pydantic import BaseModel, ConfigDict

from tilth.generate.model import ModelSpec, Sampling


class Annotate(BaseModel):
    """Settings of the annotate stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt_folders: tuple[str, ...] = ()  # searched before the shipped library
    model: ModelSpec = ModelSpec()
    sampling: Sampling = Sampling()
    source_column: str = "text"
