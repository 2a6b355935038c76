"""Texts made to break curation stages: each a piece that is written again and again, and a few that are drawn."""

import random
from collections.abc import Callable

#: What a shape repeats. Bait for regular expressions, tokenisers, normal forms, sorts and counts.
PIECES: dict[str, str] = {
    "one line of words": "word and other ",
    "one token": "the ",
    "one letter": "x",
    "one letter a word": "a ",
    "one letter a line": "a\n",
    "one word a paragraph": "word\n\n",
    "interlocking repeats": "a b c a b d ",
    "line feeds": "\n",
    "carriage returns": "\r\n\r",
    "spaces": " ",
    "wide spaces": "\u3000\u2028",
    "nul": "\0",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85",
    "one Han character": "的",
    "Han without a break": "中文字句",
    "mixed scripts": "aб中ئ한ไก𝒳🙂 ",
    "four bytes a character": "𝒳😀",
    "long normal form": "\ufdfa",
    "accents on nothing": "\u0301",
    "accents on one letter": "e" + "\u0301\u0316" * 40,
    "accents out of order": "\u0301\u0316",
    "zero width": "\u200b\u200d",
    "digits": "0123456789",
    "ones": "1",
    "at signs": "@",
    "address bait": "a@a.",
    "long address bait": "a" * 60 + "@",
    "hyphens": "-",
    "number bait": "1-",
    "telephone bait": "+1 (2",
    "card bait": "4111 1111 1111 1111 ",
    "address bait of the net": "1.2.3.",
    "colons": "::f:",
    "dots": ".",
    "ellipses": "... ",
    "hashes": "# ",
    "bullets": "- a\n",
    "quotes": "a\"')] ",
    "brackets": "[1]",
    "curly brackets": "{a}",
    "open tags": "<a ",
    "tags": "<div><p>",
    "attributes": '<a href="x">y</a>',
    "entities": "&amp;&#1;",
    "comments": "<!--",
    "links": "[a](http://b.c/d)",
    "open links": "](h",
    "backslashes": "\\",
    "formulas": "\\frac{1}{2} $x^2$ ",
    "tables": "| a | b |\n",
    "policies": "use cookies terms of use javascript\n",
    "figures": "see the figure below. ",
    "options": "A. one B. two C. ",
    "blanks": "_ ",
    "question marks": "?",
    "passage phrases": "according to the passage above, which ",
    "web addresses": "http://www.a.com/?b=",
}


def repeated(name: str, size: int) -> str:
    """About `size` bytes of a piece."""
    piece = PIECES[name]
    return piece * max(1, size // len(piece.encode()))


def _words(size: int) -> str:
    draw = random.Random("words")
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(draw.choices(letters, k=draw.randint(1, 12))) for _ in range(size // 7))


def _characters(size: int) -> str:
    draw = random.Random("characters")
    codes = [*range(0x20, 0xD800), *range(0xE000, 0x20000)]
    return "".join(map(chr, draw.choices(codes, k=size // 3)))


def _numbered(size: int) -> str:
    return "".join(f"line {number} of many lines\n" for number in range(size // 27))


#: Name -> text of about the given bytes.
DRAWN: dict[str, Callable[[int], str]] = {
    "different words": _words,
    "any characters": _characters,
    "numbered lines": _numbered,
}
NAMES = (*PIECES, *DRAWN)


def text_of(name: str, size: int) -> str:
    """The shape of this name with about `size` bytes."""
    return DRAWN[name](size) if name in DRAWN else repeated(name, size)
