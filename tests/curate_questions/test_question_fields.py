"""Seed questions read back from metadata: whatever shape the file had, whatever is broken."""

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.data.files import list_files
from tilth.data.questions import (
    QUESTION_COLUMNS,
    Question,
    QuestionFields,
    accepted_answers,
    gold_text,
    normalise_question,
    question_of,
    with_questions,
)
from tilth.data.reading import read_files
from tilth.data.source import Columns, SourceSpec
from tilth.frames import make_frame

COLUMNS = Columns(text="question", id="seed_id", metadata=("answer", "choices", "context", "solution", "subject"))
ROW = {
    "seed_id": "s1",
    "question": "Where is the Eiffel Tower?",
    "answer": "Paris",
    "choices": ["Rome", "Paris"],
    "context": None,
    "solution": "",
    "subject": "places",
}


def _read(path: Path) -> pl.DataFrame:
    spec = SourceSpec(source=(path.name,), columns=COLUMNS)
    tables = [batch.documents for batch in read_files(list_files(spec, path.parent), spec)]
    return pl.DataFrame(pa.concat_tables(tables))


def _columns(*metadata: str | None) -> list[tuple[object, ...]]:
    frame = make_frame(["q"] * len(metadata), metadata=list(metadata))
    return with_questions(frame).select(QUESTION_COLUMNS).rows()


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_fields_and_choice_lists_survive_the_readers(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"seeds.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([ROW]), path)
    else:
        path.write_text(json.dumps(ROW) + "\n")
    row = with_questions(_read(path)).row(0, named=True)
    assert (row["doc_id"], row["text"]) == ("s1", ROW["question"])
    assert [row[name] for name in QUESTION_COLUMNS] == ["Paris", ["Rome", "Paris"], None, None, "places"]


@pytest.mark.parametrize(
    "choices",
    [
        ["x", "y"],
        '["x", "y"]',
        {"label": ["A", "B"], "text": ["x", "y"]},
        {"B": "y", "A": "x"},
        [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}],
        '{"A": "x", "B": "y"}',
    ],
)
def test_choices_end_in_one_shape(choices: object) -> None:
    assert question_of("q", json.dumps({"choices": choices})).choices == ("x", "y")


@pytest.mark.parametrize("empty", [None, [], "", "[]", {}, "  "])
def test_empty_choices_are_none(empty: object) -> None:
    assert question_of("q", json.dumps({"choices": empty})).choices is None


def test_values_of_other_types_become_text() -> None:
    (row,) = _columns(json.dumps({"answer": 4, "choices": [1, None, 2.5], "solution": ["a", "b"], "context": {"k": 1}}))
    assert row == ("4", ["1", "", "2.5"], '{"k":1}', "a\nb", None)


def test_a_broken_row_reads_as_null_and_leaves_its_neighbours_alone() -> None:
    good = json.dumps({"answer": "a"})
    rows = _columns(good, "{", None, "", "[1]", '{"answer": "\\ud800"}', good)
    assert [row[0] for row in rows] == ["a", None, None, None, None, None, "a"]


def test_other_names_are_mapped() -> None:
    fields = QuestionFields(answer="target", choices="options")
    question = question_of("q", json.dumps({"target": "B", "options": ["x", "y"]}), fields)
    assert (question.answer, question.choices) == ("B", ("x", "y"))


@pytest.mark.parametrize(
    ("answer", "choices", "gold"),
    [
        ("Paris", ("Rome", "Paris"), "Paris"),
        ("B", ("Rome", "Paris"), "Paris"),
        ("(b)", ("Rome", "Paris"), "Paris"),
        ("1", ("Rome", "Paris"), "Paris"),
        ("B. Paris", ("Rome", "Paris"), "Paris"),
        ("A", ("B", "A"), "A"),  # a choice that is a letter itself
        ("3", ("2", "3"), "3"),
        ('["A", "C"]', ("x", "y", "z"), "x; z"),
        ("union || the union", None, "union"),
        ("[0, 1)", None, "[0, 1)"),
        ("Z", ("x", "y"), "Z"),  # names no choice
        ("", ("x", "y"), None),
        (None, None, None),
    ],
)
def test_gold_text(answer: str | None, choices: tuple[str, ...] | None, gold: str | None) -> None:
    assert gold_text(Question(text="q", answer=answer, choices=choices)) == gold


def test_numbered_answers_may_count_from_one() -> None:
    assert gold_text(Question(text="q", answer="1", choices=("x", "y")), first=1) == "x"


def test_accepted_answers_are_split() -> None:
    assert accepted_answers('14 || fourteen || ["x"]') == ["14", "fourteen", '["x"]']
    assert accepted_answers('["C", ""]') == ["C"]


def _normal(*texts: str) -> list[str]:
    return pl.DataFrame({"text": list(texts)}).select(normalise_question(pl.col("text"))).to_series().to_list()


def test_what_does_not_change_a_question_is_taken_out() -> None:
    first, *others = _normal(
        "What is  “light”?", "what is light", "12. What is light ?", "Ｗhat is\nlight？", "What is light."
    )
    assert others == [first] * 4
    assert len(set(_normal("例3、求函数的值。", "求函数的值"))) == 1


def test_what_changes_a_question_stays() -> None:
    texts = ["2*(3+4)", "2*3+4", "10²", "102", "1.5 m", "15 m", "x - 1", "x + 1", "f'(x)", "f(x)", "5!", "5"]
    assert len(set(_normal(*texts))) == len(texts)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.none()
        | st.text(max_size=20)
        | st.dictionaries(
            st.sampled_from(["answer", "choices", "context", "x"]),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                max_leaves=5,
            ),
        ).map(json.dumps),
        max_size=5,
    )
)
def test_any_metadata_reads_alike_alone_and_in_a_frame(metadata: list[str | None]) -> None:
    rows = _columns(*metadata)
    alone = [question_of("q", value) for value in metadata]
    assert [(row[0], tuple(row[1]) if row[1] else None, *row[2:]) for row in rows] == [
        (one.answer, one.choices, one.context, one.solution, one.subject) for one in alone
    ]
    for question in alone:
        gold_text(question)
