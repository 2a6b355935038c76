"""docs/prompts.md says what is so: its table is that of the library, and its example loads."""

import re
from pathlib import Path

import pytest
from sheets import write

from tilth.base.errors import ConfigError
from tilth.prompts.known import KNOWN_CHECKS, KNOWN_FEATURES, KNOWN_PARSERS
from tilth.prompts.prompt import load_library, load_prompt

PAGE = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")


def test_the_table_of_the_library_is_that_of_the_files() -> None:
    for prompt in load_library().values():
        options = "".join(f" ({name} {value})" for name, value in prompt.parser_options.items())
        needs = ", ".join(f"{name} {value:g}" for name, value in prompt.needs.items())
        row = f"| `{prompt.name}` | `{prompt.parser}`{options} | {', '.join(prompt.checks) or 'none'} | {needs} |"
        assert row in PAGE


def test_every_name_a_header_may_use_is_explained() -> None:
    for name in (
        *KNOWN_CHECKS,
        *KNOWN_FEATURES,
        *KNOWN_PARSERS,
        *(key for one in KNOWN_PARSERS.values() for key in one),
    ):
        assert f"`{name}`" in PAGE


def test_the_example_loads_and_its_misspelling_is_refused_as_shown(tmp_path: Path) -> None:
    example = re.search(r"```\n(\+\+\+\n.*?)```", PAGE, re.DOTALL)
    shown = re.search(r"```\nprompts/letter\.md, (line [^\n]+)\n```", PAGE)
    assert example
    assert shown
    whole = example[1] + "".join(f"=== instruction\nWay {number}.\n" for number in range(8))
    assert load_prompt(write(tmp_path, whole, "letter")).slots["reader"][0] == "an aunt"
    path = write(tmp_path, whole.replace("grounded_numbers", "grounded_number"), "letter")
    with pytest.raises(ConfigError, match=re.escape(f"{path}, {shown[1]}")):
        load_prompt(path)
