"""Facts that one sentence states about a subject: what it is, where, since when, what for, what it must do.

A fact is a sentence that reads whole, whose subject is a short noun phrase at its start, and whose verb names a kind.
The subject is found by searching the verb in the sentence's head (120 characters), so the work is linear and small.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tilth.generate.engines.extractive import sentences
from tilth.generate.engines.extractive.structure import Block, Document, Section

HEAD = 120  # characters of a sentence in which the subject and verb must stand
MOST_SENTENCES = 600  # looked at in one document


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`sentence` says something of `kind` about `subject`; `order` is its place in the document."""

    kind: str
    subject: str
    sentence: str
    order: int
    plural: bool = False
    verb: str = ""  # as it stands in the sentence
    follow: str = ""  # the next sentence of the paragraph where it reads whole, else empty


_VERBS = re.compile(
    r"\b(?:"
    r"(?P<where>(?:is|are|was|were) (?:located|situated)\b)"
    r"|(?P<when>(?:was|were) (?:first )?(?:founded|established|built|born|created|released|published|introduced|completed|opened|"
    r"incorporated|discovered|invented|formed|launched|signed|enacted|elected)\b)"
    r"|(?P<known>(?:is|are|was|were) (?:best |widely |well )?known for\b)"
    r"|(?P<cause>(?:is|are|was|were) caused by\b)"
    r"|(?P<use>(?:is|are) (?:commonly |often |usually |widely |also )?used (?:to|for|in|as)\b)"
    r"|(?P<contain>consists? of\b|(?:is|are) (?:composed|made up) of\b|comprises?\b)"
    r"|(?P<depend>depends? (?:up)?on\b)"
    r"|(?P<define>(?:is|are) (?:defined as|called|said to be)\b|refers? to\b|(?:\(or [^()]{1,30}\) )?means?\b|(?:is|was) (?:an?|the)\b"
    r"|is one of\b|are (?:the|any|those|an)\b|are (?:\w+ ){0,4}\w+s (?:that|which|who|of|used|made|designed)\b)"
    r"|(?P<duty>(?:shall|must)\b(?! be\b))"
    r"|(?P<power>may\b(?! be\b))"
    r"|(?P<allow>allows?\b|enables?\b|provides?\b|helps?\b|lets?\b)"
    r"|(?P<require>requires?\b)"
    r"|(?P<cover>includes?\b|contains?\b)"
    r")"
)
_SUBJECT_STOP = frozenset(
    "that which who whom whose when where while if because although though since as than is are was were be been has have "
    "had do does did can could will would should may might must shall not it they we you he she i this these those there "
    "what how why said says but so then there's it's or if".split()
)
_VAGUE = frozenset(
    "idea result results answer problem reason reasons way ways thing things point goal aim case question example examples purpose "
    "difference fact first second third latter former following rest next same other others both most many some all main "
    "one ones key part number kind type sort set step steps only best worst more less bulk majority half lot lots rule "
    "trick issue challenge catch topic section chapter article post paper book text figure table author authors change "
    "process system approach model method solution time name term word concept function value person people man woman "
    "anyone someone everyone everything nothing something anything each every any no none proof claim lemma theorem "
    "statement definition discussion conclusion implication assumption use equation formula expression above moral data "
    "another place day year years week month moment end start beginning list group team company city film song album".split()
)
_OPENERS = frozenset(
    "this that these those there it its in on at by for from with to of as if when while after before since during here "
    "now then thus so but and or yet also one another each every any no some many most several few all both what which "
    "who how why where because although though not only even just perhaps maybe such his her their our my your he she "
    "they we you i let consider note suppose however finally first second according unlike like despite given once under "
    "next please did do does is are was were can could will would should".split()
)
_PERSON = re.compile(
    r"\b(?:actor|actress|director|writer|author|poet|politician|singer|musician|composer|painter|artist|player|footballer|"
    r"scientist|physicist|mathematician|chemist|biologist|astronomer|philosopher|historian|king|queen|emperor|president|"
    r"minister|soldier|general|officer|lawyer|judge|engineer|architect|explorer|missionary|bishop|pope|priest|athlete|"
    r"swimmer|boxer|fighter|wrestler|driver|coach|cricketer|golfer|skater|gymnast|cyclist|businessman|entrepreneur|"
    r"journalist|novelist|producer|screenwriter|model|dancer|comedian|economist|theologian|inventor|activist|professor|"
    r"runner|skier|sprinter|rapper|guitarist|drummer|photographer|senator|governor)\b"
)
_YEAR = re.compile(r"\b(1[0-9]{3}|20[0-2][0-9])\b")
_ALIAS = re.compile(r"\s?\([^()]{1,120}\)")
_QUOTES = str.maketrans("", "", '“”"')


