"""Lines of Markdown pipe tables and reStructuredText grid and simple tables, to rows of cleaned cells.

At most 400 lines are read."""

import re

from tilth.generate.engines.extractive.inline import clean

SEPARATOR = re.compile(r"[\s|:+=-]{1,2000}$")

Rows = tuple[tuple[str, ...], ...]


def pipes(lines: list[str]) -> tuple[Rows, bool]:
    """Rows of a pipe table; True where a separator stands under the first."""
    header = len(lines) > 1 and "-" in lines[1] and SEPARATOR.match(lines[1]) is not None
    return tuple(_cells(line) for line in lines[:400] if not SEPARATOR.match(line)), header


def _cells(line: str) -> tuple[str, ...]:
    line = line.strip().removeprefix("|").removesuffix("|").replace("\\|", "\x1f")
    return tuple(clean(cell.strip()).replace("\x1f", "/") for cell in line.split("|"))


def grid(lines: list[str]) -> tuple[Rows, bool]:
    """Rows of a grid table, each of several lines between borders."""
    rows: list[list[str]] = []
    fresh = True
    header = False
    for line in lines[:400]:
        if line[0] == "+" and SEPARATOR.match(line):
            fresh = True
            header = header or ("=" in line and len(rows) == 1)
            continue
        cells = [cell.strip() for cell in line.strip().strip("|+").split("|")]
        if fresh or not rows or len(rows[-1]) != len(cells):
            rows.append(cells)
        else:
            rows[-1] = [f"{before} {after}".strip() for before, after in zip(rows[-1], cells, strict=True)]
        fresh = False
    return tuple(tuple(clean(cell) for cell in row) for row in rows), header


def simple(lines: list[str]) -> tuple[Rows, bool]:
    """Rows of a simple table: columns begin where the runs of = in its first line begin; a row without a first cell
    goes on with the row before."""
    starts = [match.start() for match in _RUN.finditer(lines[0])]
    ends = [*starts[1:], 10_000]
    rows: list[list[str]] = []
    header = False
    for line in lines[1:400]:
        if line.lstrip().startswith("==="):
            header = header or len(rows) == 1
            continue
        cells = [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        if cells[0] or not rows:
            rows.append(cells)
        else:
            rows[-1] = [f"{before} {after}".strip() for before, after in zip(rows[-1], cells, strict=True)]
    return tuple(tuple(clean(cell) for cell in row) for row in rows), header


_RUN = re.compile(r"=+")
