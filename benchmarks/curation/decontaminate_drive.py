"""tilth's decontamination stage alone: Parquet in, Parquet with reasons and signals out. Prints its figures as JSON."""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tilth.curate.decontaminate.stage import Stage, benchmark_items, build
from tilth.frames import make_frame
from tilth.recipe.stages.decontaminate import Decontaminate

ROWS = 2000  # rows of a frame


def frames(files: list[Path]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Number and frame of each slice of the files; `doc_id` is the file's own where it has one."""
    number = 0
    for file in files:
        table = pl.read_parquet(file)
        for part in table.iter_slices(ROWS):
            frame = make_frame(part["text"].to_list())
            yield number, frame.with_columns(part["doc_id"]) if "doc_id" in part.columns else frame
            number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=Path, required=True)
    parser.add_argument("--benchmarks", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    stage: Stage = build(Decontaminate(benchmarks=str(args.benchmarks)))
    started = time.process_time()
    items = benchmark_items(stage.settings).height
    assert stage.index.items.height == items
    index_s = time.process_time() - started
    args.work.mkdir(parents=True, exist_ok=True)
    rows, size, found, steady = 0, 0, 0, 0.0
    for number, frame in frames(sorted(args.documents.glob("*.parquet"))):
        began = time.process_time()
        done = stage(frame)
        steady += time.process_time() - began
        done.write_parquet(args.work / f"part-{number:05d}.parquet")
        rows, size = rows + done.height, size + int(frame["text"].str.len_bytes().sum())
        found += done["contamination_score"].drop_nulls().len()
    figures = {
        "rows": rows,
        "bytes": size,
        "found": found,
        "items": items,
        "index_cpu_s": index_s,
        "steady_cpu_s": steady,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
