"""Quotas: at most so many rows or characters of a group, or such a share of the whole.

Which rows of a group stay is decided by an order that every row has of itself (a hash of its id and the seed, its
place, or a score), so it does not depend on shards or workers. Memory: 24 bytes a row of the step.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, write_atomic, write_json
from tilth.base.fingerprint import fingerprint
from tilth.base.random import seed_of
from tilth.frames import drop
from tilth.recipe.stages.sources import Quota, Quotas

VERSION = 1
_NONE = "none given"
_ROUNDS = 200  # of lowering shares; each round ends at a smaller total, and the change is below a character long before
_GATHERED = pl.Schema({"group": pl.String, "order": pl.UInt64, "key": pl.UInt64, "characters": pl.UInt32})


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStage:
    """Keeps the first rows of each group, in the chosen order, until its cap."""

    settings: Quotas
    seed: int

    VERSION = VERSION

    @property
    def identity(self) -> Mapping[str, str]:
        return {"version": str(VERSION), "settings": fingerprint(self.settings), "seed": str(self.seed)}

    @property
    def reasons(self) -> Mapping[str, str]:
        return {"over_quota": "the group already has as many rows or characters as its quota allows"}

    @property
    def changes_text(self) -> bool:
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write group, order, key and length of each row."""
        columns = [self._row(frame) for frame in frames]
        table = pl.concat(columns) if columns else pl.DataFrame(schema=_GATHERED)
        write_atomic(folder / "scratch" / f"{part}.parquet", table.write_parquet)

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:
        """Find for each group the last row, in order, that its cap lets in."""
        del workers
        # in key order, whatever order the parts were gathered in
        files = [folder / "scratch" / f"{part}.parquet" for part in sorted(parts)]
        rows = pl.concat([pl.read_parquet(path) for path in files]).sort("group", "order", "key")
        groups = {str(name[0]): group for name, group in rows.group_by("group", maintain_order=True)}
        sizes = {name: np.cumsum(group["characters"].to_numpy().astype(np.int64)) for name, group in groups.items()}
        caps = {name: self.settings.groups.get(name, self.settings.each) for name in groups}
        kept = _share_out(sizes, caps)
        if rows.height and not any(kept.values()):
            raise ConfigError(
                f"quotas: expected caps that some rows can meet; these leave none of {rows.height:,} rows in "
                f"{len(groups)} groups by {self.settings.by}. The shares of all groups have to reach 1 together: raise "
                "one, or leave one group without a share."
            )
        write_json(
            folder / "limits.json",
            {name: _limit(group, kept[name]) for name, group in groups.items()},
        )

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Drop the rows beyond their group's last."""
        del part
        limits: dict[str, Any] = read_json(folder / "limits.json")
        row = self._row(frame)
        table = pl.DataFrame(
            {
                "group": list(limits),
                "last_order": pl.Series([limit["order"] for limit in limits.values()], dtype=pl.UInt64),
                "last_key": pl.Series([limit["key"] for limit in limits.values()], dtype=pl.UInt64),
                "left": [limit["left"] for limit in limits.values()],
            },
            schema_overrides={"group": pl.String, "left": pl.String},
        )
        joined = row.join(table, on="group", how="left", maintain_order="left")
        over = joined.select(
            over=pl.col("last_order").is_null()
            | (pl.col("order") > pl.col("last_order"))
            | ((pl.col("order") == pl.col("last_order")) & (pl.col("key") > pl.col("last_key"))),
            said=pl.format("{}: {}", "group", "left"),
        )
        marked = drop(frame.with_columns(over.get_columns()), pl.col("over"), "over_quota", pl.col("said"))
        return marked.drop("over", "said")

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Kept rows by group."""
        group = frame.filter(pl.col("reason").is_null()).select(pl.col(self.settings.by).fill_null(_NONE))
        return {str(name): int(rows) for name, rows in group.to_series().value_counts().iter_rows()}

    def _row(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(
            pl.col(self.settings.by).fill_null(_NONE).alias("group"),
            self._order(frame).alias("order"),
            pl.col("key"),
            pl.col("text").str.len_chars().cast(pl.UInt32).alias("characters"),
        )

    def _order(self, frame: pl.DataFrame) -> pl.Series:
        if self.settings.choose == "first":
            return frame["key"]
        if self.settings.choose == "random":
            return pl.Series([seed_of(self.seed, "quota", name) for name in frame["doc_id"]], dtype=pl.UInt64)
        return _descending(frame, self.settings.score)


def build(settings: Quotas, seed: int) -> QuotaStage:
    """The stage of its settings; raises `ConfigError` where `best` has no score."""
    if settings.choose == "best" and settings.score is None:
        raise ConfigError("quotas: choose: best needs score:, the name of the signal that says what is best; saw none.")
    return QuotaStage(settings=settings, seed=seed)


def _share_out(sizes: Mapping[str, Any], caps: Mapping[str, Quota]) -> dict[str, int]:
    """How many rows of each group stay. A share is of what stays in all, so lowering one lowers the others' room."""
    kept = {name: _fitting(size, caps[name].rows, caps[name].characters) for name, size in sizes.items()}
    for _ in range(_ROUNDS):
        total = sum(int(sizes[name][count - 1]) for name, count in kept.items() if count)
        lower = {}
        for name, count in kept.items():
            share = caps[name].share
            # what the others have decides: own <= share * (own + others)
            others = total - (int(sizes[name][count - 1]) if count else 0)
            room = None if share is None or share == 1 else int(share / (1 - share) * others)
            lower[name] = min(count, _fitting(sizes[name], None, room))
        if lower == kept:
            break
        kept = lower
    return kept


def _fitting(cumulative: Any, rows: int | None, characters: int | None) -> int:
    count = len(cumulative) if rows is None else min(rows, len(cumulative))
    return count if characters is None else min(count, int(np.searchsorted(cumulative, characters, side="right")))


def _limit(group: pl.DataFrame, kept: int) -> dict[str, Any]:
    """The last row that stays, and what was decided in words."""
    said = f"{kept:,} of {group.height:,} rows stay"
    if not kept:
        return {"order": None, "key": None, "left": said}
    last = group.row(kept - 1, named=True)
    return {"order": last["order"], "key": last["key"], "left": said}


def _descending(frame: pl.DataFrame, score: str | None) -> pl.Series:
    """An unsigned order in which the greatest score comes first and a missing one last."""
    if score not in frame.columns:
        raise ConfigError(f"quotas: expected the signal {score!r} from a stage above; there is none of that name.")
    values = frame[score].cast(pl.Float64).to_numpy(writable=False)
    bits = (-values).view(np.int64)
    # IEEE 754: the order of floats is that of their bits, with the negative ones turned round
    order = np.where(bits < 0, ~bits.view(np.uint64), bits.view(np.uint64) | np.uint64(1 << 63))
    return pl.Series(np.where(np.isnan(values), np.uint64(2**64 - 1), order))
