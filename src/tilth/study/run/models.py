"""Trains and evaluates the models of a study in processes of their own, so that one that dies takes no other with it.

A process trains a run and scores its checkpoints, and goes on with the next run without importing torch again. Whatever
happens in it ends in a named outcome: finished, diverged (the loss is no number), or failed with the reason. A process
that is killed (memory, a person) fails the run that it held after one more try, and the rest go on.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from tilth.base.errors import StorageError, TilthError
from tilth.evaluate.checkpoint import Evaluated, evaluate_checkpoint, read_evaluated
from tilth.evaluate.runs import RunName
from tilth.recipe.stages.evaluate import Evaluate
from tilth.recipe.stages.train import Train
from tilth.train.run import Checkpoint, Trained, read_trained, train

_TRIES = 2  # of a run whose process was killed: once more, since what kills it may be another program's hunger


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run: an arm, size and seed with its shards and settings, and the folders of its model and its scores."""

    arm: str
    size: str
    seed: int
    shards: Path
    model: Path
    scores: Path
    train: Train
    evaluate: Evaluate

    @property
    def name(self) -> str:
        """`table / smoke / seed 1`."""
        return run_name(self.arm, self.size, self.seed)

    def table(self, checkpoint: Checkpoint) -> Path:
        """Where a checkpoint's results lie."""
        return self.scores / f"step-{checkpoint.step:07d}.parquet"


def run_name(arm: str, size: str, seed: int) -> str:
    """`table / smoke / seed 1`: a run in logs, costs and folders."""
    return f"{arm} / {size} / seed {seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job. Seconds are of this session: 0 where everything was there already."""

    job: Job
    state: Literal["finished", "diverged", "failed"]
    detail: str = ""
    step: int | None = None
    trained: Trained | None = None
    judged: tuple[Evaluated, ...] = ()  # one a checkpoint
    gpu: bool = False
    seconds: dict[str, float] = field(default_factory=dict)  # training, scoring and start: processor seconds
    held: dict[str, float] = field(default_factory=dict)  # the same on the clock


def run_jobs(jobs: Iterable[Job], workers: int, gpus: int, on_outcome: Callable[[Outcome], None]) -> Iterator[Outcome]:
    """Run jobs, `workers` at a time, and give each outcome as it comes; `on_outcome` hears it first.

    With GPUs each worker has its own, in turn. A broken disk ends everything (`StorageError`).
    """
    waiting = [(job, 1) for job in jobs]
    while waiting:
        lost: list[tuple[Job, int]] = []
        for outcome, again in _pooled(waiting, max(1, min(workers, len(waiting))), gpus):
            if again is not None:
                lost.append(again)
                continue
            assert outcome is not None
            on_outcome(outcome)
            yield outcome
        # whichever killed the process, those beside it were lost with it: tried again, each is alone in its process
        workers = 1 if any(tries > 1 for _, tries in lost) else workers
        waiting = sorted(lost, key=lambda one: one[1])


def _pooled(
    jobs: list[tuple[Job, int]], workers: int, gpus: int
) -> Iterator[tuple[Outcome | None, tuple[Job, int] | None]]:
    """Outcomes, and the jobs to try again in another pool since a process of this one was killed."""
    context = get_context("spawn")  # a fork would copy the threads' locks of torch and Polars
    devices = context.Queue()
    for worker in range(workers):
        devices.put(worker % gpus if gpus else None)
    threads = max(1, (os.cpu_count() or 1) // workers)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(devices, threads)) as pool:
        running: dict[Future[Outcome], tuple[Job, int]] = {}
        left = iter(jobs)
        broken = False
        while True:
            # no more are handed in than run: a killed process loses what was handed in
            for job, tries in left if not broken else ():
                running[pool.submit(run_job, job)] = (job, tries)
                if len(running) == workers:
                    break
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                job, tries = running.pop(future)
                try:
                    yield future.result(), None
                except BrokenProcessPool:
                    broken = True
                    if tries < _TRIES:
                        yield None, (job, tries + 1)
                    else:
                        yield Outcome(job=job, state="failed", detail=_KILLED), None
        yield from ((None, again) for again in left)


_KILLED = (
    "the process that trained or scored it was killed twice, perhaps for memory. Run the study again with fewer "
    "workers, or a smaller micro batch under training."
)


def _begin(devices: Any, threads: int) -> None:
    """In a new process: its own GPU, its share of the cores, and torch imported before the first job's clock starts."""
    device = devices.get()
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(device)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)


def reused(job: Job) -> Outcome | None:
    """The outcome of a job whose model and scores are all there already; None where something is left to do."""
    trained = read_trained(job.model)
    if trained is None:
        return None
    judged = [read_evaluated(job.table(checkpoint)) for checkpoint in trained.checkpoints]
    there = [found for found in judged if found is not None]
    return _ended(job, trained, there) if len(there) == len(judged) else None


def run_job(job: Job) -> Outcome:
    """Train what is not trained, score what is not scored; never raises for what concerns this run alone."""
    clock = _Clock()
    clock.lap("own")
    try:
        trained = train(job.shards, job.model, job.train)
        clock.lap("training")
        judged = []
        for checkpoint in trained.checkpoints:
            run = RunName(arm=job.arm, seed=job.seed, size=job.size, step=checkpoint.step)
            judged.append(evaluate_checkpoint(checkpoint.path, job.table(checkpoint), job.evaluate, run))
        clock.lap("scoring")
    except StorageError:
        raise
    except (TilthError, OSError, RuntimeError, ValueError) as error:
        # torch raises RuntimeError for memory and devices, transformers OSError and ValueError for files: this run
        # fails by name and the others go on
        return Outcome(job=job, state="failed", detail=_said(error), seconds=clock.seconds, held=clock.held)
    return replace(_ended(job, trained, judged), gpu=_on_gpu(), seconds=clock.seconds, held=clock.held)


def _ended(job: Job, trained: Trained, judged: list[Evaluated]) -> Outcome:
    """Finished, or diverged in training or by what the last checkpoint answers."""
    state: Literal["finished", "diverged"] = "finished"
    detail, step = "", None
    if trained.state == "diverged":
        state, step = "diverged", trained.diverged_at
        detail = f"the loss was no number at step {step}. Lower the learning rate of this size, or warm up longer."
    elif judged and judged[-1].diverged:
        state, step = "diverged", trained.checkpoints[-1].step
        detail = "the last checkpoint gives no numbers"
    return Outcome(job=job, state=state, detail=detail, step=step, trained=trained, judged=tuple(judged))


class _Clock:
    """Processor time and time on the clock since the lap before; the first lap goes back to the end of the process's
    job before, or to its beginning, so that imports are counted too."""

    _last = 0.0, time.monotonic()

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.held: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.process_time(), time.monotonic()
        self.seconds[name], self.held[name] = (end - begin for end, begin in zip(now, _Clock._last, strict=True))
        _Clock._last = now


def _on_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _said(error: Exception) -> str:
    first = str(error).strip().splitlines()
    return f"{type(error).__name__}: {first[0][:500] if first else ''}"
