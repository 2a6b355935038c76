"""Reads a rendered prompt back, so that the scripted engine can stand behind a server of the OpenAI API.

A server is given messages and no structured input, as a model is. The frame of each shipped prompt tells the task and
where the material stands; the material's headings tell its parts. What is read back is what the script needs: question,
choices, answer, solution, what is asked for. Guarantees: never raises whatever the messages hold; a prompt that is none
of the shipped ones is no task. A question with a passage before it is read as one text, since nothing divides the two,
and a question that itself holds our headings is read wrongly: this is for tests and dry runs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import tilth.prompts
from tilth.generate.scripted.settings import Scripted
from tilth.prompts.prompt import load_prompt

#: Name of a prompt, without its language -> the task that its stage names.
TASKS: Mapping[str, str] = {
    "question_grade": "synthesize.grade",
    "question_harden": "synthesize.harden",
    "question_linked": "synthesize.linked",
    "question_logic": "synthesize.logic",
    "question_extract_logic": "synthesize.extract_logic",
    "question_solve": "solve",
    "question_rate": "annotate",
    "annotate": "annotate",
    "refine": "refine",
    "solve": "solve",
    "judge_question": "judge.question",
    "judge_answer": "judge.answer",
}
_FOLDERS = ("questions", "label", "refine", "solve", "judge")
#: Headings of the questions' prompts, in both languages, and the part that each one opens.
_LABELS = {
    "Context": "context", "Question": "question", "Choices": "choices", "Answer": "answer", "Solution": "solution",
    "Text": "text", "Design logic": "logic", "Material": "material",
    "背景": "context", "题目": "question", "选项": "choices", "答案": "answer", "解答": "solution",
    "文本": "text", "命题思路": "logic", "材料": "material",
}  # fmt: skip
_LABEL = re.compile(r"(?:^|\n\n)(" + "|".join(_LABELS) + r")(?: (\d{1,2}))?[:：]\n")
#: Headings of the other prompts: `## NAME` on a line of its own.
_HEADINGS = {
    "ANSWER": "answer", "答案": "answer", "SOLUTION": "solution", "解答": "solution",
    "QUESTION": "question", "REFERENCE ANSWER": "reference", "ANSWER TO JUDGE": "stated",
}  # fmt: skip
_HEADING = re.compile(r"(?:^|\n+)## (" + "|".join(_HEADINGS) + r")\n")
_OPTION = re.compile(r"^([A-Z])\. (.*)$")
_ASKED = re.compile(r"^([^:：\n]{1,60})(?:: |：)(.+)$", re.MULTILINE)
_REACH = ("Difficulty to reach, from 1 to 10", "目标难度（1 到 10）")
_LEVEL = ("Level", "等级")


@dataclass(frozen=True, slots=True)
class Frame:
    """One shipped prompt: the texts before the material, right after it, and at the end."""

    task: str
    chinese: bool
    labelled: bool  # the material has the headings of the questions' prompts
    before: str
    after: str
    end: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A task and its structured input, as a stage would have given them."""

    task: str
    given: Mapping[str, Any]


def read_chat(messages: Sequence[Mapping[str, Any]], settings: Scripted) -> Asked | None:
    """The first turn that one of the shipped prompts made; None where none did. Later turns ask for it again."""
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        if not isinstance(content, str):
            continue
        fitting = [one for one in _frames() if content.startswith(one.before) and content.endswith(one.end)]
        if fitting:
            return _read(content, max(fitting, key=lambda one: len(one.end)), settings)
    return None


@cache
def _frames() -> tuple[Frame, ...]:
    return tuple(_all_frames())


def _all_frames() -> Iterator[Frame]:
    root = Path(tilth.prompts.__file__).parent
    for folder in _FOLDERS:
        for path in sorted((root / folder).glob("*.md")):
            task = TASKS.get(path.stem.removesuffix("_zh"))
            if task is None:
                continue
            prompt = load_prompt(path)
            template = prompt.messages[-1][1]
            plain = path.stem.startswith("question_solve") or folder != "questions"
            yield Frame(task, prompt.language == "zh", not plain, template[0], template[2], template[-1])


def _read(content: str, frame: Frame, settings: Scripted) -> Asked:
    material, _, order = content[len(frame.before) : len(content) - len(frame.end)].rpartition(frame.after)
    given: dict[str, Any] = {"language": "zh" if frame.chinese else "en"}
    asked = {name.strip(): value.strip() for name, value in _ASKED.findall(order)}
    difficulty = next((_number(asked[name]) for name in _REACH if name in asked), None)
    if difficulty is not None:
        given["difficulty"] = difficulty
    level = next((asked[name] for name in _LEVEL if name in asked), "")
    if level in settings.levels:
        given["grade"] = settings.levels[level]
    parts = _labelled(material) if frame.labelled else [_headed(material)]
    if frame.task == "synthesize.grade":
        return Asked(frame.task, {**given, "seed": parts[0]})
    if frame.task == "synthesize.linked":
        return Asked(frame.task, {**given, "seeds": parts})
    return Asked(frame.task, {**given, **parts[0]})


def _labelled(material: str) -> list[dict[str, Any]]:
    """The parts of one question or text, or of several that are numbered."""
    pieces = _LABEL.split(material)
    groups: list[dict[str, Any]] = [{}]
    for name, number, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        part = _LABELS[name]
        if part == "question" and number is not None and groups[-1]:
            groups.append({})
        groups[-1][part] = _options(text) if part == "choices" else text
    return groups


def _headed(material: str) -> dict[str, Any]:
    """A question with lettered choices below it, and parts under headings."""
    pieces: list[str] = _HEADING.split(material)
    found: dict[str, Any] = {}
    for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
        found[_HEADINGS[name]] = text
    question: str = found.get("question", pieces[0])
    body, divider, last = question.rpartition("\n\n")
    choices = _options(last) if divider else []
    return {**found, "question": body if choices else question, **({"choices": choices} if choices else {})}


def _options(text: str) -> list[str]:
    """Lettered lines from A on; none where any line is something else."""
    lines = text.split("\n")
    found = [_OPTION.match(line) for line in lines]
    if len(lines) < 2 or any(one is None or ord(one[1]) - 65 != at for at, one in enumerate(found)):
        return []
    return [one[2] for one in found if one is not None]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
