"""Runs one curation stage over hostile texts and prints what it took; a program, so that each stage has a process.

`python hostile_stages.py FOLDER STAGE MEGABYTES CHARACTERS SHAPE...`: one JSON line a shape, with CPU seconds, bytes,
rows and the peak memory of the process so far. Each text is one row, or with CHARACTERS rows of so many. FOLDER holds
`benchmarks/` (Parquet) and `scorer/` (made by `train_scorer`).
"""

import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
from hostile_texts import text_of

from tilth.base.fingerprint import text_hash
from tilth.frames import make_frame
from tilth.plan import CURATION
from tilth.recipe.curate import CurateStage

PRESETS = ["gopher-quality", "gopher-repetition", "c4", "fineweb", "chinese"]


def settings(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name here -> stage and settings: every stage of a curate step that needs no service or annotator."""
    return {
        "licences": ("licences", {}),
        "language": ("language", {}),
        "rules": ("rules", {"presets": PRESETS}),
        "rules that cut": ("rules", {"presets": PRESETS, "c4_lines": "remove", "measure": "needed"}),
        "pii": ("pii", {}),
        "pii with every kind": ("pii", {"policies": {"ip_private": "replace"}, "form": "example"}),
        "exact_duplicates": ("exact_duplicates", {}),
        "exact_duplicates by letters": ("exact_duplicates", {"level": "letters"}),
        "near_duplicates": ("near_duplicates", {"verify": 0.8, "write_index": True}),
        "repeated_text": ("repeated_text", {"documents": 1}),
        "repeated_text by paragraph": ("repeated_text", {"documents": 1, "unit": "paragraph"}),
        "decontaminate": ("decontaminate", {"benchmarks": [str(folder / "benchmarks")], "action": "cut"}),
        "questions": ("questions", {}),
        "question_duplicates": ("question_duplicates", {}),
        "semantic_duplicates": ("semantic_duplicates", {"index": "exact"}),
        "score": ("score", {"scorer": str(folder / "scorer"), "minimum": 0.5}),
        "quotas": ("quotas", {"by": "language", "each": {"characters": 1_000_000_000}}),
    }


def built(name: str, folder: Path) -> Any:
    """The stage, as the runner builds it."""
    key, own = settings(folder)[name]
    module, _, function = CURATION[key].partition(":")
    return getattr(import_module(module), function)(CurateStage.model_validate({key: own}).settings, 0)


def frame_of(text: str, name: str, characters: int = 0) -> pl.DataFrame:
    """The text as rows; for stages of questions, a third of it each as question, answer and solution."""
    texts = [text[at : at + characters] for at in range(0, len(text), characters)] if characters else [text]
    if "question" not in name and "semantic" not in name:
        return make_frame(texts, language=[("en", "zh", "de")[row % 3] for row in range(len(texts))])
    thirds = [(one[: len(one) // 3], one[len(one) // 3 : len(one) // 3 * 2]) for one in texts]
    rows = [{"answer": a, "choices": [a[:1000], b[:1000], "x", a[5:900]], "solution": b} for a, b in thirds]
    return make_frame([a for a, _ in thirds], metadata=[json.dumps(row, ensure_ascii=False) for row in rows])


def run(stage: Any, frame: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """All that the runner asks of a stage for one frame."""
    if callable(stage):
        out = stage(frame)
    else:
        stage.gather(iter([frame]), "part", folder)
        stage.decide(["part"], folder, 1)
        out = stage.apply(frame, "part", folder)
    stage.counts(out)
    if stage.changes_text:
        for text in out["text"]:
            text_hash(text)
    assert isinstance(out, pl.DataFrame)
    return out


def _peak() -> int:
    """Peak resident bytes of this program. Not `ru_maxrss`, which a child takes over from whoever started it."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def main(folder: Path, name: str, megabytes: float, characters: int, shapes: list[str]) -> None:
    stage = built(name, folder)
    with tempfile.TemporaryDirectory() as scratch:
        run(stage, frame_of("A question, to warm up?", name), Path(scratch))
    for shape in shapes:
        text = text_of(shape, int(megabytes * 1e6))
        size = len(text.encode())
        frame = frame_of(text, name, characters)
        del text
        with tempfile.TemporaryDirectory() as scratch:
            started = time.process_time()
            out = run(stage, frame, Path(scratch))
            seconds = time.process_time() - started
        unknown = sorted(set(out["reason"].drop_nulls()) - set(stage.reasons))
        peak = _peak()
        same = out["key"].equals(frame["key"])
        said = {"shape": shape, "seconds": seconds, "bytes": size, "same_rows": same, "unknown": unknown, "peak": peak}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
