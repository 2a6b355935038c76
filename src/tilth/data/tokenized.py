"""A token set: the token shards of one dataset, as they lie on disk; and the rows of a mixture of token sets.

A shard is three headerless little-endian files, so that any program reads them:

- `part-00000.ds`: the tokens, uint16 or uint32. The layout of datatrove's `.ds`; numpy and OLMo-core map it too;
- `part-00000.ds.index`: where each document ends, in tokens from the start of the shard, uint64 (datatrove's index);
- `part-00000.rows`: the row that each document is in the source shard, uint32. Rows without a token have no document.

`manifest.json`, written last, names tokenizer, shards and the ledger. A document's number counts through all shards.
Reading is by memory map: nothing is loaded but the pages that are touched.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tilth.base.errors import ConfigError, CorruptData
from tilth.data.dataset import Manifest, read_manifest

Tokens = NDArray[np.uint16] | NDArray[np.uint32]
Numbers = NDArray[np.int64]

#: What `details["kind"]` of a manifest says.
TOKEN_SET, MIXTURE, PACKED = "tokens", "mixture", "packed"

#: One row a document of a mixture, in training order.
MIXTURE_ROWS = pa.schema(
    [
        pa.field("part", pa.string(), nullable=False),  # name of the part in the mixture
        pa.field("shard", pa.string(), nullable=False),  # shard of the part's dataset
        pa.field("row", pa.int64(), nullable=False),  # row in that shard, from 0
        pa.field("epoch", pa.int32(), nullable=False),  # how often the row was taken before
        pa.field("document", pa.int64(), nullable=False),  # number of the document in the part's token set
        pa.field("tokens", pa.int64(), nullable=False),  # taken, from its start
        pa.field("cropped", pa.int64(), nullable=False),  # left out at its end, since the part's budget was full
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShard:
    """One shard of a token set. Numbers are tokens but where the name says otherwise."""

    name: str
    source: str  # file name of the Parquet shard (or mixture shard) it was made from
    source_rows: int
    documents: int
    tokens: int
    path: Path

    @property
    def index(self) -> Path:
        """The file of document ends."""
        return self.path.with_name(self.path.name + ".index")

    @property
    def rows_file(self) -> Path:
        """The file of row numbers."""
        return self.path.with_suffix(".rows")

    def ends(self) -> NDArray[np.uint64]:
        """Document ends, mapped; shape (documents,)."""
        ends: NDArray[np.uint64] = _mapped(self.index, np.dtype("<u8"), self.documents)
        return ends

    def rows(self) -> NDArray[np.uint32]:
        """Source rows, mapped; shape (documents,)."""
        rows: NDArray[np.uint32] = _mapped(self.rows_file, np.dtype("<u4"), self.documents)
        return rows

    def ids(self, dtype: "np.dtype[Any]") -> Tokens:
        """Tokens, mapped; shape (tokens,)."""
        ids: Tokens = _mapped(self.path, dtype, self.tokens)
        return ids


def _mapped(path: Path, dtype: "np.dtype[Any]", length: int) -> Any:
    size = path.stat().st_size if path.exists() else -1
    if size != length * dtype.itemsize:
        seen = "no such file" if size < 0 else f"{size} bytes"
        raise CorruptData(f"expected {length} numbers of {dtype.itemsize} bytes in {path}; saw {seen}. Make it again.")
    return np.memmap(path, mode="r", dtype=dtype) if length else np.zeros(0, dtype)


@dataclass(frozen=True)
class TokenSet:
    """A finished token set. Not slotted: bounds are computed once."""

    folder: Path
    manifest: Manifest
    shards: tuple[TokenShard, ...]

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Of the tokens, little-endian."""
        return np.dtype(f"<u{self.manifest.details['token_bytes']}")

    @property
    def source(self) -> Path:
        """The dataset or mixture that the set was made from."""
        return (self.folder / str(self.manifest.details["source"])).resolve()

    @property
    def tokenizer(self) -> Mapping[str, Any]:
        """What the manifest says of the tokenizer: name, fingerprint, vocabulary, eos."""
        found: Mapping[str, Any] = self.manifest.details["tokenizer"]
        return found

    @property
    def tokens(self) -> int:
        """Tokens in all shards."""
        return sum(shard.tokens for shard in self.shards)

    @property
    def documents(self) -> int:
        """Documents in all shards."""
        return sum(shard.documents for shard in self.shards)

    @cached_property
    def starts(self) -> Numbers:
        """Number of the first document of each shard, and at the end the number of documents; shape (shards + 1,)."""
        return np.concatenate([[0], np.cumsum([shard.documents for shard in self.shards])]).astype(np.int64)

    def shard(self, name: str) -> TokenShard:
        """The shard of that name, with or without its ending."""
        for shard in self.shards:
            if name in (shard.name, shard.path.name):
                return shard
        raise ConfigError(f"expected a shard of {self.folder}; saw {name}. It has {', '.join(self.names())}.")

    def names(self) -> list[str]:
        """The first and last names of shards, for a message."""
        names = [shard.name for shard in self.shards]
        return names if len(names) < 4 else [names[0], "...", names[-1]]

    def by_shard(self, documents: Numbers) -> Iterator[tuple[TokenShard, Numbers, Numbers]]:
        """Each shard that holds some of `documents`, the places in `documents`, and the numbers within the shard."""
        homes = np.searchsorted(self.starts, documents, side="right") - 1
        order = np.argsort(homes, kind="stable")
        bounds = np.flatnonzero(np.diff(homes[order])) + 1
        for places in np.split(order, bounds):
            if len(places):
                home = int(homes[places[0]])
                yield self.shards[home], places, documents[places] - self.starts[home]

    def sizes(self, documents: Numbers) -> Numbers:
        """Tokens of each of `documents`; memory: those numbers and the pages of the indexes that they touch."""
        found = np.zeros(len(documents), np.int64)
        for shard, places, local in self.by_shard(documents):
            ends = shard.ends()
            before = np.where(local > 0, ends[np.maximum(local - 1, 0)], 0)
            found[places] = ends[local].astype(np.int64) - before.astype(np.int64)
        return found


def document_at(ends: NDArray[np.uint64], token: int) -> int:
    """Number of the document that holds a token."""
    return bisect_right(ends, token)


def open_tokens(folder: Path, kind: str = TOKEN_SET) -> TokenSet:
    """The token set in `folder`; raises ConfigError where there is none, or it is not finished."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise ConfigError(f"expected a finished token set in {folder}; there is no manifest.json. Tokenise it first.")
    seen = manifest.details.get("kind")
    if seen not in (kind, PACKED):
        raise ConfigError(f"expected token shards in {folder}; its manifest says {seen!r}. Give the token folder.")
    shards = tuple(
        TokenShard(path=folder / f"{entry['name']}.ds", **entry) for entry in manifest.details.get("token_shards", [])
    )
    return TokenSet(folder, manifest, shards)
