"""Texts brought to one form and hashed, so that two that differ in nothing but layout have one hash.

Guarantees: linear in the text, and bounded memory. Python's normal form takes time that grows with the square of a run
of combining marks (6 s for 120 kB), so texts with such a run are normalised by polars; and a text of more than `LONG`
characters is normalised in pieces, since one character may become eighteen. Pieces end before white space where there
is any near, and there the hash is that of the whole.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b

import numpy as np
import polars as pl

from tilth.curate.exact.runs import Array
from tilth.recipe.stages.duplicates import Level

#: Characters that are normalised at once.
LONG = 1 << 20
#: How far before its end a piece looks for white space to end at.
_NEAR = 4096
#: More combining marks in a row than any writing has: UAX #15 (stream-safe text) allows 30.
_MARKS = r"\p{M}{32}"
#: The two characters whose normal form is longest (18 and 8 characters), which Python builds slowly.
_LONG_FORMS = {sign: unicodedata.normalize("NFKC", sign) for sign in "\ufdfa\ufdfb"}
_NO_LETTER = re.compile(r"[\W_]+")
_SPACE = re.compile(r"\s")

#: What a level does to a text whose characters are in normal form already, its white space apart.
_FOLD: Mapping[Level, Callable[[str], str]] = {
    "space": str,
    "case": str.lower,
    "letters": lambda text: _NO_LETTER.sub("", text.lower()),
}


def hash_texts(texts: Iterable[str], level: Level) -> Array:
    """128-bit BLAKE2b of each normalised text, shape (n, 2), uint64.

    A loop over rows: hashing a text as long as a document costs far more than the loop around it.
    """
    column = texts if isinstance(texts, pl.Series) else pl.Series(list(texts), dtype=pl.String)
    if level == "bytes":
        digests = b"".join(blake2b(text.encode(), digest_size=16).digest() for text in column.to_list())
    else:
        marked = column.str.contains(_MARKS).to_list()
        digests = b"".join(_digest(*row, level) for row in zip(column.to_list(), marked, strict=True))
    return np.frombuffer(digests, dtype="<u8").reshape(-1, 2)


def _digest(text: str, marked: bool, level: Level) -> bytes:
    digest = blake2b(digest_size=16)
    begun = gap = False
    for piece in _pieces(text):
        normal = _polars_normal(piece) if marked else _python_normal(piece)
        words = " ".join(_FOLD[level](normal).split())
        # as one text would have it: a space between words that white space parts, across pieces too
        gap |= not words or normal[0].isspace()
        if words:
            digest.update(f" {words}".encode() if begun and gap and level != "letters" else words.encode())
            begun, gap = True, normal[-1].isspace()
    return digest.digest()


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > LONG:
        end = start + LONG
        spaces = [match.start() for match in _SPACE.finditer(text, end - _NEAR, end)]
        cut = spaces[-1] if spaces else end
        yield text[start:cut]
        start = cut
    if text[start:]:
        yield text[start:]


def _polars_normal(text: str) -> str:
    return str(pl.Series([text]).str.normalize("NFKC").item())


def _python_normal(text: str) -> str:
    if not text.isascii():
        for sign, form in _LONG_FORMS.items():
            text = text.replace(sign, form)
    return unicodedata.normalize("NFKC", text)
