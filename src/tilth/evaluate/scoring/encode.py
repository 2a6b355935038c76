"""Texts to token ids exactly as lm-evaluation-harness 0.4.13 does (`TemplateLM`, `HFLM`, `get_rolling_token_windows`).

White space at the end of a context moves to the continuation. Context and continuation are encoded as one text, and
what lies beyond the ids of the context alone is the continuation. An empty context is the model's opening token, or
else its closing one. The tokenizer's own special tokens are added unless the text begins with the opening token. What
does not fit is cut off at the left. A text that is scored by itself is cut into windows in which each token is
predicted once; the last window is as long as the others and begins earlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.base.errors import MissingExtra, SourceError
from tilth.evaluate.item import Item, LeftOut

_DEFAULT_LENGTH = 2048  # of lm-evaluation-harness, where neither model nor tokenizer says
_NO_LENGTH = int(1e30)  # what transformers writes for "not known"
_TEXTS = 2000  # encoded at a time


@dataclass(frozen=True, slots=True)
class Tokens:
    """The ids of one request; the last `answer` of them are predicted, each from all before it."""

    ids: list[int]
    answer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One item as ids: a sequence a request, a window of the text where `rolling`. `cut`: something did not fit."""

    item: Item
    sequences: tuple[Tokens, ...]
    cut: bool


class Encoder:
    """A model's tokenizer and context length."""

    def __init__(self, folder: Path, config: Any, max_length: int | None = None) -> None:
        """Raises `SourceError` where the folder has no tokenizer."""
        self._tokenizer = _load(folder)
        self._fast = getattr(self._tokenizer, "_tokenizer", None)
        given = self._tokenizer.bos_token_id
        self.prefix: int | None = self._tokenizer.eos_token_id if given is None else given
        self._opening = "" if self.prefix is None else self._tokenizer.decode([self.prefix])
        self.max_length = max_length or _context_length(config, self._tokenizer)

    def encode(self, items: Sequence[Item]) -> list[Encoded | LeftOut]:
        """Each item as ids, or why it cannot be scored."""
        texts = [text for item in items for text in _texts(item)]
        ids = self._ids(texts)
        return [self._rolling(item, ids) if item.rolling else self._pairs(item, ids) for item in items]

    def _pairs(self, item: Item, ids: dict[tuple[str, bool], list[int]]) -> Encoded | LeftOut:
        sequences = []
        cut = False
        for context, answer in item.requests:
            before, after = self._pair(context, answer, ids)
            if not after:
                return "answer without a token of its own"
            if len(after) > self.max_length:
                return "answer longer than the context"
            whole = before + after
            cut = cut or len(whole) > self.max_length + 1
            sequences.append(Tokens(whole[-(self.max_length + 1) :], len(after)))
        return Encoded(item=item, sequences=tuple(sequences), cut=cut)

    def _pair(self, context: str, answer: str, ids: dict[tuple[str, bool], list[int]]) -> tuple[list[int], list[int]]:
        if context == "":
            alone = ids[answer, False]
            if self.prefix is None or not alone:
                return [], []
            return ([self.prefix], alone) if alone[0] != self.prefix else (alone[:1], alone[1:])
        context, answer = moved(context, answer)
        before = ids[context, True]
        return before, ids[context + answer, True][len(before) :]

    def _rolling(self, item: Item, ids: dict[tuple[str, bool], list[int]]) -> Encoded | LeftOut:
        tokens = ids[item.requests[0][1], True]
        if not tokens or self.prefix is None:
            return "no text"
        windows = rolling_windows(tokens, self.prefix, self.max_length)
        return Encoded(item=item, sequences=tuple(windows), cut=len(windows) > 1)

    def _ids(self, texts: Sequence[tuple[str, bool]]) -> dict[tuple[str, bool], list[int]]:
        """Each distinct text with its ids; the flag says whether the tokenizer may add its special tokens."""
        opened = self._opening
        kinds: dict[bool, list[tuple[str, bool]]] = {True: [], False: []}
        for key in dict.fromkeys(texts):
            kinds[key[1] and not (opened and key[0].startswith(opened))].append(key)
        found: dict[tuple[str, bool], list[int]] = {}
        for special, keys in kinds.items():
            for start in range(0, len(keys), _TEXTS):
                part = keys[start : start + _TEXTS]
                found.update(zip(part, self._batch([text for text, _ in part], special=special), strict=True))
        return found

    def _batch(self, texts: list[str], *, special: bool) -> list[list[int]]:
        if self._fast is None:  # a tokenizer in Python
            return [list(self._tokenizer.encode(text, add_special_tokens=special)) for text in texts]
        encoded = self._fast.encode_batch_fast(texts, add_special_tokens=special)
        return [list(one.ids) for one in encoded]


def moved(context: str, answer: str) -> tuple[str, str]:
    """White space at the end of the context stands at the start of the answer."""
    bare = context.rstrip()
    return bare, context[len(bare) :] + answer


def rolling_windows(tokens: list[int], prefix: int, length: int) -> list[Tokens]:
    """Windows of at most `length` predicted tokens that predict every token once; the last has a full context."""
    first = min(length, len(tokens))
    found = [Tokens([prefix, *tokens[:first]], first)]
    done = first
    while done < len(tokens):
        count = min(len(tokens) - done, length)
        end = done + count
        found.append(Tokens(tokens[end - length - 1 : end], count))
        done = end
    return found


def _texts(item: Item) -> list[tuple[str, bool]]:
    """The texts that have to be encoded for an item, and whether special tokens may be added."""
    if item.rolling:
        return [(item.requests[0][1], True)]
    found = []
    for context, answer in item.requests:
        if context == "":
            found.append((answer, False))
        else:
            bare, rest = moved(context, answer)
            found += [(bare, True), (bare + rest, True)]
    return found


def _load(folder: Path) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtra("evaluating a model", "transformers", "eval") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(
            f"expected a model folder with its tokenizer at {folder}; saw: {error}. Save the tokenizer beside it."
        ) from error
    inner = getattr(tokenizer, "_tokenizer", None)
    if inner is not None:
        inner.no_truncation()
        inner.no_padding()
    return tokenizer


def _context_length(config: Any, tokenizer: Any) -> int:
    """As the harness finds it: the model's settings, then the tokenizer's, then 2,048."""
    inner = getattr(config, "text_config", None) or config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        value = getattr(inner, name, None)
        if value is not None:
            return int(value)
    value = getattr(tokenizer, "model_max_length", None)
    return _DEFAULT_LENGTH if value is None or value >= _NO_LENGTH else int(value)
