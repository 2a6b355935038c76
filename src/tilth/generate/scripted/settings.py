"""Settings of the scripted engine, under `extra_body: {scripted: {...}}` of a model.

Everything that is planted stands here, so that a test or a dry run knows what a measurement should find.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=1, le=10)]  # the rubric's scale of difficulty
Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
Mechanism = Literal["grade", "harden", "linked", "logic"]


#: As the shipped grades of the synthesize stage are named in its prompts.
_LEVELS = {
    "primary school": "G1", "middle school": "G2", "high school": "G3", "undergraduate": "G4",
    "graduate and expert": "G5", "competition": "GC",
    "小学": "G1", "初中": "G2", "高中": "G3", "本科": "G4", "研究生与专家": "G5", "竞赛": "GC",
}  # fmt: skip


class Skill(BaseModel):
    """How often the solver is right: logistic(ability + discipline's offset - slope x (difficulty - middle))."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ability: float = Field(1.0, ge=-20, le=20)  # logits
    disciplines: dict[str, float] = Field(default_factory=dict)  # discipline -> logits added to the ability
    cells: dict[str, Share] = Field(
        default_factory=dict
    )  # "science/D4" -> share of right answers, in place of the rest
    slope: float = Field(0.7, ge=0, le=10)  # logits a point of the rubric: 0.9 at 3.9, 0.1 at 10 with ability 1
    middle: Points = 5.5  # the difficulty that an ability of 0 solves half of the time
    #: Share of the wrong answers to a question that are one and the same slip: votes are harder where errors agree.
    common_slip: Share = 0.4


class Author(BaseModel):
    """What the author does wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wrong: Share = 0.0  # questions whose stated answer is wrong
    too_easy: dict[Mechanism, Share] = Field(default_factory=dict)  # questions that come out easier than asked for
    too_easy_by: float = Field(2.0, ge=0, le=9)  # points of the rubric
    broken: Share = 0.0  # answers that break off before their end
    copies: Share = 0.0  # questions that are another known question word for word, as a model repeats what it has seen
    repairs: Share = 0.0  # wrong answers that `refine` mends


class Annotator(BaseModel):
    """How the annotator errs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise: float = Field(0.5, ge=0, le=5)  # standard deviation of a vote on difficulty, in points
    confusion: Share = 0.0  # votes that name another discipline


class Judge(BaseModel):
    """How the judge of free-text answers errs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    errors: Share = 0.0  # verdicts that are the opposite of the right one
    undecided: Share = 0.0  # verdicts that say that it cannot tell


class Scripted(BaseModel):
    """Settings of the scripted engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Files or folders of questions with answers, in the form of seed files; not looked into where they are URLs.
    known: Names = Field(min_length=1)
    columns: dict[str, str] = Field(default_factory=dict)  # part of a question -> its column, where it is not the same
    #: Subject -> "discipline/field" or "discipline". A subject that is not named here, of a question without a column
    #: discipline, is given one of `disciplines` by lot.
    subjects: dict[str, str] = Field(default_factory=dict)
    disciplines: Names = ("science", "engineering", "medicine", "history", "economics")
    #: Difficulty asked for by grade, where the request names none; the shipped grades of the synthesize stage.
    grades: dict[str, Points] = Field(
        default_factory=lambda: {"G1": 2.0, "G2": 3.5, "G3": 5.0, "G4": 6.5, "GC": 8.0, "G5": 8.5}
    )
    rise: float = Field(1.0, gt=0, le=4)  # points that one more step or question adds, and one hint takes away
    skill: Skill = Skill()
    author: Author = Author()
    annotator: Annotator = Annotator()
    judge: Judge = Judge()
    #: Name of a level in a prompt -> its grade: all that a server sees of the grade asked for.
    levels: dict[str, str] = Field(default_factory=lambda: dict(_LEVELS))
    latency: float = Field(0.0, ge=0)  # seconds an answer takes

    @model_validator(mode="after")
    def _named(self) -> Self:
        unknown = set(self.columns) - set(PARTS)
        if unknown:
            raise ValueError(f"columns names {', '.join(sorted(unknown))}; a question has {', '.join(PARTS)}")
        if not self.grades or not self.disciplines:
            raise ValueError("grades and disciplines cannot be empty")
        return self

    def place_of(self, subject: str) -> tuple[str, str | None] | None:
        """Discipline and field of a subject that is named."""
        named = self.subjects.get(subject)
        if named is None:
            return None
        discipline, _, field = named.partition("/")
        return discipline, field or None

    def shown(self) -> dict[str, Any]:
        """The settings as plain values."""
        return self.model_dump(mode="json")


#: What a file may say of a question, under these names or those in `columns`.
PARTS = (
    "question",
    "answer",
    "choices",
    "solution",
    "context",
    "subject",
    "lang",
    "discipline",
    "field",
    "difficulty",
)
