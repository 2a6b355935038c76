"""Questions become training text in several layouts, and no cell gets more than its share."""

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.data.qa import QA, qa_of
from tilth.frames import CorpusStage, make_frame
from tilth.recipe.stages.layouts import Layouts
from tilth.synth.layouts.render import fits, render
from tilth.synth.layouts.stage import BalancedLayouts, LayoutStage, build

CHOICES = ("mercury", "tin", "iron")
FULL = QA(question="Which metal is liquid?", answer="A", choices=CHOICES, solution="It melts at -39 °C.")


def frame_of(qas: list[QA], **columns: Any) -> pl.DataFrame:
    return make_frame([qa.question for qa in qas], metadata=[qa.dump() for qa in qas], **columns)


def rendered(qas: list[QA], **given_: Any) -> pl.DataFrame:
    stage = build(Layouts.model_validate(given_), 0)
    assert isinstance(stage, LayoutStage)
    return stage(frame_of(qas))


def weights_file(folder: Path, cells: dict[tuple[str, int, int], float]) -> str:
    rows = [
        {"cell": f"{name}/D{low}-D{high}", "disciplines": [name], "bins": [low, high], "weight": weight, "why": "test"}
        for (name, low, high), weight in cells.items()
    ]
    path = folder / "weights.yaml"
    path.write_text(yaml.safe_dump({"format": 1, "model": "m", "cells": rows}))
    return str(path)


def balanced(stage: CorpusStage, parts: dict[str, pl.DataFrame], folder: Path) -> pl.DataFrame:
    for part, frame in parts.items():
        stage.gather([frame.head(3), frame.tail(-3)], part, folder)
    stage.decide(list(parts), folder, 1)
    return pl.concat([stage.apply(frame, part, folder) for part, frame in parts.items()])


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("plain", "Question: Which metal is liquid?\nA. mercury\nB. tin\nC. iron\nAnswer: A. mercury"),
        (
            "reasoning",
            (
                "Question: Which metal is liquid?\nA. mercury\nB. tin\nC. iron\n\nSolution: It melts at -39 °C.\n\n"
                "Answer: A. mercury"
            ),
        ),
        ("choice", "Question: Which metal is liquid?\nA. mercury\nB. tin\nC. iron\nAnswer: A"),
        (
            "chat",
            (
                "User: Which metal is liquid?\nA. mercury\nB. tin\nC. iron\n\nAssistant: It melts at -39 °C.\n"
                "The answer is A. mercury."
            ),
        ),
    ],
)
def test_each_layout_says_the_question_and_its_answer(layout: Any, text: str) -> None:
    assert render(FULL, layout, "en", 0) == text


def test_chinese_questions_get_chinese_headings() -> None:
    table = rendered([QA(question="水的沸点是多少摄氏度？", answer="100", language="zh")], weights={"plain": 1})
    text = table["text"][0]
    assert text.endswith("100")
    assert text.split("水")[0] in ("题目：", "问：", "问题：", "练习\n")


def test_a_solution_that_says_the_answer_is_not_told_it_twice() -> None:
    qa = QA(question="How many are 3 and 4?", answer="7", solution="3 + 4 = 7\nSo the answer is 7.")
    assert render(qa, "chat", "en", 0).count("answer is 7") == 1


def test_layouts_come_as_often_as_weighted_and_only_where_they_fit() -> None:
    bare = QA(question="Who wrote Hamlet?", answer="Shakespeare")
    table = rendered([FULL] * 900 + [bare] * 100, weights={"plain": 1, "reasoning": 3, "chat": 0, "choice": 0})
    assert table["layout"][900:].to_list() == ["plain"] * 100
    share = Counter(table["layout"][:900].to_list())["reasoning"] / 900
    assert 0.7 < share < 0.8
    only_chat = rendered([bare] * 5, weights={"chat": 1})
    assert only_chat["layout"].to_list() == ["plain"] * 5


def test_everything_known_of_a_question_stays_in_the_row() -> None:
    qa = FULL.but(discipline="science", difficulty=6.5, pass_rate=0.25, verdict="verified", more={"answers": [1]})
    row = rendered([qa]).row(0, named=True)
    told = orjson.loads(row["metadata"])
    assert told["question"] == FULL.question
    assert qa_of(told["question"], row["metadata"]).but(more={"answers": [1]}) == qa
    assert told["layout"] == row["layout"]


