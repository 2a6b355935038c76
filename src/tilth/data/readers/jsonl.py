"""JSON Lines, plain, gzip or zstd: one object a line. A line that is no document is a reject with its number."""

from collections.abc import Iterator

import orjson

from tilth.data.readers.batch import REASONS, Batch, Collector
from tilth.data.readers.files import SourceFile, need_columns
from tilth.data.readers.lines import CutShort, lines
from tilth.data.source import SourceSpec

#: A line holds a document and its metadata; escapes can make it six times the text ("\\u0000").
_LINE_FACTOR = 6


def read(file: SourceFile, spec: SourceSpec, rows: int) -> Iterator[Batch]:
    """The batches of a file."""
    out = Collector(spec, file.uri, file.dataset, rows)
    position = 0
    try:
        for position, line in enumerate(lines(file, spec.max_document_bytes * _LINE_FACTOR)):
            if isinstance(line, int):
                out.reject(position, "too_large", f"the line has {line:,} bytes")
            elif line.strip():
                _line(out, position, line)
            yield from out.full()
            position += 1
    except CutShort as cut:
        out.reject(position, "truncated_file", f"{cut}; read {position} lines")
    yield from out.rest()


def check(file: SourceFile, spec: SourceSpec) -> None:
    """The first object of the file has the mapped columns. A file without any object says nothing about columns."""
    try:
        for number, line in enumerate(lines(file, spec.max_document_bytes * _LINE_FACTOR)):
            value = _parse(line) if isinstance(line, bytes) else None
            if isinstance(value, dict):
                need_columns(file, spec, map(str, value))
                return
            if number >= 100:  # noise on top of a file is not a missing column
                return
    except CutShort:
        return


def _line(out: Collector, position: int, line: bytes) -> None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        _broken(out, position, line, error)
        return
    if isinstance(value, dict):
        out.record(position, value)
    else:
        out.reject(position, "not_an_object", f"expected an object; saw {type(value).__name__}", line[:200])


def _broken(out: Collector, position: int, line: bytes, error: Exception) -> None:
    try:
        text = line.decode()
    except UnicodeDecodeError as fault:
        out.reject(position, "not_utf8", str(fault)[:200], line[:200])
        return
    reason = "unpaired_surrogate" if "surrogate" in str(error) else "broken_json"
    out.reject(position, reason, f"{REASONS[reason]}: {error}", text)


def _parse(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
