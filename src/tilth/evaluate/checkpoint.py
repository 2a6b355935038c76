"""Evaluate one checkpoint: every task in every form, and held-out text, to one table of results.

Each task ends in one named state, and what is wrong with one ends no other. A finished task is kept beside the table
until all are done, so a killed evaluation goes on with the next one; the table is written once, at the end. The same
call again reads what is there; a call that would give other results is refused.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import Change, DriftError, SourceError
from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint
from tilth.data.dataset import file_digest
from tilth.data.results import RESULTS, write_results
from tilth.evaluate.ask import MissingFile, MissingShots, ask, benchmark_folder, read_items
from tilth.evaluate.blocks import Block, load_blocks
from tilth.evaluate.held_out import ask_held_out
from tilth.evaluate.item import Asked
from tilth.evaluate.rows import Scored, is_broken
from tilth.evaluate.runs import RunName
from tilth.evaluate.version import VERSION, evaluation_facts
from tilth.recipe.stages.evaluate import HELD_OUT, Evaluate, Form

State = Literal[
    "scored",  # every item that is not left out has a score
    "diverged",  # the model gives no numbers; its rows are NaN
    "missing file",  # the benchmark's file is not in the folder
    "missing examples",  # the examples that the block names are not in the file
    "unreadable",  # the file or the held-out text cannot be read as it should
    "no items",  # every item is left out
    "failed",  # the back end ended without results
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """What became of one task in one form. `items` have scores; `left_out` counts the others by reason; `cut` of the
    items did not fit into the context whole (examples cut off at the left; for held-out text: read in windows)."""

    task: str
    form: Form
    state: State
    items: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    cut: int = 0
    examples: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """An evaluation that ended. `tasks` are named `task/form`; `version` is what two arms must share."""

    results: Path
    tasks: dict[str, TaskState]
    version: str
    seconds: float

    @property
    def diverged(self) -> bool:
        """True where the model gave no numbers for some task."""
        return any(one.state == "diverged" for one in self.tasks.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where an evaluation stands: tasks done of all, and items done of the task that is scored now."""

    task: str
    form: Form
    tasks_done: int
    tasks: int
    items_done: int
    items: int


