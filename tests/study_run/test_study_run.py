"""A study from its sources to its verdicts, with real training in processes of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from small_study import study

from tilth.api import StudyResult, run_study
from tilth.base.errors import ConfigError
from tilth.base.files import read_json
from tilth.data.dataset import read_manifest
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import serve
from tilth.study.about import read_about
from tilth.study.treatment import differences, refused


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyResult]:
    """A study that was run to its end: two arms, two seeds."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, run_study(study(folder), folder / "run", workers=1)


def stamps(folder: Path, pattern: str) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.glob(pattern)}


def models(folder: Path) -> dict[str, int]:
    return stamps(folder, "models/*/train.json")


def scores(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "results" / "results.parquet").sort("arm", "seed", "step", "task", "item", "metric")


def test_every_run_is_trained_scored_and_judged(finished: tuple[Path, StudyResult]) -> None:
    folder, result = finished
    assert {run.state for run in result.session.runs} == {"finished"}
    table = scores(folder / "run")
    assert set(table.select("arm", "seed").unique().rows()) == {
        (a, s) for a in ("original", "shuffled") for s in (1, 2)
    }
    assert table["step"].n_unique() == 2
    assert result.report is not None
    (claim,) = result.report["primary"]["comparisons"]
    assert claim["arm"] == "shuffled"
    assert claim["effect"] < 0
    assert (folder / "run" / "report.html").read_bytes().startswith(b"<!doctype html>")


def test_held_out_text_is_neither_trained_on_nor_written_from(finished: tuple[Path, StudyResult]) -> None:
    folder, _ = finished
    held = set(pl.read_parquet(folder / "run/sources/*/training/dropped/*.parquet")["doc_id"])
    trained = set(pl.read_parquet(folder / "run/sources/*/training/part-*.parquet")["doc_id"])
    written = set(pl.read_parquet(folder / "run/corpora/*/written/part-*.parquet")["doc_id"])
    judged = scores(folder / "run")["item"].n_unique()
    assert len(held) == judged > 20
    assert held.isdisjoint(trained)
    assert written == trained


def test_arms_differ_in_the_treatment_alone_as_measured(finished: tuple[Path, StudyResult]) -> None:
    folder, result = finished
    about = read_about(folder / "run" / "about.json")
    facts = {arm.arm: arm.facts for arm in about.arms}
    assert refused(differences(facts, "original")) == ()
    assert facts["original"].tokens == facts["shuffled"].tokens == 8192
    assert facts["original"].evaluation_version == facts["shuffled"].evaluation_version is not None
    parts = {arm.arm: [(part.dataset, part.kind, part.share) for part in arm.parts] for arm in about.arms}
    assert parts["original"] == [("stories", "original", 1.0)]
    assert parts["shuffled"] == [("shuffled from stories", "synthetic", 1.0)]
    assert about.overhead is not None
    assert 0 < about.overhead < 1
    cost = next(arm.cost for arm in about.arms if arm.arm == "shuffled")
    assert cost is not None
    assert cost.training.cpu > 0
    assert cost.evaluation.cpu > 0
    assert result.session.results.exists()


def test_the_same_call_again_makes_nothing_anew(finished: tuple[Path, StudyResult]) -> None:
    folder, first = finished
    before = stamps(folder / "run", "**/*.safetensors") | stamps(folder / "run", "**/*.ds")
    table = scores(folder / "run")
    again = run_study(folder / "study.yaml", folder / "run", workers=1)
    assert stamps(folder / "run", "**/*.safetensors") | stamps(folder / "run", "**/*.ds") == before
    assert scores(folder / "run").equals(table)
    assert again.report is not None
    assert first.report is not None
    assert again.report["primary"]["comparisons"] == first.report["primary"]["comparisons"]


