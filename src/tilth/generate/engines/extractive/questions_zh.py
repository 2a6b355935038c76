"""Chinese questions for facts of one sentence, articles of law, classical dialogue, renderings and dated events."""

import random
import re
from collections.abc import Iterator
from itertools import pairwise

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.facts import Fact, facts
from tilth.generate.engines.extractive.pair import Pair

_RANK = {"define": 0, "person": 0, "classic": 0, "where": 1, "when": 1, "cause": 1, "use": 1}
_FORMS = {
    "define": ("什么是{name}？", "{name}是什么？", "{name}指的是什么？", "应当怎样理解{quoted}？"),
    "person": ("{name}是谁？", "{name}是什么人？"),
    "classic": ("{quoted}是什么意思？", "文中怎样解释{quoted}？"),
    "where": ("{name}位于哪里？", "{name}在什么地方？"),
    "contain": ("{name}包括哪些内容？", "{name}由哪些部分组成？"),
    "use": ("{name}有什么用途？", "{name}用来做什么？"),
    "cause": ("{name}是由什么引起的？",),
    "duty": ("{name}应当做什么？", "对{name}有什么要求？"),
    "power": ("{name}可以做什么？",),
    "require": ("{name}需要什么？",),
}
_ARTICLE = re.compile(r"(第[一二三四五六七八九十百零\d]{1,7}条)[ 　]{0,4}")
_ASKED = re.compile(r"([^。：:]{1,12}[问問])曰?[：:]?\s?[“「]?([^。？?“”「」：:]{4,40}[？?])[”」]?")
_REPLY = re.compile(r"[^。：:“”「」]{1,12}[曰对對答][：:]\s?[“「]?([^“”「」]{6,180})")
_YEAR = re.compile(r"(?<!\d)(1\d{3}|20[0-2]\d)年(?!代)")
_ACT = re.compile(r"[于於\d年月日.]|正式|始")


def pairs_zh(document: Document, draw: random.Random) -> Iterator[Pair]:
    """All pairs of a Chinese document but those of its headings."""
    for fact in facts(document):
        question = _ask(fact, document, draw)
        if question:
            yield Pair(question, fact.sentence + fact.follow, _RANK.get(fact.kind, 2), 10 * fact.order)
    yield from _articles(document, draw)
    yield from _dialogue(document)
    yield from _renderings(document, draw)
    yield from _events(document, draw)


def _ask(fact: Fact, document: Document, draw: random.Random) -> str:
    """A question that the fact's sentence answers, or ""."""
    say, name = document.tongue.say, fact.subject
    if fact.kind == "when":
        act = _ACT.sub("", fact.verb)[-2:]
        act = {"建": "建造", "生": "出生"}.get(act, act)
        return f"{name}{say('是什么时候')}{act}的？" if len(act) == 2 else ""
    if fact.verb in ("不得", "负责", "負責"):
        return name + say("不得有哪些行为？" if fact.verb == "不得" else "负责什么？")
    quoted = f"「{name}」" if document.tongue.traditional else f"“{name}”"
    return say(draw.choice(_FORMS.get(fact.kind, ("",)))).format(name=name, quoted=quoted)


def _articles(document: Document, draw: random.Random) -> Iterator[Pair]:
    """Articles of a law: what does article N provide?"""
    law = f"《{document.title}》" if 0 < len(document.title) <= 30 and "《" not in document.title else ""
    for order, (_, block) in enumerate(document.paragraphs()[:400]):
        match = _ARTICLE.match(block.text)
        body = block.text[match.end() :] if match else ""
        if match and 12 <= len(body) <= 200 and body[-1] == "。" and sentences.balanced(body):
            form = draw.choice(("{}{}规定了什么？", "{}{}的内容是什么？"))
            yield Pair(document.tongue.say(form).format(law, match[1]), body, 3, 30 * order)


def _dialogue(document: Document) -> Iterator[Pair]:
    """A question put in a classical dialogue and the reply that follows at once."""
    lines = [sentence for _, block in document.paragraphs()[:200] for sentence in block.sentences][:400]
    for order, (asked, reply) in enumerate(pairwise(lines)):
        question, answer = _ASKED.match(asked), _REPLY.match(reply)
        text = answer[1].strip() if question is not None and answer is not None else ""
        if question is not None and text[-1:] in ("。", "！") and sentences.balanced(text):
            yield Pair(question[2].strip(), text, 1, 10 * order)


_OLD, _NEW = frozenset(("古文", "原文")), frozenset(("现代文", "译文", "現代文", "譯文"))


def _renderings(document: Document, draw: random.Random) -> Iterator[Pair]:
    """Classical lines with a modern rendering (古文：… 现代文：…)."""
    blocks = (block for section in document.sections for block in section.blocks if block.kind == "pairs")
    lines = [row for block in blocks for row in block.rows][:600]
    order = 0
    for (key, old), (other, new) in pairwise(lines):
        if (
            key in _OLD
            and other in _NEW
            and "？" not in old
            and 6 <= len(old) <= 60
            and len(new) >= 6
            and sentences.balanced(old + new)
        ):
            order += 1
            form = draw.choice(("“{}”用现代文怎么说？", "“{}”是什么意思？", "怎样把“{}”译成现代汉语？"))
            yield Pair(form.format(old.rstrip("。")), new, 2 + draw.randrange(4), 10 * order)


def _events(document: Document, draw: random.Random) -> Iterator[Pair]:
    """What happened in a year: sentences that name one and open with it or with the document's subject."""
    title = document.title
    seen: set[str] = set()
    for order, (_, block) in enumerate(document.paragraphs()[:100]):
        for number, sentence in enumerate(block.sentences[:40]):
            match = _YEAR.search(sentence, 0, 40)
            named = bool(title) and len(title) <= 12 and sentence.startswith(title)
            if (
                match is None
                or match[1] in seen
                or len(sentence) < 14
                or not (named or match.start() <= 1)
                or len(_YEAR.findall(sentence)) > 1
            ):
                continue
            if sentences.whole(sentence, True) and (named or not sentences.leans(sentence, True)):
                name = f"{title}在" if named else ""
                seen.add(match[1])
                form = draw.choice(("{}{}年发生了什么？", "{}{}年的情况是怎样的？"))
                yield Pair(document.tongue.say(form).format(name, match[1]), sentence, 2, 10 * (order * 40 + number))
