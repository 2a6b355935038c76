"""The forms that answers take, read line by line: question and answer pairs, tables, problems, steps, turns, lists.

English and Chinese. Nothing here judges: a form that is not there gives an empty result. Linear in the text.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

#: What may stand around a line's own words.
_EDGE = " \t#*_>-•·"
_NUMBERED = re.compile(r"\(?[0-9]{1,3}[.)、:：．][ \t*_]{0,6}")
_LABEL = re.compile(
    r"(?:(?P<q>Q(?:uestion)?|问题?|提问|题目)|(?P<a>A(?:nswer)?|答案?|回答|解答))"
    r"[ \t]?[0-9]{0,3}[ \t*_]{0,4}[:：.、)）][ \t*_]{0,4}",
    re.IGNORECASE,
)
_INLINE_ANSWER = re.compile(
    r"[?？][ \t*_]{0,6}(?:A(?:nswer)?|答案?|回答)[ \t]?[0-9]{0,3}[ \t*_]{0,4}[:：][ \t*_]{0,4}", re.IGNORECASE
)
_BOLD_QUESTION = re.compile(r"\*\*(?P<q>[^*\n]{3,300}[?？])[*: \t]{2,6}(?P<a>[^\n]+)")
#: First characters that no label and no number begins with.
_PLAIN_START = frozenset("BCDEFGHIJKLMNOPRSTUVWXYZbcdefghijklmnoprstuvwxyz")
#: The longest line that is still read as a question.
_QUESTION_CHARS = 400


@dataclass(slots=True)
class _Pair:
    question: str
    answer: list[str]
    settled: bool  # an answer's label has come


def pairs(text: str) -> list[dict[str, str]]:
    """Questions with their answers, in order; an unanswered question has the answer "".

    Lines between a question and the label of its answer belong to the question: they are its choices.
    """
    found: list[_Pair] = []
    for line in filter(None, text.split("\n")):
        bare = line.strip(_EDGE)
        if not bare:
            continue
        if bare[0] in _PLAIN_START and bare[-1] not in "?？" and "**" not in line:
            if found:  # no label, no question: a further line of the answer, as most lines are
                found[-1].answer.append(bare)
            continue
        question, answer, labelled = _question(bare, line)
        if question:
            found.append(_Pair(question, [answer] if answer else [], bool(answer)))
        elif found:
            _answer(found[-1], answer, labelled)
    return [{"question": pair.question, "answer": "\n".join(pair.answer)} for pair in found]


def _answer(pair: _Pair, line: str, labelled: bool) -> None:
    if labelled and not pair.settled:
        pair.question = "\n".join([pair.question, *pair.answer])
        pair.answer = []
        pair.settled = True
    if line:
        pair.answer.append(line)


def _question(bare: str, line: str) -> tuple[str, str, bool]:
    """(question, answer, whether the answer has a label) of one line; question and answer may each be ""."""
    if bare[0] in "(0123456789":
        numbered = _NUMBERED.match(bare)
        if numbered:
            bare = bare[numbered.end() :] or bare
    label = _LABEL.match(bare) if bare[0] in "QqAa问提题答回解" else None
    if label and _counts(label):
        rest = bare[label.end() :].strip(_EDGE)
        if label.group("a"):
            return ("", rest, True)
        split = _INLINE_ANSWER.search(rest) if "?" in rest or "？" in rest else None
        if split:
            return (rest[: split.start() + 1], rest[split.end() :].strip(_EDGE), True)
        return (rest, "", False)
    if bare.endswith(("?", "？")) and len(bare) <= _QUESTION_CHARS:
        return (bare, "", False)
    if "**" in line and ("?" in line or "？" in line):
        bold = _BOLD_QUESTION.search(line[: 4 * _QUESTION_CHARS])
        if bold and not line[: bold.start()].strip(_EDGE + "0123456789.)、"):
            return (bold.group("q"), line[bold.start("a") :].strip(_EDGE), True)
    return ("", bare, False)


def _counts(label: re.Match[str]) -> bool:
    """A. and Q) may be choices of a question: a letter alone is a label only before a colon, or with a number."""
    word = label.group()
    return (
        ":" in word
        or "：" in word
        or label.group("q" if label.group("q") else "a").lower() not in ("a", "q")
        or any(map(str.isdigit, word))
    )


# ---- tables


@dataclass(frozen=True, slots=True)
class Table:
    """A Markdown table: `columns` from its header, `rows` with the cells of each line, and what stands around."""

    columns: list[str]
    rows: list[list[str]]
    before: str
    after: str


_RULE_CHARS = frozenset("|-: \t")


def first_table(text: str) -> Table | None:
    """The first Markdown table of `text`; None where there is none with a header and a rule under it."""
    if "|" not in text or "-" not in text:
        return None
    lines = text.split("\n")
    for place in range(1, len(lines)):
        line = lines[place]
        if "-" not in line or "|" not in line or not _RULE_CHARS.issuperset(line) or "|" not in lines[place - 1]:
            continue
        end = place + 1
        while end < len(lines) and "|" in lines[end]:
            end += 1
        columns = cells(lines[place - 1])
        rows = [cells(row) for row in lines[place + 1 : end]]
        if len(cells(line)) != len(columns):
            rows.insert(0, cells(line))  # a rule of another width: the table is ragged, and the caller sees it
        return Table(columns, rows, "\n".join(lines[: place - 1]), "\n".join(lines[end:]))
    return None


def cells(line: str) -> list[str]:
    """The cells of one table line; an escaped bar stays in its cell."""
    line = line.strip().removeprefix("|")
    if "\\|" in line:
        line = line.replace("\\|", "\0")
        return [cell.strip().replace("\0", "|") for cell in line.removesuffix("|").split("|")]
    return [cell.strip() for cell in line.removesuffix("|").split("|")]


def question_after(text: str) -> tuple[str, str] | None:
    """The question and answer that go with a table, or None."""
    found = pairs(text)
    answered = next((pair for pair in found if pair["answer"]), found[0] if found else None)
    return (answered["question"], answered["answer"]) if answered else None


# ---- problems

_PROBLEM = re.compile(
    r"(?m)^[ \t#*_>-]{0,12}(?:(?:math |word |the )*(?:problem|question|exercise|challenge)(?: statement)?"
    r"|应用题|题目|问题|数学题|习题)"
    r"[ \t]?[0-9]{0,2}[ \t*_]{0,4}(?:[:：.][ \t*_]{0,4}|$)",
    re.IGNORECASE,
)
_SOLUTION = re.compile(
    r"(?m)^[ \t#*_>-]{0,12}(?:(?:step[- ]by[- ]step |worked |detailed |the )*(?:solution|answer|working|explanation)"
    r"(?: steps)?|解答过程|解题过程|解题步骤|解答|解析|解法|解|答案|答)"
    r"[ \t]?[0-9]{0,2}[ \t*_]{0,4}(?:[:：.][ \t*_]{0,4}|$)",
    re.IGNORECASE,
)
_SOLVE = re.compile(
    r"(?m)^[ \t]{0,4}(?:to solve|let['’]?s|first,|step 1|we (?:can|need|know|start)|首先|设|解)", re.IGNORECASE
)


def problem(text: str) -> tuple[str, str]:
    """(problem, solution) by their labels, or by the question mark that ends the problem; "" for what is missing."""
    opened = _PROBLEM.search(text)
    start = opened.end() if opened else 0
    solved = _SOLUTION.search(text, start)
    if solved:
        return (text[start : solved.start()].strip(), text[solved.end() :].strip())
    worked = _SOLVE.search(text, start + 1)
    if worked and worked.start() > start:
        return (text[start : worked.start()].strip(), text[worked.start() :].strip())
    mark = max(text.find("?\n", start), text.find("？\n", start), text.find("?**\n", start))
    if mark >= 0:
        return (text[start : mark + 1].strip(), text[mark + 1 :].strip(" *\n"))
    return (text[start:].strip(), "")


# ---- steps

_STEP = re.compile(
    r"(?m)^(?P<indent>[ \t>]{0,16})(?:#{1,6}[ \t]{1,4})?[*_]{0,3}"
    r"(?:(?P<label>step|步骤|第)[ \t]?(?P<named>[0-9]{1,3}|[一二三四五六七八九十]{1,3}|"
    r"one|two|three|four|five|six|seven|eight|nine|ten)(?![0-9a-z])[ \t]?步?"
    r"|(?P<plain>[0-9]{1,3})[.)、．](?![0-9])|(?P<han>[一二三四五六七八九十]{1,3})、)[ \t*_:：.-]{0,6}(?P<text>[^\n]*)",
    re.IGNORECASE,
)
_NAMED = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
_HAN = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}


@dataclass(frozen=True, slots=True)
class Steps:
    """The numbered steps of a guide: those of the kind that has most, whether their numbers rise, and what was seen."""

    title: str
    texts: list[str]
    rising: bool
    seen: str


def steps_of(text: str) -> Steps:
    """The steps of a guide. A list may begin again at 1, or number every item 1 as Markdown allows."""
    kinds: dict[tuple[bool, int], list[tuple[int, str]]] = {}
    for match in _STEP.finditer(text):
        named = match.group("named") or match.group("han")
        number = _step_number(named) if named else int(match.group("plain"))
        key = (match.group("label") is not None, len(match.group("indent")) // 2)
        kinds.setdefault(key, []).append((number, match.group("text").strip(_EDGE)))
    rising, seen = True, ""
    for steps in kinds.values():
        numbers = [number for number, _ in steps]
        if not _rises(numbers):
            rising, seen = False, ", ".join(map(str, numbers[:12]))
    best = max(kinds.values(), key=len, default=[])
    return Steps(_title(text), [line for _, line in best], rising, seen)


def _rises(numbers: list[int]) -> bool:
    if set(numbers) == {1}:
        return True
    return all(after > before or after == 1 for before, after in pairwise(numbers))


def _step_number(word: str) -> int:
    if word.isdigit():
        return int(word)
    if word.lower() in _NAMED:
        return _NAMED[word.lower()]
    tens, ten, ones = word.rpartition("十")
    return (_HAN.get(tens, 1) * 10 if ten else 0) + _HAN.get(ones, 0)


def _title(text: str) -> str:
    line = text.lstrip().partition("\n")[0]
    return line.strip(_EDGE)[:200] if line.startswith(("#", "**")) else ""


# ---- turns and lists

_TURN = re.compile(
    r"(?m)^[ \t>]{0,8}(?:[-*][ \t]{1,4})?[*_]{0,3}(?P<name>[^\W\d_][^:：\n|*_]{0,39}?)[*_]{0,3}[:：][*_]{0,3}[ "
    r"\t]{0,4}(?P<text>[^\n]{2,})"
)
_ITEM = re.compile(
    r"(?m)^[ \t>]{0,16}(?:[-*+•·][ \t]{1,4}|\(?[0-9]{1,3}[.)、．][ \t]{0,4}|"
    r"[（(]?[一二三四五六七八九十]{1,3}[）)、])(?P<text>[^\n]+)"
)


def dialogue_turns(text: str) -> list[dict[str, str]]:
    """Turns of speakers who speak at least twice, or of the first two names where nobody does."""
    found = [(match.group("name").strip(), match.group("text").strip()) for match in _TURN.finditer(text)]
    counts: dict[str, int] = {}
    for name, _ in found:
        counts[name] = counts.get(name, 0) + 1
    speakers = {name for name, count in counts.items() if count > 1} or set(list(counts)[:2])
    if len(speakers) == 1:
        speakers |= set(list(counts)[:2])
    return [{"speaker": name, "text": words} for name, words in found if name in speakers]


def list_items(text: str) -> list[str]:
    """The items of bulleted and numbered lists, in order."""
    return [match.group("text").strip() for match in _ITEM.finditer(text)]
