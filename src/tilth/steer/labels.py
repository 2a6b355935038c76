"""The labels that place a row in a cell, read from frames and from datasets on disk.

Labels stand in a row's JSON (`metadata` of a document, `parsed` of a sample), else in the columns that curation
measured. Everything that is no label (another type, a word outside the taxonomy's form, NaN, a difficulty outside its
scale, broken JSON) reads as none. About 2.5 us a row, most of it JSON.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from tilth.base.errors import SourceError
from tilth.data.dataset import read_manifest
from tilth.recipe.stages.select import LabelColumns
from tilth.steer.cells import DISCIPLINE

_MEASURE = {"rubric": "difficulty", "pass_rate": "pass_rate", "ability": "ability"}
#: Names that are read from a row's JSON.
_NAMES = (
    *("discipline", "field", "stem", "difficulty", "pass_rate", "ability"),
    *("discipline_requested", "difficulty_requested", "request"),
)
#: Rows of a dataset that are held at once.
_BATCH = 50_000


def with_labels(frame: pl.DataFrame, settings: LabelColumns) -> pl.DataFrame:
    """The labels of each row of a frame, in order: `discipline`, `bin` (1 to 5), `stem`, and of the request, where the
    row was asked for, `asked_discipline` and `asked_bin`. Null where there is none."""
    column = "parsed" if "parsed" in frame.columns else "metadata"
    # JSON is read row by row wherever it is done
    rows = [_read(text) for text in frame[column].to_list()]
    named = settings.discipline
    discipline = [_discipline(row.get(named)) for row in rows]
    score = [_number(row.get(_MEASURE[settings.measure])) for row in rows]
    asked = [_asked(row) for row in rows]
    found = pl.DataFrame(
        {
            "discipline": pl.Series(discipline, dtype=pl.String),
            "bin": bins_of(score, settings),
            "stem": pl.Series(
                [row["stem"] if type(row.get("stem")) is bool else None for row in rows], dtype=pl.Boolean
            ),
            "asked_discipline": pl.Series([_discipline(one[0]) for one in asked], dtype=pl.String),
            "asked_bin": bins_of(
                [_number(one[1]) for one in asked], LabelColumns(rubric_borders=settings.rubric_borders)
            ),
        }
    )
    return _from_columns(found, frame, settings)


def bins_of(scores: Sequence[float | None], settings: LabelColumns) -> pl.Series:
    """Bins from 1 to 5; null for a score that is missing or outside its scale."""
    value = np.array([np.nan if score is None else score for score in scores], dtype=np.float64)
    if settings.measure == "rubric":
        found = np.searchsorted(settings.rubric_borders, value, side="left") + 1
        good = (value >= 1) & (value <= 10)
    else:
        if settings.measure == "ability":  # the Rasch model: the reference solver's chance of passing
            value = 1 / (1 + np.exp(np.clip(value - settings.reference_skill, -50, 50)))
        # a rate on a border belongs to the harder bin
        found = np.searchsorted([-border for border in settings.rate_borders], -value, side="right") + 1
        good = (value >= 0) & (value <= 1)
    return pl.Series([int(bin_) if fine else None for bin_, fine in zip(found, good, strict=True)], dtype=pl.Int8)


def read_labels(folder: Path, settings: LabelColumns) -> pl.DataFrame:
    """The labels of a whole dataset with each row's `id`. Raises `SourceError` where it is not complete."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise SourceError(f"expected a finished dataset in {folder}; there is no manifest. Run the step that makes it.")
    parts = [part for shard in manifest.shards for part in _shard(folder / f"{shard.name}.parquet", settings)]
    return pl.concat(parts) if parts else pl.DataFrame(schema={"id": pl.String, **_KINDS})


_KINDS = {
    "discipline": pl.String,
    "bin": pl.Int8,
    "stem": pl.Boolean,
    "asked_discipline": pl.String,
    "asked_bin": pl.Int8,
}


def _shard(path: Path, settings: LabelColumns) -> Iterator[pl.DataFrame]:
    columns = list(pl.read_parquet_schema(path))
    sample = "sample_id" in columns
    wanted = (
        ["sample_id", "parsed"] if sample else ["doc_id", "metadata", *(["signals"] if "signals" in columns else [])]
    )
    for frame in pl.scan_parquet(path).select(wanted).collect().iter_slices(_BATCH):
        table = frame.unnest("signals") if "signals" in wanted else frame
        yield with_labels(table, settings).select(table[wanted[0]].alias("id"), *_KINDS)


def _from_columns(found: pl.DataFrame, frame: pl.DataFrame, settings: LabelColumns) -> pl.DataFrame:
    """What the JSON does not say, from the columns of curation."""
    kinds = frame.schema
    if kinds.get(settings.discipline) == pl.String:
        measured = frame[settings.discipline]
        good = measured.str.contains(rf"^{DISCIPLINE.pattern}$").fill_null(False)
        found = found.with_columns(discipline=pl.coalesce("discipline", pl.when(good).then(measured)))
    name = _MEASURE[settings.measure]
    if name in kinds and kinds[name].is_numeric():
        binned = bins_of(frame[name].cast(pl.Float64).to_list(), settings)
        found = found.with_columns(bin=pl.coalesce("bin", binned))
    if kinds.get("stem") == pl.Boolean:
        found = found.with_columns(stem=pl.coalesce("stem", frame["stem"]))
    return found


def _read(text: str | None) -> dict[str, Any]:
    try:
        value = orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(value, dict):
        return {}
    signals = value.get("signals")
    own = {name: value[name] for name in _NAMES if value.get(name) is not None}
    return {**signals, **own} if isinstance(signals, dict) else own


def _asked(row: dict[str, Any]) -> tuple[Any, Any]:
    """What was asked for: as a stage of synthesis notes it, or as `select` set it."""
    if "discipline_requested" in row or "difficulty_requested" in row:
        return row.get("discipline_requested"), row.get("difficulty_requested")
    request = row.get("request")
    return (request.get("discipline"), request.get("difficulty")) if isinstance(request, dict) else (None, None)


def _discipline(value: Any) -> str | None:
    return value if isinstance(value, str) and DISCIPLINE.fullmatch(value) else None


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and abs(value) < 1e9 else None
