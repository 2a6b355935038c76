"""Tables that stand in a document, cleaned to one column count."""

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.inline import HOLE
from tilth.generate.engines.extractive.structure import Block, Document

MOST_ROWS = 12
MOST_COLUMNS = 6
MOST_TABLES = 24  # looked at in one document
LONGEST_CELL = 160
_ISO = re.compile(r"\s?\((?:aged? )?\d{4}-\d{2}-\d{2}\)\s?")
_NUMERIC = re.compile(
    r"[~≈]?(?P<before>[$£€¥]?)(?P<number>-?\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,6})?|-?\d{1,12}(?:\.\d{1,6})?)\s?(?P<after>%|[A-Za-z°/]{0,8}|[㐀-鿿]{0,4})$"
)


@dataclass(frozen=True, slots=True)
class Grid:
    """A clean table: distinct column names, at least two columns, rows as wide as the header.

    `named` is False where the columns' names are ours, because the source has none. `kind` says what it was made from.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    named: bool = True
    kind: str = "table"


def grids(document: Document) -> list[Grid]:
    """The usable tables of a document, the best first: more rows, named columns, fuller cells."""
    found: list[tuple[float, int, Grid]] = []
    seen = 0
    for section in document.sections:
        for block in section.blocks:
            if block.kind != "table" or seen >= MOST_TABLES:
                continue
            seen += 1
            grid = _clean(block, section.heading, document)
            if grid is not None:
                score = min(len(grid.rows), MOST_ROWS) + 3 * grid.named + min(len(grid.header), 4)
                found.append((-score, seen, grid))
    return [grid for _, _, grid in sorted(found, key=lambda entry: entry[:2])]


def _clean(block: Block, heading: str, document: Document) -> Grid | None:
    rows = [row for row in block.rows if any(row)]
    widths = Counter(len(row) for row in rows if len(row) >= 2)
    if not widths:
        return None
    width = max(widths, key=lambda width: (widths[width], width))
    named = block.header and len(rows[0]) == width
    header = rows[0] if named else ()
    body = [row for row in (rows[1:] if named else rows) if len(row) == width]
    if not named and width > 2 and _names_columns(body[0]):
        header, named, body = body[0], True, body[1:]
    if not named:
        if width != 2:
            return None
        header = ("项目", "内容") if document.tongue.chinese else ("Attribute", "Value")
        header = tuple(document.tongue.say(name) for name in header) if document.tongue.chinese else header
    return fit(header, body, heading or document.title, named=named)


def _names_columns(row: tuple[str, ...]) -> bool:
    """True for a row that can name columns: distinct short words in every cell, no cell a number."""
    return len(set(row)) == len(row) and all(0 < len(cell) <= 30 and not cell[:1].isdigit() for cell in row)


def fit(
    header: tuple[str, ...], rows: list[tuple[str, ...]], caption: str, *, named: bool = True, kind: str = "table"
) -> Grid | None:
    """Cells cleaned, empty columns and unusable rows left out, cut to size; None where fewer than two rows stay."""
    width = len(header)
    rows = [tuple(cell(text) for text in row) for row in rows if len(row) == width]
    rows = [row for row in rows if row[0] and any(row[1:]) and all(usable(text) for text in row)]
    keep = [
        column
        for column in range(width)
        if header[column] and usable(header[column]) and sum(bool(row[column]) for row in rows) * 2 > len(rows)
    ][:MOST_COLUMNS]
    if len(keep) < 2 or keep[0] != 0:
        return None
    names = tuple(cell(header[column]) for column in keep)
    cut = [tuple(row[column] for column in keep) for row in rows]
    cut = [row for row in dict.fromkeys(cut) if any(row[1:]) and row != names][:MOST_ROWS]
    if len(cut) < 2 or len(set(names)) != len(names):
        return None
    if len({row[1:] for row in cut}) < 2 or sum(len(text) for row in cut for text in row) > 4_000:
        return None
    return Grid(names, tuple(cut), caption if len(caption) <= 80 else "", named, kind)


def cell(text: str) -> str:
    """One cell: one line, no bar, no repeated ISO date, shortened at a clause."""
    text = _ISO.sub(" ", text) if "-" in text else text
    return sentences.shorten(" ".join(text.replace("|", "/").split()), LONGEST_CELL)


def usable(text: str) -> bool:
    """False for cells with holes, links or markup that does not read."""
    return (
        HOLE not in text
        and "http" not in text
        and "{{" not in text
        and ("\\" not in text or sentences.readable_math(text))
    )


def number_of(text: str) -> tuple[Decimal, str] | None:
    """A cell's number and its unit (what stands before and after), or None."""
    match = _NUMERIC.match(text)
    return (Decimal(match["number"].replace(",", "")), match["before"] + match["after"]) if match else None


def numeric_column(grid: Grid, column: int) -> list[Decimal] | None:
    """The numbers of a column of which every cell is a number with the same unit, at least three; else None."""
    values = [number_of(row[column]) for row in grid.rows]
    if len(values) < 3 or any(value is None for value in values):
        return None
    found = [value for value in values if value is not None]
    return [number for number, _ in found] if len({unit for _, unit in found}) == 1 else None
