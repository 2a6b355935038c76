"""CSV with a header, quoted fields with line breaks included; plain or gzip."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from tilth.base.errors import SourceError
from tilth.data.readers.batch import Batch, Collector
from tilth.data.readers.files import SourceFile, need_columns
from tilth.data.readers.lines import Stream
from tilth.data.source import SourceSpec


def read(file: SourceFile, spec: SourceSpec, rows: int) -> Iterator[Batch]:
    """The batches of a file; positions count records after the header."""
    out = Collector(spec, file.uri, file.dataset, rows)
    with _open(file, spec) as (stream, records):
        header = next(records, None)
        position = 0
        while header is not None:
            try:
                record = next(records, None)
            except csv.Error as error:
                out.reject(position, "too_large" if "limit" in str(error) else "csv_wrong_fields", str(error))
                position += 1
                continue
            if record is None:
                break
            _record(out, position, header, record)
            position += 1
            yield from out.full()
        if stream.cut is not None:
            out.reject(position, "truncated_file", f"{stream.cut}; read {position} records")
    yield from out.rest()


def check(file: SourceFile, spec: SourceSpec) -> None:
    """The header has the mapped columns."""
    with _open(file, spec) as (_, records):
        header = next(records, None)
    if header is None:
        raise SourceError(f"expected a CSV file with a header in {file.uri}; it is empty. Take it out of the source.")
    need_columns(file, spec, [_clean(name) for name in header])


class _open:  # noqa: N801 - used as a function
    """The records of a file, read as UTF-8 with stray bytes kept as surrogates, so that each can be named."""

    def __init__(self, file: SourceFile, spec: SourceSpec) -> None:
        self._stream = Stream(file)
        csv.field_size_limit(min(spec.max_document_bytes + 1, 2**31 - 1))

    def __enter__(self) -> tuple[Stream, Iterator[list[str]]]:
        buffered = io.BufferedReader(self._stream, 1 << 16)
        text = io.TextIOWrapper(buffered, encoding="utf-8", errors="surrogateescape", newline="")
        return self._stream, csv.reader(text)

    def __exit__(self, *_: Any) -> None:
        self._stream.close()


def _record(out: Collector, position: int, header: list[str], record: list[str]) -> None:
    if not record:
        record = [""] * len(header)
    if len(record) != len(header):
        out.reject(position, "csv_wrong_fields", f"expected {len(header)} fields; saw {len(record)}", ",".join(record))
        return
    if any("\udc80" <= char <= "\udcff" for field in record for char in field if char >= "\ud800"):
        out.reject(position, "not_utf8", "a field has bytes that are not UTF-8", ",".join(record))
        return
    out.record(position, dict(zip(map(_clean, header), record, strict=True)))


def _clean(name: str) -> str:
    return name.removeprefix("\ufeff")  # the mark that spreadsheets put before the header
