"""Reads the reply of a model that judged whether two free-text answers say the same.

The prompts `judge_answer` and `judge_answer_zh` ask for reasons and then one last line with one of three words. The
last such line decides; a reply with none, or that gives two, is no verdict. Linear in the reply.
"""

import re
from typing import Literal

Judgement = Literal["correct", "incorrect", "cannot_tell"]

#: Version of this reading: another one may read old replies differently.
VERSION = 1
_LINE = re.compile(
    r"^[ \t>*#`-]{0,8}(?:verdict|结论|判定)[ \t*`]{0,4}[:：][ \t*`\"“「\[]{0,4}"
    r"(incorrect|correct|cannot[ _]tell|不正确|正确|错误|无法判断)[ \t*`\"”」\].。!！]{0,6}$",
    re.IGNORECASE | re.MULTILINE,
)
_MEANS: dict[str, Judgement] = {
    "correct": "correct", "正确": "correct", "incorrect": "incorrect", "不正确": "incorrect", "错误": "incorrect",
    "cannot tell": "cannot_tell", "cannot_tell": "cannot_tell", "无法判断": "cannot_tell",
}  # fmt: skip
#: Only the end of a reply is read: reasons before it may quote anything.
_TAIL = 2000


def read_judgement(reply: str) -> Judgement | None:
    """The verdict of a judge's reply; None where its end holds none, or different ones."""
    found = {_MEANS[word.lower()] for word in _LINE.findall(reply[-_TAIL:])}
    return found.pop() if len(found) == 1 else None


def judged_case(question: str, gold: str, answer: str) -> str:
    """The document that the judge's prompts are filled with: the three texts under headings, each as it is.

    Text that looks like a heading of ours is indented, so that an answer cannot pass for the reference.
    """
    parts = (("QUESTION", question), ("REFERENCE ANSWER", gold), ("ANSWER TO JUDGE", answer))
    return "\n\n".join(f"## {name}\n{_quoted(text)}" for name, text in parts)


def _quoted(text: str) -> str:
    return "\n".join(
        f"    {line}" if line.lstrip().startswith(("## ", ">>>", "<<<")) else line for line in text.splitlines()
    )
