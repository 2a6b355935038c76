"""Which rows a page shows."""

from collections import Counter
from pathlib import Path

from make_run import PLAIN, document, make_run

from tilth.view.choose import Chosen, StepFolder, choose
from tilth.view.rows import read_chosen

PROMPTS = ("faq", "tutorial")


def build(folder: Path, count: int, shard_rows: int = 50) -> list[StepFolder]:
    rows = [document(f"{PLAIN[number % 3]} Number {number}.", number) for number in range(count)]
    make_run(folder, rows, prompts=PROMPTS, shard_rows=shard_rows)
    return [
        StepFolder(name="documents", kind="read", folder=folder / "documents"),
        StepFolder(name="rephrased", kind="rephrase", folder=folder / "rephrased"),
    ]


def names(chosen: list[Chosen]) -> list[tuple[str, str]]:
    return [
        (row.get("sample_id") or str(row.get("position")), each.stratum.reason)
        for each, row in zip(chosen, read_chosen(chosen), strict=True)
    ]


def test_the_same_rows_are_chosen_however_they_lie_in_shards(tmp_path: Path):
    first = names(choose(build(tmp_path / "a", 200), per_prompt=20, seed=0))
    assert first == names(choose(build(tmp_path / "b", 200, shard_rows=7), per_prompt=20, seed=0))
    assert first != names(choose(build(tmp_path / "c", 200), per_prompt=20, seed=1))


def test_every_verdict_and_reason_of_every_prompt_has_a_row_and_half_are_kept(tmp_path: Path):
    chosen = choose(build(tmp_path, 400), per_prompt=20, seed=0)
    by_prompt = Counter(each.stratum.prompt for each in chosen)
    assert by_prompt["faq"] == by_prompt["tutorial"] == 20
    for prompt in PROMPTS:
        mine = [each.stratum for each in chosen if each.stratum.prompt == prompt]
        assert sum(stratum.verdict == "kept" for stratum in mine) == 10
        assert {stratum.verdict for stratum in mine} == {"kept", "flagged", "dropped"}
        assert {stratum.reason for stratum in mine} >= {"copy_high", "loop", f"format_{prompt}"}
    assert {each.stratum.reason for each in chosen if each.stratum.verdict == "rejected"} == {
        "broken_json",
        "empty_text",
        "not_utf8",
    }


def test_rewrites_of_one_document_stand_together(tmp_path: Path):
    chosen = [each for each in choose(build(tmp_path, 200), per_prompt=20, seed=0) if each.stratum.prompt]
    documents = [row["doc_id"] for row in read_chosen(chosen)]
    both = [name for name, count in Counter(documents).items() if count == 2]
    assert len(both) >= 8
    assert all(documents[documents.index(name) + 1] == name for name in both)


def test_an_empty_run_has_no_rows(tmp_path: Path):
    steps = build(tmp_path, 0)
    assert {each.stratum.verdict for each in choose(steps, per_prompt=20, seed=0)} == {"rejected"}
