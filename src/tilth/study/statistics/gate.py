"""Is a task fit to compare recipes with? Decided on the baseline's checkpoints and seeds alone, before any arm is seen.

Four questions, each answered yes, no, or "not asked" where the data cannot answer it (a metric without a chance
level, too few seeds or checkpoints). A task fails when any answer is no. It passes with at least two answers of yes;
with fewer it is neither, and stays in the aggregate with that said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tilth.study.statistics.ranks import kendall_tau, spearman_rho
from tilth.study.statistics.scores import Floats, Scores, TaskScores
from tilth.study.statistics.settings import GateSettings

_RANKED = 500  # items whose order is compared; more add nothing to a threshold of 0.5 and cost a square
_LEAST_YES = 2  # one lucky answer is not a recommendation


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question to a task: what was measured (None: not asked, and why in `note`), the threshold, the answer."""

    question: str
    value: float | None
    threshold: float
    passed: bool | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGate:
    """A task's four answers, and whether it may enter the aggregate. `seed_sd` is the baseline's, late in training."""

    task: str
    passed: bool | None
    seed_sd: float | None
    answers: tuple[Answer, ...]


def gate(
    checkpoints: Sequence[tuple[int, Scores]],
    settings: GateSettings | None = None,
    chance: Mapping[str, float] | None = None,
) -> tuple[TaskGate, ...]:
    """The gate of every task of the baseline's `checkpoints` (`scores.load_checkpoints`), by rising step.

    `chance` is each task's score by guessing, in the metric's units; a task without one is asked instead whether it
    rose by `above_chance_se` standard errors since its first checkpoint.
    """
    chosen = settings or GateSettings()
    if not checkpoints:
        return ()
    names = [task.name for task in checkpoints[-1][1].tasks]
    return tuple(_task_gate(name, checkpoints, chosen, (chance or {}).get(name)) for name in names)


def _task_gate(
    name: str, checkpoints: Sequence[tuple[int, Scores]], settings: GateSettings, chance: float | None
) -> TaskGate:
    found = [(step, _oriented(scores, name)) for step, scores in checkpoints]
    steps = [step for step, values in found if values is not None]
    values = [values for _, values in found if values is not None]
    curve = [float(one.mean()) for one in values]
    late = values[-settings.late_checkpoints :]
    per_seed = _late_means(late)
    sd = float(np.std(per_seed, ddof=1)) if len(per_seed) > 1 else None
    sign = 1.0 if checkpoints[-1][1].higher_is_better else -1.0
    floor = sign * chance if chance is not None else curve[0] if len(curve) > 1 else None
    answers = (
        _above(values[-1], floor, settings, known=chance is not None),
        _monotone(steps, curve, settings),
        _signal(float(per_seed.mean()), floor, sd, len(per_seed), settings),
        _stable(late, settings),
    )
    yes = sum(answer.passed is True for answer in answers)
    return TaskGate(
        task=name,
        passed=False if any(answer.passed is False for answer in answers) else yes >= _LEAST_YES or None,
        seed_sd=sd,
        answers=answers,
    )


def _oriented(scores: Scores, name: str) -> Floats | None:
    """Seed x item of the finished seeds of the one arm, more is better; None where the task was not evaluated."""
    task: TaskScores | None = next((one for one in scores.tasks if one.name == name), None)
    if task is None or not scores.usable[0].any():
        return None
    return np.asarray(task.values[0, scores.usable[0]] * (1.0 if scores.higher_is_better else -1.0))


def _late_means(late: Sequence[Floats]) -> Floats:
    """Each seed's mean over the late checkpoints; seeds that finished all of them."""
    seeds = min(len(one) for one in late)
    return np.asarray(np.mean([one[:seeds].mean(axis=1) for one in late], axis=0))


def _above(last: Floats, floor: float | None, settings: GateSettings, *, known: bool) -> Answer:
    """Standard errors of the mean over items (of seed means), with the seeds' spread where there are several."""
    question = "above chance" if known else "above its first checkpoint"
    if floor is None:
        return _not_asked(question, settings.above_chance_se, "one checkpoint and no chance level")
    items = last.mean(axis=0)
    variance = float(np.var(items, ddof=1)) / len(items) if len(items) > 1 else 0.0
    if len(last) > 1:
        variance += float(np.var(last.mean(axis=1), ddof=1)) / len(last)
    distance = float(last.mean()) - floor
    value = distance / np.sqrt(variance) if variance > 0 else float(np.sign(distance) * np.inf if distance else 0.0)
    return Answer(
        question=question,
        value=float(value),
        threshold=settings.above_chance_se,
        passed=bool(value >= settings.above_chance_se),
        note="standard errors",
    )


def _monotone(steps: Sequence[int], curve: Sequence[float], settings: GateSettings) -> Answer:
    if len(steps) < settings.min_checkpoints:
        return _not_asked("rises with training", settings.monotone, f"{len(steps)} checkpoints")
    value = spearman_rho(np.array(steps, dtype=np.float64), curve)
    return Answer(
        question="rises with training",
        value=None if np.isnan(value) else value,
        threshold=settings.monotone,
        passed=bool(value >= settings.monotone),
        note="Spearman correlation of step and score",
    )


def _signal(late: float, floor: float | None, sd: float | None, seeds: int, settings: GateSettings) -> Answer:
    """What training taught (score above chance, or above the first checkpoint) over the spread between seeds."""
    if floor is None:
        return _not_asked("signal to noise", settings.signal_to_noise, "one checkpoint and no chance level")
    if sd is None or seeds < settings.min_seeds:
        return _not_asked("signal to noise", settings.signal_to_noise, f"{seeds} seeds")
    value = (late - floor) / sd if sd > 0 else float("inf")
    return Answer(
        question="signal to noise",
        value=value,
        threshold=settings.signal_to_noise,
        passed=value >= settings.signal_to_noise,
        note="learnt since chance or the first checkpoint, over the spread between seeds",
    )


def _stable(late: Sequence[Floats], settings: GateSettings) -> Answer:
    """Do neighbouring late checkpoints order the items alike? FineTasks ranks models; the baseline is one model, and an
    order of items that changes from checkpoint to checkpoint cannot show what a recipe changed."""
    if len(late) < 2:
        return _not_asked("stable", settings.stable_tau, "one checkpoint")
    count = min(one.shape[1] for one in late)
    picked = np.linspace(0, count - 1, min(count, _RANKED)).astype(np.int64)
    means = [one.mean(axis=0)[picked] for one in late]
    value = float(np.mean([kendall_tau(a, b) for a, b in pairwise(means)]))
    return Answer(
        question="stable",
        value=None if np.isnan(value) else value,
        threshold=settings.stable_tau,
        passed=bool(value >= settings.stable_tau),
        note="Kendall's tau of the items' order at neighbouring late checkpoints",
    )


def _not_asked(question: str, threshold: float, why: str) -> Answer:
    return Answer(question=question, value=None, threshold=threshold, passed=None, note=f"not asked: {why}")
