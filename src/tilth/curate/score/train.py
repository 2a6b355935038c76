"""Trains a scorer from rows that a person (or a model) has labelled, and says how good it is before it is used.

A few hundred rows are enough for a coarse score. Labels are names of classes ("keep", "drop") or numbers (0 to 5); rows
that belong together (one site, one book) share a group and never stand on both sides of a fold. Costs seconds for a few
hundred rows.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tilth.base.errors import ConfigError
from tilth.base.random import seed_of
from tilth.classify.store import save_model
from tilth.classify.train import Training, train_classifier, train_regressor
from tilth.data.rows import read_rows

if TYPE_CHECKING:
    import polars as pl

#: Fewest rows that a scorer is trained from: with fewer an interval of accuracy is wider than 0.3.
MIN_ROWS = 40
#: From this many rows on no hint asks for more unless the learning curve still rises.
FEW_ROWS = 300
#: Rise of the figure from half of the rows to all of them that makes more labels worth their while.
STILL_RISING = 0.02

Task = Literal["classes", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Rows with a label each, and a group each or None."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] | tuple[float, ...]
    groups: tuple[str, ...] | None = None

    @property
    def numeric(self) -> bool:
        return bool(self.labels) and not isinstance(self.labels[0], str)


def read_labelled(path: Path, text: str = "text", label: str = "label", group: str | None = None) -> Labelled:
    """Read rows from Parquet, JSON Lines or CSV by the file's name.

    Rows without text or label are left out. Raises `SourceError` for a file that cannot be read, `ConfigError` for a
    column that is not there.
    """
    frame = read_rows(path)
    for column in (text, label, *([group] if group else [])):
        if column not in frame.columns:
            raise ConfigError(f"expected a column {column!r} in {path}; saw {', '.join(frame.columns)}.")
    return from_frame(frame, text, label, group)


def from_frame(frame: "pl.DataFrame", text: str, label: str, group: str | None = None) -> Labelled:
    """Labelled rows from a frame; rows without text or label are left out. Whole numbers 0 and 1 are two classes."""
    import polars as pl

    kept = frame.filter(pl.col(text).cast(pl.String).str.len_chars() > 0, pl.col(label).is_not_null())
    labels = kept[label]
    numeric = labels.dtype.is_numeric() and labels.n_unique() > 2
    return Labelled(
        texts=tuple(kept[text].cast(pl.String)),
        labels=tuple(labels.cast(pl.Float64)) if numeric else tuple(labels.cast(pl.String)),
        groups=None if group is None else tuple(kept[group].cast(pl.String).fill_null("")),
    )


def train_scorer(
    rows: Labelled, out: Path, *, good: str | None = None, training: Training | None = None, seed: int = 0
) -> dict[str, Any]:
    """Train on `rows`, write the scorer into the folder `out`, and report how it does on rows it has not seen.

    `good` names the class whose probability becomes the score (of two classes by default the later by name). The report
    has `task`, `rows`, `folds`, the figures with intervals and baselines, `hints` for a person, `folder`, `model`.
    Raises `ConfigError` for fewer than 40 rows, a class with fewer rows than folds, or a `good` that is no class.
    """
    if len(rows.texts) < MIN_ROWS:
        raise ConfigError(
            f"expected at least {MIN_ROWS} labelled rows; saw {len(rows.texts)}. Label more, or use a preset."
        )
    training = training or Training()
    report = (
        _train_scores(rows, training, seed, out) if rows.numeric else _train_classes(rows, good, training, seed, out)
    )
    return {**report, "hints": _hints(rows, report, training, seed), "folder": str(out)}


def _train_classes(rows: Labelled, good: str | None, training: Training, seed: int, out: Path) -> dict[str, Any]:
    names = sorted({str(label) for label in rows.labels})
    good = good or (names[1] if len(names) == 2 else None)
    if good not in names:
        raise ConfigError(
            f"expected `good` to name the class that scores high; saw {good!r}. Classes: {', '.join(names)}."
        )
    trained = train_classifier(
        rows.texts, [str(label) for label in rows.labels], rows.groups, training=training, seed=seed
    )
    model = replace(trained.model, facts={**trained.model.facts, "label": good})
    figures = asdict(trained.report)
    best = next(one for one in trained.report.classes if one.name == good)
    return {"task": "classes", "good": good, "good_f1": best.f1, **figures, "model": save_model(model, out)}


def _train_scores(rows: Labelled, training: Training, seed: int, out: Path) -> dict[str, Any]:
    trained = train_regressor(
        rows.texts, [float(label) for label in rows.labels], rows.groups, training=training, seed=seed
    )
    return {"task": "score", **asdict(trained.report), "model": save_model(trained.model, out)}


def _hints(rows: Labelled, report: dict[str, Any], training: Training, seed: int) -> list[str]:
    """What a person should know before using the scorer."""
    hints = []
    if report["rows"] < FEW_ROWS:
        hints.append(f"{report['rows']} rows are few: label some {FEW_ROWS} to narrow the intervals.")
    if report["task"] == "classes" and report["accuracy_interval"][0] <= report["majority"]:
        hints.append("No better than naming the largest class: the interval of the accuracy reaches that baseline.")
    if report["task"] == "score" and report["spearman_interval"][0] <= 0:
        hints.append("The scores order unseen rows no better than chance: the interval of the correlation reaches 0.")
    rise = _rise(rows, report, training, seed)
    if rise is not None and rise > STILL_RISING:
        hints.append(f"The figure rose by {rise:.2f} from half of the rows to all of them: more labels will help.")
    if rows.groups is None:
        hints.append("No group column: if rows share a site, book or author, the figures are too good.")
    return hints


def _rise(rows: Labelled, report: dict[str, Any], training: Training, seed: int) -> float | None:
    """The figure on all rows less that on a random half; None where the half is too small to train on."""
    half = sorted(np.random.default_rng(seed_of(seed, "half")).permutation(len(rows.texts))[: len(rows.texts) // 2])
    texts = _pick(rows.texts, half)
    groups = None if rows.groups is None else _pick(rows.groups, half)
    try:
        if report["task"] == "score":
            scores = [float(label) for label in _pick(rows.labels, half)]
            less = train_regressor(texts, scores, groups, training=training, seed=seed).report.spearman
            return float(report["spearman"] - less)
        labels = [str(label) for label in _pick(rows.labels, half)]
        return float(
            report["accuracy"] - train_classifier(texts, labels, groups, training=training, seed=seed).report.accuracy
        )
    except ConfigError:
        return None


def _pick(values: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return [values[at] for at in places]
