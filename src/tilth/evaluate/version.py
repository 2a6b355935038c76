"""The version of an evaluation: one fingerprint of everything that decides what is asked.

Two arms whose versions are the same were asked the same items in the same words. The model, the device, the batch size
and the back end are no part of it, and what only describes a block is none either.
"""

from typing import Any

from tilth.base.errors import SourceError
from tilth.base.fingerprint import fingerprint
from tilth.data.benchmarks import VERSION as READING
from tilth.data.files import content_digest
from tilth.evaluate.ask import benchmark_file, benchmark_folder, example_pools, read_items
from tilth.evaluate.blocks import Block, load_blocks
from tilth.evaluate.held_out import held_out_files
from tilth.recipe.stages.evaluate import HELD_OUT, Evaluate

#: Raise it when the same block and file would be asked or scored otherwise.
VERSION = 1
#: Fields of a block that describe it and decide nothing.
_WORDS = {"title", "source", "licence", "category", "quirks", "chance", "finephrase"}


def evaluation_version(settings: Evaluate) -> str:
    """The fingerprint of tasks, templates, examples, limits and data. A file that is missing counts as missing."""
    return fingerprint(evaluation_facts(settings))


def evaluation_facts(settings: Evaluate) -> dict[str, Any]:
    """What the version is made of, by task; each task's part changes with nothing of another one's."""
    blocks = load_blocks(settings.tasks, settings.task_folders)
    tasks = {block.name: task_facts(settings, block) for block in blocks}
    held_out = {HELD_OUT + domain: held_out_facts(settings, domain) for domain in sorted(settings.held_out)}
    return {"version": VERSION, "tasks": tasks | held_out, "forms": sorted(settings.forms)}


def task_facts(settings: Evaluate, block: Block) -> dict[str, Any]:
    """What decides the items of one task."""
    folder = benchmark_folder(settings)
    try:
        digest = content_digest(benchmark_file(folder, block))
        pools = example_pools(block, read_items(folder, block)) if settings.shots else {}
    except SourceError as error:
        digest, pools = type(error).__name__, {}
    return {
        "block": {name: value for name, value in block.model_dump(mode="json").items() if name not in _WORDS},
        "data": digest,
        "reading": READING,
        "examples": {key: [item.item_id for item in pool[: settings.shots]] for key, pool in pools.items()},
        "limit": settings.limit,
        "seed": settings.seed if settings.limit else None,
        "max_length": settings.max_length,
    }


def held_out_facts(settings: Evaluate, domain: str) -> dict[str, Any]:
    """What decides the documents of one domain."""
    try:
        digests = sorted(content_digest(file) for file in held_out_files(settings, domain)[1])
    except SourceError as error:
        digests = [type(error).__name__]
    return {
        "data": digests,
        "column": settings.held_out_column,
        "limit": settings.held_out_limit,
        "seed": settings.seed if settings.held_out_limit else None,
        "max_length": settings.max_length,
    }
