"""WARC files, plain or gzip, through warcio: each HTML response is a page; other records are named and counted."""

from collections.abc import Iterator
from typing import Any

from tilth.base.errors import MissingExtra
from tilth.data.readers.batch import REASONS, Batch, Collector
from tilth.data.readers.files import SourceFile, open_file
from tilth.data.source import SourceSpec

_HTML = ("text/html", "application/xhtml")


def read(file: SourceFile, spec: SourceSpec, rows: int) -> Iterator[Batch]:
    """The batches of a file; positions count records."""
    from tilth.data.html import html_to_text

    archive, fault = _warcio()
    out = Collector(spec.model_copy(update={"extract_html": False}), file.uri, file.dataset, rows)
    position = 0
    with open_file(file) as opened:
        records = iter(archive(opened))
        while True:
            try:
                record = next(records, None)
                if record is None:
                    break
                content = _html(record)
                data = record.content_stream().read(spec.max_document_bytes + 1) if content else b""
            except (fault, EOFError, OSError, ValueError) as error:
                out.reject(position, "warc_broken_record", f"{type(error).__name__}: {str(error)[:200]}")
                break
            if not content:
                out.reject(position, "warc_not_html", f"a {record.rec_type} record")
            elif len(data) > spec.max_document_bytes:
                out.reject(position, "too_large", f"the page has more than {spec.max_document_bytes:,} bytes")
            else:
                text = html_to_text(data)
                url = record.rec_headers.get_header("WARC-Target-URI")
                date = record.rec_headers.get_header("WARC-Date")
                if text is None:
                    out.reject(position, "html_no_text", REASONS["html_no_text"], url)
                else:
                    out.text(position, text, metadata={"url": url, "date": date})
            position += 1
            yield from out.full()
    yield from out.rest()


def _html(record: Any) -> bool:
    if record.rec_type != "response" or record.http_headers is None:
        return False
    kind = record.http_headers.get_header("Content-Type") or ""
    return kind.lower().startswith(_HTML)


def _warcio() -> tuple[Any, Any]:
    try:
        from warcio.archiveiterator import ArchiveIterator
        from warcio.exceptions import ArchiveLoadFailed
    except ImportError:
        raise MissingExtra("reading WARC files", "warcio", "web") from None
    return ArchiveIterator, ArchiveLoadFailed
