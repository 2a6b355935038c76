"""Tables: one Markdown table of what the document states, then a question that the table answers.

Made from tables in the document, records, key-value lines, lists of terms, commands, definitions, dated events, figures
in sentences and articles of law, the first of these that gives at least two rows. Every cell is the source's own text.
"""

import random
import re
from collections.abc import Callable
from decimal import Decimal

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.facts import facts, year_of
from tilth.generate.engines.extractive.quantities import quantities
from tilth.generate.engines.extractive.structure import Document, Item
from tilth.generate.engines.extractive.tables import MOST_ROWS, Grid, fit, grids, numeric_column

_TERM = re.compile(r"([^:：–—]{2,60}?)\s?(?:[:：]\s?| [–—-] |——|—)(\S.{3,600})$")
_ARTICLE = re.compile(r"(第[一二三四五六七八九十百零\d]{1,7}条)[ 　]{0,4}")
_OLD, _NEW = frozenset(("古文", "原文")), frozenset(("现代文", "译文", "現代文", "譯文"))


def table(document: Document, draw: random.Random, room: int) -> str | None:
    """The table, question and answer as Markdown, or None where no source of rows gives two."""
    for source in _SOURCES:
        found = source(document, draw)
        if found is None:
            continue
        asked = _ask(found, document, draw)
        if asked is None:
            continue
        text = _layout(found, asked, document, draw)
        if len(text) <= room:
            return text
    return None


# ---- where rows come from ----


def _existing(document: Document, draw: random.Random) -> Grid | None:
    found = grids(document)[:3]
    return found[0] if found and (len(found) == 1 or draw.random() < 0.7) else draw.choice(found) if found else None


def _records(document: Document, draw: random.Random) -> Grid | None:
    """Key-value lines whose keys repeat (原文：… 译文：…) make one row a round."""
    lines = [
        line
        for section in document.sections
        for block in section.blocks
        if block.kind == "pairs"
        for line in block.rows
    ][:800]
    if len(lines) < 4 or not (lines[0][0] in _OLD and lines[1][0] in _NEW):
        return None
    rows = [
        (first, second)
        for (key, first), (other, second) in zip(lines, lines[1:], strict=False)
        if key == lines[0][0] and other == lines[1][0] and len(first) <= 60 and len(second) <= 110
    ]
    start = draw.randrange(max(1, len(rows) - 8))
    return fit((lines[0][0], lines[1][0]), rows[start : start + 8], document.title, kind="bitext")


def _pairs(document: Document, _draw: random.Random) -> Grid | None:
    """A block of at least three key-value lines with distinct keys."""
    best: list[tuple[str, ...]] = []
    caption = ""
    for section in document.sections[:60]:
        for block in section.blocks:
            if block.kind == "pairs" and len({key for key, _ in block.rows}) == len(block.rows) > max(2, len(best)):
                best, caption = list(block.rows), section.heading or document.title
    return (
        fit(_names(document, "pairs"), best[:MOST_ROWS], caption, named=False, kind="pairs") if len(best) >= 3 else None
    )


