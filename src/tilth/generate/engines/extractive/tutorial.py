"""Tutorials: a title, a short introduction, numbered steps, notes; all in the document's own words.

Steps come from commands with their task (manual pages), numbered lists, lists and sections of instructions, headings
that are instructions, and imperative sentences. At least three or a refusal. Lists of aims ("you will be able to
...") and laws are no tutorials.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.document import Block, Document, Item, Section
from tilth.generate.engines.extractive.headings import name_of
from tilth.generate.engines.extractive.instructions import instruction_of, instructs, tells
from tilth.generate.engines.extractive.titles import base_of, how_to

LEAST, MOST = 3, 12  # steps
LONGEST_CODE = 600
SECTIONS = 200  # looked at in one document

_AIMS = re.compile(
    r"(?:learning )?(?:objectives|outcomes|goals)|able to|you (?:will|should) learn|questions|exercises|problems"
    r"|review|references|"
    r"key terms|glossary|see also|links|authors?\b|who should|学习目标|习题|练习|参考|推荐阅读|面试题",
    re.IGNORECASE,
)
_PROCEDURE = re.compile(
    r"\b(?:how to|steps?|procedure|process|strategy|instructions?|recipe|workflow)\b|如何|怎么|步骤|流程|过程",
    re.IGNORECASE,
)
_LAW = re.compile(r"(?:法|条例|办法|规定|细则|决定|决议|通知|规则|公约|解释|意见)(?:[（(][^（）()]{1,30}[）)])?$")
_NOTE = re.compile(
    r"(?:Note|NB|Warning|Tip|Caution|Important|Hint)\b[:,]?|Make sure|Be careful|Remember to|Keep in mind|Be "
    r"aware|Do not|Don’t|Don't"
)
_NOTE_ZH = re.compile(r"注意|请注意|需要注意|切记|请勿|不要|提示[:：]|警告[:：]")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction, with what explains it and the code that belongs to it."""

    text: str
    detail: str = ""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Guide:
    """Steps with the section that they stand in (its heading and introduction). `manual`: tasks with commands."""

    steps: tuple[Step, ...]
    heading: str = ""
    intro: str = ""
    manual: bool = False


def tutorial(document: Document, draw: random.Random, room: int) -> str | None:
    """The tutorial as Markdown, or None where the document has fewer than three steps."""
    if document.tongue.chinese and _LAW.search(document.title):
        return None
    for source in (_commands, _lists, _headed, _told):
        guide = source(document, draw)
        text = _layout(guide, document, draw, room) if guide is not None else None
        if text is not None:
            return text
    return None


# ---- where steps come from ----


def _commands(document: Document, _draw: random.Random) -> Guide | None:
    """Tasks with their command, as manual pages list them."""
    best: Guide | None = None
    for section in document.sections[:SECTIONS]:
        for block in section.blocks:
            items = [item for item in block.items if item.code and len(item.text) <= 140 and sentences.clear(item.text)]
            steps = tuple(Step(item.text.rstrip("：: "), "", item.code) for item in items)[:MOST]
            if (
                len(steps) >= LEAST
                and len(items) * 2 >= len(block.items)
                and len(steps) > len(best.steps if best else ())
            ):
                best = Guide(steps, section.heading, intro_of(section, document), manual=_is_manual(document))
    return best


def _is_manual(document: Document) -> bool:
    """True for a manual page: one section whose heading is a command's name."""
    return len(document.sections) == 1 and len(document.title.split()) <= 3


def _lists(document: Document, draw: random.Random) -> Guide | None:
    """Numbered lists of instructions first, then bulleted ones; one of the best two is drawn."""
    chinese = document.tongue.chinese
    found: list[tuple[float, int, Guide]] = []
    for order, (section, block, lead) in enumerate(_listed(document)):
        items = [item for item in block.items if item.depth == 0]
        steps = tuple(step for step in map(_step_of, items) if step)[:MOST]
        share = sum(instructs(step.text, chinese) for step in steps) / max(1, len(items))
        procedure = block.ordered and _PROCEDURE.search(f"{section.heading} {lead}") is not None
        if not _distinct(steps) or share < (0.2 if procedure else 0.5 if block.ordered else 0.75):
            continue
        guide = Guide(steps, section.heading, lead or intro_of(section, document))
        found.append((-(share + block.ordered + procedure + min(len(steps), 6) / 6), order, guide))
    found.sort(key=lambda entry: entry[:2])
    return draw.choice(found[:2])[2] if found else None


