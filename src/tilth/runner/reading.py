"""The reading step: source files become a documents dataset of shards of `shard_rows`, with rejects beside them.

Progress is kept in `state.json`, written after each shard: which files are read, how far into the present one, and what
each gave. A killed read goes on from the last shard. Files added later are read after those already read, so that
earlier shards keep their rows; a file that changed is refused until the user says what to do.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import Change, DriftError, SourceError
from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint
from tilth.data.dataset import MANIFEST, Manifest, describe_shard, part_name, read_manifest, write_manifest, write_shard
from tilth.data.files import SourceFile, content_digest, list_files
from tilth.data.html import extractor_version
from tilth.data.reading import check_source, read_file
from tilth.data.remote import pin_sources
from tilth.data.schema import DOCUMENTS, REJECTS
from tilth.data.source import SourceSpec
from tilth.runner.identity import OnDrift
from tilth.runner.shard import add_ledgers, check_ledger

STATE = "state.json"
#: Rows read at a time: a few megabytes of ordinary web text.
_BATCH_ROWS = 1000


class IdSet:
    """Ids seen so far, as 64-bit hashes in a few sorted arrays: 8 bytes an id, so a million documents take 8 MB.

    Two different ids share a hash with a chance of n^2 / 2^65: 3e-8 for a million documents.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray[Any, np.dtype[np.uint64]]] = []

    def first_seen(self, ids: list[str]) -> list[bool]:
        """For each id, whether it is new; remembers them all."""
        hashes = np.fromiter((int(fast_hash(value), 16) for value in ids), dtype=np.uint64, count=len(ids))
        new = np.zeros(len(ids), dtype=bool)
        new[np.unique(hashes, return_index=True)[1]] = True
        for run in self._runs:
            place = np.searchsorted(run, hashes)
            place[place == len(run)] = 0
            new &= run[place] != hashes
        self._add(np.sort(hashes[new]))
        return [bool(item) for item in new]

    def _add(self, run: "np.ndarray[Any, np.dtype[np.uint64]]") -> None:
        if not len(run):
            return
        # runs double in size, so an id is merged at most log2(n) times
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        self._runs.append(run)


def fast_hash(value: str) -> str:
    """16 hex digits of an id."""
    return fingerprint(value)[:16]


def check_sources(spec: SourceSpec) -> tuple[SourceFile, ...]:
    """List the files and prove that they can be read as the recipe asks; raises `SourceError` before any model call."""
    files = list_files(spec, Path.cwd())
    check_source(spec, files)
    return files


def pinned(folder: Path, spec: SourceSpec) -> SourceSpec:
    """The source with Hub datasets at a commit: the one recorded when the run first read it, else the newest now.

    So a run goes on with the dataset as it was, whatever was pushed since.
    """
    path = folder / STATE
    if path.exists():
        state = read_json(path)
        if state["asked"] == list(spec.source):
            return spec.model_copy(update={"source": tuple(state["pinned"])})
    return pin_sources(spec)


def read_step(
    folder: Path,
    asked: SourceSpec,
    spec: SourceSpec,
    files: tuple[SourceFile, ...],
    shard_rows: int,
    on_drift: OnDrift,
    on_progress: Callable[[int], None],
) -> Manifest:
    """Make or complete the documents dataset in `folder`; returns its manifest. `spec` is `asked` with commits pinned.

    Raises `DriftError` for files that changed or went since they were read, `SourceError` when nothing was kept.
    """
    state = _load_state(folder, asked, spec, shard_rows)
    todo = _new_files(state, files, on_drift)
    manifest = read_manifest(folder)
    if manifest is not None and not todo:
        return manifest
    (folder / MANIFEST).unlink(missing_ok=True)
    _read(folder, spec, todo, state, on_progress)
    return _finish(folder, state)