def _terms(document: Document, draw: random.Random) -> Grid | None:
    """A list of which most items are "term: value" or have code under them."""
    candidates: list[Grid] = []
    for section in document.sections:
        for block in section.blocks:
            if block.kind != "list" or len(candidates) >= 6:
                continue
            top = [item for item in block.items if item.depth == 0][:40]
            coded = [(item.text.rstrip("：: ."), f"`{item.code}`") for item in top if _short_code(item)]
            caption = section.heading or document.title
            if len(coded) >= 2 and len(coded) * 2 >= len(top):
                found = fit(
                    _names(document, "code"),
                    [row for row in coded if "`" not in row[0]] or coded,
                    caption,
                    named=False,
                    kind="code",
                )
            else:
                rows = [row for row in map(_term, top) if row]
                found = (
                    fit(_names(document, "terms"), rows, caption, named=False, kind="terms")
                    if len(rows) >= max(2, len(top) // 2)
                    else None
                )
            if found is not None:
                candidates.append(found)
    return draw.choice(candidates) if candidates else None


def _short_code(item: Item) -> bool:
    return item.code is not None and "\n" not in item.code and "|" not in item.code and len(item.code) <= 140


def _term(item: Item) -> tuple[str, str] | None:
    """An item's term and value, where the term is short and is no clause, URL or time."""
    match = _TERM.match(item.text)
    if match is None or len(match[1].split()) > 7 or "http" in match[1] or match[2].startswith("//"):
        return None
    if match[1][-1].isdigit() and match[2][:1].isdigit():
        return None
    return (match[1].strip(" `*"), match[2].strip()) if sentences.balanced(match[1]) else None


def _definitions(document: Document, _draw: random.Random) -> Grid | None:
    """Term and definition of the sentences that define something."""
    rows: list[tuple[str, ...]] = []
    for fact in facts(document):
        if fact.kind in ("define", "classic") and len(fact.sentence) <= 240:
            value = _predicate(fact.sentence, fact.verb, document.tongue.chinese)
            if value:
                rows.append((fact.subject, value))
    return (
        fit(_names(document, "definitions"), rows[:8], document.title, named=False, kind="definitions")
        if len(rows) >= 2
        else None
    )


def _predicate(sentence: str, verb: str, chinese: bool) -> str:
    """What a defining sentence says after its verb: "a branch of mathematics"."""
    place = sentence.find(verb) if verb else sentence.find("者，") + 1
    if place < 0:
        return ""
    words = verb.split()
    keep = (
        words[-1] + " "
        if not chinese and words and words[-1] in ("a", "an", "the", "any", "those", "one", "of")
        else ""
    )
    keep = "" if keep == "of " else keep
    if not chinese and words and words[0] == "are" and len(words) > 2:
        keep = " ".join(words[1:]) + " "
    if chinese and verb.startswith("是") and not verb.startswith(("是指",)):
        return sentence[place + 1 :].strip("，。． ")
    return (keep + sentence[place + len(verb) :].strip(" ,，：:")).strip().rstrip(".。．")


def _events(document: Document, draw: random.Random) -> Grid | None:
    """Year and sentence of dated statements, in the order of the years."""
    rows: dict[str, str] = {}
    chinese = document.tongue.chinese
    pattern = re.compile(r"(1\d{3}|20[0-2]\d)年(?!代)") if chinese else None
    for _, block in document.paragraphs()[:150]:
        for sentence in block.sentences[:30]:
            year = (match[1] if (match := pattern.search(sentence)) else None) if pattern else _dated(sentence)
            if (
                year is None
                or year in rows
                or len(sentence) > 220
                or sentences.leans(sentence, chinese)
                or not sentences.whole(sentence, chinese)
            ):
                continue
            rows[year] = sentence
    if len(rows) < 3:
        return None
    ordered = sorted(rows.items())
    start = draw.randrange(max(1, len(ordered) - 7))
    return fit(_names(document, "events"), ordered[start : start + 8], document.title, named=False, kind="events")


def _dated(sentence: str) -> str | None:
    """The year of a sentence that names it as a date ("in 1871", "since 1871"), not as a plain number."""
    year = year_of(sentence)
    if year is None:
        return None
    place = sentence.find(year)
    before = sentence[max(0, place - 12) : place].rstrip().rsplit(" ", 1)[-1].strip("(,").lower()
    return year if before in _DATE_WORDS or (before.isdigit() and len(before) <= 2) else None


_DATE_WORDS = frozenset(
    "in since by from until to after before during around january february march april may june july august september "
    "october november december early late between".split()
)


def _figures(document: Document, _draw: random.Random) -> Grid | None:
    """Figures with their unit and the sentence that states them."""
    rows: list[tuple[str, ...]] = []
    used: set[int] = set()
    for quantity in quantities(document):
        if quantity.kind == "year" or quantity.order in used or len(quantity.sentence) > 200:
            continue
        if sentences.leans(quantity.sentence, document.tongue.chinese):
            continue
        used.add(quantity.order)
        rows.append((quantity.shown + (f" per {quantity.per}" if quantity.per else ""), quantity.sentence))
    return (
        fit(_names(document, "figures"), rows[:8], document.title, named=False, kind="figures")
        if len(rows) >= 3
        else None
    )


def _articles(document: Document, draw: random.Random) -> Grid | None:
    """Articles of a Chinese law with what they provide."""
    rows: list[tuple[str, ...]] = []
    for _, block in document.paragraphs()[:400]:
        match = _ARTICLE.match(block.text)
        body = block.text[match.end() :] if match else ""
        if match and 10 <= len(body) <= 110 and body[-1] == "。":
            rows.append((match[1], body))
    start = draw.randrange(max(1, len(rows) - 7))
    return (
        fit(_names(document, "articles"), rows[start : start + 7], document.title, named=False, kind="articles")
        if len(rows) >= 3
        else None
    )


_Source = Callable[[Document, random.Random], Grid | None]
_SOURCES: tuple[_Source, ...] = (_existing, _records, _pairs, _terms, _definitions, _articles, _events, _figures)

_COLUMN_NAMES = {
    "pairs": (("Field", "Value"), ("项目", "内容")),
    "code": (("Task", "Command"), ("任务", "命令")),
    "terms": (("Item", "Description"), ("名称", "说明")),
    "definitions": (("Term", "Definition"), ("术语", "含义")),
    "events": (("Year", "Event"), ("年份", "事件")),
    "figures": (("Figure", "Statement"), ("数值", "原文表述")),
    "articles": (("Article", "Provision"), ("条款", "规定")),
}


def _names(document: Document, kind: str) -> tuple[str, ...]:
    english, chinese = _COLUMN_NAMES[kind]
    return tuple(document.tongue.say(name) for name in chinese) if document.tongue.chinese else english


# ---- the question ----

_Asked = tuple[str, str]


def _ask(grid: Grid, document: Document, draw: random.Random) -> _Asked | None:
    """A question of a drawn kind with its answer; looking up a cell is the last resort."""
    makers: list[Callable[[Grid, Document, random.Random], _Asked | None]] = [
        _extreme,
        _compare,
        _count,
        _reverse,
        _first_event,
    ]
    draw.shuffle(makers)
    for make in makers if draw.random() < 0.75 else ():
        asked = make(grid, document, draw)
        if asked is not None:
            return asked
    return _lookup(grid, document, draw) or _reverse(grid, document, draw)


def _unique(grid: Grid, column: int) -> list[int]:
    """Rows whose cell in `column` is filled and stands there once."""
    cells = [row[column] for row in grid.rows]
    return [index for index, text in enumerate(cells) if text and cells.count(text) == 1]


def _lookup(grid: Grid, document: Document, draw: random.Random) -> _Asked | None:
    rows = _unique(grid, 0)
    if not rows:
        return None
    row = grid.rows[draw.choice(rows)]
    column = draw.choice([column for column in range(1, len(row)) if row[column]] or [0])
    if column == 0:
        return None
    key, name = row[0], grid.header[column]
    if document.tongue.chinese:
        say = document.tongue.say
        forms = _LOOKUP_ZH.get(grid.kind, ("根据表格，“{key}”的“{name}”是什么？", "表中“{key}”一行的“{name}”是什么？"))
        return say(draw.choice(forms)).format(key=key, name=name), row[column]
    forms = _LOOKUP.get(grid.kind)
    if forms is None:
        forms = _LOOKUP["named"] if grid.named else _LOOKUP["attribute"]
    return draw.choice(forms).format(key=key, name=name), row[column]


_LOOKUP = {
    "named": (
        "According to the table, what is given for “{name}” in the row “{key}”?",
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
    "bitext": ("根据表格，“{key}”的{name}是什么？", "“{key}”对应的{name}是哪一句？"),
    "code": ("要完成“{key}”，应使用表中的哪条命令？", "根据表格，“{key}”的命令是什么？"),
    "terms": ("表中怎样说明“{key}”？", "根据表格，“{key}”的说明是什么？"),
    "definitions": ("根据表格，“{key}”的含义是什么？", "表中怎样解释“{key}”？"),
    "events": ("根据表格，{key}年发生了什么？", "表中{key}年的事件是什么？"),
    "figures": ("“{key}”这个数值出自表中的哪一句？",),
    "articles": ("根据表格，{key}规定了什么？", "表中{key}的内容是什么？"),
}


def _reverse(grid: Grid, document: Document, draw: random.Random) -> _Asked | None:
    """From a cell back to the row's first cell."""
    if grid.kind == "figures":
        return None
    column = draw.randrange(1, len(grid.header))
    rows = [
        index for index in _unique(grid, column) if len(grid.rows[index][column]) <= 90 and index in _unique(grid, 0)
    ]
    if not rows:
        return None
    row = grid.rows[draw.choice(rows)]
    first, name, value = grid.header[0], grid.header[column], row[column].rstrip("。.")
    if document.tongue.chinese:
        form = draw.choice(("表中哪一项的“{name}”是“{value}”？", "根据表格，“{value}”对应的“{first}”是什么？"))
        return document.tongue.say(form).format(name=name, value=value, first=first), row[0]
    if grid.kind == "code":
        return f"What is the command {value} used for?", row[0]
    if grid.kind == "events":
        return f"In which year did the following happen, according to the table: “{value}”?", row[0]
    form = draw.choice(
        (
            "Which entry under “{first}” has “{value}” as its “{name}”?",
            "For which “{first}” does the table list “{value}” under “{name}”?",
        )
    )
    return form.format(name=name, value=value, first=first), row[0]


def _numeric(grid: Grid, draw: random.Random) -> tuple[int, list[Decimal]] | None:
    """A drawn numeric column, or None; a table whose first cells repeat cannot name its rows."""
    if len(_unique(grid, 0)) < len(grid.rows):
        return None
    found = [
        (column, numbers)
        for column in range(1, len(grid.header))
        if (numbers := numeric_column(grid, column)) is not None
    ]
    return draw.choice(found) if found else None


def _extreme(grid: Grid, document: Document, draw: random.Random) -> _Asked | None:
    chosen = _numeric(grid, draw)
    if chosen is None:
        return None
    column, numbers = chosen
    largest = draw.random() < 0.6
    best = max(numbers) if largest else min(numbers)
    if numbers.count(best) != 1:
        return None
    row = grid.rows[numbers.index(best)]
    if document.tongue.chinese:
        form = "表中“{name}”数值最{which}的是哪一项？"
        question = document.tongue.say(form).format(name=grid.header[column], which="大" if largest else "小")
        return question, f"{row[0]}（{row[column]}）"
    which = draw.choice(("highest", "largest")) if largest else draw.choice(("lowest", "smallest"))
    return (
        f"Which entry under “{grid.header[0]}” has the {which} value for “{grid.header[column]}”?",
        f"{row[0]} ({row[column]})",
    )


def _compare(grid: Grid, document: Document, draw: random.Random) -> _Asked | None:
    chosen = _numeric(grid, draw)
    if chosen is None:
        return None
    column, numbers = chosen
    one, two = draw.sample(range(len(numbers)), 2)
    if numbers[one] == numbers[two]:
        return None
    winner = one if numbers[one] > numbers[two] else two
    names = (grid.rows[one][0], grid.rows[two][0])
    if document.tongue.chinese:
        form = document.tongue.say("“{one}”和“{two}”相比，哪一项的“{name}”数值更大？")
        return form.format(
            one=names[0], two=names[1], name=grid.header[column]
        ), f"{grid.rows[winner][0]}（{grid.rows[winner][column]}）"
    question = f"Which has the higher value for “{grid.header[column]}”: {names[0]} or {names[1]}?"
    return question, f"{grid.rows[winner][0]} ({grid.rows[winner][column]})"


def _count(grid: Grid, document: Document, draw: random.Random) -> _Asked | None:
    """How many rows share a value."""
    if not grid.named:
        return None
    repeated = [
        (column, value)
        for column in range(1, len(grid.header))
        for value in dict.fromkeys(row[column] for row in grid.rows)
        if value and len(value) <= 40 and 2 <= sum(row[column] == value for row in grid.rows) < len(grid.rows)
    ]
    if not repeated:
        return None
    column, value = draw.choice(repeated)
    count = sum(row[column] == value for row in grid.rows)
    if document.tongue.chinese:
        form = document.tongue.say("表中有多少行的“{name}”是“{value}”？")
        return form.format(name=grid.header[column], value=value), str(count)
    return f"How many rows of the table have “{value}” under “{grid.header[column]}”?", str(count)


def _first_event(grid: Grid, document: Document, draw: random.Random) -> _Asked | None:
    if grid.kind != "events":
        return None
    last = draw.random() < 0.5
    row = max(grid.rows) if last else min(grid.rows)
    if document.tongue.chinese:
        return document.tongue.say(f"表中最{'晚' if last else '早'}的事件发生在哪一年？"), row[0]
    return f"Which year is the {'latest' if last else 'earliest'} in the table?", row[0]


def _layout(grid: Grid, asked: _Asked, document: Document, draw: random.Random) -> str:
    """Caption or none, table, question and answer, plain or bold."""
    lines = [
        "| " + " | ".join(grid.header) + " |",
        "|"
        + "|".join(draw.choice((" --- ", ":---")) if column else " --- " for column in range(len(grid.header)))
        + "|",
        *("| " + " | ".join(text or "–" for text in row) + " |" for row in grid.rows),
    ]
    say = document.tongue.say
    ask, reply, colon = ("Question", "Answer", ":") if not document.tongue.chinese else (say("问题"), "答案", "：")
    gap = "" if document.tongue.chinese else " "
    question, answer = asked
    answer = (
        answer if answer[-1] in ".。!！?？)）`" or document.tongue.chinese is False and len(answer) < 40 else answer
    )
    caption = f"### {grid.caption}\n\n" if grid.caption and draw.random() < 0.5 else ""
    if draw.random() < 0.5:
        return f"{caption}{chr(10).join(lines)}\n\n**{ask}{colon}** {question}\n\n**{reply}{colon}** {answer}"
    return f"{caption}{chr(10).join(lines)}\n\n{ask}{colon}{gap}{question}\n{reply}{colon}{gap}{answer}"
