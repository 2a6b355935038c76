"""The table of evaluation results: one row a run, task, item and metric; statistics and reports read nothing else.

A value that could not be measured because the run diverged is NaN, never zero. Writing is atomic; reading gives an
Arrow table whose text columns are dictionaries, so that millions of rows stay small (about 45 bytes a row in memory).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import SourceError
from tilth.data.dataset import write_shard

#: One row a (run, task, form, item, metric). A run is an arm, a size and a seed.
RESULTS = pa.schema(
    [
        pa.field("arm", pa.string(), nullable=False),  # the recipe that made the training data
        pa.field("size", pa.string(), nullable=False),  # name of the model size ("smoke", "laptop", ...)
        pa.field("seed", pa.int64(), nullable=False),  # the same number means the same initialisation and data order
        pa.field("step", pa.int64(), nullable=False),  # optimiser steps done at this checkpoint
        pa.field("task", pa.string(), nullable=False),
        pa.field("form", pa.string(), nullable=False),  # "cloze", "choice", "bpb", "generate"
        pa.field("item", pa.string(), nullable=False),  # stable id of the question, the same in every run
        pa.field("group", pa.string()),  # the passage that several items share; null where the item stands alone
        pa.field("metric", pa.string(), nullable=False),  # "acc", "norm_prob_gold", "gold_bpb", ...
        pa.field("value", pa.float64(), nullable=False),  # NaN where the run diverged
    ]
)

_TEXT = [field.name for field in RESULTS if field.type == pa.string()]


def write_results(path: Path, rows: pa.Table | Sequence[Mapping[str, Any]]) -> None:
    """Write one Parquet file of results atomically, columns in the order of `RESULTS`.

    Raises `SourceError` when a column is missing or of another type.
    """
    try:
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist([dict(row) for row in rows], RESULTS)
        write_shard(path, table.select(RESULTS.names).cast(RESULTS))
    except (KeyError, pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise SourceError(
            f"expected results with the columns {', '.join(RESULTS.names)}; saw: {error}. "
            "Give every row an arm, size, seed, step, task, form, item, metric and value."
        ) from error


def read_results(paths: Path | Iterable[Path], **equal: str) -> pa.Table:
    """The rows of one or more files or folders of results whose columns equal `equal` (`metric="gold_bpb"`).

    Text columns come back as dictionaries. Raises `SourceError` when a file is missing or is no table of results.
    """
    files = _files([paths] if isinstance(paths, Path) else list(paths))
    filters = [(name, "=", value) for name, value in sorted(equal.items())] or None
    parts = [_read_one(path, filters) for path in files]
    return pa.concat_tables(parts).unify_dictionaries().combine_chunks()


def _files(paths: Sequence[Path]) -> list[Path]:
    """Every Parquet file that `paths` name, folders looked through, in the order of their names."""
    found = [file for path in paths for file in (sorted(path.rglob("*.parquet")) if path.is_dir() else [path])]
    missing = [str(file) for file in found if not file.exists()] or ([] if found else [str(path) for path in paths])
    if missing:
        raise SourceError(f"expected a table of results at {missing[0]}; found none. Run the evaluation first.")
    return found


def _read_one(path: Path, filters: list[tuple[str, str, str]] | None) -> pa.Table:
    try:
        table = pq.read_table(path, columns=RESULTS.names, read_dictionary=_TEXT, filters=filters)
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise SourceError(f"expected a Parquet table of results in {path}; saw: {error}. Evaluate again.") from error
    if set(table.column_names) != set(RESULTS.names):
        lacking = sorted(set(RESULTS.names) - set(table.column_names))
        raise SourceError(f"expected the columns of a table of results in {path}; missing: {', '.join(lacking)}.")
    return table
