"""Settings of the decontamination stage."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tilth.data.benchmarks import BenchmarkFields
from tilth.data.questions import QuestionFields

#: drop: the row goes; cut: the sentences that matched go, the row stays; flag: the row stays as it is, marked.
Action = Literal["drop", "cut", "flag"]


def _as_tuple(value: Any) -> Any:
    """One name stands for a list of one."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Matching(BaseModel):
    """What counts as the same text. Lengths are in words; a Chinese, Japanese or Thai character counts 0.6 words.

    Defaults were chosen on real documents, see docs/decontamination.md; the kind of score, and that short questions
    need more, follow decon (see there).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: int = Field(5, ge=2, le=20)  # words of an n-gram
    characters: int = Field(6, ge=2, le=40)  # characters of an n-gram, in scripts without spaces
    threshold: float = Field(0.6, gt=0, le=1)  # score from which a row is contaminated
    full_length: float = Field(20, ge=0)  # shorter questions need a score between the threshold and 1
    min_question: float = Field(6, ge=0)  # shorter questions count only with their answer near them
    min_passage: float = Field(25, ge=0)  # shorter passages are not looked for
    near: int = Field(60, ge=0)  # tokens before and after the question in which an answer is near
    answer_weight: float = Field(0.25, ge=0, le=1)  # share of what the question lacks that its answer makes up for
    passage_support: float = Field(0.15, ge=0, le=1)  # the same, for the item's passage in the same row
    passage_weight: float = Field(0.8, ge=0, le=1)  # score of a whole passage that is found without its question
    passage_threshold: float = Field(0.4, gt=0, le=1)  # score from which a passage counts: half of it was found
    common: int = Field(100, ge=1)  # an n-gram that more questions and passages share than this weighs nothing


class Decontaminate(BaseModel):
    """Settings of the decontamination stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    benchmarks: Names = Field(min_length=1)  # Parquet or JSON-lines files, globs or folders of benchmark items
    exclude: Names = ()  # names of benchmarks in these files that are not looked for
    probe: Names = ()  # files of a probe set, in the same form; looked for like a benchmark
    fields: BenchmarkFields = BenchmarkFields()
    matching: Matching = Matching()
    background: Names = ()  # Parquet or JSON-lines documents (column `text`): what is common there weighs less
    background_rows: int = Field(2000, ge=1)  # at most this many of them, the first ones
    action: Action = "drop"
    passage_action: Action | None = None  # for rows where only a passage was found; None: as `action`
    questions: QuestionFields = QuestionFields()  # where the metadata of seed questions holds answer and choices
