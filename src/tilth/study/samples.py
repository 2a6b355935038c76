"""A few rows of a dataset for a reader, each with its prompt and the text that it was made of.

The same dataset and seed give the same rows: a row's rank is a hash of the seed and its document, so rewrites of one
document come up under every recipe, where they can be compared. Looks at the ids of the first 200,000 rows and reads
the chosen ones; about a second.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from tilth.base.fingerprint import text_hash
from tilth.study.about import Sample
from tilth.tokens.source import source_shards

_LOOKED_AT = 200_000  # rows whose ids are ranked
_ROOM = 1500  # characters of a text that are kept: what a reader takes in of one example
_KEPT = ("sample_id", "doc_id", "source_hash", "prompt", "model", "cut_from", "cut_to", "metadata")


def samples(
    dataset: Path, count: int = 5, *, seed: int = 0, source: Path | None = None, column: str = "text"
) -> tuple[Sample, ...]:
    """At most `count` rows of `dataset`, of every prompt in turn; texts cut to 1,500 characters, which is said.

    `source` is the dataset that the rows were made of; a source is shown only where its hash is the one that the row
    names. Raises `SourceError` where there is no dataset.
    """
    paths = {shard.path.name: shard.path for shard in source_shards(dataset, column)}
    chosen = _chosen(list(paths.values()), count, seed)
    rows = [(name, row, _row(paths[name], row, column)) for name, row in chosen]
    sources = {} if source is None else _sources(source, [value for _, _, value in rows])
    return tuple(_sample(name, row, value, column, sources) for name, row, value in rows)


def _chosen(paths: Sequence[Path], count: int, seed: int) -> list[tuple[str, int]]:
    """File and row of those with the lowest ranks, prompts in turn."""
    frame = pl.concat(_ids(paths))
    if not frame.height:
        return []
    ranked = frame.with_columns((pl.col("name") + f"/{seed}").map_elements(text_hash, pl.String).alias("rank"))
    turns = ranked.sort("rank", "file", "row").with_columns(pl.int_range(pl.len()).over("prompt").alias("turn"))
    return turns.sort("turn", "prompt", "rank").head(count).select("file", "row").rows()


def _ids(paths: Sequence[Path]) -> Iterator[pl.DataFrame]:
    """Name of the document, prompt, file and row of the first rows."""
    left = _LOOKED_AT
    for path in paths:
        there = pq.read_schema(path).names
        name = next((one for one in ("doc_id", "sample_id") if one in there), None)
        wanted = [one for one in (name, "prompt") if one is not None and one in there]
        rows = pq.read_metadata(path).num_rows
        frame = pl.read_parquet(path, columns=wanted, n_rows=left) if wanted else pl.DataFrame()
        place = pl.int_range(min(rows, left), eager=True, dtype=pl.Int64)
        numbers = place.cast(pl.String) + f" {path.name}"
        yield pl.DataFrame(
            {
                "name": frame[name].cast(pl.String).fill_null("") if name else numbers,
                "prompt": frame["prompt"].fill_null("") if "prompt" in there else [""] * len(place),
                "file": [path.name] * len(place),
                "row": place,
            },
            schema_overrides={"prompt": pl.String, "file": pl.String},
        )
        left -= len(place)
        if left <= 0:
            return


def _row(path: Path, row: int, column: str) -> dict[str, Any]:
    """One row; reads its row group's pages of the kept columns."""
    there = pq.read_schema(path).names
    wanted = [column, *(name for name in _KEPT if name in there and name != column)]
    found: dict[str, Any] = pl.scan_parquet(path).select(wanted).slice(row, 1).collect().row(0, named=True)
    return found


def _sources(folder: Path, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Texts of the documents that rows name, by id and hash."""
    wanted = sorted({str(row["doc_id"]) for row in rows if row.get("doc_id") is not None})
    found: dict[tuple[str, str], str] = {}
    for path in sorted(folder.glob("*.parquet")) if wanted else ():
        there = pq.read_schema(path).names
        for name in ("doc_id", "sample_id"):
            if name in there and "text" in there:
                hits = pl.scan_parquet(path).select(name, "text").filter(pl.col(name).is_in(wanted)).collect()
                found |= {(key, text_hash(text)): text for key, text in hits.iter_rows() if text is not None}
    return found


def _sample(
    name: str, row: int, value: Mapping[str, Any], column: str, sources: Mapping[tuple[str, str], str]
) -> Sample:
    text = str(value[column] or "")
    whole = sources.get((str(value.get("doc_id")), str(value.get("source_hash"))))
    made_of = None if whole is None else whole[value.get("cut_from") or 0 : value.get("cut_to")]
    return Sample(
        shard=name,
        row=row,
        text=text[:_ROOM],
        sample_id=value.get("sample_id") or value.get("doc_id"),
        prompt=value.get("prompt"),
        model=value.get("model"),
        source=None if made_of is None else made_of[:_ROOM],
        cut=len(text) > _ROOM or len(made_of or "") > _ROOM,
    )
