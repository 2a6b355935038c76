"""The reasons for which an input is no document, one sentence each, and the small value that carries one.

Every reject of a reader has one of these reasons; the table is what documentation and ledgers show.
"""

from dataclasses import dataclass
from types import MappingProxyType

#: Characters of a reject's excerpt, as REJECTS declares.
EXCERPT_CHARS = 200

#: Reason -> what it means. Readers give these and no others, but `duplicate_id`, which the run gives.
REASONS = MappingProxyType(
    {
        "broken_json": "the line is not JSON",
        "not_an_object": "the line is JSON and not an object",
        "not_utf8": "the bytes are not UTF-8",
        "missing_text": "the row has no field under the name of the text column",
        "null_text": "the text is null",
        "text_not_string": "the text is a number, a list or another value that is not text",
        "empty_text": "the text is empty or only white space",
        "too_large": "the document is larger than max_document_bytes",
        "unpaired_surrogate": "the text has half of a UTF-16 pair, which UTF-8 cannot hold",
        "missing_id": "an id column is mapped and the row has none (null, empty, no text or whole number)",
        "truncated_file": "the compressed file ends early or is damaged; everything before that place is kept",
        "broken_row_group": "the Parquet row group cannot be decoded; one reject a row of it",
        "empty_file": "the file has no rows",
        "broken_csv": "the quoting of the record is broken",
        "csv_wrong_fields": "the record has more or fewer fields than the header",
        "html_no_text": "no main text was found in the HTML",
        "warc_broken_record": "the WARC record's header or length is broken, or its content cannot be decoded",
        "warc_not_html": "the WARC record is neither HTML nor plain text",
        "duplicate_id": "an earlier document of the run has the same id, given or made from the same text",
        "warc_http_error": "the WARC response has an HTTP status other than 200",
    }
)


@dataclass(frozen=True, slots=True)
class Reject:
    """One input that is no document. `position` is its row, line or record from 0; -1 means the whole file."""

    origin: str
    position: int
    reason: str
    detail: str
    excerpt: str | None = None


def excerpt(data: bytes | str) -> str:
    """The first 200 characters of what was seen, as text that UTF-8 can hold."""
    if isinstance(data, bytes):
        return data[: 4 * EXCERPT_CHARS].decode("utf-8", "replace")[:EXCERPT_CHARS]
    return data[:EXCERPT_CHARS].encode("utf-8", "replace").decode("utf-8")
