"""What a study run knows of its arms, written and read back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilth.base.errors import ConfigError, SourceError
from tilth.study.about import (
    About,
    ArmAbout,
    BenchmarkFound,
    Contamination,
    Cost,
    Dataset,
    Hours,
    Part,
    RunNote,
    Sample,
    about_as_json,
    about_from_json,
    read_about,
    write_about,
)
from tilth.study.treatment import Facts

FOUND = Contamination(
    rows=200,
    touched=3,
    found=(
        BenchmarkFound(benchmark="arc", items=50, found=2, rows=3),
        BenchmarkFound(benchmark="piqa", items=9, found=0, rows=0),
    ),
    share_of_tokens=0.02,
)
COST = Cost(
    runs=2,
    generation=Hours(gpu=3.0),
    training=Hours(cpu=0.5, gpu=8.0),
    evaluation=Hours(gpu=2.0),
    tokens_generated=1_000_000,
    generation_money=6.0,
    money=26.0,
    currency="USD",
)
ABOUT = About(
    study="tables",
    arms=(
        ArmAbout(
            arm="table",
            size="small",
            facts=Facts(tokens=1000, epochs=1.5, tokenizer="abc", size="small", learning_rate=1e-3),
            parts=(
                Part(dataset="web", kind="original", share=0.3, tokens=300, available=900, repeats=1 / 3),
                Part(dataset="table", kind="synthetic", share=0.7, tokens=700, available=500, repeats=1.4),
            ),
            contamination=FOUND,
            cost=COST,
            runs=(
                RunNote(seed=1, outcome="finished"),
                RunNote(seed=2, outcome="diverged", detail="loss is not a number", step=40),
                RunNote(seed=3, outcome="stopped early", detail="hopeless", error=0.05),
            ),
        ),
    ),
    datasets=(
        Dataset(name="web", kind="original", rows=10),
        Dataset(
            name="table",
            kind="synthetic",
            rows=9,
            tokens=500,
            contamination=FOUND,
            samples=(Sample(shard="part-00000.parquet", row=3, text="| a |", prompt="table", source="a page"),),
        ),
    ),
    notes=("one engine was down for an hour",),
    overhead=0.02,
)


def test_what_is_written_is_read_back_and_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    write_about(tmp_path / "a.json", ABOUT)
    write_about(tmp_path / "b.json", read_about(tmp_path / "a.json"))
    assert read_about(tmp_path / "a.json") == ABOUT
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@given(st.text(max_size=40), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2**40))
def test_any_text_and_number_survives_the_way_through_json(text: str, value: float, count: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair is no text for JSON
        return
    sample = Sample(shard=text, row=count, text=text, source=text)
    about = About(
        study=text, datasets=(Dataset(name=text, kind="original", tokens=count, samples=(sample,)),), overhead=value
    )
    assert about_from_json(json.loads(json.dumps(about_as_json(about)))) == about


def test_one_model_costs_the_whole_text_and_one_run() -> None:
    assert COST.of_one_model() == Hours(cpu=0.25, gpu=8.0)
    assert COST.money_of_one_model() == 16.0
    assert replace(COST, money=None).money_of_one_model() is None


def test_an_arm_is_found_by_name_and_size_and_knows_its_synthetic_share() -> None:
    arm = ABOUT.arm("table", "small")
    assert arm is not None
    assert arm.synthetic == 0.7
    assert ABOUT.arm("table", "large") is None
    assert FOUND.share == 0.015
    assert (FOUND.items, FOUND.items_found) == (59, 2)


def test_an_arm_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="table at size small is there twice"):
        write_about(tmp_path / "a.json", replace(ABOUT, arms=ABOUT.arms * 2))


def test_a_missing_file_another_format_and_wrong_fields_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        read_about(tmp_path / "none.json")
    with pytest.raises(SourceError, match="it is a folder"):
        read_about(tmp_path)
    with pytest.raises(SourceError, match="expected format 1 in about; saw 2"):
        about_from_json({"format": 2})
    good = about_as_json(ABOUT)
    for place, wrong in (("arms.0.facts.token", {"token": 1}), ("arms.0.facts.tokens", {"tokens": "many"})):
        arms = [{**good["arms"][0], "facts": wrong}]
        with pytest.raises(SourceError, match=place.replace(".", r"\.")):
            about_from_json(json.loads(json.dumps({**good, "arms": arms})))
