"""Labelled examples from data sets that say a question's subject themselves, by the taxonomy's mappings."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tilth.base.errors import ConfigError
from tilth.label.model import question_text
from tilth.label.taxonomy.load import Taxonomy
from tilth.label.train import Example

if TYPE_CHECKING:
    import polars as pl

_NO_LETTERS = re.compile(r"[\W\d_]+")
#: Letters of a question that two copies of it share. Long for alphabets, where many questions open with one sentence
#: ("This question refers to the following information"); an ideograph says as much as a word.
_KEY_LETTERS, _KEY_IDEOGRAPHS = 200, 40


def subject_examples(frame: "pl.DataFrame", taxonomy: Taxonomy) -> Iterator[Example]:
    """An example for each row whose subject is mapped to a field.

    Takes the columns `question`, and where there are any `choices` and `context`; the data set's name from `benchmark`
    or `source`, the subject from `subset` or `subject`. Rows of one page (`origin_path`), or whose question begins
    alike, form a group. Raises `ConfigError` for a data set without a mapping.
    """
    if frame.is_empty():
        return
    seeds = "source" in frame.columns
    data_set = str(frame["source" if seeds else "benchmark"][0])
    if data_set not in taxonomy.mappings:
        known = ", ".join(taxonomy.mappings)
        raise ConfigError(f"expected a data set whose subjects the taxonomy maps ({known}); saw {data_set!r}.")
    paged = seeds and frame["origin_path"].n_unique() > frame["subject"].n_unique()  # a file a subject is no page
    for row in frame.iter_rows(named=True):  # thousands of rows, each needs text built from a list
        field = taxonomy.field_of_subject(data_set, row["subject" if seeds else "subset"])
        if field is None:
            continue
        text = question_text(row["question"], row.get("choices") or (), row.get("context") or "")
        group = f"{row['origin_repo']}/{row['origin_path']}" if paged else question_key(text)
        yield Example(text=text, label=field.id, group=group)


def question_key(text: str) -> str:
    """What copies of one question have in common: its first letters, without case, digits, signs and spaces."""
    letters = _NO_LETTERS.sub("", text[:4000].lower())
    return letters[:_KEY_LETTERS] if letters.isascii() else letters[:_KEY_IDEOGRAPHS]
