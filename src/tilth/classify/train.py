"""Trains linear models with scikit-learn (extra `learn`) and measures them by cross-validation.

A linear support vector machine a class (Fan et al. 2008, LIBLINEAR), classes weighted by the inverse of their share;
ridge regression for scores. Guarantees: the same rows, settings and seed give the same model. Costs: about 1 ms a row
and class with the default settings, times the folds plus one.
"""

import importlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import ConfigError, MissingExtra
from tilth.base.random import seed_of
from tilth.base.version import VERSION
from tilth.classify.evaluate import Report, ScoreReport, report_classes, report_scores
from tilth.classify.features import Floats, Rows, fit_idf, take, weigh
from tilth.classify.grams import Counts, Grams, count_grams
from tilth.classify.model import LinearModel, decisions

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a model is trained and measured. The defaults were chosen on the figures in benchmarks/qa_labels.py."""

    grams: Grams = field(default_factory=Grams)
    penalty: float = 1.0  # C of the support vector machine: larger fits the training rows more closely
    ridge: float = 1.0  # alpha of the ridge regression
    folds: int = 5
    precision: float = 0.9  # of the answers given; below the probability where it is reached the model abstains


@dataclass(frozen=True, slots=True)
class Trained:
    """A model on all rows, and what cross-validation says of models like it."""

    model: LinearModel
    report: Report


@dataclass(frozen=True, slots=True)
class TrainedScorer:
    """As `Trained`, for scores."""

    model: LinearModel
    report: ScoreReport


def train_classifier(
    texts: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    training: Training | None = None,
    seed: int = 0,
) -> Trained:
    """Train on all rows, calibrated and measured on folds that keep `groups` whole.

    Raises `ConfigError` for fewer than two classes or a class with fewer rows (or groups) than folds, `MissingExtra`.
    """
    training = training or Training()
    need_sklearn()
    names, truth = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    group = _groups(groups, len(texts))
    _check_classes([str(name) for name in names], truth, group, training.folds)
    counts = count_grams(texts, training.grams)
    fold = assign_folds(truth, group, training.folds, seed)
    found = np.full((len(texts), len(names)), -10.0, np.float32)  # -10: a class that a fold's training rows lack
    for at in range(training.folds):
        here, rest = np.flatnonzero(fold == at), np.flatnonzero(fold != at)
        idf, weights, intercepts, present = _fit_classes(take(counts, rest), truth[rest], training, seed)
        found[np.ix_(here, present)] = decisions(weigh(take(counts, here), idf), weights, intercepts)
    report = report_classes(found, truth, [str(name) for name in names], fold, group, precision=training.precision)
    model = replace(
        _fit_model(counts, names, truth, training, seed),
        temperature=report.calibration.temperature,
        abstain_below=report.calibration.abstain_below,
        facts=_facts(len(texts), training, seed, asdict(report)),
    )
    return Trained(model, report)


def fit_classifier(
    texts: Sequence[str], labels: Sequence[str], *, training: Training | None = None, seed: int = 0
) -> LinearModel:
    """A model on all rows, neither calibrated nor measured: for figures on rows from elsewhere."""
    training = training or Training()
    need_sklearn()
    names, truth = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    return _fit_model(count_grams(texts, training.grams), names, truth, training, seed)


def train_regressor(
    texts: Sequence[str],
    scores: Sequence[float],
    groups: Sequence[str] | None = None,
    *,
    training: Training | None = None,
    seed: int = 0,
) -> TrainedScorer:
    """As `train_classifier` for numbers; answers are held within the range of `scores`."""
    training = training or Training()
    need_sklearn()
    truth = np.asarray(scores, np.float32)
    if not np.isfinite(truth).all() or len(np.unique(truth)) < 2:
        raise ConfigError("expected finite scores of at least two values; saw others. Check the label column.")
    group = _groups(groups, len(texts))
    if len(np.unique(group)) < training.folds:
        raise ConfigError(
            f"expected at least {training.folds} rows (or groups); saw {len(np.unique(group))}. Add some."
        )
    counts = count_grams(texts, training.grams)
    tenths = np.searchsorted(np.quantile(truth, np.arange(0.1, 1, 0.1)), truth)  # folds alike in their scores
    fold = assign_folds(tenths, group, training.folds, seed)
    bounds = (float(truth.min()), float(truth.max()))
    found = np.zeros(len(texts), np.float32)
    for at in range(training.folds):
        here, rest = np.flatnonzero(fold == at), np.flatnonzero(fold != at)
        idf, weights, intercepts = _fit_scores(take(counts, rest), truth[rest], training)
        found[here] = decisions(weigh(take(counts, here), idf), weights, intercepts)[:, 0].clip(*bounds)
    report = report_scores(found, truth, fold, group)
    idf, weights, intercepts = _fit_scores(counts, truth, training)
    model = LinearModel(
        task="score",
        grams=training.grams,
        idf=idf,
        weights=weights,
        intercepts=intercepts,
        bounds=bounds,
        facts=_facts(len(texts), training, seed, asdict(report)),
    )
    return TrainedScorer(model, report)


def assign_folds(classes: Numbers, groups: Numbers, folds: int, seed: int) -> Numbers:
    """A fold for each row: groups whole, the largest first, each into the fold with the fewest rows of its main class.

    (scikit-learn's StratifiedGroupKFold takes seconds where groups are many, and warns on small classes.)
    """
    names, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    table = np.zeros((len(names), int(classes.max()) + 1), np.int64)
    np.add.at(table, (group, classes), 1)
    order = np.random.default_rng(seed_of(seed, "folds")).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros((folds, table.shape[1]), np.int64)
    chosen = np.zeros(len(names), np.int64)
    main = table.argmax(axis=1)
    for at in order:  # each choice depends on those before it
        best = np.lexsort((filled.sum(axis=1), filled[:, main[at]]))[0]
        chosen[at] = best
        filled[best] += table[at]
    return chosen[group]


def need_sklearn() -> None:
    """Raise `MissingExtra` where scikit-learn is not installed."""
    try:
        importlib.import_module("sklearn")
    except ModuleNotFoundError:
        raise MissingExtra("training a classifier", "scikit-learn", "learn") from None


def _fit_model(counts: Counts, names: NDArray[np.str_], truth: Numbers, training: Training, seed: int) -> LinearModel:
    idf, weights, intercepts, _ = _fit_classes(counts, truth, training, seed)
    return LinearModel(
        task="classes",
        grams=training.grams,
        idf=idf,
        weights=weights,
        intercepts=intercepts,
        classes=tuple(str(name) for name in names),
    )


def _fit_classes(
    counts: Counts, truth: Numbers, training: Training, seed: int
) -> tuple[Floats, Floats, Floats, Numbers]:
    """(idf, weights, intercepts, classes present), one row of weights for each class present."""
    from sklearn.svm import LinearSVC

    idf = fit_idf(counts, 1 << training.grams.bits)
    machine = LinearSVC(
        C=training.penalty,
        class_weight="balanced",
        dual=True,  # rows are far fewer than columns
        random_state=seed_of(seed, "svm") % (1 << 32),
        max_iter=5000,
    )
    machine.fit(sparse(weigh(counts, idf), len(idf)), truth)
    weights, intercepts = np.atleast_2d(machine.coef_), np.atleast_1d(machine.intercept_)
    if len(weights) == 1:  # two classes: one decision d, which is d / 2 against -d / 2
        weights, intercepts = np.vstack([-weights, weights]) / 2, np.append(-intercepts, intercepts) / 2
    return idf, weights.astype(np.float32), intercepts.astype(np.float32), machine.classes_.astype(np.int64)


def _fit_scores(counts: Counts, truth: Floats, training: Training) -> tuple[Floats, Floats, Floats]:
    from sklearn.linear_model import Ridge

    idf = fit_idf(counts, 1 << training.grams.bits)
    ridge = Ridge(alpha=training.ridge, solver="sparse_cg", tol=1e-5)
    ridge.fit(sparse(weigh(counts, idf), len(idf)).astype(np.float64), truth.astype(np.float64))
    return idf, np.atleast_2d(ridge.coef_).astype(np.float32), np.atleast_1d(ridge.intercept_).astype(np.float32)


def sparse(rows: Rows, columns: int) -> Any:
    """The rows as scipy's CSR matrix, for scikit-learn."""
    from scipy.sparse import csr_matrix

    # liblinear reads 32-bit indices only
    parts = (rows.values, rows.columns.astype(np.int32), rows.indptr.astype(np.int32))
    return csr_matrix(parts, shape=(len(rows), columns))


def _groups(groups: Sequence[str] | None, count: int) -> Numbers:
    if groups is None:
        return np.arange(count)
    return np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def _check_classes(names: list[str], truth: Numbers, group: Numbers, folds: int) -> None:
    if len(names) < 2:
        raise ConfigError(
            f"expected labels of at least two classes; saw {', '.join(names) or 'none'}. Label more rows."
        )
    for at, name in enumerate(names):
        have = len(np.unique(group[truth == at]))
        if have < folds:
            raise ConfigError(
                f"expected at least {folds} rows (or groups of rows) of each class, one for each fold; saw {have} of "
                f"{name!r}. Label more of them, or leave the class out."
            )


def _facts(rows: int, training: Training, seed: int, report: dict[str, Any]) -> dict[str, Any]:
    report.pop("confusion", None)  # 75 classes would make 5,625 numbers
    settings = {"penalty": training.penalty, "ridge": training.ridge, "folds": training.folds, "seed": seed}
    return {"rows": rows, "tilth": VERSION, "settings": settings, "cross_validation": report}
