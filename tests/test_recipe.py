from pathlib import Path

import pytest

from tilth.base.errors import ConfigError
from tilth.plan import load_plan, make_plan, save_plan
from tilth.recipe import Recipe, dump_recipe, load_recipe, parse_recipe, replace_source, shipped_recipes

SMALL = {
    "name": "small",
    "steps": {
        "documents": {"read": {"source": ["a/*.parquet"]}},
        "rephrased": {"from": "documents", "rephrase": {"prompts": ["faq"]}},
    },
}


def changed(**changes: object) -> dict[str, object]:
    return {**SMALL, **changes}


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads_and_survives_its_own_dump(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(Path(name))
    path = tmp_path / "again.yaml"
    path.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (changed(budgett={}), "did you mean 'budget'"),
        (changed(steps={"d": {"read": {"source": ["a"], "formt": "csv"}}}), "steps.d.read.formt: unknown key"),
        (changed(name="../up"), "name"),
        (changed(steps={"d": {}}), "exactly one of read, curate, rephrase"),
        (changed(steps={"../d": {"read": {"source": ["a"]}}}), "its folder"),
        (changed(steps={"r": {"from": "d", "rephrase": {"prompts": ["faq"]}}}), "needs from: one of the steps above"),
        (changed(budget={"money": -1}), "budget.money"),
        (
            changed(
                steps={
                    "d": {"read": {"source": ["a"]}},
                    "r": {"from": "d", "rephrase": {"prompts": ["faq"], "model": {"engine": "endpoint"}}},
                }
            ),
            "needs urls",
        ),
        (
            changed(
                steps={
                    "d": {"read": {"source": ["a"]}},
                    "r": {"from": "d", "rephrase": {"prompts": ["faq"], "model": {"key_env": "sk-abc/123"}}},
                }
            ),
            "never the key",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(value: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace(".", r"\.").replace("(", r"\(")):
        parse_recipe(value)


def test_a_missing_file_names_the_shipped_recipes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="finephrase"):
        load_recipe(tmp_path / "none.yaml")


def test_a_recipe_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- a\n")
    with pytest.raises(ConfigError, match="mapping"):
        load_recipe(path)
    path.write_text("a: [\n")
    with pytest.raises(ConfigError, match="YAML"):
        load_recipe(path)


def test_paths_become_absolute_and_the_stored_plan_is_the_same(tmp_path: Path) -> None:
    plan = make_plan(Recipe.model_validate(SMALL), tmp_path / "recipes", tmp_path / "runs" / "x")
    read = plan.recipe.steps["documents"].read
    assert read is not None
    assert read.source == (str(tmp_path / "recipes" / "a/*.parquet"),)
    assert load_plan(save_plan(plan)) == plan


def test_another_source_takes_the_place_of_the_read_steps(tmp_path: Path) -> None:
    recipe = replace_source(Recipe.model_validate(SMALL), ["b.parquet", "s3://bucket/c.parquet"], tmp_path)
    read = recipe.steps["documents"].read
    assert read is not None
    assert read.source == (str(tmp_path / "b.parquet"), "s3://bucket/c.parquet")
