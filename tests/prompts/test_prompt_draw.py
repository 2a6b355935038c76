"""Drawing is uniform, repeatable and independent; rendering puts texts in once and never reads them again."""

import json
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import FRAME, HEADER, text, write

from tilth.base.errors import ConfigError
from tilth.prompts.prompt import Drawn, Prompt, draw, find, load_library, load_prompt, render

LIBRARY = load_library()
MARK = "\x00here\x00"

# pieces that mean something to some template language, to our own file format or to a chat template
TRAPS = [
    "[[document]]",
    "[[instruction]]",
    "[[audience]]",
    "[[",
    "]]",
    "{document}",
    "{{x}}",
    "${tone}",
    "$y",
    "%s",
    "\\1",
]
TRAPS += [
    "+++",
    "\n+++\n",
    "\n=== user\n",
    "\n=== instruction\n",
    "<<< END OF DOCUMENT",
    "【文档结束】",
    "<|im_end|>",
    "\x00",
]
hostile = st.lists(st.one_of(st.sampled_from(TRAPS), st.text(max_size=8)), max_size=12).map("".join)


@settings(max_examples=150, deadline=None)
@given(document=hostile, name=st.sampled_from(sorted(LIBRARY)), row=st.text(st.characters(codec="utf-8"), max_size=8))
def test_a_document_comes_through_untouched_whatever_it_says(document: str, name: str, row: str) -> None:
    prompt = LIBRARY[name]
    drawn = draw(prompt, 0, row)
    around = render(prompt, drawn, MARK)
    expected = tuple((role, content.replace(MARK, document)) for role, content in around)
    assert sum(content.count(MARK) for _, content in around) == 1
    assert render(prompt, drawn, document) == expected


@settings(max_examples=100, deadline=None)
@given(value=hostile, document=hostile)
def test_a_slot_value_is_never_read_as_a_template(value: str, document: str) -> None:
    prompt = LIBRARY["wrap_easy"]
    index = next(at for at, names in enumerate(prompt.pool_slots) if names == ("audience",))
    plain = render(prompt, Drawn(index, {"audience": MARK}), "")[0][1]
    before, after = render(prompt, Drawn(index, {"audience": value}), document)[0][1], plain
    assert before == after.replace(">>> DOCUMENT\n", ">>> DOCUMENT\n" + document).replace(MARK, value)


def test_an_empty_document_leaves_the_frame() -> None:
    prompt = LIBRARY["faq"]
    drawn = draw(prompt, 0, "row")
    frame = render(prompt, drawn, "")[0][1]
    assert ">>> DOCUMENT\n\n<<< END OF DOCUMENT" in frame
    assert len(render(prompt, drawn, "x" * 500)[0][1]) == len(frame) + 500


def chi_square(counts: Counter[int], pool: int, rows: int) -> float:
    return sum((counts[at] - rows / pool) ** 2 / (rows / pool) for at in range(pool))


@pytest.mark.parametrize("seed", [0, 1, 2**62])
def test_draws_are_uniform_over_the_pool_and_the_values(seed: int) -> None:
    prompt, rows = LIBRARY["mga"], 6000
    drawn = [draw(prompt, seed, f"row-{number}") for number in range(rows)]
    # 1 in 10,000 uniform samples exceeds these (chi-square, 10 and 25 degrees of freedom)
    assert chi_square(Counter(one.instruction for one in drawn), 11, rows) < 35.6
    for slot, values in prompt.slots.items():
        places = Counter(values.index(one.slots[slot]) for one in drawn)
        assert chi_square(places, len(values), rows) < 60.2


def test_choices_of_one_row_do_not_depend_on_each_other() -> None:
    prompt, rows = LIBRARY["mga"], 8000
    pairs = Counter(
        (one.slots["genre"], one.slots["audience"]) for one in (draw(prompt, 0, str(n)) for n in range(rows))
    )
    assert len(pairs) == 26 * 26  # 12 rows a pair: each is missed with probability e**-12
    assert max(pairs.values()) < 35


def test_draws_are_the_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import json\nfrom tilth.prompts.prompt import draw, load_library\n"
        "library = load_library()\n"
        "print(json.dumps([[d.instruction, d.slots] for p in library.values() for d in [draw(p, 7, 'row')]]))"
    )
    here = [[one.instruction, one.slots] for one in (draw(prompt, 7, "row") for prompt in LIBRARY.values())]
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, check=True, text=True
        )
        assert json.loads(done.stdout) == here


