"""Files that are one document each: text and Markdown, and HTML."""

from collections.abc import Iterator

from tilth.data.readers.batch import REASONS, Batch, Collector
from tilth.data.readers.files import SourceFile, open_file
from tilth.data.source import SourceSpec


def read_text(file: SourceFile, spec: SourceSpec, rows: int) -> Iterator[Batch]:
    """One document, or one reject."""
    out = Collector(spec, file.uri, file.dataset, rows)
    data = _bytes(file, spec, out)
    if data is not None:
        try:
            out.text(0, data.decode("utf-8-sig"), metadata={"file": _name(file)})
        except UnicodeDecodeError as error:
            out.reject(0, "not_utf8", str(error)[:200], data[:200])
    yield from out.rest()


def read_html(file: SourceFile, spec: SourceSpec, rows: int) -> Iterator[Batch]:
    """The main text of one page, or one reject."""
    from tilth.data.html import html_to_text

    out = Collector(spec.model_copy(update={"extract_html": False}), file.uri, file.dataset, rows)
    data = _bytes(file, spec, out)
    if data is not None:
        text = html_to_text(data)
        if text is None:
            out.reject(0, "html_no_text", REASONS["html_no_text"], data[:200])
        else:
            out.text(0, text, metadata={"file": _name(file)})
    yield from out.rest()


def _bytes(file: SourceFile, spec: SourceSpec, out: Collector) -> bytes | None:
    with open_file(file) as opened:
        data = opened.read(spec.max_document_bytes + 1)
    if len(data) > spec.max_document_bytes:
        out.reject(0, "too_large", f"the file has more than {spec.max_document_bytes:,} bytes")
        return None
    return data


def _name(file: SourceFile) -> str:
    return file.uri.rstrip("/").rpartition("/")[2]
