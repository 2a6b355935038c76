"""Sentences: where they end, and which of them read whole when they stand alone.

English ends at . ! ? before a capital, with the usual abbreviations kept together; Chinese at 。！？ and the full-width
full stop. All patterns are linear and a sentence is at most `LONGEST` characters for a rule to look at it.
"""

import re
from functools import lru_cache

from tilth.generate.engines.extractive.inline import HOLE
from tilth.generate.engines.extractive.words import words

LONGEST = 420  # characters of an English sentence worth quoting
LONGEST_ZH = 180

_END = re.compile(r"[.!?][\"”’')\]]{0,3}\s+(?=[\"“‘'(\[$`]{0,2}[A-Z0-9À-Þ])")
_END_ZH = re.compile(r"[。！？．!?][”」』’\"）)]{0,3}")
_LAST_WORD = re.compile(r"([A-Za-z][A-Za-z.]{0,12})\.$")
_ABBREVIATIONS = words(
    """
    mr mrs ms dr st vs etc e.g i.e cf al no fig figs eq eqs sec secs ch vol pp ed eds prof sen rep gov gen col
    capt lt sgt rev hon inc ltd co corp dept est approx jr sr mt ft ave blvd jan feb mar apr jun jul aug sep sept
    oct nov dec u.s u.k d.c a.m p.m ph.d b.c a.d def thm prop viz esp op ca
    """
)
_START = re.compile(r"[\"“‘'(\[`$]{0,2}[A-Z0-9À-Þ]")
_LEANING = words(
    """
    this that these those it its they their them he his him she her hers such however but and so or nor yet
    therefore thus hence also instead moreover furthermore additionally similarly likewise consequently
    accordingly nevertheless nonetheless otherwise then there here both neither either another others again
    meanwhile finally still besides conversely indeed alternatively first second third secondly thirdly next later
    afterwards i my one some which who what how why where ok yes no well now because not specifically rather too
    let lets
    """
)
_LEANING_PHRASE = re.compile(
    r"(?:In (?:this|that|these|such|other|addition|contrast|fact|particular|short|turn|each|both)|For (?:example"
    r"|instance|this|"
    r"that|these|more)|As (?:a result|such|before|above|we|you|noted|mentioned|shown|described|discussed|an? example)|"
    r"On the (?:other|one|contrary)|At (?:this|that|the same)|After (?:this|that)|To (?:this|that|do (?:this|so))|With "
    r"(?:this|that|these)|From (?:this|that|these)|By (?:this|that)|Because of (?:this|that)|The (?:latter|former|same|"
    r"following|above|other|first|second|next|result|reason|answer|idea)|Like (?:this|that)|Of (?:these|course)|Under "
    r"(?:this|that|these)|Let (?:us|me|[A-Z$])|Recall|Note|Consider|Suppose|See|Click|Credit|Figure|Table|Image|Photo|"
    r"Copyright|All rights|Posted|Updated|Editor)\b"
)
_POINTING = re.compile(
    r"\b(?:above|below|following figure|(?:the|this|next|previous|following) (?:section|chapter|figure|table|page"
    r"|module|"
    r"example|post|link|image|diagram|equation)|"
    r"(?:figure|fig\.|table|appendix|equation|eq\.|example) \d|click|https?:|www\.|shown in|listed in|as follows"
    r"|subscribe)",
    re.IGNORECASE,
)
_LEANING_ZH = re.compile(
    r"这|那|其(?!他|它|余|实|中一)|它|他|她|此|该|因此|所以|但|不过|然而|而|于是|同时|另外|此外|并且|并|则|也|还|又|因为|由于|如果|例如|比如|"
    r"接下来|下面|我们|我|你|您|另一|前者|后者|总之|综上|可以看[到出]|如[图下上表]|上[面述文]|以[上下]|再|且|或|以及|即|和|與|這|該|於是|"
    r"與此|我們|對此|对此|同样|同理|与此|为此|為此|一方面|具体|首先|其次|最后|然后|后来|所谓的"
)
_POINTING_ZH = re.compile(
    r"如下|上图|下图|上述|下表|上表|图\s?\d|表\s?\d|如图|见下|https?:|点击|下面|本[节章文]|前文|后文|上一节|公众号|链接|阅读"
)
_MATH = re.compile(r"\$[^$]{0,300}\$")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_CODE = re.compile(r"`[^`]{0,200}`")
_LETTER = re.compile(r"[A-Za-zÀ-ɏ]")
_HAN = re.compile(r"[㐀-鿿]")
#: Formula commands that any Markdown viewer renders; others are an author's own macros and unreadable elsewhere.
_KNOWN_MATH = words(
    """
    alpha beta gamma delta epsilon varepsilon theta lambda mu nu pi rho sigma tau phi varphi omega eta zeta xi chi
    psi Delta Sigma Omega Gamma Lambda Theta Phi Pi frac sqrt sum prod int times cdot div pm leq le geq ge neq ne
    approx equiv infty in notin subset subseteq cup cap emptyset to rightarrow leftarrow Rightarrow mapsto log ln
    exp sin cos tan min max lim mathbb mathbf mathcal mathrm text mathsf bar hat tilde vec dot partial nabla ldots
    dots cdots left right forall exists sim circ ast deg land lor lnot bmod pmod mid parallel perp angle top
    lfloor rfloor lceil rceil boldsymbol operatorname quad gg ll propto
    """
)


