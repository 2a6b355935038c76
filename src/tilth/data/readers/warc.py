"""WARC and WET (.warc, .wet, also .gz and .zst): HTTP responses with HTML through Trafilatura, plain text as it is.

Guarantees: every response, resource and conversion record is a row or a reject, at its number in the file from 0;
warcinfo, request, metadata and revisit records are no inputs and are passed over (they still count in the numbering).
After a damaged record, reading goes on at the next line that starts a record. Memory is one record below the limit;
larger ones are passed over unread. The framing is read here and the record by warcio, whose own iterator ends at the
first damage. `metadata` has the record's url and date. Costs about 0.7 s a megabyte of HTML.
"""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tilth.base.errors import MissingExtra, SourceError
from tilth.data.batch import Found, metadata_json, too_large
from tilth.data.files import SourceFile
from tilth.data.html import http_charset, need_web
from tilth.data.readers.head import Head
from tilth.data.readers.page import page_row
from tilth.data.rejects import Reject, excerpt
from tilth.data.source import SourceSpec
from tilth.data.stream import Stream

#: Bytes of a record's own header, and of the HTTP header with it. 64 KiB: servers cut headers at 8 to 16 KiB.
_MAX_HEADER = 1 << 16
_INPUTS = frozenset({"response", "resource", "conversion"})
_HTML = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(slots=True)
class _Record:
    """One record as it stands in the file; `body` None where it was longer than the limit."""

    kind: str
    header: bytes
    length: int
    body: bytes | None


def check(file: SourceFile, spec: SourceSpec) -> Head:  # noqa: ARG001  # the form all formats share
    """Proves that the file starts as a WARC; raises `SourceError` where it does not."""
    need_web()
    _loader()
    buffer = _Buffer(Stream(file))
    start = buffer.line()
    if start is None:
        return Head(empty=True)
    if not start.startswith(b"WARC/"):
        raise SourceError(
            f"expected a WARC record at the start of {file.uri}; saw {excerpt(start)[:60]!r}. "
            "Set another format, or leave the file out."
        )
    return Head()


def rows(file: SourceFile, spec: SourceSpec) -> Iterator[Found | Reject]:
    """Each record with content as a row or a reject, and one reject where the file is cut."""
    stream = Stream(file)
    loader = _loader()
    number = -1
    empty = True
    for number, record in enumerate(_records(_Buffer(stream), spec.max_document_bytes + _MAX_HEADER)):
        if isinstance(record, str):
            if stream.cut is None:  # else it is the place of the cut, which has its own reject
                empty = False
                yield Reject(file.origin, number, "warc_broken_record", record)
            continue
        if record.kind in _INPUTS:
            empty = False
            yield _row(file, spec, number, record, loader)
    if stream.cut is not None:
        detail = f"after {stream.read:,} bytes of content: {stream.cut}"
        yield Reject(file.origin, number + 1, "truncated_file", detail)
    elif empty:
        yield Reject(file.origin, -1, "empty_file", "expected records with content; saw none")


def _row(file: SourceFile, spec: SourceSpec, number: int, record: _Record, loader: Any) -> Found | Reject:
    if record.body is None:
        return too_large(file.origin, number, record.length, spec, record.header)
    try:
        parsed = loader.parse_record_stream(io.BytesIO(record.header + record.body), known_format="warc")
        content = parsed.content_stream().read(spec.max_document_bytes + 1)
    except (EOFError, ValueError, TypeError, AttributeError, zlib.error, _load_failed()) as error:
        # what warcio lets out of its parsing of hostile headers, lengths, chunks and encodings
        detail = f"expected a record that can be parsed; saw {type(error).__name__}: {str(error)[:200]}"
        return Reject(file.origin, number, "warc_broken_record", detail, excerpt(record.body))
    http = parsed.http_headers
    coding = ((http.get_header("Content-Encoding") if http is not None else None) or "identity").strip().lower()
    if coding not in _codings():
        detail = f"expected a content encoding that can be undone here; saw {coding[:40]}"
        return Reject(file.origin, number, "warc_broken_record", detail, None)
    status = http.get_statuscode() if http is not None else "200"
    if status != "200":
        return Reject(file.origin, number, "warc_http_error", f"expected HTTP status 200; saw {status[:20]}", None)
    kind = (
        http.get_header("Content-Type") if http is not None else parsed.rec_headers.get_header("Content-Type")
    ) or ""
    row = _content(file, spec, number, content, kind)
    if isinstance(row, Found):
        headers = parsed.rec_headers
        row.metadata = metadata_json(
            {"url": headers.get_header("WARC-Target-URI"), "date": headers.get_header("WARC-Date")}
        )
    return row


