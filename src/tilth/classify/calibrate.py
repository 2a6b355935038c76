"""From decisions to probabilities that mean what they say, and a threshold under which a model abstains.

Temperature scaling and the expected calibration error follow Guo et al. 2017 ("On Calibration of Modern Neural
Networks", sections 3 and 4.2).
"""

import numpy as np
from numpy.typing import NDArray

from tilth.classify.features import Floats

#: Equal bins of confidence that the calibration error is summed over (Guo et al. use 15).
ECE_BINS = 15
#: Fewest answered rows that a threshold's precision is read from; fewer and the precision is a matter of luck.
MIN_ANSWERED = 50


def softmax(decisions: Floats) -> Floats:
    """Each row as probabilities."""
    powers = np.exp(decisions - decisions.max(axis=1, keepdims=True))
    found: Floats = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def fit_temperature(decisions: Floats, truth: NDArray[np.int64]) -> float:
    """The temperature in [0.02, 50] that gives the labels the greatest likelihood, to 0.1%.

    The likelihood has one maximum in ln(temperature) for decisions that are not degenerate, so golden-section search
    finds it.
    """
    low, high = np.log(0.02), np.log(50.0)
    golden = (np.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _loss(decisions, truth, left) <= _loss(decisions, truth, right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def expected_calibration_error(probability: Floats, right: NDArray[np.bool_]) -> float:
    """Mean distance of confidence and accuracy over bins of confidence, weighted by rows; 0 for no rows."""
    if not len(probability):
        return 0.0
    bins = np.minimum((probability * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    confidence = np.bincount(bins, weights=probability, minlength=ECE_BINS)
    accuracy = np.bincount(bins, weights=right, minlength=ECE_BINS)
    return float(np.abs(confidence - accuracy).sum() / len(probability))


def abstain_threshold(probability: Floats, right: NDArray[np.bool_], precision: float) -> float:
    """The lowest probability at and above which at least the share `precision` of answers is right.

    1.01, which abstains always, where no threshold with `MIN_ANSWERED` answers reaches it.
    """
    order = np.argsort(-probability, kind="stable")
    reached = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    ranked = probability[order]
    last_of_ties = np.append(ranked[1:] != ranked[:-1], True)
    good = np.flatnonzero((reached >= precision) & last_of_ties & (np.arange(1, len(order) + 1) >= MIN_ANSWERED))
    return float(ranked[good[-1]]) if len(good) else 1.01


def _loss(decisions: Floats, truth: NDArray[np.int64], log_temperature: float) -> float:
    scaled = decisions / np.float32(np.exp(log_temperature))
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(truth)), truth]))
