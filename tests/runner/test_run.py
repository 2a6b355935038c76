import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recipes import make_documents, make_recipe, rows_of

from tilth.api import preview, reparse, run, stitched
from tilth.base.errors import BudgetReached, ConfigError, DriftError, SourceError, StorageError, UserError
from tilth.base.files import read_json
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import serve
from tilth.recipe import dump_recipe
from tilth.runner.crash import digests
from tilth.runner.session import read_ledger
from tilth.runner.verify import verify_run


def ledger_of(run_dir: Path, step: int = 1) -> dict[str, object]:
    ledger: dict[str, object] = read_ledger(run_dir)["steps"][step]["ledger"]
    return ledger


def test_every_row_ends_in_one_named_state_and_the_run_verifies(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 30)
    with serve() as server:
        result = run(make_recipe(source, server.url, prompts=["faq", "math"]), tmp_path / "run")
    step = result.ledger["steps"][1]
    assert step["routing"]["in"] == 60
    assert step["ledger"]["in"] == step["ledger"]["kept"] + sum(step["ledger"]["reasons"].values()) == 60
    assert len(rows_of(tmp_path / "run")) == step["ledger"]["kept"] > 0
    assert len(rows_of(tmp_path / "run", dropped=True)) == sum(step["ledger"]["reasons"].values())
    report = verify_run(tmp_path / "run")
    assert report.sound, report.lines
    assert result.page is not None
    assert "<script" in result.page.read_text(encoding="utf-8")


def test_licence_origin_and_lineage_travel_to_the_end(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 4)
    with serve() as server:
        run(make_recipe(source, server.url), tmp_path / "run")
    rows = rows_of(tmp_path / "run")
    assert {row["licence"] for row in rows} == {"CC0-1.0", "CC-BY-4.0"}
    assert all(row["origin"] == str(source) and row["prompt"] == "faq" and row["model"] == "fake" for row in rows)
    assert len({row["sample_id"] for row in rows}) == len(rows) == 4
    assert all(row["seed"] is not None and row["prompt_tokens"] > 0 and row["cut_how"] == "whole" for row in rows)


def test_a_finished_run_run_again_asks_nothing_and_changes_nothing(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 20)
    with serve() as server:
        recipe = make_recipe(source, server.url)
        run(recipe, tmp_path / "run")
        before, asked = digests(tmp_path / "run"), server.stats()["requests"]
        result = run(recipe, tmp_path / "run")
        assert server.stats()["requests"] == asked
    assert digests(tmp_path / "run") == before
    assert result.ledger["cost"]["requests"] == asked
    assert len(result.ledger["cost"]["sessions"]) == 2


def test_new_documents_and_a_new_prompt_cost_only_the_new_work(tmp_path: Path) -> None:
    make_documents(tmp_path / "docs" / "a.parquet", 10)
    with serve() as server:
        run(make_recipe(tmp_path / "docs", server.url), tmp_path / "run")
        first = server.stats()["requests"]
        make_documents(tmp_path / "docs" / "0-earlier-by-name.parquet", 5, first=100)
        run(make_recipe(tmp_path / "docs", server.url), tmp_path / "run")
        second = server.stats()["requests"]
        run(make_recipe(tmp_path / "docs", server.url, prompts=["faq", "table"]), tmp_path / "run")
        third = server.stats()["requests"]
        assert server.stats()["duplicates"] == 0
    assert first >= 10
    assert 5 <= second - first < 10 + 5
    assert third - second >= 15
    assert verify_run(tmp_path / "run").sound


def test_a_changed_setting_is_refused_with_its_field_and_the_rows(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 12)
    with serve() as server:
        run(make_recipe(source, server.url), tmp_path / "run")
        asked = server.stats()["requests"]
        changed = make_recipe(source, server.url, sampling={"temperature": 0.7})
        with pytest.raises(DriftError, match=r"sampling\.temperature: null -> 0\.7  \(12 rows\)") as caught:
            run(changed, tmp_path / "run")
        assert caught.value.rows == 12
        assert server.stats()["requests"] == asked  # refused before any call


