"""One part in one pass: the gate before it applies, the stages of the pass run, and the next gate gathers.

Rows that a stage drops leave at once and are written with the reason, the stage and every signal measured so far. The
counts of the pass go into a marker that is written last, so that a killed pass does a part again or not at all.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from tilth.base.errors import TilthError
from tilth.base.files import read_json, write_atomic, write_json
from tilth.base.fingerprint import text_hash
from tilth.data.schema import curated
from tilth.plan import CurationStage
from tilth.runner.curation.frames import InputPart, read_part, read_tables, signal_types, to_table

#: Rows shown for each reason, and characters of each.
EXAMPLES = 10
_EXCERPT = 600
NOTHING_LEFT = "nothing_left"  # a stage that cuts may leave an empty text


@dataclass(frozen=True, slots=True, kw_only=True)
class PassPlan:
    """What one pass does. `before` applies what it decided in the pass before; `after` gathers for its decision."""

    number: int
    before: CurationStage | None
    stages: tuple[CurationStage, ...]
    after: CurationStage | None


def passes_of(stages: Sequence[CurationStage]) -> tuple[PassPlan, ...]:
    """The passes of a step: one, and one more for each stage that has to see the whole corpus."""
    passes: list[PassPlan] = []
    before: CurationStage | None = None
    inside: list[CurationStage] = []
    for item in stages:
        if callable(item.stage):
            inside.append(item)
        else:
            passes.append(PassPlan(number=len(passes), before=before, stages=tuple(inside), after=item))
            before, inside = item, []
    passes.append(PassPlan(number=len(passes), before=before, stages=tuple(inside), after=None))
    return tuple(passes)


@dataclass(slots=True)
class Counts:
    """What happened to the rows of one part in one pass."""

    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def enter(self, frame: pl.DataFrame) -> None:
        """Rows and characters that came in, by source."""
        self._sources(frame, "in", "characters_in")

    def leave(self, frame: pl.DataFrame) -> None:
        """Rows and characters that are kept in the end, by source, with their licences and languages."""
        self._sources(frame, "kept", "characters_kept")
        for name in ("licence", "language"):
            for source, value, rows in frame.group_by("source", name).len().iter_rows():
                entry = self._source(source).setdefault(name, {})
                entry[value or "unknown"] = entry.get(value or "unknown", 0) + rows
        self._show("", frame.with_columns(reason=pl.lit("kept"), detail=pl.lit("")))

    def stage(self, item: CurationStage, out: pl.DataFrame, dropped: pl.DataFrame, seconds: float) -> None:
        """One call of a stage."""
        entry = self._stage(item)
        entry["in"] += out.height
        entry["kept"] += out.height - dropped.height
        entry["seconds"] += seconds
        _add(entry["counts"], item.stage.counts(out))
        for source, reason, rows in dropped.group_by("source", "reason").len().sort("source", "reason").iter_rows():
            _add(entry["reasons"], {reason: rows})
            _add(self._source(source)["reasons"], {reason: rows})
        self._show(item.label, dropped)

    def gathered(self, item: CurationStage, seconds: float) -> None:
        """CPU time of a gate's gathering."""
        self._stage(item)["seconds"] += seconds

    def _stage(self, item: CurationStage) -> dict[str, Any]:
        return self.stages.setdefault(item.label, {"in": 0, "kept": 0, "reasons": {}, "counts": {}, "seconds": 0.0})

    def _show(self, stage: str, rows: pl.DataFrame) -> None:
        """The first rows by content hash: as good as drawn, and the same whatever the order of the parts."""
        if not rows.height:
            return
        first = rows.sort("content_hash", "key").group_by("reason", maintain_order=True).head(EXAMPLES)
        shown = first.select(
            "reason", "content_hash", "doc_id", "source", "detail", pl.col("text").str.slice(0, _EXCERPT)
        )
        for row in shown.iter_rows(named=True):
            self.examples.setdefault(row.pop("reason"), []).append({**row, "stage": stage})

    def _sources(self, frame: pl.DataFrame, rows: str, characters: str) -> None:
        sums = frame.group_by("source").agg(pl.len(), pl.col("text").str.len_chars().sum().alias("characters"))
        for source, count, length in sums.iter_rows():
            _add(self._source(source), {rows: count, characters: length})

    def _source(self, name: str) -> dict[str, Any]:
        empty: dict[str, Any] = {"in": 0, "kept": 0, "characters_in": 0, "characters_kept": 0, "reasons": {}}
        return self.sources.setdefault(name, empty)


