"""Settings of the synthesize stage. Defaults that a published work states name it; the rest are proposals of ours."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tilth.generate.model import ModelSpec, Sampling

Mechanism = Literal["grade", "harden", "linked", "logic"]
Grade = Literal["G1", "G2", "G3", "G4", "G5", "GC"]
Difficulty = Annotated[float, Field(ge=1, le=10)]  # the rubric's scale


class ByGrade(BaseModel):
    """Questions by grade: what is drawn for each seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grades: dict[Grade, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Weight of each grade; empty: all alike, as JiuZhang3.0 draws its levels. GC falls away where nobody competes."""
    weights: str | None = None
    """A JSON or YAML file of cells, `discipline/D4: weight`: the bin is drawn first, then a grade that suits it."""
    per_seed: int = Field(2, ge=1)  # of a STEM seed; BoostQA's synthesis is focused on STEM, the number is ours
    per_seed_other: int = Field(1, ge=0)  # of a seed of another discipline, or of none that is known; 0 leaves them out
    forms: tuple[str, ...] = ()  # types of question by name; empty: all that suit the grade


class Harden(BaseModel):
    """The loop that makes a question harder, rates it and has it solved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int = Field(3, ge=1, le=20)
    target: Difficulty = 7.0  # rubric difficulty asked for where the row asks for none: the middle of bin D4
    step: float = Field(0.5, gt=0)  # rise over the last accepted question that counts as harder: the rubric's own step
    votes: int = Field(2, ge=1)  # ratings a question, averaged; DeepMath-103K averages 6, which the loop need not
    k: int = Field(4, ge=0)  # independent answers; 0 leaves solving out, and the question unverified
    least: int = Field(1, ge=1)  # answers that must agree with the question's own; General-Reasoner drops 0 of 8
    most: int | None = Field(None, ge=1)
    """Most answers that may agree; None: one below k where k is above 1, since what all solve is not hard."""
    must_reach: bool = False  # True: a question below the difficulty asked for is dropped, though it became harder
    strategies: tuple[str, ...] = ()  # by name; empty: all
    anchors: str | None = None  # file of anchor problems by level, as of annotate; None: the shipped ones

    @property
    def agree_most(self) -> int:
        """`most` with its default worked out."""
        return self.most if self.most is not None else max(1, self.k - 1)

    @model_validator(mode="after")
    def _bounds(self) -> "Harden":
        if self.k and not self.least <= self.agree_most <= self.k:
            raise ValueError(f"expected least <= most <= k; saw {self.least}, {self.agree_most} and {self.k}")
        return self


class Linked(BaseModel):
    """One question from several seeds that a `link` stage has joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_group: int = Field(1, ge=1)
    most: int = Field(4, ge=2, le=4)  # seeds a question, the row's own included


class Logic(BaseModel):
    """How hard questions are built, carried over to other material."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    logics: str | None = None
    """JSON lines with `logic` and, where known, `discipline` and `points`; None: taken from the row's own question."""
    per_row: int = Field(1, ge=1)
    among: int = Field(5, ge=1)  # best matching logics of the file that one is drawn from
    material_chars: int = Field(4000, ge=200)  # of the material that the model is shown


class Limits(BaseModel):
    """What an answer has to keep to be read as a question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_question: int = Field(12, ge=1)  # characters; Chinese questions are short
    most_question: int = Field(8000, ge=100)
    most_answer: int = Field(4000, ge=10)
    least_solution: int = Field(1, ge=0)  # 0: a question without a worked solution passes
    most_solution: int = Field(40000, ge=100)


class Synthesize(BaseModel):
    """Settings of the synthesize stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mechanism: Mechanism = "grade"
    language: Literal["seed", "en", "zh"] = "seed"
    extract_chars: int = Field(1000, ge=50)  # of a seed that the model is shown: JiuZhang3.0
    retries: int = Field(1, ge=0, le=10)  # times an answer that cannot be used is sent back, with what is wrong with it
    grade: ByGrade = ByGrade()
    harden: Harden = Harden()
    linked: Linked = Linked()
    logic: Logic = Logic()
    limits: Limits = Limits()
    prompt_folders: tuple[str, ...] = ()  # searched before the shipped prompts of questions
    model: ModelSpec = ModelSpec()
    sampling: Sampling = Sampling(temperature=1.0, top_p=0.95, max_tokens=2500)  # JiuZhang3.0
    source_column: str = "text"