def test_keep_leaves_finished_rows_and_regenerate_asks_again(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 12)
    with serve() as server:
        run(make_recipe(source, server.url), tmp_path / "run")
        first, asked = digests(tmp_path / "run"), server.stats()["requests"]
        changed = make_recipe(source, server.url, seed=9)
        run(changed, tmp_path / "run", on_drift="keep")
        assert server.stats()["requests"] == asked
        assert [row["text"] for row in rows_of(tmp_path / "run")]
        run(changed, tmp_path / "run")  # the choice holds for later resumes
        assert server.stats()["requests"] == asked
        other = make_recipe(source, server.url, seed=10)
        run(other, tmp_path / "run", on_drift="regenerate")
        assert server.stats()["requests"] >= asked + 12
        assert digests(tmp_path / "run") != first


def test_urls_workers_and_concurrency_are_no_change_of_identity(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 24)
    with serve() as one, serve() as other:
        execution = {"shard_rows": 6}
        run(make_recipe(source, one.url, execution=execution), tmp_path / "run")
        again = make_recipe(source, other.url, model={"max_in_flight": 3}, execution={"workers": 2, "shard_rows": 6})
        run(again, tmp_path / "run")
        assert other.stats()["requests"] == 0
        run(again, tmp_path / "two")
    assert _plain(digests(tmp_path / "run")) == _plain(digests(tmp_path / "two"))


def _plain(found: dict[str, str]) -> list[str]:
    return [found[name] for name in sorted(found) if name.startswith("rephrased")]


def test_several_workers_give_the_same_bytes_as_one(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 40)
    prompts = ["faq", "math", "tutorial"]
    for workers in (1, 2):
        execution = {"workers": workers, "shard_rows": 5}
        run(make_recipe(source, prompts=prompts, execution=execution), tmp_path / f"w{workers}", page=False)
    assert digests(tmp_path / "w1") == digests(tmp_path / "w2")


def test_a_cap_stops_cleanly_is_never_crossed_and_the_run_goes_on_later(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 30)
    with serve() as server:
        small = make_recipe(source, server.url, budget={"tokens": 12_000}, sampling={"max_tokens": 700})
        result = run(small, tmp_path / "run")
        assert isinstance(result.stopped, BudgetReached)
        cost = result.ledger["cost"]
        assert 0 < cost["prompt_tokens"] + cost["completion_tokens"] <= 12_000
        done = make_recipe(source, server.url, sampling={"max_tokens": 700})
        result = run(done, tmp_path / "run")
        assert result.stopped is None
        assert server.stats()["duplicates"] == 0
    assert ledger_of(tmp_path / "run")["in"] == 30


def test_a_server_that_dies_leaves_rows_for_later_and_loses_none(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 10)
    with serve(FakeConfig(faults={"500": 1.0}, faults_per_request=100)) as server:
        recipe = make_recipe(source, server.url, execution={"salvage_rounds": 0})
        result = run(recipe, tmp_path / "run", page=False)
        reasons = result.ledger["steps"][1]["ledger"]["reasons"]
        assert sum(reasons.values()) == 10
        assert set(reasons) <= {"engine:server", "engine:connection"}
    with serve() as server:
        recipe = make_recipe(source, server.url, execution={"salvage_rounds": 0})
        result = run(recipe, tmp_path / "run", page=False)
    assert result.ledger["steps"][1]["ledger"]["in"] == 10
    assert not [reason for reason in result.ledger["steps"][1]["ledger"]["reasons"] if reason.startswith("engine")]


def test_salvage_rounds_try_rows_again_that_failed_for_passing_reasons(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 12)
    with serve(FakeConfig(faults={"503": 0.5, "drop": 0.2}, faults_per_request=2)) as server:
        recipe = make_recipe(source, server.url, model={"retries": 0}, execution={"salvage_rounds": 4})
        result = run(recipe, tmp_path / "run", page=False)
    reasons = result.ledger["steps"][1]["ledger"]["reasons"]
    assert not [reason for reason in reasons if reason.startswith("engine:")]
    assert result.ledger["steps"][1]["ledger"]["in"] == 12


def test_reparse_reads_the_answers_again_without_a_call(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 15)
    with serve() as server:
        run(make_recipe(source, server.url), tmp_path / "run")
    before = digests(tmp_path / "run")
    source.unlink()  # neither the source nor the server is needed
    result, old = reparse(tmp_path / "run")
    assert digests(tmp_path / "run") == before
    assert result.ledger["steps"][1]["ledger"] == old["steps"][1]["ledger"]


