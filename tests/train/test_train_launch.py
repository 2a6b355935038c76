"""Scripts that start a run on a cluster, the batch over several processes, and the command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from train_help import BATCH, same_weights, tiny, weights
from typer.testing import CliRunner

from tilth.base.errors import ConfigError, Interrupted
from tilth.cli.train import train as train_command
from tilth.recipe.stages.train import Train
from tilth.train.launch import Cluster, write_launch
from tilth.train.loop import split_batch
from tilth.train.presets import resolve
from tilth.train.progress import Progress
from tilth.train.run import Trained, read_trained, train


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer(add_completion=False)
    app.command("train")(train_command)
    app.command("nothing")(lambda: None)  # one command alone would have no name
    return app


def settings_file(folder: Path) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(json.dumps(tiny().model_dump(exclude_none=True, exclude={"precision"})))
    return path


def bash_accepts(script: Path) -> bool:
    return subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_a_slurm_script_has_nodes_ranks_rendezvous_and_requeue(tmp_path: Path) -> None:
    arguments = ["shards/it's here", "--preset", "published", "--out", str(tmp_path)]
    cluster = Cluster(nodes=8, gpus=8, time="04:00:00", partition="gpu")
    path = write_launch("slurm", arguments, tmp_path, cluster, resolve(Train(preset="published")))
    text = path.read_text()
    assert path.name == "launch.slurm"
    assert bash_accepts(path)
    for line in (
        "#SBATCH --nodes=8",
        "#SBATCH --ntasks-per-node=1",
        "#SBATCH --gpus-per-node=8",
        "#SBATCH --cpus-per-task=64",
        "#SBATCH --time=04:00:00",
        "#SBATCH --partition=gpu",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        "#SBATCH --signal=B:USR1@300",
    ):
        assert f"{line}\n" in text
    assert "--account" not in text
    assert "--num_machines 8 --num_processes 64" in text
    assert '--machine_rank "$SLURM_NODEID" --main_process_ip "$MAIN_IP" --main_process_port "$MAIN_PORT"' in text
    assert "scontrol requeue" in text


def test_the_slurm_script_runs_the_command_with_its_arguments_whole(tmp_path: Path) -> None:
    """Against programs of the same names that write down what they were called with."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in {
        "scontrol": "echo node-7; sleep 0.1; echo node-8",
        "srun": 'shift; SLURM_NODEID=1 "$@"',
        "accelerate": 'printf "%s\\n" "$@" > "$CALLED"',
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    arguments = ["shards/it's $HOME here", "--preset", "published", "--out", str(tmp_path)]
    path = write_launch("slurm", arguments, tmp_path, Cluster(nodes=2, gpus=4), resolve(Train(preset="published")))
    env = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "CALLED": str(tmp_path / "called"),
        "SLURM_JOB_ID": "123456",
        "SLURM_JOB_NODELIST": "node-[7-8]",
    }
    subprocess.run(["bash", str(path)], check=True, env=env)
    called = (tmp_path / "called").read_text().splitlines()
    assert called[called.index("-m") :] == ["-m", "tilth.cli", "train", *arguments]
    assert called[called.index("--main_process_ip") + 1] == "node-7"
    assert called[called.index("--main_process_port") + 1] == str(20000 + 123456 % 20000)
    assert called[called.index("--machine_rank") + 1] == "1"
    assert called[called.index("--num_processes") + 1] == "8"


def test_an_accelerate_script_of_several_nodes_asks_which_one_it_is(tmp_path: Path) -> None:
    made = resolve(Train(preset="published"))
    one = write_launch("accelerate", ["shards"], tmp_path, Cluster(gpus=4), made).read_text()
    assert "--multi_gpu --num_machines 1 --num_processes 4" in one
    assert "--machine_rank 0" in one
    path = write_launch("accelerate", ["shards"], tmp_path, Cluster(nodes=2, gpus=4), made)
    assert bash_accepts(path)
    refused = subprocess.run(["bash", str(path)], check=False, capture_output=True, text=True)
    assert "the number of this node, from 0" in refused.stderr


def test_processes_that_cannot_share_the_batch_are_refused_with_the_numbers(tmp_path: Path) -> None:
    made = resolve(Train(preset="published"))
    with pytest.raises(ConfigError, match=r"3 nodes x 8 GPUs = 24 processes .* 512 sequences evenly; 8 are left over"):
        write_launch("slurm", [], tmp_path, Cluster(nodes=3, gpus=8), made)
    with pytest.raises(ConfigError, match=r"512 = 24 x 21 \+ 8"):
        split_batch(made, 24, "cuda")
    assert split_batch(made, 64, "cuda") == (2, 4)
    assert split_batch(made, 1, "cuda") == (2, 256)
    with pytest.raises(ConfigError, match="Give a divisor of 8 as micro_batch"):
        split_batch(resolve(Train(preset="published", micro_batch=3)), 64, "cuda")


