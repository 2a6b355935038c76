"""Where personal data stands in texts.

What it does: a kind is a pattern and a check. A pattern in polars' engine (linear in the text, whatever it holds) picks
the few texts worth a look, a pattern in Python's finds candidates in them, and the check decides on the characters.
What it guarantees: the spans of a text do not overlap and are in order. Python's patterns have bounded repeats only,
so that the work at one place of a text is bounded; a test searches for texts that break this.
What it costs: see docs/pii.md; a text with no candidate costs one pass of polars' engine.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from tilth.curate.pii import checksums, network, phone


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One value found: `text[start:end]` is of `kind`."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the kinds of one form are found."""

    screen: str  # pattern of polars' engine, no word boundary in it; a text without a match has none
    pattern: re.Pattern[str]
    decide: Callable[[str, re.Match[str]], Span | None]


#: Characters before a number that make it part of something longer, and after it.
_NOT_BEFORE = frozenset("_/\\#%&$€£=")
_DIGIT_JOINTS = frozenset(".,-:/")

#: How far back words are looked for that announce a value, and how far a web address is.
_WORDS = 24
_ADDRESS = 300

_IP_SAID = re.compile(r"\b(?:ip|ipv4|address|host|server|ping|dns|gateway|addr|from|地址)\W{0,4}$", re.IGNORECASE)
_AADHAAR_SAID = re.compile(r"(?:aadha?ar|uidai|\buid\b|आधार)[^0-9]{0,20}$", re.IGNORECASE)
_VERSION_SAID = re.compile(
    r"(?:\bv|version|release|section|sec\.|§|chapter|rule|clause|版本|第)\W{0,3}$", re.IGNORECASE
)
_YEARS = re.compile(r"(?:1[0-9]|20|21)[0-9]{2}(?: (?:1[0-9]|20|21)[0-9]{2})+")
#: What stands before an address rather than in it: a quotation mark, a dash, a blank as web addresses write it.
_LEADING = re.compile(r"(?:%20|['.-])+")
_LOCAL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}", re.ASCII)


