"""Settings of the stages that curate seed questions."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tilth.data.questions import QuestionFields

QuestionAction = Literal["drop", "flag", "keep"]


class Questions(BaseModel):
    """Settings of the rules for seed questions. Names and defaults of rules and thresholds: docs/questions.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: QuestionFields = QuestionFields()
    actions: dict[str, QuestionAction] = Field(default_factory=dict)  # rule -> action, over the rule's default
    thresholds: dict[str, float] = Field(default_factory=dict)  # threshold -> value, over the default
    answer: Literal["answer", "solution", "either"] = "either"  # what counts as having an answer
    first_choice: Literal[0, 1] = 0  # number of the first choice, where answers are numbers


class QuestionDuplicates(BaseModel):
    """Settings of exact duplicates among seed questions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: QuestionFields = QuestionFields()
    choices: bool = True  # questions with other choices are other questions
    sources: tuple[str, ...] = ()  # names of read steps, the preferred first; decides after the solution does
    conflicting: Literal["flag", "drop"] = "flag"  # what happens to a question with different answers
    first_choice: Literal[0, 1] = 0  # number of the first choice, where answers are numbers
    rows_at_once: int = Field(2_000_000, gt=0)  # rows decided at once; 2 million take about 0.3 GB
