"""The final answer of a worked solution.

Looks, in this order, for the last `\\boxed{}`, the last `####` line, the last "answer is" or 答案 phrase, and the last
line. What was taken is named, so that a report can say how solvers close. Linear; only the last 20,000 characters of a
longer text are read.
"""

import re
from dataclasses import dataclass
from typing import Literal

from tilth.answers.clean import MOST_CHARS

Taken = Literal["boxed", "hashes", "phrase", "last_line", "whole", "code", "nothing"]

_HASHES = re.compile(r"^[ \t]{0,8}####(?!#)[ \t]{0,8}([^\n]*)", re.MULTILINE)
_LEAD = r"(?:final |correct |right |best )?answers?(?: choice| option)?"
_PHRASE = re.compile(
    rf"(?:\b{_LEAD}\s{{0,3}}(?:\*\*)?\s{{0,3}}(?:is|are|was|=|:)|\bthe {_LEAD} (?:would be|must be|should be)"
    r"|(?:最终|正确|最后)?(?:答案|答|结果)\s{0,3}(?:应该|应当|应)?(?:是|为|选|[:：]))"
    r"[ \t]{0,4}[:：]?(?:\*\*)?[ \t]{0,4}\n?[ \t]{0,4}",
    re.IGNORECASE,
)
_STOP = re.compile(r"\n|(?<=[^\s0-9.])\.(?=\s)|\.(?=\s{1,3}[A-Z][a-z])|。|；")
_FENCE = re.compile(r"^[ \t]{0,3}```[^\n`]{0,40}\n", re.MULTILINE)
#: How a formula over several lines begins: it is one answer.
_DISPLAYED = ("\\begin", "$$", "\\[")


@dataclass(frozen=True, slots=True)
class Final:
    """An answer and where it was taken from."""

    text: str
    taken: Taken


def final_answer(text: str) -> Final:
    """The final answer in `text`; its last line where it holds no mark of one."""
    text = text[-MOST_CHARS:].strip()
    if not text:
        return Final("", "nothing")
    for found in (_boxed(text), _hashes(text), _phrase(text)):
        if found is not None:
            return found
    if "\n" not in text or text.startswith(_DISPLAYED):
        return Final(text, "whole")
    last = next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")
    return Final(last, "last_line")


def final_code(text: str) -> Final:
    """The program in `text`: its longest fenced block, or all of it."""
    marks = list(_FENCE.finditer(text))
    blocks: list[str] = []
    for mark in marks:
        end = text.find("\n```", mark.end() - 1)
        block = text[mark.end() : end + 1 if end >= 0 else len(text)]
        if block.strip() and not block.startswith("```"):
            blocks.append(block)
    return Final(max(blocks, key=len), "code") if blocks else Final(text, "whole")


def _boxed(text: str) -> Final | None:
    """The content of the last `\\boxed{...}` with balanced braces; of an unbalanced one what its line holds."""
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if start < 0:
        return None
    at = text.find("{", start)
    if at < 0 or text[start:at].strip(" ") not in ("\\boxed", "\\fbox"):
        return None
    depth = 0
    for place in range(at, len(text)):
        if text[place] == "{" and text[place - 1] != "\\":
            depth += 1
        elif text[place] == "}" and text[place - 1] != "\\":
            depth -= 1
            if not depth:
                return Final(text[at + 1 : place].strip(), "boxed")
    return Final(text[at + 1 :].split("\n", 1)[0].strip(), "boxed")


def _hashes(text: str) -> Final | None:
    if "####" not in text:
        return None
    found = [match[1].strip() for match in _HASHES.finditer(text)]
    return Final(found[-1], "hashes") if found and found[-1] else None


def _phrase(text: str) -> Final | None:
    found = list(_PHRASE.finditer(text))
    if not found:
        return None
    last = found[-1]
    rest = text[last.end() :]
    stop = _STOP.search(rest)
    taken = (rest[: stop.start()] if stop else rest).strip()
    return Final(taken, "phrase") if taken.strip("*.: ") else None
