"""Pass rates of questions with intervals: Wilson's for a share, Jeffreys' for a probability.

Whole columns at once; numpy only. 100,000 questions of 8 answers take about 10 ms, since there are few distinct
(passes, tries) pairs and each is worked out once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Two-sided quantiles of the standard normal distribution for the levels in use.
_NORMAL = {0.8: 1.2815515655446004, 0.9: 1.6448536269514722, 0.95: 1.959963984540054, 0.99: 2.5758293035489004}
#: Points over which the posterior of a rate is integrated; errors of its quantiles stay below 1e-4.
_POINTS = 4001


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRates:
    """A column of pass rates. `rate` is passes over tries, NaN where nothing was tried; `low` and `high` bound it."""

    passes: NDArray[np.int64]
    tries: NDArray[np.int64]
    rate: Floats
    low: Floats
    high: Floats


def normal_quantile(level: float) -> float:
    """The two-sided quantile of the normal distribution for `level`. Raises `ValueError` for a level not in use."""
    if level not in _NORMAL:
        raise ValueError(f"expected a level of {', '.join(map(str, _NORMAL))}; saw {level}")
    return _NORMAL[level]


def wilson(passes: ArrayLike, tries: ArrayLike, level: float = 0.9) -> PassRates:
    """Wilson's score interval (Wilson 1927; recommended for small counts by Brown, Cai and DasGupta 2001)."""
    s, n = _counts(passes, tries)
    z2 = normal_quantile(level) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = s / n
        middle = (s + z2 / 2) / (n + z2)
        half = np.sqrt(z2 * (s * (n - s) / n + z2 / 4)) / (n + z2)
    low = np.where(n > 0, np.clip(middle - half, 0, 1), 0.0)
    high = np.where(n > 0, np.clip(middle + half, 0, 1), 1.0)
    return PassRates(passes=s, tries=n, rate=rate, low=low, high=high)


def jeffreys(passes: ArrayLike, tries: ArrayLike, level: float = 0.9) -> PassRates:
    """Equal-tailed posterior interval under Jeffreys' prior Beta(1/2, 1/2); one-sided at 0 of k and k of k.

    The end that the count touches is set to 0 or 1 (Brown, Cai and DasGupta 2001, section 4.1.2).
    """
    s, n = _counts(passes, tries)
    normal_quantile(level)  # the levels in use
    pairs, place = np.unique(np.stack([s, n], axis=1), axis=0, return_inverse=True)
    bounds = np.array([_quantiles(int(a), int(b), level) for a, b in pairs]).reshape(-1, 2)
    bounds = bounds[place.ravel()]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = s / n
    low = np.where(s == 0, 0.0, bounds[:, 0])
    high = np.where(s == n, 1.0, bounds[:, 1])
    return PassRates(passes=s, tries=n, rate=rate, low=low, high=high)


def _counts(passes: ArrayLike, tries: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    s, n = np.atleast_1d(np.asarray(passes, dtype=np.int64)), np.atleast_1d(np.asarray(tries, dtype=np.int64))
    if s.shape != n.shape or (s < 0).any() or (s > n).any():
        raise ValueError("expected as many passes as tries, each from 0 to its tries")
    return s, n


def _quantiles(passes: int, tries: int, level: float) -> tuple[float, float]:
    """Quantiles of Beta(s + 1/2, n - s + 1/2), in the angle whose sine squared is the rate: there the prior is flat."""
    angle = np.linspace(0, np.pi / 2, _POINTS)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = 2 * passes * np.log(np.sin(angle)) + 2 * (tries - passes) * np.log(np.cos(angle))
    log = np.nan_to_num(log, nan=0.0)  # 0 * log 0 at the ends is 0
    density = np.exp(log - log.max())
    total = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    ends = np.interp([(1 - level) / 2, (1 + level) / 2], total / total[-1], angle)
    low, high = np.sin(ends) ** 2
    return float(low), float(high)
