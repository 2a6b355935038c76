"""A killed run goes on exactly: the weights are those of a run that was never stopped, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from train_help import BATCH, same_weights, tiny

from tilth.base.errors import DriftError, Interrupted
from tilth.base.files import read_json, write_json
from tilth.train import state as states
from tilth.train.progress import Progress
from tilth.train.run import read_trained, train

#: Trains, says when a step is reported, and waits there for its end.
CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from train_help import tiny
from tilth.train.run import train

def at(progress):
    if progress.step == int(sys.argv[4]):
        print("there", flush=True)
        time.sleep(600)

settings = tiny(save_minutes=0, checkpoints=5, tokens=int(sys.argv[5]))
train(Path(sys.argv[2]), Path(sys.argv[3]), settings, on_progress=at)
"""


class Kill(Exception):
    """Ends a run from within, at once."""


def stop_at(step: int) -> object:
    def stop(progress: Progress) -> None:
        if progress.step == step:
            raise Kill

    return stop


def killed(packed: Path, out: Path, step: int) -> None:
    """Start a real process and kill it with signal 9 while it reports `step`."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", CHILD, here, str(packed), str(out), str(step), str(10 * BATCH)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL


def test_a_run_killed_twice_ends_with_the_weights_of_one_that_was_not(packed: Path, tmp_path: Path) -> None:
    straight = train(packed, tmp_path / "straight", tiny(checkpoints=5))
    killed(packed, tmp_path / "run", 4)
    assert states.newest(tmp_path / "run") == tmp_path / "run" / "state" / "checkpoint-3"
    assert read_trained(tmp_path / "run") is None
    killed(packed, tmp_path / "run", 8)
    seen: list[int] = []
    trained = train(packed, tmp_path / "run", tiny(checkpoints=5), on_progress=lambda each: seen.append(each.step))
    assert seen == [8, 9, 10]
    for ours, theirs in zip(trained.checkpoints, straight.checkpoints, strict=True):
        assert same_weights(ours.path, theirs.path)
    rows, expected = (pq.read_table(run.folder / "metrics.parquet") for run in (trained, straight))
    assert rows["step"].to_pylist() == list(range(1, 11))
    assert rows["loss"].to_pylist() == expected["loss"].to_pylist()
    assert rows["grad_norm"].to_pylist() == expected["grad_norm"].to_pylist()
    seconds = rows["seconds"].to_pylist()
    assert seconds == sorted(seconds)
    assert trained.seconds >= seconds[-1]


def test_a_run_killed_before_its_first_state_begins_again(packed: Path, tmp_path: Path) -> None:
    straight = train(packed, tmp_path / "straight", tiny())
    with pytest.raises(Kill):
        train(packed, tmp_path / "run", tiny(), on_progress=stop_at(5))  # type: ignore[arg-type]
    trained = train(packed, tmp_path / "run", tiny())
    assert same_weights(trained.checkpoints[-1].path, straight.checkpoints[-1].path)


def test_a_half_written_state_is_ignored_and_at_most_one_is_kept(packed: Path, tmp_path: Path) -> None:
    straight = train(packed, tmp_path / "straight", tiny())
    with pytest.raises(Kill):
        train(packed, tmp_path / "run", tiny(save_minutes=0), on_progress=stop_at(7))  # type: ignore[arg-type]
    assert [path.name for path in (tmp_path / "run" / "state").iterdir()] == ["checkpoint-6"]
    half = tmp_path / "run" / "state" / "checkpoint-7"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half of it")
    checkpoint = tmp_path / "run" / "checkpoints" / ".step-00000010.tmp"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"half of it")
    trained = train(packed, tmp_path / "run", tiny())
    assert same_weights(trained.checkpoints[-1].path, straight.checkpoints[-1].path)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000010"]


def test_a_stable_phase_killed_while_it_kept_its_branch_keeps_it_again(packed: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(Kill):
        train(packed, run, tiny(phase="stable", save_minutes=0), on_progress=stop_at(8))  # type: ignore[arg-type]
    assert not (run / "branch").exists()
    trained = train(packed, run, tiny(phase="stable", save_minutes=0))
    assert states.read_branch(str(run)).step == 8
    assert trained.tokens == 8 * BATCH


def test_another_seed_is_refused_in_a_run_that_was_begun(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(Kill):
        train(packed, tmp_path / "run", tiny(save_minutes=0), on_progress=stop_at(3))  # type: ignore[arg-type]
    with pytest.raises(DriftError, match="seed was 0, is 1"):
        train(packed, tmp_path / "run", tiny(seed=1))
    marker = tmp_path / "run" / "state" / "checkpoint-2" / states.MARKER
    write_json(marker, {**read_json(marker), "precision": "bf16"})
    with pytest.raises(DriftError, match="in bf16, as it was begun; this machine would take fp32"):
        train(packed, tmp_path / "run", tiny())


def test_a_run_that_was_refused_before_it_trained_leaves_the_folder_free(packed: Path, tmp_path: Path) -> None:
    from tilth.base.errors import ConfigError

    with pytest.raises(ConfigError, match="micro_batch 3 and 1 processes with 4 sequences each"):
        train(packed, tmp_path / "run", tiny(micro_batch=3))
    with pytest.raises(ConfigError, match="several processes with a GPU each"):
        train(packed, tmp_path / "run", tiny(sharding="fsdp"))
    assert train(packed, tmp_path / "run", tiny(seed=5)).state == "finished"


def test_ctrl_c_says_where_it_goes_on(packed: Path, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="goes on from step 3 of"):
        train(packed, tmp_path / "run", tiny(save_minutes=0), on_progress=interrupt)
    assert train(packed, tmp_path / "run", tiny()).state == "finished"


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_exactly(packed: Path, tmp_path: Path) -> None:
    """Kills fall into steps, states, checkpoints and markers; a state is written after each step."""
    settings = tiny(save_minutes=0, checkpoints=5, tokens=40 * BATCH)
    straight = train(packed, tmp_path / "straight", settings.model_copy(update={"save_minutes": 10.0}))
    run, moments = tmp_path / "run", random.Random(3)
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(packed), str(run), "0", str(40 * BATCH)]
    kills = 0
    for _ in range(4):
        reached = states.newest(run)
        with subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}) as child:
            while states.newest(run) == reached and child.poll() is None:
                time.sleep(0.002)
            time.sleep(moments.random() * 0.15)
            child.kill()
            kills += child.wait() == -signal.SIGKILL
    assert kills >= 2
    trained = train(packed, run, settings)
    for ours, theirs in zip(trained.checkpoints, straight.checkpoints, strict=True):
        assert same_weights(ours.path, theirs.path)
    assert pq.read_table(run / "metrics.parquet")["step"].to_pylist() == list(range(1, 41))
