"""What a question says to someone who knows the seed files: its right answer, its worked solution, its labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from tilth.data.questions import choice_index
from tilth.generate.scripted.formula import show
from tilth.generate.scripted.known import Known, Shelf
from tilth.generate.scripted.wording import Step, take_apart, worked

LEAST, MOST = 1.0, 10.0  # the rubric's scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A question that could be read. `answer` is a text, never a letter."""

    items: tuple[Known, ...]
    bodies: tuple[str, ...]
    steps: tuple[Step, ...]
    hints: int
    answer: str
    lines: tuple[str, ...]  # of the solution
    difficulty: float  # planted

    @property
    def first(self) -> Known:
        """The question that the labels are taken from."""
        return self.items[0]


def read_question(text: str, shelf: Shelf, rise: float) -> Reading | None:
    """Look a question up; None where it is not made of known ones. The last few are kept: solvers are asked k times."""
    return _read(text, shelf, rise)


@lru_cache(maxsize=1024)
def _read(text: str, shelf: Shelf, rise: float) -> Reading | None:
    written = take_apart(text)
    answers: list[str] = []
    lines: list[str] = []
    items: list[Known] = []
    for body in written.bodies:
        found = _look_up(body, shelf)
        if found is None:
            return None
        items.append(found[0])
        answers.append(found[1])
        lines += found[2]
    if not items or (written.steps and (len(items) > 1 or items[0].number is None)):
        return None
    answer = "; ".join(answers)
    if written.steps:
        more, end = worked(written.steps, Fraction(answer))
        lines += more
        answer = show(end)
    return Reading(
        items=tuple(items),
        bodies=written.bodies,
        steps=written.steps,
        hints=written.hints,
        answer=answer,
        lines=tuple(lines),
        difficulty=difficulty_of(items, len(written.steps), written.hints, rise),
    )


def difficulty_of(items: Sequence[Known], steps: int, hints: int, rise: float) -> float:
    """The planted difficulty of what is made of known questions: of the hardest, and more with all that is added."""
    base = max(item.difficulty for item in items)
    return min(MOST, max(LEAST, base + rise * (len(items) - 1 + steps - hints)))


def option_of(answer: str, choices: Sequence[str]) -> int | None:
    """Which of the choices is the answer."""
    return choice_index(answer, choices) if answer not in choices else list(choices).index(answer)


def _look_up(body: str, shelf: Shelf) -> tuple[Known, str, list[str]] | None:
    item = shelf.exact(body)
    if item is not None:
        formula = shelf.formula(item) if item.number is not None else None
        solution = [item.solution] if item.solution and formula is None else []
        return item, item.answer, formula.lines({}) if formula is not None else solution
    found = shelf.varied(body)
    if found is None:
        return None
    item, formula, numbers = found
    results = formula.results(numbers)
    return None if not results else (item, show(results[-1]), formula.lines(numbers))
