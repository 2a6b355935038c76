"""One shard of a generation step: its units, their outcomes, and the files it becomes.

A shard is done when its marker stands in `state/`. The marker is written last, and holds the fingerprints under which
the shard was made and the ledger of its rows, so that the step's ledger is a sum of markers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from tilth.base.errors import CorruptData, TilthError
from tilth.base.files import read_json, write_json
from tilth.data.dataset import iter_rows, write_shard
from tilth.data.schema import DROPPED, SAMPLES
from tilth.stage import Document, Outcome, RoutedAway, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """Under what a shard was made: its documents, what decides its texts, what decides how they are read."""

    documents: str
    generation: str
    reading: str


@dataclass(slots=True)
class Shard:
    """A shard in work. `outcomes` has one place a unit, in order; memory is bounded by the shard's rows."""

    part: str
    fingerprints: Fingerprints
    documents: int = 0
    tried: int = 0
    prompts: list[str] = field(default_factory=list)  # of each unit, in order; the units themselves live in their tasks
    outcomes: list[Outcome | None] = field(default_factory=list)
    routing: Counter[str] = field(default_factory=Counter)
    routed: int = 0
    licences: Counter[str] = field(default_factory=Counter)
    left: int = 0
    expanded: bool = False

    def add(self, document: Document, units: list[Unit], away: list[RoutedAway], strategies: int) -> list[int]:
        """Take in what a document expanded to; returns the places of its units."""
        self.documents += 1
        self.tried += strategies
        self.routed += len({unit.prompt for unit in units})
        self.routing.update(f"{item.prompt}:{item.reason}" for item in away)
        if units:
            self.licences[document.licence or "unknown"] += 1
        first = len(self.prompts)
        self.prompts.extend(unit.prompt for unit in units)
        self.outcomes.extend([None] * len(units))
        self.left += len(units)
        return list(range(first, first + len(units)))

    def end(self, place: int, outcome: Outcome) -> None:
        """Record how a unit ended."""
        assert self.outcomes[place] is None, "a unit ended twice"
        self.outcomes[place] = outcome
        self.left -= 1

    @property
    def done(self) -> bool:
        """True when every unit has ended."""
        return self.expanded and self.left == 0


class LedgerError(TilthError):
    """A ledger does not close: rows were lost or counted twice. A fault of tilth, never of the input."""


def make_marker(shard: Shard) -> dict[str, Any]:
    """The marker of a finished shard; raises `LedgerError` unless in = kept + the sum of named reasons."""
    by_prompt: dict[str, dict[str, Any]] = {}
    flags: Counter[str] = Counter()
    passing = 0
    for prompt, outcome in zip(shard.prompts, shard.outcomes, strict=True):
        if outcome is None:
            raise LedgerError(f"{shard.part}: a unit of {len(shard.prompts)} has no end; please report this.")
        entry = by_prompt.setdefault(prompt, _empty_entry())
        count_outcome(entry, outcome)
        flags.update(outcome.flags)
        passing += outcome.passing
    ledger = add_ledgers(list(by_prompt.values()))
    routing = {"in": shard.tried, "kept": shard.routed, "reasons": dict(shard.routing)}
    for name, book in (("routing", routing), ("ledger", ledger)):
        check_ledger(f"{shard.part} {name}", book)
    return {
        "part": shard.part,
        "documents": shard.documents,
        "made_under": {
            "documents": shard.fingerprints.documents,
            "generation": shard.fingerprints.generation,
            "reading": shard.fingerprints.reading,
        },
        "routing": routing,
        "ledger": ledger,
        "by_prompt": by_prompt,
        "flags": dict(flags),
        "passing": passing,
        "licences": dict(shard.licences),
    }


def count_outcome(entry: dict[str, Any], outcome: Outcome) -> None:
    """Add one outcome to the ledger of its prompt."""
    entry["in"] += 1
    if outcome.reason is None:
        entry["kept"] += 1
    else:
        entry["reasons"][outcome.reason] = entry["reasons"].get(outcome.reason, 0) + 1
    for flag in outcome.flags:
        entry["flags"][flag] = entry["flags"].get(flag, 0) + 1
    entry["prompt_tokens"] += outcome.row.get("prompt_tokens") or 0
    entry["completion_tokens"] += outcome.row.get("completion_tokens") or 0


