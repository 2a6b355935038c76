"""Which parts of two texts are copied from one to the other: shared runs of words or of Chinese characters.

A token is a word or one Chinese or Japanese character; case and punctuation do not count. A word weighs 2 and a
character 1, and a run counts from weight 12: six words, twelve characters, or a mix. Every shared run of that weight is
found whole, since the shortest run of that weight from any token is fixed by the tokens alone, and is looked up by a
64-bit hash (two runs that differ are taken for one about once in 10^15 pairs). Time and memory grow with the length of
both texts: 5 ms (English) to 15 ms (Chinese) for 10,000 characters of each.
"""

import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

#: Weight from which a shared run is marked. Six words is where chance matches of plain prose fade out: shorter runs
#: ("at the end of the") are phrases of the language and not copies.
NEED = 12
_WORD, _CHARACTER = 2, 1
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"([{_IDEOGRAPHS}])|[^\W{_IDEOGRAPHS}]+(?:['’][^\W{_IDEOGRAPHS}]+)?")
_BASE = 0x9E3779B97F4A7C17  # odd, so that it has an inverse; 3 modulo 4, so that swaps keep 63 bits apart
_UNBASE = pow(_BASE, -1, 1 << 64)

Span = tuple[int, int]  # first character, one past the last
_Array = npt.NDArray[Any]


def copied_spans(source: str, output: str) -> tuple[list[Span], list[Span]]:
    """The character spans of `source` and of `output` that share a run of weight `NEED`; sorted, apart, not empty."""
    left, left_runs = _source(source)
    right = _Tokens(output, left.known)
    right_runs = right.runs()
    left_shared = np.isin(left_runs[2], right_runs[2])
    if not left_shared.any():
        return [], []
    return left.spans(left_runs, left_shared), right.spans(right_runs, np.isin(right_runs[2], left_runs[2]))


def share(spans: list[Span], length: int) -> float:
    """The part of `length` characters that the spans cover, 0 to 1."""
    return sum(end - start for start, end in spans) / length if length else 0.0


@lru_cache(maxsize=1)  # rewrites of one document come in a row: its side is worked out once
def _source(text: str) -> tuple["_Tokens", tuple[_Array, _Array, _Array]]:
    tokens = _Tokens(text, {})
    return tokens, tokens.runs()


class _Tokens:
    """The tokens of a text: their numbers (equal words have equal ones), places and weights.

    `known` maps words to numbers; words that it lacks are added.
    """

    def __init__(self, text: str, known: dict[str, int]) -> None:
        self.known = known
        self.places: list[Span] = []
        found, weights = [], []
        for match in _TOKEN.finditer(text):
            found.append(known.setdefault(match.group().casefold(), len(known)))
            self.places.append(match.span())
            weights.append(_CHARACTER if match.lastindex else _WORD)
        self.numbers = np.array(found, np.uint64)
        self.weights = np.array(weights, np.int64)

    def runs(self) -> tuple[_Array, _Array, _Array]:
        """From each token, and up to each token, the shortest run that weighs `NEED`: first, one past the last, hash.

        Both directions are needed where weights differ: a run of weight 13 that begins with a word holds only one
        shortest run that starts in it, which leaves out its last character.
        """
        sums = np.concatenate([[0], np.cumsum(self.weights)])
        count = len(self.weights)
        ends = np.searchsorted(sums, sums[:-1] + NEED, "left")
        firsts = np.arange(count)[ends <= count]
        lasts = np.arange(1, count + 1)[sums[1:] >= NEED]
        starts = np.searchsorted(sums, sums[lasts] - NEED, "right") - 1
        first, last = np.concatenate([firsts, starts]), np.concatenate([ends[ends <= count], lasts])
        return first, last, self._hashes(first, last)

    def spans(self, runs: tuple[_Array, _Array, _Array], shared: _Array) -> list[Span]:
        """The characters that the `shared` ones of the runs cover; runs that touch become one."""
        change = np.zeros(len(self.places) + 1, np.int64)
        np.add.at(change, runs[0][shared], 1)
        np.add.at(change, runs[1][shared], -1)
        covered = np.concatenate([[False], np.cumsum(change) > 0])
        edges = np.flatnonzero(covered[1:] != covered[:-1]).tolist()
        return [(self.places[a][0], self.places[b - 1][1]) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def _hashes(self, first: _Array, last: _Array) -> _Array:
        """Polynomial hashes of runs of tokens, modulo 2^64: differences of prefix sums, moved to the same power."""
        count = len(self.numbers)
        powers, inverse = _powers(_BASE, count), _powers(_UNBASE, count)
        sums = np.zeros(count + 1, np.uint64)
        np.cumsum(_mixed(self.numbers) * powers[:count], out=sums[1:])
        hashes: _Array = (sums[last] - sums[first]) * inverse[first]
        return hashes


def _powers(base: int, count: int) -> _Array:
    """base^0 to base^count, modulo 2^64."""
    powers = np.full(count + 1, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _mixed(numbers: _Array) -> _Array:
    """A well-spread 64-bit value for each small number: the finaliser of SplitMix64 (Steele and others, 2014)."""
    value = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: _Array = value ^ (value >> np.uint64(31))
    return mixed
