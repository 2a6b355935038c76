"""The process in which lm-evaluation-harness runs: `python -m tilth.evaluate.harness.child`, told what to do by lines.

The first line is the model's arguments, each further one a task; the model is loaded once. It answers each line with
one line of JSON: the folder of the samples, or what went wrong. It lives in a process of its own since importing the
harness takes seconds and changes settings of the whole process.
"""

import os
import sys
from pathlib import Path
from typing import Any

import orjson


def main() -> None:
    """Answer lines until there is no more."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what the harness prints goes where its log goes
    model: Any = None
    for line in sys.stdin.buffer:
        asked = orjson.loads(line)
        try:
            if model is None:
                model = _model(asked)
                answers.write(orjson.dumps({"ready": True}) + b"\n")
            else:
                _evaluate(model, asked)
                answers.write(orjson.dumps({"samples": asked["out"]}) + b"\n")
        except Exception as error:  # noqa: BLE001 - whatever a harness and its model raise ends one task and is told
            answers.write(orjson.dumps({"failure": f"{type(error).__name__}: {error}"[:1000]}) + b"\n")


def _model(asked: dict[str, Any]) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(**asked)


def _evaluate(model: Any, asked: dict[str, Any]) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    tracker = EvaluationTracker(output_path=asked["out"])
    found = simple_evaluate(
        model=model,
        tasks=[asked["task"]],
        task_manager=TaskManager(include_path=asked["folder"], include_defaults=False),
        log_samples=True,
        bootstrap_iters=0,
        evaluation_tracker=tracker,
    )
    samples = found.pop("samples")
    tracker.save_results_aggregated(results=found, samples=samples)
    for name, rows in samples.items():
        tracker.save_results_samples(task_name=name, samples=rows)
    if not list(Path(asked["out"]).rglob("samples_*.jsonl")):
        raise RuntimeError("the harness wrote no samples")


if __name__ == "__main__":
    main()
