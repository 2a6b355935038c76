"""The probe set: a fixed sample of questions with answers, stratified by discipline x difficulty.

At most so many items a cell, drawn by a hash of the question and the seed, so the same pool and seed give the same set
whatever the order of its rows. Cells with too few are merged (`steer.cells.merge_cells`). The set is a folder:
`probe_set.parquet` in the form of a benchmark, so that decontamination takes it as it is (`probe: [...]`), and
`probe_set.json` with cells, settings and fingerprint. Costs about 15 us a question of the pool.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tilth.base.errors import ConfigError, CorruptData, SourceError
from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint, text_hash
from tilth.base.random import seed_of
from tilth.data.dataset import read_manifest, write_shard
from tilth.data.questions import QUESTION_COLUMNS, with_questions
from tilth.recipe.stages.select import LabelColumns
from tilth.steer.cells import Base, Cell, discipline_groups, merge_cells, places
from tilth.steer.exclude import ITEMS_FILE, question_keys
from tilth.steer.labels import with_labels

ABOUT = "probe_set.json"
FORMAT = 1
BENCHMARK = "probe"
#: What decides a set, beside its pool and settings; raise it when the same pool would give another.
VERSION = 1


class ProbeSetSettings(BaseModel):
    """How a probe set is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: int = Field(50, ge=1)  # items of a cell, else it is merged; 50 is a setting of ours (docs/probe.md)
    items: int = Field(100, ge=1)  # at most this many of a cell: an interval of +-10 points at 95%
    max_characters: int = Field(8000, ge=1)  # of question and context: longer ones do not fit small contexts
    labels: LabelColumns = LabelColumns()
    seed: int = Field(0, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSet:
    """A probe set on disk. `items`: item_id, cell and group (of items that share a passage), one row an item."""

    folder: Path
    fingerprint: str
    cells: tuple[Cell, ...]
    stem: Mapping[str, bool]
    left_out: Mapping[str, int]
    items: pl.DataFrame

    @property
    def path(self) -> Path:
        """The items, in the form of a benchmark."""
        return self.folder / ITEMS_FILE

    @classmethod
    def load(cls, folder: Path) -> "ProbeSet":
        """Read what `make_probe_set` wrote; raises `UserError` where there is none, `CorruptData` where it changed."""
        path = folder / ABOUT
        if not path.exists():
            raise ConfigError(f"expected a probe set in {folder}; {ABOUT} is not there. Make one first.")
        about = read_json(path)
        table = pl.read_parquet(folder / ITEMS_FILE)
        if about.get("format") != FORMAT or _fingerprint(table) != about["fingerprint"]:
            raise CorruptData(
                f"expected the items that {path} tells of; those in {ITEMS_FILE} are others. Scores on another set do "
                "not compare: bring the file back, or make a new set in another folder."
            )
        return cls(
            folder=folder,
            fingerprint=about["fingerprint"],
            cells=tuple(Cell(**{**one, "disciplines": tuple(one["disciplines"])}) for one in about["cells"]),
            stem=about["stem"],
            left_out=about["left_out"],
            items=table.select("item_id", "cell", "group"),
        )


def make_probe_set(questions: pl.DataFrame, folder: Path, settings: ProbeSetSettings | None = None) -> ProbeSet:
    """Draw a probe set from `questions` and write it to `folder`.

    `questions` has the columns doc_id, text (the question) and metadata (answer, choices, context, discipline,
    difficulty; labels may be columns), as `read_questions` gives them. Left out, and counted: questions without an
    answer, without usable labels, too long, or the same as another. Raises `SourceError` where nothing is left.
    """
    settings = settings or ProbeSetSettings()
    pool, left_out = _pool(questions, settings)
    if not pool.height:
        raise SourceError(
            f"expected questions with an answer, a discipline and a difficulty; of {questions.height:,} none has all "
            f"three ({', '.join(f'{count:,} {why}' for why, count in left_out.items())}). Label them first."
        )
    counts: dict[Base, int] = {
        (one, bin_): rows for one, bin_, rows in pool.group_by("discipline", "bin").len().iter_rows()
    }
    stem = discipline_groups(pool["discipline"].to_list(), pool["stem"].to_list())
    where = places(merge_cells(counts, stem, settings.least))
    keys = zip(pool["discipline"], pool["bin"], strict=True)
    celled = pool.with_columns(cell=pl.Series([where[base] for base in keys], dtype=pl.String))
    drawn = celled.sort("order").group_by("cell", maintain_order=True).head(settings.items).sort("cell", "order")
    table = _benchmark(drawn)
    taken = dict(drawn.group_by("cell").len().iter_rows())
    cells = [{**asdict(cell), "items": taken[cell.name]} for cell in merge_cells(counts, stem, settings.least)]
    write_shard(folder / ITEMS_FILE, table.to_arrow(compat_level=pl.CompatLevel.oldest()))
    about: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "fingerprint": _fingerprint(table),
        "settings": settings.model_dump(mode="json"),
        "items": table.height,
        "pool": questions.height,
        "left_out": {**left_out, "over the number of a cell": pool.height - table.height},
        "stem": stem,
        "cells": cells,
    }
    write_json(folder / ABOUT, about)  # last: a folder with it is complete
    return ProbeSet.load(folder)


