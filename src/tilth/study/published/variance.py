"""How much of the spread of a two-way table comes from its rows, its columns and neither.

For a complete table with one value a cell the total sum of squares about the mean splits exactly into rows, columns and
residual (two-way analysis of variance without replication); each share is a sum of squares over the total, which is eta
squared. The residual holds the interaction and the noise; only a noise known from elsewhere tells them apart.
"""

from dataclasses import dataclass

import numpy as np

from tilth.study.statistics.quantiles import f_tail
from tilth.study.statistics.scores import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWay:
    """Shares of the sum of squares (they add up to 1), the residual's standard deviation with its degrees of freedom,
    and p values of the F tests of rows and columns against the residual."""

    rows: float
    columns: float
    residual: float
    residual_sd: float
    residual_df: int
    p_rows: float
    p_columns: float


def two_way(table: Floats) -> TwoWay:
    """The split of a complete table of at least 2 x 2 cells."""
    rows, columns = table.shape
    mean = table.mean()
    of_rows = float(columns * ((table.mean(axis=1) - mean) ** 2).sum())
    of_columns = float(rows * ((table.mean(axis=0) - mean) ** 2).sum())
    total = float(((table - mean) ** 2).sum())
    rest = total - of_rows - of_columns
    df = (rows - 1) * (columns - 1)
    noise = max(rest / df, 1e-300)
    return TwoWay(
        rows=of_rows / total,
        columns=of_columns / total,
        residual=rest / total,
        residual_sd=float(np.sqrt(max(rest, 0.0) / df)),
        residual_df=df,
        p_rows=float(f_tail(of_rows / (rows - 1) / noise, rows - 1, df)),
        p_columns=float(f_tail(of_columns / (columns - 1) / noise, columns - 1, df)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstNoise:
    """Is a residual more than noise? The ratio of variances, and the chance of one so large from noise alone."""

    ratio: float
    p: float
    noise_sd: float
    noise_df: float


def against_noise(found: TwoWay, noise_sd: float, noise_df: float) -> AgainstNoise:
    """F test of the residual against a noise known from repeated runs."""
    ratio = (found.residual_sd / noise_sd) ** 2
    return AgainstNoise(
        ratio=ratio, p=float(f_tail(ratio, found.residual_df, noise_df)), noise_sd=noise_sd, noise_df=noise_df
    )
