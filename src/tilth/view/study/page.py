"""The frame of a study's page: one HTML file, no script, nothing fetched, its policy forbids both.

The same sections give the same bytes. Sections are HTML whose every foreign text went through `svg.safe`.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from tilth.view.study.svg import safe

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src {hash}; img-src data:; \
base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="tilth">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the verdicts</a>
<header>{head}</header>
<main id="main">
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a page; `body` is safe HTML. An empty body leaves the section out."""

    title: str
    body: str
    note: str = ""


def page(title: str, head: str, sections: Sequence[Section]) -> bytes:
    """The page's bytes. `head` and bodies are safe HTML, titles and notes are plain text."""
    style = _style()
    source = "'sha256-" + base64.b64encode(sha256(style.encode()).digest()).decode() + "'"
    body = "\n".join(_section(index, one) for index, one in enumerate(sections) if one.body)
    return _FRAME.format(hash=source, title=safe(title), style=style, head=head, body=body).encode()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = (), kind: str = "") -> str:
    """A table of safe HTML cells; `numbers` are the places of right-aligned columns."""
    heads = "".join(f'<th scope="col"{_num(place, numbers)}>{cell}</th>' for place, cell in enumerate(columns))
    lines = [
        "<tr>" + "".join(f"<td{_num(place, numbers)}>{cell}</td>" for place, cell in enumerate(row)) + "</tr>"
        for row in rows
    ]
    head = f"<thead><tr>{heads}</tr></thead>"
    return f'<div class="wide" tabindex="0"><table class="{kind}">{head}<tbody>{"".join(lines)}</tbody></table></div>'


def figure(svg: str) -> str:
    """A chart that scrolls sideways on a narrow screen."""
    return f'<div class="figure" tabindex="0">{svg}</div>' if svg else ""


def headline(eyebrow: str, title: str, lead: str, figures: Sequence[tuple[str, str]]) -> str:
    """The head of a page: what it is, one sentence, and a few figures with their words (all plain text)."""
    cells = "".join(f"<div><dt>{safe(words)}</dt><dd>{safe(value)}</dd></div>" for value, words in figures)
    return (
        f'<p class="eyebrow">{safe(eyebrow)}</p><h1>{safe(title)}</h1><p class="lead">{safe(lead, 600)}</p>'
        f'<dl class="figures">{cells}</dl>'
    )


def _section(index: int, one: Section) -> str:
    note = f'<p class="note">{safe(one.note, 900)}</p>' if one.note else ""
    return f'<section aria-labelledby="s{index}"><h2 id="s{index}">{safe(one.title)}</h2>{note}{one.body}</section>'


def _num(place: int, numbers: Sequence[int]) -> str:
    return ' class="num"' if place in numbers else ""


def _style() -> str:
    """The style of every page of tilth, and what studies add to it."""
    shared = (files("tilth.view") / "page.css").read_text(encoding="utf-8")
    return f"{shared}\n{(files('tilth.view.study') / 'page.css').read_text(encoding='utf-8')}".strip()