def add_examples(shown: Sequence[dict[str, list[dict[str, Any]]]]) -> dict[str, list[dict[str, Any]]]:
    """The first examples of each reason over all parts."""
    every: dict[str, list[dict[str, Any]]] = {}
    for each in shown:
        for reason, rows in each.items():
            every.setdefault(reason, []).extend(rows)
    return {
        reason: sorted(rows, key=lambda row: (row["content_hash"], row["doc_id"]))[:EXAMPLES]
        for reason, rows in sorted(every.items())
    }


class PartWork:
    """Does one pass over one part."""

    def __init__(self, folder: Path, plan: PassPlan, part: InputPart, last: bool) -> None:
        self._folder = folder
        self._plan = plan
        self._part = part
        self._last = last
        self._counts = Counts()
        self._drops: list[pl.DataFrame] = []

    def run(self) -> dict[str, Any]:
        """Do it; returns the marker, which is on the disk then."""
        name, number = self._part.name, self._plan.number
        if self._last:
            self._finish()
        else:
            assert self._plan.after is not None
            gate = self._plan.after
            kept = work_folder(self._folder, number) / f"{name}.parquet"
            write_atomic(kept, lambda temporary: self._gather(gate, temporary))
            write_atomic(kept.parent / "dropped" / kept.name, self._write_drops)
        marker = {
            "part": name,
            "stages": self._counts.stages,
            "sources": self._counts.sources,
            "examples": add_examples([self._counts.examples]),
        }
        write_json(marker_path(self._folder, number, name), marker)
        return marker

    def _gather(self, gate: CurationStage, temporary: Path) -> None:
        """Hand the frames to the gate while they are written for the next pass."""
        writer: Any = None
        elsewhere = 0.0  # CPU time that reading, other stages and writing took while the gate gathered

        def through() -> Iterator[pl.DataFrame]:
            nonlocal writer, elsewhere
            frames = self._frames()
            while True:
                started = time.process_time()
                frame = next(frames, None)
                if frame is None:
                    return
                table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
                writer = writer or pq.ParquetWriter(temporary, table.schema, compression="lz4")
                writer.write_table(table)
                elsewhere += time.process_time() - started
                yield frame

        frames = through()
        started = time.process_time()
        gate.stage.gather(frames, self._part.name, stage_folder(self._folder, gate))  # type: ignore[union-attr]
        for _ in frames:  # a gate that does not look at every frame still hands every row on
            pass
        self._counts.gathered(gate, time.process_time() - started - elsewhere)
        writer.close()

    def _finish(self) -> None:
        """Write the shard and its drops, those of earlier passes first."""
        kept = self._folder / f"{self._part.name}.parquet"
        signals: dict[str, Any] = {}

        def write(temporary: Path) -> None:
            writer: Any = None
            for frame in self._frames():
                self._counts.leave(frame)
                signals.update(signal_types(frame))
                table = to_table(frame, signals)
                writer = writer or pq.ParquetWriter(
                    temporary, table.schema, compression="zstd", compression_level=1, store_schema=False
                )
                writer.write_table(table)
            writer.close()

        write_atomic(kept, write)
        write_atomic(kept.parent / "dropped" / kept.name, lambda temporary: self._write_all_drops(temporary, signals))

    def _frames(self) -> Iterator[pl.DataFrame]:
        """The live rows after this pass, frame by frame."""
        number, before = self._plan.number, self._plan.before
        if number == 0:
            source = read_part(self._part)
        else:
            source = read_tables(work_folder(self._folder, number - 1) / f"{self._part.name}.parquet")
        for frame in source:
            live = frame
            if number == 0:
                self._counts.enter(live)
            if before is not None:
                gate: Any = before.stage
                folder = stage_folder(self._folder, before)
                live = self._call(before, live, lambda rows: gate.apply(rows, self._part.name, folder))  # noqa: B023
            for item in self._plan.stages:
                stage: Any = item.stage
                live = self._call(item, live, stage)
            yield live

    def _call(
        self, item: CurationStage, frame: pl.DataFrame, call: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> pl.DataFrame:
        started = time.process_time()
        out = call(frame)
        _check_rows(item, frame, out)
        if item.stage.changes_text:
            out = _rehash(frame, out)
        gone = out["reason"].is_not_null()
        dropped = out.filter(gone)
        self._counts.stage(item, out, dropped, time.process_time() - started)
        if dropped.height:
            self._drops.append(dropped.with_columns(stage=pl.lit(item.label), detail=pl.col("detail").fill_null("")))
        return out.filter(~gone)

    def _write_drops(self, temporary: Path) -> None:
        if self._drops:
            pl.concat(self._drops, how="diagonal_relaxed").write_parquet(temporary, compression="lz4")
        else:
            pl.DataFrame().write_parquet(temporary)

    def _write_all_drops(self, temporary: Path, signals: dict[str, Any]) -> None:
        schema = curated(signals, dropped=True)
        with pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=1, store_schema=False) as writer:
            for number in range(self._plan.number):
                path = work_folder(self._folder, number) / "dropped" / f"{self._part.name}.parquet"
                for frame in read_tables(path):
                    if frame.height:
                        writer.write_table(to_table(frame, signals, dropped=True))
            for frame in self._drops:
                writer.write_table(to_table(frame, signals, dropped=True))


