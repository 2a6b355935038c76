"""After a changed source was read anew, brings each journalled answer to the part where its document lies now.

Answers are copied, never moved: a copy in the new part, in segments of session 0, which no session's account counts.
A file `regroup.json` stands from before the documents are read anew until every copy is on the disk, so that a kill in
between only means that the copying is done again. Memory: 12 bytes a document and the answers of one part.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tilth.base.files import storage_errors, write_json
from tilth.data.dataset import read_manifest
from tilth.generate.journal import Record, encode, load_part
from tilth.runner.reading import fast_hash

Array = np.ndarray[Any, Any]
_PENDING = "regroup.json"


def announce(run_dir: Path) -> None:
    """Say that the documents are about to be read anew."""
    write_json(run_dir / _PENDING, {"why": "a source changed and is read anew"})


def is_pending(run_dir: Path) -> bool:
    """True while answers may lie in parts where their documents no longer are."""
    return (run_dir / _PENDING).exists()


def settle(run_dir: Path) -> None:
    """Every answer is where it belongs."""
    (run_dir / _PENDING).unlink(missing_ok=True)


def regroup(journal: Path, documents: Path) -> int:
    """Copy the answers of a step to the parts of its documents now; returns how many were copied."""
    hashes, parts, names = _places(documents)
    copied = 0
    for folder in sorted(journal.glob("part-*")):
        index, _ = load_part(folder)
        moved: dict[str, list[Record]] = {}
        for records in index.values():
            name = _find(records[0].document, hashes, parts, names)
            if name is not None and name != folder.name:
                moved.setdefault(name, []).extend(records)
        for name, records in moved.items():
            copied += _append(journal / name, records)
    return copied


def _append(folder: Path, records: list[Record]) -> int:
    """Write records that the part does not have yet as a new segment; returns how many."""
    have = {encode(record) for known in load_part(folder)[0].values() for record in known}
    lines = [line for line in map(encode, records) if line not in have]
    if lines:
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"000000.{len(list(folder.glob('000000.*.seg')))}.seg"
            with path.open("xb") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
    return len(lines)


def _places(documents: Path) -> tuple["Array", "Array", list[str]]:
    """Sorted hashes of document ids, the index of each one's part, and the parts' names."""
    manifest = read_manifest(documents)
    assert manifest is not None, "documents are read before answers are brought to them"
    names = [shard.name for shard in manifest.shards]
    pairs = [(fast, place) for place, name in enumerate(names) for fast in _ids(documents / f"{name}.parquet")]
    hashes = np.fromiter((fast for fast, _ in pairs), dtype=np.uint64, count=len(pairs))
    parts = np.fromiter((place for _, place in pairs), dtype=np.int32, count=len(pairs))
    order = np.argsort(hashes, kind="stable")
    return hashes[order], parts[order], names


def _ids(path: Path) -> Iterator[int]:
    column = "sample_id" if "sample_id" in pq.read_schema(path).names else "doc_id"
    for value in pq.read_table(path, columns=[column])[column].to_pylist():
        yield int(fast_hash(value), 16)


def _find(document: str, hashes: "Array", parts: "Array", names: list[str]) -> str | None:
    wanted = np.uint64(int(fast_hash(document), 16))
    place = int(np.searchsorted(hashes, wanted))
    return names[int(parts[place])] if place < len(hashes) and hashes[place] == wanted else None
