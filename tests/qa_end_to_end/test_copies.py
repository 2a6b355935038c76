"""Questions that repeat a seed do not come out, whatever seed it is and however they came about."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from qa_runs import boostqa, make_seeds, rows_of, scripted

from tilth.base.errors import ConfigError
from tilth.generate.scripted.known import fold
from tilth.recipe import parse_recipe
from tilth.runner.session import run
from tilth.synth.verify.checks import grams

STEADY = {"ability": 2.2, "slope": 0.0}


def copies(rows: list[dict[str, Any]], known: set[str]) -> list[dict[str, Any]]:
    return [row for row in rows if fold(row["text"]) in known]


def overlap(row: dict[str, Any]) -> float:
    """The share of a question's 5-grams that one of its seeds has."""
    own = set(grams(row["text"]))
    return max(len(own & set(grams(seed))) / len(own) for seed in orjson.loads(row["metadata"])["seed_texts"])


def test_an_author_that_repeats_other_seeds_is_caught_by_name(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 40, 40)
    recipe = boostqa(
        seeds,
        scripted(seeds, "author", author={"copies": 0.3}),
        scripted(seeds, "checker", skill=STEADY),
        steps=("documents", "seeds", "labelled", "by_grade", "harder", "made"),
        harder={"harden": {"k": 0, "rounds": 1}},
    )
    run(recipe, tmp_path, tmp_path / "run")
    known = {fold(row["text"]) for row in rows_of(tmp_path / "run", "seeds")}
    planted = copies(rows_of(tmp_path / "run", "by_grade"), known)
    assert len(planted) > 20
    assert not copies(rows_of(tmp_path / "run", "made"), known)
    named = copies(rows_of(tmp_path / "run", "made", dropped=True), known)
    reasons = {row["reason"] for row in named}
    assert "near_duplicate_of_index" in reasons
    assert reasons <= {"near_duplicate_of_index", "near_duplicate", "duplicate_question"}


def test_a_question_that_is_nearly_its_own_seed_is_dropped_by_the_checks(shared: Path, tmp_path: Path) -> None:
    """Without the stage against near duplicates, the texts that rows keep of their seeds show it."""
    seeds = make_seeds(shared, tmp_path / "seeds", 40, 0)
    grades = {"grade": {"grades": {"G1": 1}}}  # easier than its seed: the same text with hints
    recipe = boostqa(
        seeds,
        scripted(seeds, "author"),
        scripted(seeds, "checker", skill=STEADY),
        steps=("documents", "seeds", "labelled", "by_grade", "refined", "solved", "verified"),
        by_grade=grades,
        sources={"refined": "by_grade", "solved": "refined", "verified": "solved"},
    )
    run(recipe, tmp_path, tmp_path / "run")
    told = [row for row in rows_of(tmp_path / "run", "verified", dropped=True) if row["reason"] == "copies_seed"]
    assert told
    assert all(overlap(row) >= 0.8 for row in told)
    kept = rows_of(tmp_path / "run", "verified")
    assert kept
    assert all(overlap(row) < 0.8 for row in kept)


def test_a_step_that_wrote_no_index_is_refused_when_the_recipe_is_read() -> None:
    read = {"read": {"source": ["x.parquet"]}}
    plain = {"from": "a", "curate": [{"near_duplicates": {}}]}
    against = {"from": "b", "curate": [{"near_duplicates": {"against_steps": ["b"]}}]}
    with pytest.raises(ConfigError, match=r"near_duplicates against b; expected steps above .* write_index"):
        parse_recipe({"name": "r", "steps": {"a": read, "b": plain, "c": against}})
