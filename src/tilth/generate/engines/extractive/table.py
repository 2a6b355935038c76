"""Tables: one Markdown table of what the document states, then a question that the table answers.

Made from tables in the document, records, key-value lines, lists of terms, commands, definitions, dated events, figures
in sentences and articles of law, the first of these that gives at least two rows. Every cell is the source's own text.
"""

import random
import re
from collections.abc import Callable, Iterable
from itertools import pairwise

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Block, Document, Item
from tilth.generate.engines.extractive.facts import facts
from tilth.generate.engines.extractive.facts_en import year_of
from tilth.generate.engines.extractive.headings import is_reading
from tilth.generate.engines.extractive.quantities import quantities
from tilth.generate.engines.extractive.table_questions import Asked, ask_table
from tilth.generate.engines.extractive.tables import MOST_ROWS, Grid, fit, grids
from tilth.generate.engines.extractive.words import words

_TERM = re.compile(r"([^:：–—]{2,60}?)\s?(?:[:：]\s?| [–—-] |——|—)(\S.{3,600})$")
_ARTICLE = re.compile(r"(第[一二三四五六七八九十百零\d]{1,7}条)[ 　]{0,4}")
_OLD, _NEW = frozenset(("古文", "原文")), frozenset(("现代文", "译文", "現代文", "譯文"))


def table(document: Document, draw: random.Random, room: int) -> str | None:
    """The table, question and answer as Markdown, or None where no source of rows gives two."""
    for source in _SOURCES:
        found = source(document, draw)
        if found is None:
            continue
        asked = ask_table(found, document.tongue, draw)
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
        for (key, first), (other, second) in pairwise(lines)
        if key == lines[0][0] and other == lines[1][0] and len(first) <= 60 and len(second) <= 110
    ]
    start = draw.randrange(max(1, len(rows) - 8))
    return fit((lines[0][0], lines[1][0]), rows[start : start + 8], document.title, kind="bitext")


def _pairs(document: Document, _draw: random.Random) -> Grid | None:
    """The longest block of at least three key-value lines with distinct keys; a document's own card is left out."""
    best: tuple[tuple[str, ...], ...] = ()
    caption = ""
    for section in document.sections[:200]:
        for block in section.blocks:
            keys = {row[0] for row in block.rows}
            if block.kind == "pairs" and len(keys) == len(block.rows) > max(2, len(best)) and not _is_card(keys):
                best, caption = block.rows, section.heading or document.title
    return fit(_names(document, "pairs"), best[:MOST_ROWS], caption, named=False, kind="pairs") if best else None


_CARD = words(
    """
    pep title author status type created post-history resolution requires replaces topic discussions-to version
    last-modified content-type python-version sponsor pep-delegate feature name start date rfc pr rust issue
    tracking
    """
)


def _is_card(keys: Iterable[str]) -> bool:
    """True for the keys of a document's card (number, author, status), which says little about its matter."""
    words = [word for key in keys for word in key.lower().split()]
    return sum(word in _CARD for word in words) * 2 > len(words)


def _card(document: Document, _draw: random.Random) -> Grid | None:
    """The document's card, where nothing else gives a table."""
    for section in document.sections[:2]:
        for block in section.blocks[:4]:
            rows = list(block.rows) if block.kind == "pairs" else [row for row in map(_term, block.items) if row]
            if len(rows) >= 3 and _is_card(row[0] for row in rows):
                return fit(_names(document, "pairs"), rows[:MOST_ROWS], document.title, named=False, kind="pairs")
    return None


def _terms(document: Document, draw: random.Random) -> Grid | None:
    """A list of which most items are "term: value" or have code under them."""
    candidates: list[Grid] = []
    for section in document.sections:
        for block in section.blocks if not is_reading(section.heading) else ():
            if block.kind == "list" and len(candidates) < 6:
                found = _list_grid(block, section.heading or document.title, document)
                candidates += [found] if found is not None else []
    return draw.choice(candidates) if candidates else None


def _list_grid(block: Block, caption: str, document: Document) -> Grid | None:
    top = [item for item in block.items if item.depth == 0][:40]
    coded = [(item.text.rstrip("：: ."), f"`{item.code}`") for item in top if _short_code(item)]
    if len(coded) >= 2 and len(coded) * 2 >= len(top):
        return fit(_names(document, "code"), coded, caption, named=False, kind="code")
    rows = [row for row in map(_term, top) if row]
    if len(rows) < max(2, len(top) // 2) or _is_card(row[0] for row in rows):
        return None
    return fit(_names(document, "terms"), rows, caption, named=False, kind="terms")


def _short_code(item: Item) -> bool:
    return item.code is not None and "\n" not in item.code and "|" not in item.code and len(item.code) <= 140


def _term(item: Item) -> tuple[str, str] | None:
    """An item's term and value, where the term is short and is no clause, URL or time."""
    match = _TERM.match(item.text)
    if match is None or len(match[1].split()) > 7 or "http" in match[1] or match[2].startswith("//"):
        return None
    if match[1][-1].isdigit() and match[2][:1].isdigit():
        return None
    term = match[1].strip(" *")
    term = term.replace("`", "") if term.count("`") % 2 else term
    return (term, match[2].strip()) if term and sentences.balanced(term) else None


def _definitions(document: Document, _draw: random.Random) -> Grid | None:
    """Term and definition of the sentences that define something."""
    rows: list[tuple[str, ...]] = []
    for fact in facts(document):
        if fact.kind == "define" and len(fact.sentence) <= 240:
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
    place = sentence.find(verb)
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


_DATE_WORDS = words(
    """
    in since by from until to after before during around january february march april may june july august
    september october november december early late between
    """
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
_SOURCES: tuple[_Source, ...] = (_existing, _records, _pairs, _terms, _definitions, _articles, _events, _figures, _card)

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


def _layout(grid: Grid, asked: Asked, document: Document, draw: random.Random) -> str:
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
    caption = f"### {grid.caption}\n\n" if grid.caption and draw.random() < 0.5 else ""
    if draw.random() < 0.5:
        return f"{caption}{chr(10).join(lines)}\n\n**{ask}{colon}** {question}\n\n**{reply}{colon}** {answer}"
    return f"{caption}{chr(10).join(lines)}\n\n{ask}{colon}{gap}{question}\n{reply}{colon}{gap}{answer}"
