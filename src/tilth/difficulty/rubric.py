"""Rubric scores: several votes of an annotator on a scale from 1 to 10, averaged, with their uncertainty.

The scale in steps of a half and the mean of six votes are those of DeepMath-103K. Pure Python, 2 us a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance

from tilth.difficulty.bins import BinSettings, rubric_bins

LEAST, MOST, STEP = 1.0, 10.0, 0.5
#: Two-sided 90% quantiles of Student's t for 1 to 15 degrees of freedom; above 15 the normal 1.645 is within 7%.
_T90 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753)


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricScore:
    """The mean of votes. `error` is its standard error, None for a single vote; `low` and `high` bound it at 90%."""

    score: float
    error: float | None
    low: float
    high: float
    votes: int
    bin: int  # 1 to 5


def rubric_score(votes: Sequence[float], settings: BinSettings | None = None) -> RubricScore:
    """Average `votes`.

    Votes that all agree still carry the error of rounding to halves. A single vote has no error that could be
    estimated: its interval is the whole scale. Raises `ValueError` for no votes or one outside 1 to 10.
    """
    if not votes or any(not LEAST <= vote <= MOST for vote in votes):
        raise ValueError(f"expected votes from {LEAST:g} to {MOST:g}; saw {list(votes)[:10]}")
    score = fmean(votes)
    bin_ = int(rubric_bins([score], settings or BinSettings())[0])
    if len(votes) == 1:
        return RubricScore(score=score, error=None, low=LEAST, high=MOST, votes=1, bin=bin_)
    error = sqrt(max(variance(votes), STEP**2 / 12) / len(votes))  # 12: the variance of rounding is step squared / 12
    half = error * (_T90[len(votes) - 2] if len(votes) - 2 < len(_T90) else 1.645)
    low, high = max(LEAST, score - half), min(MOST, score + half)
    return RubricScore(score=score, error=error, low=low, high=high, votes=len(votes), bin=bin_)
