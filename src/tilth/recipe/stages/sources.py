"""Settings of what a corpus may be made of: licences and quotas."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: What a licence lets one do, as far as its name says; `curate/sources/licences.py` reads names.
LicenceClass = Literal[
    "public_domain", "permissive", "share_alike", "copyleft", "non_commercial", "no_derivatives", "unknown"
]


class Licences(BaseModel):
    """Which licences pass. Names are compared without case, blanks and version marks only where a class is meant.

    An entry of `allow` or `deny` is a class (`permissive`) or the beginning of a licence's name (`CC-BY-4.0`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow: tuple[str, ...] = ()  # empty: everything that is not denied
    deny: tuple[str, ...] = ("non_commercial", "no_derivatives")
    unknown: Literal["keep", "flag", "drop"] = "flag"
    share_alike: Literal["keep", "flag", "drop", "only"] = (
        "keep"  # drop in one step and only in another keep them apart
    )


class Quota(BaseModel):
    """At most so much of one group; None: no cap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int | None = Field(None, ge=0)
    characters: int | None = Field(None, ge=0)
    share: float | None = Field(None, gt=0, le=1)  # of the characters that the step keeps


class Quotas(BaseModel):
    """Caps by group, and which rows of a group that is over its cap stay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["source", "language", "licence", "origin"] = "source"
    each: Quota = Quota()  # for every group that has none of its own
    groups: dict[str, Quota] = Field(default_factory=dict)
    choose: Literal["random", "first", "best"] = "random"
    score: str | None = None  # the signal that `best` goes by, the greatest first


class HoldOut(BaseModel):
    """A part of the rows that nothing is made of and nothing is trained on: what models are judged by later.

    A row's text decides on which side it falls, so equal texts fall on one side and a row stays there however the
    corpus grows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(gt=0, lt=1)  # of the rows
    salt: str = ""  # another one holds other rows out


class Shuffle(BaseModel):
    """Text as a planted bad example: the words of each document in another order, the words themselves kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: Literal["words"] = "words"
    salt: str = ""
