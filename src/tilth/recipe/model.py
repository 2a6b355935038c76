"""The recipe: which stages make which datasets from which sources. It is data, from YAML or from Python."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from tilth.data.source import SourceSpec
from tilth.recipe.curate import CurateStage
from tilth.recipe.stages.annotate import Annotate
from tilth.recipe.stages.judge import Judge
from tilth.recipe.stages.refine import Refine
from tilth.recipe.stages.rephrase import Rephrase
from tilth.recipe.stages.solve import Solve
from tilth.recipe.stages.synthesize import Synthesize

#: What a step does: the keys of which a step has exactly one.
Operation = Literal["read", "curate", "rephrase", "synthesize", "refine", "solve", "judge", "annotate"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
#: Those that ask a model; their settings have `model`, `prompt_folders` and `source_column`.
GENERATIONS: tuple[Operation, ...] = ("rephrase", "synthesize", "refine", "solve", "judge", "annotate")
Generation = Rephrase | Synthesize | Refine | Solve | Judge | Annotate


class Step(BaseModel):
    """One step: exactly one of the operations, and the steps its rows come from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    read: SourceSpec | None = None
    curate: tuple[CurateStage, ...] | None = None
    rephrase: Rephrase | None = None
    synthesize: Synthesize | None = None
    refine: Refine | None = None
    solve: Solve | None = None
    judge: Judge | None = None
    annotate: Annotate | None = None
    sources: tuple[str, ...] = Field((), alias="from")  # one step, or for curate several

    @field_validator("sources", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else () if value is None else value

    @field_serializer("sources")
    def _plain(self, value: tuple[str, ...]) -> Any:
        return value[0] if len(value) == 1 else list(value) or None

    @property
    def source(self) -> str | None:
        """The one step that the rows come from, or None."""
        return self.sources[0] if self.sources else None

    @property
    def operations(self) -> list[Operation]:
        """The operations that are set; a valid step has one."""
        return [name for name in OPERATIONS if getattr(self, name) is not None]

    @property
    def kind(self) -> Operation:
        """The operation of a valid step."""
        return self.operations[0]

    @property
    def generation(self) -> Generation | None:
        """The settings of a step that asks a model, or None."""
        value: Generation | None = getattr(self, self.kind) if self.kind in GENERATIONS else None
        return value


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