def facts(document: Document) -> list[Fact]:
    """The facts of a document in its order, one a subject and kind; at most `MOST_SENTENCES` sentences are read."""
    found: list[Fact] = []
    seen: set[tuple[str, str]] = set()
    state = _fact_zh if document.tongue.chinese else _fact_en
    for order, (section, sentence, follow) in enumerate(_stated(document)):
        fact = state(sentence, order)
        if fact is None or (fact.kind, fact.subject.lower()) in seen:
            continue
        if not sentences.whole(sentence, document.tongue.chinese):
            continue
        seen.add((fact.kind, fact.subject.lower()))
        found.append(_followed(fact, follow, document.tongue.chinese, section))
    return found


def _followed(fact: Fact, follow: str, chinese: bool, _section: Section) -> Fact:
    """The fact with the next sentence, where that goes on about the same thing."""
    if not follow or not sentences.whole(follow, chinese) or len(fact.sentence) + len(follow) > sentences.LONGEST:
        return fact
    return Fact(
        kind=fact.kind,
        subject=fact.subject,
        sentence=fact.sentence,
        order=fact.order,
        plural=fact.plural,
        verb=fact.verb,
        follow=follow,
    )


def _stated(document: Document) -> Iterator[tuple[Section, str, str]]:
    """Every sentence with its section and the sentence after it, paragraphs and list items alike, up to the cap."""
    count = 0
    for section in document.sections:
        for block in section.blocks:
            for sentence, follow in _block_sentences(block, document.tongue.chinese):
                yield section, sentence, follow
                count += 1
                if count >= MOST_SENTENCES:
                    return


def _block_sentences(block: Block, chinese: bool) -> Iterator[tuple[str, str]]:
    if block.kind == "paragraph":
        yield from zip(block.sentences, (*block.sentences[1:], ""), strict=True)
    elif block.kind == "list":
        for item in block.items[:60]:
            if len(item.text) > 30 and item.text[-1] in ".。":
                first = sentences.split(item.text[:1_000], chinese)[0]
                yield first, ""


def _fact_en(sentence: str, order: int) -> Fact | None:
    match = _VERBS.search(sentence, 3, HEAD)
    if match is None:
        return None
    subject = _subject(sentence[: match.start()])
    if subject is None:
        return None
    verb, kind = match[0], match.lastgroup or ""
    bare = subject.split(" ", 1)[1] if subject.split(" ", 1)[0] in ("A", "An", "The") and " " in subject else subject
    if kind == "define" and not _defines(subject, bare, sentence, verb):
        return None
    if kind == "when" and not _YEAR.search(sentence):
        return None
    if kind == "define" and verb in ("is a", "is an", "was a", "was an", "is the", "was the", "is one of"):
        words = bare.split()
        if (
            len(words) >= 2
            and all(word[:1].isupper() for word in words)
            and _PERSON.search(sentence[match.end() :][:110])
        ):
            kind = "person"
        elif verb.startswith("was"):
            kind = "was"
    plural = verb.split()[0] in (
        "are",
        "were",
        "refer",
        "mean",
        "consist",
        "comprise",
        "depend",
        "allow",
        "enable",
        "provide",
        "help",
        "let",
        "require",
        "include",
        "contain",
    )
    if kind not in ("define", "person", "was") and bare.split()[-1].lower() in _VAGUE:
        return None
    return Fact(kind=kind, subject=subject, sentence=sentence, order=order, plural=plural, verb=verb)


