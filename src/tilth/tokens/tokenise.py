"""A dataset to a token set: every shard by one process, memory bounded by a batch, safe against a kill.

    tokenise(Path("runs/faq/faq"), Path("tokens/faq"), Tokenise(tokenizer="tokenizer.json"), workers=8)

The number of workers decides nothing about the result. See `tilth.data.tokenized` for the files.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from tilth.base.errors import TilthError
from tilth.base.fingerprint import fingerprint
from tilth.data.dataset import part_name
from tilth.data.tokenized import TOKEN_SET, TokenSet, open_tokens
from tilth.recipe.stages.tokens import Tokenise
from tilth.tokens.encode import Encoder, Ragged
from tilth.tokens.source import Batch, SourceShard, source_batches, source_folder, source_shards
from tilth.tokens.tokenizer import HubTokenizer, load_tokenizer
from tilth.tokens.write import Block, Ledger, Made, claim, finish, run_shards, write_marker, write_shard_files

#: Raise it when the same texts would give other tokens.
VERSION: Final = 1
#: Texts of each shard that are encoded both ways before the fast way is trusted with the rest.
_CHECKED_DOCUMENTS: Final = 32
_CHECKED_CHARACTERS: Final = 100_000

_log = logging.getLogger(__name__)


class WorkerDied(TilthError):
    """A process that tokenised went away; what it had finished is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    name: str
    shard: SourceShard
    out: Path
    tokenizer: HubTokenizer
    settings: Tokenise


#: Called with the shards that are finished and all that there are.
OnShard = Callable[[int, int], None]


def tokenise(
    source: Path, out: Path, settings: Tokenise, *, workers: int = 1, on_shard: OnShard | None = None
) -> TokenSet:
    """Make the token set of `source` in `out`; shards that are finished there are kept.

    `source`: as `tilth.tokens.source.source_shards` takes it. `workers`: processes; 0 is one a core. `on_shard` is
    called at the start and after each shard.

    Raises SourceError and ConfigError for what cannot be read, DriftError where `out` was begun with another
    tokenizer, other settings or another source, and WorkerDied where a process was killed (run it again).
    """
    tokenizer = load_tokenizer(settings)
    shards = source_shards(source, settings.column)
    identity = _identity(tokenizer, settings, shards)
    claim(out, identity)
    jobs = {
        part_name(place): _Job(name=part_name(place), shard=shard, out=out, tokenizer=tokenizer, settings=settings)
        for place, shard in enumerate(shards)
    }
    count = workers or os.cpu_count() or 1

    def make(missing: list[str]) -> None:
        for done in _run([jobs[name] for name in missing], count):
            if on_shard is not None:
                on_shard(len(jobs) - len(missing) + done, len(jobs))

    made = run_shards(out, jobs, make)
    for shard in made:
        if shard.reason:
            _log.warning("%s of %s was tokenised the slow way: %s", shard.name, out, shard.reason)
    details = {"token_bytes": tokenizer.token_bytes, "tokenizer": tokenizer.summary(), "settings": _shown(settings)}
    finish(out, TOKEN_SET, source_folder(source), made, details, identity)
    return open_tokens(out)


def _identity(tokenizer: HubTokenizer, settings: Tokenise, shards: list[SourceShard]) -> Mapping[str, str]:
    return {
        "version": str(VERSION),
        "tokenizer": tokenizer.fingerprint,
        "eos": settings.eos,
        "specials": settings.specials,
        "max_document_tokens": str(settings.max_document_tokens),
        "column": settings.column,
        "source": fingerprint([[shard.path.name, shard.digest] for shard in shards]),
    }


def _shown(settings: Tokenise) -> dict[str, Any]:
    return settings.model_dump(exclude={"batch_bytes", "engine"})


