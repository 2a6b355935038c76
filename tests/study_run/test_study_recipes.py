"""What the recipes of a study's texts are, without running them."""

from pathlib import Path
from typing import Any

import pytest
from small_study import study

from tilth.base.errors import ConfigError
from tilth.study.design import Study, load_study
from tilth.study.materials import Strategy
from tilth.study.run.recipes import CorpusKey, check_runnable, corpus_key, corpus_recipe, resolved, source_recipe
from tilth.study.run.settings import train_settings
from tilth.train.presets import resolve


def shipped(name: str) -> Study:
    return resolved(load_study(Path(name)), Path("/base"))


@pytest.mark.parametrize("name", ["smoke", "finephrase", "boostqa"])
def test_a_shipped_study_says_how_each_of_its_parts_is_made(name: str) -> None:
    made = shipped(name)
    check_runnable(made)
    for arm in made.all_arms():
        key = corpus_key(arm)
        if key is not None:
            textual = corpus_recipe(made, key)
            assert textual.step in textual.recipe.steps
        for size in made.sizes_of(arm):
            for seed in made.seeds_of(arm):
                plan = resolve(train_settings(made, arm, size, seed)).recipe
                assert plan.tokens == made.tokens_of(arm, size)


def test_every_published_corpus_is_written_by_its_own_prompt_and_generator() -> None:
    made = shipped("finephrase")
    written = {
        key.name: corpus_recipe(made, key).recipe.steps["written"].rephrase
        for arm in made.all_arms()
        if (key := corpus_key(arm)) is not None
    }
    assert len(written) == 90
    assert all(one is not None and len(one.prompts) == 1 and one.model.engine == "endpoint" for one in written.values())
    table = written["table by smollm2-1.7b from hq"]
    assert table is not None
    assert (table.prompts, table.model.model) == (("table",), "HuggingFaceTB/SmolLM2-1.7B-Instruct")


def steps(name: str) -> dict[str, Any]:
    made = shipped("boostqa")
    recipe = corpus_recipe(made, CorpusKey(strategy=name, generator="large-reasoner", source="seed questions")).recipe
    return {
        step: (one.sources, one.generation.model.model if one.generation else None)
        for step, one in recipe.steps.items()
    }


def test_an_ablation_leaves_a_step_out_and_joins_what_is_around_it() -> None:
    full = steps("grades and high difficulty")
    assert full["made"][0] == ("by_grade", "harder")
    assert full["by_grade"] == (("chosen",), "deepseek-ai/DeepSeek-R1")
    assert full["refined"] == (("made",), "deepseek-ai/DeepSeek-V3")
    assert full["final"] == (("texts",), None)
    assert steps("grades only")["made"][0] == ("by_grade",)
    assert steps("high difficulty only")["harder"][0] == ("chosen",)
    assert steps("without refinement of answers")["rated"][0] == ("made",)
    assert "chosen" not in steps("without probe weights")


def test_a_step_that_the_recipe_lacks_cannot_be_left_out() -> None:
    made = shipped("boostqa")
    strategy = Strategy(recipe="boostqa", without=("refine",))
    with pytest.raises(ConfigError, match="saw 'refine'"):
        corpus_recipe(
            made.model_copy(update={"strategies": {"x": strategy}}),
            CorpusKey(strategy="x", generator=None, source="seed questions"),
        )


def test_benchmark_items_leave_both_the_source_and_what_is_written_from_it() -> None:
    made = shipped("boostqa")
    source = source_recipe(made, "general text")
    stages = [stage.name for step in source.recipe.steps.values() for stage in step.curate or ()]
    assert stages == ["decontaminate"]
    (stage,) = source.recipe.steps["cleaned"].curate or ()
    assert stage.decontaminate is not None
    assert stage.decontaminate.benchmarks == ("/base/benchmarks",)


def test_paths_are_taken_from_the_study_s_folder(tmp_path: Path) -> None:
    made = resolved(load_study(study(tmp_path)), tmp_path)
    assert made.sources["stories"].read.source == (str(tmp_path / "documents/*.jsonl"),)
    assert resolved(made, Path("/elsewhere")) == made


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "expected one of rephrase, curate, recipe, read; saw none"),
        ({"curate": ["shuffle"], "recipe": "boostqa"}, "saw curate and recipe"),
        ({"curate": ["shuffle"], "step": "texts"}, "step belongs to a recipe"),
        ({"curate": ["shuffle"], "without": ["a"]}, "without belongs to a recipe"),
    ],
)
def test_a_strategy_is_one_way_of_writing(value: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Strategy.model_validate(value)


def test_a_decontamination_that_is_no_action_is_refused_where_a_study_is_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one of none, drop, cut, flag"):
        check_runnable(load_study(study(tmp_path, decontamination="13-grams")))