def test_reparse_after_a_run_that_was_cut_off_says_what_was_not_answered(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 30)
    with serve() as server:
        recipe = make_recipe(source, server.url, budget={"tokens": 12_000}, sampling={"max_tokens": 700})
        run(recipe, tmp_path / "run", page=False)
    result, _ = reparse(tmp_path / "run", page=False)
    book = result.ledger["steps"][1]["ledger"]
    assert book["in"] == 30
    assert book["reasons"]["not_answered"] > 0


def test_looser_policies_take_dropped_rows_back_without_a_call(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 10)
    with serve(FakeConfig(faults={"loop": 1.0}, faults_per_request=100)) as server:
        strict = make_recipe(source, server.url, checks={"retries": 0})
        dropped = run(strict, tmp_path / "run", page=False).ledger["steps"][1]["ledger"]["reasons"]
        asked = server.stats()["requests"]
        assert sum(dropped.values()) == 10
        loose = make_recipe(source, server.url, checks={"retries": 0, "policies": dict.fromkeys(dropped, "flag")})
        again = run(loose, tmp_path / "run", page=False).ledger["steps"][1]["ledger"]
        assert server.stats()["requests"] == asked
    assert sum(again["reasons"].get(reason, 0) for reason in dropped) == 0


def test_a_source_that_changed_is_refused_and_keep_goes_on_with_what_was_read(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 8)
    recipe = make_recipe(source)
    run(recipe, tmp_path / "run", page=False)
    before = digests(tmp_path / "run")
    os.utime(source, (1, 1))
    run(recipe, tmp_path / "run", page=False)  # another date, the same bytes: no change
    make_documents(source, 8, first=50)
    with pytest.raises(DriftError, match=r"docs\.parquet.*8 rows"):
        run(recipe, tmp_path / "run", page=False)
    run(recipe, tmp_path / "run", on_drift="keep", page=False)
    assert digests(tmp_path / "run") == before


def test_a_changed_source_read_anew_asks_only_for_what_changed(tmp_path: Path) -> None:
    make_documents(tmp_path / "docs" / "a.parquet", 10)
    make_documents(tmp_path / "docs" / "b.parquet", 10, first=100)
    execution = {"shard_rows": 5}
    with serve() as server:
        recipe = make_recipe(tmp_path / "docs", server.url, checks={"retries": 0}, execution=execution)
        run(recipe, tmp_path / "run", page=False)
        make_documents(tmp_path / "docs" / "a.parquet", 13, first=-3)  # three rows more, at the front
        with pytest.raises(DriftError, match="--regenerate"):
            run(recipe, tmp_path / "run", page=False)
        assert server.stats()["requests"] == 20
        run(recipe, tmp_path / "run", on_drift="regenerate", page=False)
        assert server.stats()["requests"] == 23
        assert server.stats()["duplicates"] == 0
        make_documents(tmp_path / "docs" / "a.parquet", 2)
        (tmp_path / "docs" / "b.parquet").unlink()
        result = run(recipe, tmp_path / "run", on_drift="regenerate", page=False)
        assert server.stats()["requests"] == 23
    assert result.ledger["steps"][1]["ledger"]["in"] == 2
    rows = rows_of(tmp_path / "run") + rows_of(tmp_path / "run", dropped=True)
    assert {row["doc_id"] for row in rows} == {"doc-0", "doc-1"}
    assert verify_run(tmp_path / "run").sound


def test_a_missing_column_is_said_before_any_call(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 3)
    with serve() as server:
        recipe = make_recipe(source, server.url)
        read = recipe.steps["documents"].read
        assert read is not None
        columns = read.columns.model_copy(update={"text": "txt"})
        steps = dict(recipe.steps)
        steps["documents"] = steps["documents"].model_copy(
            update={"read": read.model_copy(update={"columns": columns})}
        )
        with pytest.raises(SourceError, match="'text'"):
            run(recipe.model_copy(update={"steps": steps}), tmp_path / "run")
        assert server.stats()["requests"] == 0


def test_an_unknown_prompt_and_a_server_that_is_not_there_are_the_users_to_mend(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 3)
    with pytest.raises(ConfigError, match="faq"):
        run(make_recipe(source, prompts=["fak"]), tmp_path / "run")
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9"):
        run(make_recipe(source, "http://127.0.0.1:9/v1"), tmp_path / "run2")


def test_a_folder_that_cannot_be_written_stops_the_run_with_the_reason(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 3)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        run(make_recipe(source), tmp_path / "file" / "run")


