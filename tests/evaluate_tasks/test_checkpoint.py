"""Evaluating a checkpoint: each task ends in a named state, a killed evaluation goes on, and nothing is mixed."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from models import Shape, random_weights, write_safetensors

from conftest import benchmark, block
from tilth.base.errors import DriftError, SourceError
from tilth.data.results import RESULTS, read_results
from tilth.evaluate.checkpoint import Progress, evaluate_checkpoint, read_evaluated
from tilth.evaluate.runs import RunName
from tilth.evaluate.version import evaluation_version
from tilth.recipe.stages.evaluate import Evaluate
from tilth.study.statistics.scores import Selection, load_scores

RUN = RunName(arm="table", seed=3, size="smoke", step=50)
OWN = """
mine:
  title: t
  source: somewhere
  licence: MIT
  category: knowledge
  language: en
  kind: choice
  forms: [cloze, bpb]
  gold: answer_index
  chance: 0.5
  group: context
"""


def settings(**given: Any) -> Evaluate:
    return Evaluate(**({"tasks": ("arc_easy",), "limit": 6, "shots": 1} | given))


def held_out(folder: Path, texts: list[str]) -> str:
    path = folder / "text.parquet"
    pl.DataFrame({"text": texts}).write_parquet(path)
    return str(path)


def questions(count: int = 12) -> list[dict[str, object]]:
    return [
        {
            "item_id": f"m-{number}",
            "question": f"What is number {number}?",
            "context": f"passage {number // 2}",
            "choices": ["a river", "a hill"],
            "answer": "a hill",
            "answer_index": 1,
        }
        for number in range(count)
    ]


def test_a_checkpoint_gives_a_table_that_statistics_read(model: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    text = held_out(tmp_path, ["The river rises in the hills.", "A lighthouse was built. " * 100, "  "])
    given = settings(forms=("cloze", "choice", "bpb"), held_out={"rivers": text})
    found = evaluate_checkpoint(model, tmp_path / "r.parquet", given, RUN, on_progress=seen.append)
    assert {key: (one.state, one.items) for key, one in found.tasks.items()} == {
        "arc_easy/cloze": ("scored", 6),
        "arc_easy/choice": ("scored", 6),
        "arc_easy/bpb": ("scored", 6),
        "held_out:rivers/bpb": ("scored", 2),
    }
    assert found.tasks["held_out:rivers/bpb"].cut == 1
    assert found.tasks["held_out:rivers/bpb"].left_out == {"no text": 1}
    assert found.tasks["arc_easy/cloze"].left_out == {"an example shown to the model": 5, "beyond the limit": 194}
    table = read_results(tmp_path / "r.parquet")
    assert pq.read_schema(tmp_path / "r.parquet").names == RESULTS.names
    metrics = set(zip(table["task"].to_pylist(), table["form"].to_pylist(), table["metric"].to_pylist(), strict=True))
    assert ("held_out:rivers", "bpb", "bpb") in metrics
    assert ("arc_easy", "cloze", "acc_centred") in metrics
    assert ("arc_easy", "bpb", "gold_bpb") in metrics
    assert {(one.tasks_done, one.tasks) for one in seen} == {(0, 4), (1, 4), (2, 4), (3, 4)}
    assert seen[-1].items_done == seen[-1].items == 2
    scores = load_scores(tmp_path / "r.parquet", Selection(metric="norm_prob_gold", form="cloze"))
    assert scores.tasks[0].values.shape == (1, 1, 6)


def test_the_same_call_reads_what_is_there_and_gives_the_same_rows_anew(model: Path, tmp_path: Path) -> None:
    first = evaluate_checkpoint(model, tmp_path / "a.parquet", settings(), RUN)
    stamp = (tmp_path / "a.parquet").stat().st_mtime_ns
    assert evaluate_checkpoint(model, tmp_path / "a.parquet", settings(), RUN) == read_evaluated(tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_mtime_ns == stamp
    evaluate_checkpoint(model, tmp_path / "b.parquet", settings(), RUN)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert first.version == evaluation_version(settings())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.evaluated.json",
        "a.parquet",
        "b.evaluated.json",
        "b.parquet",
    ]


def test_another_evaluation_never_takes_the_place_of_one_that_is_there(model: Path, tmp_path: Path) -> None:
    evaluate_checkpoint(model, tmp_path / "r.parquet", settings(), RUN)
    with pytest.raises(DriftError, match="saw another evaluation"):
        evaluate_checkpoint(model, tmp_path / "r.parquet", settings(shots=2), RUN)
    with pytest.raises(DriftError, match="saw another run"):
        evaluate_checkpoint(model, tmp_path / "r.parquet", settings(), RunName(arm="faq", seed=3))
    other = tmp_path / "retrained"
    shutil.copytree(model, other)
    write_safetensors(other / "model.safetensors", random_weights(Shape(hidden=32, heads=2, kv_heads=1), seed=9))
    with pytest.raises(DriftError, match="saw another model"):
        evaluate_checkpoint(other, tmp_path / "r.parquet", settings(), RUN)


def test_what_is_wrong_with_one_task_ends_no_other(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks"
    benchmark(folder, "mine", questions())
    benchmark(folder, "svamp", [{"item_id": "other-1", "question": "q", "answer": "1"}])
    (folder / "gsm8k.parquet").write_bytes(b"no parquet")
    benchmark(folder, "empty", [{"item_id": str(number), "question": "q"} for number in range(9)])
    blocks = block(tmp_path / "blocks", OWN + OWN.replace("mine:", "empty:").replace("group: context", ""))
    given = settings(
        benchmarks=str(folder),
        task_folders=(blocks,),
        tasks=("piqa", "svamp", "gsm8k", "empty", "mine"),
        forms=("bpb",),
        held_out={"gone": str(tmp_path / "nowhere")},
    )
    found = evaluate_checkpoint(model, tmp_path / "r.parquet", given, RUN)
    assert {key: one.state for key, one in found.tasks.items()} == {
        "piqa/bpb": "missing file",
        "svamp/bpb": "missing examples",
        "gsm8k/bpb": "unreadable",
        "empty/bpb": "no items",
        "mine/bpb": "scored",
        "held_out:gone/bpb": "unreadable",
    }
    assert "expected piqa.parquet" in found.tasks["piqa/bpb"].detail
    assert found.tasks["empty/bpb"].left_out == {"no choices": 9}
    assert set(read_results(tmp_path / "r.parquet")["task"].to_pylist()) == {"mine"}


def test_an_item_without_gold_is_left_out_and_a_passage_groups_items(model: Path, tmp_path: Path) -> None:
    rows = questions()
    rows[4] |= {"answer": "", "answer_index": -1}
    rows[5] |= {"choices": ["a river", " "]}
    benchmark(tmp_path, "mine", rows)
    blocks = block(tmp_path / "blocks", OWN)
    given = settings(benchmarks=str(tmp_path), task_folders=(blocks,), tasks=("mine",), forms=("cloze",), limit=None)
    found = evaluate_checkpoint(model, tmp_path / "r.parquet", given, RUN).tasks["mine/cloze"]
    assert found.left_out["no gold answer"] + found.left_out["an empty choice"] == 2
    assert found.items + sum(found.left_out.values()) == 12
    assert set(read_results(tmp_path / "r.parquet")["group"].to_pylist()) <= {f"passage {n}" for n in range(6)}


def test_a_diverged_model_has_rows_of_nan_and_is_never_scored(model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    weights = random_weights(Shape(hidden=32, heads=2, kv_heads=1))
    weights["model.norm.weight"][:] = math.nan
    write_safetensors(broken / "model.safetensors", weights)
    text = held_out(tmp_path, ["The river rises in the hills."])
    found = evaluate_checkpoint(broken, tmp_path / "r.parquet", settings(held_out={"rivers": text}), RUN)
    assert found.diverged
    assert {one.state for one in found.tasks.values()} == {"diverged"}
    values = read_results(tmp_path / "r.parquet")["value"].to_pylist()
    assert len(values) > 0
    assert all(math.isnan(value) for value in values)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a model folder with a config"):
        evaluate_checkpoint(tmp_path, tmp_path / "r.parquet", settings(), RUN)


def test_the_version_changes_with_what_is_asked_and_with_nothing_else(tmp_path: Path) -> None:
    benchmark(tmp_path, "mine", questions())
    given = {"benchmarks": str(tmp_path), "tasks": ("mine",), "limit": None}
    blocks = block(tmp_path / "blocks", OWN)
    first = evaluation_version(settings(**given, task_folders=(blocks,)))
    assert first == evaluation_version(settings(**given, task_folders=(blocks,), device="cpu", batch_tokens=64, seed=5))
    shutil.copy(tmp_path / "mine.parquet", tmp_path / "blocks" / "mine.parquet")
    assert first == evaluation_version(settings(**(given | {"benchmarks": blocks}), task_folders=(blocks,)))
    seen = {first}
    seen.add(evaluation_version(settings(**given, task_folders=(blocks,), shots=2)))
    seen.add(evaluation_version(settings(**(given | {"limit": 5}), task_folders=(blocks,))))
    block(tmp_path / "blocks", OWN.replace("kind: choice", 'kind: choice\n  leads: ["", "Q: ", "A:"]'))
    seen.add(evaluation_version(settings(**given, task_folders=(blocks,))))
    benchmark(tmp_path, "mine", questions(13))
    seen.add(evaluation_version(settings(**given, task_folders=(blocks,))))
    assert len(seen) == 5
    block(tmp_path / "blocks", OWN + "  quirks: only words\n")
    benchmark(tmp_path, "mine", questions())
    assert evaluation_version(settings(**given, task_folders=(blocks,))) == first


def test_a_smaller_sample_is_part_of_a_larger_one(model: Path, tmp_path: Path) -> None:
    items = []
    for limit in (3, 8):
        evaluate_checkpoint(model, tmp_path / f"{limit}.parquet", settings(limit=limit, forms=("bpb",)), RUN)
        items.append(set(read_results(tmp_path / f"{limit}.parquet")["item"].to_pylist()))
    assert items[0] < items[1]


@pytest.mark.slow
def test_a_killed_evaluation_goes_on_with_the_task_that_was_not_done(model: Path, tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from tilth.evaluate.checkpoint import evaluate_checkpoint
from tilth.evaluate.runs import RunName
from tilth.recipe.stages.evaluate import Evaluate
def tell(progress):
    print(progress.task, progress.form, flush=True)
    if progress.form == "bpb":
        time.sleep(60)
evaluate_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), Evaluate.model_validate_json(sys.argv[3]),
                    RunName(arm="table", seed=3, size="smoke", step=50), on_progress=tell)
"""
    given = settings(forms=("cloze", "bpb"))
    arguments = [sys.executable, "-c", program, str(model), str(tmp_path / "r.parquet"), given.model_dump_json()]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "arc_easy bpb\n":
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    assert not (tmp_path / "r.parquet").exists()
    assert not list(tmp_path.rglob("*.parquet"))  # nothing that could be read as a table of results
    seen: list[str] = []
    started = time.monotonic()
    evaluate_checkpoint(model, tmp_path / "r.parquet", given, RUN, on_progress=lambda one: seen.append(one.form))
    assert set(seen) == {"bpb"}
    assert time.monotonic() - started < 60
    evaluate_checkpoint(model, tmp_path / "whole.parquet", given, RUN)
    assert (tmp_path / "r.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert json.loads((tmp_path / "r.evaluated.json").read_text())["evaluated"]["tasks"].keys() == {
        "arc_easy/cloze",
        "arc_easy/bpb",
    }
