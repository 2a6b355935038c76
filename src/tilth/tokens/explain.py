"""From a token of a shard back to the row that it came from, and for masks: the documents of a window of tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.data.tokenized import PACKED, TokenSet, TokenShard, document_at, open_tokens
from tilth.tokens.pack import open_mixture

#: Columns of a row that are no lineage: they can be long.
_TEXTS: Final = ("text", "parsed")
_EXCERPT: Final = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Where a token came from."""

    token: int  # its id
    position: int  # in its document, from 0
    document: int  # in its shard, from 0
    dataset: Path  # the dataset of the row
    shard: str  # file name in that dataset
    row: int  # in that shard, from 0
    part: str | None  # of the mixture; None where the shard is no mixture's
    epoch: int | None  # passes over the row before this one
    columns: Mapping[str, Any]  # the row's own columns: sample_id, prompt, model, request_id, ...; texts left out
    excerpt: str  # the first characters of the row's text


def explain(shard: Path, token: int) -> Explanation:
    """What the token at place `token` of the file `shard` (`.ds`) came from; raises ConfigError for a place that the
    shard does not have or a file that is in no token set. Reads one row group of one Parquet file."""
    tokens = open_tokens(shard.parent)
    home = tokens.shard(shard.name)
    if not 0 <= token < home.tokens:
        raise ConfigError(f"expected a token from 0 to {home.tokens - 1} of {shard}; saw {token}.")
    ends = home.ends()
    document = document_at(ends, token)
    start = int(ends[document - 1]) if document else 0
    dataset, source, row, part, epoch = _source(tokens, home, document)
    columns = read_row(dataset / source, row)
    text = str(columns.get(_column(tokens, part)) or "")
    return Explanation(
        token=int(home.ids(tokens.dtype)[token]),
        position=token - start,
        document=document,
        dataset=dataset,
        shard=source,
        row=row,
        part=part,
        epoch=epoch,
        columns={name: value for name, value in columns.items() if name not in _TEXTS},
        excerpt=text[:_EXCERPT],
    )


def _source(tokens: TokenSet, home: TokenShard, document: int) -> tuple[Path, str, int, str | None, int | None]:
    """Dataset, file, row, part and epoch of a document."""
    row = int(home.rows()[document])
    if tokens.manifest.details["kind"] != PACKED:
        return tokens.source, home.source, row, None, None
    reference = read_row(tokens.source / home.source, row)
    part = open_mixture(tokens.source).parts[reference["part"]]
    return part.source, reference["shard"], reference["row"], reference["part"], reference["epoch"]


def _column(tokens: TokenSet, part: str | None) -> str:
    owner = tokens if part is None else open_mixture(tokens.source).parts[part]
    return str(owner.manifest.details["settings"]["column"])


def read_row(path: Path, row: int) -> dict[str, Any]:
    """One row of a Parquet file, by its number; reads its row group. Raises ConfigError where file or row is gone."""
    if not path.is_file():
        raise ConfigError(f"expected {path}, which the shard was made from; it is gone. Put it back where it was.")
    with pq.ParquetFile(path) as file:
        first = 0
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if row < first + rows:
                found: dict[str, Any] = file.read_row_group(group).slice(row - first, 1).to_pylist()[0]
                return found
            first += rows
    raise ConfigError(f"expected row {row} in {path}; it has {first} rows. It changed since it was tokenised.")


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive tokens. `positions` count from the start of each document, `documents` number them in the shard;
    a mask that keeps documents apart lets a token see those with its own number only."""

    ids: NDArray[Any]
    positions: NDArray[np.int64]
    documents: NDArray[np.int64]


def window(tokens: TokenSet, shard: str, start: int, length: int) -> Window:
    """`length` tokens of a shard from `start`; fewer where it ends."""
    home = tokens.shard(shard)
    ends = home.ends()
    places = np.arange(start, min(start + length, home.tokens))
    documents = np.searchsorted(ends, places, side="right")
    starts = np.where(documents > 0, ends[np.maximum(documents - 1, 0)], 0).astype(np.int64)
    return Window(np.asarray(home.ids(tokens.dtype)[start : start + length]), places - starts, documents)
