"""Task blocks say what is in the files, and a faulty block is named."""

from pathlib import Path

import pytest

from conftest import block
from tilth.base.errors import ConfigError
from tilth.evaluate.ask import ask, benchmark_folder, read_items
from tilth.evaluate.blocks import all_blocks, benchmark_files, chance_levels, load_blocks
from tilth.recipe.stages.evaluate import Evaluate

BLOCK = """
mine:
  title: t
  source: s
  licence: l
  category: c
  language: en
  kind: choice
  forms: [cloze]
"""


def test_every_benchmark_file_has_a_block_and_every_block_a_file(shared: Path) -> None:
    files = {path.stem for path in (shared / "data" / "benchmarks").glob("*.parquet")}
    assert {one.file for one in all_blocks().values()} == files
    assert {path.stem for path in benchmark_files(shared / "data" / "benchmarks")} == files


@pytest.mark.parametrize("name", sorted(all_blocks()))
def test_a_block_fits_its_file(shared: Path, name: str) -> None:
    one = all_blocks()[name]
    settings = Evaluate(benchmarks=str(shared / "data" / "benchmarks"), tasks=(name,))
    found = read_items(benchmark_folder(settings), one)
    for form in one.forms:
        asked = ask(one, found, form, settings)
        assert len(asked.items) + asked.left_out.total() == len(found)
        assert len(asked.items) >= 0.5 * len(found), asked.left_out
        assert len({item.item for item in asked.items}) == len(asked.items)
        assert not set(asked.examples) & {item.item for item in asked.items}
        assert len(asked.examples) >= 5
        assert all(answer.strip() for item in asked.items for _, answer in item.requests)
        if form in ("cloze", "choice"):
            guessed = [len(item.gold) / len(item.requests) for item in asked.items]
            assert one.chance == pytest.approx(sum(guessed) / len(guessed), abs=0.002)
    if one.group is not None:
        assert any(item.group for item in asked.items)


def test_the_twelve_tasks_of_finephrase_whose_data_is_there_are_marked() -> None:
    marked = {one.finephrase for one in all_blocks().values() if one.finephrase}
    assert marked == {"arc", "mmlu", "squad", "piqa", "wino", "gsm", "wtq"}


def test_chance_is_known_for_accuracies_and_for_nothing_that_guessing_does_not_fix() -> None:
    assert chance_levels(["arc_easy", "piqa"], "cloze", "acc") == {"arc_easy": 0.25, "piqa": 0.5}
    assert chance_levels(["arc_easy"], "choice", "acc_centred") == {"arc_easy": 0.0}
    assert chance_levels(["arc_easy"], "bpb", "gold_bpb") == {}


def test_a_block_of_ones_own_comes_before_a_shipped_one(tmp_path: Path) -> None:
    folder = block(tmp_path, BLOCK.replace("mine:", "piqa:"))
    assert load_blocks(["piqa"], (folder,))[0].title == "t"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BLOCK + "  kindd: x\n", "block mine in .*kindd"),
        (BLOCK.replace("[cloze]", "[]"), "block mine in .*forms"),
        ("- a\n", "one block a task"),
        ("a: [", "expected task blocks in"),
    ],
)
def test_a_faulty_block_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_blocks(["mine"], (block(tmp_path, text),))


def test_an_unknown_task_is_met_with_the_ones_that_sound_like_it() -> None:
    with pytest.raises(ConfigError, match="Did you mean arc_easy"):
        load_blocks(["arc_eazy"])
