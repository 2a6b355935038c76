"""English sentences that state a fact: the verb names the kind, what stands before it is the subject."""

import re

from tilth.generate.engines.extractive.stated import Stated
from tilth.generate.engines.extractive.words import words

HEAD = 120  # characters of a sentence in which the subject and verb must stand

_PAST = (
    "announced|became|began|born|built|captured|created|defeated|designed|developed|directed|discovered|founded|introduced|"
    "invented|issued|joined|launched|led|married|moved|opened|passed|performed|played|proposed|published|received|recorded|"
    "released|served|signed|studied|taught|won|wrote|established|organized|graduated|died"
)
_VERBS = re.compile(
    r"\b(?:"
    r"(?P<where>(?:is|are|was|were) (?:located|situated)\b)"
    r"|(?P<when>(?:was|were) (?:first )?(?:founded|established|built|born|created|released|published|introduced"
    r"|completed|"
    r"opened|incorporated|discovered|invented|formed|launched|signed|enacted|elected)\b)"
    r"|(?P<known>(?:is|are|was|were) (?:best |widely |well )?known for\b)"
    r"|(?P<cause>(?:is|are) caused by\b)"
    r"|(?P<use>(?:is|are) (?:commonly |often |usually |widely |also )?used (?:to|for|in|as)\b)"
    r"|(?P<contain>consists? of\b|(?:is|are) (?:composed|made up) of\b|comprises?\b)"
    r"|(?P<depend>depends? (?:up)?on\b)"
    r"|(?P<iff>(?:is|are) (?:called |said to be )?(?:[a-z-]+ ){1,3}(?:if|iff)\b)"
    r"|(?P<define>(?:is|are) (?:defined as|called|said to be)\b|refers? to\b|means\b|(?:is|was) (?:an?|the)\b|is "
    r"one of\b"
    r"|are (?:the|any|those|an)\b|are (?!\w+ed\b|\w+ly\b)(?:(?!for\b|in\b|by\b|to\b|of\b|at\b|on\b|with\b|more\b"
    r"|not\b)[\w-]+ ){0,3}"
    r"[\w-]+s (?:that|which|who|used|made|designed)\b)"
    r"|(?P<rule>(?:shall|must) (?:not )?(?:be|have)\b)"
    r"|(?P<duty>(?:shall|must)\b(?! be\b| have\b))"
    r"|(?P<power>may\b(?! be\b| have\b| not be\b))"
    r"|(?P<allow>allows?\b|enables?\b|provides?\b|helps?\b)"
    r"|(?P<require>requires?\b)"
    r"|(?P<cover>includes?\b|contains?\b)"
    rf"|(?P<did>(?:{_PAST})\b)"
    r")"
)
_STOP = words(
    """
    that which who whom whose when where while if because although though since as than is are was were be been
    has have had do does did can could will would should may might must shall not it they we he she i this these
    those there what how why said says but so then or each every all any no also still only just even himself
    herself itself themselves cannot never however
    """
)
_VAGUE = words(
    """
    idea result results answer problem reason reasons way ways thing things point goal aim case question example
    examples purpose difference fact first second third latter former following rest next same other others both
    most many some main one ones key part number kind type sort set step steps best worst more less bulk majority
    half lot lots rule trick issue challenge catch topic section chapter article post paper book text figure table
    author authors change process system approach model method solution time name term word concept value person
    people man woman anyone someone everyone everything nothing something anything none proof claim lemma theorem
    statement definition discussion conclusion implication assumption use equation formula expression above moral
    data place day year years week month moment end start beginning list group team company city film song album
    episode show game series house event important good new great variety range couple host piece amount line
    lines curve arrow panel said aforesaid respective
    """
)
_OPENERS = words(
    """
    this that these those there it its in on at by for from with to of as if when while after before since during
    here now then thus so but and or yet also one another each every any no some many most several few all both
    what which who how why where because although though not only even just perhaps maybe such his her their our
    my your he she they we you i let consider note suppose however finally first second according unlike like
    despite given once under next please did do does is are was were can could will would should between among
    having being until without within through upon often sometimes usually generally typically occasionally
    currently today recently originally previously similar different various certain additional further two three
    four five six seven eight nine ten still more less least said
    """
)
_TAIL = words(
    """
    and of in the a an to by for with also on at from into who or often usually generally typically always never
    """
)
_PERSON = re.compile(
    r"\b(?:actor|actress|director|writer|author|poet|politician|singer|musician|composer|painter|artist|player|footballer|"
    r"scientist|physicist|mathematician|chemist|biologist|astronomer|philosopher|historian|king|queen|emperor|president|"
    r"minister|soldier|general|officer|lawyer|judge|engineer|architect|explorer|missionary|bishop|pope|priest|athlete|"
    r"swimmer|boxer|fighter|wrestler|driver|coach|cricketer|golfer|skater|gymnast|cyclist|businessman|entrepreneur|"
    r"journalist|novelist|producer|screenwriter|model|dancer|comedian|economist|theologian|inventor|activist|professor|"
    r"runner|skier|sprinter|rapper|guitarist|drummer|photographer|senator|governor)\b"
)
_AFTER_DEFINE = re.compile(
    r"\s(?:same|only|most|best|first|last|main|result|case|one|other|next|following|key|number|reason|way|subject|opposite|"
    r"lot|little|bit|good|great|bad|big|huge|matter|must|member of the|part of|sum|ratio of|time|place|answer"
    r"|goal|right|wrong|"
    r"very|more|much|real|perfect|nice|long|new|few|case where|problem)\b"
)
_YEAR = re.compile(r"\b(1[0-9]{3}|20[0-2][0-9])\b(?!\s?B\.?C)")
_CLAUSE = re.compile(r"\s(?:that|we|you|it|they|there|he|she|one|i|in)\b", re.IGNORECASE)
_ALIAS = re.compile(r"\s?\([^()]{1,120}\)")
_QUOTES = str.maketrans("", "", '“”"')
_PLURAL_VERBS = words("are were refer mean consist comprise depend allow enable provide help require include contain")


