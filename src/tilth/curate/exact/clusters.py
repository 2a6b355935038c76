"""From groups to decisions: the kept document of each cluster, the clusters as a table, and what to drop by part.

Memory, beside the groups: for each document in a cluster about 40 bytes, for each cluster its kept document's doc_id
(about 60 bytes). Documents that are in no cluster cost nothing here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.curate.exact.groups import Groups
from tilth.curate.exact.rows import Layout, read_frame, rows_path, scratch, write_frame
from tilth.curate.exact.runs import Array

#: Columns of `clusters/<part>.parquet`; `cluster` is the key of the cluster's first document.
CLUSTERS = ("cluster", "key", "doc_id", "source", "kept", "size", "similarity", "kept_doc_id", "in_index")

Similarity = Callable[[Array, Array], Array]
DocIds = Callable[[Array], pl.Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a stage names what it drops."""

    reason: str
    reason_index: str
    estimated: bool  # say the similarity in the detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Documents in clusters, ascending by number, and by cluster the kept one and the size."""

    numbers: NDArray[np.int64]
    cluster: NDArray[np.int64]  # place of its cluster, for each of `numbers`
    kept: NDArray[np.int64]  # number of the kept document, by cluster
    names: NDArray[np.uint64]  # lowest key, by cluster
    sizes: NDArray[np.int64]  # documents of this run and of the indexes, by cluster


def choose(groups: Groups, layout: Layout, folder: Path) -> Clusters:
    """Choose each cluster's kept document: one of an index if there is any, else the highest measure, then lowest key.

    Numbers from `layout.total` on are documents of indexes; groups of these alone are no clusters.
    """
    numbers, roots = groups.members()
    new_roots = roots < layout.total  # the root is the lowest number
    numbers, roots = numbers[new_roots], roots[new_roots]
    _, cluster, sizes = np.unique(roots, return_inverse=True, return_counts=True)
    measure = np.full(len(numbers), np.inf)
    key = numbers.astype(np.uint64)
    for part, name in enumerate(layout.parts):
        span = layout.span(part, numbers)
        if span.start == span.stop:
            continue
        rows = read_frame(rows_path(folder, name), ["key", "measure"])[numbers[span] - layout.offsets[part]]
        measure[span], key[span] = rows["measure"].to_numpy(), rows["key"].to_numpy()
    names = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    new = numbers < layout.total
    np.minimum.at(names, cluster[new], key[new])
    order = np.lexsort((key, -measure, cluster))
    firsts = np.concatenate(([0], np.cumsum(sizes)[:-1])) if len(sizes) else np.zeros(0, dtype=np.int64)
    return Clusters(numbers=numbers, cluster=cluster, kept=numbers[order[firsts]], names=names, sizes=sizes)


def kept_doc_ids(clusters: Clusters, layout: Layout, folder: Path, index_ids: DocIds | None) -> pl.Series:
    """The doc_id of each cluster's kept document."""
    order = np.argsort(clusters.kept, kind="stable")
    kept = clusters.kept[order]
    found = [pl.Series([], dtype=pl.String)]
    for part, name in enumerate(layout.parts):
        span = layout.span(part, kept)
        if span.start < span.stop:
            ids = read_frame(rows_path(folder, name), ["doc_id"])["doc_id"]
            found.append(ids.gather(kept[span] - layout.offsets[part]))
    outside = kept[kept >= layout.total]
    if len(outside) and index_ids is not None:
        found.append(index_ids(outside - layout.total))
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return pl.concat(found).gather(places)


def write_decisions(
    clusters: Clusters, layout: Layout, folder: Path, wording: Wording, ids: pl.Series, similarity: Similarity | None
) -> None:
    """Write `clusters/<part>.parquet` for people and `scratch/<part>.decided.parquet` for `apply`."""
    remove_stale(folder / "clusters")
    for part, name in enumerate(layout.parts):
        span = clusters_span(clusters, layout, part)
        rows = read_frame(rows_path(folder, name), ["key", "doc_id", "source"])
        table = _table(clusters, span, rows[clusters.numbers[span] - layout.offsets[part]], ids, layout.total)
        numbers, kept = clusters.numbers[span], clusters.kept[clusters.cluster[span]]
        same = np.ones(len(numbers)) if similarity is None else similarity(numbers, kept)
        table = table.with_columns(pl.Series("similarity", np.where(numbers == kept, 1.0, same), dtype=pl.Float64))
        if len(table):
            write_frame(folder / "clusters" / f"{name}.parquet", table.select(CLUSTERS))
        write_frame(decided_path(folder, name), _decisions(table, wording))


def clusters_span(clusters: Clusters, layout: Layout, part: int) -> slice:
    """Which of the clusters' documents are in a part."""
    return layout.span(part, clusters.numbers)


def decided_path(folder: Path, part: str) -> Path:
    return scratch(folder) / f"{part}.decided.parquet"


def remove_stale(folder: Path) -> None:
    """Remove what an earlier, killed decision wrote: it may have had other parts."""
    for path in folder.glob("*") if folder.is_dir() else ():
        path.unlink(missing_ok=True)


def _table(clusters: Clusters, span: slice, rows: pl.DataFrame, ids: pl.Series, new: int) -> pl.DataFrame:
    """The clusters' rows of one part, but for the similarity."""
    cluster = clusters.cluster[span]
    kept = clusters.kept[cluster]
    return rows.with_columns(
        pl.Series("cluster", clusters.names[cluster], dtype=pl.UInt64),
        pl.Series("kept", clusters.numbers[span] == kept, dtype=pl.Boolean),
        pl.Series("size", clusters.sizes[cluster], dtype=pl.UInt32),
        ids.gather(cluster).alias("kept_doc_id"),
        pl.Series("in_index", kept >= new, dtype=pl.Boolean),
    )


def _decisions(table: pl.DataFrame, wording: Wording) -> pl.DataFrame:
    """key, size, and for those to drop reason and detail."""
    said = pl.format("kept: {}", pl.col("kept_doc_id"))
    if wording.estimated:
        said = pl.format("kept: {}, estimated similarity {}", pl.col("kept_doc_id"), pl.col("similarity").round(2))
    reason = pl.when("in_index").then(pl.lit(wording.reason_index)).otherwise(pl.lit(wording.reason))
    gone = pl.when(~pl.col("kept"))
    return table.select("key", "size", gone.then(reason).alias("decided"), gone.then(said).alias("decided_detail"))


def apply_decisions(frame: pl.DataFrame, path: Path, size_column: str) -> pl.DataFrame:
    """Fill in reasons, details and the size of each document's cluster: 1 where it stands alone."""
    decided = read_frame(path)
    told = frame.join(decided, on="key", how="left", maintain_order="left")
    free = pl.col("reason").is_null() & pl.col("decided").is_not_null()
    return told.with_columns(
        pl.when(free).then("decided").otherwise("reason").alias("reason"),
        pl.when(free).then("decided_detail").otherwise("detail").alias("detail"),
        pl.col("size").fill_null(1).alias(size_column),
    ).drop("decided", "decided_detail", "size")
