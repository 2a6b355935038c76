"""Holds rows out by the hash of their text: named drops that lie in `dropped/` as the test text of a later evaluation.

Costs a hash of 32 characters a row. The share holds in the mean over texts; of n rows it is met within
sqrt(share * (1 - share) / n).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tilth.base.fingerprint import fingerprint, text_hash
from tilth.frames import drop
from tilth.recipe.stages.sources import HoldOut

VERSION = 1
#: The reason of a held-out row.
HELD_OUT = "held_out"
_DIGITS = 13  # 52 bits of the hash: what a float holds exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOutStage:
    """Drops the share of rows that is held out."""

    settings: HoldOut

    VERSION = VERSION

    @property
    def identity(self) -> Mapping[str, str]:
        return {"version": str(VERSION), "settings": fingerprint(self.settings)}

    @property
    def reasons(self) -> Mapping[str, str]:
        return {HELD_OUT: "kept apart for evaluation: nothing is made of it and nothing is trained on it"}

    @property
    def changes_text(self) -> bool:
        return False

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        bound = self.settings.share * 16**_DIGITS
        out = [int(text_hash(self.settings.salt, value)[:_DIGITS], 16) < bound for value in frame["content_hash"]]
        return drop(frame, pl.lit(pl.Series(out, dtype=pl.Boolean)), HELD_OUT)

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Characters of the rows held out."""
        return {"held_out_characters": int(frame.filter(pl.col("reason") == HELD_OUT)["text"].str.len_chars().sum())}


def build(settings: HoldOut, seed: int) -> HoldOutStage:
    """The stage of its settings; `seed` decides nothing here, so that every recipe holds the same rows out."""
    del seed
    return HoldOutStage(settings=settings)
