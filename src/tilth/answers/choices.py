"""Multiple choice: which options an answer names.

Reads letters (B, (B), B., B、), letters with text ("B. Paris"), option texts, several letters (AC, A and C, A、C), and
sentences ("the answer is (B)", 选B). A letter that stands with the text of another option is a contradiction and wrong.
Linear; about 10 us an answer.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from tilth.answers.clean import characters, squeezed, unwrapped
from tilth.answers.numbers import quantity
from tilth.answers.texts import words

#: Most options: A to T.
MOST_OPTIONS = 20
_LETTER = "[A-T]"
_SEVERAL = rf"{_LETTER}(?:\s{{0,2}}(?:[,、，;/&和与]|and\b|\s)?\s{{0,2}}{_LETTER}(?![a-z])){{0,9}}"
_BARE = re.compile(rf"[(\[{{（【<]?\s{{0,2}}({_SEVERAL})\s{{0,2}}[)\]}}）】>]?[.。:：、]?")
_BRACKETED = re.compile(rf"\(({_LETTER})\)(?:\s{{0,2}}(?:,|and|、)?\s{{0,2}})?")
_WITH_TEXT = re.compile(
    rf"(?:option |choice |选项?)?[(\[（【]?({_LETTER})\s{{0,2}}(?:[)\]）】][.:：]?|[.:：、．])\s{{0,3}}(?=\S)",
    re.IGNORECASE,
)
#: A lower-case letter counts only where nothing follows it: "a" is an article.
_NAMED = re.compile(
    r"(?i:answers?(?: choice| option)?\s{0,3}(?:is|are|:|=)|(?:option|choice)s?\s{0,2}:?"
    r"|correct(?: one)? is|choose|select|pick|(?:答案|正确答案|故选|应选|选择|选项?)\s{0,3}(?:是|为)?\s{0,2}[:：]?)"
    rf"\s{{0,4}}[\"'*]{{0,3}}[(\[（【]?\s{{0,2}}({_SEVERAL}(?![A-Za-z'’])|[a-t](?=\s{{0,2}}[)\]）】]|[.\s]{{0,4}}$))"
)
_JSON = re.compile(r"[\[\]\"']")
_JSON_LIST = re.compile(r"\[\s?\"[A-T]{1,6}\"(?:\s?,\s?\"[A-T]{1,6}\"){0,30}\s?\]")
_JSON_LETTERS = re.compile(r"[A-T]{1,6}")
_GROUPS = re.compile(r"(?<![A-Za-z])[A-T]{1,6}(?![A-Za-z])")
#: One of several options that a sentence is about to leave open.
_OPEN = re.compile(r"\b(?:or|not|neither)\b|或|不是|不选")


def letters_of(gold: str, options: Sequence[str] = ()) -> frozenset[str]:
    """The options that a gold answer names: letters in any common writing, or the text of an option; empty for none."""
    text = _unlisted(squeezed(unwrapped(characters(gold))))
    by_text = _by_text(text, options)
    if by_text:
        return by_text
    found = _BARE.fullmatch(text.upper() if len(text) <= 2 else text)
    return _within(found[1], options) if found else frozenset()


def _unlisted(text: str) -> str:
    """The content of a JSON list of letters, as some sets write their gold answers."""
    return squeezed(_JSON.sub(" ", text)) if text.startswith('["') and len(text) <= 200 else text


def sequence_of(gold: str) -> tuple[str, ...]:
    """The letters of several questions under one number, in order, from a JSON list such as ["C", "D", "C"].

    Empty for anything else, and for a list of rising letters, which is one question with several right options.
    """
    letters = tuple(_JSON_LETTERS.findall(gold)) if _JSON_LIST.fullmatch(gold.strip()) else ()
    rising = all(one < other for one, other in pairwise(letters)) and all(len(one) == 1 for one in letters)
    return () if len(letters) < 2 or rising else letters


def sequence_in(answer: str) -> tuple[str, ...]:
    """Groups of capital letters of an answer in their order: ("C", "D", "C") of "1. C 2. D 3. C"."""
    return tuple(_GROUPS.findall(characters(answer)))


def chosen(answer: str, options: Sequence[str] = ()) -> tuple[frozenset[str], str]:
    """The letters that `answer` names and how they were read: "letter", "text", "letter_text", "sentence", "none".

    "contradiction" goes with an empty set: a letter beside the text of another option, or two answers left open.
    """
    text = _unlisted(squeezed(unwrapped(characters(answer))))
    by_text = _by_text(text, options)
    if by_text:
        return (by_text, "text")
    bare = _BARE.fullmatch(text) or (_BARE.fullmatch(text.upper()) if len(text) <= 3 else None)
    if bare:
        return (_within(bare[1], options), "letter")
    led = _WITH_TEXT.match(text)
    if led:
        return _lettered(led[1].upper(), text[led.end() :], options)
    sentence = _sentence(text, options)
    return sentence if sentence[0] or sentence[1] == "contradiction" else _inside(text, options)


def _lettered(letter: str, rest: str, options: Sequence[str]) -> tuple[frozenset[str], str]:
    """A letter with text behind: "B. Paris", "(A), (C)"."""
    others = _BRACKETED.findall(rest)
    if others and not squeezed(_BRACKETED.sub("", rest)).strip(".,; and"):
        return (_within(letter + "".join(others), options), "letter")
    by_text = _by_text(rest, options)
    if by_text and letter not in by_text:
        return (frozenset(), "contradiction")
    return (_within(letter, options), "letter_text")


def _sentence(text: str, options: Sequence[str]) -> tuple[frozenset[str], str]:
    """The last "the answer is (B)" or 选B; refuses one that goes on with "or"."""
    found = list(_NAMED.finditer(text))
    if not found:
        return (frozenset(), "none")
    last = found[-1]
    rest = text[last.end() : last.end() + 200].lstrip(")]）】*\"' .:：、．")
    if _OPEN.match(rest):
        return (frozenset(), "contradiction")
    picked = _within(last[1], options)
    by_text = _by_text(rest.split("\n")[0].rstrip(". "), options) if rest else frozenset()
    if by_text and not by_text & picked:
        return (frozenset(), "contradiction")
    return (picked, "sentence")


def _inside(text: str, options: Sequence[str]) -> tuple[frozenset[str], str]:
    """The one option whose words stand in the answer, the longest where one holds another; or a lone "(B)"."""
    said = words(text)
    hits: list[tuple[str, tuple[str, ...]]] = []
    for letter, option in _lettered_options(options):
        wanted = words(option)
        if len("".join(wanted)) >= 3 and _run(said, wanted):
            hits.append((letter, wanted))
    longest = [
        (one, own)
        for one, own in hits
        if not any(other != own and len(other) > len(own) and _run(other, own) for _, other in hits)
    ]
    if len(longest) == 1 and not _OPEN.search(text):
        return (frozenset({longest[0][0]}), "text")
    marked = set(_BRACKETED.findall(text))
    if len(marked) == 1 and not _OPEN.search(text):
        return (_within("".join(marked), options), "sentence")
    return (frozenset(), "none")


def _run(said: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    joined = "\x1f".join(wanted)
    return bool(wanted) and f"\x1f{joined}\x1f" in "\x1f" + "\x1f".join(said) + "\x1f"


def _lettered_options(options: Sequence[str]) -> list[tuple[str, str]]:
    return [(chr(65 + place), option) for place, option in enumerate(options[:MOST_OPTIONS])]


def _by_text(text: str, options: Sequence[str]) -> frozenset[str]:
    """The option whose text is `text`; empty where none or several are."""
    if not options or not text:
        return frozenset()
    wanted = squeezed(text).casefold()
    same = [letter for letter, option in _lettered_options(options) if squeezed(option).casefold() == wanted]
    if not same:
        said = words(text)
        same = [letter for letter, option in _lettered_options(options) if said and words(option) == said]
    if not same and len(text) <= 60 and any(map(str.isdigit, text)):
        value = quantity(text)
        for letter, option in _lettered_options(options) if value else ():
            other = quantity(option)
            if (
                value
                and other
                and other.value == value.value
                and (not value.unit or not other.unit or value.unit == other.unit)
            ):
                same.append(letter)
    return frozenset(same) if len(same) == 1 else frozenset()


def _within(text: str, options: Sequence[str]) -> frozenset[str]:
    """The capital letters of `text`, as far as there are so many options."""
    count = len(options) or MOST_OPTIONS
    return frozenset(sign for sign in text.upper().replace("AND", " ") if "A" <= sign <= "T" and ord(sign) - 65 < count)
