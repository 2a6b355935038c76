"""The two calls that judge a question inside the hardening loop: how hard it is, and whether it can be solved."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tilth.answers.check import check
from tilth.answers.vote import vote
from tilth.difficulty.rubric import LEAST, MOST, STEP
from tilth.generate.request import Completion
from tilth.synth.questions.answers import Parsed
from tilth.synth.questions.ask import Ask
from tilth.synth.questions.loose import broken, objects
from tilth.synth.questions.material import lettered, shown
from tilth.synth.questions.seeds import Seed

#: What a rating has to be; reasons come first, so that the number follows from them.
RATING_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "reasons": {"type": "string"},
        "difficulty": {"type": "number", "minimum": LEAST, "maximum": MOST},
        "grade": {"type": "string"},
        "discipline": {"type": "string"},
        "field": {"type": "string"},
    },
    "required": ["difficulty", "grade"],
}
_NUMBER = re.compile(r"\d{1,2}(?:\.\d{1,3})?")
_GRADE = re.compile(r"\bG([1-5C])\b", re.IGNORECASE)
_SOLVE = {
    ("en", False): "State the final answer in full.",
    ("en", True): "Choose one of the options and name its letter.",
    ("zh", False): "完整写出最终答案。",
    ("zh", True): "从选项中选择一个，写出其字母。",
}


@dataclass(frozen=True, slots=True)
class Rating:
    """One vote: a difficulty on the rubric's scale in halves, and a grade where one was named."""

    difficulty: float
    grade: str | None


@dataclass(frozen=True, slots=True)
class Solved:
    """What independent answers say of a question: how many agree with its own, and whether most say something else."""

    agreed: int
    tried: int
    contradicted: bool
    other: str | None  # what most of them answered, where it is another answer


def rate_ask(seed: Seed, parsed: Parsed, anchors: Sequence[tuple[float, str]]) -> Ask:
    """Ask how hard a question is. The temperature is 0: votes differ by their wording."""
    document = {
        "language": seed.language,
        "question": parsed.question,
        "choices": list(parsed.choices) if parsed.choices else None,
        "answer": parsed.answer,
        "solution": parsed.solution,
        "anchors": [{"level": level, "question": problem} for level, problem in anchors],
    }
    brief = "\n".join(f"{level:g}: {problem}" for level, problem in anchors)
    return Ask(
        task="annotate",
        document=document,
        material=shown(document, seed.language),
        brief=brief,
        schema=RATING_SCHEMA,
        temperature=0.0,
    )


def solve_ask(seed: Seed, parsed: Parsed) -> Ask:
    """Ask for an answer; the solver sees neither answer nor solution."""
    choices = list(parsed.choices) if parsed.choices else None
    document = {"language": seed.language, "question": parsed.question, "choices": choices, "context": None}
    material = parsed.question + (f"\n\n{lettered(choices)}" if choices else "")
    return Ask(
        task="solve",
        document=document,
        material=material,
        brief=_SOLVE[seed.language, bool(choices)],
    )


def read_rating(completion: Completion) -> Rating | None:
    """A vote, None where the answer holds no difficulty from 1 to 10."""
    keys = ("difficulty", "grade")
    value = next(objects(completion.text, keys), None) or broken(completion.text, keys)[0]
    number = _difficulty(value.get("difficulty"))
    if number is None or not LEAST <= number <= MOST:
        return None
    grade = _GRADE.search(str(value.get("grade"))[:80])
    return Rating(round(number / STEP) * STEP, f"G{grade[1].upper()}" if grade else None)


def judge_answers(parsed: Parsed, answers: Sequence[str]) -> Solved:
    """Compare independent answers with the question's own. Takes up to 2 s an answer that is mathematics."""
    options = parsed.choices or ()
    agreed = sum(
        check(answer, [parsed.answer], options=options).correct is True for answer in answers if answer.strip()
    )
    said = vote(answers, options=options) if answers else None
    other = None
    if said is not None and said.answer is not None and said.share > 0.5:
        same = check(said.answer, [parsed.answer], options=options).correct
        other = None if same else said.answer
    return Solved(agreed=agreed, tried=len(answers), contradicted=other is not None, other=other)


def _difficulty(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = _NUMBER.search(value[:40]) if isinstance(value, str) else None
    return float(found[0]) if found else None
