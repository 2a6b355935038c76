"""Knowledge points of a row: those that a model named, or rare terms of its text.

Terms are words of four letters and more, pairs of neighbouring words, and runs of two to four Chinese signs, looked for
in the question and its solution. It is marked whether a term is ever written in small letters: one that seldom is will
be a name, and two questions about the same name share no knowledge. Linear; 0.16 s a MB of text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

#: Characters of a row that are looked at, and terms kept of it: a question has a hundred.
_WINDOW, _MOST = 4000, 256
_PIECE = re.compile(r"\\[A-Za-z]{1,40}|[A-Za-z]{2,40}|[\u4e00-\u9fff]{2,400}|[0-9]+|[.?!。？！;；:：\n]|[^\s\w]")
_SPLIT = re.compile(r"[的了是在和与为有将被把对从到及或等则且其所]")
_STOP = frozenset(
    """about above after again against also although always among another answer because been before being below between
    both calculate cannot consider correct could determine does doing done down during each either else every explain
    find first following from give given have having hence here however into itself just known last less like made make
    many more most much must need never next none note only other ought over part point question rather result same
    second several shall should show since some still such take than that their them then there therefore these they
    this those three through thus together total under until upon used using value very what when where whether which
    while whole whose will with within without would write your""".split()  # noqa: SIM905 - as words it can be read
)


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of a row, each once; `small` says that it stands in small letters somewhere."""

    texts: tuple[str, ...]
    small: tuple[bool, ...]


def terms_of(text: str) -> Terms:
    """The terms of a text, in the order in which they come, at most 256."""
    found: dict[str, bool] = {}
    before: tuple[str, bool] | None = None
    for piece in _PIECE.findall(text[:_WINDOW]):
        if piece[0] >= "\u4e00" and piece[0] <= "\u9fff":
            for gram in _grams(piece):
                found[gram] = True
            before = None
            continue
        if not piece.isalpha():
            before = None
            continue
        word, small = piece.casefold(), piece[0].islower()
        if len(word) < 4 or word in _STOP:
            before = None
            continue
        found[word] = found.get(word, False) or small
        if before is not None:
            pair = f"{before[0]} {word}"
            found[pair] = found.get(pair, False) or small
        before = (word, small)
        if len(found) >= _MOST:
            break
    texts = tuple(found)[:_MOST]
    return Terms(texts, tuple(found[text] for text in texts))


def hashes(texts: Sequence[str]) -> list[int]:
    """64 bits of each text, the same on every machine."""
    return [
        int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") for text in texts
    ]


def plain_point(text: str) -> str:
    """A named knowledge point, so that spellings of one meet."""
    return " ".join(text.casefold().split())[:80]


def _grams(run: str) -> list[str]:
    """Runs of two to four signs that no function word stands in."""
    grams: list[str] = []
    for part in _SPLIT.split(run):
        for size in (4, 3, 2):
            grams += [part[at : at + size] for at in range(len(part) - size + 1)]
    return grams
