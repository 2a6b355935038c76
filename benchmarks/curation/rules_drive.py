"""tilth's rules stage over a folder of Parquet files, in one process: kept and dropped rows out, with all signals."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tilth.base.version import VERSION
from tilth.curate.rules.stage import build
from tilth.recipe.stages.rules import Rules

ROWS = 2000  # a frame, as the runner's shards have


def frames(path: Path) -> Iterator[pl.DataFrame]:
    """The rows of a file with the columns that the stage reads."""
    rows = pl.read_parquet(path).with_columns(
        pl.lit("en").alias("language"),
        pl.lit(None, dtype=pl.String).alias("reason"),
        pl.lit(None, dtype=pl.String).alias("detail"),
        pl.lit([], dtype=pl.List(pl.String)).alias("flags"),
    )
    yield from rows.iter_slices(ROWS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, required=True, help="folder of Parquet files with id and text")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--measure", choices=("all", "needed"), default="all")
    args = parser.parse_args()
    for name in ("kept", "dropped"):
        (args.work / name).mkdir(parents=True)
    stage = build(Rules(presets=["gopher-quality", "fineweb", "gopher-repetition"], measure=args.measure), seed=0)
    for path in sorted(args.documents.glob("*.parquet")):
        for number, frame in enumerate(frames(path)):
            judged = stage(frame)
            kept = pl.col("reason").is_null()
            judged.filter(kept).write_parquet(args.work / "kept" / f"{path.stem}-{number}.parquet")
            judged.filter(~kept).write_parquet(args.work / "dropped" / f"{path.stem}-{number}.parquet")
    print(json.dumps({"contender": "tilth", "version": VERSION}))


if __name__ == "__main__":
    main()
