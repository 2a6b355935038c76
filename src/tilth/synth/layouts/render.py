"""One question as training text, in one of four layouts, in English or Chinese.

Plain text only: headings and speakers are words, never special tokens. Nothing of a question is formatted into a
template: its parts are joined. Costs about 5 us a row.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tilth.data.qa import QA
from tilth.data.questions import choice_index
from tilth.recipe.stages.layouts import LayoutName

#: Raise it when the same question would be written otherwise.
VERSION = 1
#: Headings of question, solution and answer by language; which set a row gets is drawn. Ours.
_HEADINGS: Mapping[str, tuple[tuple[str, str, str], ...]] = MappingProxyType(
    {
        "en": (
            ("Question: ", "Solution: ", "Answer: "),
            ("Q: ", "Reasoning: ", "A: "),
            ("Problem: ", "Worked solution: ", "Final answer: "),
            ("Exercise\n", "Solution\n", "Answer\n"),
        ),
        "zh": (
            ("题目：", "解答：", "答案："),
            ("问：", "解析：", "答："),
            ("问题：", "解题过程：", "最终答案："),
            ("练习\n", "解答\n", "答案\n"),
        ),
    }
)
_SPEAKERS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "en": (("User: ", "Assistant: "), ("Student: ", "Teacher: "), ("Human: ", "AI: ")),
        "zh": (("用户：", "助手："), ("学生：", "老师："), ("提问：", "回答：")),
    }
)
_CLOSES = MappingProxyType({"en": "The answer is ", "zh": "答案是"})
_STOPS = MappingProxyType({"en": ".", "zh": "。"})


def fits(qa: QA) -> tuple[LayoutName, ...]:
    """The layouts that a question has the parts for, in a fixed order; none without an answer."""
    if not (qa.answer or "").strip():
        return ()
    found: list[LayoutName] = ["plain"]
    if (qa.solution or "").strip():
        found += ["reasoning", "chat"]
    if qa.choices:
        found.append("choice")
    return tuple(found)


def render(qa: QA, layout: LayoutName, language: str, draw: int) -> str:
    """The text. `draw` is any number of the row: it decides which headings are used."""
    asked, worked, answered = _HEADINGS[language][draw % len(_HEADINGS[language])]
    question, answer = _question(qa), stated(qa)
    if layout == "chat":
        user, other = _SPEAKERS[language][draw % len(_SPEAKERS[language])]
        return f"{user}{question}\n\n{other}{_spoken(qa, answer, language)}"
    if layout == "reasoning":
        return f"{asked}{question}\n\n{worked}{(qa.solution or '').strip()}\n\n{answered}{answer}"
    if layout == "choice":
        return f"{asked}{question}\n{answered}{_letter(qa) or answer}"
    return f"{asked}{question}\n{answered}{answer}"


def stated(qa: QA) -> str:
    """The answer as a reader wants it: the letter of a choice with its text."""
    answer = (qa.answer or "").strip()
    if not qa.choices:
        return answer
    place = choice_index(answer, qa.choices)
    return answer if place is None else f"{_mark(place)}. {qa.choices[place]}"


def _question(qa: QA) -> str:
    parts = [qa.context.strip()] if qa.context and qa.context.strip() else []
    parts.append(qa.question.strip())
    text = "\n\n".join(parts)
    return f"{text}\n{_listed(qa.choices)}" if qa.choices else text


def _listed(choices: Sequence[str]) -> str:
    return "\n".join(f"{_mark(place)}. {' '.join(choice.split())}" for place, choice in enumerate(choices))


def _letter(qa: QA) -> str | None:
    place = choice_index((qa.answer or "").strip(), qa.choices or ())
    return None if place is None else _mark(place)


def _spoken(qa: QA, answer: str, language: str) -> str:
    """The solution, which says the answer at its end in any case."""
    solution = (qa.solution or "").strip()
    last = solution[-len(answer) - 20 :]  # 20: a full stop, a bracket, a unit after the answer
    if solution and answer in last:
        return solution
    close = _CLOSES[language] + answer
    close += "" if close.endswith((".", "。", "!", "?")) else _STOPS[language]
    return f"{solution}\n{close}" if solution else close


def _mark(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)
