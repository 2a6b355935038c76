"""Our tasks as task files of lm-evaluation-harness 0.4.13: one YAML and one JSON-lines file a task and form.

The prompts are written out, examples and all, so that the harness asks the very texts that our own scorer asks, and a
text from an item is never read as a template. The folder needs nothing of tilth:

    lm_eval --model vllm --model_args pretrained=MODEL --include_path FOLDER --tasks tilth_arc_easy_cloze --log_samples
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml

from tilth.base.files import write_bytes
from tilth.evaluate.ask import ask, benchmark_folder, read_items
from tilth.evaluate.blocks import Block, load_blocks
from tilth.evaluate.harness import exact
from tilth.evaluate.held_out import ask_held_out
from tilth.evaluate.item import Asked, Item
from tilth.recipe.stages.evaluate import Evaluate

_MEAN = {"aggregation": "mean", "higher_is_better": True}


def task_name(asked: Asked) -> str:
    """The name under which the harness knows a task in one form."""
    return re.sub(r"[^\w.-]", "_", f"tilth_{asked.task}_{asked.form}")


def emit(folder: Path, asked: Asked, items: Sequence[Item] | None = None, block: Block | None = None) -> str:
    """Write one task's files into `folder`, `items` of it where given; its name. Generated answers need the `block`."""
    name = task_name(asked)
    kept = asked.items if items is None else items
    path = (folder / f"{name}.jsonl").resolve()
    several = any(len(item.requests) > 1 for item in kept)
    listed = any(len(item.gold) > 1 for item in kept)
    documents = (_document(asked, item, several=several, listed=listed) for item in kept)
    write_bytes(path, b"".join(orjson.dumps(document) + b"\n" for document in documents))
    task: dict[str, Any] = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}},
        "test_split": "test",
        "num_fewshot": 0,
        "target_delimiter": "",
        "metadata": {"version": 1},
        **_kind(asked, kept, block),
    }
    text = yaml.safe_dump(task, sort_keys=False, allow_unicode=True)
    if asked.form == "generate":
        write_bytes(folder / "exact.py", Path(exact.__file__).read_bytes())
        text += f"process_results: !function exact.{_compare(block)}\n"
    write_bytes(folder / f"{name}.yaml", text.encode())
    return name


def emit_all(folder: Path, settings: Evaluate) -> tuple[str, ...]:
    """Write every task and form of the settings, held-out text too; their names.

    Raises `SourceError` for a file that is missing or faulty: here nothing else goes on without it.
    """
    place = benchmark_folder(settings)
    found = []
    for block in load_blocks(settings.tasks, settings.task_folders):
        items = read_items(place, block)
        for form in settings.forms:
            if form in block.forms:
                asked = ask(block, items, form, settings)
                if asked.items:
                    found.append(emit(folder, asked, block=block))
    for domain in settings.held_out:
        asked = ask_held_out(settings, domain)
        if asked.items:
            found.append(emit(folder, asked))
    return tuple(found)


def _document(asked: Asked, item: Item, *, several: bool, listed: bool) -> dict[str, Any]:
    """One item; every line of a file has the same fields of the same kinds, or the harness's reader refuses it."""
    contexts = [context for context, _ in item.requests]
    answers = [answer for _, answer in item.requests]
    given: dict[str, Any] = {"item": item.item, "group": item.group, "query": contexts[0], "answer": answers[0]}
    if asked.form == "generate":
        return given | {"accepted": list(item.accepted)}
    if several:
        given |= {"options": answers, "contexts": contexts, "gold": list(item.gold) if listed else item.gold[0]}
    return given


def _kind(asked: Asked, items: Sequence[Item], block: Block | None) -> dict[str, Any]:
    """What the harness asks for, and where an item's parts stand."""
    first = items[0]
    if first.rolling:
        metrics = [{"metric": "bits_per_byte"}]
        return {
            "output_type": "loglikelihood_rolling",
            "doc_to_text": "query",
            "doc_to_target": "answer",
            "metric_list": metrics,
        }
    if asked.form == "generate":
        worked = block is not None and block.worked is not None
        settings = {"until": ["\n\n"] if worked else ["\n"], "max_gen_toks": 320 if worked else 64, "do_sample": False}
        names = ("exact_match", "f1") if _compare(block) == "text" else ("exact_match",)
        return {
            "output_type": "generate_until",
            "doc_to_text": "query",
            "doc_to_target": "answer",
            "generation_kwargs": settings,
            "metric_list": [{"metric": name, **_MEAN} for name in names],
        }
    if all(len(item.requests) == 1 for item in items):
        parts = {"output_type": "loglikelihood", "doc_to_text": "query", "doc_to_target": "answer"}
        return parts | {"metric_list": [{"metric": "acc", **_MEAN}]}
    if any(len({context for context, _ in item.requests}) > 1 for item in items):  # one answer behind several contexts
        parts = {"output_type": "multiple_choice", "doc_to_text": "gold", "doc_to_target": "answer"}
        return parts | {"doc_to_choice": "contexts", "metric_list": [{"metric": "acc", **_MEAN}]}
    parts = {"output_type": "multiple_choice", "doc_to_text": "query", "doc_to_target": "gold"}
    return parts | {"doc_to_choice": "options", "metric_list": [{"metric": "acc", **_MEAN}]}


def _compare(block: Block | None) -> str:
    """The function of `exact` that compares generated answers."""
    if block is None:
        return "text"
    return "values" if block.accepted == "joined" else block.final
