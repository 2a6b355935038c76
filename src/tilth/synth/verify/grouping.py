"""Rows of one question from several solver steps, brought together with bounded memory.

A question is known by the hash of its text and choices. Of its rows the one that comes first in the input is kept and
gets the answers of all; so the outcome does not depend on the order in which parts are gathered. Memory: the rows of
one range of hashes, `rows_at_once` on average; disk: the answers once, compressed, while the step runs.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson
import polars as pl

from tilth.base.errors import CorruptData
from tilth.base.files import write_atomic
from tilth.base.fingerprint import text_hash
from tilth.synth.verify.ballot import merged_answers

_ROWS = pl.Schema({"hash": pl.String, "key": pl.UInt64, "doc_id": pl.String, "gold": pl.String, "answers": pl.String})
#: What a part is told of its rows of questions that have several: `answers` for the kept row, `kept` for the others.
DECIDED = pl.Schema({"key": pl.UInt64, "kept": pl.String, "answers": pl.String, "conflicting": pl.Boolean})
#: Rows in a row group: a range of hashes then reads little more than its own rows.
_GROUP = 5000
_HASH_DIGITS = 8  # of the hash, that cut it into ranges: 2**32 of them at most


def gather(frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
    """Write each row's hash, key, answer and answers, sorted by hash."""
    found = [_rows(frame.filter(pl.col("reason").is_null())) for frame in frames]
    table = pl.concat(found) if found else pl.DataFrame(schema=_ROWS)
    table = table.sort("hash", "key")
    write_atomic(_rows_path(folder, part), lambda path: table.write_parquet(path, row_group_size=_GROUP))


def decide(parts: Sequence[str], folder: Path, rows_at_once: int) -> None:
    """Find the questions with several rows, and write for each part what becomes of its rows of them."""
    for stale in (folder / "scratch").glob("*.decided-*.parquet"):
        stale.unlink()  # of a decision that was killed
    paths = {str(_rows_path(folder, part)): part for part in parts}
    rows = pl.scan_parquet(list(paths), include_file_paths="path")
    try:
        total = int(rows.select(pl.len()).collect().item())
        ranges = max(1, -(-total // rows_at_once))
        for number in range(ranges):
            low, high = (f"{(1 << 32) * bound // ranges:08x}" for bound in (number, number + 1))
            within = (
                pl.col("hash") >= pl.lit(low)
                if number == ranges - 1
                else pl.col("hash").is_between(pl.lit(low), pl.lit(high), "left")
            )
            _write(_decided(rows.filter(within).collect()), paths, folder, number)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorruptData(
            f"expected the rows that this step gathered in {folder / 'scratch'}; saw: {str(error)[:200]}. "
            "Delete the step's folder and run again."
        ) from error


def decided(part: str, folder: Path, keys: pl.Series) -> pl.DataFrame:
    """What was decided of some rows of a part: DECIDED, without the rows that stand alone."""
    files = sorted((folder / "scratch").glob(f"{part}.decided-*.parquet"))
    if not files or not len(keys):
        return pl.DataFrame(schema=DECIDED)
    between = pl.col("key").is_between(keys.min(), keys.max())
    return pl.scan_parquet(files).filter(between).collect()


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    """A loop: JSON is read row by row wherever it is done."""
    hashes, golds, answers = [], [], []
    for text, metadata in frame.select("text", "metadata").iter_rows():
        value = _object(metadata)
        choices = value.get("choices")
        hashes.append(text_hash(text, "" if choices is None else orjson.dumps(choices).decode()))
        golds.append(orjson.dumps(value.get("answer")).decode()[:2000])
        answers.append(orjson.dumps(value.get("answers") or []).decode())
    made = {"hash": hashes, "gold": golds, "answers": answers}
    columns = [pl.Series(name, values, dtype=pl.String) for name, values in made.items()]
    return frame.select("key", "doc_id").with_columns(columns).select(list(_ROWS))


def _decided(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of questions that have several: key, path, kept, answers, conflicting."""
    several = rows.filter(pl.len().over("hash") > 1).sort("hash", "key")
    groups = several.group_by("hash", maintain_order=True).agg(
        pl.col("key").first().alias("first"),
        pl.col("doc_id").first().alias("kept"),
        (pl.col("gold").n_unique() > 1).alias("conflicting"),
        pl.col("answers").alias("lists"),
    )
    merged = [
        orjson.dumps(merged_answers([orjson.loads(item) for item in lists])).decode()
        for lists in groups["lists"].to_list()
    ]
    groups = groups.drop("lists").with_columns(pl.Series("merged", merged, pl.String))
    joined = several.drop("answers").join(groups, on="hash", how="left", maintain_order="left")
    own = pl.col("key") == pl.col("first")
    return joined.select(
        "path",
        "key",
        "kept",
        pl.when(own).then(pl.col("merged")).alias("answers"),
        "conflicting",
    )


def _write(found: pl.DataFrame, paths: dict[str, str], folder: Path, number: int) -> None:
    for (path,), own in found.group_by("path"):
        name = f"{paths[str(path)]}.decided-{number:05d}.parquet"
        write_atomic(folder / "scratch" / name, own.select(list(DECIDED)).sort("key").write_parquet)


def _object(metadata: str | None) -> dict[str, object]:
    try:
        value = orjson.loads(metadata or "{}")
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _rows_path(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.answers.parquet"
