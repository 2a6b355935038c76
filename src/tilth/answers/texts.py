"""Short texts: equal after normalising, by an alias, or contained under stated rules.

Normalising: Unicode NFKC, case, accents, punctuation, articles, spaces; each Chinese character is a word of its own, so
that one rule serves both languages. Linear in the text; about 10 us a pair.
"""

import re
import unicodedata

from tilth.answers.clean import MOST_CHARS, squeezed, unwrapped
from tilth.answers.numbers import quantity
from tilth.answers.verdict import CheckSettings, How

#: Aliases in one string are joined by this.
JOINED = " || "

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]|[^\W_]+")
_ARTICLES = frozenset({"a", "an", "the"})
#: Words that turn an answer around or leave it open: an answer that holds one is not taken for what it contains.
_TURNING = frozenset(
    (
        "not",
        "no",
        "never",
        "neither",
        "nor",
        "or",
        "either",
        "versus",
        "unlike",
        "except",
        "isn",
        "aren",
        "wasn",
        "cannot",
        "不",
        "非",
        "没",
        "无",
        "或",
        "否",
    )
)
_MONTHS = {
    name: full
    for full in "january february march april may june july august september october november december".split()  # noqa: SIM905
    for name in (full, full[:3], full[:4])
}
_ORDINAL = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)")
_MARKED = re.compile(r"[\u0300-\u036f]")


def words(text: str) -> tuple[str, ...]:
    """The words of `text` after normalising; articles are left out unless nothing else is there."""
    text = text[:MOST_CHARS].replace("\\&", "&")
    if not text.isascii():
        text = _MARKED.sub("", unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text)))
    text = (
        text.casefold().replace("'s ", " ").replace("’s ", " ").replace("'", "").replace("’", "").replace("&", " and ")
    )
    found = _WORD.findall(text)
    return tuple(word for word in found if word not in _ARTICLES) or tuple(found)


def aliases(gold: str | list[str]) -> list[str]:
    """The accepted texts: a list as it is, a string split at " || "."""
    golds = gold.split(JOINED) if isinstance(gold, str) else gold
    return [one.strip() for one in golds if one.strip()]


def same_text(answer: str, golds: list[str], settings: CheckSettings) -> tuple[bool, How, str, str]:
    """Whether `answer` says one of `golds`; how, in words, and which."""
    if "\\" in answer or any("\\" in gold for gold in golds):
        answer, golds = unwrapped(answer), [unwrapped(gold) for gold in golds]
    said = words(answer)
    if not said:
        return (answer.strip() in golds, "unreadable", "no words", golds[0])
    prepared = [(gold, words(gold)) for gold in golds]
    for place, (gold, wanted) in enumerate(prepared):
        if (said == wanted and wanted) or squeezed(answer) == squeezed(gold):
            return (True, "alias" if place else "identical", "the same words", gold)
    for gold, wanted in prepared:
        if "".join(said) == "".join(wanted) and wanted:
            return (True, "alias", "the same but for spaces and punctuation", gold)
        if wanted and _date(said) and _date(said) == _date(wanted):
            return (True, "alias", "the same date", gold)
    for gold in golds:
        if _same_figure(answer, gold):
            return (True, "number", "the same number", gold)
    for gold, wanted in prepared:
        if _contained(said, wanted, settings.extra_words):
            return (True, "contained", "an accepted text with few words around", gold)
    return (False, "text", "different words", golds[0])


def _same_figure(answer: str, gold: str) -> bool:
    """Whether both are one number and nothing else: four and 4, 1,350 and 1350."""
    if len(answer) > 40 or len(gold) > 40:
        return False
    a, g = quantity(answer), quantity(gold)
    if a is None or g is None or a.value != g.value or a.percent != g.percent:
        return False
    return (a.unit == g.unit) if a.unit and g.unit else words(a.label) == words(g.label) or not (a.label and g.label)


def _date(said: tuple[str, ...]) -> tuple[str, ...] | None:
    """The words of a date in one order, months in full and ordinals plain; None where no month is named."""
    if len(said) > 6 or not any(word in _MONTHS for word in said) or not any(word[0].isdigit() for word in said):
        return None
    plain = (_ORDINAL.sub(r"\1", _MONTHS.get(word, word)) for word in said if word not in ("of", "on", "in"))
    return tuple(sorted(word.lstrip("0") or "0" for word in plain))


def _contained(said: tuple[str, ...], wanted: tuple[str, ...], extra: int) -> bool:
    """Whether `wanted` stands in `said` as a run of words with at most `extra` others, none of which turns it around.

    A number is not taken out of its words, and neither is a text of one or two characters.
    """
    if not wanted or not extra or len(said) - len(wanted) > extra or len(said) <= len(wanted):
        return False
    if len("".join(wanted)) < 3 or (len(wanted) == 1 and wanted[0][0].isdigit()):
        return False
    for at in range(len(said) - len(wanted) + 1):
        if said[at : at + len(wanted)] == wanted:
            rest = said[:at] + said[at + len(wanted) :]
            return not any(word in _TURNING for word in rest)
    return False
