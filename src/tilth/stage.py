"""What a generation stage is, so that stages and the runner meet without importing one another.

A stage turns a document into units of work, and a unit into a sample or a refusal. It may call the model several times;
every call goes through `generate`, which answers from the journal where it can.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tilth.base.errors import TilthError
from tilth.generate.request import Completion, Request


class NotAnsweredError(TilthError):
    """A call has no answer in the journal, and this pass makes no calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One row of a documents dataset."""

    doc_id: str
    text: str
    language: str | None
    licence: str | None
    origin: str
    content_hash: str
    metadata: str | None = None  # JSON object: the mapped columns of a source, or what a sample was parsed to


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One piece of work that ends in exactly one named state: a document, a prompt and a window.

    `payload` is the stage's own; the runner only counts units, and keeps their order.
    """

    sample_id: str
    document: Document
    prompt: str
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutedAway:
    """A document that a strategy was not worth trying on, and why."""

    prompt: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a unit ended: `reason` is None for a sample. `row` has the columns of SAMPLES or DROPPED.

    `passing` marks a drop that another try may mend (an engine that was away): a later round tries it again.
    """

    reason: str | None
    row: Mapping[str, Any]
    flags: tuple[str, ...] = ()
    passing: bool = False


class Generate(Protocol):
    """One call to the model on behalf of a unit. `call` numbers the unit's calls from 0; the journal's key has it.

    Raises `EngineError` where the call failed for good, `StopRun` where the run ends,
    `NotAnsweredError` in a pass that makes no calls.
    """

    def __call__(self, request: Request, call: int) -> Awaitable[Completion]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What decides the texts of a stage, as flat fields, and what only decides how they are read.

    `shared` fields touch every row; `by_prompt` fields only the rows of their prompt. `reading` (parsers, checks,
    policies) never needs a new call.
    """

    shared: Mapping[str, str]
    by_prompt: Mapping[str, Mapping[str, str]]
    reading: Mapping[str, str] = field(default_factory=dict)


class GenerationStage(Protocol):
    """A stage that calls a model. Built from its settings by `build`, named in the plan as "module:build"."""

    @property
    def identity(self) -> Identity: ...

    @property
    def prompts(self) -> Sequence[str]: ...

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """The units a document makes, and the strategies it was routed away from. Pure and cheap."""
        ...

    def __call__(self, unit: Unit, generate: Generate) -> Awaitable[Outcome]: ...

    def alarms(self) -> list[dict[str, Any]]:
        """What is wrong with the outputs as a whole so far, as plain values."""
        ...

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of a unit whose call failed for good."""
        ...