def _plain(text: str) -> str:
    return text.translate({32: None, 45: None, 46: None})


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` is no part of a longer number, a word, a path or a web address."""
    before, after = text[start - 1 : start], text[end : end + 1]
    bracket = text[start : start + 1] == "("  # "Fax(281)528-0134"
    if (
        before
        and before.isascii()
        and (before.isalnum() or before in _NOT_BEFORE)
        and not (bracket and before.isalpha())
    ):
        return False
    if before in _DIGIT_JOINTS and text[start - 2 : start - 1].isdecimal() and start > 1:
        return False
    if after.isascii() and (after.isalnum() or after == "_") and after:
        return False
    if after in _DIGIT_JOINTS and text[end + 1 : end + 2].isdecimal():
        return False
    if not before or before.isspace():
        return True
    return "://" not in text[max(0, start - _ADDRESS) : start].rsplit(maxsplit=1)[-1]


def _numbered(kind: str, check: Callable[[str], bool]) -> Callable[[str, re.Match[str]], Span | None]:
    def decide(text: str, match: re.Match[str]) -> Span | None:
        # the check second: in a long run of digits no place stands alone, and checks cost more
        if _stands_alone(text, match.start(), match.end()) and check(_plain(match[0])):
            return Span(start=match.start(), end=match.end(), kind=kind)
        return None

    return decide


def _email(text: str, match: re.Match[str]) -> Span | None:
    at, domain = match.start(), match[1]
    local = _LOCAL.match(text[max(0, at - 65) : at][::-1])
    if local is None:
        return None
    name = local[0][::-1]
    lead = _LEADING.match(name)
    name = name[lead.end() :] if lead else name
    start, end = at - len(name), at + 1 + len(domain)
    before, after = text[start - 1 : start], text[end : end + 2]
    if before in ("/", ":") and text[max(0, start - _ADDRESS) : start].rstrip(":/").endswith(("http", "https", "ftp")):
        return None  # user@host of a web address
    if after[:1] == "@" or (after[:1] == ":" and after[1:].strip() and name.islower() and "." not in name):
        return None  # user@host:path, as scp and Git write it
    return Span(start=start, end=end, kind="email") if network.is_email(name, domain) else None


def _ipv4(text: str, match: re.Match[str]) -> Span | None:
    before = text[max(0, match.start() - _WORDS) : match.start()]
    if not _stands_alone_or_port(text, match.start(), match.end()) or _VERSION_SAID.search(before):
        return None
    kind = network.ipv4_kind(match[0], said=_IP_SAID.search(before) is not None)
    return None if kind is None else Span(start=match.start(), end=match.end(), kind=kind)


def _stands_alone_or_port(text: str, start: int, end: int) -> bool:
    """As `_stands_alone`, for addresses: they stand in web addresses, and before a port or the length of a prefix."""
    before, after = text[start - 1 : start], text[end : end + 2]
    if before.isascii() and before and (before.isalnum() or before in "_.-"):
        return False
    if after[:1].isascii() and after[:1] and (after[:1].isalnum() or after[:1] == "_"):
        return False
    return not (after[:1] in (".", "-") and after[1:].isalnum())


def _ipv6(text: str, match: re.Match[str]) -> Span | None:
    start, end = match.start(), match.end()
    before, after = text[start - 1 : start], text[end : end + 1]
    if (before.isalnum() or before in ("_", ":", ".")) and before:
        return None
    if (after.isalnum() or after in ("_", ":")) and after:
        return None
    kind = network.ipv6_kind(match[0])
    return None if kind is None else Span(start=start, end=end, kind=kind)


def _phone(text: str, match: re.Match[str]) -> Span | None:
    if phone.is_strong(match[0]) and _stands_alone(text, match.start(), match.end()):
        return Span(start=match.start(), end=match.end(), kind="phone")
    return None


def _said_phone(text: str, match: re.Match[str]) -> Span | None:
    start, end = match.span(1)
    if phone.is_said(match[1]) and _stands_alone(text, start, end):
        return Span(start=start, end=end, kind="phone")
    return None


def _iban(text: str, match: re.Match[str]) -> Span | None:
    """The country says how long it is; what the pattern took beyond that is left."""
    size, end = checksums.IBAN_LENGTHS.get(match[0][:2], 0), match.start()
    while size and end < match.end():
        size -= text[end] != " "
        end += 1
    start = match.start()
    if checksums.iban(text[start:end].replace(" ", "")) and _stands_alone(text, start, end):
        return Span(start=start, end=end, kind="iban")
    return None


def _aadhaar(text: str, match: re.Match[str]) -> Span | None:
    found = _numbered("in_aadhaar", checksums.in_aadhaar)(text, match)
    if found is None or (" " in match[0] and not _YEARS.fullmatch(match[0])):
        return found
    said = _AADHAAR_SAID.search(text[max(0, match.start() - _WORDS) : match.start()])
    return None if said is None else found


def _ascii(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


#: In the order of precedence: a span that overlaps an earlier rule's is left out.
RULES: tuple[Rule, ...] = (
    Rule(
        screen=r"[A-Za-z0-9_%+-]@[A-Za-z0-9]",
        pattern=_ascii(r"(?<=[A-Za-z0-9_%+-])@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})"),
        decide=_email,
    ),
    Rule(
        screen=r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4} ?[A-Z0-9]{3}",
        pattern=_ascii(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"),
        decide=_iban,
    ),
    Rule(
        screen=r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]",
        pattern=_ascii(r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]"),
        decide=_numbered("cn_id", checksums.cn_id),
    ),
    Rule(
        screen=r"[2-6][0-9]{3}[ -]?[0-9]{4}[0-9]{0,2}[ -]?[0-9]{1,4}[ -]?[0-9]{1,4}",
        pattern=_ascii(
            r"[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5}"
            r"|[2-6][0-9]{12,18}"
        ),
        decide=_numbered("card", checksums.card),
    ),
    Rule(
        screen=r"[12] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        pattern=_ascii(
            r"[12]( ?)[0-9]{2}\1(?:0[1-9]|1[0-2]|[2-9][0-9])\1(?:[0-9]{2}|2[AB])\1[0-9]{3}\1[0-9]{3} ?[0-9]{2}"
        ),
        decide=_numbered("fr_nir", checksums.fr_nir),
    ),
    Rule(
        screen=r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",
        pattern=_ascii(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"),
        decide=_numbered("br_cpf", checksums.br_cpf),
    ),
    Rule(
        screen=r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        pattern=_ascii(r"[0-9]{3}-[0-9]{2}-[0-9]{4}"),
        decide=_numbered("us_ssn", checksums.us_ssn),
    ),
    Rule(
        screen=r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
        pattern=_ascii(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]( ?)[0-9]{2}(?:\1[0-9]{2}){2}\1[A-D]"),
        decide=_numbered("uk_nino", checksums.uk_nino),
    ),
    Rule(
        screen=r"[0-9]{7}-?[A-Z]",
        pattern=_ascii(r"(?:[0-9]{8}|[XYZ]-?[0-9]{7})-?[A-HJ-NP-TV-Z]"),
        decide=_numbered("es_id", checksums.es_id),
    ),
    Rule(
        screen=r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        pattern=_ascii(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"),
        decide=_ipv4,
    ),
    Rule(
        screen=r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]|::1",
        pattern=_ascii(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f:]{1,35}|::1"),
        decide=_ipv6,
    ),
    Rule(
        screen=phone.STRONG_SCREEN,
        pattern=phone.STRONG,
        decide=_phone,
    ),
    Rule(
        screen=phone.SAID_SCREEN,
        pattern=phone.SAID,
        decide=_said_phone,
    ),
    Rule(
        screen=r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
        pattern=_ascii(r"[1-9][0-9]( ?)[0-9]{3}\1[0-9]{3}\1[0-9]{3}"),
        decide=_numbered("de_tax_id", checksums.de_tax_id),
    ),
    Rule(
        screen=r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}",
        pattern=_ascii(r"[2-9][0-9]{3}([ -]?)[0-9]{4}\1[0-9]{4}"),
        decide=_aadhaar,
    ),
)


def screen(texts: pl.Series) -> list[tuple[int, tuple[int, ...]]]:
    """Rows of `texts` worth a look, each with the places in RULES of the rules that may find something."""
    column = pl.col("text")
    any_rule = "|".join(f"(?:{rule.screen})" for rule in RULES)
    frame = pl.DataFrame({"text": texts}).with_row_index("row").filter(column.str.contains(any_rule))
    tests = [column.str.contains(rule.screen).alias(str(place)) for place, rule in enumerate(RULES)]
    found = frame.select("row", *tests)
    return [(row, tuple(place for place, hit in enumerate(hits) if hit)) for row, *hits in found.iter_rows()]


def find(text: str, rules: tuple[int, ...] | None = None) -> list[Span]:
    """The spans of `text` in order, by the rules at the places `rules` of RULES (None: all of them)."""
    taken: list[Span] = []
    for place in range(len(RULES)) if rules is None else rules:
        taken = _merge(taken, list(_spans(text, RULES[place])))
    return taken


def _spans(text: str, rule: Rule) -> Iterator[Span]:
    for match in rule.pattern.finditer(text):
        span = rule.decide(text, match)
        if span is not None:
            yield span


def _merge(taken: list[Span], more: list[Span]) -> list[Span]:
    """Both lists in order, those of `more` left out that overlap; both are in order and without overlap."""
    kept, place = [], 0
    for span in more:
        while place < len(taken) and taken[place].end <= span.start:
            place += 1
        if place == len(taken) or span.end <= taken[place].start:
            kept.append(span)
    return sorted(taken + kept, key=lambda span: span.start) if kept else taken
