"""One HTML page becomes one row: the part that every format with HTML in it shares."""

from tilth.data.batch import Found, too_large
from tilth.data.files import SourceFile
from tilth.data.html import decode_html, html_to_text, refusal
from tilth.data.rejects import Reject, excerpt
from tilth.data.source import SourceSpec


def page_row(
    file: SourceFile, position: int, page: bytes | str, spec: SourceSpec, charset: str | None = None
) -> Found | Reject:
    """The row of a page, or why it has none."""
    if len(page) > spec.max_document_bytes:
        return too_large(file.origin, position, len(page), spec, page)
    text = decode_html(page, charset) if isinstance(page, bytes) else page
    if not text or text.isspace():
        return Reject(file.origin, position, "empty_text", "expected a page; saw nothing")
    main = html_to_text(text)
    if main is None:
        detail = refusal(text) or "expected a page with a main text; saw none (menus, links and forms do not count)"
        return Reject(file.origin, position, "html_no_text", detail, excerpt(text))
    return Found(file, position, main)


def table_page(row: Found, spec: SourceSpec) -> Found | Reject:
    """A row of a table whose text column holds HTML, with the page's text in its place."""
    page = page_row(row.file, row.position, row.text, spec)
    if isinstance(page, Found):
        row.text = page.text
        return row
    return page
