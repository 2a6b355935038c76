"""Checks on the wording of an answer: loops, copying, echo of the instruction, refusals.

All are linear in the answer, and work on lists of words that the caller has already; Chinese goes by characters.
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from tilth.synth.checks.views import Gram, SourceText, grams_of, windows, words_of

# ---- loops

#: Characters at the end that are searched for again to find a period, and how far back.
_PROBE, _REACH = 24, 2000


def repeated_share(grams: Sequence[Gram], distinct: int) -> float:
    """Share of n-grams that repeat an earlier one, 0 to 1; 0 for texts without an n-gram."""
    return 1.0 - distinct / len(grams) if grams else 0.0


def tail_repeats(text: str) -> tuple[int, int]:
    """How the text ends: (period, characters) of the longest exactly periodic end; (0, 0) where there is none.

    Periods up to 1,976 characters are seen. The end is compared with itself one period earlier in doubling slices, so
    the cost stays linear however long the loop is.
    """
    text = text.rstrip()
    size = len(text)
    if size < 2 * _PROBE:
        return (0, 0)
    found = text.rfind(text[size - _PROBE :], max(0, size - _REACH), size - 1)
    if found < 0:
        return (0, 0)
    period = size - _PROBE - found
    length = _PROBE
    while length + period < size:
        longer = min(2 * length, size - period)
        if text[size - longer :] == text[size - longer - period : size - period]:
            length = longer
            continue
        length = _first_difference(text, size, period, length, longer)
        break
    return (period, length + period)


def _first_difference(text: str, size: int, period: int, low: int, high: int) -> int:
    """The longest end, between `low` and `high` characters, that equals the text one period earlier."""
    while low + 1 < high:
        middle = (low + high) // 2
        if text[size - middle : size - low] == text[size - middle - period : size - low - period]:
            low = middle
        else:
            high = middle
    return low


def is_loop(text: str, period: int, length: int, repeats: float, least: float) -> bool:
    """Whether a periodic end is a loop: `repeats` times over and `least` characters long.

    Lines drawn with signs (-----, ....) are a way to lay out text, so they must be three times as long.
    """
    if not period or length < repeats * period:
        return False
    end = text.rstrip()[-period:]
    return length >= (least if any(map(str.isalnum, end)) else 3 * least)


# ---- copying


def copied(grams: Sequence[Gram], source: Collection[Gram], size: int) -> tuple[float, int]:
    """(share of n-grams that the source has, words in the longest run that the source has) of an answer."""
    if not grams:
        return (0.0, 0)
    hits = bytes(map(source.__contains__, grams))
    total = hits.count(1)
    if not total:
        return (0.0, 0)
    return (total / len(grams), max(map(len, hits.split(b"\0"))) + size - 1)


def shared(stems: frozenset[str], source: frozenset[str]) -> float:
    """Share of the answer's stems that the source has; 1 where the answer has none."""
    if not stems:
        return 1.0
    return len(stems & source) / len(stems)


# ---- echo

#: Marks of chat templates and of the shipped prompts' frame, which never belong in an answer, by a sign they hold.
_MARKERS = {
    ">": (">>> DOCUMENT", "<<SYS>>", "<start_of_turn>", "<end_of_turn>", "<document>", "</document>"),
    "<": ("<<< END OF DOCUMENT",),
    "【": ("【文档开始】", "【文档结束】"),
    "[": ("[INST]", "[/INST]"),
    "#": ("### Instruction", "### Response:", "### Input:", "### Assistant", "### User:"),
}
_TAG = re.compile(r"<\|[a-z_]{2,20}\|>|\[\[[a-z_]{2,20}\]\]")


@lru_cache(maxsize=4096)
def instruction_grams(instruction: str, size: int) -> frozenset[Gram]:
    """The n-grams of an instruction. Kept, since a prompt has few instructions."""
    return frozenset(grams_of(words_of(instruction.lower()), size))


@lru_cache(maxsize=4096)
def _instruction_words(instruction: str) -> tuple[str, ...]:
    return tuple(words_of(instruction.lower()))


def echoed_most(words: Collection[str], instruction: str, size: int) -> float:
    """The most that `echoed` can be for an answer with these words, 0 to 1: n-grams whose words it all has."""
    wanted = instruction_grams(instruction, size)
    if not wanted:
        return 0.0
    held = windows(bytes(map(words.__contains__, _instruction_words(instruction))), size)
    return held / len(wanted)


