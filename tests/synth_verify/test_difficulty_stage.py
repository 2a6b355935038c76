"""Difficulty of a run: planted difficulties come back, panels are linked, both measures are kept and compared."""

import json
import random
from math import exp
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from panel_help import fields, frame_of_rows, through

from tilth.base.errors import ConfigError
from tilth.base.files import read_json
from tilth.difficulty.bins import fitted_bins
from tilth.recipe.stages.difficulty import Difficulty
from tilth.synth.difficulty.panel import Scale, fit_scale, group_of, score, tallies
from tilth.synth.difficulty.stage import SIGNALS, build


def rows_of(
    count: int, panels: dict[str, dict[str, float]], k: int, seed: int = 1
) -> tuple[list[tuple[str, str]], list[float]]:
    """Questions of known difficulty; each panel of (solver: skill) answers its share. Rubric scores follow, noisily."""
    draw, rows, planted = random.Random(seed), [], []
    for number in range(count):
        hard = draw.gauss(0, 1.5)
        panel = list(panels.values())[number * len(panels) // count]
        answers = [
            {"id": f"{number}{name}{call}", "model": name, "correct": draw.random() < 1 / (1 + exp(hard - skill))}
            for name, skill in panel.items()
            for call in range(k)
        ]
        rubric = min(10.0, max(1.0, round(2 * (5.5 + 1.5 * hard + draw.gauss(0, 1))) / 2))
        rows.append(
            (
                f"Question {number}?",
                json.dumps({"answer": "x", "answers": answers, "difficulty": rubric, "difficulty_error": 0.3}),
            )
        )
        planted.append(hard)
    return rows, planted


def test_planted_difficulty_is_recovered_over_linked_panels_and_compared_with_the_rubric(tmp_path: Path) -> None:
    panels = {"one": {"small": -0.5, "large": 1.0}, "two": {"large": 1.0, "huge": 2.0}}
    rows, planted = rows_of(600, panels, 8)
    parts = {"a": frame_of_rows(rows[:250]), "b": frame_of_rows(rows[250:], first=250)}
    stage = build(Difficulty(), 0)
    out = through(stage, parts, tmp_path)
    found = out["ability"].to_numpy()
    assert np.corrcoef(found, planted)[0, 1] >= 0.9
    inside = (out["ability_low"].to_numpy() <= planted) & (planted <= out["ability_high"].to_numpy())
    assert 0.85 <= inside.mean() <= 0.95
    told = read_json(tmp_path / "comparison.json")
    skills = {name: one["skill"] for name, one in told["solvers"].items()}
    assert 1.1 < skills["large"] - skills["small"] < 1.9
    assert 0.6 < skills["huge"] - skills["large"] < 1.4
    assert told["spearman"]["low"] < told["spearman"]["value"] < told["spearman"]["high"]
    assert told["spearman"]["value"] > 0.7
    assert told["compared"] == 600
    assert np.sum(told["confusion"]["counts"]) == 600
    assert len(told["panels"]) == 2
    assert out["reason"].null_count() == 600
    first = fields(out["metadata"][0])
    assert first["ability"] == pytest.approx(found[0], abs=1e-3)
    assert first["bin"] == out["bin"][0]
    assert first["rubric_bin"] == out["rubric_bin"][0]
    assert first["pass_low"] <= first["pass_rate"] <= first["pass_high"]


def test_rows_outside_the_fit_are_scored_as_the_fit_scores_its_own(tmp_path: Path) -> None:
    rows, _ = rows_of(300, {"one": {"a": 0.0, "b": 1.0}}, 4)
    whole = through(build(Difficulty(), 0), {"p": frame_of_rows(rows)}, tmp_path / "whole")
    part = through(build(Difficulty(fit_rows=250), 0), {"p": frame_of_rows(rows)}, tmp_path / "part")
    assert read_json(tmp_path / "part" / "comparison.json")["fitted"] == 250
    gap = (whole["ability"] - part["ability"]).abs()
    assert gap.max() < 0.3
    assert gap.mean() > 0


def test_scoring_with_a_scale_gives_the_numbers_of_the_fit_itself() -> None:
    rows, _ = rows_of(200, {"one": {"a": 0.0, "b": 1.0}, "two": {"b": 1.0, "c": 2.0}}, 5)
    tally = [tallies(fields(row)["answers"]) for _, row in rows]
    groups = [group_of(one, None, "panel") for one in tally]
    scale, fit = fit_scale(tally, groups, 50, 0.9, {})
    again = score(tally, groups, Scale.of_json(scale.to_json()), 0.9)
    for name in ("difficulty", "error", "low", "high", "extreme", "answers"):
        assert np.allclose(getattr(fit, name), getattr(again, name), atol=1e-9)
    assert np.array_equal(fitted_bins(fit).bin, fitted_bins(again).bin)


def test_the_scale_does_not_depend_on_the_order_or_the_cut_of_parts(tmp_path: Path) -> None:
    rows, _ = rows_of(120, {"one": {"a": 0.0, "b": 1.0}}, 4)
    one = through(build(Difficulty(), 0), {"p": frame_of_rows(rows)}, tmp_path / "a")
    cut = {"p": frame_of_rows(rows[:30]), "q": frame_of_rows(rows[30:], first=30)}
    two = through(build(Difficulty(), 0), cut, tmp_path / "b", order=["q", "p"])
    assert one["metadata"].to_list() == two["metadata"].to_list()


def test_panels_that_nothing_links_are_refused_and_an_anchor_links_them(tmp_path: Path) -> None:
    panels = {"one": {"a": 0.0}, "two": {"b": 1.0}}
    rows, _ = rows_of(100, panels, 8)
    with pytest.raises(ConfigError, match="anchor"):
        through(build(Difficulty(), 0), {"p": frame_of_rows(rows)}, tmp_path / "x")
    anchored = build(Difficulty(anchors={"a": 0.0, "b": 1.0}), 0)
    out = through(anchored, {"p": frame_of_rows(rows)}, tmp_path / "y")
    assert out["ability"].null_count() == 0


def test_rows_without_answers_keep_the_rubric_alone(tmp_path: Path) -> None:
    rows, _ = rows_of(60, {"one": {"a": 0.0, "b": 1.0}}, 4)
    rows[0] = ("Question 0?", json.dumps({"answer": "x", "difficulty": 8.5}))
    rows[1] = ("Question 1?", "{broken")
    out = through(build(Difficulty(), 0), {"p": frame_of_rows(rows)}, tmp_path / "some")
    assert out["rubric_bin"][0] == "D5"
    assert out["bin"][0] is None
    assert out["high_difficulty"][0] is None
    assert [out[name][1] for name in SIGNALS] == [None] * len(SIGNALS)
    none = through(build(Difficulty(), 0), {"p": frame_of_rows(rows[:2])}, tmp_path / "none")
    assert none.schema == out.schema
    assert none["rubric_bin"].to_list() == ["D5", None]
    assert read_json(tmp_path / "none" / "comparison.json")["questions"] == 0


def test_high_difficulty_needs_a_hard_bin_and_a_question_that_somebody_solves(tmp_path: Path) -> None:
    def row(number: int, right: int) -> tuple[str, str]:
        answers = [{"id": f"{number}{call}", "model": "m", "correct": call < right} for call in range(16)]
        return f"Question {number}?", json.dumps({"answers": answers})

    rows = [row(0, 2), row(1, 0), row(2, 15)] + [row(number, number % 17) for number in range(3, 90)]
    out = through(build(Difficulty(), 0), {"p": frame_of_rows(rows)}, tmp_path)
    assert out["high_difficulty"].to_list()[:3] == [True, False, False]
    assert out["bin"].to_list()[0] in ("D4", "D5")
    assert out["extreme"].to_list()[:3] == [False, True, False]


def test_an_answer_counts_once_and_empty_frames_keep_their_columns(tmp_path: Path) -> None:
    answers = [{"id": "same", "model": "m", "correct": True}] * 5 + [{"id": "other", "model": "m", "correct": False}]
    frame = frame_of_rows([("Question?", json.dumps({"answers": answers}))] * 12)
    stage = build(Difficulty(), 0)
    out = through(stage, {"p": frame, "q": frame.clear()}, tmp_path)
    assert set(out["pass_rate"]) == {0.5}
    assert stage.apply(frame.clear(), "q", tmp_path).schema == stage.apply(frame, "p", tmp_path).schema
    assert stage.counts(out)["high_difficulty"] == out["high_difficulty"].sum()
    assert isinstance(out["bin"].dtype, pl.String)


def test_borders_that_do_not_fall_are_refused() -> None:
    with pytest.raises(ConfigError, match="fall"):
        build(Difficulty(rate_borders=(0.2, 0.5, 0.7, 0.9)), 0)