def _distinct(steps: tuple[Step, ...]) -> bool:
    """True for at least three steps, no two alike, of a length that says something."""
    return (
        len(steps) >= LEAST
        and len({step.text for step in steps}) == len(steps)
        and sum(len(s.text) for s in steps) > 12 * len(steps)
    )


def _listed(document: Document) -> Iterator[tuple[Section, Block, str]]:
    """Lists that may hold steps, with the sentence that announces them."""
    for section in document.sections[:SECTIONS]:
        if _AIMS.search(section.heading):
            continue
        before = ""
        for block in section.blocks:
            if block.kind == "list" and len(block.items) >= LEAST and not _AIMS.search(before):
                yield section, block, _lead(before, document.tongue.chinese)
            before = block.sentences[-1] if block.sentences else ""


def _lead(before: str, chinese: bool) -> str:
    """The sentence before a list, where it can introduce the steps on its own."""
    good = 12 <= len(before) <= 240 and before.endswith((".", ":", "。", "：")) and sentences.clear(before)
    return before if good and not sentences.leans(before, chinese) else ""


def _step_of(item: Item) -> Step | None:
    """An item as a step, or None where it is a fragment or does not read."""
    text = item.text.rstrip(";；, ")
    text = text.removesuffix(" and").removesuffix(" or").removesuffix(", OR").rstrip(",; ")
    if (
        not 6 <= len(text) <= 500
        or not sentences.clear(text)
        or (text.endswith((":", "：", "以下命令")) and not item.code)
    ):
        return None
    code = item.code if item.code and len(item.code) <= LONGEST_CODE else None
    return Step(text.rstrip(":： ") if code else text, "", code)


def _headed(document: Document, _draw: random.Random) -> Guide | None:
    """Sections whose headings are instructions: each a step with its first sentences."""
    chinese = document.tongue.chinese
    by_level: dict[int, dict[str, Step]] = {}
    sections = document.sections[:SECTIONS]
    counts = Counter(section.level for section in sections if section.heading)
    for section in sections:
        text = _headline(name_of(section.heading), chinese)
        detail, code = _detail(section, chinese) if text else ("", None)
        if detail or code:
            by_level.setdefault(section.level, {}).setdefault(text, Step(text, detail, code))
    steps = max((list(steps.values()) for steps in by_level.values()), key=len, default=[])
    level = max(by_level, key=lambda level: len(by_level[level]), default=0)
    if len(steps) < LEAST or len(steps) * 2 < counts[level]:  # a few among many headings are no procedure
        return None
    intro = intro_of(document.sections[0], document)
    return Guide(tuple(steps[:MOST]), document.title, intro if intro not in steps[0].detail else "")


def _headline(name: str, chinese: bool) -> str:
    """A heading as an instruction, or ""."""
    if not name or _AIMS.search(name) or not sentences.clear(name) or name.endswith(("?", "？")):
        return ""
    if chinese:
        return name if len(name) <= 24 and instructs(name, True) else ""
    imperative = base_of(name)
    return imperative[:1].upper() + imperative[1:] if instruction_of(imperative) else ""


def _detail(section: Section, chinese: bool) -> tuple[str, str | None]:
    """Up to two sentences and a short piece of code that open a section."""
    told: list[str] = []
    code: str | None = None
    for block in section.blocks[:4]:
        if block.kind == "paragraph" and not told:
            told = [sentence for sentence in block.sentences[:3] if sentences.whole(sentence, chinese)][:2]
        elif block.kind == "code" and code is None and block.text.count("\n") < 12 and len(block.text) <= LONGEST_CODE:
            code = block.text
    return ("" if chinese else " ").join(told), code


