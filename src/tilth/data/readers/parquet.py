"""Parquet, column by column: a row costs Python a hash and nothing else.

Guarantees: only mapped columns are read; every row of the footer's count is a document or a reject at its row number;
a row group that cannot be decoded costs its own rows and no others. Memory is about one batch and the pages being
decoded. Costs 1.2 ms a megabyte of text for hashing and about as much for decoding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tilth.base.errors import SourceError
from tilth.data.batch import (
    BATCH_BYTES,
    Batch,
    Found,
    collect,
    hashes,
    id_of,
    metadata_json,
    missing_id,
    rejects_table,
    too_large,
)
from tilth.data.files import SourceFile, open_raw, prove_unchanged
from tilth.data.readers.head import Head, missing_column
from tilth.data.readers.page import table_page
from tilth.data.rejects import Reject, excerpt
from tilth.data.remote import source_errors
from tilth.data.schema import DOCUMENTS
from tilth.data.source import SourceSpec

_ROLES = ("text", "id", "language", "licence")
#: Kinds of values that each role takes; a column of nulls only has no kind of its own and fits anywhere.
_USABLE = {"text": ("text",), "id": ("text", "whole number"), "language": ("text",), "licence": ("text",)}
_MANY_ROWS = 10_000_000


def check(file: SourceFile, spec: SourceSpec) -> Head:
    """The footer's names and types; raises `SourceError` for what is no Parquet file or has unusable columns."""
    with _opened(file) as parquet:
        schema, count = parquet.schema_arrow, parquet.metadata.num_rows
        _check_counts(file, parquet.metadata, spec.columns.text)
    kinds = {}
    for role, name in spec.columns.named().items():
        places = schema.get_all_field_indices(name)
        if len(places) > 1:
            raise SourceError(f"expected one column {name!r} in {file.uri}; saw {len(places)}. Rename them.")
        if not places:
            raise missing_column(file, role, name, schema.names)
        if role in _USABLE:
            kind = _kind(schema.field(places[0]).type)
            if kind not in (*_USABLE[role], "nulls"):
                raise SourceError(
                    f"expected {' or '.join(_USABLE[role])} in the column {name!r} ({role}) of {file.uri}; saw "
                    f"{schema.field(places[0]).type}. Map another column in the recipe, or leave the file out."
                )
            kinds[role] = kind
    return Head(columns=tuple(schema.names), kinds=kinds, empty=count == 0)


def _check_counts(file: SourceFile, footer: Any, name: str) -> None:
    """A footer says three times how many rows there are; raises `SourceError` where it contradicts itself."""
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    seen = {"the file": footer.num_rows, "its row groups": sum(group.num_rows for group in groups)}
    flat = [
        place
        for place in range(footer.num_columns)
        if (column := footer.schema.column(place)).path == name and not column.max_repetition_level
    ]
    if flat:
        seen[f"the column {name!r}"] = sum(group.column(flat[0]).num_values for group in groups)
    if len(set(seen.values())) > 1:
        said = ", ".join(f"{count:,} in {what}" for what, count in seen.items())
        raise SourceError(
            f"expected one count of rows in the footer of {file.uri}; saw {said}. The footer is damaged: write the "
            "file again, or leave it out."
        )


def batches(file: SourceFile, spec: SourceSpec, batch_rows: int) -> Iterator[Batch]:
    """Batches of the file in row order; raises `SourceError` when the file changed or went."""
    prove_unchanged(file)
    with _opened(file) as parquet:
        columns = list(dict.fromkeys(spec.columns.named().values()))
        first = 0
        for group in range(parquet.metadata.num_row_groups):
            count = parquet.metadata.row_group(group).num_rows
            yield from _group(parquet, group, first, file, spec, columns, batch_rows)
            first += count
    if not first:
        yield _all_rejects([Reject(file.origin, -1, "empty_file", "expected rows; saw none")])


