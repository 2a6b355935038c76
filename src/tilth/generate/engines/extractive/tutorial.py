"""Tutorials: a title, a short introduction, numbered steps, notes; all in the document's own words.

Steps come from commands with their task (manual pages), numbered lists, lists and sections of instructions, headings that
are instructions, and imperative sentences. At least three or a refusal. Lists of aims ("you will be able to ...") and laws
are no tutorials.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.headings import EMPTY, name_of, title_case_down
from tilth.generate.engines.extractive.structure import Block, Document, Item, Section

LEAST, MOST = 3, 12  # steps

_VERBS = frozenset(
    "add adjust allow apply arrange ask assign attach avoid bake begin boil book bring browse build bundle buy calculate call "
    "change check choose clean clear click clone close collect combine commit compare compile complete compute configure "
    "confirm connect contact consider convert cook cool copy count cover create customize cut declare define delete deploy "
    "design determine develop disable discard discuss display divide document download drag drain draw drink drop edit "
    "enable encourage engage ensure enter establish estimate evaluate examine execute expand explore export extract fill "
    "filter find fix fold follow format gather generate get give go grind hang heat hold identify implement import improve "
    "include increase initialize insert inspect install invite join keep label launch learn leave let limit link list listen "
    "load locate log look make manage mark measure merge minimize mix monitor mount move multiply name navigate offer open "
    "order organize pack pass paste pay perform pick place plan plot plug pour practice prepare press preserve press print "
    "promote protect provide publish pull purchase push put query raise read record reduce refer register release reload remember "
    "remove rename repeat replace report request reserve reset resize restart restore return review rinse roll rotate run "
    "save scan schedule search see select send separate serve set share show shut simplify sketch solve sort specify split "
    "start stay steam stir stop store strip submit subscribe subtract switch sync take talk tell test think tie train transfer "
    "translate treat try turn type understand uninstall unpack unzip update upgrade upload use validate verify view visit "
    "wait walk wash watch wear weigh wipe work wrap write".split()
)
_AIMS = re.compile(
    r"(?:learning )?(?:objectives|outcomes|goals)|able to|you (?:will|should) learn|questions|exercises|review|references|key terms|see also|links|authors?|who should|学习目标|习题|练习|参考|推荐阅读",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"(?:You|One|We) (?:should|must|can|need to|will need to|have to|might want to|may want to) (?:also |now |first |then )?(\w+)"
)
_SEQUENCE = re.compile(
    r"(?:First|Firstly|Second|Secondly|Third|Thirdly|Next|Then|Finally|Lastly|To begin|After that|Now),? "
)
_PURPOSE = re.compile(
    r"(?:To [a-z]+ [^,.]{3,80}|If [^,.]{3,80}|When [^,.]{3,60}|Once [^,.]{3,60}|Before [^,.]{3,60}|After [^,.]{3,60}), (\w+)"
)
_LEAD = re.compile(
    r"(?:Please|Always|Never|Do not|Don’t|Don't|Be sure to|Make sure|Simply|Just|Carefully|Gently|Be) ?(\w*)"
)
_NOTE = re.compile(
    r"(?:Note|NB|Warning|Tip|Caution|Important|Hint)\b[:,]?|Make sure|Be careful|Remember|Never |Keep in mind|Be aware|Do not|Don’t|Don't"
)
_IMPERATIVE_ZH = re.compile(
    r"(?:请|請|首先|第一步|第二步|第三步|然后|然後|接着|接著|接下来|随后|最后|最後|其次|再|打开|打開|点击|點擊|单击|双击|输入|輸入|运行|執行|执行|下载|安装|选择|選擇|使用|利用|创建|建立|"
    r"新建|添加|删除|修改|设置|配置|启动|停止|重启|查看|检查|确认|复制|粘贴|保存|上传|登录|注册|调用|编写|编译|导入|将|把|用|从|在.{1,20}(?:中|里|上)?(?:点击|输入|运行|执行|选择|添加|设置)|"
    r"列出|显示|顯示|生成|构建|连接|连接到|加载|提取|转换|移动|重命名|搜索|更新|升级|卸载|指定|定义|初始化|计算|遍历|比较|记录|获取|读取|写入|避免|注意|尽量|避免|准备|清洗|训练|评估|部署|测试|验证|洗|切|放|加|煮)"
)
_NOTE_ZH = re.compile(r"注意|请注意|需要注意|切记|请勿|不要|提示[:：]|警告[:：]")
_SEQUENCE_ZH = re.compile(r"(?:首先|其次|然后|然後|接着|接著|再次|接下来|随后|最后|最後|第[一二三四五六七]步?)[，,：:]")
_ING = {
    "installing": "install", "using": "use", "creating": "create", "building": "build", "running": "run", "making": "make",
    "writing": "write", "getting": "get", "setting": "set", "adding": "add", "configuring": "configure", "defining": "define",
    "finding": "find", "working": "work", "understanding": "understand", "implementing": "implement", "managing": "manage",
    "choosing": "choose", "planning": "plan", "designing": "design", "testing": "test", "training": "train", "calculating": "calculate",
    "solving": "solve", "measuring": "measure", "analyzing": "analyze", "reading": "read", "improving": "improve", "preparing": "prepare",
    "indexing": "index", "developing": "develop", "introducing": "introduce", "sharing": "share", "collecting": "collect",
    "conducting": "conduct", "applying": "apply", "determining": "determine", "identifying": "identify", "becoming": "become",
    "teaching": "teach", "launching": "launch", "deploying": "deploy", "changing": "change", "loading": "load", "storing": "store",
    "repeating": "repeat", "removing": "remove", "updating": "update", "evaluating": "evaluate", "hiring": "hire", "buying": "buy",
    "brewing": "brew", "storing": "store", "cleaning": "clean", "moving": "move", "integrating": "integrate", "engaging": "engage",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction, with what explains it and the code that belongs to it."""

    text: str
    detail: str = ""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Guide:
    """Steps with the section that they stand in (its heading and introduction)."""

    steps: tuple[Step, ...]
    heading: str = ""
    intro: str = ""


