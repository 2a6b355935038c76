"""The scripted author: new questions from known ones, as hard as asked for, and as wrong and too easy as planted.

Worked arithmetic gets other numbers, and more steps to be harder; other questions get other options, and company from
their discipline to be harder; both get hints to be easier. The right answer and the true difficulty follow from the
text, so that whoever knows the seed files can tell them. Costs about 0.15 ms a question.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from tilth.generate.scripted.formula import put, vary
from tilth.generate.scripted.known import Known, Shelf, fold
from tilth.generate.scripted.reading import Reading, difficulty_of, read_question
from tilth.generate.scripted.settings import Mechanism, Scripted
from tilth.generate.scripted.slips import wrong_answer, wrong_texts
from tilth.generate.scripted.solver import lettered, text_of
from tilth.generate.scripted.wording import (
    MOST_HINTS,
    MOST_ITEMS,
    MOST_STEPS,
    Step,
    hints_for,
    put_together,
)

_SIGN = re.compile(r"[\u4e00-\u9fff]")
_OPTIONS = 4
_PARTNERS = 24  # known questions looked at for one that makes a question as hard as asked for
_LARGEST = 10**8  # results beyond it are only added to


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of the author."""

    mechanism: Mechanism
    readings: tuple[Reading, ...]  # of the seeds, the first one's form decides
    difficulty: float
    chinese: bool
    options: bool  # a question with choices is asked for
    before: str = ""  # the text that the new question must not repeat


def order_of(task: str, given: Mapping[str, Any], settings: Scripted, shelf: Shelf, *, options: bool) -> Order | None:
    """Read the structured input; None where a seed is not made of known questions, or is of another language."""
    mechanism = task.removeprefix("synthesize.")
    texts: list[str] = []
    if mechanism == "grade":
        texts = [_text_in(given.get("seed"))]
    elif mechanism == "linked":
        seeds = given.get("seeds")
        texts = [_text_in(one) for one in seeds[:MOST_ITEMS]] if isinstance(seeds, list) else []
    elif mechanism == "harden":
        texts = [text_of(given, "question")]
    elif mechanism == "logic":
        texts = [_text_in(given.get("material"))]
    readings = [read_question(text, shelf, settings.rise) for text in texts]
    known = tuple(reading for reading in readings if reading is not None)
    chinese = text_of(given, "language").startswith("zh")
    if not known or len(known) < len(texts) or any(_chinese(one.bodies[0]) != chinese for one in known):
        return None
    if mechanism not in ("grade", "harden", "linked", "logic"):
        return None
    return Order(
        mechanism=cast(Mechanism, mechanism),
        readings=known,
        difficulty=_asked(given, known, settings),
        chinese=chinese,
        options=options,
        before=texts[0],
    )


def write(order: Order, settings: Scripted, shelf: Shelf, draw: random.Random) -> dict[str, Any]:
    """The answer to a `synthesize` task."""
    lapse = draw.random() < settings.author.too_easy.get(order.mechanism, 0.0)
    target = order.difficulty - (settings.author.too_easy_by if lapse else 0.0)
    items = [item for reading in order.readings for item in reading.items][:MOST_ITEMS]
    copied = _copied(items[0], settings, shelf, draw)
    if copied is not None:
        text, options = copied.question, order.options or copied.choices is not None
    elif len(items) == 1 and items[0].number is not None and not items[0].choices:
        text = _arithmetic(order, items[0], target, settings, shelf, draw)
        options = order.options
    else:
        text = _recombined(order, items, target, settings, shelf, draw)
        options = True
    reading = read_question(text, shelf, settings.rise)
    assert reading is not None, "what the author writes can be read again"
    choices = _options(reading, shelf, draw) if options else ()
    return _stated(reading, text, choices, order.chinese, settings, shelf, draw)


