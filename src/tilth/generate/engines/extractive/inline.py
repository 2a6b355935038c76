"""Inline markup to plain words: links, emphasis, roles, templates, footnotes, references, control characters.

Guarantees: no control character, no line break and no unpaired surrogate comes out; every pattern is linear. A
reference to something outside the sentence (a figure, an equation, a citation that the sentence needs) becomes
`HOLE`, so that rules can pass over sentences that no longer read whole. Code spans keep their backticks and their
content.
"""

import html
import re

from tilth.generate.engines.extractive.words import words

HOLE = "￼"  # U+FFFC, the object replacement character: "something stood here"

#: Controls but not tab and newline, zero-width and direction marks, surrogates, non-characters.
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffd-\uffff\ud800-\udfff]"
)
_SPECIAL = re.compile(r"[\[\]`*_<&{\\|~^$:()]|  ")

_IMAGE = re.compile(r"!\[[^\[\]]{0,300}\]\([^()\n]{0,500}\)")
_LINK = re.compile(r"\[([^\[\]]{0,400})\]\([^()\n]{0,500}(?:\([^()\n]{0,200}\)[^()\n]{0,200})?\)")
_REFERENCE_LINK = re.compile(r"\[([^\[\]]{1,300})\]\s?\[[^\[\]]{0,200}\]")
_FOOTNOTE = re.compile(
    r"\s?\[(?:\^[^\[\]]{1,40}|[\d,;–\- ]{1,30}|#[^\[\]]{0,40}|[a-z](?=\](?![A-Za-z]))|note \d{1,3}|citation "
    r"needed|edit)\]_?"
)
_BRACKET = re.compile(r"\[(\*{0,2}[A-Za-z§][^\[\]]{0,200})\]_?")
_RST_LINK = re.compile(r"`([^`<>]{1,300}?)\s?<[^`<>]{1,400}>`_{1,2}")
_RST_NAMED = re.compile(r"`([^`]{1,200})`_{1,2}(?!\w)")
_ROLE = re.compile(r":([A-Za-z][\w:+-]{0,40}):`([^`]{1,300})`")
_TEMPLATE = re.compile(r"\{\{[^{}]{0,400}\}\}|\{%[^{}]{0,300}%\}|\{#[^{}]{0,200}\}")
_BOLD = re.compile(r"\*\*([^*]{1,500})\*\*")
_STAR = re.compile(r"(?<![\w*])\*([^*\s][^*]{0,400})\*(?![\w*])")
_BAR = re.compile(r"(?<![\w_])_{1,2}([^_\s][^_]{0,300})_{1,2}(?![\w_])")
_STRIKE = re.compile(r"~~([^~]{1,300})~~")
_AUTOLINK = re.compile(r"<((?:https?|mailto|ftp):[^<>\s]{1,300})>")
_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|center|cite|code|dd|del|details|div|dl|dt|em|figure|font|h[1-6]|hr|i|img|ins|kbd|li|"
    r"mark|ol|p|pre|q|s|samp|small|span|strong|sub|summary|sup|table|tbody|td|th|thead|tr|tt|u|ul|var)\b[^<>]{0,400}>",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--[^<>]{0,500}-->")
_EMPTY_BRACKETS = re.compile(r"(?:\s[(]|\s?（)\s?(?:see\s?)?[,;，；]?\s?[)）]")
_HOLE_BRACKETS = re.compile(r"\s?[(（](?:see |cf\.? |and |,|;|参见|见|[A-Z][a-z]{2,12}\.? |[\s￼]){1,9}[)）]")
_ESCAPE = re.compile(r"\\([\[\]()_*#`>.!|~^&%{}$-])")
_SPACES = re.compile(r"[ \t\n\u00a0\u3000]{2,}|[\t\n\u00a0\u3000]")
_SPACE_BEFORE = re.compile(r" ([,.;!?)，。；！？）、])(?=[\s\"”]|$)")
_CJK_GAP = re.compile(r"(?<=[㐀-鿿，。；：]) (?=[㐀-鿿，。；：])")
_ROLE_HOLES = words("numref eqref ref label fig eq width")
_ROLE_NOTHING = words("cite citet citep footcite")


def printable(text: str) -> str:
    """`text` with one kind of line break and without control characters."""
    if "\r" in text or "\x0c" in text or "\x0b" in text or "\x85" in text or "\u2028" in text or "\u2029" in text:
        text = text.replace("\r\n", "\n").translate(_BREAKS)
    return CONTROL.sub("", text) if CONTROL.search(text) else text


_BREAKS = str.maketrans({"\r": "\n", "\x0c": "\n", "\x0b": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"})


def clean(text: str) -> str:
    """One line of plain words from a paragraph, list item, heading or cell."""
    if not _SPECIAL.search(text):
        return _SPACES.sub(" ", text).strip()
    if "`" in text:
        text = _roles(text)
    if "`" in text:
        parts = text.replace("``", "`").split("`")
        last = len(parts) - 1  # odd parts stand between two backticks; the last part never does
        text = "".join(
            f"`{part.strip()}`" if index % 2 and index < last and part.strip() else _words(part)
            for index, part in enumerate(parts)
        )
    else:
        text = _words(text)
    return _tidy(text)


def _roles(text: str) -> str:
    """reStructuredText roles and links, which hold backticks."""
    if ":`" in text:
        text = _ROLE.sub(_role, text)
    if "`_" in text:
        text = _RST_NAMED.sub(r"\1", _RST_LINK.sub(r"\1", text))
    return text


def _role(match: re.Match[str]) -> str:
    name, content = match[1].lower(), match[2]
    if name in _ROLE_HOLES:
        return HOLE
    if name in _ROLE_NOTHING:
        return ""
    if name in ("pep", "rfc"):
        return f"{name.upper()} {content}"
    if name in ("math", "eq"):
        return f"${content}$"
    return f"`{content.lstrip('~!').split(' <')[0]}`" if "`" not in content else content


def _words(text: str) -> str:
    """Markup outside code spans and formulas."""
    if "$" in text and ("_" in text or "*" in text or "\\" in text):
        parts = _FORMULA.split(text)
        return "".join(part if index % 2 else _plain(part) for index, part in enumerate(parts))
    return _plain(text)


_FORMULA = re.compile(r"(\$[^$\n]{1,400}\$)")


def _plain(text: str) -> str:
    if "[" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub("", text))
        text = _FOOTNOTE.sub("", text)
        text = _BRACKET.sub(r"\1", _REFERENCE_LINK.sub(r"\1", text))
    if "{" in text:
        text = _TEMPLATE.sub("", text)
    if "<" in text:
        text = _TAG.sub("", _COMMENT.sub("", _AUTOLINK.sub(r"\1", text)))
    if "&" in text and ";" in text:
        text = CONTROL.sub("", html.unescape(text))
    if "*" in text:
        text = _STAR.sub(r"\1", _BOLD.sub(r"\1", text))
    if "_" in text:
        text = _BAR.sub(r"\1", text)
    if "~~" in text:
        text = _STRIKE.sub(r"\1", text)
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def _tidy(text: str) -> str:
    """Holes in brackets and doubled spaces that cleaning left behind."""
    if HOLE in text:
        text = _HOLE_BRACKETS.sub("", text)
    if "(" in text or "（" in text:
        text = _EMPTY_BRACKETS.sub("", text)
    text = _SPACES.sub(" ", text).strip()
    return _CJK_GAP.sub("", _SPACE_BEFORE.sub(r"\1", text)) if " " in text else text
