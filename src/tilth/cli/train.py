"""The command that trains a model on a packed token set, or writes the script that starts it on a cluster."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from tilth.cli.options import LinesOption, QuietOption, mode


def train(
    tokens: Annotated[Path, typer.Argument(help="A folder of packed token shards.", metavar="TOKENS")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the run. The same command resumes it.")],
    preset: Annotated[
        str | None, typer.Option("--preset", help="A model from scratch: smoke, laptop, gpu or published.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="A base model to go on from: folder or Hub name; or a trunk's run.")
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Of a Hub name.")] = None,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="A YAML file of settings; options come before it.")
    ] = None,
    budget: Annotated[int | None, typer.Option("--tokens", min=1, help="Tokens to train on.")] = None,
    sequence: Annotated[int | None, typer.Option("--sequence", min=2, help="Tokens of a sequence.")] = None,
    batch_tokens: Annotated[int | None, typer.Option("--batch-tokens", min=2, help="Tokens of a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="The greatest one.")] = None,
    schedule: Annotated[str | None, typer.Option("--schedule", help="wsd, cosine, linear or constant.")] = None,
    phase: Annotated[str | None, typer.Option("--phase", help="whole, stable or decay.")] = None,
    documents: Annotated[
        str | None, typer.Option("--documents", help="masked: a token sees its own document only; or joined.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the initialisation.")] = None,
    checkpoints: Annotated[
        int | None, typer.Option("--checkpoints", min=1, help="To evaluate; evenly spaced, the last at the end.")
    ] = None,
    micro_batch: Annotated[
        int | None, typer.Option("--micro-batch", min=1, help="Sequences at once on a device.")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Of torch, on a CPU.")] = None,
    emit_launch: Annotated[
        str | None, typer.Option("--emit-launch", help="Start nothing: write a script, slurm or accelerate.")
    ] = None,
    nodes: Annotated[int, typer.Option("--nodes", min=1, help="Of the script.")] = 1,
    gpus: Annotated[int, typer.Option("--gpus", min=1, help="Of the script, on each node.")] = 1,
    time_limit: Annotated[str, typer.Option("--time", help="Of the Slurm script.")] = "24:00:00",
    partition: Annotated[str | None, typer.Option("--partition", help="Of the Slurm script.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Of the Slurm script.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What it came to as JSON.")] = False,
    quiet: QuietOption = False,
    json_lines: LinesOption = False,
) -> None:
    """Train a model on packed token shards. The same command starts, resumes and completes a run."""
    from tilth.train.settings import load_settings

    given = {
        "preset": preset,
        "start": start,
        "revision": revision,
        "tokens": budget,
        "sequence": sequence,
        "batch_tokens": batch_tokens,
        "learning_rate": learning_rate,
        "schedule": schedule,
        "phase": phase,
        "documents": documents,
        "seed": seed,
        "checkpoints": checkpoints,
        "micro_batch": micro_batch,
        "threads": threads,
    }
    asked = load_settings(settings, given)
    if emit_launch is not None:
        from tilth.train.launch import Cluster

        cluster = Cluster(nodes=nodes, gpus=gpus, time=time_limit, partition=partition, account=account)
        arguments = _arguments(tokens, out, settings, given)
        print(f"script   {_emit(emit_launch, tokens, out, asked, cluster, arguments)}")
        return
    _train(tokens, out, asked, quiet, json_lines, as_json)


def _train(tokens: Path, out: Path, asked: Any, quiet: bool, json_lines: bool, as_json: bool) -> None:
    import orjson

    from tilth.train.run import shown
    from tilth.train.run import train as run
    from tilth.view.training import TrainingDisplay, trained_text

    display = TrainingDisplay(mode(quiet, json_lines))
    trained = run(tokens, out, asked, on_progress=display.update)
    if int(os.environ.get("RANK", "0")) == 0 and not quiet:
        print(orjson.dumps(shown(trained), option=orjson.OPT_INDENT_2).decode() if as_json else trained_text(trained))
    if trained.state == "diverged":
        print(
            f"tilth: the loss is no number from step {trained.diverged_at} on. Lower the learning rate, lengthen the "
            "warm-up or look at the data there, and train into another folder.",
            file=sys.stderr,
        )
        raise typer.Exit(4)


def _arguments(tokens: Path, out: Path, settings: Path | None, given: dict[str, Any]) -> list[str]:
    """The command line that a script repeats."""
    files = [str(tokens), "--out", str(out), *(["--settings", str(settings)] if settings is not None else [])]
    options = [(f"--{name.replace('_', '-')}", value) for name, value in given.items() if value is not None]
    return [*files, *(str(part) for option in options for part in option), "--json-lines"]


def _emit(kind: str, tokens: Path, out: Path, asked: Any, cluster: Any, arguments: list[str]) -> Path:
    from tilth.base.errors import ConfigError
    from tilth.train.launch import write_launch
    from tilth.train.run import prepare

    if kind not in ("slurm", "accelerate"):
        raise ConfigError(f"expected --emit-launch slurm or --emit-launch accelerate; saw {kind!r}.")
    made = prepare(tokens, asked).made
    return write_launch("slurm" if kind == "slurm" else "accelerate", arguments, out, cluster, made)


#: Name of each command -> its function; `cli.main` adds them.
COMMANDS: dict[str, Callable[..., None]] = {"train": train}
