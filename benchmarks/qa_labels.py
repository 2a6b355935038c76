"""Accuracy and speed of the local discipline labeller on real subject labels; prints tables and writes a JSON file.

    python benchmarks/qa_labels.py SHARED [--out benchmarks/results/qa_labels.json] [--quick]

SHARED is the folder with data/benchmarks and data/seeds. Needs the extra `learn`. Asked: cross-validated accuracy on
the 13 disciplines of at least 0.80, and 2,000 questions labelled a CPU-second.
"""

import argparse
import json
import random
import time
from collections import Counter
from dataclasses import asdict
from itertools import permutations
from pathlib import Path
from typing import Any

import polars as pl

from tilth.classify.train import train_classifier
from tilth.label.model import LabelModel, label_frame
from tilth.label.subjects import subject_examples
from tilth.label.taxonomy.load import load_taxonomy
from tilth.label.train import Example, discipline_of, train_labels, transfer

FILES = {
    "mmlu": ["benchmarks/mmlu.parquet"],
    "openstax": ["seeds/openstax_exercises.parquet"],
    "chinese_exams": [
        "seeds/gaokao_subjective.parquet",
        "benchmarks/agieval.parquet",
        "benchmarks/gaokao_bench_obj.parquet",
    ],
}
TAXONOMY = load_taxonomy()


def read_set(data: Path, files: list[str]) -> list[Example]:
    """Mapped examples of a set. Of agieval only the Gaokao papers are Chinese exams."""
    examples: list[Example] = []
    for name in files:
        frame = pl.read_parquet(data / name)
        if "agieval" in name:
            frame = frame.filter(pl.col("subset").str.starts_with("gaokao"))
        examples += subject_examples(frame, TAXONOMY)
    return examples


def balanced(examples: list[Example], most: int) -> list[Example]:
    """At most `most` examples a field, drawn at random."""
    drawn = random.Random(0).sample(examples, len(examples))
    seen: Counter[str] = Counter()
    kept = []
    for one in drawn:
        seen[one.label] += 1
        if seen[one.label] <= most:
            kept.append(one)
    return kept


def measure(examples: list[Example], *, grouped: bool) -> dict[str, Any]:
    """Cross-validated figures on the disciplines."""
    tops = [discipline_of(one.label, TAXONOMY) for one in examples]
    enough = {name for name, count in Counter(tops).items() if count >= 10}
    rows = [(one, top) for one, top in zip(examples, tops, strict=True) if top in enough]
    groups = [one.group or str(at) for at, (one, _) in enumerate(rows)] if grouped else None
    trained = train_classifier([one.text for one, _ in rows], [top for _, top in rows], groups)
    return asdict(trained.report)


def speed(model: LabelModel, texts: list[str], seconds: float) -> dict[str, float]:
    """Questions labelled a CPU-second, discipline and field, frames of 2,000."""
    frame = pl.DataFrame({"text": texts})
    label_frame(frame.head(200), model)
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        part = frame.slice(done % max(1, frame.height - 2000), 2000)
        label_frame(part, model)
        done += part.height
    took = time.process_time() - start
    mean = sum(map(len, texts)) / len(texts)
    return {"questions_per_cpu_second": done / took, "mean_characters": mean}


def show(name: str, report: dict[str, Any], plain: dict[str, Any] | None) -> None:
    low, high = report["accuracy_interval"]
    calibration = report["calibration"]
    beside = f" | {plain['accuracy']:.3f}" if plain else ""
    accuracy = f"{report['accuracy']:.3f} [{low:.3f}, {high:.3f}]{beside}"
    answered = f"{calibration['precision']:.3f} at {calibration['coverage']:.3f}"
    cells = [name, f"{report['rows']:,}", len(report["classes"]), f"{report['majority']:.3f}", accuracy]
    print("|", *cells, f"{report['macro_f1']:.3f}", f"{calibration['error']:.3f}", answered, "|", sep=" | ", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="leave the plain folds and the uncapped pool out")
    args = parser.parse_args()
    sets = {name: read_set(args.shared / "data", files) for name, files in FILES.items()}
    pool = [one for examples in sets.values() for one in examples]
    asked = {**sets, "pooled, at most 300 a field": balanced(pool, 300)} | ({} if args.quick else {"pooled": pool})
    results: dict[str, Any] = {"sets": {}, "transfer": {}}
    print("| set | rows | classes | majority | accuracy, grouped | plain | macro F1 | ECE | precision at coverage |")
    for name, examples in asked.items():
        grouped = measure(examples, grouped=True)
        plain = None if args.quick else measure(examples, grouped=False)
        show(name, grouped, plain)
        results["sets"][name] = {"grouped": grouped, "plain": plain}
    print("| trained on | tested on | rows | accuracy | rows of known classes | accuracy on these |")
    for first, second in permutations(sets, 2):
        found = transfer(balanced(sets[first], 500), sets[second], TAXONOMY)
        results["transfer"][f"{first} -> {second}"] = asdict(found)
        print(
            f"| {first} | {second} | {found.rows:,} | {found.accuracy:.3f} | {found.known:,} "
            f"| {found.accuracy_known:.3f} |",
            flush=True,
        )
    trained = train_labels(balanced(pool, 200), TAXONOMY)
    assert trained.field is not None
    results["fields"] = asdict(trained.field)
    print(
        f"fields (at most 200 rows each): {len(trained.field.classes)} classes, accuracy {trained.field.accuracy:.3f}"
    )
    texts = [one.text for one in random.Random(1).sample(pool, len(pool))]
    results["speed"] = speed(trained.model, texts, 5.0)
    print(results["speed"])
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
