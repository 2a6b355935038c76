"""Small real seeds, and the shipped recipe with scripted models in its two model blocks."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from tilth.generate.journal import Record, read_segment
from tilth.generate.scripted.known import Shelf, load_shelf
from tilth.generate.scripted.settings import Scripted
from tilth.recipe import Recipe, load_recipe, parse_recipe

SEED_COLUMNS = {
    "text": "question",
    "id": "seed_id",
    "language": "lang",
    "licence": "license",
    "metadata": ["answer", "choices", "context", "solution", "subject"],
}
MATHEMATICS = "science/mathematics"


def make_seeds(shared: Path, folder: Path, problems: int, quiz: int) -> Path:
    """Word problems and quiz questions of the shared seed files, in one folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("gsm8k_train", problems), ("open_trivia_qa", quiz)):
        table = pl.read_parquet(shared / "data" / "seeds" / f"{name}.parquet")
        table.filter(pl.col("answer") != "").sample(count, seed=11).write_parquet(folder / f"{name}.parquet")
    return folder


def planted(seeds: Path, **settings: Any) -> dict[str, Any]:
    """The options of the scripted engine over these seeds."""
    return {"known": str(seeds), "subjects": {"math word problem": MATHEMATICS}, **settings}


def shelf_of(seeds: Path) -> Shelf:
    return load_shelf(Scripted.model_validate(planted(seeds)))


def scripted(seeds: Path, name: str, **settings: Any) -> dict[str, Any]:
    """A model block."""
    return {"engine": "scripted", "model": name, "extra_body": {"scripted": planted(seeds, **settings)}}


def boostqa(seeds: Path, author: Mapping[str, Any], checker: Mapping[str, Any], **changes: Any) -> Recipe:
    """The shipped recipe over seed questions, as docs/boostqa.md says to change it.

    `changes` are settings by step, laid over those of the shipped file; `steps` names the steps to keep, `sources` the
    step that one comes from instead.
    """
    value = load_recipe(Path("boostqa")).model_dump(mode="json", by_alias=True, exclude_none=True)
    steps: dict[str, Any] = value["steps"]
    steps["documents"]["read"] = {"source": [str(seeds)], "columns": SEED_COLUMNS}
    steps["seeds"]["curate"].insert(0, {"questions": {}})
    for name, step in steps.items():
        for kind in ("annotate", "synthesize", "refine", "solve", "judge"):
            if kind in step:
                block = author if kind == "synthesize" else checker
                step[kind] = {**step[kind], "model": dict(block), **changes.get(name, {})}
    for name, above in changes.get("sources", {}).items():
        steps[name]["from"] = above
    wanted = changes.get("steps", list(steps))
    value["steps"] = {name: steps[name] for name in wanted}
    value["execution"] = {"workers": 1, **changes.get("execution", {})}
    return parse_recipe(value)


def rows_of(run_dir: Path, step: str, *, dropped: bool = False) -> list[dict[str, Any]]:
    folder = run_dir / step / "dropped" if dropped else run_dir / step
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def journalled(run_dir: Path, step: str) -> Iterator[tuple[str, int]]:
    """Row and call of every answer in a step's journal."""
    for path in sorted((run_dir / step / "journal").rglob("*.seg")):
        for record in read_segment(path):
            if isinstance(record, Record):  # a kill may tear the last one
                yield record.row, record.call