def tutorial(document: Document, draw: random.Random, room: int) -> str | None:
    """The tutorial as Markdown, or None where the document has fewer than three steps."""
    for source in _SOURCES:
        guide = source(document, draw)
        if guide is not None and len(guide.steps) >= LEAST:
            text = _layout(guide, document, draw, room)
            if text is not None:
                return text
    return None


# ---- where steps come from ----


def _commands(document: Document, _draw: random.Random) -> Guide | None:
    """Tasks with their command, as manual pages list them."""
    best: Guide | None = None
    for section in document.sections:
        for block in section.blocks:
            if block.kind != "list":
                continue
            steps = [
                Step(item.text.rstrip("：: "), "", item.code) for item in block.items if item.code and _clear(item.text)
            ]
            if (
                len(steps) >= LEAST
                and len(steps) * 2 >= len(block.items)
                and len(steps) > len(best.steps if best else ())
            ):
                best = Guide(tuple(steps[:MOST]), section.heading, _intro(section, document))
    return best


def _lists(document: Document, draw: random.Random) -> Guide | None:
    """Numbered lists of instructions first, then bulleted ones; the drawn one of the best three."""
    found: list[tuple[float, int, Guide]] = []
    for order, (section, block, lead) in enumerate(_listed(document)):
        items = [item for item in block.items if item.depth == 0]
        steps = [step for step in map(_step_of, items) if step]
        told = sum(instructs(step.text, document.tongue.chinese) for step in steps)
        share = told / max(1, len(items))
        if len(steps) < LEAST or share < (0.4 if block.ordered else 0.7):
            continue
        guide = Guide(tuple(steps[:MOST]), section.heading, lead or _intro(section, document))
        found.append((-(share + block.ordered + min(len(steps), 6) / 6), order, guide))
    found.sort(key=lambda entry: entry[:2])
    return draw.choice(found[:2])[2] if found else None


