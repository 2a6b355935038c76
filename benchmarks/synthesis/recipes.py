"""Recipes of the benchmarks: real seed questions, scripted models in this process, no network."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tilth.recipe import load_recipe

#: Seed files and how many of 5,000 questions come from each: worked problems, quiz questions, common sense.
SHARES = {"gsm8k_train": 0.5, "open_trivia_qa": 0.3, "commonsenseqa_train": 0.2}
_COLUMNS = {
    "text": "question",
    "id": "seed_id",
    "language": "lang",
    "licence": "license",
    "metadata": ["answer", "choices", "context", "solution", "subject"],
}
_KINDS = ("annotate", "synthesize", "refine", "solve")
#: Planted: one answer in five wrong, one question in five too easy, a solver that is right 90% of the time.
_AUTHOR = {"author": {"wrong": 0.2, "too_easy": {"grade": 0.2, "harden": 0.2}, "broken": 0.01}}
_CHECKER = {"skill": {"ability": 2.2, "slope": 0.2}}


def make_seeds(options: Namespace, rows: int, folder: Path) -> Path:
    """The first `rows` seeds of a fixed draw, a Parquet file a source."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, share in SHARES.items():
        table = pl.read_parquet(options.seeds / f"{name}.parquet").filter(pl.col("answer") != "")
        table.sample(round(rows * share), seed=0).write_parquet(folder / f"{name}.parquet")
    return folder


def model(name: str, seeds: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """A model block of the scripted engine."""
    subjects = {"math word problem": "science/mathematics"}
    options = {"known": str(seeds), "subjects": subjects, **settings}
    return {"engine": "scripted", "model": name, "max_in_flight": 64, "extra_body": {"scripted": options}}


def whole(seeds: Path, workers: int) -> dict[str, Any]:
    """The shipped recipe over seed questions."""
    value = load_recipe(Path("boostqa")).model_dump(mode="json", by_alias=True, exclude_none=True)
    steps: dict[str, Any] = value["steps"]
    steps["documents"]["read"] = {"source": [str(seeds)], "columns": _COLUMNS}
    steps["seeds"]["curate"].insert(0, {"questions": {}})
    for step in steps.values():
        for kind in _KINDS:
            if kind in step:
                block = ("author", _AUTHOR) if kind == "synthesize" else ("checker", _CHECKER)
                step[kind]["model"] = model(block[0], seeds, block[1])
    value["execution"] = {"workers": workers, "shard_rows": 1250}
    return value


def one_step(seeds: Path, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Seeds and one step that asks a model several times a row, in one process."""
    block = ("author", _AUTHOR) if kind == "synthesize" else ("checker", _CHECKER)
    step = {"from": "documents", kind: {**settings, "model": model(block[0], seeds, block[1])}}
    return {
        "name": "calls",
        "steps": {"documents": {"read": {"source": [str(seeds)], "columns": _COLUMNS}}, "asked": step},
        "execution": {"workers": 1, "shard_rows": 5000},
    }


def write(value: dict[str, Any], path: Path) -> Path:
    path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))
    return path
