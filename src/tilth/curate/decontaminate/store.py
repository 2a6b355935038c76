"""A built index in a file that every process maps into its memory, so that it is built once and held once.

The file is one row of lists in Arrow's file format, an array a column; its checksum lies beside it. It is under
`TILTH_DECONTAMINATE_CACHE`, else under tilth/decontaminate in XDG_CACHE_HOME or ~/.cache, named by a key that depends
on everything that decides the index.

Guarantees: never needed for correctness. A missing, cut or changed file is built again, a folder that cannot be
written or locked only costs the time; of several processes that want one index, one builds and the others wait.
Costs 0.1 s to open an index of 100 MB, which is then shared between processes and read from the disk as it is used.
"""

import contextlib
import dataclasses
import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tilth.base.errors import CorruptData, StorageError
from tilth.base.files import read_json, write_atomic, write_json
from tilth.curate.decontaminate.index import Index
from tilth.curate.decontaminate.ngrams import Sieve
from tilth.curate.decontaminate.tokens import Tokens

#: Raise it when the same index would be written otherwise.
VERSION = 2
ENVIRONMENT = "TILTH_DECONTAMINATE_CACHE"
#: Indexes with fewer n-grams than this are built faster than files are managed.
WORTH_KEEPING = 200_000
#: Indexes that are kept, the last ones used: each is up to a few hundred MB.
_KEPT = 4
#: Seconds that a process waits for another one that builds the same index; then it builds its own.
_PATIENCE = 600.0
_CHUNK = 8 << 20


def cache_folder() -> Path:
    """Where indexes are kept."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tilth" / "decontaminate"


def stored(key: str, build: Callable[[], Index]) -> Index:
    """The index of `key` from its file, or what `build` makes, which is then kept for the next process."""
    path = cache_folder() / f"{key}.arrow"
    found = read_index(path)
    if found is not None:
        return found
    with _alone(path.with_suffix(".lock")):
        found = read_index(path)  # another process may have built it while this one waited
        if found is not None:
            return found
        built = build()
        if len(built.weight) < WORTH_KEEPING:
            return built
        # a full or read-only disk is no reason to stop: the index is in memory
        with contextlib.suppress(StorageError):
            write_index(built, path)
            _forget_old(path)
            return read_index(path) or built
        return built


def write_index(index: Index, path: Path) -> None:
    """Write the index and then its checksum, each atomically; `StorageError` where that fails."""
    columns = {
        name: pa.array(values.view(np.uint8) if values.dtype == bool else values)  # Arrow's own booleans are bits
        for name, values in _flat(index)
    }
    items = index.items.to_arrow(compat_level=pl.CompatLevel.oldest())
    columns |= {f"items.{name}": items[name].combine_chunks() for name in items.column_names}
    lists = {name: pa.LargeListArray.from_arrays([0, len(values)], values) for name, values in columns.items()}
    batch = pa.RecordBatch.from_arrays(list(lists.values()), names=list(lists))

    def write(temporary: Path) -> None:
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)

    write_atomic(path, write)
    write_json(path.with_suffix(".json"), {"version": VERSION, **_checksum(path)})


def read_index(path: Path) -> Index | None:
    """The index in a file, its arrays mapped; None where there is none that is whole."""
    try:
        if read_json(path.with_suffix(".json")) != {"version": VERSION, **_checksum(path)}:
            return None
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
        found = _index({name: batch.column(name).values for name in batch.schema.names})
    except (OSError, CorruptData, pa.ArrowException, KeyError):  # whatever is wrong with it, it is built again
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the last ones used are kept
    return found


def _flat(index: Index) -> Iterator[tuple[str, Any]]:
    """Name and array of every field, those of the sieve and of the answers under a name with a dot."""
    for field in dataclasses.fields(index):
        value = getattr(index, field.name)
        if isinstance(value, Sieve | Tokens):
            yield from ((f"{field.name}.{one.name}", getattr(value, one.name)) for one in dataclasses.fields(value))
        elif isinstance(value, np.ndarray):
            yield field.name, value


def _index(columns: dict[str, Any]) -> Index:
    arrays = {name: values for name, values in columns.items() if not name.startswith("items.")}
    found: dict[str, Any] = {name: values.to_numpy(zero_copy_only=True) for name, values in arrays.items()}
    for name in ("passage", "answered", "vague", "vague_item", "telling", "answers.alone"):
        found[name] = found[name].view(bool)
    return Index(
        items=pl.DataFrame({name: columns[f"items.{name}"] for name in ("benchmark", "item_id")}),
        sieve=Sieve(**{one.name: found.pop(f"sieve.{one.name}") for one in dataclasses.fields(Sieve)}),
        answers=Tokens(**{one.name: found.pop(f"answers.{one.name}") for one in dataclasses.fields(Tokens)}),
        **found,
    )


def _checksum(path: Path) -> dict[str, int]:
    """Bytes and CRC of a file, read piece by piece."""
    size, value = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size, value = size + len(chunk), zlib.crc32(chunk, value)
    return {"bytes": size, "crc32": value}


def _forget_old(path: Path) -> None:
    """Remove all but the `_KEPT` indexes used last; a process that has one mapped keeps what it has."""
    with contextlib.suppress(OSError):
        every = sorted(path.parent.glob("*.arrow"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in every[_KEPT:]:
            for name in (old.with_suffix(".json"), old, old.with_suffix(".lock")):
                name.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process; where locks or the folder are not to be had, go on without."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(path.open("wb"))
            _wait_for(file)
        yield


def _wait_for(file: Any) -> None:
    """Lock an open file, waiting at most `_PATIENCE` seconds for another process; `OSError` where it cannot be."""
    try:
        import fcntl
    except ImportError:  # not on Windows: two processes may build the same index there, and write the same file
        return
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return
