"""What two models' losses on the gold answers of one probe set say beside their scores: difference and memorisation.

Perplexity difference. PDPC (arXiv 2501.13126) orders data by how much easier it is to a strong model than to a weak
one; its formula is not known to us, so this is the relative difference of the perplexities, per byte so that models
with other tokenizers compare:

    difference = (P_weak - P_strong) / P_weak,   P = 2 ** (bits per byte of the gold answer)

0: alike; near 1: what only the strong model knows. It is a mean over items.

Memorisation share. Of what the loss fell by between two checkpoints, the part on tokens that the later one has by
heart, those whose loss is below 0.01 nats (the definition and the 0.01 are those of MAI-Thinking-1, there for data):

    share = sum of falls over tokens with a later loss below 0.01 / sum of all falls

Near 1 the gain is recall of answers. A cell whose loss did not fall has none. Both models need the same tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tilth.base.errors import ConfigError
from tilth.base.files import write_atomic
from tilth.base.random import seed_of
from tilth.evaluate.likelihood import Loss
from tilth.steer.scores import ITEMS, ProbeResults, Score, clusters, score_of

FILE = "gold_losses.parquet"
#: Nats below which a token counts as known by heart: probability 0.99.
BY_HEART = 0.01
_SCHEMA: Mapping[str, Any] = {
    "item": pl.String, "cell": pl.String, "group": pl.String, "bytes": pl.Int64, "nats": pl.List(pl.Float64),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LossMoves:
    """Two probes of one set, by cell. `uncompared`: items whose tokens differ between the two, so that memorisation
    says nothing of them."""

    perplexity_difference: Mapping[str, Score]
    memorisation: Mapping[str, Score]
    uncompared: int


def save_losses(folder: Path, losses: Sequence[Loss]) -> None:
    """Write the losses of gold answers by token beside the probe's results."""
    rows = [{"item": one.item, "cell": one.cell, "group": one.group, "bytes": one.size, "nats": one.nats}
            for one in losses]  # fmt: skip
    write_atomic(folder / FILE, pl.DataFrame(rows, schema=dict(_SCHEMA)).write_parquet)


def loss_moves(earlier: Path, later: Path, *, level: float = 0.95, draws: int = 2000, seed: int = 0) -> LossMoves:
    """Compare two folders of probes: a weak and a strong model, or an earlier and a later checkpoint.

    Raises `ConfigError` where the sets differ, or one measured no likelihood.
    """
    results = [ProbeResults.load(folder) for folder in (earlier, later)]
    losses = _losses(earlier), _losses(later)
    share, uncompared = memorisation(*losses, results[0], level=level, draws=draws, seed=seed)
    return LossMoves(
        perplexity_difference=perplexity_difference(*results, level=level, draws=draws, seed=seed),
        memorisation=share,
        uncompared=uncompared,
    )


def perplexity_difference(
    weak: ProbeResults, strong: ProbeResults, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> dict[str, Score]:
    """By cell, the mean relative difference over common items with its interval; see the module."""
    if weak.probe != strong.probe:
        raise ConfigError(
            f"expected two models on one probe set; saw {weak.probe[:8]} and {strong.probe[:8]}. Probe both on one."
        )
    other = strong.measured("gold_bpb").select("item", pl.col("value").alias("strong"))
    joined = weak.measured("gold_bpb").join(other, on="item", how="inner", maintain_order="left")
    rows = joined.with_columns(value=1 - 2.0 ** (pl.col("strong") - pl.col("value"))).select(*ITEMS)
    found = {str(name): part for (name,), part in rows.group_by("cell", maintain_order=True)}
    return {
        cell.name: score_of(found[cell.name], None, level=level, draws=draws, seed=seed_of(seed, "ppl", cell.name))
        if cell.name in found
        else _NONE
        for cell in weak.cells
    }


def memorisation(
    earlier: pl.DataFrame,
    later: pl.DataFrame,
    results: ProbeResults,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[dict[str, Score], int]:
    """By cell of `results`, the share; and how many items have other tokens in the two and are left out.

    Intervals are of the Bayesian bootstrap over items (or passages). None where the loss of a cell did not fall, and as
    bounds where it did not fall in some draw.
    """
    joined = earlier.join(later.select("item", pl.col("nats").alias("after")), on="item", how="inner")
    same = joined.filter(pl.col("nats").list.len() == pl.col("after").list.len())
    falls = [np.subtract(*pair) for pair in same.select("nats", "after").iter_rows()]
    known = [np.asarray(nats) < BY_HEART for nats in same["after"].to_list()]
    measured = same.select("item", "cell", "group").with_columns(
        fall=pl.Series([float(one.sum()) for one in falls], dtype=pl.Float64),
        by_heart=pl.Series([float(one[by].sum()) for one, by in zip(falls, known, strict=True)], dtype=pl.Float64),
    )
    found = {str(name): part for (name,), part in measured.group_by("cell", maintain_order=True)}
    return {
        cell.name: _share(found[cell.name], level, draws, seed_of(seed, "memorisation", cell.name))
        if cell.name in found
        else _NONE
        for cell in results.cells
    }, joined.height - same.height


def _share(rows: pl.DataFrame, level: float, draws: int, seed: int) -> Score:
    cluster = clusters(rows)
    fall = np.bincount(cluster, weights=rows["fall"].to_numpy())
    part = np.bincount(cluster, weights=rows["by_heart"].to_numpy())
    if fall.sum() <= 0:
        return Score(value=None, low=None, high=None, items=rows.height)
    weights = np.random.default_rng(seed).standard_exponential((draws, len(fall)))
    below = weights @ fall
    low = high = None
    if len(fall) > 1 and (below > 0).all():
        low, high = map(float, np.quantile(weights @ part / below, [(1 - level) / 2, (1 + level) / 2]))
    return Score(value=float(part.sum() / fall.sum()), low=low, high=high, items=rows.height)


def _losses(folder: Path) -> pl.DataFrame:
    path = folder / FILE
    if not path.exists():
        raise ConfigError(
            f"expected the losses of a probe's gold answers in {path}; there are none. Probe a model that gives "
            "likelihoods: a checkpoint folder, or a completions API with echo and logprobs."
        )
    return pl.read_parquet(path)


_NONE = Score(value=None, low=None, high=None, items=0)
