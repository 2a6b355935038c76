"""Distils labels (an annotator's, or those that came with a data set) into the local labeller, and measures it.

Costs: about 15 s for 5,000 questions and the 13 disciplines on one core, five folds included; fields three times that.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tilth.base.errors import ConfigError
from tilth.classify.evaluate import Report
from tilth.classify.train import Training, fit_classifier, train_classifier
from tilth.label.model import LabelModel
from tilth.label.taxonomy.load import Taxonomy, load_taxonomy


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled text. `label` is the id of a field, or of a discipline where the field is unknown.

    `group` keeps texts that belong together (a page, a passage) on one side of each fold; None: on its own.
    """

    text: str
    label: str
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedLabels:
    """The labeller, how each level does under cross-validation, and the classes left out as too thin to measure."""

    model: LabelModel
    discipline: Report
    field: Report | None
    left_out: dict[str, int]  # class -> rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Trained on one source, tested on another."""

    rows: int  # tested
    known: int  # of these, rows whose class the training source has
    accuracy: float  # over all rows
    accuracy_known: float  # over rows of known classes


def train_labels(
    examples: Sequence[Example],
    taxonomy: Taxonomy | None = None,
    *,
    fields: bool = True,
    training: Training | None = None,
    seed: int = 0,
) -> TrainedLabels:
    """Train both levels. Raises `ConfigError` for a label that the taxonomy has not, or under two usable classes."""
    taxonomy, training = taxonomy or load_taxonomy(), training or Training()
    tops = [discipline_of(one.label, taxonomy) for one in examples]
    kept, thin = _enough(tops, examples, training.folds)
    top = train_classifier(
        [examples[at].text for at in kept],
        [tops[at] for at in kept],
        _groups(examples, kept),
        training=training,
        seed=seed,
    )
    kept, thin_fields = _enough(
        [one.label if one.label in taxonomy.fields else None for one in examples], examples, training.folds
    )
    lower = None
    if fields and len({examples[at].label for at in kept}) >= 2:
        texts, labels = [examples[at].text for at in kept], [examples[at].label for at in kept]
        lower = train_classifier(texts, labels, _groups(examples, kept), training=training, seed=seed)
    return TrainedLabels(
        model=LabelModel(discipline=top.model, field=lower.model if lower else None, taxonomy=taxonomy),
        discipline=top.report,
        field=lower.report if lower else None,
        left_out={**thin, **(thin_fields if fields else {})},
    )


def discipline_of(label: str, taxonomy: Taxonomy) -> str:
    """The discipline of a field's id, or the id itself; raises `ConfigError` for one that is neither."""
    if label in taxonomy.fields:
        return taxonomy.fields[label].discipline
    if label in taxonomy.discipline_ids():
        return label
    raise ConfigError(f"expected the id of a discipline or field of the taxonomy; saw {label!r}.")


def transfer(
    train: Sequence[Example],
    test: Sequence[Example],
    taxonomy: Taxonomy | None = None,
    training: Training | None = None,
) -> Transfer:
    """Disciplines learnt from one source and tested on another: what to expect of rows from elsewhere."""
    taxonomy = taxonomy or load_taxonomy()
    learnt = [discipline_of(one.label, taxonomy) for one in train]
    truth = np.array([discipline_of(one.label, taxonomy) for one in test])
    model = fit_classifier([one.text for one in train], learnt, training=training)
    names = np.array(model.classes)
    right = names[model.decide([one.text for one in test]).argmax(axis=1)] == truth
    known = np.isin(truth, names)
    return Transfer(
        rows=len(test),
        known=int(known.sum()),
        accuracy=float(right.mean()),
        accuracy_known=float(right[known].mean()) if known.any() else 0.0,
    )


def _enough(labels: Sequence[str | None], examples: Sequence[Example], folds: int) -> tuple[list[int], dict[str, int]]:
    """Rows whose class stands in at least `folds` groups, and the rows of the classes that do not."""
    groups, rows = defaultdict(set), defaultdict(list)
    for at, label in enumerate(labels):
        if label is not None:
            groups[label].add(_group(examples[at], at))
            rows[label].append(at)
    kept = sorted(at for label, found in rows.items() if len(groups[label]) >= folds for at in found)
    return kept, {label: len(found) for label, found in rows.items() if len(groups[label]) < folds}


def _groups(examples: Sequence[Example], kept: Sequence[int]) -> list[str]:
    return [_group(examples[at], at) for at in kept]


def _group(example: Example, at: int) -> str:
    return f"row {at}" if example.group is None else f"group {example.group}"
