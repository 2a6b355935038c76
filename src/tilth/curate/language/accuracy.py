"""How often `identify` is right on labelled rows, by group and by length of text: the table in docs/language.md.

Run as `python -m tilth.curate.language.accuracy FOLDER`, where FOLDER holds Parquet files with columns `text` (or
`question`) and `lang`. What it guarantees: the same rows give the same table. What it costs: `identify`, once a length.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tilth.curate.language.identify import identify
from tilth.curate.language.tags import disagree

#: Characters from the beginning of a text; None is the text as it is.
LENGTHS: tuple[int | None, ...] = (20, 50, 100, 200, None)


def accuracy(rows: pl.DataFrame, lengths: Sequence[int | None] = LENGTHS) -> pl.DataFrame:
    """Columns `group`, `length` (null: whole), `rows`, `right` (share) and `mean_score`, from `group`, `lang`, `text`.

    A text counts at a length only where it is that long. Right means the same language by `tags.disagree`, so that
    any form of Chinese is right for "zh", and only the one named for "zh-Hant".
    """
    parts = [_at_length(rows, length) for length in lengths]
    return pl.concat(part for part in parts if part.height).sort("group", "length", nulls_last=True)


def labelled(folder: Path) -> pl.DataFrame:
    """Columns `group`, `lang` and `text` of every Parquet file under `folder` that has labelled texts."""
    parts = []
    for path in sorted(folder.rglob("*.parquet")):
        names = pl.read_parquet_schema(path)
        column = next((name for name in ("text", "question") if name in names), None)
        if column is None or "lang" not in names:
            continue
        rows = pl.read_parquet(path, columns=["lang", column]).rename({column: "text"}).drop_nulls()
        group = pl.lit(path.stem + " ") + pl.col("lang")
        parts.append(rows.select(group.alias("group"), "lang", "text"))
    return (
        pl.concat(parts) if parts else pl.DataFrame(schema={"group": pl.String, "lang": pl.String, "text": pl.String})
    )


def table(measured: pl.DataFrame) -> str:
    """`measured` as text: one line a group, one column a length."""
    wide = measured.with_columns(
        pl.col("length").cast(pl.String).fill_null("whole"), (pl.col("right") * 100).round(1)
    ).pivot("length", index="group", values="right")
    names = ["group", *(name for name in ("20", "50", "100", "200", "whole") if name in wide.columns)]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    rows = wide.select(names).iter_rows()
    lines += ["| " + " | ".join("" if value is None else str(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _at_length(rows: pl.DataFrame, length: int | None) -> pl.DataFrame:
    if length is not None:
        enough = rows.filter(pl.col("text").str.len_chars() >= length)
        rows = enough.with_columns(pl.col("text").str.slice(0, length))
    found = rows.hstack(identify(rows["text"]))
    pairs = found.select("lang", "language_id").unique()
    right = [_is_right(said, tag) for said, tag in pairs.iter_rows()]
    pairs = pairs.with_columns(pl.Series("right", right, dtype=pl.Float64))
    return (
        found.join(pairs, on=("lang", "language_id"))
        .group_by("group")
        .agg(pl.len().alias("rows"), pl.col("right").mean(), pl.col("language_score").mean().alias("mean_score"))
        .select("group", pl.lit(length, dtype=pl.Int64).alias("length"), "rows", "right", "mean_score")
    )


def _is_right(said: str, found: str) -> bool:
    return found not in ("und", "zxx") and not disagree(said, found)


if __name__ == "__main__":
    sys.stdout.write(table(accuracy(labelled(Path(sys.argv[1])))) + "\n")
