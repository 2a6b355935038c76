"""A mixture to the token shards that a model is trained on, in training order, by copying from its token sets.

Nothing is tokenised again: arms of a study that share a part share its token set. Documents stand one after the other
and a training sequence is cut anywhere; the index tells where documents end, for masks between them. With `sequence`
each shard is cropped to whole sequences, so that readers that drop the rest of each file and readers that do not see
the same sequences; what was cropped is in the ledger. Memory: the references of a shard and 4M tokens.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint
from tilth.data.dataset import Manifest, read_manifest
from tilth.data.tokenized import MIXTURE, PACKED, TokenSet, open_tokens
from tilth.tokens.write import Block, Ledger, Made, claim, finish, run_shards, write_marker, write_shard_files

#: Raise it when the same mixture would give other shards.
VERSION: Final = 1
_TOKENS: Final = 4 << 20  # copied at once

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMixture:
    """A finished mixture and the token sets of its parts."""

    folder: Path
    manifest: Manifest
    parts: Mapping[str, TokenSet]


def open_mixture(folder: Path) -> OpenMixture:
    """The mixture in `folder`; raises ConfigError where there is none, or a token set of it is gone."""
    manifest = read_manifest(folder)
    if manifest is None or manifest.details.get("kind") != MIXTURE:
        raise ConfigError(f"expected a finished mixture in {folder}; its manifest does not say so. Make it first.")
    parts = {
        name: open_tokens((folder / part["token_set"]).resolve()) for name, part in manifest.details["parts"].items()
    }
    return OpenMixture(folder=folder, manifest=manifest, parts=parts)


def pack(mixture: Path, out: Path, *, sequence: int | None = None) -> TokenSet:
    """Write the mixture's tokens into `out`, a shard for each of its shards; finished shards are kept.

    `sequence`: crop each shard to a multiple of it. Raises ConfigError where a token set is not the one that the
    mixture was made of, DriftError where `out` was begun for another mixture.
    """
    opened = open_mixture(mixture)
    for name, tokens in opened.parts.items():
        if tokens.manifest.fingerprint != opened.manifest.inputs[name]:
            raise ConfigError(
                f"the token set of {name} was made anew since the mixture {mixture}. Make the mixture again."
            )
    identity = {"version": str(VERSION), "source": opened.manifest.fingerprint, "sequence": str(sequence)}
    claim(out, identity)
    names = [shard.name for shard in opened.manifest.shards]

    def make(missing: list[str]) -> None:
        for name in missing:
            _pack_shard(opened, name, out, sequence)

    made = run_shards(out, names, make)
    first = next(iter(opened.parts.values()))
    details = {
        "token_bytes": first.manifest.details["token_bytes"],
        "tokenizer": dict(first.tokenizer),
        "sequence": sequence,
        "synthetic": opened.manifest.details["synthetic"],
        "settings": fingerprint(opened.manifest.details["settings"]),
    }
    finish(out, PACKED, mixture, made, details, identity)
    return open_tokens(out, PACKED)


def _pack_shard(opened: OpenMixture, name: str, out: Path, sequence: int | None) -> None:
    rows = _References(opened.folder / f"{name}.parquet")
    dtype = next(iter(opened.parts.values())).dtype
    whole = int(rows.tokens.sum())
    kept = whole if sequence is None else whole - whole % sequence
    counts = np.minimum(rows.tokens, np.maximum(0, kept - (np.cumsum(rows.tokens) - rows.tokens)))
    documents = int((counts > 0).sum())  # only those at the end can have lost all
    digest = write_shard_files(out, name, dtype, _copied(opened, rows, counts[:documents], dtype))
    ledger = Ledger(
        rows=len(rows.tokens),
        documents=documents,
        empty=len(rows.tokens) - documents,
        tokens_in=whole,
        tokens_out=kept,
        cropped=whole - kept,
        cropped_documents=int((counts < rows.tokens).sum()),
    )
    write_marker(out, Made(name=name, source=f"{name}.parquet", digest=digest, ledger=ledger, engine="copy"))


class _References:
    """The columns of a mixture shard that copying needs."""

    def __init__(self, path: Path) -> None:
        table = pq.read_table(path, columns=["part", "document", "tokens"])
        self.documents: Numbers = table["document"].to_numpy()
        self.tokens: Numbers = table["tokens"].to_numpy()
        encoded = table["part"].combine_chunks().dictionary_encode()
        self.names: list[str] = encoded.dictionary.to_pylist()
        self.parts: Numbers = encoded.indices.to_numpy().astype(np.int64)


def _copied(opened: OpenMixture, rows: _References, counts: Numbers, dtype: "np.dtype[Any]") -> Iterator[Block]:
    for start, stop in runs_of(counts, _TOKENS):
        piece = counts[start:stop]
        ids = np.empty(int(piece.sum()), dtype)
        at = np.cumsum(piece) - piece
        for code, name in enumerate(rows.names):
            chosen = np.flatnonzero(rows.parts[start:stop] == code)
            _copy(opened.parts[name], rows.documents[start:stop][chosen], piece[chosen], at[chosen], ids)
        yield Block(ids, piece, np.arange(start, stop))


def _copy(tokens: TokenSet, documents: Numbers, counts: Numbers, at: Numbers, ids: NDArray[Any]) -> None:
    """Copy the first `counts` tokens of each document to `ids` at `at`."""
    for shard, places, local in tokens.by_shard(documents):
        ends = shard.ends()
        starts = np.where(local > 0, ends[np.maximum(local - 1, 0)], 0).astype(np.int64)
        source = shard.ids(tokens.dtype)
        some = counts[places]
        step = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some)
        ids[np.repeat(at[places], some) + step] = source[np.repeat(starts, some) + step]


def runs_of(sizes: Numbers, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive places whose sizes add up to at most `most`, or that are one place."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield start, stop
        start = stop
