"""Parsers: the model's own text in; the text that trains and its typed content out, or a refusal with a reason.

Every parser first takes off what is not part of the product: thinking, end-of-turn marks, a fence around the whole,
a chat line before it ("Here is the table:") and offers after it ("Let me know ..."). It changes nothing else, so the
text that trains is the model's own. Parsers read English and Chinese forms, are linear in the text, and never raise.
docs/checks.md defines the form that each one reads. Costs 5 us for plain text, 10 to 45 us for a form of 1.5 kB.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tilth.synth.forms import dialogue_turns, first_table, list_items, pairs, problem, question_after, steps_of

Options = Mapping[str, Any]
Content = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a parser read: the cleaned text, its typed content, and notes on what was taken off."""

    text: str
    parsed: Content | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a text has not the form asked for; `text` is what is left after cleaning."""

    reason: str
    detail: str
    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parser:
    """One form. Raise `VERSION` when the same text would give another result: `tilth reparse` then reads it again."""

    name: str
    VERSION: int
    read: Callable[[str, Options], Content | Refused | str | None]


# ---- what is not part of the product

_THINK_OPEN = re.compile(r"\s*<(think|thinking|reasoning)>")
_END_MARKS = re.compile(
    r"(?:\s*(?:<\|(?:im_end|endoftext|eot_id|end|end_of_text)\|>|</s>|<end_of_turn>|\[DONE\]))+\s*\Z"
)
_FENCE = re.compile(r"\s*```[a-z]{0,12}[ \t]*\n")
_PRODUCT = (
    "rewrit|rewrote|rephras|version|text|faq|table|tutorial|summar|article|problem|list|dialog|convers|passage|guide|"
    "based on|paraphras|explanation|story|discussion|commentary|question|answer|result|output|document|"
    "问答|表格|改写|重写|文本|教程|总结|摘要|文章|题目|应用题|对话|列表|结果|内容|版本|解释|如下"
)
_LEAD = re.compile(
    r"(?:sure\b|certainly\b|of course\b|absolutely\b|okay\b|ok,|great\b|no problem|here(?:['’]s| is| are)\b|below "
    r"(?:is|are)\b|"
    r"the following (?:is|are)\b|i(?:['’]ve| have) (?:rewritten|created|prepared|written|rephrased)|"
    r"好的|当然|没问题|以下[是为]|下面[是为]|这是|根据(?:您|你|上述|以上|给定|提供))",
    re.IGNORECASE,
)
_LEAD_WORD = re.compile(rf"{_PRODUCT}", re.IGNORECASE)
_TRAIL = re.compile(
    r"(?:(?:please )?let me know|(?:i )?hope (?:this|that|it)|feel free|if you(?:['’]d| would)? (?:have|need|want"
    r"|like)|"
    r"is there anything|would you like|do you (?:want|need)|happy to help|"
    r"希望(?:以上|这|对|能)|如果(?:您|你)|如(?:您|你)?(?:有|需)|请(?:随时)?告诉我|需要我)",
    re.IGNORECASE,
)
#: What an assistant says next where the line has no colon: "Sure, I can do that."
_ASSISTING = ("i ", "i'", "i’", "let me", "happy to", "my pleasure", "question", "我", "让我", "这就")
#: How far into an answer the opening line may stand, behind chat.
_OPENING_REACH = 600
_DIGIT = re.compile("[0-9０-９二两三四五六七八九十百千万半½¼¾]")
_NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million|dozen|half|twice|double|"
    r"triple|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)\b"
)
#: A chat line is short; a longer first or last paragraph is content.
_CHAT_LINE = 240


def clean(text: str) -> tuple[str, tuple[str, ...]]:
    """(the product, notes on what was taken off it). Unfinished thinking leaves nothing."""
    notes: list[str] = []
    text, thought = _without_thinking(text)
    if thought:
        notes.append("thinking")
    if text.endswith((">", "]", ">\n")):
        text = _END_MARKS.sub("", text)
    text = text.strip()
    bare = _without_chat(text)
    if bare != text:
        text = bare
        notes.append("assistant_talk")
    fence = _FENCE.match(text) if text.startswith("```") else None
    if fence and text.endswith("```") and text.count("```") == 2:
        text = text[fence.end() : -3].strip()
    return (text, tuple(notes))


def _without_thinking(text: str) -> tuple[str, bool]:
    opened = _THINK_OPEN.match(text)
    tag = opened.group(1) if opened else "think"
    closed = text.find(f"</{tag}>")
    if closed >= 0 and (opened or f"<{tag}>" not in text[:closed]):
        return (text[closed + len(tag) + 3 :], True)
    return ("", True) if opened else (text, False)


def _without_chat(text: str) -> str:
    head, newline, rest = text.partition("\n")
    if newline and len(head) <= _CHAT_LINE and _is_lead(head.strip(" *_#>")):
        text = rest.strip()
    at = text.rfind("\n\n")
    tail = text[at:].strip(" *_#>\n-") if at > 0 else ""
    if tail and len(tail) <= _CHAT_LINE and _TRAIL.match(tail):
        text = text[:at].rstrip(" \n-*_")
    return text


def _is_lead(line: str) -> bool:
    opening = _LEAD.match(line)
    if not opening:
        return False
    if line.endswith((":", "：")):
        return _LEAD_WORD.search(line) is not None
    rest = line[opening.end() :].strip(" ,!.，！。").lower()
    return not rest or (len(rest) < 60 and rest.startswith(_ASSISTING))


# ---- one reader a form


def _plain(_text: str, _options: Options) -> Content | Refused | str | None:
    return None


def _pairs(text: str, options: Options) -> Content | Refused | str | None:
    found = pairs(text)
    answered = [pair for pair in found if pair["answer"]]
    least = int(options.get("min_questions", 1))
    if len(answered) < least:
        return _refused(text, "too_few_answered", f"expected {least} answered questions or more; saw {len(answered)}")
    return {"pairs": answered, "unanswered": len(found) - len(answered)}


def _table(text: str, options: Options) -> Content | Refused | str | None:
    table = first_table(text)
    if table is None:
        return _refused(text, "no_table", "expected a Markdown table: a header, a rule of dashes and rows; saw none")
    ragged = [len(row) for row in table.rows if len(row) != len(table.columns)]
    if ragged:
        seen = f"{len(ragged)} of {len(table.rows)} rows with other counts, the first with {ragged[0]}"
        return _refused(text, "ragged_table", f"expected {len(table.columns)} cells in each row; saw {seen}")
    least = int(options.get("min_rows", 2))
    if len(table.rows) < least or len(table.columns) < 2:
        seen = f"{len(table.rows)} rows of {len(table.columns)}"
        return _refused(text, "small_table", f"expected {least} rows of two cells or more; saw {seen}")
    question, answer = question_after(table.after) or question_after(table.before) or ("", "")
    return {"columns": table.columns, "rows": table.rows, "question": question, "answer": answer}


def _math(text: str, _options: Options) -> Content | Refused | str | None:
    stated, solution = problem(text)
    if not stated or not solution:
        missing = "problem" if not stated else "solution"
        return _refused(text, f"no_{missing}", f"expected a problem and its solution; saw no {missing}")
    for name, part in (("problem", stated), ("solution", solution)):
        if not _has_number(part):
            return _refused(text, f"no_number_in_{name}", f"expected a number in the {name}; saw none")
    return {"problem": stated, "solution": solution}


def _tutorial(text: str, options: Options) -> Content | Refused | str | None:
    steps = steps_of(text)
    least = int(options.get("min_steps", 2))
    if not steps.rising:
        return _refused(text, "steps_out_of_order", f"expected rising step numbers; saw {steps.seen}")
    if len(steps.texts) < least:
        return _refused(text, "too_few_steps", f"expected {least} numbered steps or more; saw {len(steps.texts)}")
    return {"title": steps.title, "steps": steps.texts}


def _dialogue(text: str, options: Options) -> Content | Refused | str | None:
    turns = dialogue_turns(text)
    speakers = list(dict.fromkeys(turn["speaker"] for turn in turns))
    if len(speakers) < 2:
        return _refused(text, "one_speaker", f"expected two named speakers who take turns; saw {len(speakers)}")
    least = int(options.get("min_turns", 4))
    if len(turns) < least:
        return _refused(text, "too_few_turns", f"expected {least} turns or more; saw {len(turns)}")
    return {"speakers": speakers, "turns": turns}


def _list(text: str, options: Options) -> Content | Refused | str | None:
    items = list_items(text)
    least = int(options.get("min_items", 3))
    if len(items) < least:
        return _refused(text, "too_few_items", f"expected {least} list items or more; saw {len(items)}")
    return {"items": items}


def _tagged(text: str, options: Options) -> Content | Refused | str | None:
    tag = str(options.get("tag", "answer"))
    start = text.find(f"<{tag}>")
    end = text.find(f"</{tag}>", start + 1)
    if start < 0 or end < 0:
        missing = f"<{tag}>" if start < 0 else f"</{tag}>"
        return _refused(text, "no_tag", f"expected the text between <{tag}> and </{tag}>; saw no {missing}")
    inner = text[start + len(tag) + 2 : end].strip()
    return inner or _refused(text, "empty_tag", f"expected text between <{tag}> and </{tag}>; saw none")


def _openline(text: str, options: Options) -> Content | Refused | str | None:
    """What stands behind the opening line. What stands before it is chat; without the opening all of it is kept."""
    opening = str(options.get("opening", "")).split()
    if not opening:
        return None
    words = r"[ \t]{1,4}".join(re.escape(word).replace(":", "[:：]") for word in opening)
    found = re.search(rf"(?m)^[ \t#*_>\"]{{0,8}}{words}[ \t*_\"]{{0,8}}", text[:_OPENING_REACH])
    if found is None:
        return None
    return text[found.end() :].strip() or _refused(text, "only_opening", "expected text behind the opening; saw none")


def _has_number(text: str) -> bool:
    return _DIGIT.search(text) is not None or _NUMBER_WORD.search(text.lower()) is not None


def _refused(text: str, reason: str, detail: str) -> Refused:
    return Refused(reason=reason, detail=detail, text=text)


#: Every parser by name; `tilth.prompts.known.KNOWN_PARSERS` lists the same names with their options.
PARSERS: dict[str, Parser] = {
    parser.name: parser
    for parser in (
        Parser("plain", 1, _plain),
        Parser("faq", 1, _pairs),
        Parser("qa", 1, _pairs),
        Parser("table", 1, _table),
        Parser("math", 1, _math),
        Parser("tutorial", 1, _tutorial),
        Parser("dialogue", 1, _dialogue),
        Parser("list", 1, _list),
        Parser("tagged", 1, _tagged),
        Parser("openline", 1, _openline),
    )
}


def parse(name: str, text: str, options: Options) -> Parsed | Refused:
    """Clean `text` and read it in the form that `name` gives; `name` is a key of `PARSERS`."""
    cleaned, notes = clean(text)
    read = PARSERS[name].read(cleaned, options)
    if isinstance(read, Refused):
        return Refused(reason=read.reason, detail=read.detail, text=cleaned, notes=notes)
    if isinstance(read, str):
        return Parsed(text=read, parsed=None, notes=notes)
    return Parsed(text=cleaned, parsed=read, notes=notes)


#: The versions of all parsers and of the cleaning that comes before them, as one word.
PARSERS_VERSION = "1." + "".join(str(parser.VERSION) for parser in PARSERS.values())
