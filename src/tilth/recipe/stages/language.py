"""Settings of language identification."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Language(BaseModel):
    """Which languages stay. With the defaults nothing is dropped: the language is measured, and noted where unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Tags to keep: "en", "de"; "zh" means every form of Chinese, "zh-Hans", "zh-Hant", "yue" and "lzh" one of them.
    #: Empty keeps every language.
    keep: tuple[str, ...] = ()
    #: Below this probability the language counts as not known, and the row is dropped.
    minimum_score: float = Field(0.0, ge=0.0, le=1.0)
    #: Where the source names another language than the one found.
    on_disagreement: Literal["keep", "flag", "drop"] = "flag"
    #: Write the language found into `language` where the source gave none.
    fill: bool = True
