"""FAQ: questions that the document answers, with its own sentences as answers.

Taken from question headings, forum threads, definitions and other facts of one sentence, headings, dialogue, articles of
law, and dated events. At least three distinct questions or a refusal. Answers are sentences of the source, whole; none
opens with a pronoun. Wording and layout are drawn from several, seeded.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.facts import Fact, facts, year_of
from tilth.generate.engines.extractive.headings import GENERIC, heading_question
from tilth.generate.engines.extractive.structure import Block, Document, Section

LEAST, MOST = 3, 8  # questions
ROOM = 900  # characters of one answer


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer; `rank` orders kinds by worth (0 best), `order` by place in the document."""

    question: str
    answer: str
    rank: int
    order: int


def faq(document: Document, draw: random.Random, room: int) -> str | None:
    """The FAQ as Markdown, at most about `room` characters, or None where fewer than three questions are answered."""
    chosen = _choose(_candidates(document, draw), draw, room)
    if len(chosen) < LEAST:
        return None
    return _layout(chosen, document, draw)


def _candidates(document: Document, draw: random.Random) -> Iterator[Pair]:
    chinese = document.tongue.chinese
    yield from _questions_in_headings(document)
    found = facts(document)
    for fact in found:
        question = _ask_zh(fact, document, draw) if chinese else _ask(fact, document, draw)
        if question:
            yield Pair(question, _answer_of(fact, chinese), _RANK.get(fact.kind, 2), 10 * fact.order)
    yield from _headings(document, draw)
    if chinese:
        yield from _articles(document, draw)
        yield from _dialogue(document)
        yield from _bitext(document, draw)
    else:
        yield from _events(document, draw)


_RANK = {"define": 0, "person": 0, "classic": 0, "where": 1, "when": 1, "cause": 1, "use": 1, "known": 1}


def _choose(candidates: Iterator[Pair], draw: random.Random, room: int) -> list[Pair]:
    """The best pairs with distinct questions and answers, in the order of the document."""
    chosen: list[Pair] = []
    questions: set[str] = set()
    answers: set[str] = set()
    used = 0
    for pair in sorted(candidates, key=lambda pair: (pair.rank, pair.order)):
        key, opening = _key(pair.question), pair.answer[:60]
        size = len(pair.question) + len(pair.answer) + 12
        if key in questions or opening in answers or used + size > room:
            continue
        questions.add(key)
        answers.add(opening)
        chosen.append(pair)
        used += size
        if len(chosen) == MOST:
            break
    keep = min(len(chosen), draw.randint(5, MOST))
    return sorted(chosen[:keep], key=lambda pair: pair.order)


def _key(question: str) -> str:
    return re.sub(r"[\W_]+", "", question.lower())


def _layout(pairs: list[Pair], document: Document, draw: random.Random) -> str:
    """One of several Markdown layouts; all name question and answer by mark or position."""
    chinese = document.tongue.chinese
    style = draw.randrange(4)
    ask, reply = ("问", "答") if chinese else ("Q", "A")
    ask, colon = document.tongue.say(ask), "：" if chinese else ": "
    if style == 0:
        body = [f"**{ask}{colon}{pair.question}**\n\n{reply}{colon}{pair.answer}" for pair in pairs]
    elif style == 1:
        body = [f"### {pair.question}\n\n{pair.answer}" for pair in pairs]
    elif style == 2:
        body = [f"{ask}{colon}{pair.question}\n{reply}{colon}{pair.answer}" for pair in pairs]
    else:
        body = [f"**{number}. {pair.question}**\n\n{pair.answer}" for number, pair in enumerate(pairs, 1)]
    head = _head(document, draw) if style in (1, 3) else ""
    return head + "\n\n".join(body)


def _head(document: Document, draw: random.Random) -> str:
    title = document.title
    if not title or len(title) > 80:
        return ""
    if document.tongue.chinese:
        return f"## {title}：{document.tongue.say('常见问题')}\n\n"
    return draw.choice((f"## {title}: Frequently Asked Questions\n\n", f"## Questions and Answers: {title}\n\n", ""))


# ---- from headings ----


