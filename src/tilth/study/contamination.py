"""Which benchmark items the data of a study holds: of each dataset, and of each arm's mixture row by row.

Rows are held against the index of `tilth.curate.decontaminate`: word n-grams of questions, passages and answers, scored
as docs/decontamination.md says, which finds what a 13-gram overlap finds and more. Nothing is dropped here: a study
that decontaminates does so before, and this counts what is left. Costs the index (about 3.5 CPU-seconds for 63,000
items, once a machine) and 40 ns a byte of text; memory: a batch of texts, and the rows with a hit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from tilth.base.errors import ConfigError
from tilth.curate.decontaminate.stage import Stage, build
from tilth.recipe.stages.decontaminate import Decontaminate
from tilth.study.about import BenchmarkFound, Contamination
from tilth.tokens.pack import open_mixture
from tilth.tokens.source import source_shards

_BATCH = 2000  # rows matched together: about 10 MB of documents

#: A row of a dataset: the file's name and the row in it, from 0.
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found in a dataset: the summary, and "benchmark/item" of every hit by row (at most 200 a row, the
    surest, as the decontamination stage names them)."""

    summary: Contamination
    hits: Mapping[Place, tuple[str, ...]]


def contamination(dataset: Path, benchmarks: Sequence[Path], *, column: str = "text") -> Contamination:
    """Items of `benchmarks` (files or folders of items) in the rows of `dataset` (a folder of Parquet shards).

    Raises `SourceError` where there is no dataset or benchmark, or a file of it cannot be read.
    """
    return look(dataset, benchmarks, column=column).summary


def look(dataset: Path, benchmarks: Sequence[Path], *, column: str = "text") -> Found:
    """As `contamination`, with the rows that hold the items; what `of_mixture` needs."""
    stage = build(Decontaminate(benchmarks=tuple(map(str, benchmarks)), action="flag"))
    rows = 0
    hits: dict[Place, tuple[str, ...]] = {}
    for shard in source_shards(dataset, column):
        rows += shard.rows
        hits |= _in_file(shard.path, column, stage)
    return Found(summary=_summary(rows, hits, _sizes(stage)), hits=hits)


def of_mixture(mixture: Path, found: Mapping[str, Found]) -> Contamination:
    """Items in the rows that an arm is trained on, each row as often as it is; `found` by the mixture's parts.

    A document that the budget crops counts as whole, so the shares are upper bounds by at most one document a part.
    Raises `ConfigError` where `mixture` is none or a part of it was not looked through.
    """
    opened = open_mixture(mixture)
    missing = [name for name in opened.parts if name not in found]
    if missing:
        raise ConfigError(f"expected what was found in every part of {mixture}; the part {missing[0]} is missing.")
    rows = touched = tokens = touched_tokens = 0
    seen: dict[tuple[str, Place], int] = {}
    hits = pl.DataFrame(
        [(part, *place) for part, one in found.items() for place in one.hits],
        schema={"part": pl.String, "shard": pl.String, "row": pl.Int64},
        orient="row",
    )
    for shard in opened.manifest.shards:
        table = pl.read_parquet(opened.folder / f"{shard.name}.parquet", columns=["part", "shard", "row", "tokens"])
        with_hits = table.join(hits, on=["part", "shard", "row"], how="semi")
        rows, tokens = rows + table.height, tokens + int(table["tokens"].sum())
        touched, touched_tokens = touched + with_hits.height, touched_tokens + int(with_hits["tokens"].sum())
        for part, name, row in with_hits.select("part", "shard", "row").iter_rows():
            seen[part, (name, row)] = seen.get((part, (name, row)), 0) + 1
    counted = [(found[part].hits[place], times) for (part, place), times in seen.items()]
    return Contamination(
        rows=rows,
        touched=touched,
        found=_by_benchmark(counted, {one.benchmark: one.items for one in _listed(found)}),
        share_of_tokens=touched_tokens / tokens if tokens else 0.0,
    )


def _listed(found: Mapping[str, Found]) -> tuple[BenchmarkFound, ...]:
    """The benchmarks that every part was held against; raises `ConfigError` where they differ."""
    every = [tuple((one.benchmark, one.items) for one in part.summary.found) for part in found.values()]
    if len(set(every)) > 1:
        raise ConfigError("expected every part to be held against the same benchmarks; they differ. Look again.")
    return next(iter(found.values())).summary.found if found else ()


def _in_file(path: Path, column: str, stage: Stage) -> dict[Place, tuple[str, ...]]:
    """Rows of one file with an item, and the items."""
    hits: dict[Place, tuple[str, ...]] = {}
    first = 0
    with pq.ParquetFile(path) as file:
        more = [name for name in ("metadata",) if name in file.schema_arrow.names and name != column]
        for batch in file.iter_batches(batch_size=_BATCH, columns=[column, *more]):
            frame = stage(_framed(pl.DataFrame(pl.from_arrow(batch)), column))
            names = frame["contamination_found"]
            for row in names.is_not_null().arg_true().to_list():
                hits[path.name, first + row] = tuple(names[row])
            first += frame.height
    return hits


def _framed(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The columns that the stage reads; what a dataset lacks is null."""
    metadata = pl.col("metadata").cast(pl.String) if "metadata" in frame.columns else pl.lit(None, pl.String)
    return frame.select(
        pl.col(column).cast(pl.String).alias("text"),
        metadata.alias("metadata"),
        pl.lit(None, pl.String).alias("reason"),
        pl.lit(None, pl.String).alias("detail"),
        pl.lit(None, pl.List(pl.String)).alias("flags"),
    )


def _sizes(stage: Stage) -> dict[str, int]:
    """Items of each benchmark, in the order of their names."""
    counted = stage.index.items["benchmark"].value_counts().sort("benchmark")
    return dict(zip(counted["benchmark"].to_list(), counted["count"].to_list(), strict=True))


def _summary(rows: int, hits: Mapping[Place, tuple[str, ...]], sizes: Mapping[str, int]) -> Contamination:
    counted = [(names, 1) for names in hits.values()]
    return Contamination(rows=rows, touched=len(hits), found=_by_benchmark(counted, sizes))


def _by_benchmark(hits: Iterable[tuple[Sequence[str], int]], sizes: Mapping[str, int]) -> tuple[BenchmarkFound, ...]:
    """One entry a benchmark; `hits`: the items of a row, and how often the row counts."""
    items: dict[str, set[str]] = {name: set() for name in sizes}
    rows = dict.fromkeys(sizes, 0)
    for names, times in hits:
        owners = {name: _owner(name, sizes) for name in names}
        for name, benchmark in owners.items():
            items[benchmark].add(name)
        for benchmark in set(owners.values()):
            rows[benchmark] += times
    return tuple(
        BenchmarkFound(benchmark=name, items=size, found=len(items[name]), rows=rows[name])
        for name, size in sizes.items()
    )


def _owner(name: str, sizes: Mapping[str, int]) -> str:
    """The benchmark of "benchmark/item"; both may have a slash of their own."""
    short = name.partition("/")[0]
    return short if short in sizes else max((one for one in sizes if name.startswith(f"{one}/")), key=len)
