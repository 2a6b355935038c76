"""A dataset: a folder of Parquet shards and a `manifest.json` written last; its existence means complete.

Any Parquet reader opens the shards. What was not kept lies in `dropped/` beside them, under the same shard names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import CorruptData
from tilth.base.files import read_json, write_atomic, write_json

FORMAT = 1
MANIFEST = "manifest.json"
_READ_BLOCK = 1 << 20  # 1 MiB: hashing reads in pieces, so a shard of any size fits in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One shard of a dataset: its name, rows, bytes on disk and the hash of those bytes."""

    name: str
    rows: int
    bytes: int
    digest: str
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a finished dataset says about itself.

    `fingerprint` is the identity of what made it; `made_with` (versions, host, command) is recorded and never compared.
    """

    name: str
    shards: tuple[Shard, ...]
    ledger: Mapping[str, Any]
    fingerprint: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    made_with: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def part_name(index: int) -> str:
    """`part-00007` for 7: the stem shared by a shard, its drops, its journal and its marker."""
    return f"part-{index:05d}"


def file_digest(path: Path) -> str:
    """32 hex digits of the bytes of a file."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_READ_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_shard(path: Path, table: pa.Table) -> None:
    """Write one Parquet file atomically. The same rows give the same bytes: no dates, fixed row groups and codec."""
    write_atomic(
        path,
        lambda temporary: pq.write_table(
            table, temporary, compression="zstd", compression_level=1, row_group_size=10_000, store_schema=False
        ),
    )


def describe_shard(folder: Path, name: str) -> Shard:
    """The `Shard` record of the files of one part; raises `CorruptData` when the part is missing."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        raise CorruptData(f"expected the shard {path}; it is gone. Run the recipe again to make it.")
    dropped = folder / "dropped" / f"{name}.parquet"
    return Shard(
        name=name,
        rows=pq.read_metadata(path).num_rows,
        bytes=path.stat().st_size,
        digest=file_digest(path),
        dropped=pq.read_metadata(dropped).num_rows if dropped.exists() else 0,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, which makes the dataset complete."""
    write_json(folder / MANIFEST, asdict(manifest))


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest, or None where the dataset is not complete."""
    path = folder / MANIFEST
    if not path.exists():
        return None
    value = read_json(path)
    if value.get("format") != FORMAT:
        raise CorruptData(
            f"expected a manifest of format {FORMAT} in {path}; saw {value.get('format')!r}. "
            "It was written by another version of tilth: use that one, or make the dataset anew."
        )
    shards = tuple(Shard(**shard) for shard in value.pop("shards"))
    return Manifest(shards=shards, **value)


def iter_rows(path: Path, columns: list[str] | None = None, batch_rows: int = 2000) -> Iterator[dict[str, Any]]:
    """The rows of one Parquet file as dicts, in order, read by batches so that memory stays bounded."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=batch_rows, columns=columns):
            yield from batch.to_pylist()
