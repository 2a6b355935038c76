"""A study file is read whole or refused with the place; shipped studies are what they say."""

from pathlib import Path
from typing import Any

import pytest
from made_file import study

from tilth.base.errors import ConfigError
from tilth.study.design import load_study, parse_study, shipped_studies
from tilth.study.design_published import published_scores
from tilth.study.published.tables import load_published


def test_numbers_may_be_written_with_units() -> None:
    size = parse_study(study()).sizes["small"]
    assert (size.parameters, size.tokens) == (10_000_000, 200_000_000)


def test_a_grid_is_every_combination_named_by_the_axes_that_vary() -> None:
    grid = {"strategy": ["table", "faq"], "generator": "g", "mix_in": "web", "ratio": [0.3, 0.7], "prefix": "mix"}
    arms = parse_study(study(grids=[grid])).all_arms()[2:]
    assert [arm.name for arm in arms] == ["mix-table-30%", "mix-table-70%", "mix-faq-30%", "mix-faq-70%"]
    assert arms[1].ratio == 0.7
    assert arms[1].generator == "g"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"baseline": "orignal"}, "did you mean 'original'"),
        ({"sizes": {}}, "sizes"),
        ({"tokeniser": "x"}, "unknown key; did you mean 'tokenizer'"),
        ({"arms": [{"name": "original", "ratio": 0.5}]}, "needs a strategy"),
        ({"arms": [{"name": "original"}, {"name": "original"}]}, "'original' is there twice"),
        ({"arms": [{"name": "original", "seeds": [1, 1]}]}, "different seeds"),
        ({"arms": [{"name": "original", "seeds": []}]}, "different seeds"),
        ({"arms": [{"name": "original"}, {"name": "a", "strategy": "s", "ratio": 0.5}]}, "50% is original text"),
        ({"arms": [{"name": "original"}, {"name": "a", "strategy": "s", "ratio": 1.5}]}, "less than or equal to 1"),
        ({"arms": [{"name": "original", "sizes": ["big"]}]}, "unknown size 'big'"),
        ({"arms": [{"name": "original"}, {"name": "a", "strategy": "s", "generator": "h"}]}, "not under generators"),
        ({"grids": [{"strategy": [f"s{number}" for number in range(2001)], "mix_in": "web"}]}, "at most 2000 arms"),
        ({"sizes": {"small": {"parameters": "lots", "tokens": 5}}}, "saw 'lots'"),
        ({"sizes": {"small": {"parameters": "-5M", "tokens": 5}}}, "greater than 0"),
    ],
)
def test_a_fault_is_named_with_what_to_do(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        parse_study(study(**change), "mine.yaml")


def test_a_file_that_is_not_there_or_no_study_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Shipped studies: boostqa, finephrase, smoke"):
        load_study(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="saw list"):
        load_study(tmp_path / "list.yaml")
    (tmp_path / "bad.yaml").write_text("a: [\n")
    with pytest.raises(ConfigError, match="expected YAML"):
        load_study(tmp_path / "bad.yaml")


@pytest.mark.parametrize("name", ["boostqa", "finephrase", "smoke"])
def test_shipped_studies_are_read_by_name(name: str) -> None:
    assert name in shipped_studies()
    assert load_study(Path(name)).name == name


def test_the_published_grid_has_all_90_runs_36_ratios_and_four_student_sizes_with_their_scores() -> None:
    grid = load_study(Path("finephrase"))
    tables = load_published()
    scores = published_scores(grid, "1.7b")
    runs = {
        arm.published.removeprefix("runs/"): arm.name
        for arm in grid.all_arms()
        if (arm.published or "").startswith("runs/")
    }
    assert set(runs) == {run.name for run in tables.runs}
    assert all(scores[runs[run.name]].macro == run.macro for run in tables.runs)
    for run in tables.runs:  # the arm's own parts are those of the run's name
        arm = grid.arm(runs[run.name])
        assert (arm.strategy, arm.generator, arm.source, arm.ratio) == (run.prompt, run.generator, run.source, 0.5)
    for prompt, curve in tables.mix.items():
        assert [scores[f"{prompt}-{share:.0%}"].macro for share, _ in curve] == [macro for _, macro in curve]
    gain = [published_scores(grid, size) for size in ("0.5b", "1.7b", "2.9b", "6.2b")]
    assert [round(one["table-mix"].macro - one["fineweb-edu-hq"].macro, 1) for one in gain] == [4.7, 5.2, 5.2, 5.2]
    assert scores["table-mix"].runs == 9
    assert len([arm for arm in grid.all_arms() if arm.name.startswith("student-")]) * 3 == 45


def test_a_reference_that_leads_nowhere_is_refused() -> None:
    for reference in ("runs/none", "mix/table-55%", "seeds/x", "other", "baselines/"):
        arms = [{"name": "original", "mix_in": "web", "published": reference}]
        with pytest.raises(ConfigError, match="expected runs/NAME"):
            published_scores(parse_study(study(arms=arms)), "small")
