"""The chosen rows of a run with the part of the source that the model saw, ready for a page.

Reads only the row groups that hold a chosen row, in small batches. A source is found by document id and content hash,
so a text that is not the one the row was made from is never shown in its place.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tilth.base.fingerprint import text_hash
from tilth.view.choose import Chosen, open_shard, shards

_BATCH = 64  # rows with their texts: bounded even where documents are megabytes
_MOST = 100_000  # characters of a text that are looked at (about 25,000 tokens); the rest counts as left out

Key = tuple[str, str]  # document id, content hash
Row = dict[str, Any]


def read_chosen(chosen: Sequence[Chosen]) -> list[Row]:
    """The rows in the order of `chosen`; texts longer than any page needs are cut."""
    by_path: dict[Path, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, each in enumerate(chosen):
        by_path[each.path][each.row].append(index)
    rows: list[Row] = [{} for _ in chosen]
    for path, places in by_path.items():
        for row, value in take_rows(path, sorted(places)):
            for name in ("text", "raw"):
                if len(value.get(name) or "") > _MOST:
                    value["beyond"] = len(value[name]) - _MOST
                    value[name] = value[name][:_MOST]
            for index in places[row]:
                rows[index] = value
    return rows


def take_rows(path: Path, rows: Sequence[int], columns: list[str] | None = None) -> Iterator[tuple[int, Row]]:
    """The rows of a Parquet file at the sorted positions `rows`, with their positions."""
    with open_shard(path) as file:
        first = at = 0
        for group in range(file.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            start = first
            batches = file.iter_batches(batch_size=_BATCH, row_groups=[group], columns=columns)
            while at < len(rows) and rows[at] < last:
                batch = next(batches)
                while at < len(rows) and rows[at] < start + len(batch):
                    yield rows[at], batch.slice(rows[at] - start, 1).to_pylist()[0]
                    at += 1
                start += len(batch)
            first = last


def read_sources(folder: Path, wanted: Mapping[Key, Sequence[tuple[int | None, int | None]]]) -> dict[Key, Any]:
    """For each wanted document: its windows of text by (first, last) character, and its `position` and `metadata`.

    `folder` holds a documents dataset, or the samples of a step that this one was made from.
    """
    found: dict[Key, Any] = {}
    for path, dropped in shards(folder):
        if dropped or len(found) == len(wanted):
            continue
        places = _places(path, wanted, found)
        names = open_shard(path).schema_arrow.names
        columns = [name for name in ("text", "metadata", "position") if name in names]
        for row, value in take_rows(path, sorted(places), columns):
            for key in places[row]:
                if key[1] == text_hash(value["text"]):
                    found[key] = {
                        "windows": {window: value["text"][slice(*window)][:_MOST] for window in wanted[key]},
                        "position": value.get("position"),
                        "metadata": value.get("metadata"),
                    }
    return found


def _places(path: Path, wanted: Mapping[Key, Any], found: Mapping[Key, Any]) -> dict[int, list[Key]]:
    """Row numbers of one file that may hold a document still wanted, each with the keys it may stand for."""
    by_id: dict[str, list[Key]] = defaultdict(list)
    for key in wanted:
        if key not in found:
            by_id[key[0]].append(key)
    ids = pa.array(list(by_id), pa.string())
    places: dict[int, list[Key]] = {}
    with open_shard(path) as file:
        columns = [name for name in ("doc_id", "sample_id", "content_hash") if name in file.schema_arrow.names]
        row = 0
        for batch in file.iter_batches(batch_size=50_000, columns=columns):
            for name in ("doc_id", "sample_id"):
                if name in columns:
                    for index in pc.indices_nonzero(pc.is_in(batch.column(name), ids)).to_pylist():
                        keys = by_id[batch.column(name)[index].as_py()]
                        if "content_hash" in columns:
                            digest = batch.column("content_hash")[index].as_py()
                            keys = [key for key in keys if key[1] == digest]
                        places.setdefault(row + index, []).extend(keys)
            row += len(batch)
    return {row: keys for row, keys in places.items() if keys}
