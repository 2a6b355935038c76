"""Exact duplicates: documents whose normalised text has the same 128-bit hash as another's.

Guarantees: of each set of equal texts exactly one is kept; the outcome does not depend on workers, on the order of
parts or on how documents are cut into parts. Costs: 36 bytes a document and its doc_id on disk while it runs; memory
about 150 MB whatever the input's size, plus 4 bytes a document and 100 a document in a cluster; figures of time in
docs/duplicates.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from tilth.base.fingerprint import fingerprint
from tilth.curate.exact.clusters import (
    Wording,
    apply_decisions,
    choose,
    decided_path,
    kept_doc_ids,
    write_decisions,
)
from tilth.curate.exact.groups import Groups
from tilth.curate.exact.normal import hash_texts
from tilth.curate.exact.rows import Layout, lay_out, measured, rows_path, scratch, write_rows
from tilth.curate.exact.runs import SLICE_ENTRIES, Array, batches, cut_slice, open_array, slices, sort_run, write_array
from tilth.recipe.stages.duplicates import ExactDuplicates

#: A 128-bit hash in two halves, and the document's row in its part.
ENTRY = np.dtype([("hash", "<u8"), ("rest", "<u8"), ("row", "<u4")])
REASON = "exact_duplicate"


@dataclass(frozen=True, slots=True)
class Exact:
    """The stage; see the module. A `frames.CorpusStage`."""

    VERSION: ClassVar[int] = 1
    settings: ExactDuplicates

    @property
    def identity(self) -> Mapping[str, str]:
        """Version and settings."""
        return {"exact_version": str(self.VERSION), "exact_settings": fingerprint(self.settings)}

    @property
    def reasons(self) -> Mapping[str, str]:
        """What the stage drops for."""
        return {REASON: "the same text, normalised, as a document that is kept"}

    @property
    def changes_text(self) -> bool:
        """Never."""
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Hash one part's texts. Memory: one frame, and 36 bytes and the doc_id of each row."""
        rows: list[pl.DataFrame] = []
        hashes: list[Array] = [np.zeros((0, 2), dtype="<u8")]
        for frame in frames:
            free = frame.filter(pl.col("reason").is_null())
            rows.append(measured(free, self.settings.keep))
            hashes.append(hash_texts(free["text"], self.settings.level))
        both = np.concatenate(hashes)
        entries = np.empty(len(both), dtype=ENTRY)
        entries["hash"], entries["rest"] = both[:, 0], both[:, 1]
        entries["row"] = np.arange(len(both))
        write_array(_run_path(folder, part), sort_run(entries))
        write_rows(rows_path(folder, part), rows)

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:  # noqa: ARG002 - the disk is the limit
        """Group equal hashes, choose the kept ones, write clusters and decisions."""
        layout = lay_out(parts, folder)
        groups = _group(layout, folder, SLICE_ENTRIES)
        clusters = choose(groups, layout, folder)
        ids = kept_doc_ids(clusters, layout, folder, None)
        wording = Wording(reason=REASON, reason_index=REASON, estimated=False)
        write_decisions(clusters, layout, folder, wording, ids, None)

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Reasons, details and the signal `exact_cluster_size`."""
        return apply_decisions(frame, decided_path(folder, part), "exact_cluster_size")

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """How many were dropped."""
        return {"exact_duplicates": int((frame["reason"] == REASON).sum())}


def build(settings: ExactDuplicates, seed: int) -> Exact:  # noqa: ARG001 - nothing is drawn at random
    """The stage of these settings."""
    return Exact(settings)


def _run_path(folder: Path, part: str) -> Path:
    return scratch(folder) / f"{part}.exact.npy"


def _group(layout: Layout, folder: Path, limit: int) -> Groups:
    """Join the documents of each hash. Memory: the groups, about `limit` entries, and a slice's hashes."""
    groups = Groups(layout.total)
    runs = [_run_path(folder, part) for part in layout.parts]
    for bounds in slices(layout.total, limit):
        firsts = np.empty(0, dtype=_SEEN)
        for held in batches(len(runs), partial(_read, runs, layout.offsets, bounds), limit):
            firsts = _link(np.concatenate([firsts, *held]), groups)
    return groups


_SEEN = np.dtype([("hash", "<u8"), ("rest", "<u8"), ("number", "<i8")])


def _read(runs: Sequence[Path], offsets: Array, bounds: tuple[int, int], part: int) -> Array:
    """One part's entries in the slice, its rows numbered through."""
    entries = cut_slice(open_array(runs[part]), *bounds)
    seen = np.empty(len(entries), dtype=_SEEN)
    seen["hash"], seen["rest"] = entries["hash"], entries["rest"]
    seen["number"] = entries["row"].astype(np.int64) + int(offsets[part])
    return seen


def _link(seen: Array, groups: Groups) -> Array:
    """Join equal hashes to the first of them; the firsts stand for their hash in the next batch."""
    seen = seen[np.lexsort((seen["number"], seen["rest"], seen["hash"]))]
    fresh = np.ones(len(seen), dtype=np.bool_)
    fresh[1:] = (seen["hash"][1:] != seen["hash"][:-1]) | (seen["rest"][1:] != seen["rest"][:-1])
    first = np.flatnonzero(fresh)[np.cumsum(fresh) - 1] if len(seen) else np.zeros(0, dtype=np.int64)
    groups.join(seen["number"][first[~fresh]], seen["number"][~fresh])
    return seen[fresh]
