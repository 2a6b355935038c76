"""Chinese sentences that state a fact; modern, legal and some classical shapes."""

import re

from tilth.generate.engines.extractive.stated import Stated

HEAD = 60  # characters of a sentence in which the subject and verb must stand

_VERBS = re.compile(
    r"(?P<define>(?:，?(?:即|就)?是)指(?!出|向|导|定|示|挥)|指的是|(?:被|可)?定义为|是一[种種个個类類款套项項门門座位名部条條本家支所座]|"
    r"是.{1,40}?(?:之一|的一[种種个個])[，。]|意思是|意为|意為)"
    r"|(?P<where>是?位[于於]|坐落[于於]|地[处處])"
    r"|(?P<when>(?:正式)?(?:始建|成立|创立|创建|创办|建立|创刊|創立|創辦|出生|生|诞生|誕生|发行|發行|上映|建成|发布|開業|开业|通车|通車)[于於]|"
    r"[于於]\d{3,4}年.{0,12}?(?:成立|创立|创建|建立|出生|建成|发布|上映|開業|开业|通车))"
    r"|(?P<contain>由.{1,60}?(?:组成|構成|构成|組成)|(?:主要)?(?:包括|包含|(?<!，)分[为為]|可分[为為]))"
    r"|(?P<use>(?:主要|常|通常|一般|可)?(?:被)?用[于於来來](?!.{0,2}说))"
    r"|(?P<cause>是?由.{1,30}?(?:引起|导致|導致|造成))"
    r"|(?P<duty>应当|應當|必须|必須|不得|负责|負責)"
    r"|(?P<power>有权|有權|可以)"
    r"|(?P<require>需要(?!注意))"
)
_ALIAS = re.compile(r"[（(][^（）()]{1,80}[）)]|「|」|“|”|《|》|\"")
_BAD = re.compile(
    r"(?:这|那|其|它|他|她|此|该|該|這|因|所以|但|如|一|有|对|對|在|从|從|当|當|并|並|而|则|則|且|以|为|為|每|各[类個个]|任何|我|你|您|"
    r"本(?!法|条例|规定|办法|市|省)|不|就|也|都|还|還|只|又|由[于於]|通过|根据|按照|依照|自|最|第|同|若|所|及|或|与|與|和|可|需|经|經|于|於|之|由|"
    r"前|后|後|上|下|中|内|至|是|将|將|使|让|许多|多|很多|大多|几|两|兩|另|等|未|已|曾|凡|选|選|遇|违反|，)"
)
_TAIL = re.compile(
    r"(?:也|都|还|還|则|則|就|又|并|不|均|主要|一般|通常|往往|只|却|已|曾|将|可|仍|便|才|更|即|其实|实际上|本质上|本身|亦|既|的|了|地|所|"
    r"时|時|后|後|上|内|是|，)$"
)
_ALIAS_LEAD = re.compile(
    r"(?:又|亦|也|全|简|簡|俗|别|別|古|旧|英|或|本|学|學|原|通|即|中文|正式|拼音|字|号|號)(?:称|稱|名|语|語|叫|作|文|做)?"
)
_LEAD = re.compile(r"(?:所谓的?|所謂的?|本(?:法|条例|规定|办法|决定|细则|規定)(?:所称的?|中的))")
_CLASSIC = re.compile(r"([㐀-鿿]{1,8})者，([^。？]{2,40})也[。；]")
_COURTESY = re.compile(r"([㐀-鿿]{2,8})，?字([㐀-鿿]{1,3})，([^。？]{2,40})(?:人|子|孙|弟|兄|孫)也?[，。]")
_NAME = re.compile(r"(?!\d)[㐀-鿿A-Za-z0-9·\- 、+/.（）()`]{1,24}$")
_NO_NAME = ("的是", "因为", "如果", "可以", "没有", "我们", "时候", "就是", "以及", "目的")
_TITLE_IS = re.compile(r"(?:[（(][^（）()]{1,80}[）)])?(?:，[^，。]{1,20}，?)?(?:是|為|为)")


def state_zh(sentence: str, title: str) -> Stated | None:
    """The fact that a Chinese sentence states, or None. `title` names the document's subject: "X是……" defines it."""
    text = sentence.lstrip('“「"')
    if title and 2 <= len(title) <= 16 and text.startswith(title) and _TITLE_IS.match(text, len(title)):
        return Stated("define", title, "是")
    match = _VERBS.search(text, 1, HEAD)
    subject = subject_zh(text[: match.start()]) if match else None
    if match is None or subject is None:
        return _classical(sentence)
    kind = match.lastgroup or ""
    if kind in ("duty", "power") and (len(subject) > 16 or len(sentence) < 16):
        return None
    return Stated(kind, subject, match[0])


def subject_zh(text: str) -> str | None:
    """The noun phrase at a sentence's start, or None. An alias may follow it after a comma (X，亦称Y，是指)."""
    text = _ALIAS.sub("", text).strip()
    if "，" in text:
        text, rest = text.split("，", 1)
        if rest and not _ALIAS_LEAD.match(rest):
            return None
    lead = _LEAD.match(text)
    text = _TAIL.sub("", text[lead.end() :] if lead else text)
    if not 2 <= len(text) <= 18 or text[-1] in "之者而也乎曰" or _BAD.match(text) or _NAME.match(text) is None:
        return None
    if any(words in text for words in _NO_NAME) or text.count("、") > 1:
        return None
    return text.strip(" 、")


def _classical(sentence: str) -> Stated | None:
    """Classical definitions (X者，Y也) and introductions of persons (X，字Y，Z人)."""
    match = _CLASSIC.match(sentence)
    if match is not None and len(sentence) <= 60 and match[1][-1] not in "今昔古何夫":
        return Stated("classic", match[1], "者，")
    match = _COURTESY.match(sentence)
    if match is None:
        return None
    name = match[1].removesuffix("讳").removesuffix("諱")
    return Stated("person", name, "字") if len(name) >= 2 else None
