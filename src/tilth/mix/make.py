"""A mixture on disk: which document of which part comes when, in Parquet shards of references; no text is loaded.

Each part's rows are taken in a keyed order of their own (`tilth.mix.order`), pass after pass, until the part's tokens
are full; the last one is cropped. A row stands in the mixture where its part's tokens before it stand in the part's
budget: one that begins after 30% of its part's tokens comes at 30% of the mixture. So the place of a row depends on its
part's name, tokens and share and on the seed, and on no other part: arms of one study that share a part have its rows
in the same order and, at the same share and budget, at the same places (common random numbers), and an arm with a
smaller share has the first rows of one with a larger.

Memory: the references of one output shard and 65,536 rows of each part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from os.path import relpath
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint
from tilth.data.dataset import MANIFEST, Manifest, describe_shard, part_name, read_manifest, write_manifest, write_shard
from tilth.data.tokenized import MIXTURE, MIXTURE_ROWS, TokenSet, open_tokens
from tilth.mix.order import order_key, permuted
from tilth.mix.plan import MixPlan, PartPlan, plan_lines, plan_mix
from tilth.recipe.stages.mix import Mix

#: Raise it when the same settings would give another order.
VERSION: Final = 1
_IDENTITY: Final = "identity.json"
_BLOCK: Final = 65_536  # places of a permutation looked at together

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Consecutive documents of one part. `before`: tokens of the part in front of each."""

    documents: Numbers
    epochs: Numbers
    taken: Numbers
    cropped: Numbers
    before: Numbers

    def __len__(self) -> int:
        return len(self.documents)

    def split(self, at: int) -> "tuple[_Rows, _Rows]":
        """The first `at` rows, and the rest."""
        columns = (self.documents, self.epochs, self.taken, self.cropped, self.before)
        return _Rows(*(column[:at] for column in columns)), _Rows(*(column[at:] for column in columns))


def plan_mixture(mix: Mix, parts: Mapping[str, Path]) -> MixPlan:
    """The plan of `make_mixture`, and its refusals; nothing is written."""
    return _planned(mix, parts)[0]


def make_mixture(mix: Mix, parts: Mapping[str, Path], out: Path) -> MixPlan:
    """Write the mixture of token sets into `out`: shards of `MIXTURE_ROWS`, and a manifest last.

    `parts`: part -> folder of its token set. The same settings and sets give the same bytes, so a killed run is simply
    run again. Raises ConfigError where a budget cannot be met, the token sets have different tokenizers, or `out` holds
    something else.
    """
    plan, sets = _planned(mix, parts)
    identity = _identity(mix, sets)
    done = read_manifest(out)
    if done is not None and done.fingerprint == identity:
        return plan
    _claim(out, identity)
    streams = [_Stream(part, sets[part.name], mix.seed) for part in plan.parts]
    shards = max(1, round(mix.tokens / mix.shard_tokens))
    for place in range(shards):
        table = _merge([stream.until(place + 1, shards) for stream in streams], streams)
        write_shard(out / f"{part_name(place)}.parquet", table)
    write_manifest(out, _manifest(mix, plan, sets, streams, out, shards, identity))
    return plan


def _planned(mix: Mix, parts: Mapping[str, Path]) -> tuple[MixPlan, dict[str, TokenSet]]:
    sets = {part.name: _open(part.name, parts) for part in mix.parts}
    _check_one_tokenizer(sets)
    return plan_mix(mix, {name: tokens.tokens for name, tokens in sets.items()}), sets


def _claim(out: Path, identity: str) -> None:
    """Say first whose folder it is, so that no shard of other data is written over or left among the mixture's."""
    path = out / _IDENTITY
    begun = read_json(path).get("mixture") if path.exists() else None
    foreign = begun is None and ((out / MANIFEST).exists() or any(out.glob("*.parquet")))
    if foreign or begun not in (None, identity):
        what = "other data" if begun is None else "another mixture"
        raise ConfigError(f"expected {out} to be new, or of this very mixture; it holds {what}. Use a new folder.")
    write_json(path, {"mixture": identity})


def _open(name: str, parts: Mapping[str, Path]) -> TokenSet:
    if name not in parts:
        raise ConfigError(f"expected the token set of the part {name}; saw only {', '.join(parts) or 'none'}.")
    return open_tokens(parts[name])


def _check_one_tokenizer(sets: Mapping[str, TokenSet]) -> None:
    seen = {str(tokens.tokenizer["fingerprint"]): name for name, tokens in sets.items()}
    if len(seen) > 1:
        pairs = ", ".join(f"{name} has {print_}" for print_, name in seen.items())
        raise ConfigError(f"expected all parts to have one tokenizer; {pairs}. Tokenise them alike.")


def _identity(mix: Mix, sets: Mapping[str, TokenSet]) -> str:
    return fingerprint([VERSION, mix, {name: tokens.manifest.fingerprint for name, tokens in sets.items()}])


