"""The page on studies is true: its study file is valid and its options exist."""

import re
from pathlib import Path

import yaml
from typer.main import get_command

from tilth.cli.study import study_app
from tilth.study.design import parse_study
from tilth.study.plan import plan

PAGE = (Path(__file__).parents[2] / "docs" / "study.md").read_text(encoding="utf-8")


def test_the_study_file_in_the_page_is_valid_and_can_be_planned() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    found = plan(parse_study(yaml.safe_load(block)))
    assert (found.arms, found.over) == (5, ())


def test_the_commands_and_options_in_the_page_exist() -> None:
    commands = get_command(study_app).commands  # type: ignore[attr-defined]
    named = set(re.findall(r"tilth study ([a-z]+)", PAGE))
    assert named - {"run"} == set(commands)  # it says that there is no `run`
    known = {option for command in commands.values() for one in command.params for option in one.opts}
    of_the_harness = {"--model", "--model_args", "--tasks", "--log_samples", "--output_path"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+", PAGE)) <= known | of_the_harness
