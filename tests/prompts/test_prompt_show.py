"""What the command line prints about prompts."""

from pathlib import Path

from sheets import HEADER, text, write

from tilth.prompts.prompt import load_library
from tilth.prompts.show import COLUMNS, describe, rendered, rows, variants


def test_the_list_has_a_row_a_prompt_and_marks_what_is_not_shipped(tmp_path: Path) -> None:
    write(tmp_path / "a", text())
    write(tmp_path / "a", text(HEADER.replace('"sketch"', '"faq"')), "faq")
    write(tmp_path / "b", text(), "sketch")
    library = load_library([tmp_path / "a", tmp_path / "b"])
    found = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows(library)}
    assert len(found) == len(library)
    assert found["faq@2"]["from"] == "yours, replaces shipped"
    assert found["sketch@2"]["from"] == "yours, replaces yours"
    assert found["table@1"]["from"] == "shipped"
    assert found["faq_zh@1"]["language"] == "zh -> zh"
    assert found["sketch@2"]["instructions"] == "10"


def test_variants_count_the_values_of_the_slots_in_use(tmp_path: Path) -> None:
    whole = text()
    assert variants(load_library([write(tmp_path / "a", whole).parent])["sketch"]) == 10 * 3 * 2
    fewer = whole.replace("Way 0 for [[audience]], [[tone]].", "Way 0.")
    assert variants(load_library([write(tmp_path / "b", fewer).parent])["sketch"]) == 9 * 3 * 2 + 1


def test_a_description_holds_all_that_the_file_says(tmp_path: Path) -> None:
    prompt = load_library([write(tmp_path, text()).parent])["sketch"]
    said = describe(prompt)
    for part in (str(prompt.path), prompt.text_hash, "faq with min_questions 2", "format_faq", "numbers >= 3", "300"):
        assert part in said
    for value in ("pupils", "teachers", "lively", "[[document]]"):
        assert value in said
    for instruction in prompt.instructions:
        assert instruction in said


def test_a_rendering_says_what_was_drawn_above_what_is_sent() -> None:
    prompt = load_library()["mga"]
    said = rendered(prompt, "[bold]D[/bold]", 5, "r9")
    assert said.startswith("mga@1 seed 5 row r9\ninstruction ")
    assert "\ngenre: " in said
    assert "\n----- user -----\n" in said
    assert "[bold]D[/bold]" in said