def state_en(sentence: str) -> Stated | None:
    """The fact that an English sentence states, or None. A sentence of another shape is simply passed over."""
    match = _verb_of(sentence)
    if match is None:
        return None
    subject = subject_en(sentence[: match.start()])
    if subject is None:
        return None
    verb, kind = match[0], match.lastgroup or ""
    rest = sentence[match.end() :]
    bare = _bare(subject)
    if kind == "define":
        kind = _kind_of_definition(subject, bare, sentence, verb, rest)
    elif (
        bare.split()[-1].lower() in _VAGUE
        or bare.split()[0].lower() in _VAGUE
        or (subject[:4] == "The " and kind == "did" and bare[:1].islower())
    ):
        return None
    if not kind or (kind == "when" and not _YEAR.search(rest[:80])):
        return None
    if kind == "did":
        kind = _kind_of_deed(subject, verb, rest)
    return Stated(kind, subject, verb, verb.split()[0] in _PLURAL_VERBS) if kind else None


def _verb_of(sentence: str) -> re.Match[str] | None:
    """The first verb phrase of a known kind. Words are looked up in a set first, which costs a third of a search."""
    place = 0
    for word in sentence[:HEAD].split(" "):
        if place > 2 and word in _VERB_WORDS:
            match = _VERBS.match(sentence, place)
            if match is not None:
                return match
        place += len(word) + 1
    return None


_VERB_WORDS = words(
    """
    is are was were consist consists comprise comprises depend depends refer refers means shall must may allow
    allows enable enables provide provides help helps require requires include includes contain contains
    """
) | frozenset(_PAST.split("|"))


def _bare(subject: str) -> str:
    first, _, rest = subject.partition(" ")
    return rest if first in ("A", "An", "The") and rest else subject


def _kind_of_definition(subject: str, bare: str, sentence: str, verb: str, rest: str) -> str:
    """define, person, was, or "" for a subject that a question cannot name and a predicate that defines nothing."""
    words = bare.lower().split()
    quoted = sentence[:1] in '“"' or sentence[1:2] in '“"'
    term = verb.startswith(("mean", "refer", "is defined", "are defined"))
    if quoted and not term:
        return ""
    if words[-1] in _VAGUE or words[0] in _VAGUE or "'s" in words[0] or "’s" in words[0]:
        return ""
    if _AFTER_DEFINE.match(rest) if not term else _CLAUSE.match(rest):
        return ""
    if subject.startswith("The ") and " of " not in subject and len(words) < 2 and not bare[:1].isupper() and not term:
        return ""
    if verb.startswith("mean") and not quoted and len(words) > 4:
        return ""
    if words[0].endswith("ing") and len(words) > 2:
        return ""
    named = len(words) >= 2 and all(word[:1].isupper() for word in bare.split())
    if verb.startswith(("is ", "was ")) and named and _PERSON.search(rest[:110]):
        return "person"
    if verb.startswith("was"):
        return "was" if bare[:1].isupper() and any(word[:1].isupper() for word in bare.split()[1:] or [bare]) else ""
    return "define"


def _kind_of_deed(subject: str, verb: str, rest: str) -> str:
    """did or when, for subjects that are names; "" for the rest."""
    words = subject.split()
    names = [word for word in words[1:] if word[:1].isupper()] or ([words[0]] if len(words) == 1 else [])
    if not names or not rest or rest[0] not in " " or len(rest) < 12:
        return ""
    if verb in ("died", "born", "graduated", "moved", "began"):
        return "when_did" if _YEAR.search(rest[:60]) and verb != "born" else ""
    return (
        "did"
        if rest[1:2] != ""
        and rest.split()[0] not in ("in", "on", "at", "by", "to", "from", "and", "as", "with", "that", "for")
        else ""
    )


def subject_en(text: str) -> str | None:
    """The noun phrase that `text`, a sentence's start up to its verb, consists of, or None where it is none."""
    text = _ALIAS.sub("", text).strip()
    if text.count(",") == 2 and text.endswith(","):  # "Kosher salt, also called flake salt, is ..."
        text = text.split(",", 1)[0]
    if not 2 <= len(text) <= 70 or any(mark in text for mark in ",;:()[]{}$|￼?!/—–"):
        return None
    words = text.translate(_QUOTES).split()
    if not 1 <= len(words) <= 8 or not (words[0][:1].isupper() or words[0][:1] == "`"):
        return None
    lower = [word.lower().strip("'’") for word in words]
    if lower[0] in _OPENERS or lower[-1] in _TAIL or lower[-1].endswith(("ly", "’s", "'s")):
        return None
    if any(word in _STOP for word in lower[1:]) or (lower[0] in ("the", "a", "an") and not 1 < len(words) <= 6):
        return None
    return " ".join(words)


def year_of(sentence: str) -> str | None:
    """The first year from 1000 to 2029 that the sentence names, or None."""
    match = _YEAR.search(sentence)
    return match[1] if match else None
