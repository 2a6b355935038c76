"""Scripts that start one run on several GPUs and nodes, by accelerate alone or by Slurm.

Every process runs the same `tilth train` command; accelerate tells it its rank. The folder of the run must lie on a
file system that all nodes share. A job that is preempted, or whose time is nearly up, goes back into the queue
and resumes.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tilth.base.errors import ConfigError
from tilth.base.files import write_bytes
from tilth.train.presets import Resolved

Kind = Literal["slurm", "accelerate"]

#: Seconds before its time limit at which a Slurm job asks to be queued again.
_NOTICE: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where a run is to be started."""

    nodes: int = 1
    gpus: int = 1  # on each node
    cpus: int = 8  # on each node, for each GPU
    time: str = "24:00:00"
    partition: str | None = None
    account: str | None = None

    @property
    def processes(self) -> int:
        """One a GPU."""
        return self.nodes * self.gpus


def write_launch(kind: Kind, arguments: Sequence[str], out: Path, cluster: Cluster, made: Resolved) -> Path:
    """Write the script for `tilth train ARGUMENTS` into `out`; its path. Starts nothing.

    Raises ConfigError where the processes cannot share the batch evenly.
    """
    if made.batch % cluster.processes:
        raise ConfigError(
            f"expected {cluster.nodes} nodes x {cluster.gpus} GPUs = {cluster.processes} processes to share a batch of "
            f"{made.batch} sequences evenly; {made.batch % cluster.processes} are left over. "
            "Take another number of GPUs or batch_tokens."
        )
    text = slurm_script(arguments, out, cluster) if kind == "slurm" else accelerate_script(arguments, cluster)
    path = out / ("launch.slurm" if kind == "slurm" else "launch.sh")
    write_bytes(path, text.encode())
    path.chmod(0o755)
    return path


def accelerate_script(arguments: Sequence[str], cluster: Cluster) -> str:
    """A script to start on each node; with several, MACHINE_RANK and MAIN_IP say which it is and where the first is."""
    machine = (
        '--machine_rank "${MACHINE_RANK:?the number of this node, from 0}" '
        '--main_process_ip "${MAIN_IP:?the address of node 0}" --main_process_port "${MAIN_PORT:-29500}"'
        if cluster.nodes > 1
        else "--machine_rank 0"
    )
    return "\n".join(
        [
            "#!/bin/bash",
            "# The same command starts the run and goes on with it.",
            "set -euo pipefail",
            f"exec {_accelerate(cluster)} {machine} \\",
            f"  -m tilth.cli {shlex.join(['train', *arguments])}",
            "",
        ]
    )


def slurm_script(arguments: Sequence[str], out: Path, cluster: Cluster) -> str:
    """A batch script: one task a node, each starting a process a GPU; they meet at the first node."""
    options = {
        "job-name": f"tilth-train-{out.name}",
        "nodes": cluster.nodes,
        "ntasks-per-node": 1,
        "gpus-per-node": cluster.gpus,
        "cpus-per-task": cluster.cpus * cluster.gpus,
        "time": cluster.time,
        "partition": cluster.partition,
        "account": cluster.account,
        "output": out / "slurm-%j.log",
        "open-mode": "append",
        "signal": f"B:USR1@{_NOTICE}",
    }
    shown = [f"#SBATCH --{name}={shlex.quote(str(value))}" for name, value in options.items() if value is not None]
    return "\n".join(
        [
            "#!/bin/bash",
            *shown,
            "#SBATCH --requeue",
            "",
            "# The same job goes on where it was: after a preemption, and when its time is nearly up.",
            "set -euo pipefail",
            "trap 'scontrol requeue \"$SLURM_JOB_ID\"' USR1",
            'mapfile -t NODES < <(scontrol show hostnames "$SLURM_JOB_NODELIST")',
            "MAIN_IP=${NODES[0]}",
            "MAIN_PORT=$((20000 + SLURM_JOB_ID % 20000))",
            "export MAIN_IP MAIN_PORT",
            "",
            "# $SLURM_NODEID is known on each node only, so a shell there reads it.",
            "srun --kill-on-bad-exit=1 bash -c '",
            f"  exec {_accelerate(cluster)} --rdzv_backend static \\",
            '    --machine_rank "$SLURM_NODEID" --main_process_ip "$MAIN_IP" --main_process_port "$MAIN_PORT" \\',
            '    -m tilth.cli "$@"',
            f"' tilth {shlex.join(['train', *arguments])} &",
            "wait $!",
            "",
        ]
    )


def _accelerate(cluster: Cluster) -> str:
    several = " --multi_gpu" if cluster.processes > 1 else ""
    return (
        f"accelerate launch{several} --num_machines {cluster.nodes} --num_processes {cluster.processes} "
        "--mixed_precision no --dynamo_backend no"  # tilth train decides the precision
    )
