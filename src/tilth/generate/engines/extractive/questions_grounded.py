"""Questions grounded in a document: a passage, a question about it, and an answer that stands in the passage.

Three kinds: a definition or another fact to be told from others of the same document, a figure to be put back into its
sentence, and a question answered by a sentence. Wrong options come from the same document. The passage is part of the
question, so that it can be answered from what it says alone; nothing is added to what the document says. Rules do not
make a question harder or of a grade: they ignore both.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.facts import facts
from tilth.generate.engines.extractive.pair import Pair
from tilth.generate.engines.extractive.quantities import quantities
from tilth.generate.engines.extractive.quantity import Quantity
from tilth.generate.engines.extractive.questions_en import pairs_en
from tilth.generate.engines.extractive.questions_zh import pairs_zh

BLANK = "____"
_PASSAGE = 900  # characters of a passage; longer paragraphs are cut to whole sentences around the answer
_CANDIDATES = 40  # questions that one is drawn from, the best kinds first
_OPTIONS = 4
_LEAST_OPTIONS = 3  # a definition among two would be a coin's throw
#: What stands before the question about a figure; `read_blank` finds it again.
_ASK_BLANK = {
    "en": "Which of the values completes this statement? ",
    "zh": "下面的陈述应填入哪一项？",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounded:
    """One question. `sentence` is the sentence of the passage that holds the answer; `choices` may be empty."""

    passage: str
    asked: str
    answer: str
    sentence: str
    choices: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The passage, a blank line, and what is asked."""
        return f"{self.passage}\n\n{self.asked}"


def grounded(document: Document, draw: random.Random, *, options: bool) -> Grounded | None:
    """A question drawn from those that the document has material for; None where it has none.

    `options`: only questions with choices count.
    """
    made = [*_figures(document, draw), *_facts(document, draw)]
    if options:
        made = [one for one in made if one.choices]
    draw.shuffle(made)
    return made[0] if made else None


def read_question(question: str) -> tuple[str, str] | None:
    """The passage and what is asked, of a question that `Grounded.question` wrote; None for any other."""
    passage, gap, asked = question.rpartition("\n\n")
    return (passage, asked) if gap and len(passage) >= 20 and asked.strip() else None


def read_blank(asked: str) -> str | None:
    """The statement with its blank, where a figure is asked for."""
    for lead in _ASK_BLANK.values():
        if asked.startswith(lead) and BLANK in asked:
            return asked.removeprefix(lead).strip()
    return None


def _figures(document: Document, draw: random.Random) -> Iterator[Grounded]:
    """A figure taken out of its sentence, with other figures of its kind beside it."""
    found = quantities(document)
    lead = _ASK_BLANK[document.tongue.name]
    for quantity in found[:_CANDIDATES]:
        sentence = quantity.sentence
        if quantity.kind == "year" or sentence.count(quantity.shown) != 1:
            continue
        passage = _passage_of(document, sentence)
        wrong = _other_figures(quantity, found, passage or "")
        if passage is None or len(wrong) < _LEAST_OPTIONS - 1:
            continue
        choices = [quantity.shown, *wrong[: _OPTIONS - 1]]
        draw.shuffle(choices)
        asked = document.tongue.say(lead) + sentence.replace(quantity.shown, BLANK)
        yield Grounded(passage=passage, asked=asked, answer=quantity.shown, sentence=sentence, choices=tuple(choices))


def _other_figures(quantity: Quantity, found: Sequence[Quantity], passage: str) -> list[str]:
    """Other figures of the document, those of the same kind and unit first; written as they stand there."""
    others = [one for one in found if one.shown != quantity.shown and one.kind != "year"]
    others.sort(key=lambda one: ((one.kind, one.unit) != (quantity.kind, quantity.unit), one.shown in passage))
    return list(dict.fromkeys(one.shown for one in others))


def _facts(document: Document, draw: random.Random) -> Iterator[Grounded]:
    """Questions that a sentence answers; definitions with the document's other definitions as choices."""
    chinese = document.tongue.chinese
    of_sentences = pairs_zh if chinese else pairs_en
    pairs = sorted(of_sentences(document, draw), key=lambda pair: (pair.rank, pair.order))[:_CANDIDATES]
    stated = [fact.sentence for fact in facts(document)]
    for pair in pairs:
        sentence = _first(pair, stated, chinese)
        passage = _passage_of(document, sentence)
        if passage is None or passage == sentence:
            continue
        others = [other for other in stated if other != sentence and len(other) <= 2 * len(sentence) + 40]
        draw.shuffle(others)
        choices: list[str] = []
        if len(others) >= _LEAST_OPTIONS - 1 and pair.rank == 0:
            choices = [sentence, *others[: _OPTIONS - 1]]
            draw.shuffle(choices)
        yield Grounded(passage=passage, asked=pair.question, answer=sentence, sentence=sentence, choices=tuple(choices))


def _first(pair: Pair, stated: Sequence[str], chinese: bool) -> str:
    """The sentence of the pair's answer that states the fact: an answer may go on with the next sentence."""
    known = next((sentence for sentence in stated if pair.answer.startswith(sentence)), None)
    return known or sentences.split(pair.answer, chinese)[0]


def _passage_of(document: Document, sentence: str) -> str | None:
    """The paragraph that the sentence stands in, or the whole sentences around it; None where it stands in none."""
    for _, block in document.paragraphs():
        if sentence not in block.sentences:
            continue
        # a sentence in lower case is the end of one that a formula or a cut parted
        clear = [one for one in block.sentences if sentences.clear(one) and not one[:1].islower()]
        if sentence not in clear or len(clear) < 2:
            return None
        first = last = clear.index(sentence)
        size = len(sentence)
        while True:  # take in a neighbour at a time, the one before first, as long as there is room
            before = clear[first - 1] if first else None
            after = clear[last + 1] if last + 1 < len(clear) else None
            if before is not None and size + len(before) <= _PASSAGE:
                first, size = first - 1, size + len(before)
            elif after is not None and size + len(after) <= _PASSAGE:
                last, size = last + 1, size + len(after)
            else:
                break
        joined = ("" if document.tongue.chinese else " ").join(clear[first : last + 1])
        return joined if last > first else None
    return None
