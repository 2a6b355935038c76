"""HTML to text: the main text of a page as Markdown, through Trafilatura.

Headings, lists and tables are kept, since rewriting lives on them; comments, links and images are not. The result
depends only on the page and on Trafilatura's version. No page makes it crash or hang: markup beyond what real pages
have is refused first, and an error inside Trafilatura counts as no text. Costs about 0.7 s a megabyte of real pages.
"""

import codecs
import logging
import re
from collections.abc import Callable
from importlib.metadata import version
from typing import cast

from tilth.base.errors import MissingExtra

METHOD = "trafilatura-markdown"
#: Raise it when the same page would give another text for a reason of ours.
VERSION = 1

#: Larger pages are dumps. 20 MB: Trafilatura's own limit for a download.
MAX_CHARS = 20_000_000
#: Tags, opening and closing. Trafilatura needs time that grows with the square of the cells of one table row: 100,000
#: tags cost at most about 8 s, a million would cost a quarter of an hour. Of 94 long Wikipedia pages none
#: has more than 5,300.
MAX_TAGS = 100_000

# the first 4,096 bytes hold the declaration, by the HTML standard the first 1,024; every part is bounded
_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)\s[^>]{0,500}?(?:charset|encoding)\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{2,40})""", re.I
)
_HTTP_CHARSET = re.compile(r"""charset\s{0,9}=\s{0,9}["']?([\w.:-]{2,40})""", re.I)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENCODINGS = re.compile(
    r"utf-8|utf-8-sig|cp(125\d|866|874|932|949|950)|iso8859-\d{1,2}|koi8-[ru]|mac-(roman|cyrillic)"
    r"|gb18030|gbk|big5|big5hkscs|euc_jp|iso2022_jp|euc_kr|shift_jis"
)
#: What browsers read under these names (WHATWG encoding standard): the larger sets that pages really use.
_MEANT = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252",
    "iso-8859-9": "cp1254", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "big5": "big5hkscs", "tis-620": "cp874",
}  # fmt: skip


def html_to_text(html: str | bytes, charset: str | None = None) -> str | None:
    """The main text of a page as Markdown; None where there is none, or where `refusal` says why it was not tried.

    Bytes are decoded by byte order mark, by `charset` (of the HTTP header), by the page's declaration, else guessed.
    Raises `MissingExtra` without Trafilatura.
    """
    extract = _extractor()
    page = decode_html(html, charset) if isinstance(html, bytes) else html
    if refusal(page) is not None:
        return None
    if "<html" not in page[:4096].lower():
        page = f"<html><body>{page}</body></html>"  # a fragment, which Trafilatura takes for a broken page
    try:
        text = extract(
            page, fast=True, include_comments=False, include_tables=True, include_links=False, include_images=False,
            output_format="markdown", deduplicate=False, with_metadata=False,
        )  # fmt: skip
    except Exception:  # noqa: BLE001  # hostile markup: whatever it breaks in there, the page has no text for us
        return None
    return text if text and not text.isspace() else None


def refusal(page: str) -> str | None:
    """Why a page is not given to Trafilatura, or None where it is."""
    if len(page) > MAX_CHARS:
        return f"expected at most {MAX_CHARS:,} characters of HTML; saw {len(page):,}"
    tags = page.count("<")
    return f"expected at most {MAX_TAGS:,} tags; saw {tags:,}" if tags > MAX_TAGS else None


def need_web() -> None:
    """Raise `MissingExtra` where Trafilatura is not installed."""
    _extractor()


def extractor_version() -> str:
    """Method with both versions that decide the text, for the identity of a run."""
    return f"{METHOD} {VERSION}, trafilatura {version('trafilatura')}"


def decode_html(page: bytes, charset: str | None = None) -> str:
    """A page as text: by byte order mark, declared charset, UTF-8, or the likeliest guess; never fails."""
    for mark, name in _MARKS:
        if page.startswith(mark):
            return page.decode(name, "replace")
    declared = [name for name in (charset, _declared(page)) if name is not None and _known(name)]
    for name in [*declared, "utf-8"]:
        try:
            return page.decode(_MEANT.get(name.lower(), name))
        except UnicodeError:
            continue
    name = declared[0] if declared else _guess(page)
    return page.decode(_MEANT.get(name.lower(), name), "replace")


def http_charset(content_type: str | None) -> str | None:
    """The charset in a Content-Type header."""
    match = _HTTP_CHARSET.search((content_type or "")[:500])
    return match[1] if match else None


def _declared(page: bytes) -> str | None:
    match = _CHARSET.search(page[:4096])
    return match[1].decode("ascii", "replace") if match else None


def _known(name: str) -> bool:
    """True for an encoding of pages; Python has others (idna, unicode_escape) that a page may not ask for."""
    try:
        return _ENCODINGS.fullmatch(codecs.lookup(_MEANT.get(name.lower(), name)).name) is not None
    except (LookupError, ValueError):
        return False


def _guess(page: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8 and say nothing."""
    from trafilatura.utils import detect_encoding

    for name in detect_encoding(page[:20_000]):
        if _known(name):
            return str(name)
    return "cp1252"


def _extractor() -> Callable[..., str | None]:
    try:
        from trafilatura import extract
    except ImportError as error:
        raise MissingExtra("reading HTML", "trafilatura", "web") from error
    # its messages about single pages say less than our rejects do
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    return cast(Callable[..., str | None], extract)