def _run(jobs: list[_Job], workers: int) -> Iterator[int]:
    """Make the shards; yields how many are finished, from 0 on."""
    yield 0
    if workers <= 1 or len(jobs) == 1:
        for number, job in enumerate(jobs, start=1):
            tokenise_shard(job)
            yield number
        return
    # spawn: a fork would copy the locks of Polars' and the tokenizer's threads
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        running = [pool.submit(tokenise_shard, job) for job in jobs]
        try:
            for number, done in enumerate(as_completed(running), start=1):
                done.result()
                yield number
        except BrokenProcessPool as error:
            raise WorkerDied(
                "a process that tokenised was killed, perhaps for memory. Finished shards are kept: run it again, "
                "with fewer workers or smaller batch_bytes if it happens again."
            ) from error
        finally:
            for waiting in running:
                waiting.cancel()


def tokenise_shard(job: _Job) -> None:
    """Make one shard and its marker. Memory: a batch (see `Tokenise.batch_bytes`) and 12 bytes a document."""
    encoder = Encoder(job.tokenizer, specials=job.settings.specials, engine=job.settings.engine)
    tally = _Tally()
    digest = write_shard_files(
        job.out, job.name, np.dtype(f"<u{job.tokenizer.token_bytes}"), _blocks(job, encoder, tally)
    )
    ledger = tally.ledger + Ledger(cut=encoder.cut)
    write_marker(
        job.out,
        Made(
            name=job.name,
            source=job.shard.path.name,
            digest=digest,
            ledger=ledger,
            engine=encoder.engine,
            reason=encoder.reason,
        ),
    )


@dataclass(slots=True)
class _Tally:
    """The ledger while a shard is written."""

    ledger: Ledger = field(default_factory=Ledger)


def _blocks(job: _Job, encoder: Encoder, tally: _Tally) -> Iterator[Block]:
    for batch in source_batches(job.shard.path, job.settings.column, job.settings.batch_bytes):
        if batch.first_row == 0:
            sample = batch.texts.head(_CHECKED_DOCUMENTS).str.slice(0, _CHECKED_CHARACTERS // _CHECKED_DOCUMENTS)
            encoder.check(sample.to_list())
        block, ledger = close_documents(encoder.encode(batch.texts), batch, job.tokenizer, job.settings)
        tally.ledger += ledger
        yield block


def close_documents(found: Ragged, batch: Batch, tokenizer: HubTokenizer, settings: Tokenise) -> tuple[Block, Ledger]:
    """Documents with their opening and closing tokens, cropped to the longest allowed, empty ones left out."""
    before, after = int(tokenizer.bos is not None), int(tokenizer.eos is not None)
    kept = np.flatnonzero(found.counts > 0)
    counts = found.counts[kept]
    most = np.iinfo(np.int64).max if settings.max_document_tokens is None else settings.max_document_tokens
    taken = np.minimum(counts, max(1, most - before - after))
    starts = (np.cumsum(found.counts) - found.counts)[kept]
    sizes = taken + before + after
    ends = np.cumsum(sizes)
    ids = np.empty(int(sizes.sum()), np.uint32)
    inner = np.ones(len(ids), bool)
    if tokenizer.bos is not None:
        inner[ends - sizes] = False
        ids[ends - sizes] = tokenizer.bos
    if tokenizer.eos is not None:
        inner[ends - 1] = False
        ids[ends - 1] = tokenizer.eos
    where = np.repeat(starts - (np.cumsum(taken) - taken), taken) + np.arange(int(taken.sum()))
    ids[inner] = found.ids[where]
    cropped = int((counts - taken).sum())
    ledger = Ledger(
        rows=len(found.counts),
        documents=len(kept),
        empty=len(found.counts) - len(kept),
        tokens_in=len(ids) + cropped,
        tokens_out=len(ids),
        cropped=cropped,
        cropped_documents=int((counts > taken).sum()),
        text_bytes=int(batch.texts.str.len_bytes().sum()),
    )
    return Block(ids, sizes, kept + batch.first_row), ledger
