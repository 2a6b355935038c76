"""A planted bad arm for studies: each document with its words in another order.

The words of a document, and so its length in words and its vocabulary, stay; what one word says of the next is lost. A
study that does not find a model trained on it worse cannot find anything. Writing without blanks (Chinese, Japanese) is
cut into characters. The order depends on the text and the seed alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tilth.base.fingerprint import fingerprint
from tilth.base.random import stream
from tilth.recipe.stages.sources import Shuffle

VERSION = 1
#: A Han, Hiragana or Katakana character alone, or a run of anything else without blanks.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleStage:
    """Changes every text."""

    settings: Shuffle
    seed: int

    VERSION = VERSION

    @property
    def identity(self) -> Mapping[str, str]:
        return {"version": str(VERSION), "settings": fingerprint(self.settings), "seed": str(self.seed)}

    @property
    def reasons(self) -> Mapping[str, str]:
        return {}

    @property
    def changes_text(self) -> bool:
        return True

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        pairs = zip(frame["text"], frame["content_hash"], strict=True)
        return frame.with_columns(
            pl.Series("text", [self._shuffled(text, key) for text, key in pairs], dtype=pl.String)
        )

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Rows whose words were put in another order."""
        return {"shuffled": frame.height}

    def _shuffled(self, text: str, key: str) -> str:
        words = _WORD.findall(text)
        stream(self.seed, "shuffle", self.settings.salt, key).shuffle(words)
        return " ".join(words)


def build(settings: Shuffle, seed: int) -> ShuffleStage:
    """The stage of its settings and the recipe's seed."""
    return ShuffleStage(settings=settings, seed=seed)
