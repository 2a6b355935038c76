"""Tables that stand in a document, cleaned to one column count."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Block, Document
from tilth.generate.engines.extractive.headings import is_reading
from tilth.generate.engines.extractive.inline import HOLE

MOST_ROWS = 12
MOST_COLUMNS = 6
MOST_TABLES = 24  # looked at in one document
LONGEST_CELL = 200
_ADDRESS = re.compile(r"\s?<?[\w.+-]{1,60}@[\w.-]{1,60}>?")  # no addresses of people in made data
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
    key: int = 0  # the column that names the rows: the first that is no running number and repeats nothing


@lru_cache(maxsize=8)
def grids(document: Document) -> tuple[Grid, ...]:
    """The usable tables of a document, the best first: more rows, named columns, fuller cells."""
    found: list[tuple[float, int, Grid]] = []
    seen = 0
    for section in document.sections:
        if is_reading(section.heading):
            continue
        for block in section.blocks:
            if block.kind != "table" or seen >= MOST_TABLES:
                continue
            seen += 1
            grid = _clean(block, section.heading, document)
            if grid is not None:
                score = min(len(grid.rows), MOST_ROWS) + 3 * grid.named + min(len(grid.header), 4)
                found.append((-score, seen, grid))
    return tuple(grid for _, _, grid in sorted(found, key=lambda entry: entry[:2]))


def _clean(block: Block, heading: str, document: Document) -> Grid | None:
    rows = [row for row in block.rows if any(row)]
    widths = Counter(len(row) for row in rows if len(row) >= 2)
    if not widths:
        return None
    width = max(widths, key=lambda width: (widths[width], width))
    named = block.header and len(rows[0]) == width
    header = rows[0] if named else ()
    body = [row for row in (rows[1:] if named else rows) if len(row) == width]
    if not named and body and _names_columns(body[0]) and (width > 2 or _heads_numbers(body)):
        header, named, body = body[0], True, body[1:]
    if not named:
        if width != 2:
            return None
        header = ("项目", "内容") if document.tongue.chinese else ("Attribute", "Value")
        header = tuple(document.tongue.say(name) for name in header) if document.tongue.chinese else header
    return fit(header, body, heading or document.title, named=named)


def _heads_numbers(rows: list[tuple[str, ...]]) -> bool:
    """True for a two-column table whose values are numbers, all but the first: that one names the column."""
    values = [row[1] for row in rows]
    return len(rows) > 2 and not values[0][:1].isdigit() and all(value[:1].isdigit() for value in values[1:])


def _names_columns(row: tuple[str, ...]) -> bool:
    """True for a row that can name columns: distinct short words in every cell, no cell a number."""
    return len(set(row)) == len(row) and all(0 < len(cell) <= 30 and not cell[:1].isdigit() for cell in row)


def fit(
    header: tuple[str, ...], rows: Sequence[tuple[str, ...]], caption: str, *, named: bool = True, kind: str = "table"
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
    if len({row[0] for row in cut}) * 10 < len(cut) * (3 if width > 2 else 8):
        return None
    return Grid(names, tuple(cut), caption if len(caption) <= 80 else "", named, kind, _key_of(cut) if named else 0)


def _key_of(rows: list[tuple[str, ...]]) -> int:
    for column in range(len(rows[0])):
        cells = [row[column] for row in rows]
        if len(set(cells)) == len(cells) and all(cells) and not all(number_of(text) for text in cells):
            return column
    return 0


def cell(text: str) -> str:
    """One cell: one line, no bar, no repeated ISO date, shortened at a clause."""
    text = _ISO.sub(" ", text) if "-" in text else text
    text = _ADDRESS.sub("", text) if "@" in text else text
    return sentences.shorten(" ".join(text.replace("|", "/").split()), LONGEST_CELL)


def usable(text: str) -> bool:
    """False for cells with holes, links or markup that does not read."""
    if text[:1] == "`" == text[-1:] and len(text) > 2:
        return HOLE not in text
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


_NO_MEASURE = frozenset(
    [
        "year",
        "years",
        "no",
        "no.",
        "#",
        "rank",
        "season",
        "position",
        "pos",
        "id",
        "date",
        "age",
        "pick",
        "number",
        "round",
        "week",
        "episode",
        "ep#",
        "day",
        "code",
        "level",
        "grade",
        "year(s)",
        "port",
        "index",
        "version",
        "chapter",
        "route",
        "line",
        "年份",
        "年",
        "序号",
        "編號",
        "编号",
        "排名",
        "日期",
        "编码",
        "位置",
        "版本",
        "端口",
        "标准",
    ]
)


def measures(name: str, numbers: Sequence[Decimal]) -> bool:
    """False for columns that count or date rows instead of measuring: years, ranks, running numbers."""
    words = name.lower().replace("/", " ").split()
    if not words or any(word in _NO_MEASURE for word in words):
        return False
    if all(1000 <= value <= 2100 and value == value.to_integral_value() for value in numbers):
        return False
    return not all(second - first == 1 for first, second in pairwise(numbers))