def _subject(text: str) -> str | None:
    """The noun phrase that `text`, a sentence's start up to its verb, consists of, or None where it is none."""
    text = _ALIAS.sub("", text).strip()
    if text.count(",") == 2 and text.endswith(","):  # "Kosher salt, also called flake salt, is ..."
        text = text.split(",", 1)[0]
    if not 2 <= len(text) <= 70 or any(mark in text for mark in ",;:()[]{}$|￼?!/"):
        return None
    words = text.translate(_QUOTES).split()
    if not 1 <= len(words) <= 8:
        return None
    lower = [word.lower().strip("'’") for word in words]
    if (
        lower[0] in _OPENERS
        or any(word in _SUBJECT_STOP for word in lower[1:])
        or lower[-1].endswith(("ly", "’s", "'s"))
    ):
        return None
    if lower[0] in ("the", "a", "an") and (len(words) == 1 or len(words) > 6):
        return None
    if not words[0][:1].isupper() and words[0][:1] != "`":
        return None
    if lower[-1] in ("and", "of", "in", "the", "a", "to", "by", "for", "with", "also", "on", "at", "from"):
        return None
    return " ".join(words)


def _defines(subject: str, bare: str, sentence: str, verb: str) -> bool:
    """False for subjects that a question cannot name: "The idea is the ...", "Means" of other kinds."""
    words = bare.lower().split()
    if words[-1] in _VAGUE or words[0] in _VAGUE:
        return False
    if subject.startswith("The ") and (" of " not in subject and len(words) < 2 and not words[0][:1].isupper()):
        return verb.startswith(("refers", "means", "is defined"))
    if "mean" in verb and sentence[:1] not in '“"' and len(words) > 4:
        return False
    return "'s" not in words[0] and "’s" not in words[0]


# ---- Chinese ----

_VERBS_ZH = re.compile(
    r"(?P<define>(?:，?(?:即|就)?是)指(?!出|向|导|定|示|挥)|指的是|(?:被|可)?定义为|是一[种種个個类類款套项項门門座位名部条條本家支所座]|是.{1,40}?(?:之一|的一[种種个個])[，。]"
    r"|意思是|意为|意為)"
    r"|(?P<where>位[于於]|坐落[于於]|地[处處])"
    r"|(?P<when>(?:正式)?(?:始建|成立|创立|创建|创办|建立|创刊|創立|創辦|出生|生|诞生|誕生|发行|發行|上映|建成|发布|開業|开业|通车|通車)[于於]|[于於]\d{3,4}年.{0,12}?(?:成立|创立|创建|建立|出生|建成|发布|上映|開業|开业|通车))"
    r"|(?P<contain>由.{1,60}?(?:组成|構成|构成|組成)|(?:主要)?(?:包括|包含|分[为為]|可分[为為]))"
    r"|(?P<use>(?:主要|常|通常|一般|可)?(?:被)?用[于於来來](?!.{0,2}说))"
    r"|(?P<cause>是?由.{1,30}?(?:引起|导致|導致|造成))"
    r"|(?P<duty>应当|應當|必须|必須|不得|负责|負責)"
    r"|(?P<power>有权|有權|可以)"
    r"|(?P<require>需要(?!注意))"
)
_ALIAS_ZH = re.compile(r"[（(][^（）()]{1,80}[）)]|「|」|“|”|《|》|\"")
_BAD_SUBJECT_ZH = re.compile(
    r"(?:这|那|其|它|他|她|此|该|該|這|因|所以|但|如|一|有|对|對|在|从|從|当|當|并|並|而|则|則|且|以|为|為|每|各[类個个]|任何|我|你|您|本(?!法|条例|规定|办法|市|省)|不|就|也|都|还|還|"
    r"只|又|由[于於]|通过|根据|按照|依照|自|最|第|同|又|若|所|及|或|与|與|和|可|需|经|經|于|於|之|由|前|后|後|上|下|中|内|至|是|将|將|使|让|许多|多|很多|大多|几|两|兩|另|等|，)"
)
_TAIL_ZH = re.compile(
    r"(?:也|都|还|還|则|則|就|又|并|不|均|主要|一般|通常|往往|只|却|已|曾|将|可|仍|便|才|更|即|其实|实际上|本质上|本身|亦|既|的|了|地|所|人员|时|時|后|後|中|上|内|，)$"
)
_ALIAS_LEAD_ZH = re.compile(
    r"(?:又|亦|也|全|简|簡|俗|别|別|古|旧|英|或|本|学|學|原|通|即|中文|正式|拼音|字|号|號)(?:称|稱|名|语|語|叫|作|文|做)?"
)
_CLASSIC = re.compile(r"([㐀-鿿]{1,8})者，([^。？]{2,40})也[。；]")
_COURTESY = re.compile(r"([㐀-鿿]{2,8})，?字([㐀-鿿]{1,3})，([^。？]{2,40})(?:人|子|孙|弟|兄|孫)也?[，。]")
_HAN_RUN = re.compile(r"[㐀-鿿A-Za-z0-9·\- 、+/.（）()`]{1,24}$")


