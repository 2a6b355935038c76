"""Exact duplicates: what counts as the same, which one stays, and that nothing depends on the cut into parts."""

import unicodedata
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError, CorruptData
from tilth.curate.exact import normal
from tilth.curate.exact import stage as exact_stage
from tilth.curate.exact.normal import hash_texts
from tilth.curate.exact.stage import Exact, build
from tilth.frames import make_frame
from tilth.recipe.stages.duplicates import ExactDuplicates, Keep, Level


def run(stage: Exact, frames: list[pl.DataFrame], folder: Path) -> pl.DataFrame:
    names = [f"part-{number:05d}" for number in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        stage.gather([frame[: len(frame) // 2], frame[len(frame) // 2 :]], name, folder)
    stage.decide(names, folder, 1)
    return pl.concat(stage.apply(frame, name, folder) for name, frame in zip(names, frames, strict=True))


def dropped(out: pl.DataFrame) -> list[int]:
    return out.filter(pl.col("reason") == "exact_duplicate")["key"].to_list()


@pytest.mark.parametrize(
    ("level", "same"),
    [
        ("bytes", ["One  two.", "One  two."]),
        ("space", ["One two.", " One \u3000two.\n", "Ｏne two."]),
        ("case", ["One Two.", "one TWO."]),
        ("letters", ["One, two!", "one-two"]),
    ],
)
def test_each_level_sees_through_its_own_differences_and_no_others(level: str, same: list[str]) -> None:
    hashes = hash_texts(same, level)  # type: ignore[arg-type]
    assert len({tuple(row) for row in hashes.tolist()}) == 1
    order = ["bytes", "space", "case", "letters"]
    for stricter in order[: order.index(level)]:
        assert len({tuple(row) for row in hash_texts(same, stricter).tolist()}) > 1  # type: ignore[arg-type]


def test_the_hash_is_that_of_blake2b_over_the_normalised_text() -> None:
    from hashlib import blake2b

    assert hash_texts(["A  b"], "case").tobytes() == blake2b(b"a b", digest_size=16).digest()


def test_a_duplicate_names_the_kept_document_and_its_cluster_is_written(tmp_path: Path) -> None:
    frame = make_frame(["x one", "two", "X  ONE", "three", "x one "])
    out = run(build(ExactDuplicates(), 0), [frame[:2], frame[2:]], tmp_path)
    assert dropped(out) == [2, 4]
    assert out["detail"].to_list() == [None, None, "kept: d0", None, "kept: d0"]
    assert out["exact_cluster_size"].to_list() == [3, 1, 3, 1, 3]
    clusters = pl.concat(pl.read_parquet(path) for path in sorted((tmp_path / "clusters").glob("*.parquet")))
    assert clusters.select("cluster", "key", "kept", "size", "kept_doc_id").rows() == [
        (0, 0, True, 3, "d0"),
        (0, 2, False, 3, "d0"),
        (0, 4, False, 3, "d0"),
    ]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Keep(), 0),
        (Keep(rule="longest"), 2),
        (Keep(rule="score", score="quality"), 1),
        (Keep(rule="source", sources=("good", "fair")), 3),
    ],
)
def test_the_rule_says_which_one_stays(keep: Keep, kept: int, tmp_path: Path) -> None:
    frame = make_frame(
        ["a b", "A b", "a    b", "a b"],
        quality=pl.Series([None, 0.5, float("nan"), 0.5]),
        source=pl.Series(["other", "fair", "fair", "good"]),
    )
    out = run(build(ExactDuplicates(keep=keep), 0), [frame], tmp_path)
    assert dropped(out) == [key for key in range(4) if key != kept]


def test_a_score_that_is_no_column_is_refused_with_the_columns_there_are(tmp_path: Path) -> None:
    stage = build(ExactDuplicates(keep=Keep(rule="score", score="qality")), 0)
    with pytest.raises(ConfigError, match=r"qality.*Columns here: .*text"):
        stage.gather([make_frame(["a"])], "p", tmp_path)


def test_a_row_that_was_dropped_before_is_left_alone_and_drops_nobody(tmp_path: Path) -> None:
    frame = make_frame(["same", "same", "same"]).with_columns(reason=pl.Series(["other", None, None]))
    out = run(build(ExactDuplicates(), 0), [frame], tmp_path)
    assert out["reason"].to_list() == ["other", None, "exact_duplicate"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.lists(st.integers(0, 30), max_size=4), st.integers(1, 9))
def test_one_of_each_text_stays_however_parts_and_slices_are_cut(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], cuts: list[int], limit: int
) -> None:
    frame = make_frame(texts)
    bounds = sorted({0, len(texts), *(cut for cut in cuts if cut < len(texts))})
    frames = [frame[low:high] for low, high in pairwise(bounds)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_stage, "SLICE_ENTRIES", limit)
        out = run(build(ExactDuplicates(), 0), frames or [frame], tmp_path_factory.mktemp("stage"))
    assert dropped(out) == [number for number, text in enumerate(texts) if text in texts[:number]]


def test_parts_named_out_of_order_change_nothing(tmp_path: Path) -> None:
    frame = make_frame(["same", "x", "same", "y", "same"])
    stage = build(ExactDuplicates(), 0)
    for name, piece in (("z", frame[:2]), ("a", frame[2:])):
        stage.gather([piece], name, tmp_path)
    stage.decide(["a", "z"], tmp_path, 2)
    assert dropped(stage.apply(frame[:2], "z", tmp_path)) == []
    assert dropped(stage.apply(frame[2:], "a", tmp_path)) == [2, 4]


def test_a_part_that_was_not_gathered_is_told(tmp_path: Path) -> None:
    stage = build(ExactDuplicates(), 0)
    stage.gather([], "here", tmp_path)
    with pytest.raises(CorruptData, match="absent"):
        stage.decide(["here", "absent"], tmp_path, 1)


def test_counts_add_up(tmp_path: Path) -> None:
    stage = build(ExactDuplicates(), 0)
    out = run(stage, [make_frame(["a"] * 5 + ["b"])], tmp_path)
    assert stage.counts(out) == {"exact_duplicates": 4}
    assert set(out["reason"].drop_nulls()) <= set(stage.reasons)


@pytest.mark.parametrize("level", ["space", "case", "letters"])
@pytest.mark.parametrize("piece", ["Éa  b\n", "\ufdfa x ", "e\u0301\u0316 ", "中文字 ", "\t\n "])
def test_a_text_in_pieces_has_the_hash_of_the_whole(level: Level, piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f" {piece * 400} end"
    whole = hash_texts([text], level).tobytes()
    for size in (40, 41, 97):
        monkeypatch.setattr(normal, "LONG", size)
        monkeypatch.setattr(normal, "_NEAR", 30)
        assert hash_texts([text], level).tobytes() == whole


@pytest.mark.parametrize("level", ["space", "case", "letters"])
def test_a_run_of_combining_marks_takes_linear_time_and_the_usual_form(level: Level) -> None:
    text = "e\u0301 " + "a\u0316\u0301" * 3 + "\ufdfa" + "o\u0301\u0316" + "\u0316\u0301" * 40 + " x"
    assert hash_texts([text], level).tobytes() == hash_texts([unicodedata.normalize("NFKC", text)], level).tobytes()
    hash_texts(["e" + "\u0301\u0316" * 250_000], level)  # by Python's own normal form, several minutes
    one, other = "z " + "\u0301\u0316" * 50, "z " + "\u0316\u0301" * 50
    assert hash_texts([one], level).tobytes() == hash_texts([other], level).tobytes()
