"""The local labeller: two linear models over one count of n-grams, discipline first and then a field within it.

Guarantees: a field always belongs to the discipline given; a row the model is unsure of is abstained and gets no label
(its best guess stays readable); the same model gives the same labels everywhere. Costs: benchmarks/qa_labels.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint
from tilth.classify.calibrate import softmax
from tilth.classify.features import Floats
from tilth.classify.grams import chunks, count_grams
from tilth.classify.model import LinearModel
from tilth.classify.store import load_model, model_hash, save_model
from tilth.label.taxonomy.load import Taxonomy, load_taxonomy

if TYPE_CHECKING:
    import polars as pl

#: Columns that labelling adds.
COLUMNS = ("discipline", "field", "stem", "label_probability", "abstained", "discipline_guess")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelModel:
    """`field` is None where the training labels named no fields."""

    discipline: LinearModel
    field: LinearModel | None
    taxonomy: Taxonomy
    hash: str = ""  # of the folder it was read from


@dataclass(frozen=True, slots=True)
class Labels:
    """For each text: places among the classes of the two models (-1: no field), probability, whether to abstain."""

    discipline: NDArray[np.int64]
    field: NDArray[np.int64]
    probability: Floats
    abstained: NDArray[np.bool_]


def question_text(question: str, choices: Sequence[str] = (), context: str = "") -> str:
    """What a question is labelled by: context, question and choices, a line each; the answer is left out on purpose."""
    return "\n".join(part for part in (context, question, *choices) if part)


def label_texts(model: LabelModel, texts: Sequence[str]) -> Labels:
    """Label each text; memory is bounded by chunks of it, not by their number."""
    limit = model.discipline.grams.max_chars
    parts = [_label_chunk(model, texts[a:b]) for a, b in chunks([min(len(text), limit) for text in texts])]
    if not parts:
        none = np.zeros(0, np.int64)
        return Labels(none, none, np.zeros(0, np.float32), np.zeros(0, np.bool_))
    return Labels(*(np.concatenate([getattr(part, name) for part in parts]) for name in Labels.__slots__))


def label_frame(
    frame: "pl.DataFrame", model: LabelModel, column: str = "text", abstain_below: float | None = None
) -> "pl.DataFrame":
    """The frame with `COLUMNS`: discipline and field ids (null where abstained), stem, calibrated probability.

    `abstain_below` overrides the model's own threshold. `stem` is null where no field says it.
    """
    import polars as pl

    limit = model.discipline.grams.max_chars
    found = label_texts(model, frame[column].fill_null("").str.slice(0, limit).to_list())
    abstained = found.abstained if abstain_below is None else found.probability < abstain_below
    taxonomy = model.taxonomy
    fields = [taxonomy.fields[name] for name in model.field.classes] if model.field else []
    guess = pl.Series(found.discipline).cast(pl.Int64)
    field = pl.Series(found.field).cast(pl.Int64)
    return frame.with_columns(
        discipline_guess=_names(guess, model.discipline.classes),
        field=_names(field, [one.id for one in fields]),
        stem=field.replace_strict(
            {at: one.stem for at, one in enumerate(fields)}, default=None, return_dtype=pl.Boolean
        ),
        label_probability=pl.Series(found.probability),
        abstained=pl.Series(abstained),
    ).with_columns(
        discipline=pl.when("abstained").then(None).otherwise("discipline_guess"),
        field=pl.when("abstained").then(None).otherwise("field"),
        stem=pl.when("abstained").then(None).otherwise("stem"),
    )


def save_labels(model: LabelModel, folder: Path) -> str:
    """Write the model as a folder; returns its hash."""
    (folder / "label.json").unlink(missing_ok=True)
    save_model(model.discipline, folder / "discipline")
    if model.field is not None:
        save_model(model.field, folder / "field")
    found = _hash(folder, model.field is not None)
    head = {"taxonomy": model.taxonomy.version, "taxonomy_hash": model.taxonomy.hash, "field": model.field is not None}
    write_json(folder / "label.json", {**head, "hash": found})
    return found


def load_labels(folder: Path, taxonomy: Taxonomy | None = None) -> LabelModel:
    """Read a model back; raises `ConfigError` for a folder without one, or one trained under another taxonomy."""
    taxonomy = taxonomy or load_taxonomy()
    if not (folder / "label.json").is_file():
        raise ConfigError(
            f"expected a labeller (label.json) in {folder}; saw none. Train one with `tilth label --train`."
        )
    head = read_json(folder / "label.json")
    if head["taxonomy_hash"] != taxonomy.hash:
        raise ConfigError(
            f"expected a labeller trained under this taxonomy (version {taxonomy.version}); {folder} was trained "
            f"under version {head['taxonomy']} with other text. Train it again, or name the taxonomy of its training."
        )
    return LabelModel(
        discipline=load_model(folder / "discipline"),
        field=load_model(folder / "field") if head["field"] else None,
        taxonomy=taxonomy,
        hash=_hash(folder, head["field"]),
    )


def _label_chunk(model: LabelModel, texts: Sequence[str]) -> Labels:
    counts = count_grams(texts, model.discipline.grams)
    top = model.discipline
    chosen = top.choose(softmax(top.decide_counts(counts) / np.float32(top.temperature)))
    field = np.full(len(texts), -1)
    if model.field is not None:
        parents = [model.taxonomy.fields[name].discipline for name in model.field.classes]
        inside = np.array([[parent == name for parent in parents] for name in top.classes])[chosen.best]
        decisions = np.where(inside, model.field.decide_counts(counts), -np.inf)
        field = np.where(inside.any(axis=1), decisions.argmax(axis=1), -1)
    return Labels(chosen.best, field, chosen.probability, chosen.abstained)


def _names(places: "pl.Series", names: Sequence[str]) -> "pl.Series":
    import polars as pl

    return places.replace_strict(dict(enumerate(names)), default=None, return_dtype=pl.String)


def _hash(folder: Path, field: bool) -> str:
    return fingerprint([model_hash(folder / name) for name in ("discipline", *(["field"] if field else []))])
