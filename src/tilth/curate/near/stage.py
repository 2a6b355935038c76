"""Near duplicates by MinHash and locality-sensitive hashing, in clusters.

Guarantees: documents that agree in one band of their signatures are in one cluster (and, with `verify`, only if the
estimate says they are similar enough); of each cluster one is kept; two documents of Jaccard similarity J share a
band with probability 1 - (1 - J**rows)**bands. Clusters are joined through common members, so two of a cluster may be
less alike than any pair that joined them: the table of clusters says how alike each is to the kept one. The outcome
does not depend on workers, on the order of parts, or on how documents are cut into parts.

Costs at the defaults: 400 bytes a document on disk while it runs; memory about 150 MB whatever the input's size, plus 4
bytes a document and 100 a document in a cluster; figures of time in docs/duplicates.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from tilth.curate.exact.clusters import (
    Clusters,
    Wording,
    apply_decisions,
    choose,
    decided_path,
    kept_doc_ids,
    write_decisions,
)
from tilth.curate.exact.rows import Layout, lay_out, measured, read_frame, rows_path, scratch, write_frame, write_rows
from tilth.curate.near.bands import Store, join_bands, write_bands
from tilth.curate.near.index import Index, index_doc_ids, open_index, write_index
from tilth.curate.near.signature import Shingling, signatures
from tilth.frames import flag
from tilth.recipe.stages.duplicates import NearDuplicates

REASON = "near_duplicate"
REASON_INDEX = "near_duplicate_of_index"
TOO_SHORT = "too_short_for_near_duplicates"


@dataclass(frozen=True, slots=True)
class Near:
    """The stage; see the module. A `frames.CorpusStage`."""

    VERSION: ClassVar[int] = 1
    settings: NearDuplicates

    @property
    def signing(self) -> Mapping[str, str]:
        """What decides a signature and its bands: the same in every index that is compared with."""
        names = ("words", "characters", "fold_numbers", "bands", "rows")
        return {"version": str(self.VERSION), **{name: str(getattr(self.settings, name)) for name in names}}

    @property
    def identity(self) -> Mapping[str, str]:
        """The signature's settings, what is done with it, and the content of each index.

        Steps of the recipe are named alone: the runner takes what they hold for an input of this step.
        """
        chosen = {"near_verify": str(self.settings.verify), "near_keep": self.settings.keep.model_dump_json()}
        against = [open_index(name, self.signing) for name in self.settings.against]
        indexes = {f"near_against_{number}": index.digest for number, index in enumerate(against)}
        if self.settings.against_steps:
            indexes["near_against_steps"] = ", ".join(Path(name).name for name in self.settings.against_steps)
        return {**{f"near_{name}": value for name, value in self.signing.items()}, **chosen, **indexes}

    @property
    def reasons(self) -> Mapping[str, str]:
        """What the stage drops for."""
        return {
            REASON: "most of its text is that of a document that is kept",
            REASON_INDEX: "most of its text is that of a document in the index of an earlier run or a step above",
        }

    @property
    def changes_text(self) -> bool:
        """Never."""
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Sign one part's texts. Memory: one frame, and 4 bytes a hash and row."""
        settings = self.settings
        count = settings.bands * settings.rows
        shingling = Shingling(words=settings.words, characters=settings.characters, fold_numbers=settings.fold_numbers)
        rows: list[pl.DataFrame] = []
        least, there = [np.zeros((0, count), dtype=np.uint32)], [np.zeros(0, dtype=np.bool_)]
        for frame in frames:
            free = frame.filter(pl.col("reason").is_null())
            rows.append(measured(free, settings.keep))
            found = signatures(free["text"], shingling, count)
            least.append(found[0])
            there.append(found[1])
        signed = np.concatenate(there)
        write_bands(scratch(folder), part, np.concatenate(least), signed, settings.bands)
        write_rows(rows_path(folder, part), rows)
        keys = pl.concat(rows)["key"] if rows else pl.Series("key", [], dtype=pl.UInt64)
        write_frame(_short_path(folder, part), keys.filter(pl.Series(~signed, dtype=pl.Boolean)).to_frame())

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:  # noqa: ARG002 - under 5% of the time
        """Join bands, choose the kept documents, write clusters, decisions and the index."""
        layout, indexes = lay_out(parts, folder), self._indexes()
        store = _store(layout, folder, indexes)
        clusters = choose(join_bands(store, self.settings.bands, self.settings.verify), layout, folder)
        ids = kept_doc_ids(clusters, layout, folder, lambda numbers: index_doc_ids(indexes, numbers))
        wording = Wording(reason=REASON, reason_index=REASON_INDEX, estimated=True)
        write_decisions(clusters, layout, folder, wording, ids, store.similarity)
        if self.settings.write_index:
            write_index(layout, folder, _gone(clusters, layout), self.signing)

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Reasons, details, the signal `near_cluster_size`, and a flag on documents too short to have a signature."""
        short = read_frame(_short_path(folder, part))["key"]
        told = apply_decisions(frame, decided_path(folder, part), "near_cluster_size")
        return flag(told, pl.col("key").is_in(short.implode()), TOO_SHORT)

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """How many were dropped, and how many were too short to compare."""
        reasons = frame["reason"]
        return {
            "near_duplicates": int((reasons == REASON).sum()),
            "near_duplicates_of_index": int((reasons == REASON_INDEX).sum()),
            TOO_SHORT: int(frame["flags"].list.contains(TOO_SHORT).sum()),
        }

    def _indexes(self) -> list[Index]:
        return [open_index(name, self.signing) for name in (*self.settings.against, *self.settings.against_steps)]


def build(settings: NearDuplicates, seed: int) -> Near:  # noqa: ARG001 - its hash functions are fixed, for the indexes
    """The stage of these settings. Raises `ConfigError` where an index is missing or was written with others."""
    stage = Near(settings)
    _ = stage.identity  # opens the indexes: a mistake is told before any text is read
    return stage


def _short_path(folder: Path, part: str) -> Path:
    return scratch(folder) / f"{part}.short.parquet"


def _store(layout: Layout, folder: Path, indexes: Sequence[Index]) -> Store:
    """This run's parts, then the indexes'."""
    places = [(scratch(folder), part) for part in layout.parts]
    counts = [int(count) for count in np.diff(layout.offsets)]
    for index in indexes:
        places += [(index.folder, part) for part in index.parts]
        counts += index.counts
    return Store(places, np.cumsum([0, *counts], dtype=np.int64))


def _gone(clusters: Clusters, layout: Layout) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Numbers of the documents of this run that are dropped."""
    out = clusters.numbers != clusters.kept[clusters.cluster]
    numbers: np.ndarray[tuple[int], np.dtype[np.int64]] = clusters.numbers[out & (clusters.numbers < layout.total)]
    return numbers