def add_ledgers(books: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sum of ledgers: in, kept and reasons."""
    reasons: Counter[str] = Counter()
    for book in books:
        reasons.update(book["reasons"])
    return {
        "in": sum(book["in"] for book in books),
        "kept": sum(book["kept"] for book in books),
        "reasons": dict(sorted(reasons.items())),
    }


def check_ledger(name: str, book: dict[str, Any]) -> None:
    """Raise `LedgerError` unless in = kept + the sum of reasons."""
    out = book["kept"] + sum(book["reasons"].values())
    if book["in"] != out:
        raise LedgerError(f"{name}: {book['in']} in, but {out} kept or dropped by name. Please report this.")


def write_parts(folder: Path, shard: Shard) -> None:
    """Write the shard's samples and drops, each in the order of its units."""
    kept = [outcome.row for outcome in shard.outcomes if outcome is not None and outcome.reason is None]
    dropped = [outcome.row for outcome in shard.outcomes if outcome is not None and outcome.reason is not None]
    write_shard(folder / f"{shard.part}.parquet", to_table(kept, SAMPLES))
    write_shard(folder / "dropped" / f"{shard.part}.parquet", to_table(dropped, DROPPED))


def to_table(rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    """Rows as a table of the schema; a column that a row lacks is null."""
    columns = [pa.array([row.get(column.name) for row in rows], type=column.type) for column in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def write_marker(folder: Path, marker: dict[str, Any]) -> None:
    """Write the marker, which makes the shard done."""
    write_json(folder / "state" / f"{marker['part']}.json", marker)


def read_marker(folder: Path, part: str) -> dict[str, Any] | None:
    """The shard's marker, or None."""
    path = folder / "state" / f"{part}.json"
    value: dict[str, Any] | None = read_json(path) if path.exists() else None
    return value


def remove_strays(folder: Path, parts: set[str]) -> None:
    """Take away shards that no part of the source makes any more; their answers stay in the journal."""
    for pattern in ("part-*.parquet", "dropped/part-*.parquet", "state/part-*.json"):
        for path in folder.glob(pattern):
            if path.stem not in parts:
                path.unlink()


def is_done(folder: Path, part: str, fingerprints: Fingerprints, *, retry_passing: bool) -> bool:
    """True when the shard was made under these fingerprints; `retry_passing` asks too that no row is left to try."""
    marker = read_marker(folder, part)
    if marker is None or not (folder / f"{part}.parquet").exists():
        return False
    made = marker["made_under"]
    same = made == {
        "documents": fingerprints.documents,
        "generation": fingerprints.generation,
        "reading": fingerprints.reading,
    }
    return same and not (retry_passing and marker["passing"])


def read_documents(path: Path, text_column: str) -> "list[Document]":
    """The documents of one part. A part of samples serves too: each sample is then a document of its own."""
    documents = []
    for row in iter_rows(path):
        if text_column not in row or row[text_column] is None:
            raise CorruptData(f"expected a column {text_column!r} in {path}; it has {', '.join(row)}.")
        documents.append(
            Document(
                doc_id=row.get("sample_id") or row["doc_id"],
                text=row[text_column],
                language=row.get("language") or row.get("source_language"),
                licence=row.get("licence"),
                origin=row["origin"],
                content_hash=row.get("content_hash") or row["source_hash"],
                metadata=_metadata(row),
            )
        )
    return documents


def _metadata(row: dict[str, Any]) -> str | None:
    """The row's JSON; what curation measured of it goes along under `signals`, where a stage may look for labels."""
    found: str | None = row.get("metadata") or row.get("parsed")
    signals = row.get("signals")
    if not isinstance(signals, dict):
        return found
    value = orjson.loads(found or "{}")
    known = {name: item for name, item in signals.items() if item is not None}
    return orjson.dumps({**value, "signals": known}, default=str).decode() if isinstance(value, dict) else found


def _empty_entry() -> dict[str, Any]:
    return {"in": 0, "kept": 0, "reasons": {}, "flags": {}, "prompt_tokens": 0, "completion_tokens": 0}
