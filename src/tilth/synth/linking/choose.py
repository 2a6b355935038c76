"""Which points of each row count, and the groups that walks over them make; part by part.

A given point counts if another row has it. A term counts if few enough rows have it (it is rare), at least two do, and
it is no name; of those the row's best by TF-IDF stay, which for terms counted once a row are the rarest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tilth.recipe.stages.link import Link
from tilth.synth.linking.graph import Graph, Group, Rows, Walker, make_graph

#: Buckets that terms are counted in, 16.8 million: memory is bounded whatever the corpus.
BITS = 24
_SPARE = 3
#: Smallest hashes of a row's terms that are kept, to estimate how alike two rows are: an error of about 0.1 at 0.8.
SKETCH = 16
_ABOUT = pl.Schema(
    {"group": pl.String(), "words": pl.UInt64(), "given": pl.Boolean(), "sketch": pl.List(pl.UInt64)},
)
_TAKEN = pl.Schema({"row": pl.Int64(), "hash": pl.UInt64(), "score": pl.Float32()})
#: A term that is written in small letters in less than one row of so many is a name.
_SMALL = 2
_LONG = 2.0  # a pair of words says more than one of them: its IDF counts twice


@dataclass(frozen=True, slots=True)
class Layout:
    """Parts in the order of their keys, and the number of the first row of each; one more entry holds the total."""

    parts: tuple[str, ...]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, paths: Mapping[str, Path]) -> "Layout":
        """From the parts' files."""
        firsts = []
        for part, path in paths.items():
            keys = pl.read_parquet(path, columns=["key"], n_rows=1)["key"]
            firsts.append((int(keys[0]) if len(keys) else -1, part, pq.read_metadata(path).num_rows))
        firsts.sort()
        offsets = np.cumsum([0, *(rows for _, _, rows in firsts)], dtype=np.int64)
        return cls(tuple(part for _, part, _ in firsts), offsets)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The graph of the points that count, and the hash of each."""

    graph: Graph
    hashes: NDArray[np.uint64]


def chosen_points(layout: Layout, paths: Mapping[str, Path], settings: Link) -> Chosen:
    """Count in how many rows each term stands, choose each row's points, and make the graph of them.

    Counts are kept in buckets that a few terms may share, so three times as many terms as wanted are taken by them, and
    the best that two rows really have are chosen of these.
    """
    counts = _counted(layout, paths, settings)
    taken: list[pl.DataFrame] = []
    tables: list[pl.DataFrame] = []
    for part, offset in zip(layout.parts, layout.offsets[:-1], strict=True):
        table = pl.read_parquet(paths[part], columns=["group", "words", "given", "terms", "hashes", "sketch"])
        taken.append(_candidates(table, counts, _SPARE * settings.terms, int(offset)))
        tables.append(table.select("group", "words", "given", "sketch"))
    about = pl.concat(tables) if tables else pl.DataFrame(schema=_ABOUT)
    best = _best(pl.concat(taken), settings.terms) if taken else pl.DataFrame(schema=_TAKEN)
    known, number = np.unique(best["hash"].to_numpy(), return_inverse=True)
    row = best["row"].to_numpy().astype(np.int64)
    return Chosen(make_graph(row, number.astype(np.int64), _rows(about)), known)


def _rows(about: pl.DataFrame) -> Rows:
    sizes = about["sketch"].list.len().fill_null(0).to_numpy()
    return Rows(
        group=about["group"].rank("dense").to_numpy().astype(np.int64),
        words=about["words"].to_numpy(),
        given=about["given"].to_numpy(),
        sketched=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        sketch=about["sketch"].explode().drop_nulls().to_numpy(),
    )


def link_parts(
    layout: Layout, paths: Mapping[str, Path], chosen: Chosen, settings: Link, seed: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """For each part its linked rows: key, numbers of the partners, and the points that led to them."""
    walker = Walker(chosen.graph, settings, seed)
    groups: list[list[Group]] = []
    for part, offset in zip(layout.parts, layout.offsets[:-1], strict=True):
        ids = pl.read_parquet(paths[part], columns=["doc_id"])["doc_id"]
        groups.append([walker.walk(int(offset) + at, name) for at, name in enumerate(ids)])
    names = _names(layout, paths, chosen.hashes[np.array(sorted(walker.walked), dtype=np.int64)])
    schema = pl.Schema({"key": pl.UInt64(), "partners": pl.List(pl.Int64), "points": pl.List(pl.String)})
    for part, own in zip(layout.parts, groups, strict=True):
        keys = pl.read_parquet(paths[part], columns=["key"])["key"]
        found = [
            (key, list(group.partners), list(dict.fromkeys(names[int(chosen.hashes[p])] for p in group.points)))
            for key, group in zip(keys, own, strict=True)
            if group.partners
        ]
        yield part, pl.DataFrame(found, schema=schema, orient="row")


@dataclass(frozen=True, slots=True)
class _Counts:
    """By bucket: whether two rows have the term, whether it is rare and no name, and its inverse document frequency."""

    shared: NDArray[np.bool_]
    rare: NDArray[np.bool_]
    idf: NDArray[np.float32]


def _counted(layout: Layout, paths: Mapping[str, Path], settings: Link) -> _Counts:
    seen, small = np.zeros(1 << BITS, np.uint32), np.zeros(1 << BITS, np.uint32)
    for part in layout.parts:
        flat = pl.read_parquet(paths[part], columns=["hashes", "small"]).explode("hashes", "small").drop_nulls()
        bucket = _bucket(flat["hashes"].to_numpy())
        for table, found in ((seen, bucket), (small, bucket[flat["small"].to_numpy()])):
            at, rows = np.unique(found, return_counts=True)
            table[at] += rows.astype(np.uint32)
    total = int(layout.offsets[-1])
    most = max(settings.most_rows, int(settings.most_share * total))
    idf = np.log((1 + total) / (1 + seen.astype(np.float32))).astype(np.float32)
    return _Counts(seen >= 2, (seen >= 2) & (seen <= most) & (_SMALL * small >= seen), idf)


def _candidates(table: pl.DataFrame, counts: _Counts, most: int, offset: int) -> pl.DataFrame:
    """Terms of each row that may count, the best first: number of the row, hash, score."""
    flat = table.select("given", "terms", "hashes").with_row_index("row", offset)
    flat = flat.explode("terms", "hashes").drop_nulls()
    bucket, given = _bucket(flat["hashes"].to_numpy()), flat["given"].to_numpy()
    weight = np.where(flat["terms"].str.contains(" ", literal=True).to_numpy(), _LONG, 1.0)
    found = flat.select(
        pl.col("row").cast(pl.Int64),
        pl.col("hashes").alias("hash"),
        pl.Series("score", counts.idf[bucket] * weight, dtype=pl.Float32),
    ).filter(pl.Series(np.where(given, counts.shared[bucket], counts.rare[bucket]), dtype=pl.Boolean))
    return _first(found, most)


def _best(found: pl.DataFrame, most: int) -> pl.DataFrame:
    """Of the terms that two rows really have, the best of each row."""
    return _first(found.filter(pl.len().over("hash") >= 2), most)


def _first(found: pl.DataFrame, most: int) -> pl.DataFrame:
    ordered = found.unique(["row", "hash"], keep="first", maintain_order=True)
    return ordered.sort("row", pl.col("score").neg(), "hash").group_by("row", maintain_order=True).head(most)


def _bucket(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (values >> np.uint64(64 - BITS)).astype(np.int64)


def _names(layout: Layout, paths: Mapping[str, Path], wanted: NDArray[np.uint64]) -> dict[int, str]:
    """The text of each point that was walked."""
    only = pl.Series(wanted, dtype=pl.UInt64).implode()
    names: dict[int, str] = {}
    for part in layout.parts:
        flat = pl.read_parquet(paths[part], columns=["terms", "hashes"]).explode("terms", "hashes")
        for number, text in (
            flat.filter(pl.col("hashes").is_in(only))
            .unique("hashes", maintain_order=True)
            .select("hashes", "terms")
            .iter_rows()
        ):
            names.setdefault(number, text)
    return names
