"""What the documents say is true: examples run, commands exist, the tree is the one that is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from tilth.base.version import VERSION
from tilth.cli import app
from tilth.cost import load_price
from tilth.recipe import Recipe, parse_recipe

PROJECT = Path(__file__).resolve().parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
RUN_PAGE = (PROJECT / "docs" / "run.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands() -> list[str]:
    found = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        found.append(name)
        found += [f"{name} {inner}" for inner in getattr(command, "commands", {})]
    return found


def test_the_recipes_in_the_readme_are_valid() -> None:
    found = [parse_recipe(yaml.safe_load(block), "README") for block in blocks(README, "yaml")]
    assert found
    assert all(isinstance(recipe, Recipe) for recipe in found)


@pytest.mark.parametrize("page", sorted(path.name for path in (PROJECT / "docs").glob("*.md")))
def test_the_whole_recipes_in_the_pages_are_valid(page: str) -> None:
    for block in blocks((PROJECT / "docs" / page).read_text(encoding="utf-8"), "yaml"):
        value = yaml.safe_load(block)
        if isinstance(value, dict) and "steps" in value and "name" in value:  # others show a part of one
            assert isinstance(parse_recipe(value, page), Recipe)


def test_the_python_in_the_readme_runs(tmp_path: Path) -> None:
    for code in blocks(README, "python"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=110
        )
        assert done.returncode == 0, done.stderr
        numbers = [int(number) for number in re.findall(r"\d+", done.stdout)]
        assert numbers[0] == numbers[1] + numbers[2]


def test_every_command_is_in_the_readme_and_every_command_there_exists() -> None:
    known = commands()
    named = set(re.findall(r"`tilth ([a-z-]+)", README))
    assert named <= {name.split()[0] for name in known}, named
    assert {name.split()[0] for name in known} <= named | {"prompts"}


def test_the_price_file_in_the_guide_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(blocks(RUN_PAGE, "toml")[0], encoding="utf-8")
    assert load_price(path, "small-model") is not None


def test_the_contributor_guide_is_short_and_names_what_is_there() -> None:
    guide = (PROJECT / "AGENTS.md").read_text(encoding="utf-8")
    assert len(guide.splitlines()) <= 60
    source = PROJECT / "src" / "tilth"
    named = set(re.findall(r"`([a-z]+/|[a-z]+\.py)`", guide))
    there = {f"{path.name}/" for path in source.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    there |= {path.name for path in source.glob("*.py") if path.name != "__init__.py"}
    assert there <= named, there - named
    assert all((source / name.rstrip("/")).exists() for name in named if not name.startswith("engines")), named


def test_links_between_documents_lead_somewhere() -> None:
    for page in [PROJECT / "README.md", PROJECT / "AGENTS.md", *(PROJECT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_changelog_names_the_present_version_or_unreleased_work() -> None:
    heading = re.search(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert heading is not None
    assert heading.group(1) in ("Unreleased", VERSION)


@pytest.mark.parametrize("name", ["demo", "test", "environment"])
def test_scripts_are_executable(name: str) -> None:
    assert (PROJECT / "scripts" / name).stat().st_mode & 0o111
