"""N-grams of tokens as 64-bit hashes, and a bit table that says quickly which of them cannot be in an index.

An n-gram that begins with a word has `words` tokens, one that begins with a character of a script without spaces has
`characters`: so a text gives the same n-grams on both sides, whatever its mix of scripts. Costs about 20 ns a token.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tilth.curate.decontaminate.tokens import I64, U64, Mask, Tokens, mix

_FACTOR = np.uint64(0xD6E8FEB86659FD93)  # any odd number with well-spread bits
#: 2^27 bits (16 MB): three million n-grams fill a fortieth, so one n-gram in forty that is not there is looked up.
_BITS = 27


#: N-grams made at once: temporary arrays stay small, whatever the length of the texts.
_AT_ONCE = 1 << 20


def ngrams(tokens: Tokens, words: int, characters: int) -> tuple[U64, Mask]:
    """Hash of the n-gram that begins at each token, and whether it ends within its text."""
    count = len(tokens)
    found = np.zeros(count, np.uint64)
    whole = np.zeros(count, bool)
    for start in range(0, count, _AT_ONCE):
        stop = min(start + _AT_ONCE, count)
        place = np.arange(start, stop)
        alone = tokens.alone[start:stop]
        end = tokens.bounds[np.searchsorted(tokens.bounds, place, "right")]  # one past each token's text
        fits = place + np.where(alone, characters, words) <= end
        for kind, size in ((False, words), (True, characters)):
            at = place[fits & (alone == kind)]
            combined = tokens.hashes[at]
            for step in range(1, size):
                combined = combined * _FACTOR + tokens.hashes[at + step]
            found[at] = mix(combined)
        whole[start:stop] = fits
    return found, whole


def distinct(values: I64) -> I64:
    """Sorted different values: np.unique of NumPy 2.3 and later hashes first, which takes ten times as long here."""
    values = np.sort(values)
    fresh = np.ones(len(values), bool)
    fresh[1:] = values[1:] != values[:-1]
    return values[fresh]


@dataclass(frozen=True, slots=True)
class Sieve:
    """Sorted hashes behind a bit table: which hashes are there, and where."""

    sorted: U64
    bits: npt.NDArray[np.uint8]

    def find(self, hashes: U64) -> tuple[I64, I64]:
        """Places in `hashes` of those that are there, and their numbers in `sorted`."""
        slot = hashes >> np.uint64(64 - _BITS)
        maybe = (self.bits[slot >> np.uint64(3)] >> (slot & np.uint64(7)).astype(np.uint8)) & np.uint8(1)
        places = np.flatnonzero(maybe)
        if not len(self.sorted) or not len(places):
            return places[:0], places[:0]
        wanted = hashes[places]
        numbers = np.minimum(np.searchsorted(self.sorted, wanted), len(self.sorted) - 1)
        there = self.sorted[numbers] == wanted
        return places[there], numbers[there]


def sieve(hashes: U64) -> Sieve:
    """A sieve of `hashes`, which are sorted and different."""
    slots = (hashes >> np.uint64(64 - _BITS)).astype(np.int64)
    bits = np.zeros(1 << (_BITS - 3), np.uint8)
    np.bitwise_or.at(bits, slots >> 3, (1 << (slots & 7)).astype(np.uint8))
    return Sieve(hashes, bits)