def _listed(document: Document) -> Iterator[tuple[Section, Block, str]]:
    """Lists that may hold steps, with the sentence that announces them."""
    for section in document.sections[:200]:
        if _AIMS.search(section.heading):
            continue
        before = ""
        for block in section.blocks:
            if block.kind == "list" and len(block.items) >= LEAST and not _AIMS.search(before):
                yield section, block, _lead(before, document)
            before = block.text[-300:] if block.kind == "paragraph" else ""


def _lead(before: str, document: Document) -> str:
    """The last sentence before a list, where it can introduce the steps on its own."""
    parts = sentences.split(before, document.tongue.chinese)
    lead = parts[-1] if parts else ""
    if (
        len(lead) < 12
        or len(lead) > 240
        or not lead.endswith((".", ":", "。", "："))
        or not _clear(lead)
        or sentences.leans(lead, document.tongue.chinese)
    ):
        return ""
    return lead


def _step_of(item: Item) -> Step | None:
    """An item as a step, or None where it is a fragment or does not read."""
    text = item.text
    if not 6 <= len(text) <= 500 or not _clear(text) or text.endswith((":", "：")) and not item.code:
        return None
    code = item.code if item.code and len(item.code) <= 600 else None
    return Step(text.rstrip(":： ") if code else text.rstrip(";；, "), "", code)


def _headed(document: Document, _draw: random.Random) -> Guide | None:
    """Sections whose headings are instructions: each a step with its first sentences."""
    chinese = document.tongue.chinese
    by_level: dict[int, list[Step]] = {}
    for section in document.sections[:200]:
        name = name_of(section.heading)
        text = "" if chinese else _instruction(name)
        if (
            chinese
            and len(name) <= 24
            and _IMPERATIVE_ZH.match(name)
            and not _AIMS.search(name)
            and not name.endswith("？")
        ):
            text = name
        if not text or not _clear(text):
            continue
        detail, code = _detail(section, chinese)
        if detail or code:
            by_level.setdefault(section.level, []).append(Step(text, detail, code))
    steps = max(by_level.values(), key=len, default=[])
    intro = _intro(document.sections[0], document) if document.sections else ""
    return Guide(tuple(steps[:MOST]), document.title, intro) if len(steps) >= LEAST else None


def _instruction(heading: str) -> str:
    """A heading that is an instruction, in the imperative; else ""."""
    words = heading.split()
    if not 2 <= len(words) <= 12 or heading.endswith("?"):
        return ""
    first = words[0].lower()
    if first in _VERBS and words[1].lower() not in ("of", "in", "and", "for", "is", "are", "to"):
        return _sentence_case(heading)
    if first in _ING:
        return _sentence_case(" ".join([_ING[first], *words[1:]]))
    return ""


def _sentence_case(text: str) -> str:
    text = title_case_down(text)
    return text[:1].upper() + text[1:]


def _detail(section: Section, chinese: bool) -> tuple[str, str | None]:
    """Up to two sentences and a short piece of code that open a section."""
    told: list[str] = []
    code: str | None = None
    for block in section.blocks[:4]:
        if block.kind == "paragraph" and not told:
            told = [sentence for sentence in block.sentences[:3] if sentences.whole(sentence, chinese)][:2]
        elif block.kind == "code" and code is None and block.text.count("\n") < 12 and len(block.text) <= 500:
            code = block.text
    return ("" if chinese else " ").join(told), code


def _told(document: Document, _draw: random.Random) -> Guide | None:
    """Imperative sentences and advice of one section, or of the whole document where no section has three."""
    chinese = document.tongue.chinese
    scattered: list[Step] = []
    best: Guide | None = None
    for section in document.sections[:200]:
        if _AIMS.search(section.heading):
            continue
        steps: list[Step] = []
        for block in section.blocks:
            for sentence in block.sentences[:40] if block.kind == "paragraph" else ():
                if _tells(sentence, chinese):
                    steps.append(Step(sentence))
        if len(steps) >= LEAST and len(steps) > len(best.steps if best else ()):
            best = Guide(tuple(steps[:MOST]), section.heading, _intro(section, document))
        scattered += steps
    if best is None and LEAST <= len(scattered) and len(scattered) * 2_500 >= len(document.text):
        best = Guide(tuple(scattered[:MOST]), document.title, "")
    return best


