"""The table of results on disk, and the arrays and run states that statistics read from it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tilth.base.errors import ConfigError, SourceError
from tilth.data.results import RESULTS, read_results, write_results
from tilth.study.statistics.scores import Scores, Selection, load_checkpoints, load_scores

PICK = Selection(metric="acc")


def row(arm: str, seed: int, item: str, value: float, **others: Any) -> dict[str, Any]:
    given = {"size": "smoke", "step": 100, "task": "arc", "form": "cloze", "group": None, "metric": "acc"}
    return {"arm": arm, "seed": seed, "item": item, "value": value, **given, **others}


def grid(
    arms: tuple[str, ...] = ("base", "new"), seeds: int = 2, items: int = 20, **others: Any
) -> list[dict[str, Any]]:
    return [
        row(arm, seed, f"q{item}", float(item % 2 + place), **others)
        for place, arm in enumerate(arms)
        for seed in range(seeds)
        for item in range(items)
    ]


def load(folder: Path, rows: list[dict[str, Any]], selection: Selection = PICK) -> Scores:
    write_results(folder / "part.parquet", rows)
    return load_scores(folder, selection)


def state_of(scores: Scores, arm: str, seed: int) -> str:
    return next(state.state for state in scores.states if (state.arm, state.seed) == (arm, seed))


def test_what_is_written_is_read_back_and_columns_are_in_the_declared_order(tmp_path: Path) -> None:
    write_results(tmp_path / "a.parquet", grid(seeds=1))
    write_results(tmp_path / "deep" / "b.parquet", grid(seeds=1, task="piqa"))
    table = read_results(tmp_path)
    assert table.column_names == RESULTS.names
    assert table.num_rows == 80
    assert read_results([tmp_path / "a.parquet"], task="piqa").num_rows == 0


def test_a_table_without_a_column_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="metric"):
        write_results(tmp_path / "a.parquet", pa.table({"arm": ["x"]}))
    with pytest.raises(SourceError, match="Run the evaluation first"):
        read_results(tmp_path / "absent.parquet")


def test_scores_are_placed_by_arm_seed_and_item(tmp_path: Path) -> None:
    scores = load(tmp_path, grid())
    assert (scores.arms, scores.seeds) == (("base", "new"), (0, 1))
    assert scores.tasks[0].values.shape == (2, 2, 20)
    place = scores.tasks[0].items.index("q7")
    assert scores.tasks[0].values[:, :, place].tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_a_diverged_run_has_a_name_and_no_score(tmp_path: Path) -> None:
    rows = [{**one, "value": math.nan} if (one["arm"], one["seed"]) == ("new", 1) else one for one in grid()]
    scores = load(tmp_path, rows)
    assert state_of(scores, "new", 1) == "diverged"
    assert np.isnan(scores.tasks[0].values[1, 1]).all()
    assert np.isfinite(scores.tasks[0].values[1, 0]).all()
    assert len(scores.tasks[0].items) == 20


def test_an_absent_and_a_cut_off_run_are_told_apart(tmp_path: Path) -> None:
    rows = [one for one in grid(arms=("base", "cut", "gone")) if one["arm"] != "gone" or one["seed"] == 0]
    rows = [one for one in rows if (one["arm"], one["seed"]) != ("cut", 0) or one["item"] in ("q1", "q2")]
    scores = load(tmp_path, rows)
    assert state_of(scores, "gone", 1) == "absent"
    assert state_of(scores, "cut", 0) == "incomplete"
    assert scores.usable.tolist() == [[True, True], [False, True], [True, False]]


def test_an_item_that_one_run_lacks_is_left_out_for_all_and_counted(tmp_path: Path) -> None:
    rows = [{**one, "value": math.nan} if (one["seed"], one["item"]) == (1, "q3") else one for one in grid()]
    task = load(tmp_path, rows).tasks[0]
    assert "q3" not in task.items
    assert (len(task.items), task.left_out) == (19, 1)


def test_the_last_checkpoints_of_each_run_are_averaged(tmp_path: Path) -> None:
    rows = [row("base", 0, "q", value, step=step) for step, value in ((10, 9.0), (20, 1.0), (30, 2.0))]
    rows += [row("new", 0, "q", value, step=step) for step, value in ((10, 9.0), (15, 3.0), (20, 5.0))]
    scores = load(tmp_path, rows, Selection(metric="acc", checkpoints=2))
    assert scores.tasks[0].values[:, 0, 0].tolist() == [1.5, 4.0]
    curve = load_checkpoints(tmp_path, PICK, "base")
    assert [(step, float(found.tasks[0].values[0, 0, 0])) for step, found in curve] == [(10, 9.0), (20, 1.0), (30, 2.0)]


def test_the_same_evaluation_given_twice_is_refused(tmp_path: Path) -> None:
    write_results(tmp_path / "a.parquet", grid())
    write_results(tmp_path / "b.parquet", grid())
    with pytest.raises(ConfigError, match="written twice"):
        load_scores(tmp_path, PICK)


def test_two_forms_or_sizes_need_a_choice(tmp_path: Path) -> None:
    write_results(tmp_path / "a.parquet", grid() + grid(form="choice"))
    with pytest.raises(ConfigError, match="choice, cloze"):
        load_scores(tmp_path, PICK)
    assert load_scores(tmp_path, Selection(metric="acc", form="choice")).tasks[0].values.shape == (2, 2, 20)
    with pytest.raises(ConfigError, match="none"):
        load_scores(tmp_path, Selection(metric="acc", form="bpb"))


def test_an_unknown_metric_needs_its_direction(tmp_path: Path) -> None:
    write_results(tmp_path / "a.parquet", grid(metric="elegance"))
    with pytest.raises(ConfigError, match="higher_is_better"):
        load_scores(tmp_path, Selection(metric="elegance"))
    assert load_scores(tmp_path, Selection(metric="elegance", higher_is_better=False)).higher_is_better is False


def test_items_without_a_passage_stand_alone(tmp_path: Path) -> None:
    rows = [{**one, "group": "p" if one["item"] in ("q0", "q1") else None} for one in grid(items=5)]
    groups = load(tmp_path, rows).tasks[0].groups
    assert groups is not None
    assert len(set(groups.tolist())) == 4
    assert groups[0] == groups[1]


def test_categories_weigh_alike_whatever_their_number_of_tasks(tmp_path: Path) -> None:
    rows = grid() + grid(task="mmlu") + grid(task="gsm")
    weights = load(tmp_path, rows, Selection(metric="acc", categories={"arc": "GK", "mmlu": "GK"})).macro_weights()
    assert weights.tolist() == [0.25, 0.5, 0.25]
