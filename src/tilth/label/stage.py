"""The labelling stage: discipline, field, stem, probability and abstention by the local labeller; drops nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tilth.base.errors import ConfigError
from tilth.label.model import LabelModel, label_frame, load_labels
from tilth.label.taxonomy.load import load_taxonomy
from tilth.recipe.stages.label import Label

if TYPE_CHECKING:
    import polars as pl

#: Raise it when the same labeller and settings would give other columns.
VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStage:
    """A `FrameStage`. Made by `build`."""

    model: LabelModel
    abstain_below: float
    column: str

    @property
    def identity(self) -> Mapping[str, str]:
        return {
            "version": VERSION,
            "model": self.model.hash,
            "taxonomy": self.model.taxonomy.hash,
            "abstain_below": str(self.abstain_below),
            "column": self.column,
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        return {}

    @property
    def changes_text(self) -> bool:
        return False

    def __call__(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """Label every row, dropped ones too: they are cheap, and the report shows what was dropped of what."""
        if self.column not in frame.columns:
            raise ConfigError(f"expected a column {self.column!r} to label by; saw {', '.join(frame.columns)}.")
        return label_frame(frame, self.model, self.column, self.abstain_below)

    def counts(self, frame: "pl.DataFrame") -> Mapping[str, int]:
        found = frame["discipline"].drop_nulls().value_counts()
        named = {f"discipline_{name}": count for name, count in found.iter_rows()}
        return {**named, "label_abstained": int(frame["abstained"].sum())}


def build(settings: Label, seed: int) -> LabelStage:  # noqa: ARG001  a label draws nothing
    """Open the labeller; raises `ConfigError` where there is none, or it was trained under another taxonomy."""
    taxonomy = load_taxonomy(Path(settings.taxonomy).expanduser() if settings.taxonomy else None)
    model = load_labels(Path(settings.model).expanduser(), taxonomy)
    below = model.discipline.abstain_below if settings.abstain_below is None else settings.abstain_below
    return LabelStage(model=model, abstain_below=below, column=settings.column)
