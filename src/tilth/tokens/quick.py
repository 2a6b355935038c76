"""Encoding units by tiktoken instead of the tokenizers package, where both are shown to give the same ids.

tiktoken joins the neighbours whose union has the lowest id; the tokenizers package joins the pair that stands first in
its list of merges. They agree on every text if (1) the merges make every token but the bytes once, in the order of the
ids, and (2) each token's own bytes, encoded by merges alone, give that token. For then, whenever tiktoken joins two
neighbours to a token, all lower merges are exhausted between the same borders, so the two are what the token's own
bytes come to at that stage, which by (2) is the listed pair. Both are checked on the whole vocabulary (about 0.5
CPU-seconds for 50,000 tokens, once a process); a tokenizer that fails is encoded by its own package.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tilth.tokens.tokenizer import HubTokenizer
from tilth.tokens.units import words_of

Encode = Callable[[str], list[int]]


def _byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in a byte-level vocabulary (Radford et al. 2019, encoder.py)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(rest)}


_BYTES: Final = _byte_letters()


@functools.lru_cache(maxsize=2)
def quick_encoder(tokenizer: HubTokenizer) -> Encode | str:
    """A function from a unit to its ids, or a sentence on why there is none."""
    try:
        import tiktoken
    except ImportError:
        return "the package tiktoken (extra tokens) is not installed"
    parsed = tokenizer.parsed()
    words = words_of(parsed)
    if words is None:
        return "how it cuts words is not in the table of tilth.tokens.units"
    added = {entry["content"] for entry in parsed.get("added_tokens") or []}
    vocabulary = {token: number for token, number in parsed["model"]["vocab"].items() if token not in added}
    wrong = _unordered(parsed["model"], vocabulary) or _unreachable(parsed["model"], vocabulary)
    if wrong:
        return wrong
    ranks = {bytes(_BYTES[letter] for letter in token): number for token, number in vocabulary.items()}
    made = tiktoken.Encoding("tilth", pat_str=words, mergeable_ranks=ranks, special_tokens={})
    encode: Encode = made.encode_ordinary
    return encode


def _unordered(model: Any, vocabulary: dict[str, int]) -> str:
    """Why condition (1) fails, or nothing."""
    if any(letter not in vocabulary for letter in _BYTES) or any(
        letter not in _BYTES for letter in "".join(vocabulary)
    ):
        return "its vocabulary is not one of bytes"
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    numbers = np.array([vocabulary.get("".join(pair), -1) for pair in pairs], np.int64)
    if len(numbers) != len(vocabulary) - 256 or (np.diff(numbers, prepend=-1) <= 0).any():
        return "its merges do not make every token once, in the order of the ids"
    return ""


def _unreachable(model: Any, vocabulary: dict[str, int]) -> str:
    """Why condition (2) fails, or nothing."""
    from tokenizers import Tokenizer, models

    pairs: Any = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
    bare = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    tokens: Sequence[str] = list(vocabulary)
    for token, found in zip(tokens, bare.encode_batch_fast(tokens, add_special_tokens=False), strict=True):
        if found.ids != [vocabulary[token]]:
            return f"its token {vocabulary[token]} is not what its own bytes are encoded to"
    return ""