def _group(
    parquet: Any, group: int, first: int, file: SourceFile, spec: SourceSpec, columns: list[str], batch_rows: int
) -> Iterator[Batch]:
    about = parquet.metadata.row_group(group)
    # rows of even size fill a batch to BATCH_BYTES at most
    fair = max(1, BATCH_BYTES * about.num_rows // max(1, about.total_byte_size))
    size = min(batch_rows, fair)
    done = 0
    damage = None
    source = parquet.iter_batches(size, row_groups=[group], columns=columns, use_threads=False)
    while damage is None:
        with source_errors(file.uri):
            try:
                rows = next(source, None)
            except (OSError, pa.ArrowException) as error:
                if isinstance(error, OSError) and (type(error) is not OSError or error.errno):
                    raise  # the disk or the network, not the file's bytes
                damage = str(error)
                break
        if rows is None:
            break
        for start, piece in _pieces(rows, spec):
            yield from _batch(piece, first + done + start, file, spec)
        done += rows.num_rows
    left = about.num_rows - done
    if left:
        said = damage or "it holds fewer rows than the footer says"
        yield from _damaged(file, first + done, left, f"row group {group}: {said[:300]}", batch_rows)


def _damaged(file: SourceFile, first: int, count: int, said: str, batch_rows: int) -> Iterator[Batch]:
    """One reject a lost row, in batches."""
    if count > _MANY_ROWS:
        raise SourceError(f"expected readable rows in {file.uri}; lost {count:,} of them: {said}. Leave the file out.")
    for start in range(first, first + count, batch_rows):
        end = min(start + batch_rows, first + count)
        yield _all_rejects([Reject(file.origin, row, "broken_row_group", said) for row in range(start, end)])


def _all_rejects(rejects: list[Reject]) -> Batch:
    return Batch(documents=DOCUMENTS.empty_table(), rejects=rejects_table(rejects), inputs=len(rejects))


def _pieces(rows: Any, spec: SourceSpec) -> Iterator[tuple[int, Any]]:
    """A batch in parts whose text fits one Arrow column (2 GB) with room to spare, with their first rows."""
    if rows.column(rows.schema.get_field_index(spec.columns.text)).nbytes <= 4 * BATCH_BYTES or rows.num_rows == 1:
        yield 0, rows
        return
    half = rows.num_rows // 2
    for start, part in ((0, rows.slice(0, half)), (half, rows.slice(half))):
        for inner, piece in _pieces(part, spec):
            yield start + inner, piece


def _batch(rows: Any, first: int, file: SourceFile, spec: SourceSpec) -> Iterator[Batch]:
    """The documents and rejects of some rows, the first of which is row `first` of the file."""
    if spec.extract_html:
        yield from collect(_pages(rows, first, file, spec), spec, rows.num_rows)
        return
    text = _bytes(_column(rows, spec.columns.text))
    rejects = _text_rejects(text, first, file, spec)
    ids = _given_ids(rows, spec)
    if ids is not None:
        for row in range(len(ids)):
            if row not in rejects and ids[row] is None:
                rejects[row] = missing_id(file.origin, first + row, spec, None, text[row].as_py())
    keep = np.ones(len(text), dtype=bool)
    keep[list(rejects)] = False
    mask = pa.array(keep)
    kept = text.filter(mask) if rejects else text
    content, own = _hashes(kept, file.dataset)
    values = {
        "doc_id": pa.array(own if ids is None else [value for value, good in zip(ids, keep, strict=True) if good]),
        "text": kept.cast(pa.string()),
        "language": _label(rows, spec.columns.language, spec.language).filter(mask),
        "licence": _label(rows, spec.columns.licence, spec.licence).filter(mask),
        "origin": pa.repeat(pa.scalar(file.origin, pa.string()), len(kept)),
        "position": pa.array(np.flatnonzero(keep) + first, pa.int64()),
        "content_hash": pa.array(content),
        "metadata": _metadata(rows, spec).filter(mask),
    }
    arrays = [values[field.name].cast(field.type) for field in DOCUMENTS]
    yield Batch(
        documents=pa.Table.from_arrays(arrays, schema=DOCUMENTS),
        rejects=rejects_table([rejects[row] for row in sorted(rejects)]),
        inputs=len(text),
    )


def _pages(rows: Any, first: int, file: SourceFile, spec: SourceSpec) -> Iterator[Found | Reject]:
    """Rows whose text is HTML, one by one: parsing HTML costs a thousand times what columns would save."""
    text = _bytes(_column(rows, spec.columns.text))
    rejects = _text_rejects(text, first, file, spec)
    ids = _given_ids(rows, spec) or [None] * len(text)
    language = _label(rows, spec.columns.language, None).to_pylist()
    licence = _label(rows, spec.columns.licence, None).to_pylist()
    metadata = _metadata(rows, spec).to_pylist()
    for row in range(len(text)):
        if row in rejects:
            yield rejects[row]
            continue
        page = text[row].as_py().decode()
        yield table_page(Found(file, first + row, page, ids[row], language[row], licence[row], metadata[row]), spec)


def _text_rejects(text: Any, first: int, file: SourceFile, spec: SourceSpec) -> dict[int, Reject]:
    """Row in the batch -> why its text is no document."""
    starts, ends, data = _spans(text)
    sizes = ends - starts
    name, origin = spec.columns.text, file.origin
    found: dict[int, Reject] = {}
    if text.null_count:
        for row in np.flatnonzero(text.is_null().to_numpy(zero_copy_only=False)):
            found[int(row)] = Reject(origin, first + int(row), "null_text", f"expected text in {name!r}; saw null")
    for row in np.flatnonzero(sizes > spec.max_document_bytes):
        seen = bytes(data[starts[row] : starts[row] + 1000])
        found.setdefault(int(row), too_large(origin, first + int(row), int(sizes[row]), spec, seen))
    for bad in _not_utf8(text, starts, ends, data):
        found.setdefault(bad, _broken_text(origin, first + bad, bytes(data[starts[bad] : ends[bad]])))
    for bad in _blank(starts, sizes, data):
        found.setdefault(bad, Reject(origin, first + bad, "empty_text", "expected text; saw none"))
    return found


def _broken_text(origin: str, position: int, data: bytes) -> Reject:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        start = error.start
    half = data[start] == 0xED and data[start + 1 : start + 2] >= b"\xa0"  # how a lone surrogate is written
    reason = "unpaired_surrogate" if half else "not_utf8"
    return Reject(
        origin, position, reason, f"expected UTF-8; saw byte 0x{data[start]:02X} at byte {start:,}", excerpt(data)
    )


def _not_utf8(text: Any, starts: Any, ends: Any, data: memoryview) -> list[int]:
    """Rows that are not UTF-8. Arrow proves the whole batch at several GB/s; rows are looked at where that fails."""
    kind = pa.large_string() if pa.types.is_large_binary(text.type) else pa.string()
    try:
        text.cast(kind)
    except pa.ArrowInvalid:
        return [row for row in range(len(text)) if not _is_utf8(data[starts[row] : ends[row]])]
    return []


def _is_utf8(data: memoryview) -> bool:
    try:
        str(data, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _blank(starts: Any, sizes: Any, data: memoryview) -> list[int]:
    """Rows that are empty or only white space, as `str.isspace` has it. Most rows start with an ASCII letter: done."""
    blank = sizes == 0
    some = np.flatnonzero(~blank)
    heads = np.frombuffer(data, dtype=np.uint8)[starts[some]] if len(some) else np.empty(0, np.uint8)
    doubtful = some[(heads <= 32) | (heads >= 127)]
    for row in doubtful:
        head = bytes(data[starts[row] : starts[row] + min(int(sizes[row]), 64)]).decode("utf-8", "ignore")
        if not head or head.isspace():
            whole = str(data[starts[row] : starts[row] + sizes[row]], "utf-8", "replace")
            blank[row] = whole.isspace()
    return [int(row) for row in np.flatnonzero(blank)]


def _hashes(text: Any, dataset: str) -> tuple[list[str], list[str]]:
    """Content hashes and ids, from the column's own bytes: no string is made."""
    starts, ends, data = _spans(text)
    pairs = [hashes(data[start:end], dataset) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    content, own = zip(*pairs, strict=True) if pairs else ((), ())
    return list(content), list(own)


def _spans(text: Any) -> tuple[Any, Any, memoryview]:
    """Where each value starts and ends in the column's bytes."""
    _, offsets, data = text.buffers()
    wide = np.int64 if pa.types.is_large_binary(text.type) else np.int32
    places = np.frombuffer(offsets, dtype=wide)[text.offset : text.offset + len(text) + 1].astype(np.int64)
    return places[:-1], places[1:], memoryview(data if data is not None else b"").cast("B")


def _column(rows: Any, name: str) -> Any:
    column = rows.column(rows.schema.get_field_index(name))
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _bytes(column: Any) -> Any:
    """A text column as binary with offsets; text is not copied."""
    if pa.types.is_null(column.type):
        return column.cast(pa.binary())
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    return column.cast(pa.large_binary() if wide else pa.binary())


def _label(rows: Any, name: str | None, constant: str | None) -> Any:
    """A language or licence column with the constant where it is null or empty."""
    filled = pa.scalar(constant, pa.string())
    if name is None:
        return pa.repeat(filled, rows.num_rows) if constant is not None else pa.nulls(rows.num_rows, pa.string())
    column = _strings(_column(rows, name))
    empty = pc.fill_null(pc.equal(column, ""), True)
    return pc.if_else(empty, filled, column)


def _strings(column: Any) -> Any:
    """A column as UTF-8 text; bytes that are none are replaced, since a label is no reason to lose a document."""
    raw = _bytes(column)
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else value.decode("utf-8", "replace") for value in raw.to_pylist()])


def _given_ids(rows: Any, spec: SourceSpec) -> list[str | None] | None:
    if spec.columns.id is None:
        return None
    column = _column(rows, spec.columns.id)
    if not pa.types.is_integer(column.type):
        column = _strings(column)
    return [id_of(value) for value in column.to_pylist()]


def _metadata(rows: Any, spec: SourceSpec) -> Any:
    names = spec.columns.metadata
    if not names:
        return pa.nulls(rows.num_rows, pa.string())
    columns = [_values(_column(rows, name)) for name in names]
    return pa.array(
        [metadata_json(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)], pa.string()
    )


def _values(column: Any) -> list[Any]:
    try:
        return column.to_pylist()  # type: ignore[no-any-return]
    except (UnicodeDecodeError, ValueError, OverflowError):  # text that is not UTF-8, a time before the year 1
        return [_value(item) for item in column]


def _value(item: Any) -> Any:
    try:
        return item.as_py()
    except UnicodeDecodeError as error:
        return bytes(error.object).decode("utf-8", "replace")
    except (ValueError, OverflowError):
        return str(item)


def _kind(kind: Any) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return "text"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return "text"
    if types.is_integer(kind):
        return "whole number"
    return "nulls" if types.is_null(kind) else "other"


@contextmanager
def _opened(file: SourceFile) -> Iterator[Any]:
    """The file with its footer read; streams column chunks in 1 MiB, and checks page checksums where there are any."""
    with open_raw(file) as raw:
        with source_errors(file.uri):
            try:
                parquet = pq.ParquetFile(raw, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True)
            except pa.ArrowException as error:
                raise SourceError(
                    f"expected a Parquet file at {file.uri}; it has no readable footer: {str(error)[:200]}. "
                    "Write it again, or leave it out."
                ) from error
        yield parquet
