"""A question that a table answers, and its answer: a cell looked up either way, the largest, a comparison, a count."""

import random
from collections.abc import Callable
from decimal import Decimal

from tilth.generate.engines.extractive.language import Tongue
from tilth.generate.engines.extractive.tables import Grid, measures, numeric_column

Asked = tuple[str, str]  # question and answer
LONGEST_VALUE = 90  # characters of a cell that a question quotes

_LOOKUP = {
    "named": (
        "According to the table, what is given under “{name}” for “{key}”?",
        "Which “{name}” does the table list for “{key}”?",
    ),
    "attribute": ("What does the table give for “{key}”?", "According to the table, what is stated under “{key}”?"),
    "pairs": ("What does the table give as “{key}”?", "According to the table, what is the value of “{key}”?"),
    "code": ("Which command does the table give for this task: “{key}”?", "What command should be used for “{key}”?"),
    "terms": ("How does the table describe “{key}”?", "What does the table say about “{key}”?"),
    "definitions": ("How does the table define “{key}”?", "What does “{key}” mean according to the table?"),
    "events": ("According to the table, what happened in {key}?", "Which event does the table list for {key}?"),
    "figures": (
        "Which statement does the figure “{key}” belong to?",
        "What does the table say about the figure “{key}”?",
    ),
}
_LOOKUP_ZH = {
    "named": ("根据表格，“{key}”的“{name}”是什么？", "表中“{key}”一行的“{name}”是什么？"),
    "attribute": ("根据表格，“{key}”一项的内容是什么？", "表中“{key}”对应什么内容？"),
    "pairs": ("根据表格，“{key}”一项的内容是什么？", "表中“{key}”对应什么内容？"),
    "bitext": ("根据表格，“{key}”的{name}是什么？", "“{key}”对应的{name}是哪一句？"),
    "code": ("要完成“{key}”，应使用表中的哪条命令？", "根据表格，“{key}”的命令是什么？"),
    "terms": ("表中怎样说明“{key}”？", "根据表格，“{key}”的说明是什么？"),
    "definitions": ("根据表格，“{key}”的含义是什么？", "表中怎样解释“{key}”？"),
    "events": ("根据表格，{key}年发生了什么？", "表中{key}年的事件是什么？"),
    "figures": ("“{key}”这个数值出自表中的哪一句？",),
    "articles": ("根据表格，{key}规定了什么？", "表中{key}的内容是什么？"),
}


def ask_table(grid: Grid, tongue: Tongue, draw: random.Random) -> Asked | None:
    """A question of a drawn kind with its answer, in the table's own words; None where no row can be named."""
    makers: list[Callable[[Grid, Tongue, random.Random], Asked | None]] = [_extreme, _compare, _count, _reverse, _ends]
    draw.shuffle(makers)
    for make in makers if draw.random() < 0.75 else ():
        asked = make(grid, tongue, draw)
        if asked is not None:
            return asked
    return _lookup(grid, tongue, draw) or _reverse(grid, tongue, draw)


def _others(grid: Grid) -> list[int]:
    """The columns besides the one that names the rows."""
    return [column for column in range(len(grid.header)) if column != grid.key]


def _unique(grid: Grid, column: int) -> list[tuple[str, ...]]:
    """Rows whose cell in `column` is filled, short enough to quote, and stands there once."""
    cells = [row[column] for row in grid.rows]
    return [
        row
        for row in grid.rows
        if _says(row[column]) and cells.count(row[column]) == 1 and len(row[column]) <= LONGEST_VALUE
    ]


def _says(text: str) -> bool:
    """False for an empty cell and for a dash."""
    return any(character.isalnum() for character in text)


def _lookup(grid: Grid, tongue: Tongue, draw: random.Random) -> Asked | None:
    """From a row's name to one of its cells."""
    choices = [(row, column) for row in _unique(grid, grid.key) for column in _others(grid) if _says(row[column])]
    if not choices:
        return None
    row, column = draw.choice(choices)
    kind = grid.kind if grid.kind != "table" else "named" if grid.named else "attribute"
    form = draw.choice((_LOOKUP_ZH if tongue.chinese else _LOOKUP).get(kind, _LOOKUP["named"]))
    return tongue.say(form).format(key=row[grid.key], name=grid.header[column]), row[column]


