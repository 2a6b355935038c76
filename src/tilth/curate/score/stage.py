"""The scoring stage: one signal, `<name>_score`, and where a minimum is set one reason, `low_score_<name>`.

Costs: that of the model. A scorer trained here reads about 8 MB a CPU-second, fastText 3 to 30.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tilth.base.errors import ConfigError
from tilth.curate.score.scorers import Scorer, resolve, score_all
from tilth.frames import drop
from tilth.recipe.stages.score import Score

if TYPE_CHECKING:
    import polars as pl

#: Raise it when the same scorer and settings would give another outcome.
VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreStage:
    """A `FrameStage`. Made by `build`."""

    name: str
    scorer: Scorer
    minimum: float | None
    max_chars: int

    @property
    def signal(self) -> str:
        return f"{self.name}_score"

    @property
    def reason(self) -> str:
        return f"low_score_{self.name}"

    @property
    def identity(self) -> Mapping[str, str]:
        return {
            "version": VERSION,
            "name": self.name,
            "minimum": str(self.minimum),
            "max_chars": str(self.max_chars),
            **{f"scorer_{key}": value for key, value in self.scorer.identity.items()},
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        if self.minimum is None:
            return {}
        return {self.reason: f"The scorer {self.name} gave less than {self.minimum:g}."}

    @property
    def changes_text(self) -> bool:
        return False

    def __call__(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """Score the rows that no stage before has dropped; the others get a null."""
        import polars as pl

        alive = frame["reason"].is_null()
        texts = frame.filter(alive)["text"].str.slice(0, self.max_chars).to_list()
        scores = np.full(frame.height, np.nan, np.float32)
        scores[alive.to_numpy()] = score_all(self.scorer, texts)
        scored = frame.with_columns(pl.Series(self.signal, scores).fill_nan(None))
        if self.minimum is None:
            return scored
        return drop(
            scored,
            pl.col(self.signal) < self.minimum,
            self.reason,
            pl.format(f"{{}} < {self.minimum:g}", pl.col(self.signal).round(4)),
        )

    def counts(self, frame: "pl.DataFrame") -> Mapping[str, int]:
        return {f"{self.name}_scored": frame[self.signal].count()}


def build(settings: Score, seed: int) -> ScoreStage:  # noqa: ARG001  a score draws nothing
    """Open the scorer that the settings name; raises `ConfigError`, `SourceError` or `MissingExtra` where it cannot."""
    found = resolve(settings)
    if settings.minimum == "preset" and found.threshold is None:
        raise ConfigError(
            f"`minimum: preset` takes a published threshold; {settings.scorer!r} has none. Give a number."
        )
    minimum = found.threshold if settings.minimum == "preset" else settings.minimum
    return ScoreStage(
        name=found.name,
        scorer=found.scorer,
        minimum=None if minimum is None else float(minimum),
        max_chars=settings.max_chars,
    )
