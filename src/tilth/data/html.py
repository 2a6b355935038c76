"""HTML to the text of its main part, with Trafilatura (extra `web`): tables and lists kept as Markdown.

Deterministic, no metadata, no deduplication between pages. Costs about 5 ms for 50 kB of HTML.
"""

from typing import Any

from tilth.base.errors import MissingExtra

METHOD = "trafilatura"
#: Raise it when the same page would give other text with the same Trafilatura.
VERSION = 1
#: More nested elements than this are no page for readers; libxml2 itself stops at 256 unless told otherwise.
_MAX_BYTES = 10_000_000  # 10 MB of HTML: larger ones are generated listings, and extraction is not linear there


def html_to_text(html: str | bytes) -> str | None:
    """The main text as Markdown, or None where there is none. Bytes are decoded by their declared charset.

    Never raises on a page, however broken; a page over 10 MB has no main text.
    """
    extract = _extract()
    if len(html) > _MAX_BYTES:
        return None
    try:
        text = extract(
            html,
            output_format="markdown",
            include_comments=False,
            include_tables=True,
            include_formatting=True,
            include_links=False,
            deduplicate=False,
            fast=True,
            with_metadata=False,
        )
    except Exception:  # noqa: BLE001 - lxml and its callers raise many kinds on hostile pages; each is a page without text
        return None
    return text if isinstance(text, str) and text.strip() else None


def _extract() -> Any:
    try:
        from trafilatura import extract
    except ImportError:
        raise MissingExtra("reading HTML", "trafilatura", "web") from None
    return extract
