"""Tutorials of the extractive engine."""

import re

import pytest
from extractive_samples import BREAD, BREAD_ZH, MANUAL, PROSE

from tilth.generate.engines.extractive.engine import answer


def tutorial(document: str, seed: int = 0, language: str | None = "en") -> tuple[str, list[str], str]:
    made = answer("tutorial", document, language, seed)
    assert made.refusal is None
    steps = re.findall(r"^(\d+)\. (.+)$", made.text, flags=re.M)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    return made.text.split("\n", 1)[0], [text for _, text in steps], made.text


@pytest.mark.parametrize("seed", range(6))
def test_a_numbered_list_becomes_the_steps_under_a_how_to_title(seed: int) -> None:
    title, steps, text = tutorial(BREAD, seed)
    assert title == "# How to make the dough"
    assert steps[0] == "Mix the flour, the water and the salt in a bowl."
    assert len(steps) == 4
    assert "Make sure the oven is hot before you begin." in text.split("## Notes")[1]


def test_a_manual_page_becomes_commands_in_order() -> None:
    title, steps, text = tutorial(MANUAL)
    assert title == "# How to use `grepper`"
    assert steps[0] == "Search a file for a word:"
    assert "   grepper {{word}} {{file}}\n" in text
    assert text.count("```") == 6
    assert "http" not in text


def test_headings_that_instruct_become_steps_with_their_first_sentences() -> None:
    document = "# Setting up a camp\n\nA camp needs a flat place near water and some daylight.\n\n" + "\n\n".join(
        f"## {heading}\n\n{text}"
        for heading, text in (
            ("Choose a place", "Flat ground without stones lets everyone sleep better."),
            ("Raise the tent", "The poles go in first, then the sheet is pulled over them."),
            ("Build a fireplace", "Stones around the fire keep the grass from burning."),
        )
    )
    title, steps, _ = tutorial(document)
    assert title == "# How to set up a camp" or title.startswith("# How to")
    assert steps[1] == "**Raise the tent**. The poles go in first, then the sheet is pulled over them."


def test_instructions_in_prose_are_steps_and_narrative_is_not() -> None:
    document = (
        "# Cleaning the filter\n\nThe filter of the machine should be cleaned every month. Unplug the machine "
        "before you open it. "
        "Remove the filter from its frame. Rinse the filter under warm water for a minute. Put the dry filter "
        "back into the frame.\n"
    )
    _, steps, _ = tutorial(document)
    assert "Remove the filter from its frame." in steps
    assert not any(step.startswith("The filter") for step in steps)
    speech = (
        "# A speech\n\nLet us look at the sea. Consider the ships of old. Give me the wind again. "
        "Hear the sailors sing at night.\n"
    )
    assert answer("tutorial", speech, "en", 1).refusal == "no_steps"


def test_aims_and_laws_are_no_tutorials() -> None:
    aims = (
        "# Cells\n\n## Learning Objectives\n\nBy the end you will be able to:\n\n- Describe the cell\n"
        "- Explain the nucleus of it\n- Identify the membrane\n"
    )
    assert answer("tutorial", aims, "en", 1).refusal == "no_steps"
    law = "# 某市公园管理条例\n\n## 第一章 总则\n\n1. 将公园划为三类。\n2. 使用公园应当缴费。\n3. 建立公园档案。\n"
    assert answer("tutorial", law, "zh", 1).refusal == "no_steps"


def test_chinese_steps_are_labelled_in_chinese() -> None:
    for task in ("tutorial", "tutorial_zh"):
        made = answer(task, BREAD_ZH, "zh", 0)
        assert made.refusal is None
        assert made.text.startswith("# ")
        assert "1. 下载安装包并保存到本地。" in made.text
        assert "Step" not in made.text


def test_prose_without_steps_is_refused() -> None:
    assert answer("tutorial", PROSE, "en", 1).refusal == "no_steps"
