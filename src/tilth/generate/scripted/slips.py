"""Plausible wrong answers: another option, a number that a slip would give, the answer to another question."""

import random
from collections.abc import Sequence
from fractions import Fraction

from tilth.generate.scripted.formula import Value, number_of, show
from tilth.generate.scripted.known import Known, Shelf, fold

_LOOKED_AT = 24  # known questions that a wrong text is drawn from


def wrong_number(right: Value, draw: random.Random) -> Value:
    """Off by one, by ten, by a factor of two, or with two operands taken the wrong way round."""
    half = right / 2
    slips = (right + 1, right - 1, right * 2, right + 10, half if half.denominator == 1 else right + 2, right * 10)
    chosen = draw.choice(slips)
    return chosen if chosen != right else right + 3


def wrong_texts(item: Known, shelf: Shelf, count: int, draw: random.Random) -> list[str]:
    """Up to `count` distinct answers that are wrong for `item`: its own options, and answers to questions like it."""
    seen = {fold(item.answer), ""}
    found: list[str] = []
    if item.number is not None:
        while len(found) < count:
            text = show(wrong_number(item.number + len(found) * draw.randint(1, 3), draw))
            if fold(text) not in seen:
                seen.add(fold(text))
                found.append(text)
        return found
    alike = shelf.like(item)
    others = [draw.choice(alike).answer for _ in range(min(_LOOKED_AT, len(alike)))]
    own = list(item.choices or ())
    draw.shuffle(own)
    for text in [*own[:1], *others, *own[1:]]:  # one of its own keeps the options close, the others make them new
        if fold(text) not in seen and len(found) < count:
            seen.add(fold(text))
            found.append(text)
    return found


def wrong_answer(right: str, choices: Sequence[str], item: Known, shelf: Shelf, draw: random.Random) -> str:
    """One wrong answer to a question whose right answer is the text `right`."""
    others = [choice for choice in choices if fold(choice) != fold(right)]
    if others:
        return draw.choice(others)
    number = number_of(right)
    if number is not None:
        return show(wrong_number(Fraction(number), draw))
    found = wrong_texts(item, shelf, 1, draw)
    return found[0] if found else right[::-1]
