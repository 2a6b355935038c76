"""Question synthesis on the page: requested against annotated, and difficulty measured twice.

Both are measured on the rows of an annotate step, before any check drops the easy or the wrong ones; a large step is
looked at by its first rows, which is said.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from tilth.base.files import read_json
from tilth.synth.questions.degradation import LEVEL, degradation, share_of
from tilth.view.choose import shards

ROWS = 20_000  # looked at of one step: about a second, and bounds of shares below a point
#: Part of a question that refinement changed -> the words for it.
_CHANGES = {"question": "question edited", "answer": "answer changed", "reasoning": "reasoning added or changed"}
_BATCH = 1000  # questions with their texts: a few megabytes


def requests_of(step: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
    """Requested grades and difficulties against annotated ones over an annotate step; None where none was requested."""
    if step["kind"] != "annotate":
        return None
    rows = list(_requested(folder))
    if not rows:
        return None
    found = degradation(rows)
    total = step["ledger"]["kept"]
    return {**found, "of": total} if found["grades"]["pairs"] or found["difficulty"] else None


def refinements_of(step: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
    """What a refine step changed, by comparison of both versions; None for another step, or one that kept nothing.

    `changes`: name -> its share of the kept rows with an interval. A row may have changed in several ways.
    """
    if step["kind"] != "refine":
        return None
    told = [value for _, value in _parsed(folder)]
    if not told:
        return None
    kinds = [set(one) if isinstance(one := value.get("changed"), list) else set() for value in told]
    counts = {words: sum(name in kind for kind in kinds) for name, words in _CHANGES.items()}
    counts["nothing changed"] = sum(not kind for kind in kinds)
    return {
        "rows": len(told),
        "of": step["ledger"]["kept"],
        "level": LEVEL,
        "changes": {words: share_of(count, len(told)) for words, count in counts.items()},
    }


def comparisons_of(folder: Path) -> list[dict[str, Any]]:
    """Rubric against solve rate, as the difficulty stages of a curate step compared them."""
    return [read_json(path) for path in sorted(folder.glob("stages/*/comparison.json"))]


def _requested(folder: Path) -> Iterator[dict[str, Any]]:
    for row, value in _parsed(folder):
        if value.get("grade_requested") or value.get("difficulty_requested") is not None:
            yield row


def _parsed(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The first kept rows of a step, each with its JSON."""
    left = ROWS
    for path, dropped in shards(folder):
        if dropped:
            continue
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH, columns=["text", "parsed"]):
                for row in batch.to_pylist():
                    if left <= 0:
                        return
                    left -= 1
                    yield row, orjson.loads(row["parsed"] or "{}")