def read_questions(folder: Path) -> pl.DataFrame:
    """The questions of a dataset (documents, curated documents or samples) with what `make_probe_set` asks for.

    Raises `SourceError` where the dataset is not complete.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise SourceError(f"expected a finished dataset in {folder}; there is no manifest. Run the step that makes it.")
    parts = []
    for shard in manifest.shards:
        frame = pl.read_parquet(folder / f"{shard.name}.parquet")
        if "sample_id" in frame.columns:
            frame = frame.select(
                pl.col("sample_id").alias("doc_id"),
                "text",
                pl.col("parsed").alias("metadata"),
                language="source_language",
            )
        parts.append(frame.unnest("signals") if "signals" in frame.columns else frame)
    wanted = (
        "doc_id",
        "text",
        "metadata",
        "language",
        "discipline",
        "field",
        "stem",
        "difficulty",
        "pass_rate",
        "ability",
    )
    return pl.concat([part.select([name for name in wanted if name in part.columns]) for part in parts], how="diagonal")


def _pool(questions: pl.DataFrame, settings: ProbeSetSettings) -> tuple[pl.DataFrame, dict[str, int]]:
    """The questions that can be items, in their drawn order, and how many cannot and why."""
    labels = with_labels(questions, settings.labels).select("discipline", "bin", "stem")
    frame = with_questions(questions).with_columns(question_keys(questions["text"]).alias("item_id"), *labels)
    if "language" not in frame.columns:
        frame = frame.with_columns(language=pl.lit(None, dtype=pl.String))
    length = pl.col("text").str.len_chars() + pl.col("question_context").str.len_chars().fill_null(0)
    why = (
        pl.when(pl.col("item_id").is_null())
        .then(pl.lit("without a question"))
        .when(pl.col("question_answer").is_null())
        .then(pl.lit("without an answer"))
        .when(pl.col("discipline").is_null() | pl.col("bin").is_null())
        .then(pl.lit("unlabelled"))
        .when(length > settings.max_characters)
        .then(pl.lit("too long"))
    )
    # a question that stands twice is one item: the row with the smallest id, wherever it stands
    frame = frame.with_columns(why=why).sort("item_id", "doc_id", maintain_order=True)
    usable = frame.filter(pl.col("why").is_null())
    once = usable.unique("item_id", keep="first", maintain_order=True)
    left_out = {str(name): int(rows) for name, rows in frame["why"].drop_nulls().value_counts(sort=True).iter_rows()}
    if once.height < usable.height:
        left_out["the same as another"] = usable.height - once.height
    order = [seed_of(settings.seed, "probe", item) for item in once["item_id"]]
    return once.with_columns(order=pl.Series(order, dtype=pl.UInt64)), left_out


def _benchmark(drawn: pl.DataFrame) -> pl.DataFrame:
    """The items with the columns that `data.benchmarks` reads, and their cell, labels, passage and origin."""
    answer, choices, context, _, _ = QUESTION_COLUMNS
    passage = [None if text is None else text_hash(text) for text in drawn[context].to_list()]
    return drawn.select(
        pl.lit(BENCHMARK).alias("benchmark"),
        pl.col("cell").alias("subset"),
        "item_id",
        pl.col("language").alias("lang"),
        pl.col("text").alias("question"),
        pl.col(context).alias("context"),
        pl.col(choices).alias("choices"),
        pl.col(answer).alias("answer"),
        "cell",
        "discipline",
        "bin",
        "stem",
        pl.Series("group", passage, dtype=pl.String),
        "doc_id",
    )


def _fingerprint(table: pl.DataFrame) -> str:
    """32 hex digits of what is asked, what counts as right, and in which cell."""
    rows = table.select("item_id", "question", "context", "choices", "answer", "cell").rows()
    return fingerprint([VERSION, sorted(text_hash(*(repr(value) for value in row)) for row in rows)])
