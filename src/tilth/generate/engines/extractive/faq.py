"""FAQ: questions that the document answers, with its own sentences as answers.

Taken from question headings, forum threads, definitions and other facts of one sentence, headings, dialogue, articles
of law, and dated events. At least three distinct questions or a refusal. Answers are sentences of the source, whole;
none opens with a pronoun. Wording and layout are drawn from several, seeded.
"""

import random
import re
from collections.abc import Iterable

from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.pair import Pair
from tilth.generate.engines.extractive.questions_en import pairs_en
from tilth.generate.engines.extractive.questions_zh import pairs_zh
from tilth.generate.engines.extractive.sections import pairs_of_headings

LEAST, MOST = 3, 8  # questions


def faq(document: Document, draw: random.Random, room: int) -> str | None:
    """The FAQ as Markdown, at most about `room` characters, or None where fewer than three questions are answered."""
    of_sentences = pairs_zh if document.tongue.chinese else pairs_en
    candidates = [*pairs_of_headings(document, draw), *of_sentences(document, draw)]
    chosen = _choose(candidates, draw, room)
    return _layout(chosen, document, draw) if len(chosen) >= LEAST else None


def _choose(candidates: Iterable[Pair], draw: random.Random, room: int) -> list[Pair]:
    """The best pairs with distinct questions and answers, in the order of the document."""
    most = draw.randint(5, MOST)
    chosen: list[Pair] = []
    questions: set[str] = set()
    answers: set[str] = set()
    used = 0
    for pair in sorted(candidates, key=lambda pair: (pair.rank, pair.order)):
        key, opening = re.sub(r"[\W_]+", "", pair.question.lower()), pair.answer[:60]
        size = len(pair.question) + len(pair.answer) + 12
        if key in questions or opening in answers or used + size > room:
            continue
        questions.add(key)
        answers.add(opening)
        chosen.append(pair)
        used += size
        if len(chosen) == most:
            break
    return sorted(chosen, key=lambda pair: pair.order)


def _layout(pairs: list[Pair], document: Document, draw: random.Random) -> str:
    """One of several Markdown layouts; all name question and answer by mark or position."""
    say = document.tongue.say
    ask, reply, colon, gap = (say("问"), "答", "：", "") if document.tongue.chinese else ("Q", "A", ":", " ")
    style = draw.randrange(4)
    if style == 0:
        body = [f"**{ask}{colon}** {pair.question}\n\n**{reply}{colon}** {pair.answer}" for pair in pairs]
    elif style == 1:
        body = [f"### {pair.question}\n\n{pair.answer}" for pair in pairs]
    elif style == 2:
        body = [f"{ask}{colon}{gap}{pair.question}\n{reply}{colon}{gap}{pair.answer}" for pair in pairs]
    else:
        body = [f"**{ask}{colon}{gap}{pair.question}**\n\n{reply}{colon}{gap}{pair.answer}" for pair in pairs]
    return (_head(document, draw) if style in (1, 3) else "") + "\n\n".join(body)


def _head(document: Document, draw: random.Random) -> str:
    title = document.title
    if not title or len(title) > 80 or title.endswith(("?", "？")):
        return ""
    if document.tongue.chinese:
        return draw.choice((f"## {title}{document.tongue.say('：常见问题')}\n\n", ""))
    return draw.choice((f"## {title}: Frequently Asked Questions\n\n", f"## Questions and Answers: {title}\n\n", ""))
