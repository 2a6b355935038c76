"""tilth's near-duplicate stage over a folder of Parquet files, as the runner drives it: parts gathered and applied in
processes of their own, one decision between, Parquet out.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from tilth.curate.near.stage import build
from tilth.recipe.stages.duplicates import NearDuplicates

STRIDE = 1 << 32  # keys of a part begin at its number times this


def frame_of(path: Path, number: int) -> pl.DataFrame:
    """The columns that the stage reads, beside the file's own."""
    first = number * STRIDE
    return (
        pl.read_parquet(path)
        .with_row_index("key", offset=0)
        .with_columns(
            (pl.col("key").cast(pl.UInt64) + first).alias("key"),
            pl.col("id").alias("doc_id"),
            pl.lit("benchmark").alias("source"),
            pl.lit(None, dtype=pl.String).alias("reason"),
            pl.lit(None, dtype=pl.String).alias("detail"),
            pl.lit([], dtype=pl.List(pl.String)).alias("flags"),
        )
    )


def gather(work: Path, job: tuple[int, Path]) -> None:
    number, path = job
    build(NearDuplicates(), 0).gather([frame_of(path, number)], path.stem, work)


def apply(work: Path, job: tuple[int, Path]) -> None:
    number, path = job
    out = build(NearDuplicates(), 0).apply(frame_of(path, number), path.stem, work)
    out.filter(pl.col("reason").is_null()).write_parquet(work / "output" / path.name)
    out.filter(pl.col("reason").is_not_null()).write_parquet(work / "dropped" / path.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, required=True, help="folder of Parquet files with id and text")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    parts = sorted(args.documents.glob("*.parquet"))
    for name in ("output", "dropped"):
        (args.work / name).mkdir(parents=True)
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(partial(gather, args.work), enumerate(parts)))
        build(NearDuplicates(), 0).decide([path.stem for path in parts], args.work, args.workers)
        list(pool.map(partial(apply, args.work), enumerate(parts)))
    print(json.dumps({"peer": "tilth", "parts": len(parts)}), flush=True)


if __name__ == "__main__":
    main()