def _load_state(folder: Path, asked: SourceSpec, spec: SourceSpec, shard_rows: int) -> dict[str, Any]:
    path = folder / STATE
    if path.exists():
        state: dict[str, Any] = read_json(path)
        return state
    # shard_rows holds from the first read on: the journal is kept by shard
    return {
        "spec": fingerprint(spec),
        "asked": list(asked.source),
        "pinned": list(spec.source),
        "html": None,
        "files": [],
        "parts": 0,
        "shard_rows": shard_rows,
    }


def _new_files(state: dict[str, Any], files: tuple[SourceFile, ...], on_drift: OnDrift) -> list[SourceFile]:
    """The files still to read, in order, after proving that those read are as they were."""
    known = {entry["uri"]: entry for entry in state["files"]}
    present = {file.uri: file for file in files}
    changes = []
    for uri, entry in known.items():
        file = present.get(uri)
        if file is None:
            changes.append(Change(uri, "present", "gone", entry["kept"]))
        elif file.stamp != entry["stamp"]:
            # a remote file is not read again only to see whether its bytes are the same under a new stamp
            digest = "unknown" if file.is_remote else content_digest(file)
            if digest != entry["digest"]:
                changes.append(Change(uri, f"content {entry['digest'][:12]}", f"content {digest[:12]}", entry["kept"]))
            entry["stamp"] = file.stamp
    if changes and on_drift != "keep":
        rows = sum(change.rows for change in changes)
        choices = (
            "choose one: --keep (go on with the documents as they were read), --regenerate (read the sources anew, "
            "ask for what changed) or --new-run (leave this run as it is)."
        )
        lines = [
            f"the sources of this run changed since they were read; {rows:,} documents are touched:",
            *(
                f"  {change.field}: {change.recorded} -> {change.now}  ({change.rows:,} rows)"
                for change in changes[:20]
            ),
            choices,
        ]
        raise DriftError("\n".join(lines), tuple(changes), rows)
    for change in changes:
        if change.field in present:
            known[change.field]["digest"] = _digest(present[change.field])
    unfinished = [present[entry["uri"]] for entry in state["files"] if not entry["done"] and entry["uri"] in present]
    return unfinished + [file for file in files if file.uri not in known]


def _read(
    folder: Path,
    spec: SourceSpec,
    todo: list[SourceFile],
    state: dict[str, Any],
    on_progress: Callable[[int], None],
) -> None:
    seen = _seen_ids(folder, state)
    limit = spec.limit
    kept = sum(entry["kept"] for entry in state["files"])
    shard_rows: int = state["shard_rows"]
    if spec.extract_html or any(file.format in ("html", "warc") for file in todo):
        state["html"] = extractor_version()
    shard = _OpenShard(folder, state, shard_rows)
    known = {entry["uri"]: entry for entry in state["files"]}
    for file in todo:
        if limit is not None and kept >= limit:
            break
        entry = known.get(file.uri) or _new_entry(state, file)
        for documents, rejects, inputs in _batches(file, spec, min(shard_rows, _BATCH_ROWS), skip=entry["in"]):
            documents, rejects = _split_duplicates(documents, rejects, seen)
            if limit is not None and kept + documents.num_rows > limit:
                documents = documents.slice(0, limit - kept)
                inputs = documents.num_rows + rejects.num_rows
            kept += documents.num_rows
            _count(entry, documents.num_rows, rejects, inputs)
            shard.add(documents, rejects)
            on_progress(kept)
            if limit is not None and kept >= limit:
                break
        entry["done"] = True
        entry["digest"] = _digest(file)
    shard.close()


