"""How the models of a study are trained and judged, in the words of `tilth train` and `tilth evaluate`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth.base.errors import ConfigError
from tilth.evaluate.ask import benchmark_folder
from tilth.evaluate.blocks import load_blocks
from tilth.recipe.stages.evaluate import HELD_OUT, Evaluate
from tilth.recipe.stages.train import Train
from tilth.study.design import FROM_SCRATCH, Arm, Study


def seeds_in_order(study: Study) -> tuple[int, ...]:
    """The study's seeds in their order, then those that single arms have besides."""
    return tuple(dict.fromkeys([*study.seeds, *(seed for arm in study.all_arms() for seed in study.seeds_of(arm))]))


def train_settings(study: Study, arm: Arm, size: str, seed: int) -> Train:
    """How the runs of an arm at a size are trained; raises `ConfigError` for settings that do not go together."""
    one = study.sizes[size]
    given: dict[str, Any] = {
        "preset": one.preset,
        "start": None if one.start == FROM_SCRATCH else one.start,
        "tokens": study.tokens_of(arm, size),
        "sequence": one.sequence,
        "batch_tokens": one.batch_tokens,
        "learning_rate": arm.learning_rate or one.learning_rate,
        "seed": seed,
        "checkpoints": study.evaluation.checkpoints,
        **one.training,
    }
    try:
        return Train.model_validate({name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise ConfigError(f"size {size!r} cannot be trained: {error}") from error


def evaluate_settings(study: Study, held_out: Mapping[str, str]) -> Evaluate:
    """How every checkpoint is judged. `held_out`: source -> folder with its held-out rows."""
    judged = study.evaluation
    tasks = tuple(task for task in judged.tasks if not task.startswith(HELD_OUT))
    try:
        return Evaluate.model_validate(
            {
                "benchmarks": judged.benchmarks,
                "tasks": tasks,
                "forms": tuple(dict.fromkeys([judged.form, *judged.also])) if tasks else ("bpb",),
                "shots": judged.shots,
                "limit": judged.limit,
                "held_out": dict(held_out),
                "backend": judged.backend,
            }
        )
    except ValueError as error:
        raise ConfigError(f"evaluation: {error}") from error


def judged_files(settings: Evaluate) -> tuple[Path, ...]:
    """The benchmark files behind the tasks, as far as they are there: what the data is searched for."""
    folder = benchmark_folder(settings)
    names = dict.fromkeys(block.file for block in load_blocks(settings.tasks, settings.task_folders))
    found = (folder / f"{name}{ending}" for name in names for ending in (".parquet", ".jsonl"))
    return tuple(path for path in found if path.is_file())