def work_folder(folder: Path, number: int) -> Path:
    """Where a pass leaves its rows for the next."""
    return folder / "work" / f"pass-{number}"


def marker_path(folder: Path, number: int, part: str) -> Path:
    """The marker that says that a pass is done with a part."""
    return folder / "state" / f"pass-{number}" / f"{part}.json"


def stage_folder(folder: Path, item: CurationStage) -> Path:
    """A corpus stage's own folder."""
    return folder / "stages" / item.folder


def read_markers(folder: Path, number: int, parts: Sequence[str]) -> list[dict[str, Any]]:
    """The markers of a pass that are there."""
    paths = [marker_path(folder, number, part) for part in parts]
    return [read_json(path) for path in paths if path.exists()]


def _check_rows(item: CurationStage, before: pl.DataFrame, after: pl.DataFrame) -> None:
    """A stage answers with the rows it was given, and with reasons that it has told of."""
    if not after["key"].equals(before["key"]):
        raise TilthError(
            f"stage {item.label} was given {before.height:,} rows and answered with {after.height:,} or others; "
            "a stage marks rows and never takes them out. Please report this."
        )
    unknown = set(after["reason"].drop_nulls().unique()) - set(item.stage.reasons)
    if unknown:
        raise TilthError(
            f"stage {item.label} gave the reasons {sorted(unknown)}, which it does not name. Please report this."
        )


def _rehash(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """New hashes for texts that a stage changed; a text of which nothing is left is dropped by name."""
    changed = (after["text"] != before["text"]) & after["reason"].is_null()
    if not changed.any():
        return after
    rows = changed.arg_true()
    hashes = pl.Series([text_hash(text) for text in after["text"].gather(rows)], dtype=pl.String)
    after = after.with_columns(content_hash=after["content_hash"].scatter(rows, hashes))
    empty = changed & (after["text"].str.strip_chars() == "")
    if empty.any():
        after = after.with_columns(
            reason=pl.when(empty).then(pl.lit(NOTHING_LEFT)).otherwise(pl.col("reason")),
            detail=pl.when(empty).then(pl.lit("every part of the text was cut")).otherwise(pl.col("detail")),
        )
    return after


def _add(total: dict[str, Any], more: Any) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value
