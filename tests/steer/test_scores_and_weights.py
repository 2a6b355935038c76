"""Intervals of cells, deficits, weights and their file."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.difficulty.bins import BinSettings
from tilth.difficulty.rates import jeffreys
from tilth.recipe.stages.select import LabelColumns
from tilth.steer.cells import BINS, Cell, discipline_groups, merge_cells, place_of, places
from tilth.steer.labels import bins_of
from tilth.steer.scores import ProbeResults, cell_scores, interval, items_frame, paired_differences, result_rows
from tilth.steer.weights import Weights, WeightSettings, share_out, weights_from


def _results(values: dict[str, list[float]], model: str = "m", metric: str = "acc", **more: Any) -> ProbeResults:
    cells = tuple(
        Cell(name=name, disciplines=(name.split("/")[0],), low=int(name[-1]), high=int(name[-1]), items=len(found))
        for name, found in values.items()
    )
    rows = [
        row
        for name, found in values.items()
        for number, value in enumerate(found)
        for row in result_rows(f"{name}-{number}", None, name, {metric: value})
    ]
    return ProbeResults(model=model, step=0, probe="p", cells=cells, items=items_frame(rows), **more)


def test_with_one_answer_an_item_the_interval_is_that_of_jeffreys() -> None:
    for right, items in ((0, 50), (3, 50), (25, 50), (50, 50), (80, 100)):
        values = np.array([1.0] * right + [0.0] * (items - right))
        low, high = interval(values, np.arange(items), (0.0, 1.0), level=0.95, draws=20_000, seed=3)
        exact = jeffreys([right], [items], 0.95)
        assert low == pytest.approx(exact.low[0], abs=0.006)
        assert high == pytest.approx(exact.high[0], abs=0.006)


def test_intervals_cover_the_truth_with_several_answers_an_item_and_with_passages() -> None:
    rng = np.random.default_rng(8)
    for shape, passage in (((1.0, 1.0), 1), ((0.4, 2.0), 1), ((2.0, 0.5), 5)):
        truth = shape[0] / sum(shape)
        covered = 0
        for run in range(300):
            ability = np.repeat(rng.beta(*shape, 60 // passage), passage)  # items of a passage are alike
            values = rng.binomial(4, ability) / 4
            low, high = interval(values, np.arange(60) // passage, (0.0, 1.0), level=0.9, draws=400, seed=run)
            covered += (low or 0) <= truth <= (high or 1)
        assert covered / 300 >= 0.86, (shape, passage)  # 0.9 less three standard errors of 300 runs is 0.85


def test_a_deficit_that_may_be_zero_raises_no_cell() -> None:
    values = {"law/D1": [1.0] * 85 + [0.0] * 15, "law/D2": [1.0] * 20 + [0.0] * 80, "law/D3": [1.0] * 99 + [0.0]}
    weights = weights_from(_results(values), 0.88, WeightSettings(floor=0.3))
    shares = weights.shares()
    assert shares["law/D1"] == shares["law/D3"] == pytest.approx(0.1)
    assert shares["law/D2"] == pytest.approx(0.8)
    assert [cell.why for cell in weights.cells] == [
        "no deficit that can be told from zero",
        "deficit: its interval excludes zero",
        "above the target",
    ]
    capped = weights_from(_results(values), 0.88, WeightSettings(floor=0.3, cap=1.5))
    assert capped.shares()["law/D2"] == pytest.approx(0.5)
    assert capped.cells[1].why.endswith("held at the cap")
    none = weights_from(_results(values), 0.1)
    assert list(none.shares().values()) == pytest.approx([1 / 3] * 3)
    assert "all weigh the same" in none.cells[0].why


def test_against_a_stronger_model_the_comparison_is_by_item() -> None:
    rng = np.random.default_rng(2)
    hard = rng.integers(0, 2, 60).astype(float)
    weak = {"law/D1": list(hard), "law/D2": list(hard)}
    strong = {"law/D1": list(hard), "law/D2": list(np.maximum(hard, (np.arange(60) % 4 == 0).astype(float)))}
    weights = weights_from(_results(weak), _results(strong, "strong"))
    first, second = weights.cells
    assert first.deficit == 0.0
    assert second.interval is not None
    assert second.interval[0] > 0
    assert weights.target == "results of strong"
    unpaired = weights_from(_results(weak), {"law/D1": 0.5, "law/D2": float(np.mean(strong["law/D2"]))}).cells[1]
    assert unpaired.interval is not None
    assert second.interval[1] - second.interval[0] < unpaired.interval[1] - unpaired.interval[0]
    other = _results(strong, "strong")
    with pytest.raises(ConfigError, match="one probe set"):
        paired_differences(
            _results(weak),
            ProbeResults(model="x", step=0, probe="q", cells=other.cells, items=other.items),
            "acc",
            level=0.9,
            draws=200,
            seed=0,
        )


def test_bits_per_byte_lack_what_they_have_too_much() -> None:
    rng = np.random.default_rng(5)
    weak = {"law/D1": list(rng.normal(2.0, 0.2, 60)), "law/D2": list(rng.normal(1.0, 0.2, 60))}
    weights = weights_from(_results(weak, metric="gold_bpb"), 1.0, WeightSettings(metric="gold_bpb"))
    assert weights.cells[0].deficit == pytest.approx(1.0, abs=0.1)
    assert weights.shares()["law/D1"] > weights.shares()["law/D2"]


def test_targets_that_make_no_sense_are_refused() -> None:
    values = {"law/D1": [1.0] * 60, "law/D2": [0.0] * 60}
    with pytest.raises(ConfigError, match="from 0 to 1"):
        weights_from(_results(values), 90)
    with pytest.raises(ConfigError, match="law/D2"):
        weights_from(_results(values), {"law/D1": 0.5})
    with pytest.raises(ConfigError, match="not measured: the chat API"):
        weights_from(
            _results(values, not_measured={"gold_bpb": "the chat API gives none"}),
            1.0,
            WeightSettings(metric="gold_bpb"),
        )


def test_a_cell_that_is_thin_or_was_not_measured_keeps_the_floor() -> None:
    thin = Cell(name="history/D1-D5", disciplines=("history",), low=1, high=5, items=9, thin=True)
    none = Cell(name="music/D1-D5", disciplines=("music",), low=1, high=5, items=60)
    base = _results({"law/D1": [0.0] * 60})
    rows = [row for n in range(9) for row in result_rows(f"h{n}", None, thin.name, {"acc": 0.0})]
    results = ProbeResults(
        model="m", step=0, probe="p", cells=(*base.cells, thin, none), items=pl.concat([base.items, items_frame(rows)])
    )
    weights = weights_from(results, 0.9, WeightSettings(floor=0.25))
    assert [cell.why for cell in weights.cells][1:] == ["too few items to steer by", "not measured"]
    assert weights.shares()["history/D1-D5"] == weights.shares()["music/D1-D5"] == pytest.approx(0.25 / 3)


def test_items_without_labels_have_a_cell_of_their_own_that_is_never_a_target() -> None:
    base = _results({"law/D1": [0.0] * 60})
    rows = [row for n in range(5) for row in result_rows(f"u{n}", None, "unlabelled", {"acc": 1.0})]
    results = ProbeResults(
        model="m", step=0, probe="p", cells=base.cells, items=pl.concat([base.items, items_frame(rows)])
    )
    assert cell_scores(results)["unlabelled"].items == 5
    assert [cell.cell for cell in weights_from(results, 0.9).cells] == ["law/D1"]


@given(gains=st.lists(st.floats(0, 1), min_size=1, max_size=30), floor=st.floats(0, 1), cap=st.floats(1, 10))
@settings(max_examples=100, deadline=None)
def test_shares_add_up_within_floor_and_cap(gains: list[float], floor: float, cap: float) -> None:
    shares = share_out(gains, floor, cap)
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= floor / len(gains) - 1e-9
    assert max(shares) <= min(1, cap / len(gains)) + 1e-9 or not any(gains)


def test_a_file_of_weights_is_read_back_after_a_person_edited_it(tmp_path: Path) -> None:
    values = {"law/D1": [1.0] * 40 + [0.0] * 20, "science/D4": [0.0] * 60}
    path = tmp_path / "weights.yaml"
    made = weights_from(_results(values), 0.9)
    made.save(path)
    back = Weights.load(path)
    assert back.shares() == pytest.approx(made.shares(), abs=1e-5)
    text = path.read_text()
    assert text.startswith("# Weights of synthesis by cell")
    assert "interval: [" in text  # on one line
    edited = text.replace("weight: 0.", "weight: 3.  # more of it: 0.", 1)
    path.write_text(edited)
    assert Weights.load(path).shares()["law/D1"] > 0.7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("weight: -1", r"law/D1 \(number 0\), cells\.0\.weight"),
        ("weight: .nan", "finite"),
        ("weight: much", "number"),
        ("wait: 1", "wait"),
        ("bins: [0, 3]", "from 1 to 5"),
        ("disciplines: ['../etc']", "ids of disciplines"),
        ("cell: unlabelled", "no unlabelled"),
    ],
)
def test_mistakes_in_a_file_of_weights_are_named(tmp_path: Path, change: str, said: str) -> None:
    lines = {"cell": "cell: law/D1", "disciplines": "disciplines: [law]", "bins": "bins: [1, 1]", "weight": "weight: 1"}
    lines[change.split(":")[0]] = change
    path = tmp_path / "weights.yaml"
    path.write_text("cells:\n- " + "\n  ".join(lines.values()) + "\n")
    with pytest.raises(ConfigError, match=said):
        Weights.load(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "valid dictionary"),
        ("cells: []", "at least 1"),
        ("- [", "YAML"),
        ("cells:\n- {cell: a, disciplines: [law], bins: [1, 1], weight: 0}\n", "above 0"),
        (
            "cells: [&one {cell: a, disciplines: [x], bins: [1, 2], weight: 1}, {<<: *one, cell: b}]",
            "b and a both hold x/D1",
        ),
    ],
)
def test_a_file_that_cannot_be_weights_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "weights.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        Weights.load(path)
    with pytest.raises(ConfigError, match="Make it from a probe"):
        Weights.load(tmp_path / "nowhere.yaml")


@given(
    counts=st.dictionaries(
        st.tuples(st.sampled_from(["law", "physics", "music", "history"]), st.sampled_from(BINS)),
        st.integers(0, 120),
        min_size=1,
    ),
    least=st.integers(1, 80),
)
@settings(max_examples=100, deadline=None)
def test_merged_cells_cover_every_bin_once_and_are_thin_only_where_nothing_is_left_to_join(
    counts: dict[tuple[str, int], int], least: int
) -> None:
    cells = merge_cells(counts, {"physics": True}, least)
    disciplines = {one for one, _ in counts}
    bases = [base for cell in cells for base in cell.bases]
    assert sorted(bases) == sorted((one, bin_) for one in disciplines for bin_ in BINS)
    assert sum(cell.items for cell in cells) == sum(counts.values())
    for cell in cells:
        assert cell.thin == (cell.items < least)
        assert not cell.thin or (cell.low, cell.high) == (1, 5)
    where = places(cells)
    assert place_of(where, None, 3) == place_of(where, "law", None) == "unlabelled"
    assert place_of(where, "astrology", 3) == "other"


def test_a_discipline_is_stem_where_most_of_its_rows_say_so() -> None:
    groups = discipline_groups(["a", "a", "a", "b", "b", None, "c"], [True, True, False, True, False, True, None])
    assert groups == {"a": True, "b": False, "c": False}


def test_bins_are_those_of_the_difficulty_module() -> None:
    assert LabelColumns().rubric_borders == BinSettings().rubric_borders
    assert LabelColumns().rate_borders == BinSettings().rate_borders
    assert bins_of([1, 2, 2.5, 8, 8.5, 11, None, float("nan")], LabelColumns()).to_list() == [
        1,
        1,
        2,
        4,
        5,
        None,
        None,
        None,
    ]
    rates = [1.0, 0.9, 0.89, 0.5, 0.2, 0.19, 0.0, 1.1]
    assert bins_of(rates, LabelColumns(measure="pass_rate")).to_list() == [1, 2, 2, 4, 5, 5, 5, None]
    assert bins_of([-9.0, 0.0, 9.0, 1e8], LabelColumns(measure="ability")).to_list() == [1, 4, 5, 5]
