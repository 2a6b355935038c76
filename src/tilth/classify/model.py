"""A linear text classifier or scorer that has been trained: counts, weights and one sum a class. Needs numpy only.

Guarantees: the same model gives the same answer in every process and for every batch; a text's answer does not depend
on the texts beside it. Costs: see benchmarks/qa_labels.py; counting the n-grams is nine tenths of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.classify.calibrate import softmax
from tilth.classify.features import Floats, Rows, sum_by_row, weigh
from tilth.classify.grams import Counts, Grams, count_grams

Task = Literal["classes", "score"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """For each text: the index of its most probable class, the calibrated probability, and whether to abstain."""

    best: NDArray[np.int64]
    probability: Floats
    abstained: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearModel:
    """`task` "classes": one row of weights a class. "score": one row, and answers lie within `bounds`."""

    task: Task
    grams: Grams
    idf: Floats  # 2**bits
    weights: Floats  # classes x 2**bits
    intercepts: Floats  # one a class
    classes: tuple[str, ...] = ()
    temperature: float = 1.0  # decisions are divided by it before they become probabilities
    abstain_below: float = 0.0  # a probability under it abstains
    bounds: tuple[float, float] = (0.0, 0.0)
    facts: Mapping[str, Any] = field(default_factory=dict)  # where it comes from: rows, settings, measured figures

    def decide(self, texts: Sequence[str]) -> Floats:
        """Raw decisions, texts x classes (one column for a score)."""
        return self.decide_counts(count_grams(texts, self.grams))

    def decide_counts(self, counts: Counts) -> Floats:
        """As `decide`, from n-grams that were counted with this model's `grams`."""
        return decisions(weigh(counts, self.idf), self.weights, self.intercepts)

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Calibrated probabilities, texts x classes; each row sums to 1."""
        self._need("classes")
        return softmax(self.decide(texts) / np.float32(self.temperature))

    def predict(self, texts: Sequence[str]) -> Prediction:
        """The most probable class of each text."""
        return self.choose(self.probabilities(texts))

    def choose(self, probabilities: Floats) -> Prediction:
        """The most probable class of each row; of two alike the first."""
        best = probabilities.argmax(axis=1)
        probability = np.take_along_axis(probabilities, best[:, None], axis=1)[:, 0]
        return Prediction(best, probability, probability < self.abstain_below)

    def score(self, texts: Sequence[str]) -> Floats:
        """The score of each text, on the scale of the labels it was trained on."""
        self._need("score")
        return np.clip(self.decide(texts)[:, 0], *self.bounds).astype(np.float32)

    def _need(self, task: Task) -> None:
        if self.task != task:
            asked = {"classes": "names of classes", "score": "numbers"}[task]
            raise ConfigError(f"expected a model trained on {asked}; this one answers with {self.task}. Train another.")


def decisions(rows: Rows, weights: Floats, intercepts: Floats) -> Floats:
    """rows x weights + intercepts, texts x classes; a class at a time, so that its weights stay in the cache."""
    found = np.empty((len(rows), len(weights)), np.float32)
    for at, weight in enumerate(weights):
        found[:, at] = sum_by_row(weight[rows.columns] * rows.values, rows.indptr) + intercepts[at]
    return found