class Backend(Protocol):
    """What scores one task after another."""

    def __call__(self, asked: Asked, run: RunName, on_progress: Callable[[int], None]) -> Scored: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One task in one form, and how to get its items."""

    name: str
    form: Form
    facts: dict[str, Any]
    read: Callable[[], Asked]

    @property
    def key(self) -> str:
        return f"{self.name}/{self.form}"


def evaluate_checkpoint(
    model: Path,
    out: Path,
    settings: Evaluate,
    run: RunName,
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Evaluated:
    """Score the model in the folder `model` and write one Parquet table of results to `out`, atomically.

    Raises `ConfigError` for an unknown task, `SourceError` for a folder that is no model, `MissingExtra` without torch,
    transformers or the harness, and `DriftError` where `out` holds the results of another evaluation.
    """
    started = time.monotonic()
    version = evaluation_facts(settings)
    identity = {"model": model_digest(model), "run": asdict(run), "evaluation": version, "dtype": settings.dtype}
    there = read_evaluated(out)
    if there is not None:
        _same(out, identity)
        return there
    tasks = list(_tasks(settings, version["tasks"]))
    folder = out.with_name(f".{out.name}.parts")
    done = _run(tasks, model, settings, run, _Parts(folder, identity), on_progress)
    write_results(out, pa.concat_tables([RESULTS.empty_table(), *(table for _, table in done.values())]))
    found = Evaluated(
        results=out,
        tasks={key: state for key, (state, _) in done.items()},
        version=fingerprint(version),
        seconds=time.monotonic() - started,
    )
    write_json(_beside(out), {"evaluated": _plain(found), "identity": identity})
    shutil.rmtree(folder, ignore_errors=True)
    return found


def read_evaluated(out: Path) -> Evaluated | None:
    """The evaluation whose table is at `out`; None where it did not end."""
    if not out.is_file() or not _beside(out).is_file():
        return None
    value = read_json(_beside(out))["evaluated"]
    tasks = {key: _state(one) for key, one in value["tasks"].items()}
    return Evaluated(results=out, tasks=tasks, version=value["version"], seconds=value["seconds"])


def model_digest(folder: Path) -> str:
    """A hash of every byte of the model's files, so that a model trained anew at the same place is another one.

    Raises `SourceError` where there is no model. Costs about 1.5 s a GB.
    """
    if not (folder / "config.json").is_file():
        raise SourceError(f"expected a model folder with a config.json at {folder}; saw none. Name a checkpoint.")
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".bin", ".model"))
    # what a trainer writes beside a checkpoint, and may write again, decides no score
    return fingerprint({path.name: file_digest(path) for path in files if path.name not in _NOT_THE_MODEL})


_NOT_THE_MODEL = frozenset({"trainer_state.json", "train.json", "training_args.bin", "optimizer.bin", "scheduler.bin"})


def _tasks(settings: Evaluate, facts: Mapping[str, Any]) -> Iterator[_Task]:
    folder = benchmark_folder(settings)
    for block in load_blocks(settings.tasks, settings.task_folders):
        for form in settings.forms:
            if form in block.forms:
                yield _Task(
                    name=block.name, form=form, facts=facts[block.name], read=_reader(folder, block, form, settings)
                )
    for domain in settings.held_out:
        yield _Task(
            name=HELD_OUT + domain,
            form="bpb",
            facts=facts[HELD_OUT + domain],
            read=lambda domain=domain: ask_held_out(settings, domain),  # type: ignore[misc]
        )


def _reader(folder: Path, block: Block, form: Form, settings: Evaluate) -> Callable[[], Asked]:
    return lambda: ask(block, read_items(folder, block), form, settings)


def _run(
    tasks: list[_Task],
    model: Path,
    settings: Evaluate,
    run: RunName,
    parts: "_Parts",
    on_progress: Callable[[Progress], None],
) -> dict[str, tuple[TaskState, pa.Table]]:
    """Each task with its state and rows; the model is loaded when the first unfinished task needs it."""
    done: dict[str, tuple[TaskState, pa.Table]] = {}
    backend: Backend | None = None
    try:
        for number, task in enumerate(tasks):
            kept = parts.read(task)
            if kept is None:
                backend = backend or _backend(model, settings)
                kept = _one(task, backend, run, _teller(task, number, len(tasks), on_progress))
                parts.write(task, *kept)
            done[task.key] = kept
    finally:
        if backend is not None:
            backend.close()
    return done


def _teller(
    task: _Task, number: int, tasks: int, on_progress: Callable[[Progress], None]
) -> Callable[[int, int], None]:
    def tell(items_done: int, items: int) -> None:
        on_progress(
            Progress(task=task.name, form=task.form, tasks_done=number, tasks=tasks, items_done=items_done, items=items)
        )

    return tell


def _one(task: _Task, backend: Backend, run: RunName, tell: Callable[[int, int], None]) -> tuple[TaskState, pa.Table]:
    """One task to its state and rows; only what is wrong with this task is caught."""
    empty = RESULTS.empty_table()
    try:
        asked = task.read()
    except MissingFile as error:
        return TaskState(task=task.name, form=task.form, state="missing file", detail=str(error)), empty
    except MissingShots as error:
        return TaskState(task=task.name, form=task.form, state="missing examples", detail=str(error)), empty
    except SourceError as error:
        return TaskState(task=task.name, form=task.form, state="unreadable", detail=str(error)), empty
    tell(0, len(asked.items))
    scored = backend(asked, run, lambda count: tell(count, len(asked.items))) if asked.items else Scored()
    left_out = asked.left_out + scored.left_out
    items = len(asked.items) - scored.left_out.total()
    state: State = "scored" if items else "no items"
    if scored.failure:
        state, items = "failed", 0
    elif items and is_broken(scored.rows):
        state = "diverged"
    return (
        TaskState(
            task=task.name,
            form=task.form,
            state=state,
            items=items,
            left_out=dict(sorted(left_out.items())),
            cut=scored.cut,
            examples=asked.examples,
            detail=scored.failure,
        ),
        scored.rows,
    )


def _backend(model: Path, settings: Evaluate) -> Backend:
    if settings.backend == "lm-eval":
        from tilth.evaluate.harness.backend import HarnessBackend

        return HarnessBackend(model, settings, load_blocks(settings.tasks, settings.task_folders))
    from tilth.evaluate.own import OwnBackend

    return OwnBackend(model, settings)


class _Parts:
    """Finished tasks of an evaluation that goes on. The files' names do not end as tables of results do, so a killed
    evaluation is never read as a finished one."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._folder = folder
        self._shared = {"version": VERSION, **{name: identity[name] for name in ("model", "run", "dtype")}}

    def _path(self, task: _Task) -> Path:
        return self._folder / fingerprint({**self._shared, "task": task.key, "facts": task.facts})

    def read(self, task: _Task) -> tuple[TaskState, pa.Table] | None:
        path = self._path(task)
        state = path.with_suffix(".json")
        if not state.is_file():
            return None
        return _state(read_json(state)), pq.read_table(path.with_suffix(".part")).cast(RESULTS)

    def write(self, task: _Task, state: TaskState, rows: pa.Table) -> None:
        path = self._path(task)
        write_results(path.with_suffix(".part"), rows)
        write_json(path.with_suffix(".json"), asdict(state))  # last: it says that the rows are whole


def _state(value: Mapping[str, Any]) -> TaskState:
    return TaskState(**{**value, "examples": tuple(value["examples"])})


def _plain(found: Evaluated) -> dict[str, Any]:
    return {
        "version": found.version,
        "seconds": round(found.seconds, 3),
        "tasks": {key: asdict(state) for key, state in found.tasks.items()},
    }


def _beside(out: Path) -> Path:
    return out.with_name(f"{out.stem}.evaluated.json")


def _same(out: Path, identity: Mapping[str, Any]) -> None:
    """Refuse to take the results of another evaluation for those asked for."""
    recorded = read_json(_beside(out))["identity"]
    names = [name for name in identity if fingerprint(identity[name]) != fingerprint(recorded.get(name))]
    if names:
        changes = tuple(
            Change(field=name, recorded=str(recorded.get(name))[:200], now=str(identity[name])[:200], rows=0)
            for name in names
        )
        raise DriftError(
            f"expected the same evaluation that {out} holds; saw another {', '.join(names)}. "
            "Write to another file, or delete this one to evaluate anew.",
            changes,
        )