def _fact_zh(sentence: str, order: int) -> Fact | None:
    text = sentence.lstrip('“「"')
    match = _VERBS_ZH.search(text, 1, 60)
    if match is None:
        return _classic(sentence, order)
    kind = match.lastgroup or ""
    subject = subject_zh(text[: match.start()])
    if subject is None:
        return _classic(sentence, order)
    if kind in ("duty", "power") and (len(subject) > 16 or len(sentence) < 16):
        return None
    return Fact(kind=kind, subject=subject, sentence=sentence, order=order, verb=match[0])


def subject_zh(text: str) -> str | None:
    """The noun phrase at a sentence's start, or None. An alias after a comma may follow it: 三角关系，亦称做三角恋，是指."""
    text = _ALIAS_ZH.sub("", text).strip()
    if "，" in text:
        first, rest = text.split("，", 1)
        if rest and not _ALIAS_LEAD_ZH.match(rest):
            return None
        text = first
    lead = re.match(r"(?:所谓的?|所謂的?|本(?:法|条例|规定|办法|决定|细则|規定)(?:所称的?|中的))", text)
    if lead is not None:
        text = text[lead.end() :]
    text = _TAIL_ZH.sub("", text)
    if not 2 <= len(text) <= 18 or _BAD_SUBJECT_ZH.match(text) or _HAN_RUN.match(text) is None:
        return None
    if (
        any(mark in text for mark in ("的是", "因为", "如果", "可以", "没有", "我们", "时候", "就是", "以及", "目的"))
        or text.count("、") > 1
    ):
        return None
    return text.strip(" 、")


def _classic(sentence: str, order: int) -> Fact | None:
    """Classical definitions (X者，Y也) and introductions of persons (X，字Y，Z人)."""
    match = _CLASSIC.match(sentence)
    if match is not None and len(sentence) <= 60 and match[1][-1] not in "今昔古何":
        return Fact(kind="classic", subject=match[1], sentence=sentence, order=order)
    match = _COURTESY.match(sentence)
    if match is not None:
        name = match[1].removesuffix("讳").removesuffix("諱")
        return Fact(kind="person", subject=name, sentence=sentence, order=order) if len(name) >= 2 else None
    return None


def year_of(sentence: str) -> str | None:
    """The first year from 1000 to 2029 that the sentence names, or None."""
    match = _YEAR.search(sentence)
    return match[1] if match else None