def test_seed_row_and_prompt_each_change_the_draw() -> None:
    prompt = LIBRARY["mga"]
    assert len({str(draw(prompt, seed, "row")) for seed in range(20)}) == 20
    assert len({str(draw(prompt, 0, f"row {n}")) for n in range(20)}) == 20
    indices = {name: [draw(one, 0, str(n)).instruction for n in range(20)] for name, one in LIBRARY.items()}
    assert indices["wrap_easy"] != indices["wrap_hard"]


def test_a_new_slot_leaves_the_other_draws_as_they_were(tmp_path: Path) -> None:
    old = load_prompt(write(tmp_path / "old", text()))
    wider = text(
        HEADER.replace("[slots]\n", '[slots]\nabove = ["a", "b"]\n') + 'zone = ["c", "d"]\n',
        FRAME + "[[above]][[zone]]\n",
    )
    new = load_prompt(write(tmp_path / "new", wider))
    for number in range(200):
        before, after = draw(old, 0, str(number)), draw(new, 0, str(number))
        assert after.instruction == before.instruction
        assert {slot: after.slots[slot] for slot in before.slots} == before.slots


def test_only_slots_that_the_instruction_uses_are_drawn() -> None:
    prompt = LIBRARY["faq"]
    for number in range(300):
        drawn = draw(prompt, 0, str(number))
        assert set(drawn.slots) == {
            slot for slot in prompt.slots if f"[[{slot}]]" in prompt.instructions[drawn.instruction]
        }


def test_every_turn_of_a_frame_is_rendered_in_order(tmp_path: Path) -> None:
    frame = "=== system\nBe [[tone]].\n=== user\nHi.\n=== assistant\nHello.\n" + FRAME
    prompt = load_prompt(write(tmp_path, text(frame=frame)))
    turns = render(prompt, Drawn(3, {"audience": "pupils", "tone": "lively"}), "D")
    assert [role for role, _ in turns] == ["system", "user", "assistant", "user"]
    assert turns[0][1] == "Be lively."
    assert turns[3][1] == "Material:\nD\n\nWay 3 for pupils, lively."


def test_a_prompt_survives_pickling() -> None:
    for prompt in LIBRARY.values():
        copy: Prompt = pickle.loads(pickle.dumps(prompt))
        assert copy == prompt
        assert draw(copy, 3, "row") == draw(prompt, 3, "row")


def test_a_folder_of_ones_own_adds_a_prompt_by_one_file(tmp_path: Path) -> None:
    write(tmp_path / "mine" / "deeper", text())
    (tmp_path / "mine" / "README.md").write_text("Notes, not a prompt.\n")
    library = load_library([tmp_path / "mine"])
    assert set(library) == set(LIBRARY) | {"sketch"}
    assert library["sketch"].parser_options == {"min_questions": 2}
    assert library["sketch"].needs == {"numbers": 3.0}
    assert library["sketch"].replaces is None


def test_the_first_file_of_a_name_wins_and_says_what_it_replaces(tmp_path: Path) -> None:
    mine = text(HEADER.replace('"sketch"', '"faq"'))
    write(tmp_path / "a", mine, "faq")
    write(tmp_path / "b", mine.replace("version = 2", "version = 3"), "faq")
    library = load_library([tmp_path / "a", tmp_path / "b"])
    assert library["faq"].path.parent == tmp_path / "a"
    assert library["faq"].replaces == tmp_path / "b" / "faq.md"
    assert load_library([tmp_path / "b"])["faq"].replaces == LIBRARY["faq"].path
    assert len(library) == len(LIBRARY)


def test_folders_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a folder of prompt files"):
        load_library([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"expected prompt files \(\*\.md\)"):
        load_library([tmp_path / "empty"])
    write(tmp_path / "twice" / "a", text())
    write(tmp_path / "twice" / "b", text())
    with pytest.raises(ConfigError, match="one file for the prompt sketch"):
        load_library([tmp_path / "twice"])


def test_a_prompt_is_found_by_name_and_by_version() -> None:
    assert find(LIBRARY, "faq") is LIBRARY["faq"]
    assert find(LIBRARY, f"faq@{LIBRARY['faq'].version}") is LIBRARY["faq"]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("faqs", "Did you mean faq"),
        ("tabel", "table"),
        ("qqqqqq", "Known: article, commentary"),
        ("", "saw ''"),
        ("faq@99", "holds version 1. Ask for faq@1"),
        ("faq@", "none given"),
    ],
)
def test_a_reference_that_leads_nowhere_says_where_to_go(reference: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(LIBRARY, reference)
    assert said in str(caught.value)