def test_the_stored_study_runs_again_from_another_folder(
    finished: tuple[Path, StudyResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = finished
    before = models(folder / "run")
    monkeypatch.chdir(tmp_path)
    again = run_study(folder / "run" / "study.yaml", folder / "run", workers=1)
    assert {run.state for run in again.session.runs} == {"finished"}
    assert models(folder / "run") == before


def test_what_goes_wrong_in_an_arm_fails_it_by_name_and_the_others_go_on(
    finished: tuple[Path, StudyResult], tmp_path: Path
) -> None:
    """A mixture without enough tokens, a source that is not there, a server that is gone, a loss that is no number and
    a benchmark without its file, beside a baseline that was trained before."""
    folder, _ = finished
    value = yaml.safe_load((folder / "study.yaml").read_text())
    value["seeds"] = [1]
    value["sources"]["gone"] = {"read": {"source": "nothing/*.jsonl"}}
    value["sources"]["few"] = {"read": {"source": "documents/*.jsonl", "columns": {"id": "id"}, "limit": 4}}
    value["strategies"]["tables"] = {"rephrase": {"prompts": ["table"]}}
    value["generators"] = {
        "dead": {
            "model": {
                "engine": "endpoint", "model": "x", "urls": ["http://127.0.0.1:9/v1"],
                "retries": 0, "outage": 0.5, "connect_timeout": 0.5,
            }
        }
    }  # fmt: skip
    (folder / "no-benchmarks").mkdir()
    value["evaluation"] |= {"benchmarks": "no-benchmarks"}
    value["evaluation"]["tasks"]["arc_easy"] = "knowledge"
    value["sizes"]["tiny"]["training"]["save_minutes"] = 1000.0
    value["arms"] = [
        {"name": "original", "mix_in": "stories"},
        {"name": "unread", "mix_in": "gone"},
        {"name": "too-few", "mix_in": "few"},
        {"name": "no-server", "strategy": "tables", "generator": "dead", "source": "stories"},
        {"name": "wild", "mix_in": "stories", "learning_rate": 1e30},
    ]
    value["may_differ"] = ["learning_rate"]
    (folder / "broken.yaml").write_text(yaml.safe_dump(value))
    done = subprocess.run(
        [sys.executable, "-m", "tilth.cli", "study", "run", str(folder / "broken.yaml"), "--run-dir",
         str(tmp_path / "run"), "--workers", "1", "--quiet"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    fates = {run["arm"]: run for run in read_json(tmp_path / "run" / "runs.json")}
    assert fates["original"]["state"] == "finished", fates
    assert fates["original"]["tasks"]["arc_easy/bpb"]["state"] == "missing file"
    assert fates["original"]["tasks"]["held_out:stories/bpb"]["state"] == "scored"
    assert fates["unread"]["state"] == "failed"
    assert "nothing" in fates["unread"]["detail"]
    assert fates["too-few"]["state"] == "failed"
    assert "passes are needed, the cap is 4" in fates["too-few"]["detail"]
    assert fates["no-server"]["state"] == "failed"
    assert fates["wild"]["state"] == "diverged"
    table = scores(tmp_path / "run").filter(pl.col("arm") == "wild")
    last = table.filter(pl.col("step") == table["step"].max())
    assert last.height > 0
    assert last["value"].is_nan().all()
    assert "wild at size tiny, seed 1: diverged" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_changed_arm_is_made_and_the_rest_is_taken_as_it_is(
    finished: tuple[Path, StudyResult], tmp_path: Path
) -> None:
    folder, _ = finished
    value = yaml.safe_load((folder / "study.yaml").read_text())
    before = models(folder / "run")
    value["arms"][1] |= {"mix_in": "stories", "ratio": 0.5}
    value["seeds"] = [1]
    (folder / "changed.yaml").write_text(yaml.safe_dump(value))
    result = run_study(folder / "changed.yaml", folder / "run", workers=1)
    after = models(folder / "run")
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    assert set(scores(folder / "run").select("arm", "seed").unique().rows()) == {("original", 1), ("shuffled", 1)}
    assert {run.state for run in result.session.runs} == {"finished"}
    # arms of one seed see the same rows of their common part in the same order
    rows = {
        arm: pl.read_parquet(path / "mixture" / "part-*.parquet")
        .filter(pl.col("part") == "stories")["document"]
        .to_list()
        for arm in ("original", "shuffled")
        if (path := newest(folder / "run" / "mixtures", f"{arm}-tiny-seed-1-*"))
    }
    assert rows["shuffled"] == rows["original"][: len(rows["shuffled"])]
    run_study(folder / "study.yaml", folder / "run", workers=1)


def newest(folder: Path, pattern: str) -> Path:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)


def start(path: Path, run_dir: Path, *more: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tilth.cli", "study", "run", str(path), "--run-dir", str(run_dir), "--quiet", *more],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def wait_for(what: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    for _ in range(2400):
        if what():
            return
        assert process.poll() is None, "it ended too early"
        time.sleep(0.05)
    raise AssertionError("it took longer than two minutes")


def has(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


@pytest.fixture
def killed_after() -> Iterator[list["subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.slow
def test_killed_at_any_stage_and_run_again_a_study_ends_with_the_same_scores(
    finished: tuple[Path, StudyResult], tmp_path: Path, killed_after: list["subprocess.Popen[bytes]"]
) -> None:
    folder, _ = finished
    run_dir = tmp_path / "run"
    stages = ["sources/*/original/manifest.json", "tokens/*/manifest.json", "models/*/identity.json",
              "models/*/checkpoints/*/config.json", "scores/*/*.parquet"]  # fmt: skip
    for pattern in stages:
        process = start(folder / "study.yaml", run_dir, "--workers", "2")
        killed_after.append(process)
        wait_for(partial(has, run_dir, pattern), process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    process = start(folder / "study.yaml", run_dir, "--workers", "2")
    killed_after.append(process)
    assert process.wait(timeout=300) == 0
    assert scores(run_dir).equals(scores(folder / "run"))


@pytest.mark.slow
def test_a_training_process_that_is_killed_fails_no_run(
    tmp_path: Path, killed_after: list["subprocess.Popen[bytes]"]
) -> None:
    path, run_dir = study(tmp_path, seeds=[1]), tmp_path / "run"
    process = start(path, run_dir, "--workers", "1")
    killed_after.append(process)
    wait_for(lambda: any(run_dir.glob("models/*/identity.json")), process)
    lock = next(iter(run_dir.glob("models/*/run.lock")))
    wait_for(lambda: "pid" in lock.read_text(), process)
    os.kill(read_json(lock)["pid"], signal.SIGKILL)
    assert process.wait(timeout=300) == 0
    assert {run["state"] for run in read_json(run_dir / "runs.json")} == {"finished"}


@pytest.mark.slow
def test_a_hopeless_arm_is_stopped_before_its_last_seed(tmp_path: Path) -> None:
    stopping = {"difference": 0.1, "looks": [3], "error": 0.05, "pool_seeds": True}
    path = study(tmp_path, seeds=[1, 2, 3, 4], stopping=stopping)
    result = run_study(path, tmp_path / "run")
    fates = {(run.arm, run.seed): run.state for run in result.session.runs}
    finished = {(arm, seed): "finished" for arm in ("original", "shuffled") for seed in (1, 2, 3, 4)}
    assert fates == finished | {("shuffled", 4): "stopped early"}
    about = read_about(tmp_path / "run" / "about.json")
    note = next(run for arm in about.arms if arm.arm == "shuffled" for run in arm.runs if run.seed == 4)
    assert note.error == 0.05
    assert "chance of at most 5 %" in note.detail
    again = run_study(path, tmp_path / "run")
    assert {(run.arm, run.seed): run.state for run in again.session.runs} == fates


@pytest.mark.slow
def test_text_from_a_server_mid_trains_a_base_model(finished: tuple[Path, StudyResult], tmp_path: Path) -> None:
    """A generator behind HTTP, and arms that go on from a checkpoint with its tokenizer."""
    folder, _ = finished
    base = max(newest(folder / "run" / "models", "original-tiny-seed-1-*").glob("checkpoints/*"))
    path = study(tmp_path, seeds=[1], tokenizer=str(base))
    value = yaml.safe_load(path.read_text())
    size = value["sizes"]["tiny"]
    value["sizes"] = {"base": {**size, "tokens": 2048, "start": str(base), "training": {"threads": 1}}}
    value["strategies"] = {"plain": {"rephrase": {"prompts": ["wrap_medium"], "checks": {"policies": {}}}}}
    with serve(FakeConfig()) as server:
        model = {"engine": "endpoint", "model": "fake", "urls": [server.url]}
        value["generators"] = {"server": {"model": model}}
        value["arms"][1] = {
            "name": "rephrased", "strategy": "plain", "generator": "server", "source": "stories",
            "mix_in": "stories", "ratio": 0.3,
        }  # fmt: skip
        path.write_text(yaml.safe_dump(value))
        result = run_study(path, tmp_path / "run", workers=1)
    assert {(run.arm, run.state, run.detail) for run in result.session.runs} == {
        ("original", "finished", ""), ("rephrased", "finished", ""),
    }  # fmt: skip
    about = read_about(tmp_path / "run" / "about.json")
    arm = next(one for one in about.arms if one.arm == "rephrased")
    assert arm.facts.start == str(base)
    assert arm.cost is not None
    assert arm.cost.tokens_generated > 0
    assert arm.synthetic == pytest.approx(0.3)
    assert next(one for one in about.datasets if one.kind == "synthetic").samples[0].source


@pytest.mark.slow
def test_the_smoke_study_puts_the_planted_bad_arm_last_with_a_supported_verdict(tmp_path: Path) -> None:
    result = run_study("smoke", tmp_path / "run")
    assert result.report is not None, result.why
    main = result.report["primary"]
    by_score = sorted(main["scores"], key=lambda one: one["macro"])  # bits per byte: less is better
    assert by_score[-1]["arm"] == "shuffled"
    verdicts = {one["arm"]: one["verdict"] for one in main["comparisons"]}
    assert verdicts["shuffled"] == "worse"


def test_a_run_of_a_corpus_is_a_whole_run_with_its_source_inside(finished: tuple[Path, StudyResult]) -> None:
    folder, _ = finished
    (corpus,) = (folder / "run" / "corpora").iterdir()
    assert {path.name for path in corpus.iterdir() if (path / "manifest.json").exists()} == {
        "original",
        "training",
        "written",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tilth.cli", "verify", str(corpus)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = read_manifest(corpus / "written")
    assert manifest is not None
    assert pq.read_metadata(corpus / "written" / f"{manifest.shards[0].name}.parquet").num_rows > 0


def test_a_token_of_a_training_shard_leads_back_to_its_document(finished: tuple[Path, StudyResult]) -> None:
    from tilth.tokens.explain import explain

    folder, _ = finished
    shard = next((folder / "run" / "mixtures").glob("shuffled-tiny-seed-1-*/shards/part-00000.ds"))
    found = explain(shard, 1000)
    assert found.part == "shuffled from stories"
    documents = pl.read_parquet(folder / "run/sources/*/training/part-*.parquet")
    text = documents.filter(pl.col("doc_id") == found.columns["doc_id"])["text"].item()
    assert set(found.excerpt.split()[:20]) <= set(text.split())


def test_a_study_that_does_not_say_how_its_parts_are_made_is_refused_with_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        run_study(study(tmp_path, sources={}, strategies={}, generators={"g": {}}), tmp_path / "run")
    said = str(refusal.value)
    assert "sources: 'stories' is named by an arm or task and not described" in said
    assert "strategies: 'shuffled'" in said
    assert "tokenizer: train_on names 'stories'" in said
    assert not (tmp_path / "run" / "sources").exists()


def test_an_unknown_task_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    path = study(tmp_path)
    value = yaml.safe_load(path.read_text())
    value["evaluation"]["tasks"] = {"arc_eazy": "knowledge"}
    path.write_text(yaml.safe_dump(value))
    with pytest.raises(ConfigError, match="arc_eazy"):
        run_study(path, tmp_path / "run")
    assert not (tmp_path / "run" / "sources").exists()
