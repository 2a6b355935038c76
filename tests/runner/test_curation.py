import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from recipes import make_documents

from tilth.base.errors import ConfigError, DriftError, SourceError
from tilth.base.files import read_json
from tilth.base.fingerprint import text_hash
from tilth.recipe import Recipe, dump_recipe, parse_recipe
from tilth.runner.session import Options, run
from tilth.runner.verify import verify_run

_COLUMNS = {"text": "text", "id": "id", "licence": "licence"}


def recipe_of(*stages: Any, sources: dict[str, Path], execution: dict[str, Any] | None = None) -> Recipe:
    reads = {name: {"read": {"source": [str(path)], "columns": _COLUMNS}} for name, path in sources.items()}
    return parse_recipe(
        {
            "name": "curated",
            "steps": {**reads, "clean": {"from": list(sources), "curate": list(stages)}},
            "execution": {"shard_rows": 20, "workers": 1, **(execution or {})},
        }
    )


def rows_of(run_dir: Path, step: str = "clean", dropped: bool = False) -> list[dict[str, Any]]:
    folder = run_dir / step / "dropped" if dropped else run_dir / step
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def bytes_of(run_dir: Path) -> dict[str, bytes]:
    folder = run_dir / "clean"
    files = [*folder.glob("part-*.parquet"), *folder.glob("dropped/*.parquet"), folder / "manifest.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def web(tmp_path: Path) -> Path:
    return make_documents(tmp_path / "web.parquet", 100)


HALF = {"licences": {"allow": ["CC0-1.0"]}}  # every second document of make_documents
TEN = {"quotas": {"each": {"rows": 10}}}


def test_every_row_is_kept_or_dropped_by_name_and_the_run_verifies(web: Path, tmp_path: Path) -> None:
    ledger = run(recipe_of(HALF, TEN, sources={"web": web}), tmp_path, tmp_path / "run")
    step = ledger["steps"][1]
    assert step["ledger"] == {"in": 100, "kept": 10, "reasons": {"licence_not_allowed": 50, "over_quota": 40}}
    assert [(entry["in"], entry["kept"]) for entry in step["stages"]] == [(100, 50), (50, 10)]
    kept, dropped = rows_of(tmp_path / "run"), rows_of(tmp_path / "run", dropped=True)
    assert len({row["doc_id"] for row in [*kept, *dropped]}) == 100
    assert {(row["stage"], row["reason"]) for row in dropped} == {
        ("1 licences", "licence_not_allowed"),
        ("2 quotas", "over_quota"),
    }
    assert all(row["detail"] and row["text"] for row in dropped)
    assert verify_run(tmp_path / "run").sound
    assert not (tmp_path / "run" / "clean" / "work").exists()


def test_the_report_has_ten_example_rows_for_each_reason(web: Path, tmp_path: Path) -> None:
    run(recipe_of(HALF, TEN, sources={"web": web}), tmp_path, tmp_path / "run")
    report = read_json(tmp_path / "run" / "clean" / "report.json")
    assert {reason: len(rows) for reason, rows in report["examples"].items()} == {
        "kept": 10,
        "licence_not_allowed": 10,
        "over_quota": 10,
    }
    assert set(report["meanings"]) == {"licence_not_allowed", "over_quota"}


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_do_not_change_a_byte(web: Path, tmp_path: Path, workers: int) -> None:
    for count in (1, workers):
        recipe = recipe_of(HALF, TEN, sources={"web": web}, execution={"workers": count})
        run(recipe, tmp_path, tmp_path / f"run-{count}")
    assert bytes_of(tmp_path / "run-1") == bytes_of(tmp_path / f"run-{workers}")


def test_sources_that_number_their_rows_alike_stay_apart_and_carry_their_names(web: Path, tmp_path: Path) -> None:
    books = make_documents(tmp_path / "books.parquet", 30)
    recipe = recipe_of({"quotas": {"groups": {"web": {"rows": 5}}}}, sources={"web": web, "books": books})
    ledger = run(recipe, tmp_path, tmp_path / "run")
    assert ledger["steps"][2]["by_source"]["web"]["kept"] == 5
    assert ledger["steps"][2]["by_source"]["books"]["kept"] == 30
    kept = rows_of(tmp_path / "run")
    assert {row["source"] for row in kept} == {"web", "books"}
    assert len({row["doc_id"] for row in kept}) == 35
    assert all(row["doc_id"].startswith(f"{row['source']}:") for row in kept)


def test_a_curated_step_can_be_split_by_licence_into_two(web: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(web)
    mixed = table.with_columns(
        licence=pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("CC-BY-SA-4.0")).otherwise(pl.lit("MIT"))
    )
    mixed.write_parquet(web)
    value = recipe_of("quotas", sources={"web": web}).model_dump(mode="json", by_alias=True, exclude_none=True)
    value["steps"]["open"] = {"from": "clean", "curate": [{"licences": {"share_alike": "drop"}}]}
    value["steps"]["alike"] = {"from": "clean", "curate": [{"licences": {"share_alike": "only"}}]}
    run(parse_recipe(value), tmp_path, tmp_path / "run")
    assert {row["licence"] for row in rows_of(tmp_path / "run", "alike")} == {"CC-BY-SA-4.0"}
    assert len(rows_of(tmp_path / "run", "alike")) == 25
    assert len(rows_of(tmp_path / "run", "open")) == 75


def test_other_settings_are_refused_with_the_field_and_the_rows(web: Path, tmp_path: Path) -> None:
    first = recipe_of(TEN, sources={"web": web})
    second = recipe_of({"quotas": {"each": {"rows": 20}}}, sources={"web": web})
    run(first, tmp_path, tmp_path / "run")
    with pytest.raises(DriftError, match=r"1 quotas\.settings: \w+ -> \w+  \(100 rows\)"):
        run(second, tmp_path, tmp_path / "run")
    assert run(second, tmp_path, tmp_path / "run", options=Options(on_drift="keep"))["steps"][1]["ledger"]["kept"] == 10
    ledger = run(second, tmp_path, tmp_path / "run", options=Options(on_drift="regenerate"))
    assert ledger["steps"][1]["ledger"]["kept"] == 20


def test_a_source_that_grew_is_curated_anew_and_no_answer_is_asked_for_twice(tmp_path: Path) -> None:
    make_documents(tmp_path / "in" / "a.parquet", 60)
    value = recipe_of(HALF, sources={"web": tmp_path / "in" / "*.parquet"}).model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    value["steps"]["made"] = {
        "from": "clean",
        "rephrase": {"prompts": ["table"], "route": False, "model": {"engine": "extractive"}},
    }
    recipe = parse_recipe(value)
    first = run(recipe, tmp_path, tmp_path / "run")
    asked = first["cost"]["requests"]
    make_documents(tmp_path / "in" / "b.parquet", 20, first=60)
    second = run(recipe, tmp_path, tmp_path / "run")
    assert second["steps"][1]["ledger"]["kept"] == 40
    assert second["steps"][2]["documents"] == 40
    assert second["cost"]["requests"] == asked + 10
    assert verify_run(tmp_path / "run").sound


def test_rewrites_can_be_curated_and_say_where_they_came_from(web: Path, tmp_path: Path) -> None:
    value = recipe_of(HALF, sources={"web": web}).model_dump(mode="json", by_alias=True, exclude_none=True)
    value["steps"]["made"] = {
        "from": "clean",
        "rephrase": {"prompts": ["table"], "route": False, "model": {"engine": "extractive"}},
    }
    value["steps"]["best"] = {"from": "made", "curate": [TEN]}
    run(parse_recipe(value), tmp_path, tmp_path / "run")
    rows = rows_of(tmp_path / "run", "best")
    assert len(rows) == 10
    assert all('"prompt":"table"' in row["metadata"] and row["content_hash"] == text_hash(row["text"]) for row in rows)
    assert verify_run(tmp_path / "run").sound


def test_nothing_left_is_an_error_that_says_which_stage_took_it(web: Path, tmp_path: Path) -> None:
    recipe = recipe_of({"licences": {"allow": ["MIT"]}}, sources={"web": web})
    with pytest.raises(SourceError, match="100 licence_not_allowed"):
        run(recipe, tmp_path, tmp_path / "run")


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ([], "at least one stage"),
        ([{"licence": {}}], "licence"),
        ([{"licences": {}, "quotas": {}}], "expected one stage an item"),
        ([{"quotas": {"by": "colour"}}], "colour"),
    ],
)
def test_a_mistake_in_a_list_of_stages_is_named(web: Path, stages: list[Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        recipe_of(*stages, sources={"web": web})


def test_a_recipe_with_a_curate_step_reads_back_as_it_was_written(web: Path, tmp_path: Path) -> None:
    from tilth.recipe import load_recipe

    recipe = recipe_of("licences", TEN, sources={"web": web})
    (tmp_path / "r.yaml").write_text(dump_recipe(recipe))
    assert load_recipe(tmp_path / "r.yaml") == recipe


@pytest.mark.slow
def test_kills_at_any_moment_leave_the_same_dataset(tmp_path: Path) -> None:
    web = make_documents(tmp_path / "web.parquet", 400)
    recipe = recipe_of(HALF, TEN, "quotas", sources={"web": web}, execution={"workers": 2})
    run(recipe, tmp_path, tmp_path / "whole")
    (tmp_path / "r.yaml").write_text(dump_recipe(recipe))
    run_dir = tmp_path / "killed"
    kills = 0
    for wait in _waits():
        process = _start(tmp_path / "r.yaml", run_dir)
        try:
            process.wait(wait)
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            time.sleep(0.2)
            shutil.rmtree(run_dir / "run.lock", ignore_errors=True)
    assert kills >= 3
    assert process.wait() == 0
    assert bytes_of(run_dir) == bytes_of(tmp_path / "whole")
    assert verify_run(run_dir).sound


def _waits() -> Iterator[float]:
    yield from (0.9, 1.2, 1.5, 1.8, 2.2, 2.6)
    while True:
        yield 100


def _start(recipe: Path, run_dir: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tilth.cli", "run", str(recipe), "--run-dir", str(run_dir), "--quiet"]
    return subprocess.Popen(command, start_new_session=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
