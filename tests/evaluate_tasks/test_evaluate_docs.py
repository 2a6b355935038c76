"""The page on evaluation is true, and its command does what it says."""

import json
import re
from pathlib import Path

import pytest
import typer
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from tilth.base.errors import ConfigError
from tilth.cli.evaluate import evaluate
from tilth.evaluate.blocks import Block, all_blocks

PAGE = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")
app = typer.Typer()
app.command()(evaluate)


def test_the_options_in_the_page_exist() -> None:
    known = {option for one in get_command(app).params for option in one.opts} | {"--item", "--group"}
    of_the_harness = {"--model", "--model_args", "--include_path", "--log_samples", "--output_path"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+", PAGE)) <= known | of_the_harness


def test_the_block_in_the_page_is_valid_and_its_numbers_are_those_of_the_shipped_blocks() -> None:
    (given,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    ((name, block),) = yaml.safe_load(given).items()
    Block(name=name, file=name, **block)
    shipped = all_blocks()
    assert f"There are {len(shipped)} over the {len({one.file for one in shipped.values()})} files" in PAGE
    assert all(f"`{one.name}`" in PAGE for one in shipped.values() if one.finephrase)


def test_the_command_evaluates_and_ends_with_4_where_a_task_could_not_be(model: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    out = tmp_path / "r.parquet"
    asked = [str(model), "--tasks", "svamp,arc_easy", "--form", "bpb", "--limit", "3", "--shots", "1"]
    found = runner.invoke(app, [*asked, "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert re.search(r"svamp/bpb +scored +3 items  gold_bpb \d", found.output)
    assert json.loads((tmp_path / "r.evaluated.json").read_text())["evaluated"]["version"] in found.output
    found = runner.invoke(app, [*asked, "--out", str(tmp_path / "b.parquet"), "--benchmarks", str(tmp_path)])
    assert found.exit_code == 4
    assert "missing file" in found.output


def test_the_command_lists_tasks_and_writes_them_for_the_harness(tmp_path: Path) -> None:
    runner = CliRunner()
    assert "WinoGrande" in runner.invoke(app, ["--list"]).output
    asked = ["--tasks", "svamp", "--form", "generate", "--emit-tasks", str(tmp_path), "--limit", "2"]
    assert runner.invoke(app, asked).output == "tilth_svamp_generate\n"
    assert len((tmp_path / "tilth_svamp_generate.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--tasks", "svamp"], "expected a model folder and --out"),
        (["m", "--out", "o"], "saw neither"),
        (["m", "--out", "o", "--tasks", "svamp", "--form", "generate"], "set backend to lm-eval"),
        (["m", "--out", "o", "--held-out", "text.parquet"], "DOMAIN=PATH"),
        (["m", "--out", "o", "--tasks", "nothing"], "expected a"),
    ],
)
def test_a_mistake_in_the_options_is_named(asked: list[str], message: str) -> None:
    found = CliRunner().invoke(app, asked)
    assert isinstance(found.exception, ConfigError)
    assert message in str(found.exception)