def echoed(grams: frozenset[Gram], instruction: str, source: frozenset[Gram], size: int) -> float:
    """Share of the instruction's n-grams that the answer repeats, 0 to 1. What the source has does not count."""
    wanted = instruction_grams(instruction, size)
    if grams.isdisjoint(wanted):
        return 0.0
    return len((wanted & grams) - source) / len(wanted)


#: Marks that open a line, in UTF-8.
_ROLES = re.compile(rb"\n(?:Human|Assistant|USER|ASSISTANT):")


def marker(answer: SourceText, source: str) -> str:
    """The first mark of a prompt's frame that the answer holds and the source does not; "" for none."""
    text = answer.text
    for sign, marks in _MARKERS.items():
        if sign in text:
            for mark in marks:
                if mark in text and mark not in source:
                    return mark
    for match in _ROLES.finditer(answer.data):
        role = match.group().decode()
        if role not in source:
            return role.strip()
    if ("|>" in text and "<|" in text) or "[[" in text:
        for tag in _TAG.finditer(text):
            if tag.group() not in source:
                return tag.group()
    return ""


# ---- refusals

_REFUSALS = re.compile(
    r"[\s\"'*#>]{0,8}(?:"
    r"(?:i['’]?m|i am|we are)(?: very| so| really)? (?:sorry|unable to|not able to|just an? (?:ai|language))"
    r"|(?:i )?apologi[sz]e\b|my apologies"
    r"|(?:unfortunately|sorry),? (?:but )?(?:i|there|the (?:text|document|passage|provided))\b"
    r"|i (?:can['’]?t|cannot|can not|won['’]t|will not|couldn['’]t|could not|do not|don['’]t) (?:help|assist"
    r"|provide|fulfil|"
    r"comply|create|generate|write|rewrite|process|see any|have (?:enough|access|the|any)|produce|complete|continue)"
    r"|i need (?:more|the|some) (?:information|text|context|document|content)"
    r"|(?:please|could you(?: please)?|can you) (?:provide|share|paste|send|supply|give me)"
    r"|(?:the|this) (?:provided |given |above |supplied )?(?:text|document|passage|content)(?: provided)? "
    r"(?:does not|doesn['’]t|is not|isn['’]t|has no|is too|is empty|seems to be (?:empty|missing|incomplete)"
    r"|contains no|lacks)"
    r"|there is no (?:text|document|passage|content|information|data)"
    r"|no (?:text|document|content|passage) (?:was|has been|is) (?:provided|given)"
    r"|(?:非常|很)?(?:抱歉|对不起|遗憾)|作为(?:一个|一名|一款)?(?:ai|人工智能|语言模型|大语言模型)"
    r"|我(?:无法|不能|没有办法)|(?:请|麻烦)(?:您|你)?(?:提供|给出|补充)|(?:您|你)(?:没有|未|尚未)提供|文本中没有|该文本(?:没有|不包含)"
    r")"
)
#: Phrases that only an assistant says of itself, wherever they stand, by a word that every text with one has.
_ASSISTANT = {
    "an": ("as an ai", "i'm an ai", "i am an ai"),
    "language": ("as a language model", "as a large language model"),
    "knowledge": ("my knowledge cutoff",),
    "cannot": ("i cannot fulfill",),
    "that": ("assist with that request",),
}
_ASSISTANT_ZH = ("作为一个人工智能", "作为人工智能", "作为一个ai", "作为一个语言模型", "作为语言模型")
#: A refusal opens an answer and is short: one that says more than this many characters has done the task after all.
REFUSAL_CHARS = 1200


def refusal(answer: SourceText, words: Collection[str], source: SourceText) -> str:
    """The words with which an answer refuses and which its source does not have; else "".

    `words` are the answer's distinct words. Lower case is made only where a phrase may stand.
    """
    if len(answer.text) <= REFUSAL_CHARS and len(answer.lower) <= REFUSAL_CHARS:
        match = _REFUSALS.match(answer.lower)
        if match and match.group().strip() not in source.lower:
            return answer.lower[match.start() : match.end() + 60].strip()
    for phrase in _assistant_phrases(answer.text, words):
        at = answer.lower.find(phrase)
        if at < 0:
            continue
        following = answer.lower[at + len(phrase) : at + len(phrase) + 1]
        if phrase not in source.lower and not ("a" <= following <= "z"):
            return answer.lower[max(0, at - 20) : at + 60].strip()
    return ""


def _assistant_phrases(text: str, words: Collection[str]) -> list[str]:
    """The phrases that a text with these words may hold."""
    phrases = [phrase for word, some in _ASSISTANT.items() if word in words for phrase in some]
    if not text.isascii() and "作为" in text:
        phrases.extend(_ASSISTANT_ZH)
    return phrases
