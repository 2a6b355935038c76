"""Which rows hold which benchmark items, from what decontamination measured of kept and dropped rows."""

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tilth.view.choose import shards
from tilth.view.terminal import one_line

TOP = 20  # rows shown, the highest scores first
_EXCERPT = 300  # characters
_BATCH = 20_000  # rows of a few narrow columns
_SIGNALS = ("contamination_score", "contamination_benchmark", "contamination_item", "contamination_kind")


def contamination_of(folder: Path, top: int = TOP) -> list[dict[str, Any]]:
    """The rows of a curate step with the highest contamination scores; empty where nothing was looked for or found.

    Reads the signals of every row, a few megabytes a million rows, and keeps `top` rows.
    """
    best: list[tuple[float, str, dict[str, Any]]] = []
    for row in _scored(folder):
        item = (row["score"], row["doc_id"], row)
        if len(best) < top:
            heapq.heappush(best, item)
        elif item[:2] > best[0][:2]:
            heapq.heapreplace(best, item)
    return [row for _, _, row in sorted(best, key=lambda item: (-item[0], item[1]))]


def _scored(folder: Path) -> Iterator[dict[str, Any]]:
    for path, dropped in shards(folder):
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            fields = {field.name for field in schema.field("signals").type} if "signals" in schema.names else set()
            if not set(_SIGNALS) <= fields:
                return
            columns = ["doc_id", "source", *(f"signals.{name}" for name in (*_SIGNALS, "contamination_excerpt"))]
            for batch in file.iter_batches(batch_size=_BATCH, columns=columns + (["reason"] if dropped else [])):
                for row in batch.to_pylist():
                    if row["signals"]["contamination_score"] is not None:
                        yield _row(row)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    signals = row["signals"]
    return {
        "doc_id": row["doc_id"],
        "source": row["source"],
        "verdict": row.get("reason") or "kept",
        "score": signals["contamination_score"],
        "benchmark": signals["contamination_benchmark"],
        "item": signals["contamination_item"],
        "kind": signals["contamination_kind"],
        "excerpt": one_line(signals.get("contamination_excerpt") or "", _EXCERPT),
    }
