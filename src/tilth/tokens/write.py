"""Token shards on disk: every file atomically, the shard's marker last; the manifest when every shard has its marker.

A marker `part-00000.json` says what the shard holds; with it the shard is finished, without it the shard is made again.
So a killed run repeats at most the shards that were in work. `identity.json` is written first, and another identity
is refused with the fields that differ.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from os.path import relpath
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import Change, ConfigError, DriftError
from tilth.base.files import read_json, write_atomic, write_bytes, write_json
from tilth.base.fingerprint import fingerprint
from tilth.data.dataset import MANIFEST, Manifest, Shard, file_digest, write_manifest

IDENTITY: Final = "identity.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What became of rows and tokens. tokens_in = tokens_out + cropped; rows = documents + empty."""

    rows: int = 0
    documents: int = 0
    empty: int = 0  # rows without a token
    tokens_in: int = 0  # opening and closing tokens included
    tokens_out: int = 0
    cropped: int = 0
    cropped_documents: int = 0
    text_bytes: int = 0
    cut: int = 0  # texts too long for one call of the tokenizer

    def __add__(self, other: "Ledger") -> "Ledger":
        return Ledger(**{name: value + getattr(other, name) for name, value in asdict(self).items()})

    def check(self) -> None:
        """Raise AssertionError where the sums do not close: then a line of ours is wrong, and nothing is written."""
        if self.tokens_in != self.tokens_out + self.cropped or self.rows != self.documents + self.empty:
            raise AssertionError(f"the ledger does not close: {asdict(self)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The marker of a finished shard."""

    name: str
    source: str
    digest: str  # of the tokens
    ledger: Ledger
    engine: str
    reason: str = ""  # why the engine is the plain one


@dataclass(frozen=True, slots=True)
class Block:
    """Documents to write: ids one after the other, tokens of each, and the source row of each."""

    ids: NDArray[Any]
    counts: NDArray[np.int64]
    rows: NDArray[np.int64]


def write_shard_files(folder: Path, name: str, dtype: "np.dtype[Any]", blocks: Iterable[Block]) -> str:
    """Write tokens, index and rows of one shard; the digest of the tokens. Memory: a block, 12 bytes a document."""
    counts: list[NDArray[np.int64]] = []
    rows: list[NDArray[np.int64]] = []

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            for block in blocks:
                file.write(block.ids.astype(dtype, copy=False).tobytes())
                counts.append(block.counts)
                rows.append(block.rows)

    write_atomic(folder / f"{name}.ds", write)
    ends = np.cumsum(np.concatenate([np.zeros(0, np.int64), *counts]))
    write_bytes(folder / f"{name}.ds.index", ends.astype("<u8").tobytes())
    write_bytes(folder / f"{name}.rows", np.concatenate([np.zeros(0, np.int64), *rows]).astype("<u4").tobytes())
    return file_digest(folder / f"{name}.ds")


def write_marker(folder: Path, made: Made) -> None:
    """Declare a shard finished."""
    made.ledger.check()
    write_json(folder / f"{made.name}.json", asdict(made))


def read_marker(folder: Path, name: str) -> Made | None:
    """The marker of a shard, or None where it is not finished."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    value = read_json(path)
    return Made(**{**value, "ledger": Ledger(**value["ledger"])})


def claim(folder: Path, identity: Mapping[str, str]) -> None:
    """Write down what decides the tokens in `folder`, or refuse with the fields that differ from what is written."""
    path = folder / IDENTITY
    if not path.exists():
        if (folder / MANIFEST).exists() or any(folder.glob("*.parquet")):  # a dataset would lose its manifest
            raise ConfigError(
                f"expected {folder} to be empty or new; it holds other data. Give a folder for the tokens."
            )
        write_json(path, dict(identity))
        return
    recorded = read_json(path)
    finished = len(list(folder.glob("*.ds")))
    changes = tuple(
        Change(field=name, recorded=recorded.get(name, "nothing"), now=identity.get(name, "nothing"), rows=finished)
        for name in sorted({*recorded, *identity})
        if recorded.get(name) != identity.get(name)
    )
    if changes:
        listed = "; ".join(f"{change.field} was {change.recorded}, is {change.now}" for change in changes)
        raise DriftError(
            f"expected {folder} to be gone on with as it was begun; {listed}. It holds {finished} shards. "
            "Give another folder, or delete this one to make it anew.",
            changes,
            finished,
        )


def finish(
    folder: Path, kind: str, source: Path, made: Iterable[Made], details: Mapping[str, Any], identity: Mapping[str, str]
) -> Manifest:
    """Write the manifest from the markers."""
    made = list(made)
    total = sum((shard.ledger for shard in made), Ledger())
    total.check()
    size = int(details["token_bytes"])
    manifest = Manifest(
        name=folder.name,
        shards=tuple(
            Shard(
                name=shard.name, rows=shard.ledger.documents, bytes=shard.ledger.tokens_out * size, digest=shard.digest
            )
            for shard in made
        ),
        ledger=asdict(total),
        fingerprint=fingerprint(dict(identity)),
        inputs={"source": identity["source"]},
        details={
            "kind": kind,
            "source": relpath(source, folder),
            "token_shards": [
                {
                    "name": shard.name,
                    "source": shard.source,
                    "source_rows": shard.ledger.rows,
                    "documents": shard.ledger.documents,
                    "tokens": shard.ledger.tokens_out,
                }
                for shard in made
            ],
            "engines": {shard.name: {"engine": shard.engine, "reason": shard.reason} for shard in made},
            **details,
        },
    )
    write_manifest(folder, manifest)
    return manifest


def run_shards(folder: Path, names: Iterable[str], make: Callable[[list[str]], None]) -> list[Made]:
    """Have `make` make what is not finished, and read every marker."""
    names = list(names)
    missing = [name for name in names if read_marker(folder, name) is None]
    if missing:
        make(missing)
    return [made for name in names if (made := read_marker(folder, name)) is not None]
