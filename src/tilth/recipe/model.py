"""The recipe: which stages make which datasets from which sources. It is data, from YAML or from Python."""

from pydantic import BaseModel, ConfigDict, Field

from tilth.data.source import SourceSpec
from tilth.recipe.stages.rephrase import Rephrase


class Step(BaseModel):
    """One step: exactly one of the operations, and the step its rows come from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    read: SourceSpec | None = None
    rephrase: Rephrase | None = None
    source: str | None = Field(None, alias="from")


class Budget(BaseModel):
    """Hard caps over the whole run, resumes included. None: no cap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    money: float | None = Field(None, gt=0)  # in the price file's currency
    tokens: int | None = Field(None, gt=0)  # prompt and completion
    hours: float | None = Field(None, gt=0)  # wall clock of generation


class Execution(BaseModel):
    """How fast and where. Never part of the identity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(0, ge=0)  # processes; 0: one, or one a core for an engine that is CPU-bound
    shard_rows: int = Field(2000, gt=0)  # documents a shard; decided when documents are first read
    salvage_rounds: int = Field(2, ge=0)  # rounds at the end for rows that failed for passing reasons
    prices: str | None = None  # the user's own price file
    journal: bool = True


class Recipe(BaseModel):
    """A whole run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)
    steps: dict[str, Step] = Field(min_length=1)
    budget: Budget = Budget()
    execution: Execution = Execution()
