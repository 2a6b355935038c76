"""The shipped recipe through the real runner, on real seeds, with models whose errors are known."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from qa_runs import boostqa, journalled, make_seeds, rows_of, scripted, shelf_of

from tilth.base.files import read_json
from tilth.base.random import stream
from tilth.data.qa import qa_of
from tilth.generate.scripted.known import Shelf
from tilth.generate.scripted.reading import read_question
from tilth.generate.scripted.solver import same_answer
from tilth.recipe import Recipe, dump_recipe, load_recipe
from tilth.runner.session import run
from tilth.runner.verify import verify_run
from tilth.synth.questions.degradation import degradation
from tilth.view.samples import write_samples
from tilth.view.synthesis import refinements_of

#: Skill of a solver that is right 90% of the time, whatever the question.
STEADY = {"ability": 2.2, "slope": 0.0}
VOTE = {"contradicted", "never_solved", "no_majority"}
#: The steps from seeds to a vote, without those that do not matter for it.
TO_VOTE = (
    "documents",
    "seeds",
    "labelled",
    "by_grade",
    "harder",
    "made",
    "refined",
    "rated",
    "solved",
    "judged",
    "verified",
)


def is_right(row: dict[str, Any], shelf: Shelf) -> bool:
    """Whether a row's stated answer is the one that its question has."""
    qa = qa_of(row["text"], row.get("metadata") or row.get("parsed"))
    reading = read_question(qa.question, shelf, 1.0)
    assert reading is not None
    return same_answer(qa.answer or "", reading.answer, qa.choices or ())


def vote_of(seeds: Path, folder: Path, **changes: Any) -> tuple[float, float, int]:
    """Of wrong questions the share that the vote drops, of right ones the share that it loses, and how many rows."""
    author = scripted(seeds, "author", author={"wrong": 0.2})
    checker = scripted(seeds, "checker", skill=STEADY)
    recipe = boostqa(seeds, author, checker, steps=TO_VOTE, solved={"k": 8}, **changes)
    run(recipe, folder, folder / "run")
    shelf = shelf_of(seeds)
    kept = [is_right(row, shelf) for row in rows_of(folder / "run", "verified")]
    dropped = rows_of(folder / "run", "verified", dropped=True)
    out = [is_right(row, shelf) for row in dropped if row["reason"] in VOTE]
    wrong, good = kept.count(False) + out.count(False), kept.count(True) + out.count(True)
    return out.count(False) / wrong, out.count(True) / good, wrong + good


def test_the_vote_catches_planted_wrong_answers_and_keeps_right_ones(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 40, 40)
    caught, lost, rows = vote_of(seeds, tmp_path)
    assert rows > 80
    assert caught >= 0.95
    assert lost <= 0.05


@pytest.mark.slow
def test_the_vote_holds_on_a_thousand_questions(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 500, 500)
    caught, lost, rows = vote_of(seeds, tmp_path)
    assert rows > 1000
    assert caught >= 0.95
    assert lost <= 0.05


def test_degradation_that_was_planted_in_the_author_is_measured(shared: Path, tmp_path: Path) -> None:
    """3 of 10 questions by grade are 4 points easier than asked for; an author without lapses is the measure."""
    seeds = make_seeds(shared, tmp_path / "seeds", 0, 180)
    differences = {}
    for share in (0.0, 0.3):
        author = scripted(seeds, "author", author={"too_easy": {"grade": share}, "too_easy_by": 4})
        checker = scripted(seeds, "checker", skill=STEADY)
        # questions of the upper grades only: there is room for four points below them
        grade = {"grade": {"grades": {"G4": 1, "G5": 1}, "per_seed": 1}}
        steps = ("documents", "seeds", "labelled", "by_grade", "harder", "made", "refined", "rated")
        folder = tmp_path / str(share)
        recipe = boostqa(seeds, author, checker, steps=steps, by_grade=grade, harder={"harden": {"k": 0, "rounds": 1}})
        run(recipe, folder, folder)
        measured = degradation(row for row in rows_of(folder, "rated") if '"mechanism":"grade"' in row["parsed"])
        (found,) = measured["difficulty"]
        assert found["pairs"] > 150
        differences[share] = found
    planted = 0.3 * 4
    assert differences[0.3]["difference"]["value"] - differences[0.0]["difference"]["value"] == pytest.approx(
        -planted, abs=0.35
    )
    assert differences[0.3]["below_a_bin"]["low"] > differences[0.0]["below_a_bin"]["high"]


def test_every_row_that_comes_out_has_its_labels_its_lineage_and_its_text(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 25, 25)
    recipe = boostqa(seeds, scripted(seeds, "author"), scripted(seeds, "checker", skill=STEADY))
    ledger = run(recipe, tmp_path, tmp_path / "run")
    assert ledger["state"] == "finished"
    assert verify_run(tmp_path / "run").sound
    rows = rows_of(tmp_path / "run", "texts")
    assert len(rows) > 40
    for row in rows:
        told = orjson.loads(row["metadata"])
        named = {"question", "answer", "discipline", "difficulty", "pass_rate", "verdict", "votes", "solvers"}
        assert named <= set(told)
        assert {"mechanism", "seeds", "difficulty_requested", "layout", "made_by"} <= set(told)
        assert told["question"].split("\n")[0] in row["text"]
    # three votes on a grade may be three grades, and then it is left open
    assert sum("grade" in orjson.loads(row["metadata"]) for row in rows) > 0.8 * len(rows)
    assert {orjson.loads(row["metadata"])["mechanism"] for row in rows} == {"grade", "harden"}
    assert {orjson.loads(row["metadata"])["layout"] for row in rows} == {"plain", "reasoning", "choice", "chat"}
    assert {row["licence"] for row in rows} == {"MIT", "CC-BY-SA-4.0"}


