"""Words of a list that the user supplies; no list ships here. C4 drops pages that have any (JMLR 21 (140), 2.2).

The matching is Polars' regular expressions, whose time is linear in the text whatever the list.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tilth.base.errors import ConfigError
from tilth.curate.signals.spans import Ints
from tilth.curate.signals.text import Texts

_NO_SPACES = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")  # Thai, Japanese and Chinese part no words


def read_words(path: Path) -> tuple[str, ...]:
    """The words of a file, one a line, lower-cased, without empty ones and in order; raises `ConfigError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a list of words, one a line in UTF-8, in {path}; saw: {error}.") from error
    words = tuple(sorted({line.strip().lower() for line in lines} - {""}))
    if not words:
        raise ConfigError(f"expected words, one a line, in {path}; saw none.")
    return words


def pattern_of(words: Sequence[str]) -> str:
    """One expression for all words; those of alphabetic scripts match as whole words only."""
    whole = [re.escape(word) for word in words if not _NO_SPACES.search(word)]
    inner = [re.escape(word) for word in words if _NO_SPACES.search(word)]
    parts = [rf"(?-u:\b)(?:{'|'.join(whole)})(?-u:\b)"] if whole else []
    return "|".join([*parts, *inner])


def bad_word_count(texts: Texts) -> Ints:
    """How often words of the user's list occur, in any case. Source: C4 2.2 (pages with any are removed)."""
    if not texts.bad_words:
        raise ConfigError("the signal bad_word_count needs a list of words: name its file as bad_words.")
    try:
        return texts.series.str.to_lowercase().str.count_matches(texts.bad_words).cast(pl.Int64).to_numpy()
    except pl.exceptions.ComputeError as error:
        raise ConfigError(
            f"expected a list of words short enough for one expression; saw: {str(error)[:200]}"
        ) from error
