"""Questions from headings, answered by the sentences that open their section."""

import random
import re
from collections.abc import Iterator

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Block, Document, Section
from tilth.generate.engines.extractive.headings import has_role, heading_question, name_of
from tilth.generate.engines.extractive.pair import Pair

ROOM = 900  # characters of one answer
_NUMBERED = re.compile(
    r"^(?:\d{1,2}(?:\.\d{1,2}){0,3}[.、)]?\s{0,3}|[一二三四五六七八九十]{1,3}、|第[一二三四五六七八九十百零\d]{1,7}条[ "
    r"　]{0,4})"
)


def pairs_of_headings(document: Document, draw: random.Random) -> Iterator[Pair]:
    """Headings that ask, forum titles with the answers under them, and headings that name a matter."""
    title = document.title
    asked = title.endswith(("?", "？"))
    place = 0
    for section in document.sections:
        heading, order = section.heading, 10 * place - 1
        place += sum(len(block.sentences) + len(block.items) for block in section.blocks)
        if asked and heading.lower().startswith("answer"):
            answer = opening(section, document, 3, lenient=True)
            if answer:
                yield Pair(_capital(title), answer, 0, -1)
            asked = not answer
        elif heading.endswith(("?", "？")) and len(heading) <= 160 and heading != title:
            answer = opening(section, document, 3)
            if answer:
                yield Pair(_capital(without_number(heading)), answer, 0, order)
        elif heading:
            question = heading_question(heading, document, draw)
            answer = opening(section, document, draw.randint(1, 3)) if question else ""
            if answer and (has_role(heading) or _fits(section, answer, document.tongue.chinese)):
                yield Pair(question, answer, 1 if has_role(heading) else 2, order)


def _fits(section: Section, answer: str, chinese: bool) -> bool:
    """True where the answer opens the section or takes up a word of its heading."""
    first = section.blocks[0].sentences[:1]
    opens = bool(first) and answer.startswith(without_number(first[0])[:30])
    return opens or related(name_of(section.heading), answer, chinese)


def related(heading: str, answer: str, chinese: bool) -> bool:
    """True where the answer takes up a word of the heading: two characters in a row in Chinese, a stem in English."""
    if chinese:
        return any(heading[at : at + 2] in answer for at in range(len(heading) - 1)) or len(heading) < 2
    lower = answer.lower()
    stems = [word.lower()[:5] for word in re.findall(r"[A-Za-z]{4,}", heading)]
    return any(stem in lower for stem in stems) if stems else heading in answer


def opening(section: Section, document: Document, most: int, *, lenient: bool = False) -> str:
    """Up to `most` sentences that open the section and can stand alone, or an introduction with its list; or ""."""
    chinese = document.tongue.chinese
    for number, block in enumerate(section.blocks[:4]):
        if block.kind == "paragraph":
            following = section.blocks[number + 1] if number + 1 < len(section.blocks) else None
            answer = _run(block, chinese, most, lenient=lenient)
            if answer:
                return answer
            listed = _listed(block, following, chinese) if following is not None and following.kind == "list" else ""
            if listed:
                return listed
    return ""


def _run(block: Block, chinese: bool, most: int, *, lenient: bool) -> str:
    """The first run of whole sentences near the start; only the first must not lean on what stood before."""
    run: list[str] = []
    for number, sentence in enumerate(block.sentences[:8]):
        good = sentences.whole(sentence, chinese) and sum(map(len, run)) + len(sentence) <= ROOM // 2
        if good and (run or lenient or not sentences.leans(sentence, chinese)):
            run.append(without_number(sentence) if chinese else sentence)
            if len(run) == most:
                break
        elif run or number >= 2:
            break
    return ("" if chinese else " ").join(run)


def _listed(block: Block, following: Block, chinese: bool) -> str:
    """An introduction that ends with a colon, and the list that it announces."""
    lead = block.sentences[-1] if block.sentences else ""
    if not lead.endswith((":", "：")) or len(lead) > 200 or not 2 <= len(following.items) <= 8:
        return ""
    if not sentences.balanced(lead) or sentences.leans(lead, chinese) or "￼" in lead or "http" in lead:
        return ""
    items = [item.text for item in following.items if item.depth == 0]
    if sum(map(len, items)) > ROOM or not all(sentences.clear(item) and len(item) > 2 for item in items):
        return ""
    return lead + "\n" + "\n".join(f"- {item}" for item in items)


def without_number(heading: str) -> str:
    """A heading or a sentence without its number: "3.2 How ...", "1、为什么", "第七条 ..."."""
    return _NUMBERED.sub("", heading).strip() or heading


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