def extract_logic(given: Mapping[str, Any], settings: Scripted, shelf: Shelf) -> dict[str, Any] | None:
    """How a known question is built, as far as its parts tell it."""
    reading = read_question(text_of(given, "question"), shelf, settings.rise)
    if reading is None:
        return None
    parts = (
        f"{len(reading.items)} question(s), {len(reading.lines)} line(s) of working, {len(reading.steps)} more step(s)"
    )
    points = [reading.first.discipline, *([reading.first.field] if reading.first.field else [])]
    return {"logic": f"Work out each part in order and join the results: {parts}.", "points": points}


def _arithmetic(order: Order, item: Known, target: float, settings: Scripted, shelf: Shelf, draw: random.Random) -> str:
    """Other numbers, and steps or hints until it is as hard as it should be."""
    reading = order.readings[0]
    body = reading.bodies[0]
    formula = shelf.formula(item)
    numbers = vary(formula, draw) if formula is not None else None
    if numbers is not None:
        body = put(item.question, numbers)
    lift = round((target - item.difficulty) / settings.rise)
    steps = list(reading.steps[: max(0, lift)])
    wanted = min(max(lift, 0), MOST_STEPS)
    base = read_question(body, shelf, settings.rise)
    assert base is not None, "a known question with other numbers can be read again"
    value = abs(int(Fraction(base.answer))) if base.first.number is not None else 0
    while len(steps) < wanted:
        steps.append(_step(value, draw))
        value = min(_LARGEST, value * steps[-1].by if steps[-1].sign == "*" else value + steps[-1].by)
    if numbers is None and not steps and lift >= 0:
        steps.append(_step(value, draw))  # without other numbers and without a step it would be the seed itself
    text = put_together([body], steps, (), lead=False, chinese=order.chinese)
    return _with_hints(text, -lift, settings, shelf, order, draw)


def _recombined(
    order: Order, items: list[Known], target: float, settings: Scripted, shelf: Shelf, draw: random.Random
) -> str:
    """Other options; company where it should be harder, hints where it should be easier."""
    while len(items) > 1 and order.mechanism == "harden" and difficulty_of(items, 0, 0, settings.rise) > target:
        items.pop()
    while len(items) < MOST_ITEMS and target - difficulty_of(items, 0, 0, settings.rise) >= settings.rise / 2:
        partner = _partner(items, target, settings, shelf, draw)
        if partner is None:
            break
        items.append(partner)
    bodies = [" ".join(item.question.split()) if len(items) > 1 else item.question for item in items]
    text = put_together(bodies, (), (), lead=True, chinese=order.chinese)
    spare = round((difficulty_of(items, 0, 0, settings.rise) - target) / settings.rise)
    return _with_hints(text, spare, settings, shelf, order, draw)


def _copied(item: Known, settings: Scripted, shelf: Shelf, draw: random.Random) -> Known | None:
    """Another known question of the discipline, at the planted rate; None where none is planted."""
    if not settings.author.copies or draw.random() >= settings.author.copies:
        return None
    others = [one for one in shelf.like(item) if one is not item and _chinese(one.question) == _chinese(item.question)]
    return draw.choice(others) if others else None


def _partner(
    items: Sequence[Known], target: float, settings: Scripted, shelf: Shelf, draw: random.Random
) -> Known | None:
    """Another question of the discipline: of those looked at, the one that brings the set closest to the target."""
    alike = shelf.like(items[0])
    taken = {id(item) for item in items}
    looked_at = [draw.choice(alike) for _ in range(min(_PARTNERS, len(alike)))]
    fresh = [one for one in looked_at if id(one) not in taken and _chinese(one.question) == _chinese(items[0].question)]
    rise = settings.rise
    return min(fresh, key=lambda one: abs(difficulty_of([*items, one], 0, 0, rise) - target), default=None)