def _told(document: Document, _draw: random.Random) -> Guide | None:
    """Instructions in the prose of one section, or of the whole document where it is dense with them."""
    chinese = document.tongue.chinese
    scattered: list[Step] = []
    best: Guide | None = None
    for section in document.sections[:SECTIONS]:
        if _AIMS.search(section.heading):
            continue
        prose = [sentence for block in section.blocks for sentence in block.sentences[:40]]
        steps = tuple(Step(sentence) for sentence in dict.fromkeys(prose) if tells(sentence, chinese))
        if len(steps) >= LEAST and len(steps) * 12 >= len(prose) and len(steps) > len(best.steps if best else ()):
            best = Guide(steps[:MOST], section.heading, intro_of(section, document))
        scattered += steps
    if best is None and not chinese and len(scattered) > LEAST and len(scattered) * 1_500 >= len(document.text):
        best = Guide(tuple(scattered[:MOST]), document.title, "")
    return best


def intro_of(section: Section, document: Document) -> str:
    """One or two sentences that open a section, or the document where the section has none."""
    chinese = document.tongue.chinese
    for source in (section, *document.sections[:2]):
        for block in source.blocks[:3]:
            told = [sentence for sentence in block.sentences[:4] if sentences.whole(sentence, chinese)]
            if told and not sentences.leans(told[0], chinese) and not tells(told[0], chinese):
                return ("" if chinese else " ").join(told[:1] if len(told[0]) > 160 else told[:2])
    return ""


# ---- writing it ----


def _layout(guide: Guide, document: Document, draw: random.Random, room: int) -> str | None:
    """Title, introduction, numbered steps with their code, notes; steps are left out at the end where room is short."""
    say, chinese = document.tongue.say, document.tongue.chinese
    title = f"# {how_to(guide.heading, document, draw, manual=guide.manual)}"
    head = draw.choice(("## Steps\n\n", "", "## Step by Step\n\n"))
    if chinese:
        head = say(draw.choice(("## 步骤\n\n", "", "## 操作步骤\n\n")))
    steps = guide.steps if guide.steps[0].text not in guide.intro else guide.steps[1:]
    notes = _notes(replace(guide, steps=steps), document)
    parts: list[str] = []
    used = len(title) + len(guide.intro) + len(notes) + 40
    for number, step in enumerate(steps, 1):
        text = _numbered(number, step, chinese)
        used += len(text) + 2
        if used > room:
            break
        parts.append(text)
    if len(parts) < LEAST:
        return None
    body = ("\n\n" if any("\n" in part for part in parts) else "\n").join(parts)
    return "\n\n".join(part for part in (title, guide.intro, head + body, notes) if part)


_CLOSED = '.。．!！?？:：;；)）”"$…`'


def _numbered(number: int, step: Step, chinese: bool) -> str:
    """One step as Markdown: number, text, explanation, code in a fence."""
    stop, colon = ("。", "：") if chinese else (".", ":")
    text = step.text if chinese else step.text[:1].upper() + step.text[1:]
    if step.detail:
        text = f"**{text.rstrip('.。')}**{colon if chinese else stop + ' '}{step.detail}"
    elif step.code:
        text = text.rstrip(".。:：") + colon
    elif text[-1] not in _CLOSED:
        text += stop
    if not step.code:
        return f"{number}. {text}"
    fence = "~~~~" if "```" in step.code else "```"
    code = "\n".join("   " + line for line in (fence, *step.code.split("\n"), fence))
    return f"{number}. {text}\n{code}"


def _notes(guide: Guide, document: Document) -> str:
    """Up to three warnings and hints of the guide's section that are not among the steps."""
    chinese = document.tongue.chinese
    pattern = _NOTE_ZH if chinese else _NOTE
    told = {step.text for step in guide.steps}
    found = [
        sentence
        for section, block in document.paragraphs()[:150]
        if section.heading in (guide.heading, document.title)
        for sentence in block.sentences[:30]
        if pattern.match(sentence) and sentence not in told and sentence not in guide.intro
    ]
    good = [
        sentence for sentence in dict.fromkeys(found) if sentences.whole(sentence, chinese) and len(sentence) <= 240
    ][:3]
    if not good:
        return ""
    head = document.tongue.say("注意事项") if chinese else "Notes"
    return f"## {head}\n\n" + "\n".join(f"- {sentence}" for sentence in good)
