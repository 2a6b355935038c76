"""Probe sets: strata, merging, what is left out, and that items never become seeds."""

from pathlib import Path

import orjson
import polars as pl
import pytest
from planted import questions

from tilth.base.errors import ConfigError, CorruptData, SourceError
from tilth.data.benchmarks import items, read_benchmarks
from tilth.evaluate.probe_set import ProbeSet, ProbeSetSettings, make_probe_set
from tilth.frames import make_frame
from tilth.recipe.stages.select import ProbeItems
from tilth.steer.exclude import build, question_keys


def test_each_cell_has_as_many_items_as_asked_and_the_same_seed_draws_the_same_set(tmp_path: Path) -> None:
    pool = questions(120, ("science", "law"))
    one = make_probe_set(pool, tmp_path / "one", ProbeSetSettings(items=80))
    shuffled = make_probe_set(
        pool.sample(fraction=1.0, shuffle=True, seed=4), tmp_path / "two", ProbeSetSettings(items=80)
    )
    assert [(cell.name, cell.items) for cell in one.cells] == [
        (f"{discipline}/D{bin_}", 80) for discipline in ("law", "science") for bin_ in range(1, 6)
    ]
    assert one.left_out == {"over the number of a cell": 400}
    assert shuffled.fingerprint == one.fingerprint
    assert shuffled.items.equals(one.items)
    other = make_probe_set(pool, tmp_path / "three", ProbeSetSettings(items=80, seed=1))
    assert other.fingerprint != one.fingerprint
    assert 0 < len(set(other.items["item_id"]) & set(one.items["item_id"])) < 800


def test_thin_cells_are_merged_and_named(tmp_path: Path) -> None:
    pool = questions(60, ("science",))
    few = questions(9, ("law", "history", "music"))
    thin = pool.filter(~pl.col("doc_id").str.starts_with("science-5-") | (pl.col("doc_id") <= "science-5-2"))
    made = make_probe_set(pl.concat([thin, few]), tmp_path / "set")
    names = [cell.name for cell in made.cells]
    assert names == [
        "science/D1",
        "science/D2",
        "science/D3",
        "science/D4-D5",
        "non-stem:history+law+music/D1-D2",
        "non-stem:history+law+music/D3-D5",
    ]
    assert [cell.thin for cell in made.cells] == [False] * 6
    assert sum(cell.items for cell in made.cells) == made.items.height


def test_what_cannot_be_an_item_is_left_out_and_counted(tmp_path: Path) -> None:
    good = questions(50, ("law",))
    bad = {
        "no answer": '{"discipline":"law","difficulty":3}',
        "broken": "{",
        "no discipline at all": '{"answer":"4","difficulty":3}',
        "a discipline that is none": '{"answer":"4","difficulty":3,"discipline":"Law, or <b>so</b>"}',
        "a difficulty off the scale": '{"answer":"4","difficulty":1e300,"discipline":"law"}',
        "a difficulty that is a word": '{"answer":"4","difficulty":"hard","discipline":["law"]}',
        "x" * 9000: '{"answer":"4","difficulty":3,"discipline":"law"}',
        "...": '{"answer":"4","difficulty":3,"discipline":"law"}',
        good["text"][7].upper(): '{"answer":"4","difficulty":3,"discipline":"law"}',
    }
    more = make_frame(list(bad), doc_id=[f"z-{n}" for n in range(len(bad))], metadata=list(bad.values()))
    made = make_probe_set(pl.concat([good, more]), tmp_path / "set")
    assert made.items.height == 250
    assert made.left_out == {
        "unlabelled": 4,
        "without an answer": 2,
        "too long": 1,
        "without a question": 1,
        "the same as another": 1,
        "over the number of a cell": 0,
    }
    with pytest.raises(SourceError, match="none has all"):
        make_probe_set(more.head(6), tmp_path / "none")


def test_a_probe_set_is_a_benchmark_file_and_its_items_are_taken_out_of_a_pool(tmp_path: Path) -> None:
    pool = questions(55, ("law",), choices=["1", "2"], context="A passage.")
    made = make_probe_set(pool, tmp_path / "set", ProbeSetSettings(items=50))
    table = read_benchmarks([str(made.path)])
    assert [one.item_id for one in items(table)] == made.items["item_id"].to_list()
    assert {one.benchmark for one in items(table)} == {"probe"}
    assert all(one.answer and one.context == "A passage." and one.choices == ("1", "2") for one in items(table))
    assert set(made.items["group"]) == {made.items["group"][0]}
    stage = build(ProbeItems(probe=str(tmp_path / "set")), 0)
    # the same question in another dress and under another id, and another text under the id of an item
    dressed = make_frame(["12. " + text.upper() + "  " for text in pool["text"]], doc_id=[f"n{n}" for n in range(275)])
    renamed = make_frame(["quite another text"] * 275, doc_id=[f"seeds:{name}" for name in pool["doc_id"]])
    for frame, said in ((dressed, "the same question"), (renamed, "the same id")):
        out = stage(frame)
        assert out["reason"].is_not_null().sum() == 250
        assert set(out["detail"].drop_nulls()) == {said}
        assert stage.counts(out) == {"probe_items": 250}
    assert stage.reasons.keys() == {"probe_item"}
    with pytest.raises(ConfigError, match="expected a probe set"):
        build(ProbeItems(probe=str(tmp_path / "nowhere")), 0)


def test_a_set_that_was_changed_is_refused(tmp_path: Path) -> None:
    made = make_probe_set(questions(50, ("law",)), tmp_path / "set")
    pl.read_parquet(made.path).with_columns(answer=pl.lit("4")).write_parquet(made.path)
    with pytest.raises(CorruptData, match="Scores on another set do not compare"):
        ProbeSet.load(tmp_path / "set")
    with pytest.raises(ConfigError, match="Make one first"):
        ProbeSet.load(tmp_path / "nothing")


def test_keys_are_the_same_for_questions_that_say_the_same() -> None:
    keys = question_keys(pl.Series(["1. What is X?", "what  is x", "What is X²?", " . ", ""]))
    assert keys[0] == keys[1] != keys[2]
    assert keys[3] is keys[4] is None


def test_labels_may_be_columns_of_curation(tmp_path: Path) -> None:
    frame = questions(50, ("law",))
    bare = [orjson.dumps({"answer": orjson.loads(text)["answer"]}).decode() for text in frame["metadata"]]
    scores = [orjson.loads(text)["difficulty"] for text in frame["metadata"]]
    columns = frame.with_columns(
        metadata=pl.Series(bare), discipline=pl.lit("law"), stem=pl.lit(False), difficulty=pl.Series(scores)
    )
    assert make_probe_set(columns, tmp_path / "a").fingerprint == make_probe_set(frame, tmp_path / "b").fingerprint
