"""Exact duplicates of questions: which one is kept, what counts as the same, and what does not change the outcome."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import CorruptData
from tilth.curate.questions.duplicates import build
from tilth.frames import make_frame
from tilth.recipe.stages.questions import QuestionDuplicates

Row = tuple[str, dict[str, object]]


def _frame(rows: list[Row], sources: list[str] | None = None) -> pl.DataFrame:
    frame = make_frame([text for text, _ in rows], metadata=[json.dumps(one) for _, one in rows])
    return frame if sources is None else frame.with_columns(pl.Series("source", sources))


def _run(frame: pl.DataFrame, folder: Path, cuts: int = 1, **options: object) -> pl.DataFrame:
    """Through all three steps, the frame cut into `cuts` parts of two frames each."""
    stage = build(QuestionDuplicates.model_validate(options), 0)
    size = -(-max(frame.height, 1) // cuts)
    parts = {f"part-{number:05}": frame.slice(number * size, size) for number in range(cuts)}
    for part, whole in parts.items():
        half = whole.height // 2
        stage.gather([whole.head(half), whole.slice(half)], part, folder)
    stage.decide(list(parts), folder, 2)
    result = pl.concat([stage.apply(whole, part, folder) for part, whole in parts.items()])
    assert result["key"].to_list() == frame["key"].to_list()
    return result


def test_the_solved_one_is_kept_then_the_preferred_source_then_the_longest(tmp_path: Path) -> None:
    rows: list[Row] = [
        ("What is light?", {"answer": "a wave"}),
        ("What is  Light", {"answer": "a wave", "solution": "Long and well explained."}),
        ("1. What is light ?", {"answer": "a wave", "solution": "Short."}),
    ]
    plain = _run(_frame(rows), tmp_path / "a")
    assert plain["reason"].to_list() == ["duplicate_question", None, "duplicate_question"]
    assert plain["detail"].to_list() == ["kept: d1", None, "kept: d1"]
    assert plain["question_copies"].to_list() == [3, 3, 3]
    preferred = _run(_frame(rows, ["good", "bad", "good"]), tmp_path / "b", sources=["good"])
    assert preferred["reason"].to_list() == ["duplicate_question", "duplicate_question", None]


def test_other_choices_make_another_question(tmp_path: Path) -> None:
    rows: list[Row] = [
        ("Which is red?", {"answer": "blood", "choices": ["blood", "sky"]}),
        ("Which is red?", {"answer": "rust", "choices": ["rust", "grass"]}),
        ("Which is red?", {"answer": "blood", "choices": ["sky", "blood"]}),
    ]
    assert _run(_frame(rows), tmp_path / "a")["reason"].to_list() == [None, None, "duplicate_question"]
    assert _run(_frame(rows), tmp_path / "b", choices=False)["reason"].drop_nulls().len() == 2


def test_conflicting_answers_are_flagged_or_dropped(tmp_path: Path) -> None:
    rows: list[Row] = [
        ("How many legs has a spider?", {"answer": "8.0"}),
        ("How many legs has a spider?", {"answer": "8"}),
        ("Who painted it?", {"answer": "B", "choices": ["Monet", "Manet"]}),
        ("Who painted it?", {"answer": "Manet", "choices": ["Monet", "Manet"]}),
        ("Where is Rome?", {"answer": "Italy"}),
        ("Where is Rome?", {"answer": "Georgia"}),
        ("Where is Rome?", {}),
    ]
    flagged = _run(_frame(rows), tmp_path / "a")
    assert [bool(flags) for flags in flagged["flags"].to_list()] == [False] * 4 + [True] * 3
    assert flagged["reason"].is_null().to_list() == [True, False, True, False, True, False, False]
    dropped = _run(_frame(rows), tmp_path / "b", conflicting="drop")
    assert dropped["reason"].to_list()[4:] == ["conflicting_answers"] * 3


def test_rows_dropped_earlier_take_no_part(tmp_path: Path) -> None:
    frame = _frame([("What is light?", {"answer": "a"})] * 2).with_columns(pl.Series("reason", ["earlier", None]))
    result = _run(frame, tmp_path)
    assert result["reason"].to_list() == ["earlier", None]
    assert result["question_copies"].to_list() == [1, 1]


def test_an_empty_part_passes(tmp_path: Path) -> None:
    assert _run(_frame([("What is light?", {})]), tmp_path, cuts=3)["reason"].to_list() == [None]


def test_a_part_that_was_not_gathered_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorruptData, match="part-00000"):
        build(QuestionDuplicates(), 0).decide(["part-00000"], tmp_path, 1)


def test_small_ranges_do_not_change_the_identity() -> None:
    small, large = build(QuestionDuplicates(rows_at_once=3), 0), build(QuestionDuplicates(), 0)
    assert small.identity == large.identity
    assert set(large.reasons) == {"duplicate_question"}


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["x", "y", None])), max_size=12), st.integers(2, 4))
def test_parts_and_ranges_do_not_change_the_outcome(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str | None]], cuts: int
) -> None:
    frame = _frame([(f"What is {name}?", {"answer": answer}) for name, answer in rows])
    folder = tmp_path_factory.mktemp("sets")
    whole = _run(frame, folder / "one")
    assert _run(frame, folder / "cut", cuts, rows_at_once=2).equals(whole)
    kept = whole.filter(pl.col("reason").is_null())["text"]
    assert sorted(kept) == sorted({f"What is {name}?" for name, _ in rows})
