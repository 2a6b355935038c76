"""The scripted solver, annotator and refiner: they look a question up, and err at the planted rates."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tilth.base.random import stream
from tilth.generate.scripted.formula import number_of
from tilth.generate.scripted.known import Shelf, bin_of, fold
from tilth.generate.scripted.reading import LEAST, MOST, Reading, option_of, read_question
from tilth.generate.scripted.settings import Scripted, Skill
from tilth.generate.scripted.slips import wrong_answer

_LINES = 12  # of a solution that an answer shows
_VERDICTS = ("correct", "incorrect", "cannot tell")


def chance(skill: Skill, reading: Reading) -> float:
    """The planted probability of a right answer."""
    discipline = reading.first.discipline
    planted = skill.cells.get(f"{discipline}/D{bin_of(reading.difficulty)}")
    if planted is not None:
        return planted
    logit = skill.ability + skill.disciplines.get(discipline, 0.0) - skill.slope * (reading.difficulty - skill.middle)
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))


def solve(given: Mapping[str, Any], settings: Scripted, shelf: Shelf, draw: random.Random, name: str) -> str | None:
    """Reasoning and a last line with the answer; None for a question that is not known. `name` is the solver's."""
    question, choices = text_of(given, "question"), choices_of(given)
    reading = read_question(question, shelf, settings.rise)
    if reading is None:
        return None
    right = draw.random() < chance(settings.skill, reading)
    answer = reading.answer
    if not right:
        # the common slip is a function of the question and the solver, so that wrong answers agree with each other
        common = draw.random() < settings.skill.common_slip
        slip = stream(0, "scripted", "slip", name, fold(question)) if common else draw
        answer = wrong_answer(reading.answer, choices, reading.first, shelf, slip)
    chinese = text_of(given, "language").startswith("zh")
    shown = list(reading.lines[:_LINES]) if right else []
    return "\n".join([*shown, ("答案：" if chinese else "Answer: ") + lettered(answer, choices)])


def annotate(given: Mapping[str, Any], settings: Scripted, shelf: Shelf, draw: random.Random) -> dict[str, Any] | None:
    """The planted labels and noise; None for a question that is not known."""
    reading = read_question(text_of(given, "question"), shelf, settings.rise)
    if reading is None:
        return None
    noisy = reading.difficulty + draw.gauss(0.0, settings.annotator.noise)
    difficulty = min(MOST, max(LEAST, round(2 * noisy) / 2))
    discipline, field = reading.first.discipline, reading.first.field
    if draw.random() < settings.annotator.confusion:
        others = [name for name in shelf.disciplines if name != discipline]
        discipline, field = (draw.choice(others), None) if others else (discipline, field)
    return {
        "difficulty": difficulty,
        "grade": grade_of(difficulty, settings),
        "discipline": discipline,
        "field": field or "",
    }


def refine(given: Mapping[str, Any], settings: Scripted, shelf: Shelf, draw: random.Random) -> dict[str, Any]:
    """The question as it was; a wrong answer is mended at the planted rate."""
    question, choices = text_of(given, "question"), choices_of(given)
    answer, solution = text_of(given, "answer"), text_of(given, "solution")
    reading = read_question(question, shelf, settings.rise)
    changed: list[str] = []
    if (
        reading is not None
        and not same_answer(answer, reading.answer, choices)
        and draw.random() < settings.author.repairs
    ):
        answer = lettered(reading.answer, choices)
        solution = "\n".join([*reading.lines, reading.answer])
        changed = ["answer", "reasoning"]
    found: dict[str, Any] = {"question": question, "answer": answer, "solution": solution or answer}
    if choices:
        found["choices"] = list(choices)
    note = "the answer was wrong" if changed else "nothing to mend"
    return {**found, "unanswerable": False, "changed": changed, "note": note}


def judge(given: Mapping[str, Any], settings: Scripted, shelf: Shelf) -> dict[str, Any]:
    """Whether the question can be read and, where it has options, whether the right answer is one of them."""
    reading = read_question(text_of(given, "question"), shelf, settings.rise)
    choices = choices_of(given)
    if reading is None:
        return {"valid": False, "reason": "not made of known questions"}
    if choices and option_of(reading.answer, choices) is None:
        return {"valid": False, "reason": "the right answer is none of the options"}
    return {"valid": True, "reason": "it has one right answer"}


def judge_answer(given: Mapping[str, Any], settings: Scripted, draw: random.Random) -> str:
    """Whether a free-text answer says what the reference says: the same words do; it errs at the planted rates."""
    right = fold(text_of(given, "stated")) == fold(text_of(given, "reference"))
    words = ("正确", "错误", "无法判断") if text_of(given, "language").startswith("zh") else _VERDICTS
    if draw.random() < settings.judge.undecided:
        word = words[2]
    else:
        word = words[0] if right != (draw.random() < settings.judge.errors) else words[1]
    return f"结论：{word}" if words is not _VERDICTS else f"VERDICT: {word}"


def grade_of(difficulty: float, settings: Scripted) -> str:
    """The grade whose difficulty is nearest."""
    return min(settings.grades, key=lambda grade: abs(settings.grades[grade] - difficulty))


def same_answer(stated: str, right: str, choices: Sequence[str]) -> bool:
    """Whether a stated answer is the right one: the same option, number or text."""
    if choices:
        return option_of(stated, choices) == option_of(right, choices)
    numbers = number_of(stated), number_of(right)
    return numbers[0] == numbers[1] if None not in numbers else fold(stated) == fold(right)


def lettered(answer: str, choices: Sequence[str]) -> str:
    """The letter of an answer that is one of the choices, else the answer."""
    place = option_of(answer, choices) if choices else None
    return answer if place is None or place >= 26 else chr(ord("A") + place)


def text_of(given: Mapping[str, Any], name: str) -> str:
    """A part of the structured input as text; "" for what is none."""
    value = given.get(name)
    return value if isinstance(value, str) else ""


def choices_of(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The options of the structured input; none where they are no list of texts."""
    value = given.get("choices")
    return tuple(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else ()