def _tells(sentence: str, chinese: bool) -> bool:
    """True for a whole sentence that tells the reader to do something."""
    if len(sentence) > (120 if chinese else 320) or not sentences.whole(sentence, chinese):
        return False
    if chinese:
        return _SEQUENCE_ZH.match(sentence) is not None or (
            re.match(r"请|請|点击|點擊|打开|打開|输入|运行|执行|下载|安装|选择|单击|双击", sentence) is not None
        )
    return _imperative(sentence)


def _imperative(sentence: str) -> bool:
    if '"' in sentence[:1] or "“" in sentence[:1] or sentence.endswith("!"):
        return False
    body = _SEQUENCE.sub("", sentence, count=1)
    first = body.split(" ", 1)[0].rstrip(",").lower()
    second = body.split(" ", 2)[1].lower() if body.count(" ") >= 2 else ""
    if first in _VERBS:
        return second not in _NOT_OBJECT and body[:1].isupper() | (body is not sentence)
    advice = _ADVICE.match(sentence)
    if advice is not None:
        return advice[1].lower() in _VERBS and sentence.startswith("You")
    purpose = _PURPOSE.match(sentence)
    if purpose is not None:
        return purpose[1].lower() in _VERBS
    lead = _LEAD.match(sentence)
    return lead is not None and (
        lead[1].lower() in _VERBS or sentence.startswith(("Make sure", "Be sure", "Do not", "Don’t"))
    )


_NOT_OBJECT = frozenset("is are was were has had of and does did can may will would should s’ 's on in by that".split())


def instructs(text: str, chinese: bool) -> bool:
    """True for a list item that tells the reader to do something."""
    if chinese:
        return _IMPERATIVE_ZH.match(text) is not None
    words = text.split(" ", 3)
    first = words[0].strip('“"*`,.').lower()
    if first in _VERBS:
        return len(words) > 1 and words[1].lower() not in _NOT_OBJECT
    return _imperative(text) if len(words) > 2 else False


def _clear(text: str) -> bool:
    """True for text without holes, links and stray markup."""
    return (
        "￼" not in text
        and "http" not in text
        and "{{" not in text
        and sentences.balanced(text)
        and sentences.readable_math(text)
    )


def _intro(section: Section, document: Document) -> str:
    """One or two sentences that open a section, or the document where the section has none."""
    chinese = document.tongue.chinese
    for source in (section, *document.sections[:2]):
        for block in source.blocks[:3]:
            if block.kind != "paragraph":
                continue
            told = [sentence for sentence in block.sentences[:4] if sentences.whole(sentence, chinese)]
            if told and not sentences.leans(told[0], chinese) and not _tells(told[0], chinese):
                return ("" if chinese else " ").join(told[:1] if len(told[0]) > 160 else told[:2])
    return ""


_Source = Callable[[Document, random.Random], Guide | None]
_SOURCES: tuple[_Source, ...] = (_commands, _lists, _headed, _told)


# ---- writing it ----


def how_to(guide: Guide, document: Document, draw: random.Random) -> str:
    """The title: "How to ..." from a verb in the heading or title, else a plain form that fits any noun."""
    for heading in (guide.heading, document.title):
        name = name_of(heading)
        if not 2 <= len(name) <= 90 or name.lower() in EMPTY or "￼" in name:
            continue
        return _title_zh(name, document) if document.tongue.chinese else _title_en(name, guide, draw)
    if document.tongue.chinese:
        return document.tongue.say("如何一步一步完成")
    return draw.choice(("How to Proceed, Step by Step", "How to Go About It"))


