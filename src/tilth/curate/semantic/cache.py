"""Paid embeddings on disk, by a hash of model and text: a run that goes on, or runs again, pays for none twice.

Each writer adds files of its own (segments) and reads those of all; a segment is written atomically, so a kill loses
at most the texts since the last. Memory: 40 bytes an embedding in the cache.
"""

from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import CorruptData
from tilth.base.files import write_atomic
from tilth.base.fingerprint import text_hash

Array = NDArray[Any]


class VectorCache:
    """The embeddings of one model. `identity`: what decides a vector beside the text."""

    def __init__(self, folder: Path, *identity: str) -> None:
        self._folder = folder / text_hash(*identity)[:16]
        self._names: set[str] = set()
        self._segments: list[Array] = []
        self._keys = np.empty(0, "S32")
        self._places = np.empty((0, 2), np.int64)
        self.refresh()

    def refresh(self) -> None:
        """Take in segments that are new since, of this and of other processes."""
        new = [path for path in sorted(self._folder.glob("*.npy")) if path.name not in self._names]
        keys, places = [self._keys], [self._places]
        for path in new:
            segment = self._open(path)
            number = len(self._segments)
            self._names.add(path.name)
            self._segments.append(segment)
            keys.append(np.array(segment["key"]))
            places.append(np.stack([np.full(len(segment), number), np.arange(len(segment))], axis=1))
        if new:
            order = np.argsort(np.concatenate(keys), kind="stable")
            self._keys, self._places = np.concatenate(keys)[order], np.concatenate(places)[order]

    def find(self, texts: list[str]) -> list[Array | None]:
        """The vector of each text, float16; None where it is not known."""
        wanted = np.array([_key(text) for text in texts], "S32")
        at = np.searchsorted(self._keys, wanted)
        known = at < len(self._keys)
        known[known] = self._keys[at[known]] == wanted[known]
        result: list[Array | None] = [None] * len(texts)
        for number in np.flatnonzero(known):
            segment, row = self._places[at[number]]
            result[number] = self._segments[segment]["vector"][row]
        return result

    def add(self, name: str, texts: list[str], vectors: Array) -> None:
        """Keep the vectors of some texts, in a segment whose name begins with `name`."""
        kind = np.dtype([("key", "S32"), ("vector", np.float16, (vectors.shape[1],))])
        segment = np.empty(len(texts), kind)
        segment["key"] = [_key(text) for text in texts]
        segment["vector"] = vectors
        path = self._folder / f"{name}-{text_hash(*texts)[:16]}.npy"
        write_atomic(path, partial(_save, segment))
        self.refresh()

    def _open(self, path: Path) -> Array:
        try:
            mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise CorruptData(f"expected cached embeddings at {path}; saw: {error}. Delete the file.") from error
        return mapped


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest().encode()


def _save(array: Array, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