def _questions_in_headings(document: Document) -> Iterator[Pair]:
    """Headings that are questions, and forum titles whose answers stand under headings of their own."""
    title = document.title
    asked = title.endswith(("?", "？"))
    for index, section in enumerate(document.sections):
        heading = section.heading
        if heading.endswith(("?", "？")) and len(heading) <= 160 and heading.lower() != title.lower():
            answer = opening(section, document, 3)
            if answer:
                yield Pair(_capital(strip_number(heading)), answer, 0, index * 1000 + _place(document, section))
        elif asked and heading.lower().startswith("answer") and index < 3:
            answer = opening(section, document, 3, lenient=True)
            if answer:
                yield Pair(_capital(title), answer, 0, 0)


def _headings(document: Document, draw: random.Random) -> Iterator[Pair]:
    """A question for each heading whose section opens with sentences that stand alone."""
    for section in document.sections:
        if not section.heading or section.heading.endswith(("?", "？")):
            continue
        question = heading_question(section.heading, document, draw)
        answer = opening(section, document, draw.randint(1, 3)) if question else ""
        if question and answer:
            generic = section.heading.lower() in GENERIC
            yield Pair(question, answer, 1 if generic else 2, _place(document, section))


def _place(document: Document, section: Section) -> int:
    """Where the section stands, on the scale of sentence numbers times ten."""
    count = 0
    for other in document.sections:
        if other is section:
            break
        count += sum(len(block.sentences) + len(block.items) for block in other.blocks)
    return 10 * count - 1


def opening(section: Section, document: Document, most: int, *, lenient: bool = False) -> str:
    """Up to `most` sentences that open the section and can stand alone, or an introduction with its list; or ""."""
    chinese = document.tongue.chinese
    for number, block in enumerate(section.blocks[:6]):
        if block.kind == "paragraph":
            answer = _run(block, chinese, most, lenient=lenient)
            if answer:
                return answer
            following = section.blocks[number + 1] if number + 1 < len(section.blocks) else None
            if following is not None and following.kind == "list":
                listed = _listed(block, following, chinese)
                if listed:
                    return listed
    return ""


