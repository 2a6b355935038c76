"""Where a text can be cut so that the pieces, tokenised one by one, give the tokens of the whole.

A byte-level BPE tokenizer first cuts a text into words by a pattern and never merges across them. A *unit* is one or
more whole words: white space is taken together with the word after it, since the usual patterns look one character
ahead in white space and nowhere else. So a unit decides its own tokens, and equal units need to be tokenised once.

The patterns below have no look-ahead, so they run in Rust's linear-time engine. Each stands for one published way of
cutting; a tokenizer that cuts otherwise has no units and is tokenised text by text. That the tokens are the same is
tested over every code point and checked again on the first documents of each shard.
"""

from dataclasses import dataclass
from typing import Any, Final

_GPT2_CONTRACTIONS = "'(?:s|t|re|ve|m|ll|d)"  # Radford et al. 2019, encoder.py of the release
_ANY_CASE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_AHEAD = r"\s*[\r\n]+|\s+(?!\S)|\s+"

#: The split patterns as their tokenizer.json files have them: Llama 3 (three digits), Qwen2 (one digit).
LLAMA3: Final = (
    _ANY_CASE + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _AHEAD
)  # fmt: skip
QWEN2: Final = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def _gpt2_units(digits: str) -> str:
    # A contraction is one only where no space belongs to it: at the start, or after white space that is no plain space.
    return rf"(?:\s*[^\S ])?{_GPT2_CONTRACTIONS}|\s*\p{{L}}+|\s*{digits}|\s*[^\s\p{{L}}\p{{N}}]+|\s+"


def _split_units(digits: str) -> str:
    blank = r"[^\S\r\n]*"  # white space up to the last line break is a word of its own
    return (
        rf"{_ANY_CASE}|\s*[\r\n]+|{blank}[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{blank}{digits}"
        rf"|{blank}[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s+"
    )


_UNITS: Final = {
    ("ByteLevel",): _gpt2_units(r"\p{N}+"),
    ("Digits", "ByteLevel"): _gpt2_units(r"\p{N}"),
    (LLAMA3,): _split_units(r"\p{N}{1,3}"),
    (QWEN2,): _split_units(r"\p{N}"),
}

# The same cuts as words, for an engine with look-ahead. digits: they are cut off before words are looked for, so all
# white space in front of one is one word.
_GPT2_WORDS = _GPT2_CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_DIGITS_WORDS = _GPT2_CONTRACTIONS + r"| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?=\p{N})|\s+(?!\S)|\s+"
_WORDS: Final = {
    ("ByteLevel",): _GPT2_WORDS,
    ("Digits", "ByteLevel"): _DIGITS_WORDS,
    (LLAMA3,): LLAMA3,
    (QWEN2,): QWEN2,
}

#: Characters that came with Unicode 13 or before. Programs disagree about what newer ones are, for they know other
#: versions; a text with one is tokenised whole.
SETTLED: Final = r"\p{Age=13.0}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """How a tokenizer's texts are cut. `pattern` matches every character of a text, one unit after the other."""

    pattern: str
    nfc: bool  # texts are put into NFC first


def units_of(parsed: dict[str, Any]) -> Units | str:
    """The units of a parsed tokenizer.json, or a sentence on why it has none."""
    model = parsed.get("model") or {}
    if model.get("type") != "BPE":
        return f"its model is {model.get('type')}, not BPE"
    if model.get("dropout") or model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return "its BPE model has dropout or marks parts of words"
    normalizer = parsed.get("normalizer")
    if normalizer not in (None, {"type": "NFC"}):
        return f"it normalises by {normalizer.get('type')}"
    pattern = _UNITS.get(_shape(parsed.get("pre_tokenizer")))
    if pattern is None:
        return "it cuts texts in a way that is not in the table of tilth.tokens.units"
    return Units(pattern=pattern, nfc=normalizer is not None)


def words_of(parsed: dict[str, Any]) -> str | None:
    """The pattern of single words of a parsed tokenizer.json, with look-ahead; None where it is not in the table."""
    return _WORDS.get(_shape(parsed.get("pre_tokenizer")))


def _shape(pre_tokenizer: Any) -> tuple[str, ...]:
    """The steps of a pre-tokeniser as a key of the table; () for what is not there."""
    steps = [pre_tokenizer] if (pre_tokenizer or {}).get("type") != "Sequence" else pre_tokenizer["pretokenizers"]
    match steps:
        case [{"type": "ByteLevel", "add_prefix_space": False, **last}] if last.get("use_regex", True):
            return ("ByteLevel",)
        case [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": False, **last},
        ] if last.get("use_regex", True):
            return ("Digits", "ByteLevel")
        case [
            {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", **split},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ] if not split.get("invert"):
            return (pattern,)
    return ()
