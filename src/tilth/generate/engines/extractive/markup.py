"""HTML and LaTeX to the plain Markdown lines that `structure` reads: headings, lists, tables, paragraphs.

No full parser: tags are split off by one linear pattern, environments are followed by a stack. What cannot be said in
plain lines (formulas set apart, figures, references) becomes `HOLE` or nothing. Cost: about 20 MB a second.
"""

import html
import re
from collections.abc import Callable

from tilth.generate.engines.extractive.inline import HOLE
from tilth.generate.engines.extractive.words import words

_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*|!--|!|\?)([^<>]*)>")
DEEPEST = 60  # environments inside each other that are followed; deeper ones are read as text
_SKIP = words("script style noscript svg math nav footer form button select template")
_BLOCK = words("p div section article ul ol dl blockquote main header figure center body html")
_HIDDEN = re.compile(r"display:\s?none|navbox|mw-editsection|reference|sortkey|toc\b|metadata|ambox|mbox")


def is_html(text: str) -> bool:
    """True for a text that is mostly tags: it starts with one, and one stands in every 200 characters."""
    head = text[:20_000]
    return head.lstrip()[:1] == "<" and head.count("</") * 200 >= len(head)


def is_latex(text: str) -> bool:
    """True for LaTeX: at least three of its structure commands in the first 20,000 characters, outside Markdown."""
    head = text[:20_000]
    found = sum(head.count(word) for word in ("\\begin{", "\\section", "\\item", "\\emph{", "\\chapter", "\\label{"))
    return found >= 3 and "```" not in head and head.count("\n#") < 3