def _reverse(grid: Grid, tongue: Tongue, draw: random.Random) -> Asked | None:
    """From a cell back to the row's name."""
    if grid.kind == "figures":
        return None
    column = draw.choice(_others(grid))
    names = _unique(grid, grid.key)
    rows = [row for row in _unique(grid, column) if row in names]
    if not rows:
        return None
    row = draw.choice(rows)
    parts = {"first": grid.header[grid.key], "name": grid.header[column], "value": row[column].rstrip("。.")}
    if tongue.chinese:
        forms: tuple[str, ...] = ("表中哪一项的“{name}”是“{value}”？", "根据表格，“{value}”对应的“{first}”是什么？")
    elif grid.kind == "code":
        forms = ("What is the command {value} used for?",)
    elif grid.kind == "events":
        forms = ("In which year did the following happen, according to the table: “{value}”?",)
    elif grid.kind in ("terms", "definitions"):
        forms = ("Which entry of the table is described as “{value}”?", "What does the table describe as “{value}”?")
    else:
        forms = (
            "Which entry under “{first}” has “{value}” as its “{name}”?",
            "For which “{first}” does the table list “{value}” under “{name}”?",
        )
    return tongue.say(draw.choice(forms)).format(**parts), row[grid.key]


def _numeric(grid: Grid, draw: random.Random) -> tuple[int, list[Decimal]] | None:
    """A drawn column of measured numbers, or None; a table whose rows have no distinct names has none."""
    if len({row[grid.key] for row in grid.rows}) < len(grid.rows) or not all(row[grid.key] for row in grid.rows):
        return None
    found = [
        (column, numbers)
        for column in _others(grid)
        if (numbers := numeric_column(grid, column)) is not None and measures(grid.header[column], numbers)
    ]
    return draw.choice(found) if found else None


def _extreme(grid: Grid, tongue: Tongue, draw: random.Random) -> Asked | None:
    """The row with the largest or smallest number of a column."""
    chosen = _numeric(grid, draw)
    if chosen is None:
        return None
    column, numbers = chosen
    largest = draw.random() < 0.6
    best = max(numbers) if largest else min(numbers)
    if numbers.count(best) != 1:
        return None
    row = grid.rows[numbers.index(best)]
    name, value = row[grid.key], row[column]
    if tongue.chinese:
        which = "大" if largest else "小"
        return tongue.say("表中“{name}”数值最{which}的是哪一项？").format(
            name=grid.header[column], which=which
        ), f"{name}（{value}）"
    which = draw.choice(("highest", "largest") if largest else ("lowest", "smallest"))
    form = "Which entry under “{first}” has the {which} value for “{name}”?"
    return form.format(first=grid.header[grid.key], which=which, name=grid.header[column]), f"{name} ({value})"


def _compare(grid: Grid, tongue: Tongue, draw: random.Random) -> Asked | None:
    """Which of two rows has the larger number."""
    chosen = _numeric(grid, draw)
    if chosen is None:
        return None
    column, numbers = chosen
    one, two = draw.sample(range(len(numbers)), 2)
    if numbers[one] == numbers[two]:
        return None
    row = grid.rows[one if numbers[one] > numbers[two] else two]
    parts = {"one": grid.rows[one][grid.key], "two": grid.rows[two][grid.key], "name": grid.header[column]}
    if tongue.chinese:
        return tongue.say("“{one}”和“{two}”相比，哪一项的“{name}”数值更大？").format(
            **parts
        ), f"{row[grid.key]}（{row[column]}）"
    return "Which has the higher value for “{name}”: {one} or {two}?".format(
        **parts
    ), f"{row[grid.key]} ({row[column]})"


def _count(grid: Grid, tongue: Tongue, draw: random.Random) -> Asked | None:
    """How many rows share a value."""
    repeated = [
        (column, value)
        for column in (_others(grid) if grid.named else ())
        for value in dict.fromkeys(row[column] for row in grid.rows)
        if len(value) > 1 and len(value) <= 40 and 2 <= sum(row[column] == value for row in grid.rows) < len(grid.rows)
    ]
    if not repeated:
        return None
    column, value = draw.choice(repeated)
    count = sum(row[column] == value for row in grid.rows)
    form = (
        "表中有多少行的“{name}”是“{value}”？"
        if tongue.chinese
        else "How many rows of the table have “{value}” under “{name}”?"
    )
    return tongue.say(form).format(name=grid.header[column], value=value), str(count)


def _ends(grid: Grid, tongue: Tongue, draw: random.Random) -> Asked | None:
    """The first or last year of a table of events, or what happened then."""
    if grid.kind != "events":
        return None
    last = draw.random() < 0.5
    year, event = max(grid.rows) if last else min(grid.rows)
    if tongue.chinese:
        which = "晚" if last else "早"
        form = draw.choice(("表中最{}的事件发生在哪一年？", "表中最{}的一年发生了什么？"))
        return tongue.say(form).format(which), year if "哪" in form else event
    which = "latest" if last else "earliest"
    if draw.random() < 0.5:
        return f"Which year is the {which} in the table?", year
    return f"What is the {which} event in the table?", event