def test_damage_is_found_by_verify(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 10)
    with serve() as server:
        run(make_recipe(source, server.url), tmp_path / "run", page=False)
    shard = tmp_path / "run" / "rephrased" / "part-00000.parquet"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(bytes(data))
    report = verify_run(tmp_path / "run")
    assert not report.sound
    assert any("part-00000.parquet" in line for line in report.lines)


def test_a_row_that_breaks_the_code_is_named_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_documents(tmp_path / "docs.parquet", 6)
    from tilth.synth import rephrase

    whole = rephrase.judge

    def breaks(source: object, text: str, reason: str, plan: object) -> object:
        if "in district 3." in source.text:  # type: ignore[attr-defined]
            raise RuntimeError("a fault in a parser")
        return whole(source, text, reason, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(rephrase, "judge", breaks)
    with serve() as server:
        result = run(make_recipe(source, server.url), tmp_path / "run", page=False)
    reasons = result.ledger["steps"][1]["ledger"]["reasons"]
    assert reasons["internal:RuntimeError"] == 1
    assert result.ledger["steps"][1]["ledger"]["in"] == 6


def test_a_preview_shows_rows_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = make_documents(tmp_path / "docs.parquet", 30)
    rows = preview(make_recipe(source, prompts=["faq", "tutorial"]), 5)
    assert len({row.doc_id for row in rows}) == 5
    assert {row.prompt for row in rows} == {"faq", "tutorial"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs.parquet"]


def start(recipe: Path, run_dir: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tilth.cli", "run", str(recipe), "--run-dir", str(run_dir), "--quiet"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def finish(process: "subprocess.Popen[str]") -> int:
    process.communicate(timeout=60)
    return process.returncode


def wait_for_answers(run_dir: Path, count: int) -> None:
    for _ in range(600):
        found = sum(path.read_bytes().count(b"\n") for path in run_dir.glob("*/journal/*/*.seg"))
        if found >= count:
            return
        time.sleep(0.05)
    raise AssertionError("the run journalled nothing")


def test_ctrl_c_drains_and_the_same_command_goes_on_without_paying_twice(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 60)
    with serve(FakeConfig(latency=0.15)) as server:
        path = tmp_path / "recipe.yaml"
        path.write_text(dump_recipe(make_recipe(source, server.url, checks={"retries": 0})), encoding="utf-8")
        process = start(path, tmp_path / "run")
        wait_for_answers(tmp_path / "run", 8)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, said
        assert "same command goes on" in said
        assert server.stats()["abandoned"] == 0  # what was in flight was awaited
        assert finish(start(path, tmp_path / "run")) == 0
        assert server.stats()["duplicates"] == 0
    assert ledger_of(tmp_path / "run")["in"] == 60
    ends = [session["ended"] for session in read_ledger(tmp_path / "run")["cost"]["sessions"]]
    assert ends == ["stopped: Interrupted", "finished"]


def test_ctrl_c_drains_several_workers_too(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 80)
    execution = {"workers": 2, "shard_rows": 8}
    with serve(FakeConfig(latency=0.1)) as server:
        path = tmp_path / "recipe.yaml"
        recipe = make_recipe(source, server.url, checks={"retries": 0}, execution=execution)
        path.write_text(dump_recipe(recipe), encoding="utf-8")
        process = start(path, tmp_path / "run")
        wait_for_answers(tmp_path / "run", 6)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, said
        assert finish(start(path, tmp_path / "run")) == 0
        assert server.stats()["duplicates"] == 0
        assert server.stats()["abandoned"] == 0
    assert ledger_of(tmp_path / "run")["in"] == 80


def test_a_worker_that_is_killed_is_replaced_and_its_rows_are_done(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 80)
    with serve(FakeConfig(latency=0.1)) as server:
        path = tmp_path / "recipe.yaml"
        execution = {"workers": 2, "shard_rows": 8}
        recipe = make_recipe(source, server.url, checks={"retries": 0}, execution=execution)
        path.write_text(dump_recipe(recipe), encoding="utf-8")
        process = start(path, tmp_path / "run")
        wait_for_answers(tmp_path / "run", 6)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
        os.kill(workers[0], signal.SIGKILL)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert ledger_of(tmp_path / "run")["in"] == 80
    assert verify_run(tmp_path / "run").sound


def test_caps_hold_over_salvage_rounds(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 40)
    with serve(FakeConfig(faults={"503": 0.7}, faults_per_request=2)) as server:
        recipe = make_recipe(
            source,
            server.url,
            model={"retries": 0},
            execution={"salvage_rounds": 5},
            budget={"tokens": 20_000},
            sampling={"max_tokens": 700},
        )
        result = run(recipe, tmp_path / "run", page=False)
    cost = result.ledger["cost"]
    assert cost["prompt_tokens"] + cost["completion_tokens"] <= 20_000
    assert isinstance(result.stopped, BudgetReached)


def test_a_second_ctrl_c_stops_at_once_and_keeps_what_arrived(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 60)
    with serve(FakeConfig(latency=0.1, faults={"hang": 0.3})) as server:
        path = tmp_path / "recipe.yaml"
        path.write_text(dump_recipe(make_recipe(source, server.url, checks={"retries": 0})), encoding="utf-8")
        process = start(path, tmp_path / "run")
        wait_for_answers(tmp_path / "run", 5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode not in (0, None)
    kept = sum(path.read_bytes().count(b"\n") for path in (tmp_path / "run").glob("*/journal/*/*.seg"))
    with serve() as server:
        path.write_text(dump_recipe(make_recipe(source, server.url, checks={"retries": 0})), encoding="utf-8")
        assert finish(start(path, tmp_path / "run")) == 0
        assert server.stats()["requests"] == 60 - kept


def test_the_key_reaches_neither_disk_nor_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-very-secret-4711"
    monkeypatch.setenv("SMALL_KEY", secret)
    source = make_documents(tmp_path / "docs.parquet", 5)
    with serve(FakeConfig(key=secret, echo_key=True, faults={"500": 0.4})) as server:
        recipe = make_recipe(source, server.url, model={"key_env": "SMALL_KEY"})
        run(recipe, tmp_path / "run")
    leaks = [path for path in (tmp_path / "run").rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert leaks == []
    assert read_json(tmp_path / "run" / "plan.json")["recipe"]["steps"]["rephrased"]["rephrase"]["model"]["key_env"]


def test_a_long_document_is_cut_into_windows_that_cover_it_and_says_so_in_the_row(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"Paragraph {number} tells of field {number} and of its {number + 3} furrows." for number in range(60)
    )
    pq.write_table(pa.table({"id": ["long"], "text": [text], "licence": ["CC0-1.0"]}), tmp_path / "docs.parquet")
    with serve() as server:
        recipe = make_recipe(
            tmp_path / "docs.parquet",
            server.url,
            prompts=["summarize"],
            model={"context": 4000},
            sampling={"max_tokens": 300},
            fit={"mode": "windows", "document_tokens": 1000},
        )
        run(recipe, tmp_path / "run", page=False)
    rows = rows_of(tmp_path / "run") + rows_of(tmp_path / "run", dropped=True)
    spans = sorted((row["window"], row["cut_from"], row["cut_to"]) for row in rows)
    assert len(spans) == rows[0]["windows"] > 2
    assert spans[0][1] == 0
    assert spans[-1][2] == len(text)
    assert all(text[one[2] : other[1]].strip() == "" for one, other in itertools.pairwise(spans))
    assert {row["cut_how"] for row in rows} == {"bytes"}
    assert all(len(text[start:end].encode()) <= 1000 for _, start, end in spans)
    kept = rows_of(tmp_path / "run")
    (whole,) = stitched(tmp_path / "run", "rephrased")
    assert (whole.doc_id, whole.prompt, whole.windows) == ("long", "summarize", len(spans))
    assert len(whole.missing) == len(spans) - len(kept)
    assert whole.text == "\n\n".join(row["text"] for row in sorted(kept, key=lambda row: row["window"]))


def test_a_step_can_take_the_samples_of_another(tmp_path: Path) -> None:
    source = make_documents(tmp_path / "docs.parquet", 6)
    with serve() as server:
        recipe = make_recipe(source, server.url)
        again = recipe.steps["rephrased"].model_copy(update={"sources": ("rephrased",)})
        chained = recipe.model_copy(update={"steps": {**recipe.steps, "twice": again}})
        result = run(chained, tmp_path / "run")
    first, second = result.ledger["steps"][1:]
    assert second["routing"]["in"] == first["ledger"]["kept"] > 0
    ids = {row["sample_id"] for row in rows_of(tmp_path / "run")}
    later = rows_of(tmp_path / "run", "twice") + rows_of(tmp_path / "run", "twice", dropped=True)
    assert {row["doc_id"] for row in later} == ids
    assert {row["licence"] for row in later} <= {"CC0-1.0", "CC-BY-4.0"}
