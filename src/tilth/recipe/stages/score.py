"""Settings of a quality score: which model scores, and under which score a document is dropped."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Score(BaseModel):
    """A model scores each document; without `minimum` it is measured and nothing is dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # a preset (fineweb-edu, dclm), a folder made by train-scorer, a fastText file (.bin, .ftz), or a Hub model
    scorer: str = Field(min_length=1)
    name: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]*$")  # of the signal, <name>_score; None: from the scorer
    minimum: float | Literal["preset"] | None = None  # "preset": the threshold its authors used
    label: str | None = None  # the class whose probability is the score; None: the preset's, or the only choice
    revision: str | None = None  # of a Hub model; None: the preset's, or the newest, resolved to a commit and recorded
    file: str | None = None  # a fastText file inside a Hub repository
    # read from the start of each document. 100,000: some 15,000 words, far beyond what a transformer reads
    max_chars: int = Field(100_000, ge=100, le=10_000_000)
    batch: int = Field(16, ge=1, le=1024)  # documents a forward pass; transformers only