def _run(block: Block, chinese: bool, most: int, *, lenient: bool) -> str:
    """The first run of whole sentences; only the first must not lean on what stood before."""
    run: list[str] = []
    for sentence in block.sentences[:12]:
        good = sentences.whole(sentence, chinese)
        if not run and good and sentences.leans(sentence, chinese) and not lenient:
            good = False
        if good and sum(map(len, run)) + len(sentence) <= (ROOM // 2):
            run.append(sentence)
            if len(run) == most:
                break
        elif run:
            break
    return ("" if chinese else " ").join(run)


def _listed(block: Block, following: Block, chinese: bool) -> str:
    """An introduction that ends with a colon, and the list that it announces."""
    lead = block.sentences[-1] if block.sentences else ""
    if (
        not lead.endswith((":", "："))
        or len(lead) > 200
        or not 2 <= len(following.items) <= 8
        or not sentences.balanced(lead)
    ):
        return ""
    if sentences.leans(lead, chinese) or "￼" in lead or "http" in lead:
        return ""
    items = [item.text for item in following.items if item.depth == 0]
    if sum(map(len, items)) > ROOM or any("￼" in item or "http" in item or len(item) < 3 for item in items):
        return ""
    if not all(sentences.balanced(item) and sentences.readable_math(item) for item in items):
        return ""
    return lead + "\n" + "\n".join(f"- {item}" for item in items)


# ---- from sentences ----


def _answer_of(fact: Fact, chinese: bool) -> str:
    return fact.sentence + (("" if chinese else " ") + fact.follow if fact.follow else "")


def _ask(fact: Fact, document: Document, draw: random.Random) -> str:
    """An English question that the fact's sentence answers."""
    name = in_sentence(fact.subject, document)
    bare = _without_article(fact.subject, document)
    be, do = ("are", "do") if fact.plural else ("is", "does")
    if fact.kind == "define":
        forms = [
            f"What {be} {name}?",
            f"What {be} {name}?",
            f"Can you explain what {name} {be}?",
            f"How would you define {bare}?",
        ]
        if not fact.subject.startswith("The "):
            forms.append(f"What is meant by {bare}?" if len(bare) < 40 else f"What {be} {name}?")
        if fact.verb.startswith(("mean", "refer", "is defined")):
            forms = [
                f"What does {bare} mean?" if not fact.plural else f"What do {bare} mean?",
                f"How is the term “{bare}” used?",
                f"What does the term “{bare}” mean?",
            ]
        return draw.choice(forms)
    if fact.kind == "person":
        be = fact.verb.split()[0]
        return draw.choice(
            (
                f"Who {be} {name}?",
                f"Who {be} {name}?",
                f"What is {name} known for?" if be == "is" else f"Who {be} {name}?",
            )
        )
    if fact.kind == "duty":
        return draw.choice((f"What must {name} do?", f"What is required of {name}?", f"What {fact.verb} {name} do?"))
    if fact.kind == "power":
        return draw.choice(
            (
                f"What may {name} do?",
                f"What is {name} allowed to do?"
                if not fact.subject.endswith("s")
                else f"What are {name} allowed to do?",
            )
        )
    past = fact.verb.split()[0]
    forms_by_kind = {
        "was": (f"What was {name}?", f"What do we know about {name}?"),
        "where": (f"Where {past} {name} located?", f"In what place {past} {name} situated?"),
        "when": (
            f"When {past} {name} {fact.verb.split()[-1]}?",
            f"In which year {past} {name} {fact.verb.split()[-1]}?",
        ),
        "known": (f"What {past} {name} known for?",),
        "cause": (f"What causes {name}?", f"What {past} {name} caused by?")
        if past in ("is", "are")
        else (f"What {past} {name} caused by?",),
        "use": (f"What {be} {name} used for?", f"How {be} {name} used?"),
        "contain": (f"What {do} {name} consist of?", f"What makes up {name}?"),
        "depend": (f"What {do} {name} depend on?",),
        "allow": (f"What {do} {name} {_base(fact.verb)}?",)
        if fact.verb.startswith("provide")
        else (f"How {do} {name} help?",),
        "require": (f"What {do} {name} require?", f"What is needed for {name}?"),
        "cover": (f"What {do} {name} {_base(fact.verb)}?",),
    }
    return draw.choice(forms_by_kind.get(fact.kind, ("",)))


def _base(verb: str) -> str:
    word = verb.split()[0]
    return word.removesuffix("s")


def in_sentence(subject: str, document: Document) -> str:
    """The subject as it stands inside a sentence: lower case unless the document writes it with a capital there."""
    first, _, rest = subject.partition(" ")
    lower = first[:1].lower() + first[1:]
    if first in ("A", "An", "The"):
        return f"{lower} {rest}"
    if first[1:] != first[1:].lower() or not first.isalpha():
        return subject
    if f" {lower} " in document.text or f" {lower}s " in document.text or f" {lower}," in document.text:
        return f"{lower} {rest}".strip()
    if (
        rest
        and not any(word[:1].isupper() for word in rest.split())
        and f" {first} " not in document.text.replace(f". {first} ", "")
    ):
        return f"{lower} {rest}"
    return subject


def _without_article(subject: str, document: Document) -> str:
    name = in_sentence(subject, document)
    for article in ("a ", "an ", "the "):
        if name.startswith(article):
            return name[len(article) :]
    return name


def _events(document: Document, draw: random.Random) -> Iterator[Pair]:
    """What happened in a year: sentences that begin with it."""
    for order, (_, block) in enumerate(document.paragraphs()[:120]):
        for sentence in block.sentences[:20]:
            if (
                not sentence.startswith(("In 1", "In 2"))
                or sentence[7:8] not in (",", " ")
                or not sentence[3:7].isdigit()
            ):
                continue
            words = sentence[8:].split()[:1]
            if (
                year_of(sentence[:8])
                and words
                and words[0].lower() not in _PRONOUNS
                and sentences.whole(sentence, False)
            ):
                year = sentence[3:7]
                question = draw.choice(
                    (f"What happened in {year}?", f"Which event of {year} is described?", f"What took place in {year}?")
                )
                yield Pair(question, sentence, 3, 40 * order)


_PRONOUNS = frozenset("he she it they his her their its this that these those we i you the".split())


def _ask_zh(fact: Fact, document: Document, draw: random.Random) -> str:
    """A Chinese question that the fact's sentence answers."""
    say, name = document.tongue.say, fact.subject
    quoted = f"「{name}」" if document.tongue.traditional else f"“{name}”"
    forms = {
        "define": (
            f"{say('什么是')}{name}？",
            f"{name}{say('是什么')}？",
            f"{name}{say('指的是什么')}？",
            f"{say('应当怎样理解')}{quoted}？",
        ),
        "person": (f"{name}{say('是谁')}？", f"{name}{say('是什么人')}？"),
        "classic": (f"{quoted}{say('是什么意思')}？", f"{say('文中怎样解释')}{quoted}？"),
        "where": (f"{name}{say('位于哪里')}？", f"{name}{say('在什么地方')}？"),
        "when": (f"{name}{say('的时间是什么时候')}？",)
        if False
        else (f"{say('关于')}{name}{say('的时间，文中是怎么说的')}？",),
        "contain": (f"{name}{say('包括哪些内容')}？", f"{name}{say('由哪些部分组成')}？"),
        "use": (f"{name}{say('有什么用途')}？", f"{name}{say('用来做什么')}？"),
        "cause": (f"{name}{say('是由什么引起的')}？",),
        "duty": (f"{name}{say('应当做什么')}？", f"{say('对')}{name}{say('有什么要求')}？"),
        "power": (f"{name}{say('可以做什么')}？",),
        "require": (f"{name}{say('需要什么')}？",),
    }
    if fact.kind == "when":
        act = re.sub(r"[于於\d年月日.]|正式|始", "", fact.verb)[-2:]
        act = {"建": "建造", "生": "出生"}.get(act, act)
        return f"{name}{say('是什么时候')}{act}{say('的')}？" if len(act) == 2 else ""
    if fact.kind in ("duty",) and fact.verb in ("不得",):
        return f"{name}{say('不得有哪些行为')}？"
    if fact.kind == "duty" and fact.verb in ("负责", "負責"):
        return f"{name}{say('负责什么')}？"
    return draw.choice(forms.get(fact.kind, ("",)))


_ARTICLE = re.compile(r"(第[一二三四五六七八九十百零\d]{1,7}条)[ 　]{0,4}")


def _articles(document: Document, draw: random.Random) -> Iterator[Pair]:
    """Articles of a Chinese law: what does article N provide?"""
    say = document.tongue.say
    for order, (_, block) in enumerate(document.paragraphs()):
        match = _ARTICLE.match(block.text)
        if match is None or order > 400:
            continue
        body = block.text[match.end() :]
        if not 12 <= len(body) <= 200 or body[-1] != "。" or not sentences.balanced(body):
            continue
        law = (
            f"《{document.title}》"
            if document.title and len(document.title) <= 30 and "《" not in document.title
            else ""
        )
        question = draw.choice((f"{law}{match[1]}{say('规定了什么')}？", f"{law}{match[1]}{say('的内容是什么')}？"))
        yield Pair(question, body, 3, 30 * order)


_ASKED = re.compile(r"([^。：:]{1,12}[问曰問])[：:]?\s?[“「]?([^。？?“”「」：:]{3,40}[？?])[”」]?")
_REPLY = re.compile(r"[^。：:“”「」]{1,12}[曰对對答][：:]\s?[“「]?([^“”「」]{6,180})")


def _dialogue(document: Document) -> Iterator[Pair]:
    """A question put in a classical dialogue and the reply that follows at once."""
    lines = [sentence for _, block in document.paragraphs()[:200] for sentence in block.sentences][:400]
    for order, (asked, reply) in enumerate(zip(lines, lines[1:], strict=False)):
        question, answer = _ASKED.match(asked), _REPLY.match(reply)
        if question is not None and answer is not None:
            text = answer[1].strip()
            if text[-1:] in "。！" and sentences.balanced(text):
                yield Pair(question[2].strip(), text, 1, 10 * order)


def _bitext(document: Document, draw: random.Random) -> Iterator[Pair]:
    """Classical lines with a modern rendering (古文：… 现代文：…)."""
    order = 0
    for section in document.sections:
        for block in section.blocks:
            if block.kind != "pairs":
                continue
            for (key, old), (other, new) in zip(block.rows, block.rows[1:], strict=False):
                if (
                    key in ("古文", "原文")
                    and other in ("现代文", "译文", "現代文", "譯文")
                    and 6 <= len(old) <= 60
                    and len(new) >= 6
                ):
                    order += 1
                    quoted = f"“{old.rstrip('。')}”"
                    ask = draw.choice(
                        (f"{quoted}用现代文怎么说？", f"{quoted}是什么意思？", f"怎样把{quoted}译成现代汉语？")
                    )
                    if sentences.balanced(new):
                        yield Pair(ask, new, 2 + order % 3, 10 * order)


def strip_number(heading: str) -> str:
    """A heading without its number: "3.2 How ...", "1、为什么"."""
    return (
        re.sub(r"^(?:\d{1,2}(?:\.\d{1,2}){0,3}[.、)]?\s{0,3}|[一二三四五六七八九十]{1,3}、)", "", heading).strip()
        or heading
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