class _Html:
    """Collects lines while tags go by. One use a document."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.text: list[str] = []
        self.row: list[tuple[bool, str]] | None = None  # (header cell?, text)
        self.tables = 0
        self.prefix = ""
        self.skipping = ""  # the tag whose end ends the skipping
        self.depth = 0
        self.ordered: list[bool] = []

    def flush(self) -> None:
        """End the line in hand."""
        text = " ".join("".join(self.text).split())
        self.text.clear()
        if text and self.row is None:
            self.lines += [self.prefix + text] if self.prefix.startswith(("-", "1")) else ["", self.prefix + text, ""]
        if self.row is None:
            self.prefix = ""

    def cell(self) -> None:
        """End the cell in hand."""
        if self.row and self.text:
            header, before = self.row[-1]
            joined = f"{before} {' '.join(''.join(self.text).split())}".strip()
            self.row[-1] = (header, joined)
        self.text.clear()

    def end_row(self) -> None:
        """Write the row as a pipe line, with a separator under a row of header cells."""
        self.cell()
        cells = self.row or []
        self.row = None
        if any(text for _, text in cells):
            if self.lines and not self.lines[-1].startswith("|"):
                self.lines.append("")
            self.lines.append("| " + " | ".join(text.replace("|", "\\|") for _, text in cells) + " |")
            if len(cells) > 1 and all(header for header, _ in cells):
                self.lines.append("|" + "---|" * len(cells))


def from_html(text: str) -> str:
    """Markdown lines from HTML; scripts, navigation, hidden parts and footnote marks are left out."""
    state = _Html()
    parts = _TAG.split(text)
    for index in range(0, len(parts), 3):
        if parts[index] and not state.skipping:
            state.text.append(html.unescape(parts[index]) if "&" in parts[index] else parts[index])
        if index + 2 < len(parts):
            _tag(state, parts[index + 1].lower(), parts[index + 2])
    state.flush()
    return "\n".join(state.lines)


def _tag(state: _Html, name: str, rest: str) -> None:
    if state.skipping:
        if name == state.skipping:
            state.depth += 1
        elif name == "/" + state.skipping:
            state.depth -= 1
            state.skipping = state.skipping if state.depth else ""
    elif name in _SKIP or (rest and name in ("span", "div", "table", "sup", "td", "li") and _HIDDEN.search(rest[:300])):
        if not rest.endswith("/"):
            state.skipping, state.depth = name, 1
    elif name in ("td", "th"):
        state.cell()
        state.row = [] if state.row is None else state.row
        state.row.append((name == "th", ""))
    elif name in ("tr", "/tr", "/table", "table"):
        state.end_row() if state.row is not None else state.flush()
        if name in ("table", "/table"):
            state.lines.append("")
    elif name == "br":
        state.text.append(" " if state.row is not None else "\n")
    elif name == "img" or name in ("!--", "!", "?"):
        return
    else:
        _line_tag(state, name)


def _line_tag(state: _Html, name: str) -> None:
    """Tags that begin or end a line."""
    bare = name.lstrip("/")
    if state.row is not None:
        if bare in ("li", "p", "div", "dd"):
            state.text.append(" ")
    elif len(bare) == 2 and bare[0] == "h" and bare[1].isdigit():
        state.flush()
        state.prefix = "" if name[0] == "/" else "#" * min(int(bare[1]) or 1, 6) + " "
    elif name in ("ol", "ul"):
        state.flush()
        state.ordered.append(name == "ol")
        state.lines.append("")
    elif name in ("/ol", "/ul"):
        state.flush()
        state.lines.append("")
        if state.ordered:
            state.ordered.pop()
    elif name in ("li", "dt"):
        state.flush()
        state.prefix = "1. " if state.ordered and state.ordered[-1] else "- "
    elif bare in _BLOCK or name in ("/li", "/dt", "dd", "/dd"):
        state.flush()


# ---- LaTeX ----

_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?[ \t]*")
_EDGE = re.compile(r"\\(begin|end)\s?\{([A-Za-z]{1,30}\*?)\}(?:\[([^\[\]\n]{0,120})\])?")
_DROP = words(
    """
    equation align gather multline eqnarray displaymath math figure tikzpicture verbatim lstlisting prooftree
    tikzcd thebibliography longtable alignat array forest picture CD comment prob parts eocesol
    """
)
_DISPLAY = re.compile(r"\$\$[^$]{0,4000}\$\$|\\\[[^\[\]]{0,3000}\\\]")
_HEADING = re.compile(
    r"\\(?:(part|chapter|olchapter|title)|(section|olsection|chaptersection)|(subsection|subsubsection|paragraph|olsubsection))"
    r"\*?(?:\[[^\[\]]{0,100}\])?\{((?:[^{}]|\{[^{}]{0,200}\}){1,300})\}"
)
_HOLES = re.compile(
    r"~?\\(?:[cC]?ref|autoref|eqref|olref|Olref|pageref|olliref|nameref|vref)\b(?:\[[^\[\]]{0,80}\]){0,4}\{[^{}]{0,200}\}"
)
_NOTHING = re.compile(
    r"~?\\(?:cite[a-z]{0,6}|footcite[a-z]{0,8}|footfullcite|label|index|indexdef|indexsee|vspace|hspace|input|include|usepackage|"
    r"documentclass|includegraphics|olfileid|bibliography[a-z]{0,5}|setlength|phantomsection|tableofcontents|maketitle|"
    r"noindent|medskip|smallskip|bigskip|centering|newpage|clearpage|protect|par)\b\*?(?:\[[^\[\]]{0,200}\]){0,3}"
    r"(?:\{[^{}]{0,300}\}){0,3}"
)
_STYLE = re.compile(
    r"\\(?:emph|textbf|textit|texttt|textsc|textrm|textsf|term|define|indexdef|text|underline|mbox|hl|data|var|resp|key|"
    r"define|footnotesize|textsl|iindex)\s?\{([^{}]{0,400})\}"
)
_OLD_STYLE = re.compile(r"\{\\(?:it|em|bf|tt|sc|sl|rm)\s([^{}]{0,400})\}")
_ACCENT = re.compile(r"\\(['\"`^~=.cvuH])\s?\{?([A-Za-z])\}?")
_ACCENTS = {
    "'": "\u0301",
    '"': "\u0308",
    "`": "\u0300",
    "^": "\u0302",
    "~": "\u0303",
    "c": "\u0327",
    "v": "\u030c",
    "u": "\u0306",
}
_ITEM = re.compile(r"\\item\b\s?(?:\[([^\[\]]{0,120})\])?")
_INLINE = re.compile(r"\\\(([^()\n]{0,200})\\\)")
_DEFINITIONS = words("definition defn defnC dfn Definition")


def from_latex(text: str) -> str:
    """Markdown lines from LaTeX: sections, items, tables, definitions; formulas set apart become `HOLE`."""
    start = text.find("\\begin{document}")
    text = _COMMENT.sub("", text[start + 16 :] if start >= 0 else text)
    text = _environments(_DISPLAY.sub(f" {HOLE} ", text))
    text = _HEADING.sub(_heading, text)
    text = _NOTHING.sub("", _HOLES.sub(HOLE, text))
    for _ in range(2):  # emphasis inside emphasis; deeper nesting stays and spoils the sentence
        text = _OLD_STYLE.sub(r"\1", _STYLE.sub(r"\1", text))
    text = _INLINE.sub(r"$\1$", text)
    text = _ACCENT.sub(_accent, text)
    text = text.replace("``", "“").replace("''", "”").replace("---", "—").replace("--", "–").replace("\\%", "%")
    return (
        text.replace("~", " ")
        .replace("\\-", "")
        .replace("\\&", "&")
        .replace("\\$", "$")
        .replace("\\@", "")
        .replace("\\ ", " ")
    )


def _heading(match: re.Match[str]) -> str:
    level = 1 if match[1] else 2 if match[2] else 3
    return f"\n\n{'#' * level} {match[4]}\n\n"


def _accent(match: re.Match[str]) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", match[2] + _ACCENTS.get(match[1], ""))


def _environments(text: str) -> str:
    """Follow \\begin and \\end with a stack: formulas and figures drop out, lists and tables become lines."""
    out: list[str] = []
    stack: list[str] = []
    dropped = 0  # how many environments on the stack drop their content
    at = 0
    for edge in _EDGE.finditer(text):
        if not dropped:
            out.append(_inside(text[at : edge.start()], stack))
        at = edge.end()
        name = edge[2].rstrip("*")
        if edge[1] == "begin" and len(stack) < DEEPEST:
            stack.append(name)
            dropped += name in _DROP
            out.append(f" {HOLE} " if name in _DROP and dropped == 1 else _opening(name, edge[3], dropped))
        elif name in stack:
            while stack:  # an end closes what was left open inside it
                closed = stack.pop()
                dropped -= closed in _DROP
                if closed == name:
                    break
            out.append("" if dropped or name in _DROP else "\n\n")
    if not dropped:
        out.append(_inside(text[at:], stack))
    return "".join(out)


def _opening(name: str, title: str | None, dropped: int) -> str:
    if dropped:
        return ""
    if name in _DEFINITIONS:
        return f"\n\n{title}: " if title and HOLE not in title and "\\" not in title else "\n\n"
    return "\n\n"


def _inside(text: str, stack: list[str]) -> str:
    """Text of one stretch, with the items or rows of the environment it stands in."""
    kind: Callable[[str], str] | None = None
    for name in reversed(stack):
        if name in ("itemize", "description", "enumerate", "itemize*"):
            mark = "\n1. " if name == "enumerate" else "\n- "
            return _ITEM.sub(rf"{mark}\1: ", text).replace(f"{mark}: ", mark)
        if name in ("tabular", "tabularx"):
            kind = _rows
            break
    return kind(text) if kind else _ITEM.sub("\n- ", text)


_COLUMNS = re.compile(r"\s*(?:\{[^{}\n]{0,60}\}){1,2}")


def _rows(text: str) -> str:
    """Rows of a tabular as pipe lines."""
    columns = _COLUMNS.match(text)
    text = text[columns.end() :] if columns else text
    rows = (row.replace("\\hline", "").strip() for row in text.split("\\\\"))
    return "\n" + "\n".join(f"| {' '.join(row.split()).replace(' & ', ' | ')} |" for row in rows if "&" in row) + "\n"
