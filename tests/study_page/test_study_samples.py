"""A few rows of a dataset: the same ones every time, of every prompt, with the text that they were made of."""

from pathlib import Path

import polars as pl
import pytest
from study_data import dataset, documents

from tilth.base.errors import SourceError
from tilth.study.samples import samples


def test_rows_are_the_same_every_time_and_of_every_prompt(tmp_path: Path) -> None:
    texts = [f"text {row}" for row in range(40)]
    data = dataset(tmp_path / "data", texts[:30], texts[30:], prompts=("table", "faq", "math"))
    chosen = samples(data, 6)
    assert chosen == samples(data, 6)
    assert sorted(one.prompt or "" for one in chosen) == ["faq", "faq", "math", "math", "table", "table"]
    assert chosen != samples(data, 6, seed=1)
    for one in chosen:
        assert one.text == pl.read_parquet(data / one.shard)["text"][one.row]
    assert len(samples(data, 100)) == 40


def test_rewrites_of_one_document_come_up_under_every_recipe(tmp_path: Path) -> None:
    rows = [str(row) for row in range(50)]
    first, second = (samples(dataset(tmp_path / name, rows), 4) for name in ("a", "b"))
    assert [(one.shard, one.row) for one in first] == [(one.shard, one.row) for one in second]


def test_a_source_is_shown_where_its_hash_agrees_and_only_the_part_that_was_seen(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", ["x"] * 5)
    of = documents(tmp_path / "documents", shards=1, rows=5)
    assert {one.source for one in samples(data, 5, source=of)} == {"source of"}  # the first nine characters
    changed = pl.read_parquet(of / "part-00000.parquet").with_columns(text=pl.lit("another text"))
    changed.write_parquet(of / "part-00000.parquet")
    assert {one.source for one in samples(data, 5, source=of)} == {None}


def test_long_texts_are_cut_and_it_is_said(tmp_path: Path) -> None:
    (one,) = samples(dataset(tmp_path / "data", ["long " * 5000]), 3)
    assert one.cut
    assert len(one.text) == 1500


def test_any_folder_of_texts_will_do_and_an_empty_one_gives_nothing(tmp_path: Path) -> None:
    for name, texts in (("plain", ["a", "b"]), ("empty", [])):
        (tmp_path / name).mkdir()
        pl.DataFrame({"body": texts}, schema={"body": pl.String}).write_parquet(tmp_path / name / "x.parquet")
    assert {one.text for one in samples(tmp_path / "plain", column="body")} == {"a", "b"}
    assert samples(tmp_path / "empty", column="body") == ()
    with pytest.raises(SourceError, match="saw none"):
        samples(tmp_path / "nothing")
