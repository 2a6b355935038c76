"""The published FinePhrase tables put through our own statistics: what they reproduce and what they support."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tilth.base.errors import SourceError
from tilth.study.published.report import published_report
from tilth.study.published.tables import CATEGORIES, load_published, prompt_by_generator, published_noise
from tilth.study.published.variance import against_noise, two_way


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return published_report()


def supported(report: dict[str, Any], family: str) -> dict[tuple[str, str], bool]:
    return {(one["first"], one["second"]): one["supported"] for one in report["claims"][family]["differences"]}


def test_the_published_macro_scores_follow_from_the_task_scores(report: dict[str, Any]) -> None:
    assert len(report["scores"]["runs"]) == 90
    # published to two decimals: 0.005 is rounding
    assert report["scores"]["largest_gap"] == pytest.approx(
        {"macro": 0.005, "micro": 0.005, "category": 0.005}, abs=1e-6
    )
    assert sum(len(tasks) for tasks in CATEGORIES.values()) == 12


def test_prompt_explains_60_percent_of_the_variance_and_generator_29(report: dict[str, Any]) -> None:
    found = report["variance"]
    assert found["runs"] == 48
    shares = [found["macro"][name] for name in ("rows", "columns", "residual")]
    assert shares == pytest.approx([0.60, 0.29, 0.11], abs=0.005)
    assert sum(shares) == pytest.approx(1)
    assert found["macro"]["residual_sd"] == pytest.approx(0.40, abs=0.005)
    without = found["macro_without_smollm2"]
    assert [without[name] for name in ("rows", "columns", "residual")] == pytest.approx([0.73, 0.14, 0.13], abs=0.006)


@pytest.mark.parametrize(
    ("category", "shares"),
    [
        ("GK", (40, 34, 26)),
        ("RC", (47, 34, 20)),
        ("RES", (29, 47, 24)),
        ("NLU", (21, 43, 35)),
        ("MATH", (77, 1, 22)),
        ("TABLE", (74, 16, 10)),
    ],
)
def test_the_shares_of_each_category_are_those_published(
    report: dict[str, Any], category: str, shares: tuple[int, int, int]
) -> None:
    found = report["variance"]["categories"][category]
    assert [100 * found[name] for name in ("rows", "columns", "residual")] == pytest.approx(shares, abs=1.01)


def test_the_residual_is_more_than_seed_noise_of_the_rewrites_and_not_of_raw_text(report: dict[str, Any]) -> None:
    found = report["variance"]["residual_against_seed_noise"]
    assert found["table mix"]["p"] < 0.01 < 0.1 < found["raw text"]["p"]


def test_the_seed_grids_have_the_published_means_and_spreads(report: dict[str, Any]) -> None:
    grids = report["seeds"]["grids"]
    assert len(grids) == 11
    assert sum(grid["runs"] for grid in grids.values()) == 98
    for grid in grids.values():
        assert grid["mean"] == pytest.approx(grid["published_mean"], abs=0.0101)
        assert grid["sd"] == pytest.approx(grid["published_sd"], abs=0.0101)
    assert grids["hq-0.5b"]["share_of_initialisation"] == pytest.approx(0.61, abs=0.006)
    assert grids["hq-6.2b"]["share_of_initialisation"] == pytest.approx(0.48, abs=0.006)
    assert grids["decay-hq+tutorial_12b"]["share_of_neither"] is None  # one of its nine runs is missing


def test_matched_seeds_of_different_data_are_hardly_correlated(report: dict[str, Any]) -> None:
    assert max(abs(value) for value in report["seeds"]["correlation_of_matched_seeds"].values()) < 0.2


def test_the_best_shares_are_the_published_ones_and_one_seed_cannot_tell_them_from_their_neighbours(
    report: dict[str, Any],
) -> None:
    mix = report["mix_ratio"]
    assert {prompt: (one["best_share"], one["best_macro"]) for prompt, one in mix.items()} == {
        "table": (0.7, 17.77),
        "math": (0.8, 17.49),
        "faq": (0.6, 16.55),
        "tutorial": (0.6, 16.05),
    }
    for one in mix.values():
        assert {0.6, 0.7, 0.8} <= set(one["not_told_from_best"])
        assert not {0.1, 0.2} & set(one["not_told_from_best"])


def test_of_53_runs_above_dclm_12_are_supported(report: dict[str, Any]) -> None:
    found = report["claims"]["90 runs against DCLM"]
    assert (found["claims"], found["higher"]) == (90, 53)
    assert sum(one["difference"] > 0.5 for one in found["differences"]) == 39
    assert (found["supported_higher"], found["supported_lower"]) == (12, 9)
    raw = report["claims"]["90 runs against FineWeb-Edu-HQ"]
    assert (raw["higher"], raw["supported_higher"]) == (82, 81)


def test_of_four_formats_said_to_beat_dclm_by_a_small_generator_math_alone_is_supported(report: dict[str, Any]) -> None:
    found = supported(report, "prompts by Gemma-3-1B against DCLM")
    verdicts = {prompt: found[f"{prompt}-1b-hq", "DCLM"] for prompt in ("table", "math", "faq", "tutorial")}
    assert verdicts == {"table": False, "math": True, "faq": False, "tutorial": False}


def test_the_generator_claims_hold_up_as_far_as_they_do(report: dict[str, Any]) -> None:
    families = supported(report, "pairs of generators, mean of eight prompts")
    assert all(told for (first, _), told in families.items() if first == "smollm2-1.7b")
    sizes = supported(report, "larger against smaller generator")
    beyond_1b = [told for (a, b), told in sizes.items() if b.endswith("-1b-hq") and not a.startswith("rewire")]
    assert not any(beyond_1b)
    assert sizes["math-1b-hq", "math-270m-hq"]
    assert sizes["rewire_original-4b-hq", "rewire_original-1b-hq"]
    assert sizes["tutorial-smollm2-1.7b-hq", "tutorial-smollm2-360m-hq"]


def test_mixing_beats_rewrites_alone_and_the_gain_over_raw_text_holds_at_every_size(report: dict[str, Any]) -> None:
    assert all(supported(report, "mixed with original text against alone").values())
    sizes = report["claims"]["table mix against raw text by student size"]["differences"]
    assert [one["difference"] for one in sizes] == pytest.approx([4.72, 5.16, 5.22, 5.23], abs=0.01)
    assert all(one["supported"] for one in sizes)


def test_the_report_is_plain_json(report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_the_shipped_spreads_are_named_as_published() -> None:
    noise = published_noise()
    assert noise["table-1.7b"].sd == pytest.approx(0.16, abs=0.005)
    assert noise["hq-1.7b"].sd == pytest.approx(0.27, abs=0.005)
    assert noise["hq-1.7b"].df == 8
    assert all(one.source.startswith("published: ") for one in noise.values())


def test_tables_in_another_folder_are_read_and_a_missing_one_is_named(tmp_path: Path, shared: Path) -> None:
    for path in (shared / "data" / "published").glob("*.csv"):
        shutil.copyfile(path, tmp_path / path.name)
    assert load_published(tmp_path).runs == load_published().runs
    assert load_published(tmp_path).mix == load_published().mix
    (tmp_path / "finephrase_mix_ratio.csv").unlink()
    with pytest.raises(SourceError, match=r"finephrase_mix_ratio\.csv"):
        load_published(tmp_path)


def test_a_table_made_of_rows_alone_is_all_rows_and_shares_survive_a_change_of_scale() -> None:
    rows = np.array([1.0, 2.0, 5.0])[:, None] + np.zeros(4)
    assert two_way(rows).rows == pytest.approx(1)
    table = prompt_by_generator(load_published())
    assert two_way(7 * table - 3).rows == pytest.approx(two_way(table).rows)
    assert against_noise(two_way(table), 0.396, 1000).ratio == pytest.approx(1, abs=0.01)
