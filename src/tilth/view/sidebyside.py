"""Source beside output on a terminal, for `tilth preview`: one block a row, copied spans marked, verdict and reason.

Texts come from documents and models and are hostile: every control character is shown as a symbol, Rich's markup is
never read, and only this module's own styles reach the terminal. Chinese takes two columns a character and wraps so.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tilth.view.excerpt import Part, excerpt
from tilth.view.spans import copied_spans
from tilth.view.terminal import one_line, printable
from tilth.view.words import reason_words

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.text import Text

_NARROW = 72  # columns: below it, output stands under source
_STYLES = {"kept": "bold green", "flagged": "bold yellow", "dropped": "bold red"}
_COPIED = "black on yellow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One row to look at. `verdict`: "kept", "flagged" or "dropped"; `output` is None where no text came back."""

    source: str
    output: str | None
    verdict: str
    prompt: str
    doc_id: str = ""
    reason: str | None = None
    detail: str | None = None
    flags: tuple[str, ...] = ()


def side_by_side(rows: Iterable[Pair], width: int, *, room: int = 1600) -> "Group":
    """The rows as a Rich renderable for a terminal of `width` columns; `room` characters a text are shown."""
    from rich.console import Group

    shown = list(rows)
    return Group(*(_block(row, number, len(shown), width, room) for number, row in enumerate(shown, 1)))


def side_by_side_text(rows: Iterable[Pair], width: int, *, room: int = 1600, colour: bool = False) -> str:
    """The same as text; with `colour`, with terminal codes for the styles of this module and no others."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        console.print(side_by_side(rows, width, room=room))
    return "\n".join(line.rstrip() for line in capture.get().split("\n"))


def _block(row: Pair, number: int, count: int, width: int, room: int) -> "RenderableType":
    from rich.console import Group
    from rich.rule import Rule
    from rich.text import Text

    source, output = _texts(row, room)
    verdict = Text(row.verdict.upper(), style=_STYLES.get(row.verdict, "bold"))
    said = [reason_words(row.reason)] if row.reason else []
    said += [one_line(row.detail)] if row.detail else []
    said += [f"flags: {', '.join(reason_words(flag) for flag in row.flags)}"] if row.flags else []
    verdict.append("  " + "; ".join(said) if said else "", style="not bold default")
    name = Text(f"{number} of {count}  {one_line(row.prompt, 40)}  {one_line(row.doc_id, 40)}".rstrip())
    body = _columns(source, output) if width >= _NARROW else _stacked(source, output)
    return Group(Rule(name, align="left", style="dim"), verdict, Text(), body, Text())


def _texts(row: Pair, room: int) -> tuple["Text", "Text"]:
    from rich.text import Text

    source, output = printable(row.source), printable(row.output or "")
    left, right = copied_spans(source, output)
    answer = _styled(excerpt(output, right, room)) if row.output else Text("no text came back", style="dim italic")
    return _styled(excerpt(source, left, room)), answer


def _styled(parts: list[Part]) -> "Text":
    from rich.text import Text

    text = Text(overflow="fold", tab_size=4)
    for part in parts:
        if isinstance(part, int):
            text.append(f"\n… {part:,} characters left out …\n", style="dim")
            continue
        for index, string in enumerate(part):
            text.append(string, style=_COPIED if index % 2 else None)
    return text


def _columns(source: "Text", output: "Text") -> "RenderableType":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False)
    table.add_column("source", ratio=1, overflow="fold")
    table.add_column("output", ratio=1, overflow="fold")
    table.add_row(source, output)
    return table


def _stacked(source: "Text", output: "Text") -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    return Group(Text("source", style="bold"), source, Text(), Text("output", style="bold"), output)
