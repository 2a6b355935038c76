"""The page on studies is true: its study file is valid and its options exist."""

import re
from pathlib import Path

import yaml
from typer.main import get_command

from tilth.cli import app
from tilth.study.design import parse_study
from tilth.study.plan import plan
from tilth.study.run.recipes import check_runnable, corpus_key, corpus_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8")


def test_the_study_files_in_the_page_are_valid_one_to_run_and_one_to_plan() -> None:
    to_run, to_plan = (
        parse_study(yaml.safe_load(block)) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    )
    check_runnable(to_run)
    for arm in to_run.all_arms():
        key = corpus_key(arm)
        assert key is None or corpus_recipe(to_run, key).recipe.steps
    found = plan(to_plan)
    assert (found.arms, found.over) == (5, ())


def test_the_commands_and_options_in_the_page_exist() -> None:
    commands = get_command(app).commands["study"].commands  # type: ignore[attr-defined]
    named = set(re.findall(r"tilth study ([a-z]+)", PAGE))
    assert named == set(commands)
    known = {option for command in commands.values() for one in command.params for option in one.opts}
    of_the_harness = {"--model", "--model_args", "--tasks", "--log_samples", "--output_path"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+", PAGE)) <= known | of_the_harness
