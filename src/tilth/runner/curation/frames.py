"""Between Parquet and frames: the rows of a part as stages get them, and frames as the columns of a curated dataset.

A frame holds about `FRAME_BYTES` of text, or one row where that alone is larger, so memory does not grow with a shard.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import CorruptData
from tilth.base.fingerprint import text_hash
from tilth.data.schema import DOCUMENTS, curated
from tilth.frames import CONTROL

#: Bytes of a frame in Parquet's own count, text and columns. Large enough that a call of a stage costs nothing, small
#: enough that a handful of copies of it in every worker stay far below a gigabyte.
FRAME_BYTES = 8 << 20
_ROW_BITS = 32  # of a key: the row in its part; the part's number is above, so keys grow over the whole input
#: Columns that are no signals.
_NO_SIGNALS = frozenset({*DOCUMENTS.names, *CONTROL, "source_hash", "stage"})
#: What a sample says of itself once it is curated as a document.
_SAMPLE_FIELDS = ("doc_id", "source_hash", "prompt", "prompt_version", "model", "revision", "window", "request_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPart:
    """One shard of the step's input and the part it becomes. `prefix`: ids get their source's name in front."""

    name: str
    number: int
    source: str
    path: Path
    prefix: bool


def read_part(part: InputPart) -> Iterator[pl.DataFrame]:
    """The rows of an input shard as frames; at least one frame, which may be empty, so that columns are known."""
    row = 0
    for table in read_tables(part.path):
        yield _framed(table, part, row)
        row += table.height


def read_tables(path: Path) -> Iterator[pl.DataFrame]:
    """A Parquet file in pieces of about `FRAME_BYTES`; one empty piece where it has no rows."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            about = file.metadata.row_group(group)
            rows = max(1, FRAME_BYTES * about.num_rows // max(1, about.total_byte_size))
            for batch in file.iter_batches(batch_size=rows, row_groups=[group]):
                yield _from_arrow(pa.Table.from_batches([batch]))
        if not file.metadata.num_rows:
            yield _from_arrow(file.schema_arrow.empty_table())


def _framed(table: pl.DataFrame, part: InputPart, first: int) -> pl.DataFrame:
    """A piece of a documents, samples or curated dataset with the columns that stages are promised."""
    if "sample_id" in table.columns:
        table = _from_samples(table)
    missing = [name for name in DOCUMENTS.names if name not in table.columns]
    if missing:
        raise CorruptData(f"expected the columns of a documents dataset in {part.path}; it lacks {', '.join(missing)}.")
    if "signals" in table.columns:
        table = table.unnest("signals")
    key = (part.number << _ROW_BITS) + first
    added = {
        "key": pl.int_range(key, key + table.height, dtype=pl.UInt64, eager=True),
        "source": table["source"] if "source" in table.columns else pl.repeat(part.source, table.height, eager=True),
        "source_hash": table["source_hash"] if "source_hash" in table.columns else table["content_hash"],
        "reason": pl.Series([None], dtype=pl.String).new_from_index(0, table.height),
        "detail": pl.Series([None], dtype=pl.String).new_from_index(0, table.height),
        "flags": table["flags"]
        if "flags" in table.columns
        else pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, table.height),
    }
    frame = table.with_columns(**added)
    if part.prefix:  # ids are the source's own, and two sources may number their rows alike
        frame = frame.with_columns(doc_id=pl.concat_str(pl.lit(f"{part.source}:"), "doc_id"))
    return frame


def _from_samples(table: pl.DataFrame) -> pl.DataFrame:
    """Rewrites as documents of their own; where each came from stays in the metadata."""
    return table.select(
        pl.col("sample_id").alias("doc_id"),
        "text",
        pl.col("source_language").alias("language"),
        "licence",
        "origin",
        pl.lit(-1, dtype=pl.Int64).alias("position"),  # made here: it stands in no file of a source
        pl.Series("content_hash", [text_hash(text) for text in table["text"]], dtype=pl.String),
        pl.Series("metadata", _metadata(table), dtype=pl.String),
        "flags",
    )


def _metadata(table: pl.DataFrame) -> list[str]:
    """What each sample was parsed to, where that is an object, with its lineage under `made_by`."""
    rows = table.select("parsed", *_SAMPLE_FIELDS).iter_rows(
        named=True
    )  # JSON is parsed row by row wherever it is done
    found = []
    for row in rows:
        parsed = orjson.loads(row.pop("parsed") or "null")
        fields = parsed if isinstance(parsed, dict) else {}
        found.append(orjson.dumps({**fields, "made_by": row}).decode())
    return found


def to_table(frame: pl.DataFrame, signals: dict[str, pa.DataType], *, dropped: bool = False) -> pa.Table:
    """A frame with the columns of a curated dataset; a signal that no stage gave these rows is null."""
    schema = curated(signals, dropped=dropped)
    height = frame.height
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    columns = [
        _struct(table, signals, height)
        if field.name == "signals"
        else table[field.name].combine_chunks().cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _struct(table: Any, signals: dict[str, pa.DataType], height: int) -> Any:
    fields = [
        table[name].combine_chunks().cast(kind) if name in table.column_names else pa.nulls(height, kind)
        for name, kind in signals.items()
    ]
    return pa.StructArray.from_arrays(fields, fields=[pa.field(name, kind) for name, kind in signals.items()])


def signal_types(frame: pl.DataFrame) -> dict[str, pa.DataType]:
    """The signals that stages added to a frame, by name, and their types on the disk."""
    names = [name for name in frame.columns if name not in _NO_SIGNALS]
    schema = frame.select(names).clear().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    return {field.name: _narrow(field.type) for field in schema}


def _narrow(kind: Any) -> Any:
    """The 32-bit form of a type that polars writes with 64-bit offsets: what other readers expect."""
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_list(kind):
        return pa.list_(_narrow(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _narrow(field.type)) for field in kind])
    return kind


def _from_arrow(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
