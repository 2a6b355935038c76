"""Which rows of a run a page shows: some of every prompt, verdict and reason, the same ones every time.

A row's rank is a hash of the seed, its document and its window, and the lowest ranks are shown. So the choice does not
depend on how rows lie in shards, and the same documents come up under each prompt, where one can compare. Only the few
columns that decide are read, batch by batch; memory grows with the number of strata. About 1.5 s a million rows.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import CorruptData

_BATCH = 50_000  # rows of narrow columns: a few MB


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Stratum:
    """Rows that ended alike. `verdict`: kept, flagged, dropped, or rejected (no document could be read)."""

    step: str
    prompt: str  # "" for rejects
    verdict: str
    reason: str  # "" for kept; the first flag for flagged


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One row to show: where it lies and its rank."""

    stratum: Stratum
    path: Path
    row: int
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFolder:
    """A step of a run, as its ledger names it, with the folder of its dataset."""

    name: str
    kind: str  # "read", or a generation
    folder: Path


def choose(steps: Sequence[StepFolder], *, per_prompt: int, seed: int) -> list[Chosen]:
    """At most `per_prompt` rows of each prompt and of each step's rejects, the lowest ranks first.

    About half are kept rows; the rest is dealt out over the other verdicts and reasons in turn.
    """
    heaps: dict[Stratum, list[tuple[int, int, int]]] = defaultdict(list)
    paths: list[Path] = []
    key = seed.to_bytes(16, "big", signed=True)
    for step in steps:
        for path, dropped in shards(step.folder):
            paths.append(path)
            _rank(path, len(paths) - 1, step, dropped, key, per_prompt, heaps)
    by_prompt: dict[tuple[str, str], list[Stratum]] = defaultdict(list)
    for stratum in sorted(heaps):
        by_prompt[stratum.step, stratum.prompt].append(stratum)
    chosen: list[Chosen] = []
    for strata in by_prompt.values():
        for stratum, (rank, where, row) in _deal(strata, heaps, per_prompt):
            chosen.append(Chosen(stratum=stratum, path=paths[where], row=row, rank=-rank))
    return sorted(chosen, key=lambda each: (each.stratum.verdict == "rejected", each.rank, each.stratum))


def shards(folder: Path) -> Iterator[tuple[Path, bool]]:
    """The Parquet files of a dataset in order, each with whether it holds what was dropped."""
    for path in sorted(folder.glob("part-*.parquet")):
        yield path, False
    for path in sorted((folder / "dropped").glob("part-*.parquet")):
        yield path, True


def open_shard(path: Path) -> pq.ParquetFile:
    """A shard open for reading in small pieces; raises `CorruptData` naming it where it is no Parquet."""
    try:
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        raise CorruptData(f"expected a Parquet file at {path}; saw: {error}. Check it with: tilth verify") from error


def _rank(
    path: Path,
    where: int,
    step: StepFolder,
    dropped: bool,
    key: bytes,
    most: int,
    heaps: dict[Stratum, list[tuple[int, int, int]]],
) -> None:
    """Put the rows of one file on the heaps of their strata; each heap keeps the `most` lowest ranks."""
    if step.kind == "read" and not dropped:
        return  # kept documents are shown as sources
    rejects = step.kind == "read"
    mine: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    row = 0
    for names, prompts, reasons in _batches(path, rejects, dropped):
        for name, prompt, reason in zip(names, prompts, reasons, strict=True):
            rank = -int.from_bytes(blake2b(name.encode(), digest_size=8, key=key).digest(), "big")
            heap = mine.get((prompt, reason))
            if heap is None:
                verdict = "rejected" if rejects else "dropped" if dropped else "flagged" if reason else "kept"
                stratum = Stratum(step=step.name, prompt=prompt, verdict=verdict, reason=reason)
                heap = mine[prompt, reason] = heaps[stratum]
            if len(heap) < most:
                heapq.heappush(heap, (rank, where, row))
            elif rank > heap[0][0]:
                heapq.heapreplace(heap, (rank, where, row))
            row += 1


def _batches(path: Path, rejects: bool, dropped: bool) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Names to rank by, prompts and reasons of the rows of one file, batch by batch."""
    reason = "reason" if dropped else "flags"
    columns = ["origin", "position", "reason"] if rejects else ["doc_id", "window", "prompt", reason]
    with open_shard(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH, columns=columns):
            values = {name: batch.column(name).to_pylist() for name in columns}
            first, second = values[columns[0]], values[columns[1]]
            names = [f"{a}\x1f{b}" for a, b in zip(first, second, strict=True)]
            prompts = [""] * len(names) if rejects else values["prompt"]
            yield names, prompts, values[reason] if dropped else [flags[0] if flags else "" for flags in values[reason]]


def _deal(
    strata: list[Stratum], heaps: dict[Stratum, list[tuple[int, int, int]]], most: int
) -> Iterator[tuple[Stratum, tuple[int, int, int]]]:
    """At most `most` rows: one of the kept for each one of the others, the others in turn."""
    kept = [stratum for stratum in strata if stratum.verdict == "kept"]
    others = [stratum for stratum in strata if stratum.verdict != "kept"]
    ready = {stratum: sorted(heaps[stratum]) for stratum in strata}  # the best rank, which is the highest here, last
    turn = [stratum for other in others for stratum in (*kept, other)] or kept
    given = 0
    while given < most and any(ready.values()):
        for stratum in turn:
            if ready[stratum] and given < most:
                given += 1
                yield stratum, ready[stratum].pop()
