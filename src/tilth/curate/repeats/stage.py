"""Lines and paragraphs that stand in more than so many documents: cut them, or drop or flag what consists of them.

Guarantees: a unit is acted on exactly where the number of documents that hold it, over the whole corpus, is above the
limit; the outcome does not depend on workers, on the order of parts, or on how documents are cut into parts. What is
acted on is a setting; that the first document may keep a unit follows C4 (Raffel et al. 2020, arXiv:1910.10683, section
2.2: all but one of a repeated span are removed). The limit of 10 documents is our own choice: C4 and CCNet act from the
second on, while FineWeb (arXiv:2406.17557, section 3.4) found that removing every repeated line made models worse.

Costs: 24 bytes on disk for each distinct unit of each part; memory about 150 MB whatever the input's size; figures of
time in docs/duplicates.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.base.fingerprint import fingerprint
from tilth.curate.exact.rows import scratch
from tilth.curate.exact.runs import SLICE_ENTRIES, Array, batches, cut_slice, open_array, slices, write_array
from tilth.curate.repeats.units import Units, units_of
from tilth.frames import drop, flag
from tilth.recipe.stages.duplicates import RepeatedText

#: A unit of a part: its hash, the lowest key that has it, and in how many documents it stands.
ENTRY = np.dtype([("hash", "<u8"), ("first", "<u8"), ("count", "<u8")])
REASON = "repeated_text"
REASON_EMPTY = "only_repeated_text"
FLAG = "repeated_text"


@dataclass(frozen=True, slots=True)
class Repeats:
    """The stage; see the module. A `frames.CorpusStage`."""

    VERSION: ClassVar[int] = 1
    settings: RepeatedText

    @property
    def identity(self) -> Mapping[str, str]:
        """Version and settings."""
        return {"repeats_version": str(self.VERSION), "repeats_settings": fingerprint(self.settings)}

    @property
    def reasons(self) -> Mapping[str, str]:
        """What the stage drops for."""
        unit = self.settings.unit
        if self.settings.action == "drop":
            return {REASON: f"too large a share of its text is {unit}s that stand in many documents"}
        if self.settings.action == "cut":
            return {REASON_EMPTY: f"nothing is left once {unit}s that stand in many documents are cut"}
        return {}

    @property
    def changes_text(self) -> bool:
        """Only with action: cut."""
        return self.settings.action == "cut"

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Count one part's units by document. Memory: one frame, and 24 bytes for each distinct unit."""
        held = np.zeros(0, dtype=ENTRY)
        for frame in frames:
            free = frame.filter(pl.col("reason").is_null())
            held = merged([held, self._entries(free)])
        write_array(_run_path(folder, part), held)

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:  # noqa: ARG002 - the disk is the limit
        """Find the units above the limit and write, by part, those that stand in it."""
        runs = [_run_path(folder, part) for part in parts]
        ranges = slices(sum(len(open_array(run)) for run in runs), SLICE_ENTRIES)
        for number, bounds in enumerate(ranges):
            repeated = _repeated(runs, bounds, self.settings.documents)
            for part, run in zip(parts, runs, strict=True):
                here = np.isin(repeated["hash"], cut_slice(open_array(run), *bounds)["hash"], assume_unique=True)
                write_array(_decided_path(folder, part, number), repeated[here])
        write_array(scratch(folder) / "slices.npy", np.array(len(ranges)))  # the last: apply needs them all

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Texts, reasons and flags, and the signals `repeated_text_share` (of letters) and `repeated_text_units`."""
        units = units_of(frame["text"], self.settings.unit)
        count = int(open_array(scratch(folder) / "slices.npy"))
        table = np.concatenate([open_array(_decided_path(folder, part, number)) for number in range(count)])
        acted = self._acted(units, table, frame)
        told = frame.with_columns(*_signals(units, acted, len(frame)))
        if self.settings.action == "cut":
            return _cut(told, units, acted)
        above = pl.col("repeated_text_share") > self.settings.share
        if self.settings.action == "flag":
            return flag(told, above, FLAG)
        share = pl.col("repeated_text_share")
        return drop(told, above, REASON, pl.format("share of repeated text: {}", share.round(3)))

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Units acted on and the documents that hold them, documents dropped and flagged."""
        return {
            "repeated_units": int(frame["repeated_text_units"].sum()),
            "documents_with_repeated_units": int((frame["repeated_text_units"] > 0).sum()),
            "repeated_dropped": int(frame["reason"].is_in([REASON, REASON_EMPTY]).sum()),
            "repeated_flagged": int(frame["flags"].list.contains(FLAG).sum()),
        }

    def _entries(self, frame: pl.DataFrame) -> Array:
        """One entry for each unit that is long enough and its document; `merged` adds them up."""
        units = units_of(frame["text"], self.settings.unit)
        long = units.letters >= self.settings.min_chars
        documents, hashes = units.document[long], units.hashes[long]
        order = np.lexsort((documents, hashes))
        documents, hashes = documents[order], hashes[order]
        fresh = np.ones(len(order), dtype=np.bool_)
        fresh[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])  # once a document
        entries = np.ones(int(fresh.sum()), dtype=ENTRY)
        entries["hash"] = hashes[fresh]
        entries["first"] = frame["key"].to_numpy()[documents[fresh]]
        entries["count"] = 1
        return entries

    def _acted(self, units: Units, table: Array, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Which units are to be acted on."""
        if not len(table):
            return np.zeros(len(units.hashes), dtype=np.bool_)
        place = np.minimum(np.searchsorted(table["hash"], units.hashes), len(table) - 1)
        acted: NDArray[np.bool_] = (table["hash"][place] == units.hashes) & (units.letters >= self.settings.min_chars)
        if self.settings.keep_first:
            acted &= table["first"][place] != frame["key"].to_numpy()[units.document]
        acted &= frame["reason"].is_null().to_numpy()[units.document]
        return acted


def build(settings: RepeatedText, seed: int) -> Repeats:  # noqa: ARG001 - nothing is drawn at random
    """The stage of these settings."""
    return Repeats(settings)


def _run_path(folder: Path, part: str) -> Path:
    return scratch(folder) / f"{part}.repeats.npy"


def _decided_path(folder: Path, part: str, number: int) -> Path:
    return scratch(folder) / f"{part}.repeated.{number:05d}.npy"


def merged(tables: Sequence[Array]) -> Array:
    """One entry a hash, by hash: counts added up, the lowest key."""
    every = np.concatenate(tables)
    every = every[np.argsort(every["hash"], kind="stable")]
    if not len(every):
        return every
    fresh = np.ones(len(every), dtype=np.bool_)
    fresh[1:] = every["hash"][1:] != every["hash"][:-1]
    starts = np.flatnonzero(fresh)
    out: Array = every[starts].copy()
    out["count"] = np.add.reduceat(every["count"], starts)
    out["first"] = np.minimum.reduceat(every["first"], starts)
    return out


def _repeated(runs: Sequence[Path], bounds: tuple[int, int], documents: int) -> Array:
    """The units of one slice that stand in more than `documents` documents."""
    held = np.zeros(0, dtype=ENTRY)
    for tables in batches(len(runs), lambda part: cut_slice(open_array(runs[part]), *bounds), SLICE_ENTRIES):
        held = merged([held, *tables])
    return held[held["count"] > documents]


def _signals(units: Units, acted: NDArray[np.bool_], rows: int) -> tuple[pl.Series, pl.Series]:
    letters = np.bincount(units.document, weights=units.letters, minlength=rows)
    repeated = np.bincount(units.document, weights=units.letters * acted, minlength=rows)
    number = np.bincount(units.document[acted], minlength=rows)
    share = repeated / np.maximum(letters, 1)
    return (
        pl.Series("repeated_text_share", share, dtype=pl.Float64),
        pl.Series("repeated_text_units", number, dtype=pl.UInt32),
    )


def _cut(frame: pl.DataFrame, units: Units, acted: NDArray[np.bool_]) -> pl.DataFrame:
    """Take the units out of the texts; a document of which nothing is left is dropped with its text as it was.

    A loop over the documents that have such units, not over all rows.
    """
    documents = units.document[acted]
    rows, firsts = np.unique(documents, return_index=True)
    spans = np.split(np.stack([units.start[acted], units.end[acted]], axis=1), firsts[1:])
    texts = frame["text"].gather(rows).to_list()
    left = [_without(text, span.tolist()) for text, span in zip(texts, spans, strict=True)] if len(rows) else []
    empty = np.array([not text.strip() for text in left], dtype=np.bool_)
    gone = np.zeros(len(frame), dtype=np.bool_)
    gone[rows[empty]] = True
    kept = [text for text, nothing in zip(left, empty, strict=True) if not nothing]
    cut = frame.with_columns(frame["text"].scatter(rows[~empty], kept)) if kept else frame
    return drop(cut, pl.lit(pl.Series(gone)), REASON_EMPTY, pl.format("{} units", pl.col("repeated_text_units")))


def _without(text: str, spans: Sequence[Sequence[int]]) -> str:
    """The text without the spans (ascending, apart); no white space is left at an end that was cut."""
    kept, place = [], 0
    for start, end in spans:
        kept.append(text[place:start])
        place = end
    kept.append(text[place:])
    return "".join(kept).rstrip("\n")
