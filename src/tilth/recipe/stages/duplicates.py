"""Settings of the stages against duplicates: exact, near, and repeated lines or paragraphs."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Rule = Literal["first", "longest", "score", "source"]
Level = Literal["bytes", "space", "case", "letters"]


class Keep(BaseModel):
    """Which document of a cluster is kept. Ties go to the one that comes first in the input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Rule = "first"
    score: str | None = None  # rule score: the column whose highest value wins; a missing value loses
    sources: tuple[str, ...] = ()  # rule source: names of read steps, the best first; others come last

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.rule == "score") != (self.score is not None):
            raise ValueError("rule: score needs score: the name of a column, and no other rule takes one")
        if (self.rule == "source") != bool(self.sources):
            raise ValueError("rule: source needs sources: the names of read steps, and no other rule takes them")
        return self


class ExactDuplicates(BaseModel):
    """Drop documents whose normalised text was seen before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: bytes: the text as it is; space: NFKC, runs of white space are one space; case: also lower case; letters: only
    #: letters and digits count.
    level: Level = "case"
    keep: Keep = Keep()


class NearDuplicates(BaseModel):
    """Drop near duplicates by MinHash. Defaults: FineWeb (Penedo et al. 2024, arXiv:2406.17557, section 3.4)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: int = Field(5, ge=1, le=64)  # words in a shingle; 64: far above any use
    #: Characters in a shingle, where a text has no spaces between words. Measured on Chinese documents: at 5 edits cost
    #: as much similarity, and unrelated documents share as little, as with 5 English words (docs/duplicates.md).
    characters: int = Field(5, ge=1, le=64)
    fold_numbers: bool = True  # every digit counts as 0, as in FineWeb; False for questions that differ in numbers only
    bands: int = Field(14, ge=1, le=256)  # 256 x 64 hashes would already be 32 kB a document
    rows: int = Field(8, ge=1, le=64)
    verify: float | None = Field(None, gt=0, le=1)  # least estimated Jaccard of a pair; None: one common band is enough
    keep: Keep = Keep(rule="longest")
    against: tuple[str, ...] = ()  # index folders of earlier runs
    #: Steps above, in the same recipe, whose near_duplicates wrote an index (write_index) with the same signatures:
    #: questions are then held against all seeds, and not only against each other.
    against_steps: tuple[str, ...] = ()
    write_index: bool = False  # write `index/` from the documents kept here


class RepeatedText(BaseModel):
    """Act on lines or paragraphs that stand in more than `documents` documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["line", "paragraph"] = "line"
    documents: int = Field(10, ge=1)  # act on what stands in more than this many
    min_chars: int = Field(20, ge=1)  # letters and digits; shorter ones are left alone
    action: Literal["cut", "drop", "flag"] = "cut"
    share: float = Field(0.5, ge=0, lt=1)  # drop, flag: where more than this share of the letters is repeated text
    keep_first: bool = True  # the first document that has it keeps it, as in C4
