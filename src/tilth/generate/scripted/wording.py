"""How the scripted author words what it adds to a known question, in English and Chinese, and reads it again.

A written question is a body, then steps, then hints. A body is a known question, the same behind a lead, or several
known questions in a numbered list. Every piece has one wording a language, so that the solver, in another process and
another run, reads back what was asked without any memory of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from tilth.generate.scripted.formula import Value, show

Sign = Literal["*", "+", "-"]
MOST_STEPS = 8
MOST_HINTS = 6
MOST_ITEMS = 4  # as many seeds as a linked question has

_STEP_EN = {"*": "multiply it by {}", "+": "add {}", "-": "subtract {}"}
_STEP_ZH = {"*": "乘以{}", "+": "加上{}", "-": "减去{}"}
_READ_STEP = re.compile(
    r"(?:(?P<times>multiply it by |乘以)|(?P<plus>add |加上)|(?P<minus>subtract |减去))(?P<value>\d{1,9})"
)
_STEPS_EN = ("Starting from that result, ", ", then ", ". What is the final value?")
_STEPS_ZH = ("从这个结果出发，", "，再", "。最后的值是多少？")
_STEPS = re.compile(
    r"\s{0,3}(?:Starting from that result, (?P<en>[^?]{1,400})\. What is the final value\?"
    r"|从这个结果出发，(?P<zh>[^？]{1,400})。最后的值是多少？)"
)
_HINT = re.compile(r"\s{0,3}(?:Hint: the right answer [^\n]{1,400}|提示：正确答案[^\n]{1,400})(?:\n|$)")
_LEAD = re.compile(
    r"(?:Here is a question from a quiz, with other options to choose from\.|测验中有这样一道题，选项有所不同。)\n"
)
_LIST = re.compile(
    r"(?:Answer each of these questions, and give the answers in this order with semicolons between them\."
    r"|依次回答下列各题，答案按顺序给出，中间用分号隔开。)\n"
)
_NUMBERED = re.compile(r"^\((\d)\) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One more thing to do with the result."""

    sign: Sign
    by: int

    def of(self, value: Value) -> Value:
        return value * self.by if self.sign == "*" else value + self.by if self.sign == "+" else value - self.by


@dataclass(frozen=True, slots=True)
class Written:
    """The pieces of a question's text: the texts of its questions, its steps, and how many hints it gives."""

    bodies: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    hints: int = 0


def take_apart(text: str) -> Written:
    """The pieces of a question; any other text is one body without more."""
    hints = len(_HINT.findall(text)) if "int: " in text or "提示" in text else 0
    if hints:
        text = _HINT.sub("", text)
    steps: tuple[Step, ...] = ()
    found = _STEPS.search(text)
    if found is not None:
        steps = tuple(_step(match) for match in _READ_STEP.finditer(found["en"] or found["zh"]))
        text = text[: found.start()]
    text = _LEAD.sub("", text, count=1)
    listed = _LIST.match(text)
    if listed is None:
        return Written((text,), steps, hints)
    parts = _NUMBERED.split(text[listed.end() :])[2::2]
    return Written(tuple(part.strip() for part in parts), steps, hints)


def put_together(
    bodies: Sequence[str], steps: Sequence[Step], hints: Sequence[str], *, lead: bool, chinese: bool
) -> str:
    """The text that `take_apart` reads again. Line breaks inside the questions of a list become spaces."""
    if len(bodies) > 1:
        order = (
            "依次回答下列各题，答案按顺序给出，中间用分号隔开。"
            if chinese
            else "Answer each of these questions, and give the answers in this order with semicolons between them."
        )
        text = "\n".join([order, *(f"({at}) {' '.join(body.split())}" for at, body in enumerate(bodies, start=1))])
    else:
        front = (
            "测验中有这样一道题，选项有所不同。\n"
            if chinese
            else "Here is a question from a quiz, with other options to choose from.\n"
        )
        text = (front if lead else "") + bodies[0]
    if steps:
        first, then, last = _STEPS_ZH if chinese else _STEPS_EN
        said = _STEP_ZH if chinese else _STEP_EN
        text += ("" if chinese else " ") + first + then.join(said[step.sign].format(step.by) for step in steps) + last
    return "\n".join([text, *hints])


def hints_for(answer: str, wrong: Sequence[str], count: int, *, chinese: bool) -> list[str]:
    """At most `count` true things about the answer that do not give it away, one a line."""
    flat = " ".join(answer.split())
    if chinese:
        said = [f"提示：正确答案有{len(flat)}个字符。", f"提示：正确答案以“{flat[-1:]}”结尾。"]
        said += [f"提示：正确答案不是“{' '.join(one.split())[:200]}”。" for one in wrong]
    else:
        said = [f"Hint: the right answer has {len(flat)} characters.", f"Hint: the right answer ends in “{flat[-1:]}”."]
        said += [f"Hint: the right answer is not “{' '.join(one.split())[:200]}”." for one in wrong]
    return said[: min(count, MOST_HINTS + 1)]


def worked(steps: Sequence[Step], start: Value) -> tuple[list[str], Value]:
    """The steps as equations from a start, and where they end."""
    lines = []
    value = start
    for step in steps:
        after = step.of(value)
        lines.append(f"{show(value)} {step.sign} {step.by} = {show(after)}")
        value = after
    return lines, Fraction(value)


def _step(match: re.Match[str]) -> Step:
    return Step("*" if match["times"] else "+" if match["plus"] else "-", int(match["value"]))
