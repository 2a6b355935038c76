"""The whole shipped recipe with two models behind HTTP servers that fail as servers do.

The servers read real prompts and answer as the scripted engine does, so the rows have to be those of a run in process.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from qa_runs import boostqa, journalled, make_seeds, planted, rows_of, scripted

from tilth.base.random import stream
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import Handle, spawn
from tilth.generate.scripted.chat import read_chat
from tilth.generate.scripted.settings import Scripted
from tilth.recipe import Recipe, dump_recipe, load_recipe
from tilth.runner.session import run
from tilth.runner.verify import verify_run
from tilth.synth.questions.answers import is_chinese
from tilth.synth.questions.catalogue import lists

AUTHOR = {"author": {"wrong": 0.2}}
CHECKER = {"skill": {"ability": 2.2, "slope": 0.0}}
#: Faults of the transport: they delay an answer and change none.
TRANSPORT = {"429": 0.03, "500": 0.03, "503": 0.02, "reset": 0.02, "drop": 0.02, "cut": 0.02, "html": 0.02}
#: An answer that never comes: each one costs the client its whole timeout.
HANG = {"hang": 0.004}
IN_FLIGHT = 16


@contextlib.contextmanager
def servers(seeds: Path, **config: Any) -> Iterator[tuple[Handle, Handle]]:
    """One that writes and one that checks, each a process of its own."""
    more = {"retry_after": "0.01", **config}
    author = FakeConfig(scripted=planted(seeds, **AUTHOR), **more)
    checker = FakeConfig(scripted=planted(seeds, **CHECKER), seed=1, **more)
    with spawn(author) as one, spawn(checker) as two:
        yield one, two


def over_http(seeds: Path, author: Handle, checker: Handle, **changes: Any) -> Recipe:
    def block(name: str, handle: Handle) -> dict[str, Any]:
        limits = {"timeout": 2.0, "retries": 8, "max_in_flight": IN_FLIGHT}
        return {"engine": "endpoint", "model": name, "urls": [handle.url], **limits}

    return boostqa(seeds, block("author", author), block("checker", checker), **changes)


def in_process(seeds: Path, **changes: Any) -> Recipe:
    return boostqa(seeds, scripted(seeds, "author", **AUTHOR), scripted(seeds, "checker", **CHECKER), **changes)


def what_is_said(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """A row without what names the engine."""
    return [(row["doc_id"], row["text"], row.get("parsed") or row.get("metadata")) for row in rows]


def assert_closed(ledger: dict[str, Any]) -> None:
    assert ledger["state"] == "finished"
    for step in ledger["steps"]:
        book = step["ledger"]
        assert book["in"] == book["kept"] + sum(book["reasons"].values()), step["name"]


def assert_same_rows(recipe: Recipe, one: Path, other: Path) -> None:
    for step in recipe.steps:
        assert what_is_said(rows_of(one, step)) == what_is_said(rows_of(other, step)), step
        reasons = [Counter(row["reason"] for row in rows_of(run_dir, step, dropped=True)) for run_dir in (one, other)]
        assert reasons[0] == reasons[1], step


def paid(recipe: Recipe, run_dir: Path) -> Counter[tuple[str, str, int]]:
    """How often each call of each step stands in the journal."""
    return Counter((step, *call) for step in recipe.steps for call in journalled(run_dir, step))


def test_two_endpoints_with_faults_give_the_rows_of_a_run_in_process(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 10, 10)
    run(in_process(seeds), tmp_path, tmp_path / "direct")
    with servers(seeds, faults=TRANSPORT | HANG) as (author, checker):
        recipe = over_http(seeds, author, checker)
        ledger = run(recipe, tmp_path, tmp_path / "http")
        counts = [author.stats(), checker.stats()]
        run(recipe, tmp_path, tmp_path / "http")
        assert [one.stats()["requests"] for one in (author, checker)] == [one["requests"] for one in counts]
    assert_closed(ledger)
    assert verify_run(tmp_path / "http").sound
    assert len(rows_of(tmp_path / "http", "texts")) > 15
    assert_same_rows(recipe, tmp_path / "direct", tmp_path / "http")
    met = Counter[str]()
    for one in counts:
        met.update(one["outcomes"])
    assert set(TRANSPORT | HANG) <= set(met)
    calls = paid(recipe, tmp_path / "http")
    assert max(calls.values()) == 1
    # each answer that a server gave is in the journal, and none was given twice
    assert sum(one["answered_bodies"] for one in counts) == len(calls) == ledger["cost"]["requests"]
    assert sum(one["duplicates"] for one in counts) == 0


def test_chinese_seeds_give_chinese_questions_over_http_as_in_process(shared: Path, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    problems = pl.read_parquet(shared / "data" / "benchmarks" / "cmath.parquet").filter(pl.col("lang") == "zh")
    columns = ("question", "answer", "choices", "context", "lang")
    named = problems.head(30).select(
        pl.col("item_id").alias("seed_id"),
        *columns,
        pl.lit("").alias("solution"),
        pl.lit("math word problem").alias("subject"),
        pl.lit("MIT").alias("license"),
    )
    named.write_parquet(seeds / "cmath.parquet")
    run(in_process(seeds), tmp_path, tmp_path / "direct")
    with servers(seeds) as (author, checker):
        recipe = over_http(seeds, author, checker)
        ledger = run(recipe, tmp_path, tmp_path / "http")
    assert_closed(ledger)
    assert_same_rows(recipe, tmp_path / "direct", tmp_path / "http")
    texts = rows_of(tmp_path / "http", "texts")
    assert len(texts) > 10
    assert all(is_chinese(row["text"]) for row in texts)


def test_answers_that_are_malformed_leave_by_name(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 15, 15)
    with servers(seeds, faults={"empty": 0.15, "loop": 0.1, "500": 0.05}) as (author, checker):
        recipe = over_http(seeds, author, checker)
        ledger = run(recipe, tmp_path, tmp_path / "run")
    assert_closed(ledger)
    assert verify_run(tmp_path / "run").sound
    assert rows_of(tmp_path / "run", "texts")
    reasons = {step["name"]: set(step["ledger"]["reasons"]) for step in ledger["steps"]}
    assert reasons["labelled"] & {"parse_failed", "incomplete", "too_few_votes"}
    assert set().union(*reasons.values()) & {"empty", "incomplete", "parse_failed"}


def test_a_run_over_http_that_is_killed_asks_for_no_journalled_answer_again(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 8, 8)
    _killed(seeds, tmp_path, kills=2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifteen_kills_over_http_with_faults_change_no_row(shared: Path, tmp_path: Path) -> None:
    seeds = make_seeds(shared, tmp_path / "seeds", 50, 50)
    _killed(seeds, tmp_path, kills=15)


def _killed(seeds: Path, folder: Path, kills: int) -> None:
    whole = in_process(seeds)
    run(whole, folder, folder / "whole")
    draw = stream(7, "kills over http")
    with servers(seeds, faults=TRANSPORT, latency=0.01) as (author, checker):
        recipe = over_http(seeds, author, checker, execution={"shard_rows": 10})
        path = folder / "recipe.yaml"
        path.write_text(dump_recipe(recipe))
        command = [sys.executable, "-m", "tilth.cli", "run", str(path), "--run-dir", str(folder / "run"), "--quiet"]
        answered = 0
        for _ in range(kills):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
            answered = _until_answered((author, checker), answered + draw.randint(20, 90), process)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        ledger = run(load_recipe(path), folder, folder / "run")
        counts = [author.stats(), checker.stats()]
    assert_closed(ledger)
    calls = paid(recipe, folder / "run")
    assert set(calls) == set(paid(whole, folder / "whole"))
    assert max(calls.values()) == 1
    for step in recipe.steps:
        found, expected = (sorted(what_is_said(rows_of(folder / name, step))) for name in ("run", "whole"))
        assert found == expected, step
    # the servers' own account: what was answered twice was in flight, or on its way to the disk, when a kill came
    given = sum(one["outcomes"]["ok"] for one in counts)
    lost = sum(one["duplicates"] for one in counts)
    assert given - len(calls) == lost
    assert lost <= kills * 2 * IN_FLIGHT
    assert ledger["cost"]["answers_reused"] > 0


def _until_answered(servers_: tuple[Handle, ...], count: int, process: "subprocess.Popen[bytes]") -> int:
    """Wait until the servers have answered so often, or the run has ended; how often they had."""
    found = 0
    for _ in range(3000):
        found = sum(one.stats()["outcomes"].get("ok", 0) for one in servers_)
        if found >= count or process.poll() is not None:
            break
        time.sleep(0.01)
    return found


def test_a_server_knows_every_level_by_the_name_that_prompts_give_it() -> None:
    named = {name: grade for grade, about in lists().grades.items() for name in about["name"].values()}
    assert Scripted(known=("x",)).levels == named


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{}],
        [{"content": None}],
        ["text"],
        [{"role": "user", "content": "Write a poem."}],
        [{"role": "user", "content": "\x00" * 50}],
    ],
)
def test_messages_that_no_shipped_prompt_made_are_no_task(messages: list[Any]) -> None:
    assert read_chat(messages, Scripted(known=("x",))) is None
