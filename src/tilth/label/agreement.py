"""How far annotators agree, and whether their labels may steer anything.

Cohen's kappa (Cohen 1960) for two annotators, Krippendorff's alpha for nominal data (Krippendorff 2011, "Computing
Krippendorff's Alpha-Reliability") for any number with gaps. An abstention is a missing label, counted apart, never an
agreement. Intervals: percentile bootstrap over rows, 95%, 1,000 resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.base.random import seed_of

#: Resamples of a bootstrap.
RESAMPLES = 1000
#: Least kappa before labels steer: the usual reading of "substantial" begins at 0.61 (Landis and Koch 1977); published
#: distilled labellers of documents reach 0.71 to 0.73 against two strong models (Essential-Web, 2506.14111).
KAPPA = 0.7
#: Fewest rows with both labels before an interval means something, in all and for a class.
MIN_ROWS, MIN_CLASS_ROWS = 100, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAgreement:
    """One class against all others: rows that either annotator gave it, and kappa of the two-way question."""

    name: str
    first: int  # rows that the first annotator gave it
    second: int
    both: int
    kappa: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two annotators over the same rows. `confusion[first][second]` counts rows, classes in order of `classes`."""

    rows: int  # with both labels
    missing: int  # without one of them
    observed: float  # share of rows with the same label
    kappa: float
    interval: tuple[float, float]
    classes: tuple[ClassAgreement, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What agreement labels need before they steer. `source` says who was compared on what, for the report."""

    kappa: float = KAPPA
    source: str
    min_rows: int = MIN_ROWS
    min_class_rows: int = MIN_CLASS_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`usable`: the labels as a whole may steer. `classes`: each class alone; `reasons`: why not, by class or "all"."""

    usable: bool
    classes: Mapping[str, bool]
    reasons: Mapping[str, str]
    gate: Gate


def agree(first: Sequence[str | None], second: Sequence[str | None], seed: int = 0) -> Agreement:
    """Agreement of two annotators, row by row; None is an abstention.

    Raises `ConfigError` for lists of different lengths or without a row that both labelled.
    """
    if len(first) != len(second):
        raise ConfigError(f"expected two lists of labels of one length; saw {len(first)} and {len(second)}.")
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if not pairs:
        raise ConfigError("expected rows that both annotators labelled; saw none.")
    names = sorted({name for pair in pairs for name in pair})
    place = {name: at for at, name in enumerate(names)}
    cells = np.array([place[a] * len(names) + place[b] for a, b in pairs])
    confusion = np.bincount(cells, minlength=len(names) ** 2).reshape(len(names), len(names))
    random = np.random.default_rng(seed_of(seed, "kappa"))
    draws = random.multinomial(len(pairs), (confusion / len(pairs)).ravel(), size=RESAMPLES)
    low, high = np.quantile([_kappa(draw.reshape(confusion.shape)) for draw in draws], [0.025, 0.975])
    return Agreement(
        rows=len(pairs),
        missing=len(first) - len(pairs),
        observed=float(np.trace(confusion) / len(pairs)),
        kappa=_kappa(confusion),
        interval=(float(low), float(high)),
        classes=tuple(_class_agreement(confusion, at, name) for at, name in enumerate(names)),
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
    )


def krippendorff_alpha(annotators: Sequence[Sequence[str | None]]) -> float:
    """Nominal alpha of any number of annotators, each a list over the same rows; None is a missing label.

    1 is perfect, 0 chance. Rows with fewer than two labels say nothing. Raises `ConfigError` where none has two.
    """
    if len({len(labels) for labels in annotators}) != 1:
        raise ConfigError("expected lists of labels of one length; saw several lengths.")
    names = sorted({label for labels in annotators for label in labels if label is not None})
    table = np.zeros((len(annotators[0]), max(1, len(names))))
    for labels in annotators:
        for row, label in enumerate(labels):
            if label is not None:
                table[row, names.index(label)] += 1
    table = table[table.sum(axis=1) >= 2]
    if not len(table):
        raise ConfigError("expected rows with at least two labels; saw none.")
    given = table.sum(axis=1)
    total = given.sum()
    same = float((table * (table - 1)).sum(axis=1) @ (1 / (given - 1)))
    shares = table.sum(axis=0)
    expected = float((shares * (shares - 1)).sum() / (total - 1))
    return 1.0 if total == expected else float(1 - (total - same) / (total - expected))


def judge(agreement: Agreement, gate: Gate) -> Verdict:
    """Whether labels may steer: the lower end of the interval decides nothing, kappa itself must reach the gate.

    A class steers only where the whole does and its own kappa, over enough rows, reaches the gate too.
    """
    reasons: dict[str, str] = {}
    if agreement.rows < gate.min_rows:
        reasons["all"] = f"{agreement.rows} rows with both labels; {gate.min_rows} are needed"
    elif agreement.kappa < gate.kappa:
        low, high = agreement.interval
        reasons["all"] = f"kappa {agreement.kappa:.2f} [{low:.2f}, {high:.2f}] is below {gate.kappa:g}"
    usable = "all" not in reasons
    for one in agreement.classes:
        rows = one.first + one.second - one.both
        if rows < gate.min_class_rows:
            reasons[one.name] = f"{rows} rows; {gate.min_class_rows} are needed"
        elif one.kappa < gate.kappa:
            reasons[one.name] = f"kappa {one.kappa:.2f} is below {gate.kappa:g}"
    classes = {one.name: usable and one.name not in reasons for one in agreement.classes}
    return Verdict(usable=usable, classes=classes, reasons=reasons, gate=gate)


def _kappa(confusion: NDArray[np.int64]) -> float:
    """Cohen's kappa; 1 where both gave every row one and the same label, as nothing was disagreed on."""
    rows = confusion.sum()
    observed = np.trace(confusion) / rows
    chance = float(confusion.sum(axis=0) @ confusion.sum(axis=1)) / rows**2
    return 1.0 if chance == 1 else float((observed - chance) / (1 - chance))


def _class_agreement(confusion: NDArray[np.int64], at: int, name: str) -> ClassAgreement:
    both, first, second = confusion[at, at], confusion[at].sum(), confusion[:, at].sum()
    rest = confusion.sum() - first - second + both
    two = np.array([[both, first - both], [second - both, rest]])
    return ClassAgreement(name=name, first=int(first), second=int(second), both=int(both), kappa=_kappa(two))
