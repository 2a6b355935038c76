"""Which Chinese a text is in: simplified, traditional or classical, from tables of characters.

What it does: counts, in one pass over the code points of all samples, characters that only one script writes and
characters that classical and modern prose use unlike often. The forms are told apart by these counts alone; whether a
text is Chinese at all is decided elsewhere.
What it guarantees: any text is accepted; the answer depends on the sample alone.
What it costs: 8 MB of tables once in a process, about 15 nanoseconds a character.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

#: Of the logistic regression behind tables/classical.tsv: the weight of sqrt(Han characters) / 10 (a text with none of
#: the modern characters is more surely classical the longer it is), and the intercept.
LENGTH_WEIGHT = 1.0
INTERCEPT = -0.18

#: Added log odds that a text must have to be called classical: on the fitting half of the shared documents it brings
#: modern snippets below 25 characters that are called classical from 11% to 4%, and above 60 to under 1%.
MARGIN = 0.5

_HAN, _KANA, _SIMPLIFIED, _TRADITIONAL, _CANTONESE = 1, 2, 4, 8, 16

#: Characters of written Cantonese that written Mandarin has no use for, and the share of the Han characters (and the
#: count) from which a text is called Cantonese. The ten most used ones; running Cantonese has 5 to 15% of them.
_CANTONESE_CHARACTERS = "嘅咗唔冇佢嘢啲咁嚟喺"
_CANTONESE_SHARE, _CANTONESE_COUNT = 0.02, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of characters, one entry a sample."""

    han: NDArray[np.float64]
    kana: NDArray[np.float64]
    simplified: NDArray[np.float64]  # characters that only simplified Chinese writes
    traditional: NDArray[np.float64]
    cantonese: NDArray[np.float64]
    classical: NDArray[np.float64]  # sum of the weights of tables/classical.tsv


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    kinds: NDArray[np.uint8]  # code point -> bits
    weights: NDArray[np.float32]  # code point -> weight towards classical Chinese


def _lines(name: str) -> list[str]:
    text = files("tilth.curate.language").joinpath("tables", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def _tables() -> _Tables:
    kinds = np.zeros(0x110000, dtype=np.uint8)
    weights = np.zeros(0x110000, dtype=np.float32)
    # Unified Ideographs with extension A and the supplementary planes; Hiragana, Katakana and their half-width forms
    for first, last in ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)):
        kinds[first : last + 1] |= _HAN
    for first, last in ((0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D)):
        kinds[first : last + 1] |= _KANA
    for name, bit in (("simplified.txt", _SIMPLIFIED), ("traditional.txt", _TRADITIONAL)):
        kinds[[ord(character) for line in _lines(name) for character in line]] |= bit
    kinds[[ord(character) for character in _CANTONESE_CHARACTERS]] |= _CANTONESE
    for line in _lines("classical.tsv"):
        forms, weight = line.split("\t")
        weights[[ord(character) for character in forms]] = float(weight)
    return _Tables(kinds=kinds, weights=weights)


def count(samples: list[str]) -> Counts:
    """Counts of each sample."""
    tables = _tables()
    code = np.frombuffer("".join(samples).encode("utf-32-le", "replace"), dtype=np.uint32)
    owner = np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])
    kinds = tables.kinds[code]

    def total(bit: int) -> NDArray[np.float64]:
        return np.bincount(owner[(kinds & bit) > 0], minlength=len(samples)).astype(np.float64)

    return Counts(
        han=total(_HAN),
        kana=total(_KANA),
        simplified=total(_SIMPLIFIED),
        traditional=total(_TRADITIONAL),
        cantonese=total(_CANTONESE),
        classical=np.bincount(owner, weights=tables.weights[code], minlength=len(samples)).astype(np.float64),
    )


def classical_probability(counts: Counts) -> NDArray[np.float64]:
    """How likely each sample is classical rather than modern Chinese, 0 to 1; 0 where it has no Han character."""
    root = np.sqrt(np.maximum(counts.han, 1.0))
    logit = counts.classical / root + LENGTH_WEIGHT * root / 10 + INTERCEPT - MARGIN
    return np.asarray(np.where(counts.han > 0, 1 / (1 + np.exp(-np.clip(logit, -30, 30))), 0.0))


def simplified_probability(counts: Counts) -> NDArray[np.float64]:
    """How likely each sample is in simplified script: the share of such characters, with half a one of each added.

    A little above one half where none tells: simplified is what most text without a telling character is in.
    """
    return (counts.simplified + 0.51) / (counts.simplified + counts.traditional + 1.0)


def is_cantonese(counts: Counts) -> NDArray[np.bool_]:
    """Whether each sample, if it is Chinese, is written Cantonese."""
    return np.asarray((counts.cantonese >= _CANTONESE_COUNT) & (counts.cantonese >= _CANTONESE_SHARE * counts.han))