def _with_hints(text: str, count: int, settings: Scripted, shelf: Shelf, order: Order, draw: random.Random) -> str:
    """The text with as many hints as make it that much easier; at least one where it would repeat the text before."""
    reading = read_question(text, shelf, settings.rise)
    assert reading is not None, "what the author writes can be read again"
    count = min(MOST_HINTS, max(count, 0))
    if reading.first.number is not None and len(reading.items) == 1:
        wrong = [wrong_answer(reading.answer, (), reading.first, shelf, draw) for _ in range(count + 1)]
    else:
        wrong = wrong_texts(reading.first, shelf, count + 1, draw)
    distinct = [one for one in dict.fromkeys(wrong) if fold(one) != fold(reading.answer)]
    hinted = text
    for more in (count, count + 1):
        hinted = "\n".join([text, *hints_for(reading.answer, distinct, more, chinese=order.chinese)])
        if fold(hinted) != fold(order.before):
            break
    return hinted


def _options(reading: Reading, shelf: Shelf, draw: random.Random) -> tuple[str, ...]:
    """The right answer among wrong ones; of a list of questions, combinations that are partly right."""
    right = reading.answer
    found = {fold(right): right}
    if len(reading.items) == 1:
        count = _OPTIONS - 1
        wrong = (
            [wrong_answer(right, (), reading.first, shelf, draw) for _ in range(3 * count)]
            if reading.first.number is not None
            else wrong_texts(reading.first, shelf, count, draw)
        )
    else:
        wrong = [_partly(reading, shelf, draw) for _ in range(3 * _OPTIONS)]
    for text in wrong:
        if len(found) < _OPTIONS:
            found.setdefault(fold(text), text)
    options = list(found.values())
    draw.shuffle(options)
    return tuple(options)


def _partly(reading: Reading, shelf: Shelf, draw: random.Random) -> str:
    parts = [item.answer for item in reading.items]
    for place in draw.sample(range(len(parts)), draw.randint(1, len(parts))):
        parts[place] = wrong_answer(parts[place], reading.items[place].choices or (), reading.items[place], shelf, draw)
    return "; ".join(parts)


def _stated(
    reading: Reading,
    text: str,
    choices: Sequence[str],
    chinese: bool,
    settings: Scripted,
    shelf: Shelf,
    draw: random.Random,
) -> dict[str, Any]:
    """The question with its answer, which is wrong at the planted rate."""
    answer = reading.answer
    if draw.random() < settings.author.wrong:
        answer = wrong_answer(answer, choices, reading.first, shelf, draw)
    last = f"答案是{answer}。" if chinese else f"So the answer is {answer}."
    found: dict[str, Any] = {
        "question": text,
        "answer": lettered(answer, choices),
        "solution": "\n".join([*reading.lines, last]),
    }
    if choices:
        found["choices"] = list(choices)
    return found


def _step(value: int, draw: random.Random) -> Step:
    """One more step that keeps the value positive and of a size to reckon with."""
    sign = draw.choice(("*", "+", "-") if value < 10_000 else ("+", "-"))
    if sign == "*":
        return Step("*", draw.randint(2, 9))
    if sign == "-" and value > 12:
        return Step("-", draw.randint(3, min(99, value - 1)))
    return Step("+", draw.randint(3, 99))


def _asked(given: Mapping[str, Any], readings: Sequence[Reading], settings: Scripted) -> float:
    """The difficulty asked for: by number, by grade, else one step above the hardest seed."""
    number = given.get("difficulty")
    if isinstance(number, int | float) and not isinstance(number, bool):
        return min(10.0, max(1.0, float(number)))
    grade = settings.grades.get(text_of(given, "grade"))
    return grade if grade is not None else min(10.0, max(one.difficulty for one in readings) + settings.rise)


def _text_in(value: Any) -> str:
    """The question of a seed, or the text of a material."""
    if isinstance(value, str):
        return value
    return (text_of(value, "question") or text_of(value, "text")) if isinstance(value, Mapping) else ""


def _chinese(text: str) -> bool:
    if text.isascii():
        return False
    return 5 * len(_SIGN.findall(text[:400])) > min(len(text), 400)  # a fifth, as the stages tell Chinese
