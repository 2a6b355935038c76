"""All statistics of a study as one plain dictionary: what a report or a page shows, regenerated from stored results.

The same table, selection and settings give the same dictionary, byte for byte; NaN and infinity become null. Keys are
those of the dataclasses `Analysis`, `Comparison`, `TaskGate`, `Transfer` and `RunState`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.study.statistics.bootstrap import SeedNoise
from tilth.study.statistics.compare import compare
from tilth.study.statistics.gate import TaskGate, gate
from tilth.study.statistics.ranks import Transfer, transfer
from tilth.study.statistics.scores import Scores, Selection, load_checkpoints, load_curves, load_scores
from tilth.study.statistics.settings import StatisticsSettings
from tilth.study.statistics.verdict import paragraph


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a table of results: the baseline, the metric with its form and size, each task's chance level
    (in the metric's units, for the gate), a spread between seeds known from elsewhere, and the arms that were stopped
    early with how often the rule may look."""

    baseline: str
    selection: Selection
    chance: Mapping[str, float] | None = None
    noise: SeedNoise | None = None
    looks: Mapping[str, int] | None = None


def study_statistics(
    paths: Path | Iterable[Path], question: Question, settings: StatisticsSettings | None = None
) -> dict[str, Any]:
    """Gate, comparisons with verdicts in words, scores by arm and task, run states and curves.

    Raises `SourceError` for a missing table; `ConfigError` where the question does not fit it or no task passes the
    gate.
    """
    chosen = settings or StatisticsSettings()
    files = [paths] if isinstance(paths, Path) else list(paths)
    scores = load_scores(files, question.selection)
    gates = gate(load_checkpoints(files, question.selection, question.baseline), chosen.gate, question.chance)
    failed = {one.task for one in gates if one.passed is False} if chosen.apply_gate else set()
    found = compared(without_tasks(scores, failed), question, chosen)
    extra = {
        "tasks": _tasks(scores, gates, failed),
        "curves": load_curves(files, question.selection),
        "settings": chosen.model_dump(),
    }
    return _plain_dict({**found, **extra})


def compared(scores: Scores, question: Question, settings: StatisticsSettings | None = None) -> dict[str, Any]:
    """Comparisons with their paragraphs, scores by arm and task, and run states, without gate and curves."""
    chosen = settings or StatisticsSettings()
    analysis = compare(scores, question.baseline, chosen, question.noise, question.looks)
    return _plain_dict(
        {
            **asdict(analysis),
            "comparisons": [
                {**asdict(one), "paragraph": paragraph(one, analysis, chosen.alpha)} for one in analysis.comparisons
            ],
            "scores": _scores(scores),
            "runs": [asdict(state) for state in scores.states],
        }
    )


def without_tasks(scores: Scores, names: Iterable[str]) -> Scores:
    """`scores` less some tasks. Raises `ConfigError` when none is left."""
    gone = set(names)
    kept = tuple(task for task in scores.tasks if task.name not in gone)
    if not kept:
        raise ConfigError(
            f"expected a task that passes the gate on the baseline; none of {len(scores.tasks)} does. Train the "
            "baseline longer, take a smoother metric (gold_bpb), or set apply_gate: false and read the verdicts so."
        )
    return replace(scores, tasks=kept)


def between_sizes(small: Scores, large: Scores, *, draws: int = 2000, seed: int = 0) -> Transfer:
    """Does the order of the arms at one size hold at another? Over the arms and tasks that both have."""
    arms = [arm for arm in small.arms if arm in large.arms]
    tasks = {task.name for task in small.tasks} & {task.name for task in large.tasks}
    first, second = (_macro(one, arms, tasks) for one in (small, large))
    return transfer(first, second, arms, sizes=(small.size, large.size), draws=draws, seed=seed)


def _macro(scores: Scores, arms: list[str], tasks: set[str]) -> list[float]:
    """Each arm's macro score over its finished seeds, more is better; NaN where it has none."""
    kept = without_tasks(scores, [task.name for task in scores.tasks if task.name not in tasks])
    means = kept.task_means() @ kept.macro_weights() * (1.0 if scores.higher_is_better else -1.0)
    found = []
    for arm in arms:
        place = kept.arm(arm)
        own = means[place, kept.usable[place]]
        found.append(float(own.mean()) if own.size else float("nan"))
    return found


def _tasks(scores: Scores, gates: Iterable[TaskGate], failed: set[str]) -> list[dict[str, Any]]:
    by_name = {one.task: one for one in gates}
    return [
        {
            "task": task.name,
            "category": task.category,
            "items": len(task.items),
            "items_left_out": task.left_out,
            "passages": None if task.groups is None else int(task.groups.max()) + 1,
            "in_aggregate": task.name not in failed,
            "gate": asdict(by_name[task.name]) if task.name in by_name else None,
        }
        for task in scores.tasks
    ]


def _scores(scores: Scores) -> list[dict[str, Any]]:
    """One row an arm: macro by seed, and the mean over finished seeds by task, in the metric's own direction."""
    means, weights = scores.task_means(), scores.macro_weights()
    rows = []
    for place, arm in enumerate(scores.arms):
        kept = scores.usable[place]
        own = means[place, kept]
        rows.append(
            {
                "arm": arm,
                "macro": float((own @ weights).mean()) if kept.any() else None,
                "by_seed": {
                    str(seed): float(one @ weights) for seed, one in zip(_kept(scores, kept), own, strict=True)
                },
                "by_task": {
                    task.name: float(own[:, index].mean()) if kept.any() else None
                    for index, task in enumerate(scores.tasks)
                },
            }
        )
    return rows


def _kept(scores: Scores, kept: NDArray[np.bool_]) -> list[str]:
    return [str(seed) for seed, there in zip(scores.seeds, kept, strict=True) if there]


def _plain_dict(value: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): plain(one) for key, one in value.items()}


def plain(value: Any) -> Any:
    """`value` with tuples as lists and numbers that JSON does not know as None."""
    if isinstance(value, Mapping):
        return _plain_dict(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
