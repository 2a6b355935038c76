"""What a curate step did, for the page: each stage's rows, each source's share, and example rows for every reason."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth.base.files import read_json
from tilth.view.contamination import contamination_of
from tilth.view.probe import loop_of_report
from tilth.view.synthesis import comparisons_of
from tilth.view.terminal import one_line
from tilth.view.words import equation, reason_words

_DETAIL = 300  # characters
_SOURCES = 60  # rows of the table of sources; the rest is summed
_COUNTS = 40  # numbers of one stage


def curation_of(step: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
    """The report of a curate step as plain values, or None for another step or one that is not finished."""
    path = folder / "report.json"
    if step["kind"] != "curate" or not path.exists():
        return None
    report = read_json(path)
    return {
        "stages": [_stage(stage) for stage in report["stages"]],
        "sources": _sources(report["by_source"]),
        "contaminated": contamination_of(folder),
        "difficulty": comparisons_of(folder),
        "steering": [loop_of_report(read_json(found)) for found in sorted(folder.glob("stages/*/round.json"))],
        "examples": [
            _examples(report, reason, count)
            for reason, count in [("kept", report["ledger"]["kept"]), *_by_size(report["ledger"]["reasons"])]
        ],
    }


def _stage(stage: Mapping[str, Any]) -> dict[str, Any]:
    terms = equation(stage, "documents").terms[1:]
    counts = sorted(stage["counts"].items(), key=lambda item: (-item[1], item[0]))
    return {
        "label": stage["label"],
        "in": stage["in"],
        "kept": stage["kept"],
        "seconds": stage["seconds"],
        "reasons": [{"key": term.key, "words": term.words, "count": term.count} for term in terms],
        "counts": [{"words": reason_words(name), "count": count} for name, count in counts[:_COUNTS]],
        "more_counts": max(len(counts) - _COUNTS, 0),
    }


def _sources(by_source: Mapping[str, Any]) -> list[dict[str, Any]]:
    named = sorted(by_source.items(), key=lambda item: (-item[1]["in"], item[0]))
    return [
        {
            "name": name,
            **{key: entry[key] for key in ("in", "kept", "characters_in", "characters_kept")},
            "reasons": [
                {"words": reason_words(reason), "count": count} for reason, count in _by_size(entry["reasons"])
            ],
        }
        for name, entry in named[:_SOURCES]
    ]


def _examples(report: Mapping[str, Any], reason: str, count: int) -> dict[str, Any]:
    return {
        "key": reason,
        "words": reason_words(reason),
        "meaning": report["meanings"].get(reason, ""),
        "count": count,
        "rows": [
            {
                "doc_id": row["doc_id"],
                "source": row["source"],
                "stage": row["stage"],
                "detail": one_line(row["detail"], _DETAIL),
                "text": row["text"],
            }
            for row in report["examples"].get(reason, [])
        ],
    }


def _by_size(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
