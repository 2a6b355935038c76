"""Headings into questions and into titles of guides.

A heading with a part to play (Motivation, Results) asks about the document's title; one that names a thing asks about
that thing; one that says nothing (See also, References) asks nothing.
"""

import random
import re
from collections.abc import Mapping
from functools import lru_cache

from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.instructions import instruction_of
from tilth.generate.engines.extractive.words import phrases, words

#: Headings that name no matter of their own.
EMPTY = phrases(
    """
    definitions| definition| short title| table of definitions| scope| references| see also| external links|
    notes| further reading| bibliography| acknowledgments| acknowledgements| contents| table of contents| index|
    copyright| license| footnotes| sources| links| gallery| answer| exercises| problems| review questions| key
    terms| glossary| learning objectives| key equations| section summary| conceptual questions| figures|
    supporting information| author contributions| funding| change history| changelog| changes| version history|
    appendix| introduction| overview| untitled| notes and references| related resources| resources| discussions|
    discussion| feedback| comments| authors| contact| about| media| photos| images| update| updates|
    miscellaneous| other| examples| example| summary| proof| problem| solution| solutions| strategy|
    significance| check your understanding| making connections| misc| todo| remarks| data availability|
    competing interests| related work| citations| post-history| critical thinking questions| self-check
    questions| test your understanding| 参考资料| 参考文献| 参考| 引用| 外部链接| 相关链接|
    目录| 小结| 总结| 练习| 习题| 例题| 前言| 引言| 简介|
    概述| 附录| 导言| 其他| 其它| 后记| 更新| 推荐阅读| 参考资料与注释| 參考資料| 外部連結| 注释|
    參見| 参见| 说明| 引入| 实现| 解释| 代码| 代码实现| 分析| 问题| 解法| 示例|
    思路| 过程| 性质| 证明| 讨论| 定义| 例| 总则| 附则| 评论| 相关阅读
    """
)
#: Headings with a part to play in a text of their kind: the question about the title, English.
GENERIC: dict[str, tuple[str, ...]] = {
    "abstract": ("What is {title} about?", "In brief, what does {title} describe?"),
    "motivation": ("What is the motivation behind {title}?", "Why was {title} put forward?"),
    "rationale": ("What is the rationale for {title}?", "Which reasoning supports {title}?"),
    "drawbacks": ("What are the drawbacks of {title}?", "What speaks against {title}?"),
    "alternatives": ("Which alternatives to {title} were considered?",),
    "background": ("What is the background of {title}?",),
    "unresolved questions": ("Which questions about {title} are still open?",),
    "backwards compatibility": ("Is {title} backwards compatible?", "How does {title} affect backwards compatibility?"),
    "security implications": ("What are the security implications of {title}?",),
    "specification": ("What does {title} specify?",),
    "conclusion": ("What conclusion is drawn about {title}?",),
    "conclusions": ("What conclusions are drawn about {title}?",),
    "history": ("What is the history of {title}?",),
    "early life": ("What is known about the early life of {title}?",),
    "career": ("What is known about the career of {title}?",),
    "personal life": ("What is known about the personal life of {title}?",),
    "legacy": ("What is the legacy of {title}?",),
    "geography": ("What is the geography of {title} like?",),
    "climate": ("What is the climate of {title} like?",),
    "demographics": ("What are the demographics of {title}?",),
    "economy": ("What is the economy of {title} based on?",),
    "culture": ("What is the culture of {title} like?",),
    "plot": ("What is the plot of {title}?",),
    "reception": ("How was {title} received?",),
    "release": ("How was {title} released?",),
    "production": ("How was {title} produced?",),
    "design": ("What is the design of {title}?",),
    "etymology": ("Where does the name {title} come from?",),
    "death": ("What is known about the death of {title}?",),
    "education": ("What is known about education in the account of {title}?",),
    "understand": ("What should a visitor understand about {title}?",),
    "get in": ("How does one get to {title}?",),
    "get around": ("How does one get around in {title}?",),
    "materials and methods": ("Which methods were used in the study?",),
    "methods": ("Which methods were used in the study?",),
    "results": ("What results does the study report?",),
}
_GENERIC_ZH = {
    "历史": "{title}的历史是怎样的？",
    "歷史": "{title}的歷史是怎樣的？",
    "地理": "{title}的地理情况如何？",
    "优点": "{title}有哪些优点？",
    "缺点": "{title}有哪些缺点？",
    "应用": "{title}有哪些应用？",
    "背景": "{title}的背景是什么？",
    "特点": "{title}有什么特点？",
}
_NUMBER = re.compile(
    r"^(?:(?:Chapter|CHAPTER|Section|Part|PART|Step|§)\s?[\dIVXLC.-]{1,8}[.:—-]?\s{0,2}|\d{1,3}(?:[.-]\d{1,3}){0,4}[.:)]?\s{1,3}|[\dIVXLC]{1,6}\.\s|"
    r"第[一二三四五六七八九十百零\d]{1,5}[章节编篇部条]\s{0,4}|[一二三四五六七八九十]{1,3}、|（[一二三四五六七八九十]{1,3}）|\d{1,2}、)"
)
_GERUND = re.compile(r"[A-Z]?[a-z]{3,12}ing\b")
_SHARED = words(
    """
    king thing things spring string strings ring wing morning evening building buildings during nothing everything
    being meaning beginning ceiling wedding
    """
)
_ROMAN = re.compile(r"[IVXLC]{1,8}\.?$")
_SKIP = re.compile(
    r"(?:answer|check your|key |note|step|part|chapter|exercise|figure|table|example|more about|and|or|but|link "
    r"to|read more|an? )\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"(?:Of|On|Concerning|About) (?:the )?")
_ASKING = re.compile(r"(?:what|who|when|where|why|how|which|is|are|can|do|does|should|did|will)\b", re.IGNORECASE)
_ASKING_ZH = re.compile(r"如何|怎么|怎样|怎麼|怎樣|为什么|為什麼|什么是|什麼是|哪|何时|何謂|何谓")
_VERBAL_ZH = re.compile(
    r"(?:创建|安装|配置|使用|运行|定义|实现|读取|训练|启动|下载|编写|设置|计算|查看|修改|删除|添加|更新|选择|构建|部署|初始化|加载|测试|优化|处理|解决|理解|学习|获取|打开|导入|生成|执行|开始|注册|检查|准备|清洗|合并|转换|编译|调试|升级|搭建|申请|避免|提交|生成|建立|增加|分析|评估)(?=[㐀-鿿A-Za-z`])"
)


def is_reading(heading: str) -> bool:
    """True for sections that list what to read, not what is so."""
    return _READING.match(heading) is not None


_READING = re.compile(
    r"(?:references|bibliography|further reading|"
    r"external links|see also|notes$|citations|footnotes|参考|參考|注释|外部链接|推荐阅读|相关链接)",
    re.IGNORECASE,
)


@lru_cache(maxsize=2_048)
def name_of(heading: str) -> str:
    """A heading without number and closing marks, in ordinary case."""
    name = _NUMBER.sub("", heading.strip()).strip(" .:：。—-")
    if len(name) > 2 and name[0] in "(（" and name[-1] in ")）" and name.count(name[0]) == 1:
        name = name[1:-1]
    letters = [character for character in name if character.isalpha() and character.isascii()]
    if len(letters) > 4 and len(letters) * 2 > len(name) and all(character.isupper() for character in letters):
        name = name.lower()
    return name


def heading_question(heading: str, document: Document, draw: random.Random) -> str:
    """A question for which the section under `heading` is the answer, or "" where there is none."""
    name = name_of(heading)
    if not 2 <= len(name) <= 90 or name.lower() in EMPTY or any(mark in name for mark in "|￼{}\\=<>$"):
        return ""
    return _question_zh(name, document, draw) if document.tongue.chinese else _question_en(name, document, draw)


def _title(document: Document) -> str:
    title = name_of(document.title)
    return title if 2 <= len(title) <= 70 and "?" not in title and "？" not in title else ""


def has_role(heading: str) -> bool:
    """True for a heading with a part to play in texts of its kind (Motivation, Results)."""
    return name_of(heading).lower() in GENERIC or name_of(heading) in _GENERIC_ZH


def _question_en(name: str, document: Document, draw: random.Random) -> str:
    title = _title(document)
    generic = GENERIC.get(name.lower())
    if generic is not None:
        quoted = f"“{title}”" if len(title.split()) > 3 else title
        form = draw.choice(generic)
        return form.replace("{title}", quoted) if title or "{title}" not in form else ""
    words = name.split()
    if len(words) > 12 or len(name) < 4 or not words[0][:1].isalpha() or _ROMAN.match(name) or _SKIP.match(name):
        return ""
    if _ASKING.match(name) and len(words) > 2:
        return _asking(name, document)
    if instruction_of(name):
        done = f"{words[0].lower()} {as_written(' '.join(words[1:]), document)}"
        return draw.choice(("How do you {}?", "How should one {}?")).replace("{}", done)
    name = _ABOUT.sub("", name)
    named = as_written(name, document)
    if len(words) == 1 and (named[:1].islower() or len(name) < 5):
        return ""
    if len(words) > 5 or ":" in name:
        named = f"“{name}”"
    elif _GERUND.match(name) and words[0].lower() not in _SHARED:
        return draw.choice(
            (f"What is involved in {named}?", f"What should one know about {named}?", f"How is {named} described?")
        )
    forms = (
        "What is said about {}?",
        "What should a reader know about {}?",
        "What are the main points about {}?",
        "What is important to understand about {}?",
        "What does the text explain about {}?",
    )
    return draw.choice(forms).replace("{}", named)


def _asking(name: str, document: Document) -> str:
    """A heading that asks without a question mark: "How to X", "Why X", "What is X"."""
    first, rest = name.split(" ", 1)
    if first.lower() == "how" and rest.lower().startswith("to "):
        return f"How do you {as_written(rest[3:], document)}?"
    if rest.split(" ", 1)[0].lower() in _AUXILIARY:
        return f"{first.capitalize()} {as_written(rest, document)}?"
    return ""


_AUXILIARY = words("is are was were do does did can should to")


def as_written(name: str, document: Document) -> str:
    """A heading in the case that it has inside a sentence: a word goes down where the document writes it small at least
    as often; the first word of a heading that has no other capitals also where the document has it nowhere else."""
    words = name.split()
    plain = all(word == word.lower() for word in words[1:])
    return " ".join(
        _down(word, document.words, alone=number == 0 and plain and len(words) > 1) for number, word in enumerate(words)
    )


def _down(word: str, words: Mapping[str, int], *, alone: bool) -> str:
    if word[1:] != word[1:].lower() or not word[:1].isupper() or word == "I":
        return word
    lower = word.lower()
    seen = words.get(lower, 0)
    return (
        lower
        if lower in _SMALL or (seen and seen >= words.get(word, 0) - 1) or (alone and words.get(word, 0) <= 1)
        else word
    )


_SMALL = words("a an the of in on at by for from with to and or as is are was were be its his her their how what why")


def _question_zh(name: str, document: Document, draw: random.Random) -> str:
    say, title = document.tongue.say, _title(document)
    if name in _GENERIC_ZH:
        return _GENERIC_ZH[name].replace("{title}", title) if title else ""
    if len(name) > 36 or name[-1] in "，。；":
        return ""
    if _ASKING_ZH.search(name):
        return name.rstrip("?？") + "？"
    if _VERBAL_ZH.match(name) and len(name) <= 20:
        return draw.choice((f"{say('如何')}{name}？", f"{name}{say('时要注意什么')}？"))
    quoted = f"「{name}」" if document.tongue.traditional else f"“{name}”"
    return draw.choice(
        (
            f"{say('关于')}{quoted}{say('，文中是怎么说的')}？",
            f"{say('怎样理解')}{quoted}？",
            f"{quoted}{say('讲的是什么')}？",
            f"{say('文中对')}{quoted}{say('有哪些说明')}？",
        )
    )