def test_a_run_that_is_killed_between_the_calls_of_a_row_pays_for_no_call_twice(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 8, 8)
    _killed(seeds, tmp_path, kills=2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_kills_at_random_moments_change_no_row(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 40, 40)
    _killed(seeds, tmp_path, kills=20)


def _killed(seeds: Path, folder: Path, kills: int) -> None:
    slow = {"latency": 0.01}  # seconds an answer, so that rows are killed between their calls
    author, checker = scripted(seeds, "author", **slow), scripted(seeds, "checker", skill=STEADY, **slow)
    recipe = boostqa(seeds, author, checker, execution={"shard_rows": 10}, solved={"k": 4})
    whole = run(recipe, folder, folder / "whole")
    path = folder / "recipe.yaml"
    path.write_text(dump_recipe(recipe))
    draw = stream(5, "kills")
    command = [sys.executable, "-m", "tilth.cli", "run", str(path), "--run-dir", str(folder / "killed")]
    for _ in range(kills):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _wait_for_answers(folder / "killed", draw.randint(1, 8))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    ledger = run(load_recipe(path), folder, folder / "killed")
    assert ledger["state"] == "finished"
    for step in recipe.steps:
        assert rows_of(folder / "killed", step) == rows_of(folder / "whole", step), step
        answers = Counter(journalled(folder / "killed", step))
        assert not [call for call, times in answers.items() if times > 1], step
        assert set(answers) == set(journalled(folder / "whole", step)), step
    assert sum(1 for step in recipe.steps for _ in journalled(folder / "killed", step)) == whole["cost"]["requests"]
    assert ledger["cost"]["answers_reused"] > 0


def _wait_for_answers(run_dir: Path, more: int) -> None:
    """Until the journals have grown by `more` writes; the run works on meanwhile, so that is anywhere in it."""

    def size() -> int:
        # os.walk passes over folders that the run removes meanwhile
        found = (Path(folder) / name for folder, _, names in os.walk(run_dir) for name in names)
        return sum(path.stat().st_size for path in found if path.suffix == ".seg")

    seen, grown = size(), 0
    for _ in range(3000):  # half a minute, then the run is killed wherever it is
        time.sleep(0.01)
        now = size()
        grown += now != seen
        seen = now
        if grown >= more or read_finished(run_dir):
            return


def read_finished(run_dir: Path) -> bool:
    path = run_dir / "ledger.json"
    return path.exists() and bool(read_json(path).get("state") == "finished")


def test_the_shipped_recipe_runs_on_the_shipped_documents_without_a_model(tmp_path: Path) -> None:
    recipe: Recipe = load_recipe(Path("boostqa"))
    value = recipe.model_copy(update={"execution": recipe.execution.model_copy(update={"workers": 1})})
    ledger = run(value, tmp_path, tmp_path / "run")
    steps = {step["name"]: step["ledger"] for step in ledger["steps"]}
    assert steps["texts"]["kept"] >= 20
    assert steps["harder"]["reasons"] == {"refused:rules_cannot_harden": steps["harder"]["in"]}
    for row in rows_of(tmp_path / "run", "texts"):
        told = orjson.loads(row["metadata"])
        assert told["layout"]
        assert (told["answer"] in row["text"]) or told.get("choices")


def test_the_page_says_what_refinement_changed(shared: Path, tmp_path: Path) -> None:
    """Four of five wrong answers are mended; what is said of it is what can be counted in both versions."""
    seeds = make_seeds(shared, tmp_path / "seeds", 60, 0)
    author = scripted(seeds, "author", author={"wrong": 0.5})
    checker = scripted(seeds, "checker", author={"repairs": 0.8})
    steps = ("documents", "seeds", "labelled", "by_grade", "refined")
    recipe = boostqa(seeds, author, checker, steps=steps, sources={"refined": "by_grade"})
    ledger = run(recipe, tmp_path, tmp_path / "run")
    (step,) = [one for one in ledger["steps"] if one["name"] == "refined"]
    found = refinements_of(step, tmp_path / "run" / "refined")
    assert found is not None
    assert found["rows"] == step["ledger"]["kept"]
    changes = found["changes"]
    shelf = shelf_of(seeds)
    wrong = [
        sum(not is_right(row, shelf) for row in rows_of(tmp_path / "run", name)) for name in ("by_grade", "refined")
    ]
    assert wrong[0] > 30
    assert wrong[1] < 0.35 * wrong[0]
    assert changes["answer changed"]["value"] == pytest.approx((wrong[0] - wrong[1]) / found["rows"])
    assert changes["answer changed"]["low"] < changes["answer changed"]["value"] < changes["answer changed"]["high"]
    assert changes["nothing changed"]["value"] + changes["answer changed"]["value"] <= 1
    assert changes["question edited"]["value"] == 0
    page = write_samples(tmp_path / "run").read_text(encoding="utf-8")
    assert "answer changed" in page