def _title_en(name: str, guide: Guide, draw: random.Random) -> str:
    words = name.rstrip("?").split()
    first = words[0].lower()
    asked = re.match(
        r"(?:How (?:to|do I|do you|can I|can you|should I|should you|do we|can we)|What is the best way to|Best way to) (.{3,80}?)\??$",
        name,
        re.IGNORECASE,
    )
    if asked is not None:
        return f"How to {asked[1]}"
    if name.endswith("?"):
        return draw.choice(("How to Approach the Question: {}", "How to Deal with the Question: {}")).replace(
            "{}", name
        )
    if any(step.code for step in guide.steps) and len(words) <= 3 and first not in _VERBS:
        return f"How to Use {name}" if name[:1].isupper() else f"How to use `{name}`"
    if first in _ING:
        return f"How to {' '.join([_ING[first], *words[1:]])}"
    if first in _VERBS and len(words) >= 3 and words[1].lower() not in _NOT_OBJECT:
        return f"How to {title_case_down(name)}"
    return draw.choice(
        ("How to Work Through {}", "How to Approach {}", "How to Handle {}", "How to Go About {}")
    ).replace("{}", name)


def _title_zh(name: str, document: Document) -> str:
    say = document.tongue.say
    if re.match(r"如何|怎么|怎样|怎麼|怎樣", name):
        return name.rstrip("？?")
    if name.isascii():
        return f"{say('如何使用')} {name}"
    if _IMPERATIVE_ZH.match(name):
        return say("如何") + name
    return f"{say('如何进行')}“{name}”" if not document.tongue.traditional else f"如何進行「{name}」"


def _layout(guide: Guide, document: Document, draw: random.Random, room: int) -> str | None:
    """Title, introduction, numbered steps with their code, notes; steps are left out at the end where room is short."""
    chinese = document.tongue.chinese
    title = f"# {how_to(guide, document, draw)}"
    heads = (
        ("## Steps\n\n", "", "## Step by Step\n\n")
        if not chinese
        else (f"## {document.tongue.say('步骤')}\n\n", "", f"## {document.tongue.say('操作步骤')}\n\n")
    )
    head = draw.choice(heads)
    notes = _notes(guide, document)
    parts: list[str] = []
    used = len(title) + len(guide.intro) + len(notes) + 40
    for number, step in enumerate(guide.steps, 1):
        text = _numbered(number, step, chinese)
        if used + len(text) > room:
            break
        used += len(text) + 1
        parts.append(text)
    if len(parts) < LEAST:
        return None
    loose = any("\n" in part for part in parts)
    body = ("\n\n" if loose else "\n").join(parts)
    return "\n\n".join(part for part in (title, guide.intro, head + body, notes) if part)


def _numbered(number: int, step: Step, chinese: bool) -> str:
    text = step.text if step.text[-1] in ".。!！?？:：;；)）" or step.code else step.text + ("。" if chinese else ".")
    text = text[:1].upper() + text[1:] if not chinese else text
    if step.detail:
        text = (
            f"**{text.rstrip('.。')}**{'。' if chinese else '.'} {step.detail}"
            if not chinese
            else f"**{text.rstrip('。')}**：{step.detail}"
        )
    lines = [
        f"{number}. {text}"
        + (("：" if chinese else ":") if step.code and not step.detail and text[-1] not in ".。:：" else "")
    ]
    if step.code:
        fence = "```" if "```" not in step.code else "~~~~"
        indent = "   "
        lines.append(
            f"{indent}{fence}\n" + "\n".join(indent + line for line in step.code.split("\n")) + f"\n{indent}{fence}"
        )
    return "\n".join(lines)


def _notes(guide: Guide, document: Document) -> str:
    """Up to three warnings and hints of the document that are not among the steps."""
    chinese = document.tongue.chinese
    pattern = _NOTE_ZH if chinese else _NOTE
    told = {step.text for step in guide.steps}
    found = [
        sentence
        for section, block in document.paragraphs()[:150]
        if section.heading == guide.heading or section.heading == document.title
        for sentence in block.sentences[:30]
        if pattern.match(sentence)
        and sentence not in told
        and sentences.whole(sentence, chinese)
        and len(sentence) <= 240
    ][:3]
    if not found:
        return ""
    head = document.tongue.say("注意事项") if chinese else "Notes"
    return f"## {head}\n\n" + "\n".join(f"- {sentence}" for sentence in found)
