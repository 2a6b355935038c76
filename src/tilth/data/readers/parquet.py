"""Parquet: by row groups and batches, columns as mapped. A row group that cannot be read is rejected as a whole."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import SourceError
from tilth.data.readers.batch import Batch, Collector
from tilth.data.readers.files import SourceFile, need_columns, open_file
from tilth.data.source import SourceSpec


def read(file: SourceFile, spec: SourceSpec, rows: int) -> Iterator[Batch]:
    """The batches of a file; positions are row numbers."""
    columns = _columns(spec)
    with open_file(file) as opened, _parquet(file, opened) as parquet:
        first = 0
        for group in range(parquet.num_row_groups):
            count = parquet.metadata.row_group(group).num_rows
            yield from _group(parquet, group, first, count, columns, Collector(spec, file.uri, file.dataset, rows))
            first += count


def check(file: SourceFile, spec: SourceSpec) -> None:
    """The schema has the mapped columns, and the text is text."""
    with open_file(file) as opened, _parquet(file, opened) as parquet:
        schema = parquet.schema_arrow
    need_columns(file, spec, schema.names)
    kind = schema.field(spec.columns.text).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        raise SourceError(
            f"expected text in the column {spec.columns.text!r} of {file.uri}; its type is {kind}. "
            "Set read.columns.text to the column that holds the document."
        )


def _group(
    parquet: Any, group: int, first: int, count: int, columns: list[str], out: Collector
) -> Iterator[Batch]:
    position = first
    try:
        for batch in parquet.iter_batches(batch_size=out.rows, row_groups=[group], columns=columns):
            names = batch.schema.names
            values = [column.to_pylist() for column in batch.columns]
            for row in zip(*values, strict=True):
                out.record(position, dict(zip(names, row, strict=True)))
                position += 1
            yield from out.rest()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        for place in range(position, first + count):
            out.reject(place, "broken_row_group", f"row group {group}: {str(error)[:200]}")
        yield from out.rest()


def _columns(spec: SourceSpec) -> list[str]:
    mapped = spec.columns
    named = [mapped.text, mapped.id, mapped.language, mapped.licence, *mapped.metadata]
    return list(dict.fromkeys(name for name in named if name is not None))


def _parquet(file: SourceFile, opened: Any) -> Any:
    try:
        return pq.ParquetFile(opened)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"expected a Parquet file in {file.uri}; saw: {error}. Take it out of the source, or make it anew."
        ) from error
