"""The command that evaluates a checkpoint, or writes its tasks for lm-evaluation-harness."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def evaluate(
    model: Annotated[
        Path | None, typer.Argument(help="A folder of transformers with a model and its tokenizer.", metavar="MODEL")
    ] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", help="Names of task blocks, with commas or again for more.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The Parquet file of results to write.")] = None,
    benchmarks: Annotated[
        Path | None, typer.Option("--benchmarks", help="Folder with a file a benchmark. Default: the shipped samples.")
    ] = None,
    form: Annotated[
        list[str] | None, typer.Option("--form", help="cloze, choice, bpb or generate; again for more.")
    ] = None,
    held_out: Annotated[
        list[str] | None, typer.Option("--held-out", help="DOMAIN=PATH of untouched original text; again for more.")
    ] = None,
    arm: Annotated[str, typer.Option("--arm", help="The arm that the model was trained on.")] = "model",
    seed: Annotated[int, typer.Option("--seed", help="The seed of the run.")] = 0,
    size: Annotated[str, typer.Option("--size", help="Name of the model size.")] = "model",
    step: Annotated[int, typer.Option("--step", min=0, help="Optimiser steps done at this checkpoint.")] = 0,
    shots: Annotated[int, typer.Option("--shots", min=0, max=5, help="Examples shown before each item.")] = 5,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many items a task.")] = None,
    held_out_limit: Annotated[
        int | None, typer.Option("--held-out-limit", min=1, help="At most so many documents a domain.")
    ] = None,
    backend: Annotated[str, typer.Option("--backend", help="own or lm-eval.")] = "own",
    device: Annotated[str | None, typer.Option("--device", help="cpu, cuda:0, ... Default: a GPU if any.")] = None,
    blocks: Annotated[
        list[Path] | None, typer.Option("--task-folder", help="Folder of task blocks of your own; again for more.")
    ] = None,
    emit_tasks: Annotated[
        Path | None, typer.Option("--emit-tasks", help="Write the tasks for lm-evaluation-harness and stop.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Print the tasks there are.")] = False,
) -> None:
    """Score a model on benchmarks and held-out text, item by item, into a table of results."""
    from tilth.base.errors import ConfigError
    from tilth.evaluate.words import tasks_text

    folders = tuple(str(folder) for folder in blocks or ())
    if list_:
        print(tasks_text(folders))
        return
    given = {
        "benchmarks": None if benchmarks is None else str(benchmarks),
        "task_folders": folders,
        "tasks": tuple(name.strip() for part in tasks or () for name in part.split(",") if name.strip()),
        "held_out": _domains(held_out or []),
        "shots": shots,
        "limit": limit,
        "held_out_limit": held_out_limit,
        # tasks that are only written are not scored by our own back end, so generated ones may be among them
        "backend": backend if emit_tasks is None else "lm-eval",
        "device": device,
    }
    settings = _settings(given | ({"forms": tuple(form)} if form else {}))
    if emit_tasks is not None:
        from tilth.evaluate.harness.emit import emit_all

        print("\n".join(emit_all(emit_tasks, settings)))
        return
    if model is None or out is None:
        raise ConfigError("expected a model folder and --out FILE; one of them is missing. See tilth evaluate --help.")
    _evaluate(model, out, settings, arm=arm, seed=seed, size=size, step=step)


def _settings(given: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from tilth.base.errors import ConfigError
    from tilth.recipe.stages.evaluate import Evaluate

    try:
        return Evaluate.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        where = f"{place}: " if place else ""
        raise ConfigError(f"expected settings that fit together; {where}{first['msg']}.") from error


def _domains(given: list[str]) -> dict[str, str]:
    from tilth.base.errors import ConfigError

    found = {}
    for one in given:
        domain, mark, path = one.partition("=")
        if not (domain and mark and path):
            raise ConfigError(f"expected --held-out DOMAIN=PATH; saw {one!r}.")
        found[domain] = path
    return found


def _evaluate(model: Path, out: Path, settings: Any, *, arm: str, seed: int, size: str, step: int) -> None:
    from tilth.evaluate.checkpoint import Progress, evaluate_checkpoint
    from tilth.evaluate.runs import RunName
    from tilth.evaluate.words import evaluated_text

    shown: set[tuple[str, str]] = set()

    def tell(progress: Progress) -> None:
        if (progress.task, progress.form) not in shown and sys.stderr.isatty():
            shown.add((progress.task, progress.form))
            place = f"{progress.tasks_done + 1} of {progress.tasks}"
            print(f"{progress.task} {progress.form} ({place}): {progress.items:,} items", file=sys.stderr)

    run = RunName(arm=arm, seed=seed, size=size, step=step)
    found = evaluate_checkpoint(model, out, settings, run, on_progress=tell)
    print(evaluated_text(found))
    bad = [key for key, state in found.tasks.items() if state.state != "scored"]
    if bad:
        print(f"tilth: not scored: {', '.join(bad)} (see above); the other tasks are in {out}", file=sys.stderr)
        raise typer.Exit(4)
