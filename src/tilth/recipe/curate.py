"""The curate step of a recipe: an ordered list of stages, each one key with its settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from tilth.recipe.stages.decontaminate import Decontaminate
from tilth.recipe.stages.difficulty import Difficulty
from tilth.recipe.stages.duplicates import ExactDuplicates, NearDuplicates, RepeatedText
from tilth.recipe.stages.label import Label
from tilth.recipe.stages.language import Language
from tilth.recipe.stages.layouts import Layouts
from tilth.recipe.stages.link import Link
from tilth.recipe.stages.pii import Pii
from tilth.recipe.stages.questions import QuestionDuplicates, Questions
from tilth.recipe.stages.rules import Rules
from tilth.recipe.stages.score import Score
from tilth.recipe.stages.select import ProbeItems, Select
from tilth.recipe.stages.semantic import SemanticDuplicates
from tilth.recipe.stages.sources import HoldOut, Licences, Quotas, Shuffle
from tilth.recipe.stages.verify import Verify


class CurateStage(BaseModel):
    """One stage of a curate step: exactly one of the keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    licences: Licences | None = None
    language: Language | None = None
    rules: Rules | None = None
    pii: Pii | None = None
    questions: Questions | None = None
    question_duplicates: QuestionDuplicates | None = None
    label: Label | None = None
    score: Score | None = None
    exact_duplicates: ExactDuplicates | None = None
    near_duplicates: NearDuplicates | None = None
    semantic_duplicates: SemanticDuplicates | None = None
    repeated_text: RepeatedText | None = None
    decontaminate: Decontaminate | None = None
    quotas: Quotas | None = None
    hold_out: HoldOut | None = None
    shuffle: Shuffle | None = None
    probe_items: ProbeItems | None = None
    select: Select | None = None
    link: Link | None = None
    verify: Verify | None = None
    difficulty: Difficulty | None = None
    layouts: Layouts | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        """`- licences` alone means the stage with its defaults."""
        if isinstance(value, str):
            return {value: {}}
        if isinstance(value, dict) and len(value) == 1:  # "- licences:" with nothing under it
            return {name: {} if settings is None else settings for name, settings in value.items()}
        return value

    @property
    def name(self) -> str:
        """The stage's key."""
        return self.chosen()[0]

    @property
    def settings(self) -> BaseModel:
        """The stage's settings."""
        return self.chosen()[1]

    def chosen(self) -> tuple[str, BaseModel]:
        """The one key that is set, and its settings."""
        found = [(name, value) for name in type(self).model_fields if (value := getattr(self, name)) is not None]
        if len(found) != 1:
            known = ", ".join(type(self).model_fields)
            saw = " and ".join(name for name, _ in found) or "none"
            raise ValueError(f"expected one stage an item of a curate list ({known}); saw {saw}")
        return found[0]

    @model_validator(mode="after")
    def _one(self) -> "CurateStage":
        self.chosen()
        return self
