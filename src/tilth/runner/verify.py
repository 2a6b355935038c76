"""Checks a run as someone who does not trust it: files, ledgers, ids, and each sample's answer in the journal."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import CorruptData
from tilth.data.dataset import Manifest, file_digest, read_manifest
from tilth.data.schema import DOCUMENTS, DROPPED, SAMPLES
from tilth.generate.journal import Torn, load_part, request_id
from tilth.plan import Plan, load_plan
from tilth.recipe import GENERATIONS
from tilth.runner.reading import IdSet
from tilth.runner.session import read_ledger
from tilth.runner.shard import check_ledger, read_marker


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found, a line each, and whether the run is sound."""

    lines: tuple[str, ...]
    sound: bool


def verify_run(run_dir: Path) -> Verified:
    """Check everything of a run that can be checked without a model. Memory: one shard and 8 bytes a row."""
    ledger = read_ledger(run_dir)
    plan = load_plan(run_dir / "plan.json")
    faults: list[str] = []
    lines: list[str] = []
    if ledger["state"] != "finished":
        faults.append(f"the run is not finished ({ledger['stopped_because']}); run it again, then verify")
    for entry in ledger["steps"]:
        name = entry["name"]
        manifest = read_manifest(run_dir / name)
        if manifest is None:
            faults.append(f"{name}: no manifest, so the dataset is not complete")
            continue
        found = list(_check_step(plan, run_dir, entry, manifest))
        faults += found
        rows = sum(shard.rows for shard in manifest.shards)
        if not found:
            lines.append(f"ok    {name}: {len(manifest.shards)} shards, {rows:,} rows, files and ledger agree")
    lines += [f"FAULT {fault}" for fault in faults]
    lines.append("sound" if not faults else f"{len(faults)} faults")
    return Verified(lines=tuple(lines), sound=not faults)


def _check_step(plan: Plan, run_dir: Path, entry: dict[str, Any], manifest: Manifest) -> Iterator[str]:
    name, folder = entry["name"], run_dir / entry["name"]
    schema = SAMPLES if entry["kind"] in GENERATIONS else DOCUMENTS
    kept = dropped = 0
    ids = IdSet()
    journalled = plan.recipe.execution.journal
    for shard in manifest.shards:
        path = folder / f"{shard.name}.parquet"
        if not path.exists():
            yield f"{path}: the shard is gone"
            continue
        if file_digest(path) != shard.digest:
            yield f"{path}: the bytes are not those the manifest names"
            continue
        columns = pq.read_schema(path).remove_metadata()
        if entry["kind"] == "curate":  # what follows are signals, which differ by recipe
            columns = pa.schema([columns.field(place) for place in range(min(len(schema), len(columns)))])
        if columns != schema:
            yield f"{path}: the columns are not those of the schema"
            continue
        kept += shard.rows
        dropped += _rows(folder / "dropped" / f"{shard.name}.parquet")
        key = "sample_id" if entry["kind"] in GENERATIONS else "doc_id"
        if not all(ids.first_seen(_column(path, key))):
            yield f"{path}: a {key} comes twice"
        if entry["kind"] in GENERATIONS:
            yield from _check_generated(folder, shard.name, ids, journalled=journalled)
    book = entry["ledger"]
    try:
        check_ledger(name, book)
    except Exception as error:  # noqa: BLE001 - a report lists every fault, whatever it is
        yield str(error)
    if book["kept"] != kept:
        yield f"{name}: the ledger says {book['kept']:,} kept, the shards hold {kept:,}"
    if sum(book["reasons"].values()) != dropped:
        yield f"{name}: the ledger says {sum(book['reasons'].values()):,} dropped, dropped/ holds {dropped:,}"


def _check_generated(folder: Path, part: str, ids: IdSet, *, journalled: bool) -> Iterator[str]:
    drops = folder / "dropped" / f"{part}.parquet"
    if pq.read_schema(drops).remove_metadata() != DROPPED:
        yield f"{drops}: the columns are not those of the schema"
    if not all(ids.first_seen(_column(drops, "sample_id"))):
        yield f"{drops}: a sample_id is both kept and dropped, or dropped twice"
    marker = read_marker(folder, part)
    if marker is None:
        yield f"{folder}/{part}: no marker"
    if not journalled:
        return
    try:
        index, torn = load_part(folder / "journal" / part)
    except CorruptData as error:
        yield str(error)
        return
    yield from (_say_torn(cut) for cut in torn if cut.bytes > 0 and not _is_tail(cut))
    have = {request_id(row, call) for row, call in index}
    kept = pq.read_table(folder / f"{part}.parquet", columns=["request_id", "tries"]).to_pylist()
    # a row that passed without a call has no tries, and names no answer
    named = [row["request_id"] for row in kept if row["tries"] != 0 or row["request_id"] is not None]
    missing = [item for item in named if item not in have]
    if missing:
        yield f"{folder}/{part}: {len(missing)} samples name an answer that the journal lacks, such as {missing[0]}"


def _is_tail(cut: Torn) -> bool:
    """A torn tail is what a kill leaves: one unfinished line. More than a line is damage."""
    with Path(cut.path).open("rb") as file:
        file.seek(cut.offset)
        return file.read().count(b"\n") <= 1


def _say_torn(cut: Torn) -> str:
    return f"{cut.path}: {cut.bytes} bytes from byte {cut.offset} on do not match their checksums"


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows) if path.exists() else 0


def _column(path: Path, name: str) -> list[str]:
    values: list[str] = pq.read_table(path, columns=[name])[name].to_pylist()
    return values
