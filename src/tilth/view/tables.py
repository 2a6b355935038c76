"""Plain tables for the terminal: the last column wraps; no markup, no control characters."""

import shutil
import textwrap
from collections.abc import Sequence

from tilth.view.terminal import one_line

_LAST_LEAST = 24  # columns that the last one keeps on a narrow terminal


def table_text(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int | None = None) -> str:
    """Rows under their column names. The last column takes what the terminal has left."""
    width = width or shutil.get_terminal_size((120, 24)).columns
    cells = [[one_line(str(cell), 400) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns) - 1)]
    room = max(width - sum(widths) - 2 * len(widths), _LAST_LEAST)
    lines = []
    for number, row in enumerate(cells):
        first = "  ".join(cell.ljust(size) for cell, size in zip(row[:-1], widths, strict=True))
        wrapped = textwrap.wrap(row[-1], room) or [""]
        indent = " " * (len(first) + 2) if widths else ""
        lines.append(f"{first}  {wrapped[0]}".rstrip() if widths else wrapped[0])
        lines += [f"{indent}{line}" for line in wrapped[1:]]
        if number == 0:
            lines.append("  ".join("-" * size for size in [*widths, min(room, 40)]))
    return "\n".join(lines)
