"""Names that an answer states and its source does not have.

In Latin text a name is two or more capitalised words in a row inside a sentence; headings, table cells and lines set in
title case are left out. In Chinese text it is a Latin word of three letters or more. A name is grounded when every word
of it stands in the source. Costs about 20 us; a person's single name and a Chinese name are not seen.
"""

import re
from collections.abc import Collection

_NAME = re.compile(
    r"[A-Z](?<![A-Za-z].)[A-Za-z'’]{1,30}+(?: (?:(?:of|the|de|la|von|van|der|du|di|da) "
    r"){0,2}[A-Z][A-Za-z'’]{1,30}+){1,5}"
)
_PART = re.compile(r"[A-Za-z]{2,31}")
_LATIN = re.compile(r"(?<![A-Za-z])[A-Z][A-Za-z]{2,30}(?![A-Za-z])")
#: Capitalised words that belong to the form of an answer and name nothing.
_FORM_WORDS = (
    "frequently asked questions question answer answers faq faqs step steps problem solution introduction conclusion "
    "overview summary key points takeaways table tutorial guide how to the a an in on at by for from with and or but "
    "if when what why who where which this that these those it its he she they we you i is are was were do does did "
    "can could will would should may might has have had yes no not part section chapter note tip tips example "
    "examples final word math given let calculate find total multiple choice true false teacher student speaker "
    "first second third next then finally however therefore thus also each every some many most all both one two "
    "three four five of de la von van der du di da as to so our your their his her my after before during since "
    "while because although january february march april may june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday"
)
_FORM = frozenset(_FORM_WORDS.split())
#: Names of one answer that are looked at.
_MOST = 200


def ungrounded_names(text: str, source: Collection[str], ideographs: bool) -> tuple[list[str], int]:
    """(names that the source's words, lower-cased, do not cover; how many names were looked at)."""
    if ideographs:
        found = sorted(set(_LATIN.findall(text)))[:_MOST]
        names = [name for name in found if name.lower() not in _FORM]
        return ([name for name in names if name.lower() not in source], len(names))
    found = _NAME.findall(text)[:_MOST]
    missing = [name for name in dict.fromkeys(found) if _missing(name, source)]
    if missing:
        missing = [name for name in missing if _in_sentence(text, name)]
    return (missing, len(set(found)))


def _missing(name: str, source: Collection[str]) -> bool:
    # without an apostrophe every word of a name is one part
    whole = name.isascii() and "'" not in name
    parts = name.lower().split() if whole else [part.lower() for part in _PART.findall(name)]
    return any(part not in source and part not in _FORM for part in parts)


def _in_sentence(text: str, name: str) -> bool:
    """Whether the name stands in running text: lower-case words on its line outnumber capitalised ones."""
    at = text.find(name)
    start = text.rfind("\n", max(0, at - 400), at) + 1
    end = text.find("\n", at, at + 400)
    line = text[max(start, at - 400) : end if end >= 0 else at + 400]
    if line.lstrip().startswith(("#", "|")):
        return False
    words = _PART.findall(line)
    return 2 * sum(1 for word in words if word[0].islower()) > len(words)
