"""Puts the rewrites of a document's windows back together, one text a document and prompt."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from tilth.base.errors import ConfigError
from tilth.data.dataset import iter_rows, read_manifest
from tilth.generate.fit import Piece, stitch

_COLUMNS = ["doc_id", "prompt", "text", "window", "windows", "cut_from", "cut_to", "cut_how", "licence", "origin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stitched:
    """A document's rewrite over all its windows; `missing` numbers those that were dropped and are not in `text`."""

    doc_id: str
    prompt: str
    text: str
    windows: int
    missing: tuple[int, ...]
    licence: str | None
    origin: str


def stitched(run_dir: Path, step: str) -> Iterator[Stitched]:
    """Every document and prompt of a finished step that kept a window, in the order of the run.

    The windows of a document lie side by side in one shard, so memory is one document. Raises `ConfigError` where the
    step is not finished.
    """
    manifest = read_manifest(run_dir / step)
    if manifest is None:
        raise ConfigError(f"expected a finished step {step!r} in {run_dir}; it has no manifest. Run the recipe first.")
    for shard in manifest.shards:
        rows = iter_rows(run_dir / step / f"{shard.name}.parquet", _COLUMNS)
        for _, group in groupby(rows, key=lambda row: (row["doc_id"], row["prompt"])):
            yield _join(list(group))


def _join(rows: list[dict[str, Any]]) -> Stitched:
    first = rows[0]
    pieces = [
        Piece(
            text="",
            start=row["cut_from"],
            end=row["cut_to"],
            window=row["window"],
            windows=row["windows"],
            how=row["cut_how"],
        )
        for row in rows
    ]
    have = {row["window"] for row in rows}
    return Stitched(
        doc_id=first["doc_id"],
        prompt=first["prompt"],
        text=stitch(pieces, [row["text"] for row in rows]),
        windows=first["windows"],
        missing=tuple(number for number in range(first["windows"]) if number not in have),
        licence=first["licence"],
        origin=first["origin"],
    )
