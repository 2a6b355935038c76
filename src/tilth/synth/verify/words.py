"""Patterns for questions that lean on something absent: a figure, a table, the text above.

The words are those by which seed questions are curated: they are read from that package's data files, so that a
question made here and a seed are held to one rule. Expressions of Rust's regex engine, linear in the text; about 20 ms
once a process, then 10 us a question.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl
import yaml

from tilth.base.fingerprint import text_hash

_PACKAGE = "tilth.curate.questions"
_FILES = ("words_en.yaml", "words_zh.yaml")
#: Text that holds a table or a list itself, so that what is "shown below" is there.
_TABULAR = r"\\begin\{(?:tabular|array)|(?:^|\n)[^\n|]*\|[^\n|]+\||\t[^\t\n]+\t|\n[^\n]*\d[^\n]*\n[^\n]*\d|&[^&\n]*&"
_OF_THE_ABOVE = r"(?i)(?-u:\b)(?:all|none|any|both|each|neither|either|one|two) of the above(?-u:\b)"
#: Characters of a text that is taken to hold the passage or table it speaks of; Chinese ones count four times.
_HOLDS_PASSAGE = 400


@cache
def words_hash() -> str:
    """Hash of the word lists: part of a stage's identity."""
    return text_hash(*(_read(name) for name in _FILES))


def unseen_figure(text: pl.Expr) -> pl.Expr:
    """Speaks of a picture that a text does not hold."""
    plain = text.str.replace_all(_pattern("no_picture"), "")
    nearby = plain.str.contains(_pattern("shown_nearby")) & ~text.str.contains(_TABULAR)
    return plain.str.contains(_pattern("needs_picture")) | nearby


def unseen_table(text: pl.Expr, context: pl.Expr) -> pl.Expr:
    """Speaks of a table, and neither a table nor a context is there."""
    asked = text.str.contains(_pattern("needs_table")) & ~text.str.contains(_pattern("not_a_table"))
    return asked & ~text.str.contains(_TABULAR) & _short(text) & context.is_null()


def unseen_text(text: pl.Expr, context: pl.Expr) -> pl.Expr:
    """Speaks of a passage, "the text above", an earlier question or a place in a book, and no context is there."""
    plain = text.str.replace_all(_OF_THE_ABOVE, "")
    passage = plain.str.contains(_pattern("needs_passage")) & _short(text)
    back = [plain.str.contains(_pattern(name)) for name in ("not_self_contained", "referring_back", "cites_exercise")]
    return (passage | back[0] | back[1] | back[2]) & context.is_null()


def _short(text: pl.Expr) -> pl.Expr:
    return text.str.len_chars() + 3 * text.str.count_matches(r"\p{Han}") < _HOLDS_PASSAGE


@cache
def _pattern(name: str) -> str:
    """The words of `name` in all languages as one expression, without regard to case.

    With Unicode's word boundaries the engine leaves its fast automaton on any text that is not all ASCII.
    """
    found: list[str] = []
    for file in _FILES:
        words: dict[str, Any] = yaml.safe_load(_read(file))
        for item in words.get(name, ()):
            for key, value in words["define"].items():
                item = item.replace("{" + key + "}", value)
            found.append(f"(?:{item})")
    return "(?is)" + re.sub(r"(?<!\\)\\b", r"(?-u:\\b)", "|".join(found))


def _read(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text("utf-8")