class _OpenShard:
    """Collects rows until a shard is full, then writes it and the state that says so."""

    def __init__(self, folder: Path, state: dict[str, Any], shard_rows: int) -> None:
        self._folder = folder
        self._state = state
        self._rows = shard_rows
        self._documents: list[pa.Table] = []
        self._rejects: list[pa.Table] = []
        self._count = 0

    def add(self, documents: pa.Table, rejects: pa.Table) -> None:
        """Take rows in. A shard is cut at the batch that fills it, so the state always falls between two batches."""
        self._documents.append(documents)
        self._rejects.append(rejects)
        self._count += documents.num_rows
        if self._count >= self._rows:
            self.close()

    def close(self) -> None:
        """Write what is there, documents or rejects, then the state."""
        if any(table.num_rows for table in (*self._documents, *self._rejects)):
            name = part_name(self._state["parts"])
            write_shard(self._folder / "dropped" / f"{name}.parquet", pa.concat_tables(self._rejects))
            write_shard(self._folder / f"{name}.parquet", pa.concat_tables(self._documents))
            self._state["parts"] += 1
        self._documents, self._rejects, self._count = [], [], 0
        write_json(self._folder / STATE, self._state)


def _batches(file: SourceFile, spec: SourceSpec, rows: int, skip: int) -> Iterator[tuple[pa.Table, pa.Table, int]]:
    """The batches of a file after its first `skip` inputs, which earlier shards hold."""
    for batch in read_file(file, spec, batch_rows=rows):
        if skip >= batch.inputs:
            skip -= batch.inputs
            continue
        if skip:
            raise SourceError(
                f"expected {file.uri} to give the same batches as before; it does not. "
                "It changed while it was read: start a new run with --new-run."
            )
        yield batch.documents, batch.rejects, batch.inputs


def _split_duplicates(documents: pa.Table, rejects: pa.Table, seen: IdSet) -> tuple[pa.Table, pa.Table]:
    """Documents whose id came before become rejects."""
    new = seen.first_seen(documents["doc_id"].to_pylist())
    if all(new):
        return documents, rejects
    again = documents.filter(pa.array([not item for item in new]))
    rows = [
        {
            "origin": row["origin"],
            "position": row["position"],
            "reason": "duplicate_id",
            "detail": f"an earlier document has the id {row['doc_id']}; ids name a document, or its content and origin",
            "excerpt": row["text"][:200],
        }
        for row in again.to_pylist()
    ]
    return documents.filter(pa.array(new)), pa.concat_tables([rejects, pa.Table.from_pylist(rows, schema=REJECTS)])


def _new_entry(state: dict[str, Any], file: SourceFile) -> dict[str, Any]:
    entry = {"uri": file.uri, "stamp": file.stamp, "digest": "", "in": 0, "kept": 0, "reasons": {}, "done": False}
    state["files"].append(entry)
    return entry


def _digest(file: SourceFile) -> str:
    return file.stamp if file.is_remote else content_digest(file)


def _count(entry: dict[str, Any], kept: int, rejects: pa.Table, inputs: int) -> None:
    entry["in"] += inputs
    entry["kept"] += kept
    for reason in rejects["reason"].to_pylist():
        entry["reasons"][reason] = entry["reasons"].get(reason, 0) + 1


def _seen_ids(folder: Path, state: dict[str, Any]) -> IdSet:
    seen = IdSet()
    for index in range(state["parts"]):
        seen.first_seen(pq.read_table(folder / f"{part_name(index)}.parquet", columns=["doc_id"])["doc_id"].to_pylist())
    return seen


def _finish(folder: Path, state: dict[str, Any]) -> Manifest:
    ledger = add_ledgers(state["files"])
    check_ledger(folder.name, ledger)
    if ledger["kept"] == 0:
        named = ", ".join(f"{count} {reason}" for reason, count in ledger["reasons"].items()) or "no rows at all"
        raise SourceError(
            f"expected documents in the sources of step {folder.name!r}; saw {ledger['in']} rows, none usable "
            f"({named}). Look at {folder / 'dropped'} for each row and its reason."
        )
    names = [part_name(index) for index in range(state["parts"])]
    shards = tuple(describe_shard(folder, name) for name in names)
    manifest = Manifest(
        name=folder.name,
        shards=shards,
        ledger=ledger,
        fingerprint=fingerprint([state["spec"], [shard.digest for shard in shards]]),
        details={"files": state["files"], "columns": DOCUMENTS.names, "html": state["html"], "pinned": state["pinned"]},
    )
    write_manifest(folder, manifest)
    return manifest
