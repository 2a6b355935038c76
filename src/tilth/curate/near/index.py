"""The index of kept documents: what a later run needs to find near duplicates of them.

A folder with `index.json`, and by part `<part>.bands.npy`, `<part>.marks.npy` and `<part>.ids.parquet`; about 400 bytes
a document at 112 hashes. `index.json` is written last, so a folder without it is no index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, write_json
from tilth.curate.exact.clusters import remove_stale
from tilth.curate.exact.rows import Layout, read_frame, rows_path, scratch, write_frame
from tilth.curate.exact.runs import Array, open_array, write_array
from tilth.curate.near.bands import marks_path, runs_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index on disk."""

    folder: Path
    parts: tuple[str, ...]
    counts: tuple[int, ...]  # documents by part
    digest: str


def open_index(name: str, signing: Mapping[str, str]) -> Index:
    """Open an index folder, or the folder of a stage or a step that holds one.

    Raises `ConfigError` where there is none, or where it was written with other settings of the signature.
    """
    places = (Path(name), Path(name) / "index", *sorted(Path(name).glob("stages/*-near_duplicates/index")))
    folder = next((path for path in places if (path / "index.json").is_file()), None)
    if folder is None:
        raise ConfigError(
            f"against: expected a folder with index.json, as write_index: true leaves it; saw none in {name}."
        )
    head: dict[str, Any] = read_json(folder / "index.json")
    recorded: Mapping[str, str] = head["signing"]
    names = sorted({*recorded, *signing})
    changed = [
        f"{field} (index: {recorded.get(field)}, now: {signing.get(field)})"
        for field in names
        if recorded.get(field) != signing.get(field)
    ]
    if changed:
        raise ConfigError(
            f"against: expected an index with the same signatures in {folder}; saw others: {'; '.join(changed)}. "
            "Use the index's settings, or write the index again from its documents with these."
        )
    return Index(folder=folder, parts=tuple(head["parts"]), counts=tuple(head["counts"]), digest=head["digest"])


def write_index(layout: Layout, folder: Path, gone: NDArray[np.int64], signing: Mapping[str, str]) -> None:
    """Write `folder`/index from the documents of this run but those in `gone` (numbers, ascending)."""
    target = folder / "index"
    (target / "index.json").unlink(missing_ok=True)
    remove_stale(target)
    counts, digest = [], blake2b(digest_size=16)
    for part, name in enumerate(layout.parts):
        keep = np.ones(int(layout.offsets[part + 1] - layout.offsets[part]), dtype=np.bool_)
        keep[gone[layout.span(part, gone)] - layout.offsets[part]] = False
        runs = _kept_runs(open_array(runs_path(scratch(folder), name)), keep)
        write_array(runs_path(target, name), runs)
        write_array(marks_path(target, name), np.asarray(open_array(marks_path(scratch(folder), name)))[keep])
        rows = read_frame(rows_path(folder, name), ["doc_id", "source"]).filter(pl.Series(keep))
        write_frame(_ids_path(target, name), rows)
        digest.update(runs.tobytes())
        counts.append(int(keep.sum()))
    head = {"signing": dict(signing), "parts": list(layout.parts), "counts": counts, "digest": digest.hexdigest()}
    write_json(target / "index.json", head)


def _kept_runs(runs: Array, keep: NDArray[np.bool_]) -> Array:
    """The entries of kept rows, under their new row numbers, still sorted."""
    places = np.cumsum(keep) - 1
    kept = np.array(runs[keep[runs["row"]]]).reshape(len(runs), -1)  # each band has the same rows
    kept["row"] = places[kept["row"]]
    return kept


def index_doc_ids(indexes: Sequence[Index], numbers: Array) -> pl.Series:
    """The doc_ids of documents numbered over all indexes; `numbers` ascending."""
    found = [pl.Series([], dtype=pl.String)]
    first = 0
    for index in indexes:
        for part, count in zip(index.parts, index.counts, strict=True):
            low, high = np.searchsorted(numbers, [first, first + count])
            if low < high:
                ids = read_frame(_ids_path(index.folder, part), ["doc_id"])["doc_id"]
                found.append(ids.gather(numbers[low:high] - first))
            first += count
    return pl.concat(found)


def _ids_path(folder: Path, part: str) -> Path:
    return folder / f"{part}.ids.parquet"
