"""Text and HTML files: one document a file.

Guarantees: one row or one reject a file, at position 0; a file over the limit is not read. Costs about 0.1 ms a file;
an HTML file 0.7 s a megabyte.
"""

from collections.abc import Iterator

from tilth.data.batch import Found, too_large
from tilth.data.files import SourceFile, open_raw, prove_unchanged
from tilth.data.readers.head import Head
from tilth.data.readers.page import page_row
from tilth.data.rejects import Reject, excerpt
from tilth.data.remote import source_errors
from tilth.data.source import SourceSpec


def check(file: SourceFile, spec: SourceSpec) -> Head:  # noqa: ARG001  # the form all formats share
    """Nothing can be wrong with a text file but its bytes, and those are seen when it is read."""
    return Head(empty=file.size == 0)


def text_rows(file: SourceFile, spec: SourceSpec) -> Iterator[Found | Reject]:
    """The file as one row."""
    data = _bytes(file, spec)
    if isinstance(data, Reject):
        yield data
        return
    try:
        yield Found(file, 0, data.removeprefix(b"\xef\xbb\xbf").decode())
    except UnicodeDecodeError as error:
        saw = f"expected UTF-8; saw byte 0x{data[error.start]:02X} at byte {error.start:,}"
        yield Reject(file.origin, 0, "not_utf8", saw, excerpt(data))


def html_rows(file: SourceFile, spec: SourceSpec) -> Iterator[Found | Reject]:
    """The page's main text as one row."""
    data = _bytes(file, spec)
    yield data if isinstance(data, Reject) else page_row(file, 0, data, spec)


def _bytes(file: SourceFile, spec: SourceSpec) -> bytes | Reject:
    prove_unchanged(file)
    limit = spec.max_document_bytes
    with open_raw(file) as raw, source_errors(file.uri):
        data = raw.read(limit + 1)
    return data if len(data) <= limit else too_large(file.origin, 0, file.size, spec, data[:1000])
