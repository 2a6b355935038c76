"""Rows that a reader found become batches: a table of documents, a table of rejects, and how many inputs they were.

Guarantees: `inputs == documents.num_rows + rejects.num_rows` for every batch, and batches are cut alike each time
the same file is read with the same settings. Costs about 6 us a row and 1.5 ms a megabyte of text (hashing).

Ids. A document without an id of its own gets `text_hash(text, dataset)`, where `dataset` is the folder of the source
pattern as the user wrote it (see `tilth.data.files.dataset_of`). Neither file name, position, format nor revision is in
it, so the same rows in other shards have the same ids. Two equal texts of one dataset have one id: the second is the
same document, and the run drops it as `duplicate_id`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson
import pyarrow as pa

from tilth.data.files import SourceFile
from tilth.data.rejects import Reject, excerpt
from tilth.data.schema import DOCUMENTS, REJECTS
from tilth.data.source import SourceSpec

#: A batch is closed at this many bytes of text, so that memory does not follow the size of documents.
BATCH_BYTES = 32_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a source: `documents` (schema DOCUMENTS), `rejects` (schema REJECTS), together `inputs` rows."""

    documents: pa.Table
    rejects: pa.Table
    inputs: int


@dataclass(slots=True)
class Found:
    """One row with text, before the checks that all formats share. Values may hold anything Python holds."""

    file: SourceFile
    position: int
    text: str
    id: Any = None
    language: str | None = None
    licence: str | None = None
    metadata: str | None = None


@dataclass(slots=True)
class _Open:
    """The batch being filled, column by column."""

    rows: list[tuple[str | bytes | int | None, ...]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    size: int = 0

    def close(self) -> Batch:
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(DOCUMENTS)
        arrays = [pa.array(values, type=kind.type) for values, kind in zip(columns, DOCUMENTS, strict=True)]
        return Batch(
            documents=pa.Table.from_arrays(arrays, schema=DOCUMENTS),
            rejects=rejects_table(self.rejects),
            inputs=len(self.rows) + len(self.rejects),
        )


def collect(rows: Iterable[Found | Reject], spec: SourceSpec, batch_rows: int) -> Iterator[Batch]:
    """Batches of at most `batch_rows` rows and about BATCH_BYTES of text; no batch is empty."""
    batch = _Open()
    for row in rows:
        done = row if isinstance(row, Reject) else _document(row, spec)
        if isinstance(done, Reject):
            batch.rejects.append(done)
        else:
            batch.rows.append(done[1])
            batch.size += done[0]
        if len(batch.rows) + len(batch.rejects) >= batch_rows or batch.size >= BATCH_BYTES:
            yield batch.close()
            batch = _Open()
    if batch.rows or batch.rejects:
        yield batch.close()


def _document(row: Found, spec: SourceSpec) -> tuple[int, tuple[str | bytes | int | None, ...]] | Reject:
    """Size of the text and the values of DOCUMENTS in order, or why the row is no document."""
    text, origin = row.text, row.file.origin
    if not text or text.isspace():
        return Reject(origin, row.position, "empty_text", "expected text; saw none")
    try:
        data = text.encode()
        for value in (row.id, row.language, row.licence):
            if isinstance(value, str) and not value.isascii():
                value.encode()
    except UnicodeEncodeError as error:
        return surrogate(origin, row.position, error, text)
    if len(data) > spec.max_document_bytes:
        return too_large(origin, row.position, len(data), spec, data)
    content, own = hashes(data, row.file.dataset)
    if spec.columns.id is not None and row.file.is_table:
        given = id_of(row.id)
        if given is None:
            return missing_id(origin, row.position, spec, row.id, data)
        own = given
    language, licence = row.language or spec.language, row.licence or spec.licence
    return len(data), (own, data, language, licence, origin, row.position, content, row.metadata)


def hashes(data: bytes | memoryview, dataset: str) -> tuple[str, str]:
    """`text_hash(text)` and `text_hash(text, dataset)` of UTF-8 bytes in one pass over them."""
    digest = blake2b(len(data).to_bytes(8, "big"), digest_size=16)
    digest.update(data)
    content = digest.hexdigest()
    tail = dataset.encode("utf-8", "surrogatepass")
    digest.update(len(tail).to_bytes(8, "big") + tail)
    return content, digest.hexdigest()


def id_of(value: Any) -> str | None:
    """A given id as text: a string or a whole number; None for anything else and for an empty string."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def metadata_json(values: dict[str, Any]) -> str | None:
    """A JSON object of a row's metadata; null when every value is null. What JSON cannot hold is written as text."""
    if all(value is None for value in values.values()):
        return None
    try:
        return orjson.dumps(values, default=_plain).decode()
    except TypeError:
        return orjson.dumps({name: _safe(value) for name, value in values.items()}).decode()


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _safe(value: Any) -> Any:
    try:
        orjson.dumps(value, default=_plain)
    except TypeError:  # nested deeper than 254, a whole number beyond 64 bits, or half of a surrogate pair
        return str(value).encode("utf-8", "replace").decode() if isinstance(value, str | int) else "(cannot be held)"
    return value if not isinstance(value, bytes) else _plain(value)


def too_large(origin: str, position: int, size: int | None, spec: SourceSpec, seen: bytes | str) -> Reject:
    """The reject of a document over the limit; `size` None where it was not read to its end."""
    saw = "more" if size is None else f"{size:,}"
    detail = f"expected at most max_document_bytes = {spec.max_document_bytes:,} bytes; saw {saw}"
    return Reject(origin, position, "too_large", detail, excerpt(seen))


def missing_id(origin: str, position: int, spec: SourceSpec, value: Any, seen: bytes | str) -> Reject:
    """The reject of a row without an id where an id column is mapped."""
    kind = "null" if value is None else "an empty one" if value == "" else f"a value of type {type(value).__name__}"
    detail = f"expected an id (text or a whole number) in column {spec.columns.id!r}; saw {kind}"
    return Reject(origin, position, "missing_id", detail, excerpt(seen))


def surrogate(origin: str, position: int, error: UnicodeEncodeError, seen: str) -> Reject:
    """The reject of a row with half of a surrogate pair."""
    half = ord(str(error.object)[error.start])
    detail = f"expected text that UTF-8 can hold; saw U+{half:04X} alone at character {error.start}"
    return Reject(origin, position, "unpaired_surrogate", detail, excerpt(seen))


def rejects_table(rejects: list[Reject]) -> pa.Table:
    """A table with the schema REJECTS."""
    columns = zip(*((r.origin, r.position, r.reason, r.detail, r.excerpt) for r in rejects), strict=True)
    arrays = [pa.array(values, type=kind.type) for values, kind in zip(columns, REJECTS, strict=False)]
    return pa.Table.from_arrays(arrays, schema=REJECTS) if arrays else REJECTS.empty_table()
