"""What docs/train.md says is true: its presets, its settings and its commands."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from tilth.cli.train import train as train_command
from tilth.recipe.stages.train import Train
from tilth.train.presets import MID_TRAINING, PRESETS, learning_rate_pair, resolve
from tilth.train.settings import load_settings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "train.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def number(text: str) -> float:
    """2.1B, 0.2M, 8,192 or 1e-3 as a number."""
    found = re.match(r"([\d.,e-]+)([BM]?)", text)
    assert found is not None
    return float(found[1].replace(",", "")) * {"B": 1e9, "M": 1e6, "": 1}[found[2]]


@pytest.mark.parametrize("name", [*PRESETS, "start: MODEL"])
def test_the_table_of_presets_is_what_the_presets_are(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    tokens, sequence, batch, rate = (number(cell.strip()) for cell in row.split("|")[3:7])
    recipe = PRESETS[name].recipe if name in PRESETS else MID_TRAINING  # type: ignore[index]
    assert tokens == pytest.approx(recipe.tokens, rel=0.01)
    assert (sequence, batch, rate) == (recipe.sequence, recipe.batch_tokens, recipe.learning_rate)


def test_the_settings_in_the_page_are_settings(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(blocks("yaml")[0])
    assert resolve(load_settings(tmp_path / "train.yaml", {})).steps == 1525


def test_the_python_in_the_page_asks_for_settings_that_exist() -> None:
    code = blocks("python")[0]
    compile(code, "docs/train.md", "exec")
    asked = re.search(r"Train\(([^)]*)\)", code)
    assert asked is not None
    assert eval(f"Train({asked[1]})", {"Train": Train}) == Train(preset="smoke", seed=0, checkpoints=4)  # our own page


def test_the_commands_in_the_page_are_commands() -> None:
    app = typer.Typer()
    app.command("train")(train_command)
    command = get_command(app)
    lines = [line for block in blocks("sh") for line in block.splitlines()] + re.findall(r"`(tilth train [^`]*)`", PAGE)
    assert len(lines) >= 3
    for line in lines:
        program, name, *arguments = shlex.split(line)
        assert (program, name) == ("tilth", "train")
        command.make_context("train", arguments)


def test_the_pair_in_the_page_is_a_fifth() -> None:
    tuned, reduced = learning_rate_pair(Train(preset="published"))
    assert (tuned.learning_rate, reduced.learning_rate) == (5e-4, pytest.approx(1e-4))
