"""The one place that writes bytes to final names: temporary name in the same folder, fsync, rename.

A reader never sees half a file. What it costs: one fsync of the file and one of the folder a write, about
2 ms each on a plain disk. `OSError`s that mean a broken disk become `StorageError`.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from tilth.base.errors import CorruptData, StorageError

_REMEDY = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; choose another folder or remount it",
    errno.EACCES: "no permission; change the folder's owner or choose another folder",
    errno.EPERM: "no permission; change the folder's owner or choose another folder",
    errno.EIO: "the disk reports a fault; check it",
    errno.ESTALE: "the network file system lost the folder; mount it again",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another folder",
}


def storage_error(error: OSError, path: str | Path) -> StorageError:
    """The `StorageError` that tells a person what happened to `path` and what to do."""
    remedy = _REMEDY.get(error.errno or 0, "look at the folder")
    return StorageError(
        f"expected to write {path}; the system said: {error.strerror or error}. "
        f"{remedy[0].upper()}{remedy[1:]}, then run the same command again: what was journalled is kept."
    )


@contextlib.contextmanager
def storage_errors(path: str | Path) -> Iterator[None]:
    """Turn each `OSError` of the block into a `StorageError` about `path`."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, path) from error


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable; a file system that cannot sync folders is left as it is."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, sync it and rename it to `path`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    write_atomic(path, lambda temporary: _put(temporary, data))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys."""
    write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that `write_json` wrote; raises `CorruptData` naming the file when it is not JSON."""
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise CorruptData(f"expected JSON in {path}; saw: {error}. Delete the file and run again.") from error


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)