class _Stream:
    """The documents of one part in their order until its budget is full, read as far as is asked."""

    def __init__(self, plan: PartPlan, tokens: TokenSet, seed: int) -> None:
        self.plan, self.tokens = plan, tokens
        self.documents = self.cropped = self.given = self.most_seen = 0
        self._blocks = self._read(seed)
        self._waiting: list[_Rows] = []

    def until(self, slice_: int, slices: int) -> _Rows:
        """The rows that begin before slice_/slices of the budget and were not given out yet."""
        ready: list[_Rows] = []
        while True:
            if not self._waiting:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._waiting.append(block)
            block = self._waiting.pop()
            # in whole numbers, so that no rounding moves a row: before/budget < slice/slices
            bound = -(-self.plan.tokens * slice_ // slices)
            at = int(np.searchsorted(block.before, bound, side="left"))
            first, rest = block.split(at)
            ready.append(first)
            if len(rest):
                self._waiting.append(rest)
                break
        rows = _joined(ready)
        self._count(rows)
        return rows

    def _count(self, rows: _Rows) -> None:
        self.documents += len(rows)
        self.given += int(rows.taken.sum())
        self.cropped += int(rows.cropped.sum())
        if len(rows):
            self.most_seen = int(rows.epochs.max()) + 1

    def _read(self, seed: int) -> Iterator[_Rows]:
        rows, budget = self.tokens.documents, self.plan.tokens
        taken, epoch = 0, 0
        while taken < budget:
            key = order_key(seed, self.plan.name, epoch)
            for start in range(0, rows, _BLOCK):
                documents = permuted(np.arange(start, min(rows, start + _BLOCK)), rows, key)
                sizes = self.tokens.sizes(documents)
                before = taken + np.cumsum(sizes) - sizes
                documents, sizes, before = (column[before < budget] for column in (documents, sizes, before))
                kept = np.minimum(sizes, budget - before)
                yield _Rows(documents, np.full(len(documents), epoch), kept, sizes - kept, before)
                taken += int(sizes.sum())
                if taken >= budget:
                    return
            epoch += 1


def _joined(blocks: list[_Rows]) -> _Rows:
    names = ("documents", "epochs", "taken", "cropped", "before")
    empty = np.zeros(0, np.int64)
    return _Rows(*(np.concatenate([empty, *(getattr(block, name) for block in blocks)]) for name in names))


def _merge(rows: list[_Rows], streams: list[_Stream]) -> pa.Table:
    """Rows of all parts in one slice of the mixture, in order."""
    place = np.concatenate(
        [some.before / max(1, stream.plan.tokens) for some, stream in zip(rows, streams, strict=True)]
    )
    order = pa.array(np.argsort(place, kind="stable"))  # at the same place the part that was declared first comes first
    tables = [_table(some, stream) for some, stream in zip(rows, streams, strict=True)]
    return pa.concat_tables(tables).take(order).combine_chunks()


def _table(rows: _Rows, stream: _Stream) -> pa.Table:
    names = np.empty(len(rows), object)
    source_rows = np.zeros(len(rows), np.int64)
    for shard, places, local in stream.tokens.by_shard(rows.documents):
        names[places] = shard.source
        source_rows[places] = shard.rows()[local]
    columns = [
        pa.array([stream.plan.name] * len(rows), pa.string()),
        pa.array(names, pa.string()),
        pa.array(source_rows),
        pa.array(rows.epochs.astype(np.int32)),
        pa.array(rows.documents),
        pa.array(rows.taken),
        pa.array(rows.cropped),
    ]
    return pa.table(columns, schema=MIXTURE_ROWS)


def _manifest(
    mix: Mix,
    plan: MixPlan,
    sets: Mapping[str, TokenSet],
    streams: list[_Stream],
    out: Path,
    shards: int,
    identity: str,
) -> Manifest:
    parts: dict[str, Any] = {
        stream.plan.name: {
            **asdict(stream.plan),
            "epochs": stream.plan.epochs,
            "documents": stream.documents,
            "cropped": stream.cropped,
            "most_seen": stream.most_seen,
            "token_set": relpath(sets[stream.plan.name].folder, out),
        }
        for stream in streams
    }
    tokenizer = next(iter(sets.values())).tokenizer
    return Manifest(
        name=out.name,
        shards=tuple(describe_shard(out, part_name(place)) for place in range(shards)),
        ledger={
            "documents": sum(stream.documents for stream in streams),
            "tokens_in": sum(stream.given + stream.cropped for stream in streams),
            "tokens_out": sum(stream.given for stream in streams),
            "cropped": sum(stream.cropped for stream in streams),
        },
        fingerprint=identity,
        inputs={name: tokens.manifest.fingerprint for name, tokens in sets.items()},
        details={
            "kind": MIXTURE,
            "settings": mix.model_dump(),
            "parts": parts,
            "original": plan.original,
            "synthetic": plan.synthetic,
            "plan": plan_lines(plan),
            "tokenizer": dict(tokenizer),
        },
    )
