"""What every reader yields: a batch of documents and rejects, and the arithmetic that keeps them in step.

`inputs` counts what the file held: a row, a line, a record, or the file itself. inputs = documents + rejects, always.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from tilth.base.fingerprint import text_hash
from tilth.data.schema import DOCUMENTS, REJECTS
from tilth.data.source import SourceSpec

#: Why an input is no document. Every reason a reader gives stands here.
REASONS = {
    "broken_json": "the line is not JSON",
    "not_an_object": "the line is JSON, but no object",
    "not_utf8": "the bytes are not UTF-8",
    "unpaired_surrogate": "the text has half of a surrogate pair, which no UTF-8 file can hold",
    "missing_text": "the record has no text column",
    "null_text": "the text is null",
    "text_not_string": "the text is no string",
    "empty_text": "the text is empty or white space",
    "missing_id": "an id column is mapped, and this record has none",
    "too_large": "the document is larger than max_document_bytes",
    "truncated_file": "the file ends in the middle of its compressed stream; what came before is kept",
    "csv_wrong_fields": "the record has another number of fields than the header",
    "html_no_text": "no main text was found in the HTML",
    "warc_broken_record": "the WARC record cannot be read; the rest of the file is not read",
    "warc_not_html": "the WARC record is no HTML response",
    "broken_row_group": "the row group of the Parquet file cannot be read",
    "duplicate_id": "an earlier document has the same id",
}
_EXCERPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Documents (schema DOCUMENTS), rejects (schema REJECTS), and how many inputs they came from."""

    documents: pa.Table
    rejects: pa.Table
    inputs: int


@dataclass(slots=True)
class Collector:
    """Collects rows of one file into batches; decides for each text whether it is a document."""

    spec: SourceSpec
    uri: str
    origin: str  # the dataset as the recipe names it: part of a hashed id, so that re-sharding keeps ids
    rows: int
    _documents: list[dict[str, Any]] = field(default_factory=list)
    _rejects: list[dict[str, Any]] = field(default_factory=list)

    def record(self, position: int, value: dict[str, Any]) -> None:
        """Take one record of a table format, by the recipe's column mapping."""
        columns = self.spec.columns
        if columns.text not in value:
            self.reject(position, "missing_text", f"expected {columns.text!r}; saw {', '.join(map(str, value))[:200]}")
            return
        given = value.get(columns.id) if columns.id is not None else None
        if columns.id is not None and (given is None or given == ""):
            self.reject(position, "missing_id", f"the column {columns.id!r} is empty", value[columns.text])
            return
        metadata = {name: value.get(name) for name in columns.metadata}
        self.text(
            position,
            value[columns.text],
            given=None if given is None else str(given),
            language=_word(value.get(columns.language)) if columns.language else None,
            licence=_word(value.get(columns.licence)) if columns.licence else None,
            metadata=metadata,
        )

    def text(
        self,
        position: int,
        text: Any,
        *,
        given: str | None = None,
        language: str | None = None,
        licence: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Take one text."""
        if self.spec.extract_html and isinstance(text, str):
            from tilth.data.html import html_to_text

            text = html_to_text(text)
            if text is None:
                self.reject(position, "html_no_text", REASONS["html_no_text"])
                return
        fault = self._fault(text)
        if fault is not None:
            self.reject(position, fault, REASONS[fault], text)
            return
        spec = self.spec
        self._documents.append(
            {
                "doc_id": given or text_hash(text, self.origin),
                "text": text,
                "language": language or spec.language,
                "licence": licence or spec.licence,
                "origin": self.uri,
                "position": position,
                "content_hash": text_hash(text),
                "metadata": _dump(metadata),
            }
        )

    def reject(self, position: int, reason: str, detail: str, seen: Any = None) -> None:
        """Name one input as no document."""
        assert reason in REASONS, reason
        excerpt = None if seen is None else str(seen)[:_EXCERPT].encode("utf-8", "replace").decode()
        self._rejects.append(
            {"origin": self.uri, "position": position, "reason": reason, "detail": detail, "excerpt": excerpt}
        )

    def full(self) -> Iterator[Batch]:
        """A batch, when enough inputs are collected."""
        if len(self._documents) + len(self._rejects) >= self.rows:
            yield self.take()

    def rest(self) -> Iterator[Batch]:
        """What is left, when anything is."""
        if self._documents or self._rejects:
            yield self.take()

    def take(self) -> Batch:
        """What is collected so far, as a batch."""
        documents, self._documents = self._documents, []
        rejects, self._rejects = self._rejects, []
        return Batch(
            documents=pa.Table.from_pylist(documents, schema=DOCUMENTS),
            rejects=pa.Table.from_pylist(rejects, schema=REJECTS),
            inputs=len(documents) + len(rejects),
        )

    def _fault(self, text: Any) -> str | None:
        if text is None:
            return "null_text"
        if not isinstance(text, str):
            return "text_not_string"
        if not text or text.isspace():
            return "empty_text"
        most = self.spec.max_document_bytes
        if len(text) > most // 4 and len(text.encode("utf-8", "surrogatepass")) > most:
            return "too_large"
        return None if _is_utf8(text) else "unpaired_surrogate"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _word(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _dump(metadata: dict[str, Any] | None) -> str | None:
    if not metadata:
        return None
    return orjson.dumps(metadata, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
