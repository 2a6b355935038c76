"""Decisions of the presets beside those of datatrove's own filters, on every real English document.

`datatrove_decisions.parquet` was written by benchmarks/peers/datatrove/rules_reference.py, where datatrove 0.10.1
splits words on white space and sentences with its own English tokenizer. Two classes of disagreement are known:

- remembered n-grams: datatrove forgets n-grams that begin inside one that counted, tilth does not; so texts close to a
  threshold of repeated 5- to 10-grams can fall on either side;
- sentence boundaries: C4 wants 5 sentences, and tilth and spaCy part them by different rules; so texts with about 5 can
  fall on either side.

Any other disagreement fails the test.
"""

from pathlib import Path

import polars as pl
import pytest
from plain_definitions import duplicate_characters

from tilth.curate.rules.presets import load_preset
from tilth.curate.rules.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.rules import Rules

DECISIONS = Path(__file__).parent / "datatrove_decisions.parquet"
AGREED = 0.99


def documents(shared: Path) -> pl.DataFrame:
    files = sorted((shared / "data" / "documents").glob("*.parquet"))
    read = pl.concat([pl.read_parquet(path, columns=["doc_id", "text", "lang"]) for path in files])
    return read.filter(pl.col("lang") == "en")


def decided(found: pl.DataFrame, preset: str) -> pl.DataFrame:
    """The rows with tilth's decision and datatrove's (`kept`, `theirs`) side by side."""
    frame = make_frame(found["text"].to_list()).with_columns(found["doc_id"])
    judged = build(Rules(presets=[preset]), seed=0)(frame)
    theirs = pl.read_parquet(DECISIONS).filter(pl.col("filter") == preset)
    both = judged.join(theirs.select("doc_id", "kept", theirs="reason"), on="doc_id", how="left")
    assert both["kept"].null_count() == 0, "the file of decisions lacks a document: write it again"
    return both


def class_of(row: dict[str, object], preset: str) -> str:
    """The name of the class that explains a disagreement; raises AssertionError where none does."""
    if preset == "c4":
        assert {row["reason"], row["theirs"]} == {None, "c4_few_sentences"} or row["theirs"] == "too_few_sentences", row
        assert abs(int(str(row["c4_sentence_count"])) - 5) <= 3, row
        return "sentence boundaries"
    if preset == "gopher-repetition":
        assert forgetful_verdict(row) is row["kept"], row["doc_id"]
        return "remembered n-grams"
    raise AssertionError(f"{row['doc_id']}: {preset} says {row['reason']}, datatrove {row['theirs']}")


def forgetful_verdict(row: dict[str, object]) -> bool:
    """Whether the text passes all rules with n-grams counted as datatrove counts them."""
    text = str(row["text"])
    for rule in load_preset("gopher-repetition").rules:
        value = row[rule.signal]
        if rule.signal.startswith("duplicate_") and "gram" in rule.signal:
            n = int(rule.signal.removeprefix("duplicate_").split("gram")[0])
            value = duplicate_characters(text.split(), n, forgetful=True) / len(text)
        assert isinstance(value, int | float)
        if rule.maximum is not None and value > rule.maximum:
            return False
    return True


def check(found: pl.DataFrame, preset: str) -> None:
    both = decided(found, preset)
    apart = both.filter(pl.col("reason").is_null() != pl.col("kept"))
    agreed = 1 - len(apart) / len(both)
    classes = pl.Series([class_of(row, preset) for row in apart.iter_rows(named=True)], dtype=pl.String)
    print(f"{preset}: {agreed:.2%} of {len(both)} agree; {classes.value_counts().rows()}")
    assert agreed >= AGREED


@pytest.mark.parametrize("preset", ["gopher-quality", "gopher-repetition", "c4", "fineweb"])
def test_a_tenth_of_the_documents_is_judged_as_datatrove_does(shared: Path, preset: str) -> None:
    check(documents(shared).gather_every(10), preset)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["gopher-quality", "gopher-repetition", "c4", "fineweb"])
def test_every_document_is_judged_as_datatrove_does(shared: Path, preset: str) -> None:
    check(documents(shared), preset)