def split(text: str, chinese: bool) -> list[str]:
    """The sentences of one cleaned paragraph, in order; nothing is lost but the spaces between them."""
    sentences: list[str] = []
    start = 0
    for match in (_END_ZH if chinese else _END).finditer(text):
        end = match.end()
        if not chinese and text[match.start()] == "." and _abbreviates(text, start, match.start()):
            continue
        if chinese and text[match.start()] in "!?" and end < len(text) and text[end].isascii() and text[end] != " ":
            continue
        sentences.append(text[start:end].strip())
        start = end
    tail = text[start:].strip()
    return [*sentences, tail] if tail else sentences


def _abbreviates(text: str, start: int, stop: int) -> bool:
    """True where the full stop at `stop` belongs to an abbreviation or an initial."""
    word = _LAST_WORD.search(text, max(start, stop - 14), stop + 1)
    if word is None:
        return False
    name = word[1]
    return (len(name) == 1 and name != "I") or name.lower() in _ABBREVIATIONS


def whole(sentence: str, chinese: bool) -> bool:
    """True for a sentence that can be quoted: complete, of readable length, free of holes, links and stray markup."""
    if chinese:
        return 8 <= len(sentence) <= LONGEST_ZH and _whole_zh(sentence)
    return 25 <= len(sentence) <= LONGEST and _whole_en(sentence)


def _stray(sentence: str) -> bool:
    return HOLE in sentence or "|" in sentence or "{{" in sentence or "orem ipsum" in sentence


@lru_cache(maxsize=4_096)  # the formats of a document ask for the same sentences; each is at most LONGEST characters
def _whole_en(sentence: str) -> bool:
    if not _START.match(sentence) or _stray(sentence):
        return False
    if sentence.rstrip("\"”’')]")[-1:] not in (".", "!") or sentence.endswith(("..", "…", ":.", ",.")):
        return False
    if not balanced(sentence) or _POINTING.search(sentence):
        return False
    bare = _CODE.sub("", sentence) if "`" in sentence else sentence
    if "$" in bare or "\\" in bare:
        if not readable_math(bare):
            return False
        bare = _MATH.sub("", bare)
    return len(_LETTER.findall(bare)) * 10 >= len(sentence) * 5


@lru_cache(maxsize=4_096)
def _whole_zh(sentence: str) -> bool:
    if not 8 <= len(sentence) <= LONGEST_ZH or sentence.rstrip('”」』’"）)')[-1:] not in ("。", "！", "．", "!"):
        return False
    if sentence[0] in "，。、；：）)]」』”》" or not balanced(sentence) or _POINTING_ZH.search(sentence):
        return False
    if ("$" in sentence or "\\" in sentence) and not readable_math(sentence):
        return False
    return len(_HAN.findall(sentence)) * 10 >= len(sentence) * 3


def readable_math(text: str) -> bool:
    """True where every formula command is a common one inside dollar signs, and the dollar signs pair up."""
    outside = _MATH.sub("", text)
    if "\\" in outside or "{" in outside:
        return False
    if outside.count("$") and "$$" in outside:
        return False
    formulas = _MATH.findall(text) if "\\" in text else ()
    return all(command[1:] in _KNOWN_MATH for formula in formulas for command in _COMMAND.findall(formula))


def clear(text: str) -> bool:
    """True for a piece of text without holes, links, templates and unreadable formulas."""
    return (
        HOLE not in text
        and "http" not in text
        and "{{" not in text
        and "orem ipsum" not in text
        and balanced(text)
        and readable_math(text)
    )


def balanced(text: str) -> bool:
    """True where brackets and curly quotes pair up by count."""
    return (
        text.count("(") == text.count(")")
        and text.count("（") == text.count("）")
        and text.count("“") == text.count("”")
        and text.count('"') % 2 == 0
        and text.count("「") == text.count("」")
        and text.count("《") == text.count("》")
        and text.count("[") == text.count("]")
        and text.count("`") % 2 == 0
    )


def leans(sentence: str, chinese: bool) -> bool:
    """True where the sentence opens by pointing at something said before it, so it cannot open an answer."""
    if chinese:
        return _LEANING_ZH.match(sentence.lstrip('“「"《（(')) is not None
    first = sentence.split(" ", 1)[0].strip("\"“‘'(,.;:").lower().split("’")[0].split("'")[0]
    return first in _LEANING or _LEANING_PHRASE.match(sentence) is not None


def shorten(sentence: str, limit: int) -> str:
    """`sentence` if it fits, else its longest run of whole clauses within `limit` characters, else cut at a
    word; an ellipsis says that it was cut."""
    if len(sentence) <= limit:
        return sentence
    head = sentence[:limit]
    cut = max(head.rfind(mark) for mark in (", ", "; ", "，", "；", " – ", " (", "（"))
    if cut < limit // 2:
        cut = head.rfind(" ")
    return head[: cut if cut > 0 else limit].rstrip(" ,;，；–(（") + " …"
