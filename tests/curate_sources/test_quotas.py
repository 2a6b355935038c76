from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import ConfigError
from tilth.curate.sources.quotas import build
from tilth.frames import make_frame
from tilth.recipe.stages.sources import Quotas


def frame_of(sizes: list[int], groups: list[str], first: int = 0, **columns: Any) -> pl.DataFrame:
    keys = pl.Series(range(first, first + len(sizes)), dtype=pl.UInt64)
    ids = [f"d{key}" for key in keys]
    return make_frame(["x" * size for size in sizes], source=groups, key=keys, doc_id=ids, **columns)


def kept(settings_: dict[str, Any], parts: list[pl.DataFrame], folder: Path) -> pl.DataFrame:
    stage = build(Quotas.model_validate(settings_), 7)
    for number, part in enumerate(parts):
        stage.gather([part], f"part-{number}", folder)
    stage.decide([f"part-{number}" for number in range(len(parts))], folder, 1)
    done = pl.concat([stage.apply(part, f"part-{number}", folder) for number, part in enumerate(parts)])
    assert set(done["reason"].drop_nulls()) <= set(stage.reasons)
    return done.filter(pl.col("reason").is_null())


def test_rows_and_characters_are_capped_by_group(tmp_path: Path) -> None:
    frame = frame_of([10] * 30, ["a"] * 10 + ["b"] * 10 + ["c"] * 10)
    rows = kept({"groups": {"a": {"rows": 3}, "b": {"characters": 55}}}, [frame], tmp_path)
    assert dict(rows["source"].value_counts().iter_rows()) == {"a": 3, "b": 5, "c": 10}


def test_first_and_best_choose_as_they_say(tmp_path: Path) -> None:
    scores = pl.Series([0.5, -2.0, None, 3.0, -0.0, 0.25])
    frame = frame_of([5] * 6, ["a"] * 6, score=scores)
    assert kept({"choose": "first", "each": {"rows": 2}}, [frame], tmp_path / "1")["key"].to_list() == [0, 1]
    best = kept({"choose": "best", "score": "score", "each": {"rows": 5}}, [frame], tmp_path / "2")
    assert best["key"].to_list() == [0, 1, 3, 4, 5]
    three = kept({"choose": "best", "score": "score", "each": {"rows": 2}}, [frame], tmp_path / "3")
    assert three["key"].to_list() == [0, 3]


def test_a_share_is_of_what_is_kept_in_the_end(tmp_path: Path) -> None:
    frame = frame_of([1] * 1000, ["web"] * 900 + ["books"] * 100)
    rows = kept({"groups": {"web": {"share": 0.5}}}, [frame], tmp_path)
    counted = dict(rows["source"].value_counts().iter_rows())
    assert counted == {"web": 100, "books": 100}


def test_shares_that_no_row_can_meet_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reach 1 together"):
        kept({"each": {"share": 0.3}}, [frame_of([5] * 6, ["a"] * 3 + ["b"] * 3)], tmp_path)


def test_best_needs_a_score_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs score"):
        build(Quotas(choose="best"), 0)
    with pytest.raises(ConfigError, match="quality"):
        kept({"choose": "best", "score": "quality"}, [frame_of([1], ["a"])], tmp_path)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(0, 60),
    st.integers(1, 4),
)
def test_the_choice_does_not_hang_on_how_rows_lie_in_parts(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]], cap: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("quotas")
    whole = frame_of([size for size, _ in rows], [name for _, name in rows])
    pieces = [whole[start : start + cut] for start in range(0, whole.height, cut)]
    if not cap:
        return
    settings_ = {"each": {"characters": cap + 50}}
    one, many = kept(settings_, [whole], folder / "1"), kept(settings_, pieces, folder / "2")
    assert one["key"].to_list() == many["key"].to_list()
    sizes = one.group_by("source").agg(pl.col("text").str.len_chars().sum())
    assert all(total <= cap + 50 for total in sizes["text"])