def test_the_command_trains_shows_progress_and_says_what_it_came_to(
    packed: Path, tmp_path: Path, cli: typer.Typer
) -> None:
    command = ["train", str(packed), "--out", str(tmp_path / "run"), "--settings", str(settings_file(tmp_path))]
    shown = CliRunner().invoke(cli, [*command, "--seed", "4", "--checkpoints", "2", "--json-lines"])
    assert shown.exit_code == 0, shown.output
    assert "state        finished" in shown.stdout
    assert shown.stdout.count("checkpoint   ") == 2
    last = json.loads(shown.stderr.splitlines()[-1])
    assert (last["event"], last["step"], last["eta_seconds"]) == ("progress", 10, 0.0)
    again = CliRunner().invoke(cli, [*command, "--seed", "4", "--checkpoints", "2", "--json"])
    assert json.loads(again.stdout)["state"] == "finished"
    trained = train(packed, tmp_path / "same", tiny(seed=4))
    assert same_weights(trained.checkpoints[-1].path, read_trained(tmp_path / "run").checkpoints[-1].path)  # type: ignore[union-attr]


def test_the_command_ends_with_4_where_the_run_diverged(packed: Path, tmp_path: Path, cli: typer.Typer) -> None:
    command = ["train", str(packed), "--out", str(tmp_path / "run"), "--settings", str(settings_file(tmp_path))]
    shown = CliRunner().invoke(cli, [*command, "--learning-rate", "1e25"])
    assert shown.exit_code == 4
    assert "state        diverged at step" in shown.stdout
    assert "Lower the learning rate" in shown.stderr


def test_emit_launch_repeats_the_command_and_starts_nothing(packed: Path, tmp_path: Path, cli: typer.Typer) -> None:
    out, file = tmp_path / "run", settings_file(tmp_path)
    command = ["train", str(packed), "--out", str(out), "--settings", str(file), "--batch-tokens", str(BATCH)]
    shown = CliRunner().invoke(cli, [*command, "--emit-launch", "slurm", "--nodes", "2", "--gpus", "2"])
    assert shown.exit_code == 0, shown.output
    text = (out / "launch.slurm").read_text()
    assert f"tilth train {packed} --out {out} --settings {file} --batch-tokens {BATCH} --json-lines &" in text
    assert not (out / "identity.json").exists()
    wrong = CliRunner().invoke(cli, [*command, "--emit-launch", "pbs"])
    assert isinstance(wrong.exception, ConfigError)


def by_two_processes(packed: Path, out: Path, settings: Path, *options: str) -> None:
    """Real processes, started as accelerate starts them on GPUs, that meet over gloo on this machine's CPU."""
    command_file = settings.with_name("command.py")
    command_file.write_text("import typer\nfrom tilth.cli.train import train\n\ntyper.run(train)\n")
    command = [
        *("-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"),
        *("--rdzv-endpoint", "localhost:0"),
        *(str(command_file), str(packed), "--out", str(out), "--settings", str(settings), "--quiet", *options),
    ]
    subprocess.run([sys.executable, *command], check=True, timeout=300)


def close(ours: Trained, theirs: Trained) -> bool:
    """Whether every checkpoint of two runs has the same weights but for the order of sums."""
    return all(
        np.allclose(first, second, atol=2e-4)
        for a, b in zip(ours.checkpoints, theirs.checkpoints, strict=True)
        for first, second in zip(weights(a.path).values(), weights(b.path).values(), strict=True)
    )


@pytest.mark.slow
def test_two_processes_train_the_same_batches_as_one(packed: Path, tmp_path: Path) -> None:
    one = train(packed, tmp_path / "one", tiny(checkpoints=2))
    by_two_processes(packed, tmp_path / "two", settings_file(tmp_path), "--checkpoints", "2")
    two = read_trained(tmp_path / "two")
    assert two is not None
    assert (two.state, two.tokens, two.processes) == ("finished", one.tokens, 2)
    assert close(one, two)
    rows, expected = (pq.read_table(run.folder / "metrics.parquet") for run in (two, one))
    assert rows["step"].to_pylist() == list(range(1, 11))
    assert rows["loss"].to_pylist() == pytest.approx(expected["loss"].to_pylist(), abs=1e-3)
    assert rows["grad_norm"].to_pylist() == pytest.approx(expected["grad_norm"].to_pylist(), rel=1e-2)


@pytest.mark.slow
def test_a_run_that_one_process_began_is_finished_by_two(packed: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 6:
            raise KeyboardInterrupt

    straight = train(packed, tmp_path / "straight", tiny())
    with pytest.raises(Interrupted):
        train(packed, tmp_path / "run", tiny(save_minutes=0), on_progress=stop)
    by_two_processes(packed, tmp_path / "run", settings_file(tmp_path))
    finished = read_trained(tmp_path / "run")
    assert finished is not None
    assert finished.processes == 2
    assert close(straight, finished)
    assert pq.read_table(tmp_path / "run" / "metrics.parquet")["step"].to_pylist() == list(range(1, 11))
