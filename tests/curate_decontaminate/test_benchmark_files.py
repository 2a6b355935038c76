from pathlib import Path

import polars as pl
import pytest
from contamination import ITEMS, write_items

from tilth.base.errors import SourceError
from tilth.data.benchmarks import BENCHMARK_COLUMNS, BenchmarkFields, gold_texts, inline_options, items, read_benchmarks


def test_json_lines_read_with_defaults_for_what_the_file_leaves_out(tmp_path: Path) -> None:
    table = read_benchmarks([write_items(tmp_path)])
    assert table.columns == list(BENCHMARK_COLUMNS)
    assert table["benchmark"].unique().to_list() == ["quiz"]
    assert table["item_id"].to_list() == [item["item_id"] for item in ITEMS]
    squid = items(table)[1]
    assert squid.answer == "branchial hearts"
    assert squid.answer_index == 0
    assert squid.choices[3] == "radula"


def test_parquet_with_other_names_reads_the_same(tmp_path: Path) -> None:
    pl.DataFrame({"prompt": ["What is it?"], "gold": ["a boat"]}).write_parquet(tmp_path / "riddles.parquet")
    table = read_benchmarks([str(tmp_path)], BenchmarkFields(question="prompt", answer="gold"))
    assert items(table)[0].question == "What is it?"
    assert items(table)[0].answers == ("a boat",)
    assert table["item_id"].to_list() == ["riddles-00000"]


@pytest.mark.parametrize(
    ("answer", "choices", "index", "question", "expected"),
    [
        ("B", ["red", "blue"], -1, "", ("blue",)),
        ("(B)", ["red", "blue"], -1, "", ("blue",)),
        ("whatever", ["red", "blue"], 1, "", ("blue",)),
        ("blue", ["red", "blue"], -1, "", ("blue",)),
        ("1972 || December 1972", [], -1, "", ("1972", "December 1972")),
        ('["C"]', [], -1, "Pick.\nA. one  B. two  C. three\n", ("three",)),
        ("(B)", [], -1, "When?\nOptions:\n(A) 01/16/1961\n(B) 01/09/1961", ("01/09/1961",)),
        ('["A", "C"]', ["x", "y", "z"], -1, "", ("A", "C")),
        ('"1;$\\\\frac{8}{9}$"', [], -1, "", ("1;$\\frac{8}{9}$",)),
        (["yes", "yeah"], [], -1, "", ("yes", "yeah")),
        ("    return x", [], -1, "def f(x):", ("    return x",)),
        (18, [], -1, "", ("18",)),
        (None, [], -1, "", ()),
    ],
)
def test_gold_answers_of_every_shape_end_as_texts(
    answer: object, choices: list[str], index: int, question: str, expected: tuple[str, ...]
) -> None:
    assert gold_texts(answer, choices, index, question) == expected


def test_options_inside_a_question_are_the_last_run_from_a() -> None:
    assert inline_options("By A. Smith. Choose:\nA．①②  B．①③  C．②④  D．③④\n") == ("①②", "①③", "②④", "③④")
    assert inline_options("A. Smith went home") == ()
    assert inline_options("nothing") == ()


def test_a_missing_file_an_empty_one_and_an_item_without_question_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        read_benchmarks([str(tmp_path / "nowhere.parquet")])
    empty = tmp_path / "a" / "empty.parquet"
    empty.parent.mkdir()
    pl.DataFrame({"question": pl.Series([], dtype=pl.String)}).write_parquet(empty)
    with pytest.raises(SourceError, match=r"empty\.parquet; saw no rows"):
        read_benchmarks([str(empty)])
    blank = write_items(tmp_path, "blank", [*ITEMS, {"item_id": "q9", "question": " \n"}])
    with pytest.raises(SourceError, match=rf"row {len(ITEMS)} of .*blank"):
        read_benchmarks([blank])
    other = write_items(tmp_path, "other", [{"prompt": "x"}])
    with pytest.raises(SourceError, match="prompt"):
        read_benchmarks([other])
    with pytest.raises(SourceError, match="empty list"):
        read_benchmarks([])


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{not json\n")
    with pytest.raises(SourceError, match=r"bad\.jsonl"):
        read_benchmarks([str(tmp_path)])


def test_every_shared_benchmark_reads_and_letters_become_texts(shared: Path) -> None:
    table = read_benchmarks([str(shared / "data" / "benchmarks")])
    assert table.height > 60_000
    lettered = table.filter(pl.col("benchmark").is_in(["mmlu", "aqua_rat"]))
    own = [
        answer == choices[index]
        for answer, choices, index in lettered.select("answer", "choices", "answer_index").rows()
    ]
    assert lettered.height > 5000
    assert all(own)
    single = table.filter(
        pl.col("benchmark").is_in(["agieval", "bbh", "gaokao_bench_obj"]), pl.col("answers").list.len() == 1
    )
    letters = single["answer"].str.contains(r"^\(?[A-H]\)?$").mean()
    assert letters is not None
    assert letters < 0.02  # an option that is a letter itself, or has no text in the file