def _content(file: SourceFile, spec: SourceSpec, number: int, content: bytes, kind: str) -> Found | Reject:
    media = kind.partition(";")[0].strip().lower()
    if media in _HTML:
        return page_row(file, number, content, spec, http_charset(kind))
    if media != "text/plain":
        detail = f"expected HTML or plain text; saw {media[:60] or 'no content type'}"
        return Reject(file.origin, number, "warc_not_html", detail, excerpt(content))
    try:
        return Found(file, number, content.decode())
    except UnicodeDecodeError as error:
        detail = f"expected UTF-8; saw byte 0x{content[error.start]:02X} at byte {error.start:,}"
        return Reject(file.origin, number, "not_utf8", detail, excerpt(content))


def _records(buffer: "_Buffer", limit: int) -> Iterator[_Record | str]:
    """Records in order; for a stretch that is none, what is wrong with it."""
    while (line := buffer.line()) is not None:
        if not line.strip():
            continue
        if not line.startswith(b"WARC/"):
            passed = len(line)
            while (line := buffer.peek_line()) is not None and not line.startswith(b"WARC/"):
                passed += len(buffer.line() or b"")
            yield f"expected a record to start with WARC/; passed over {passed:,} bytes to the next one"
            continue
        yield _record(buffer, line, limit)


def _record(buffer: "_Buffer", start: bytes, limit: int) -> _Record | str:
    fields: dict[bytes, bytes] = {}
    header = bytearray(start)
    while (line := buffer.line()) is not None and line.strip():
        if len(header) > _MAX_HEADER:
            return f"expected a record header of at most {_MAX_HEADER:,} bytes; it is longer"
        header += line
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    header += b"\r\n"
    said = fields.get(b"content-length", b"")
    if line is None or not said.isdigit() or len(said) > 15:
        return f"expected a record header with a Content-Length; saw {said[:30]!r}"
    length = int(said)
    kind = fields.get(b"warc-type", b"").decode("ascii", "replace").lower()
    body = buffer.take(length, keep=length <= limit and kind in _INPUTS)
    if body is None:
        return f"expected {length:,} bytes of content; the file ends before"
    return _Record(kind, bytes(header), length, body if length <= limit else None)


class _Buffer:
    """Lines and counted bytes from a stream. A line ends after its line feed, or at 64 KiB without one."""

    def __init__(self, stream: Stream) -> None:
        self._blocks = iter(stream)
        self._data = b""
        self._at = 0
        self._next: bytes | None = None

    def line(self) -> bytes | None:
        """The next line, or None at the end."""
        found = self.peek_line()
        self._next = None
        self._at += len(found or b"")
        return found

    def peek_line(self) -> bytes | None:
        """The next line, which stays there to be read."""
        while self._next is None:
            end = self._data.find(b"\n", self._at, self._at + _MAX_HEADER)
            if end >= 0:
                self._next = self._data[self._at : end + 1]
            elif len(self._data) - self._at >= _MAX_HEADER:
                self._next = self._data[self._at : self._at + _MAX_HEADER]
            elif not self._more():
                self._next = self._data[self._at :]
        return self._next or None

    def take(self, count: int, *, keep: bool) -> bytes | None:
        """The next `count` bytes, or b"" in their place where they are not kept; None where the stream has fewer."""
        self._next = None
        parts: list[bytes] = []
        while count:
            part = self._data[self._at : self._at + count]
            self._at += len(part)
            count -= len(part)
            if keep:
                parts.append(part)
            if count and not self._more():
                return None
        return b"".join(parts)

    def _more(self) -> bool:
        block = next(self._blocks, b"")
        self._data = self._data[self._at :] + block
        self._at = 0
        return bool(block)


def _loader() -> Any:
    try:
        from warcio.recordloader import ArcWarcRecordLoader
    except ImportError as error:
        raise MissingExtra("reading WARC files", "warcio", "web") from error
    return ArcWarcRecordLoader(verify_http=False, arc2warc=False)


def _codings() -> frozenset[str]:
    """Content encodings that warcio undoes with what is installed; br needs the package brotli."""
    from warcio.bufferedreaders import BufferedReader

    return frozenset({"identity", "none", "", "utf-8", *BufferedReader.get_supported_decompressors()})


def _load_failed() -> type[Exception]:
    from warcio.exceptions import ArchiveLoadFailed

    return ArchiveLoadFailed  # type: ignore[no-any-return]
