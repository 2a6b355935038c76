"""The index in a file: the same decisions, whatever happens to the file, and one build for all processes."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from contamination import CLEAN, ITEMS, write_items
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.decontaminate import store
from tilth.curate.decontaminate.index import Index, build_index
from tilth.curate.decontaminate.match import find_matches
from tilth.curate.decontaminate.store import read_index, stored, write_index
from tilth.data.benchmarks import read_benchmarks
from tilth.recipe.stages.decontaminate import Matching

MATCHING = Matching()


def built(folder: Path, items: list[dict[str, Any]] | None = None) -> Index:
    return build_index(read_benchmarks([write_items(folder, "quiz", items)]), MATCHING)


def arrays(value: Any) -> list[Any]:
    """Every array of an index or of a part of it, in order."""
    found: list[Any] = []
    for field in dataclasses.fields(value):
        one = getattr(value, field.name)
        found += [one] if isinstance(one, np.ndarray | pl.DataFrame) else arrays(one)
    return found


def same(one: Index, other: Index) -> bool:
    pairs = zip(arrays(one), arrays(other), strict=True)
    return all(
        a.equals(b) if isinstance(a, pl.DataFrame) else a.dtype == b.dtype and bool(np.array_equal(a, b))
        for a, b in pairs
    )


@pytest.fixture
def keeps_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own in which also small indexes are kept."""
    monkeypatch.setattr(store, "WORTH_KEEPING", 0)
    monkeypatch.setenv(store.ENVIRONMENT, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_an_index_comes_back_from_its_file_as_it_was_and_is_mapped(tmp_path: Path) -> None:
    index = built(tmp_path)
    write_index(index, tmp_path / "a.arrow")
    again = read_index(tmp_path / "a.arrow")
    assert again is not None
    assert same(index, again)
    assert not again.weight.flags.owndata
    assert not again.weight.flags.writeable
    texts = [CLEAN, *(str(item["question"]) for item in ITEMS), str(ITEMS[4]["context"])]
    assert find_matches(texts, again, MATCHING) == find_matches(texts, index, MATCHING) != []


def test_an_index_without_an_ngram_comes_back_too(tmp_path: Path) -> None:
    index = built(tmp_path, [{"item_id": "x", "question": "Why?"}])
    write_index(index, tmp_path / "a.arrow")
    again = read_index(tmp_path / "a.arrow")
    assert again is not None
    assert same(index, again)
    assert find_matches([CLEAN, "Why?"], again, MATCHING) == []


@settings(deadline=None, max_examples=10)
@given(st.data())
def test_a_damaged_file_is_no_index(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "a.arrow"
    write_index(built(folder), path)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert read_index(path) is None


def test_a_damaged_or_lost_file_is_built_again(tmp_path: Path, keeps_all: Path) -> None:
    index = built(tmp_path)
    assert same(stored("k", lambda: index), index)
    never = pytest.fail
    assert same(stored("k", lambda: never("built though it is there")), index)
    for damage in (
        lambda: (keeps_all / "k.arrow").write_bytes(b"ARROW1 and then nothing"),
        lambda: (keeps_all / "k.json").write_text("{"),
        lambda: (keeps_all / "k.json").unlink(),
        lambda: (keeps_all / "k.arrow").unlink(),
    ):
        damage()
        assert read_index(keeps_all / "k.arrow") is None
        assert same(stored("k", lambda: index), index)
        assert read_index(keeps_all / "k.arrow") is not None


def test_a_folder_that_cannot_be_written_costs_only_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WORTH_KEEPING", 0)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(store.ENVIRONMENT, str(tmp_path / "file"))
    index = built(tmp_path)
    assert stored("k", lambda: index) is index


def test_small_indexes_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.ENVIRONMENT, str(tmp_path / "cache"))
    index = built(tmp_path)
    assert stored("k", lambda: index) is index
    assert not list((tmp_path / "cache").glob("*.arrow"))


def test_only_the_indexes_used_last_are_kept(tmp_path: Path, keeps_all: Path) -> None:
    index = built(tmp_path)
    for number in range(6):
        stored(f"k{number}", lambda: index)
        os.utime(keeps_all / f"k{number}.arrow", (number, number))
    stored("k6", lambda: index)
    assert sorted(path.stem for path in keeps_all.glob("*.arrow")) == ["k3", "k4", "k5", "k6"]


_BUILDER = """
import sys
from pathlib import Path
from tilth.curate.decontaminate import store
from tilth.curate.decontaminate.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.decontaminate import Decontaminate

store.WORTH_KEEPING = 0
original, calls = store.write_index, []
store.write_index = lambda index, path: (calls.append(path), original(index, path))
stage = build(Decontaminate(benchmarks=(sys.argv[1],)))
print(len(calls if stage.index else calls), stage(make_frame([sys.argv[2]]))["reason"].item())
"""


def test_of_several_processes_one_builds_and_all_find_the_same(tmp_path: Path) -> None:
    quiz = write_items(tmp_path)
    environment = {**os.environ, store.ENVIRONMENT: str(tmp_path / "cache")}
    command = [sys.executable, "-c", _BUILDER, quiz, str(ITEMS[0]["question"])]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [reason for _, reason in said] == ["contaminated_question"] * 2
    assert sum(int(count) for count, _ in said) == 1
    assert len(list((tmp_path / "cache").glob("*.arrow"))) == 1


def test_another_file_or_setting_is_another_index_and_another_action_is_not(tmp_path: Path, keeps_all: Path) -> None:
    from tilth.curate.decontaminate.stage import build
    from tilth.recipe.stages.decontaminate import Decontaminate

    quiz = write_items(tmp_path)
    build(Decontaminate(benchmarks=(quiz,))).index.members_of(0)
    build(Decontaminate(benchmarks=(quiz,), action="flag")).index.members_of(0)
    assert len(list(keeps_all.glob("*.arrow"))) == 1
    build(Decontaminate(benchmarks=(quiz,), matching=Matching(words=6))).index.members_of(0)
    assert len(list(keeps_all.glob("*.arrow"))) == 2
    write_items(tmp_path, "quiz", ITEMS[:3])
    build(Decontaminate(benchmarks=(quiz,))).index.members_of(0)
    assert len(list(keeps_all.glob("*.arrow"))) == 3
