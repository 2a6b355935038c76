"""What is kept of each document until duplicates are decided: one Parquet file a part, and each part's place.

Documents are numbered over all parts, the parts in the order of their first key; so the numbering follows the keys
however the documents are cut into parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tilth.base.errors import ConfigError, CorruptData
from tilth.base.files import write_atomic
from tilth.curate.exact.runs import Array
from tilth.recipe.stages.duplicates import Keep

ROWS = {"key": pl.UInt64, "doc_id": pl.String, "source": pl.String, "measure": pl.Float64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The parts in order, and the number of the first document of each; one more entry holds the total."""

    parts: tuple[str, ...]
    offsets: NDArray[np.int64]

    @property
    def total(self) -> int:
        return int(self.offsets[-1])

    def span(self, part: int, numbers: Array) -> slice:
        """Which of the ascending `numbers` are in a part."""
        low, high = np.searchsorted(numbers, self.offsets[part : part + 2])
        return slice(int(low), int(high))


def scratch(folder: Path) -> Path:
    """Where a stage's passing files lie; the runner removes it."""
    return folder / "scratch"


def rows_path(folder: Path, part: str) -> Path:
    return scratch(folder) / f"{part}.rows.parquet"


def measured(frame: pl.DataFrame, keep: Keep) -> pl.DataFrame:
    """Columns of `ROWS`: `measure` is what the rule prefers, the higher the better.

    Raises `ConfigError` where the rule's score is no column of the frame.
    """
    if keep.score is not None and keep.score not in frame.columns:
        raise ConfigError(
            f"keep: score: expected a column of the documents or a signal of an earlier step; saw {keep.score!r}. "
            f"Columns here: {', '.join(frame.columns)}."
        )
    worst = pl.lit(-float("inf"))
    rules = {
        "first": pl.lit(0.0),
        "longest": pl.col("text").str.len_chars().cast(pl.Float64),
        "score": pl.col(keep.score or "key").cast(pl.Float64).fill_nan(None).fill_null(worst),
        "source": -pl.col("source").replace_strict(
            list(keep.sources), list(range(len(keep.sources))), default=len(keep.sources), return_dtype=pl.Float64
        ),
    }
    return frame.select("key", "doc_id", "source", rules[keep.rule].alias("measure"))


def write_rows(path: Path, frames: Sequence[pl.DataFrame]) -> None:
    """Write one part's rows; an empty part writes an empty table."""
    table = pl.concat(frames) if frames else pl.DataFrame(schema=ROWS)
    write_frame(path, table.select(pl.col(name).cast(kind) for name, kind in ROWS.items()))


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a Parquet file atomically."""
    write_atomic(path, lambda temporary: frame.write_parquet(temporary))


def read_frame(path: Path, columns: list[str] | None = None, head: int | None = None) -> pl.DataFrame:
    """Read a file that `write_frame` wrote; raises `CorruptData` where it is missing or not whole."""
    try:
        return pl.read_parquet(path, columns=columns, n_rows=head)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorruptData(
            f"expected a table of an earlier part of this step at {path}; saw: {str(error)[:200]}. "
            "Delete the step's folder and run again."
        ) from error


def lay_out(parts: Sequence[str], folder: Path) -> Layout:
    """Number the documents of all parts. Raises `CorruptData` where a part was not gathered."""
    firsts: list[tuple[int, str, int]] = []
    for part in parts:
        path = rows_path(folder, part)
        keys = read_frame(path, ["key"], head=1)["key"]
        count = pq.read_metadata(path).num_rows
        firsts.append((int(keys[0]) if len(keys) else -1, part, count))
    firsts.sort()
    offsets = np.cumsum([0, *(count for _, _, count in firsts)], dtype=np.int64)
    return Layout(parts=tuple(part for _, part, _ in firsts), offsets=offsets)
