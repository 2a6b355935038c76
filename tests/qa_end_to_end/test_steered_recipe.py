"""The shipped recipe bent to a user's seeds, models, benchmarks and weights; two rounds of the closed loop."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from pydantic import ValidationError
from qa_runs import SEED_COLUMNS, make_seeds, planted, rows_of

from tilth.base.errors import ConfigError
from tilth.base.files import read_json
from tilth.data.source import Columns
from tilth.generate.model import ModelSpec
from tilth.generate.scripted.known import fold
from tilth.recipe import Execution, Recipe, load_recipe, parse_recipe
from tilth.recipe.questions import CHOSEN, QuestionOptions, load_options, question_columns, with_questions
from tilth.runner.session import run
from tilth.steer.weights import CellWeight, Weights

DISCIPLINES = ("engineering", "history", "science")


def model(seeds: Path, name: str, **settings: Any) -> ModelSpec:
    known = planted(seeds, disciplines=DISCIPLINES, skill={"ability": 2.2, "slope": 0.0}, **settings)
    return ModelSpec(engine="scripted", model=name, extra_body={"scripted": known})


def weights_at(path: Path) -> Path:
    """History weighs three times what the others do, hard questions twice what easy ones do."""
    cells = [
        CellWeight(
            cell=f"{name}/D{low}-D{high}",
            disciplines=(name,),
            bins=(low, high),
            weight=(3 if name == "history" else 1) * (2 if low == 4 else 1),
        )
        for name in DISCIPLINES
        for low, high in ((1, 3), (4, 5))
    ]
    Weights(cells=tuple(cells)).save(path)
    return path


def benchmark_of(seeds: Path, path: Path, count: int) -> set[str]:
    """Some of the quiz questions as a benchmark file; their texts."""
    items = (
        pl.read_parquet(seeds / "open_trivia_qa.parquet").filter(pl.col("question").str.len_chars() > 60).head(count)
    )
    items.write_parquet(path)
    return {fold(text) for text in items["question"].to_list()}


def distance(shares: dict[str, float], runs: list[Path]) -> float:
    """Total variation between the target and the labels of what was verified in all the runs."""
    told = [orjson.loads(row["metadata"]) for folder in runs for row in rows_of(folder, "verified")]
    cells = [f"{one['discipline']}/{'D1-D3' if one['difficulty'] <= 6 else 'D4-D5'}" for one in told]
    return sum(abs(share - cells.count(cell) / len(cells)) for cell, share in shares.items()) / 2


def recipe_for(seeds: Path, **options: Any) -> Recipe:
    given = QuestionOptions(
        source=(str(seeds),),
        columns=Columns.model_validate(SEED_COLUMNS),
        questions=True,
        author=model(seeds, "author", author={"wrong": 0.1}),
        checker=model(seeds, "checker"),
        **options,
    )
    recipe = with_questions(load_recipe(Path("boostqa")), given)
    return recipe.model_copy(update={"execution": Execution(workers=1)})


def test_two_rounds_choose_their_seeds_by_weights_and_leave_benchmarks_out(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 20, 130)
    items = benchmark_of(seeds, tmp_path / "bench.parquet", 8)
    given = {
        "weights": str(weights_at(tmp_path / "weights.yaml")),
        "rows": 18,
        "benchmarks": (str(tmp_path / "bench.parquet"),),
    }
    run(recipe_for(seeds, **given), tmp_path, tmp_path / "one")
    ledger = run(recipe_for(seeds, **given, after=(str(tmp_path / "one"),)), tmp_path, tmp_path / "two")
    assert ledger["state"] == "finished"
    taken = [{row["doc_id"] for row in rows_of(tmp_path / name, CHOSEN)} for name in ("one", "two")]
    assert [len(ids) for ids in taken] == [18, 18]
    assert not taken[0] & taken[1]
    found = [
        row for row in rows_of(tmp_path / "one", "seeds", dropped=True) if row["reason"].startswith("contaminated")
    ]
    assert len(items & {fold(row["text"]) for row in found}) >= 7
    assert not items & {fold(row["text"]) for row in rows_of(tmp_path / "one", "seeds")}
    (report,) = (tmp_path / "two" / CHOSEN / "stages").glob("*/round.json")
    told = read_json(report)
    assert told["round"] == 2
    assert len(told["rounds"]) == 1
    assert told["expected_distance"] < told["rounds"][0]["distance"]
    shares = Weights.load(tmp_path / "weights.yaml").shares()
    distances = [distance(shares, [tmp_path / name for name in names]) for names in (["one"], ["one", "two"])]
    assert distances[1] < distances[0]
    history = [orjson.loads(row["parsed"] or "{}") for row in rows_of(tmp_path / "one", "by_grade")]
    named = [one["discipline_requested"] for one in history]
    assert named.count("history") > len(named) / 3
    assert rows_of(tmp_path / "two", "texts")


def test_only_what_is_given_changes_the_recipe() -> None:
    recipe = load_recipe(Path("boostqa"))
    assert with_questions(recipe, QuestionOptions()) == recipe
    other = with_questions(
        recipe, QuestionOptions(checker=ModelSpec(engine="endpoint", model="m", urls=("http://h/v1",)))
    )
    changed = [name for name in recipe.steps if other.steps[name] != recipe.steps[name]]
    assert changed == ["labelled", "refined", "rated", "solved", "judged"]
    probed = with_questions(recipe, QuestionOptions(probe=("probe",), labeller="labeller"))
    first = [stage.name for stage in probed.steps["seeds"].curate or ()]
    assert first == ["probe_items", "label", "question_duplicates", "near_duplicates", "decontaminate"]
    assert [stage.name for stage in probed.steps["made"].curate or ()][-1] == "decontaminate"
    assert probed.steps["labelled"].annotate is not None
    assert probed.steps["labelled"].annotate.labels == "keep"
    assert probed.steps["rated"].annotate is not None
    assert probed.steps["rated"].annotate.labels == "replace"


def test_applying_options_twice_is_applying_them_once() -> None:
    options = QuestionOptions(weights="w.yaml", rows=10, questions=True, benchmarks=("b.parquet",), probe=("p",))
    once = with_questions(load_recipe(Path("boostqa")), options)
    assert with_questions(once, options) == once


@pytest.mark.parametrize("options", [{"rows": 5}, {"after": ("runs/one",)}, {"weights": "w.yaml"}])
def test_options_that_need_each_other_are_asked_for_together(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"weights|rows"):
        QuestionOptions.model_validate(options)


def test_a_recipe_without_a_place_for_an_option_is_refused() -> None:
    plain = parse_recipe({"name": "r", "steps": {"read": {"read": {"source": ["x"]}}}})
    with pytest.raises(ConfigError, match=r"annotate step"):
        with_questions(plain, QuestionOptions(weights="w.yaml", rows=5))
    with pytest.raises(ConfigError, match=r"near_duplicates"):
        with_questions(plain, QuestionOptions(benchmarks=("b.parquet",)))


def test_the_usual_names_of_columns_are_known() -> None:
    names = {"seed_id", "question", "answer", "choices", "lang", "license", "solution", "other"}
    found = question_columns(names)
    assert found == Columns(
        text="question", id="seed_id", language="lang", licence="license", metadata=("answer", "choices", "solution")
    )
    assert question_columns({"text", "answer"}) is None


def test_options_of_a_file_are_those_of_python_with_paths_from_its_folder(shared: Path, tmp_path: Path) -> None:
    make_seeds(shared, tmp_path / "seeds", 5, 5)
    (tmp_path / "mine.yaml").write_text(
        'source: ["seeds/*.parquet"]\nquestions: true\nbenchmarks: [items.parquet]\nweights: weights.yaml\nrows: 5\n'
        'author: {engine: endpoint, model: a, urls: ["http://127.0.0.1:1/v1"]}\n'
    )
    found = load_options(tmp_path / "mine.yaml")
    assert found.source == (str(tmp_path / "seeds/*.parquet"),)
    assert (found.benchmarks, found.weights) == ((str(tmp_path / "items.parquet"),), str(tmp_path / "weights.yaml"))
    assert found.columns is not None
    assert found.columns.text == "question"
    recipe = with_questions(load_recipe(Path("boostqa")), found)
    read = recipe.steps["documents"].read
    assert read is not None
    assert read.source == (str(tmp_path / "seeds/*.parquet"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [("rows: 5", "give the file that `tilth weights` wrote"), ("autor: x", "known: source"), ("[", "expected YAML")],
)
def test_options_of_a_file_that_are_wrong_are_refused_with_what_is_known(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_options(tmp_path / "mine.yaml")
