"""A document's structure: title, sections, paragraphs in sentences, lists, tables, code, key-value lines.

Reads Markdown, reStructuredText, LaTeX, HTML and plain text with one pass over the lines. At most `LIMIT` characters
are read (four times that of raw HTML, whose tags weigh most of it), so the work on any document is bounded; a fitted
request is far shorter. The last documents read are kept, since the formats of one document come one after another.
"""

from functools import lru_cache

from tilth.generate.engines.extractive import inline, markup
from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.language import tongue_of
from tilth.generate.engines.extractive.reader import Reader

LIMIT = 64_000  # characters of a document that are read; 8,192 tokens of English are about 36,000
LIMIT_HTML = 4 * LIMIT


def read(text: str, language: str | None) -> Document | None:
    """The structure of `text`, or None where its language is unknown to the rules.

    Bounded work: see `LIMIT`. The last few results are kept.
    """
    return _read(text if len(text) <= LIMIT_HTML else text[:LIMIT_HTML], language)


@lru_cache(maxsize=8)
def _read(text: str, language: str | None) -> Document | None:
    text = inline.printable(text)
    rst = False
    if markup.is_html(text):
        text = markup.from_html(text)[:LIMIT]
    else:
        text = text[:LIMIT]
        if markup.is_latex(text):
            text = markup.from_latex(text)
        else:
            rst = ".. " in text and ("\n====" in text or "\n----" in text) and "\n# " not in text
    tongue = tongue_of(text, language)
    if tongue is None:
        return None
    reader = Reader(chinese=tongue.chinese, rst=rst)
    reader.read(text)
    return Document(reader.title, tongue, tuple(reader.sections), text)
