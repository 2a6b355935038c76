"""Quantiles and tail areas of the normal, t and chi-squared distributions.

`scipy.special` is loaded on the first call (about 0.1 s); without it each function raises `MissingExtra`. `scipy.stats`
is not used: it takes ten times as long to load and gives the same numbers.
"""

from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilth.base.errors import MissingExtra

Floats = NDArray[np.float64]


def special() -> ModuleType:
    """`scipy.special`; raises `MissingExtra` where scipy is not installed."""
    try:
        import scipy.special
    except ImportError as error:
        raise MissingExtra("statistics of a study", "scipy", "study") from error
    module: ModuleType = scipy.special
    return module


def t_quantile(probability: ArrayLike, df: ArrayLike) -> Floats:
    """The t quantile; `df` may be any positive number, and above 1e6 the normal quantile is given."""
    return np.asarray(special().stdtrit(np.minimum(df, 1e6), probability), dtype=np.float64)


def t_two_sided(t: ArrayLike, df: ArrayLike) -> Floats:
    """The chance that |T| is at least |t|."""
    return np.asarray(2.0 * special().stdtr(np.minimum(df, 1e6), -np.abs(t)), dtype=np.float64)


def normal_cdf(x: ArrayLike) -> Floats:
    """The chance that a standard normal is at most x."""
    return np.asarray(special().ndtr(x), dtype=np.float64)


def normal_quantile(probability: ArrayLike) -> Floats:
    """The standard normal quantile."""
    return np.asarray(special().ndtri(probability), dtype=np.float64)


def chi2_quantile(probability: ArrayLike, df: ArrayLike) -> Floats:
    """The chi-squared quantile."""
    return np.asarray(2.0 * special().gammaincinv(np.asarray(df) / 2.0, probability), dtype=np.float64)


def f_tail(f: ArrayLike, df_above: ArrayLike, df_below: ArrayLike) -> Floats:
    """The chance that an F ratio is at least f."""
    return np.asarray(special().fdtrc(df_above, df_below, f), dtype=np.float64)


def noncentral_t_cdf(t: ArrayLike, df: ArrayLike, shift: ArrayLike) -> Floats:
    """The chance that a noncentral t with noncentrality `shift` is at most t."""
    return np.asarray(special().nctdtr(df, shift, t), dtype=np.float64)
