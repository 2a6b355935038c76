"""What the arms of a study are made of: original text, ways of writing synthetic text, the tokenizer.

Each is data in the words of a recipe, so that whatever a recipe can read, write and curate can be an arm.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tilth.data.source import SourceSpec
from tilth.recipe.curate import CurateStage
from tilth.recipe.questions import QuestionOptions
from tilth.recipe.stages.rephrase import Rephrase


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Model):
    """Original text: where it is read and how it is curated. Held-out text leaves it before anything is made of it."""

    read: SourceSpec
    curate: tuple[CurateStage, ...] = ()


class Strategy(_Model):
    """How synthetic text is made of a source: exactly one of `rephrase`, `curate` and `recipe`; or text that is there
    already, under `read`. `then` curates the outcome.

    An arm's generator takes the place of the models that these name. `recipe` is a file or a shipped recipe: its first
    read step reads the source, and the dataset of `step` (the last one, if None) is the text. `without` leaves steps of
    it out, for an ablation: what came from such a step comes from where that came from. `questions` puts models,
    weights and the like into a recipe of question synthesis.
    """

    rephrase: Rephrase | None = None
    curate: tuple[CurateStage, ...] | None = None
    recipe: str | None = None
    step: str | None = None
    without: tuple[str, ...] = ()
    questions: QuestionOptions | None = None
    read: SourceSpec | None = None
    then: tuple[CurateStage, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = ("rephrase", "curate", "recipe", "read")
        found = [way for way in ways if getattr(self, way)]
        if len(found) != 1:
            raise ValueError(f"expected one of {', '.join(ways)}; saw {' and '.join(found) or 'none'}")
        of_recipe = [name for name in ("step", "without", "questions") if getattr(self, name)]
        if of_recipe and self.recipe is None:
            raise ValueError(f"{of_recipe[0]} belongs to a recipe; there is none under recipe")
        return self


class TrainedTokenizer(_Model):
    """A byte-level tokenizer made from a source's training text, the same for all arms."""

    train_on: str  # a source
    vocabulary: int = Field(ge=257, le=1 << 20)

    def __str__(self) -> str:
        return f"trained on {self.train_on}, vocabulary {self.vocabulary}"