def test_rows_without_an_answer_and_rows_dropped_before_keep_their_text() -> None:
    frame = frame_of([QA(question="Why?"), FULL, FULL], reason=pl.Series([None, "bad", None], dtype=pl.String))
    stage = LayoutStage(Layouts(), 0)
    table = stage(frame)
    assert table["reason"].to_list() == ["no_answer", "bad", None]
    assert table["text"].to_list()[:2] == ["Why?", FULL.question]
    assert set(table.filter(pl.col("reason").is_not_null())["reason"]) - {"bad"} <= set(stage.reasons)


def test_marks_of_chat_templates_in_a_question_are_flagged() -> None:
    table = rendered([FULL.but(solution="<|im_start|>assistant It is mercury."), FULL], weights={"reasoning": 1})
    assert table["flags"].to_list() == [["special_token"], []]


def test_no_cell_keeps_more_than_its_share_whatever_the_parts(tmp_path: Path) -> None:
    target = weights_file(tmp_path, {("science", 1, 3): 1, ("science", 4, 5): 2, ("history", 1, 5): 1})
    cells = [("science", 2.0)] * 50 + [("science", 9.0)] * 30 + [("history", 5.0)] * 20 + [("law", 5.0)] * 20
    qas = [FULL.but(discipline=name, difficulty=hard) for name, hard in cells]
    frame = frame_of(qas)
    stage = build(Layouts(target=target), 3)
    assert isinstance(stage, BalancedLayouts)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    table = balanced(stage, {"part-0": frame[:70], "part-1": frame[70:]}, tmp_path / "a")
    kept = table.filter(pl.col("reason").is_null())
    # of 120 rows: 30 easy science, 60 hard (30 are there), 30 history (20 are there); law is in no cell and stays
    assert Counter(kept["layout_cell"]) == {
        "science/D1-D3": 30,
        "science/D4-D5": 30,
        "history/D1-D5": 20,
        "unplaced": 20,
    }
    assert Counter(table["reason"].drop_nulls()) == {"over_target": 20}
    other = balanced(stage, {"x": frame[:10], "y": frame[10:40], "z": frame[40:]}, tmp_path / "b")
    assert other.equals(table)


def test_what_happens_to_rows_beyond_the_share_and_outside_the_cells_is_a_setting(tmp_path: Path) -> None:
    target = weights_file(tmp_path, {("science", 1, 5): 1, ("history", 1, 5): 1})
    frame = frame_of([FULL.but(discipline=name, difficulty=3.0) for name in ["science"] * 6 + ["law"] * 4])
    for over, unplaced, reasons, flags in (
        ("flag", "keep", [], 1),
        ("keep", "drop", ["no_cell"] * 4, 0),
        ("drop", "drop", ["over_target"] + ["no_cell"] * 4, 0),
    ):
        folder = tmp_path / f"{over} {unplaced}"
        folder.mkdir()
        stage = build(Layouts.model_validate({"target": target, "over_target": over, "unplaced": unplaced}), 0)
        assert isinstance(stage, BalancedLayouts)
        table = balanced(stage, {"p": frame}, folder)
        assert table["reason"].drop_nulls().to_list() == reasons
        assert sum(map(len, table["flags"].to_list())) == flags


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "cells: [{cell: a}]",
        "cells: [{cell: a, disciplines: [x], bins: [1, 2], weight: 0}]",
        "cells: {\n",
        "\x00",
    ],
)
def test_a_file_of_weights_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"weights\.yaml"):
        build(Layouts(target=str(path)), 0)
    with pytest.raises(ConfigError, match="missing"):
        build(Layouts(target=str(tmp_path / "missing")), 0)


TEXT = st.text(max_size=40)


@given(
    st.builds(
        QA, question=TEXT, answer=TEXT | st.none(), solution=TEXT | st.none(), choices=st.none() | st.tuples(TEXT, TEXT)
    ),
    st.integers(0, 2**63),
)
@settings(max_examples=100, deadline=None)
def test_any_question_with_an_answer_is_written_out_in_full(qa: QA, draw: int) -> None:
    for layout in fits(qa):
        text = render(qa, layout, "zh", draw)
        assert qa.question.strip() in text
        if layout != "choice":
            assert (qa.answer or "").strip() in text or qa.choices


@given(st.lists(st.tuples(TEXT, st.none() | TEXT), max_size=5))
@settings(max_examples=50, deadline=None)
def test_no_metadata_makes_the_stage_fail(rows: list[tuple[str, str | None]]) -> None:
    frame = make_frame([text for text, _ in rows], metadata=[metadata for _, metadata in rows])
    table = LayoutStage(Layouts(), 0)(frame)
    assert table.height == len(rows)
    assert table.schema["layout"] == pl.String
