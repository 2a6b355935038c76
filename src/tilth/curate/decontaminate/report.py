"""What decontamination found, as plain values for a page, a terminal or a file: hits per benchmark, the surest rows.

Made from the frames the stage gave back, in one pass; memory: one frame and the rows that are shown.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tilth.curate.decontaminate.stage import REASONS, SIGNALS

if TYPE_CHECKING:
    import polars as pl

#: Characters of a question or passage that are shown.
EXCERPT = 240


def report(frames: "Iterable[pl.DataFrame]", items: "pl.DataFrame", top: int = 20) -> dict[str, Any]:
    """Counts and the surest rows; JSON-ready.

    `frames`: output of the stage; `items`: the benchmark items it looked for (`stage.benchmark_items`). Gives

    - `rows`, `contaminated`: rows seen, and those in which anything was found, whatever became of them;
    - `reasons`: reason -> rows, flagged ones included;
    - `benchmarks`: for each benchmark its `items`, how many of them were `found`, and in how many `rows`; all of them,
      also those without a hit, most rows first;
    - `top`: the surest rows, each benchmark's surest first, with the excerpt of both sides.
    """
    rows, reasons = 0, Counter[str]()
    hits: Counter[str] = Counter()
    found: dict[str, set[str]] = {}
    surest: dict[str, list[tuple[float, int, dict[str, Any]]]] = {}
    for frame in frames:
        rows += frame.height
        for row in _contaminated(frame):
            reasons[f"contaminated_{row['contamination_kind']}"] += 1
            named = [name.split("/", 1) for name in row["contamination_found"]]
            hits.update({name for name, _ in named})
            for name, item in named:
                found.setdefault(name, set()).add(item)
            best = surest.setdefault(row["contamination_benchmark"], [])
            heapq.heappush(best, (row["contamination_score"], -sum(reasons.values()), row))
            if len(best) > top:
                heapq.heappop(best)
    return {
        "rows": rows,
        "contaminated": sum(reasons.values()),
        "reasons": {name: reasons[name] for name in REASONS if reasons[name]},
        "benchmarks": _benchmarks(items, hits, found),
        "top": _top(surest, items, top),
    }


def _contaminated(frame: "pl.DataFrame") -> Iterator[dict[str, Any]]:
    columns = ("doc_id", "source", "reason", *SIGNALS)
    kept = frame.filter(frame["contamination_score"].is_not_null()).select(columns)
    return kept.iter_rows(named=True)


def _benchmarks(items: "pl.DataFrame", hits: Counter[str], found: dict[str, set[str]]) -> list[dict[str, Any]]:
    sizes = items["benchmark"].value_counts()
    every = [
        {"benchmark": name, "items": count, "found": len(found.get(name, ())), "rows": hits[name]}
        for name, count in zip(sizes["benchmark"].to_list(), sizes["count"].to_list(), strict=True)
    ]
    return sorted(every, key=lambda one: (-one["rows"], one["benchmark"]))


def _top(
    surest: dict[str, list[tuple[float, int, dict[str, Any]]]], items: "pl.DataFrame", top: int
) -> list[dict[str, Any]]:
    """Rows in turn from each benchmark, so that one that is everywhere does not hide the others."""
    columns = [sorted(rows, key=lambda one: one[:2], reverse=True) for _, rows in sorted(surest.items())]
    turns = [rows[turn][2] for turn in range(top) for rows in columns if turn < len(rows)][:top]
    wanted = {(row["contamination_benchmark"], row["contamination_item"]) for row in turns}
    texts = {
        (benchmark, item): (passage if passage else question, question, answer)
        for benchmark, item, question, passage, answer in items.select(
            "benchmark", "item_id", "question", "context", "answer"
        ).iter_rows()
        if (benchmark, item) in wanted
    }
    return [
        _shown(row, *texts.get((row["contamination_benchmark"], row["contamination_item"]), ("",) * 3)) for row in turns
    ]


def _shown(row: dict[str, Any], passage: str, question: str, answer: str) -> dict[str, Any]:
    text = passage if row["contamination_kind"] == "passage" else question
    return {
        "doc_id": row["doc_id"],
        "source": row["source"],
        "reason": row["reason"],
        "kind": row["contamination_kind"],
        "score": row["contamination_score"],
        "benchmark": row["contamination_benchmark"],
        "item": row["contamination_item"],
        "row_excerpt": row["contamination_excerpt"],
        "item_excerpt": text[:EXCERPT],
        "answer": answer[:EXCERPT],
    }
