"""Datasets, benchmarks and mixtures that the tests of this folder share; real files, made by tilth itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.fingerprint import text_hash
from tilth.mix.make import make_mixture
from tilth.recipe.stages.mix import Mix, MixPart
from tilth.recipe.stages.tokens import Tokenise, TrainTokenizer
from tilth.tokens.tokenise import tokenise
from tilth.tokens.train import train_tokenizer

EGGS = "A farmer has 12 hens that lay 7 eggs a week each; how many eggs does he gather in 3 weeks?"
SQUID = "Which organ of the squid pumps deoxygenated blood through its gills before the heart receives it?"
BENCHMARKS = {
    "hens": [
        ("h0", EGGS, "252"),
        ("h1", "How many sides has the plane figure that is called a heptagon, in all?", "7"),
    ],
    "sea": [
        ("s0", SQUID, "branchial hearts"),
        ("s1", "In which year did the whaling station at the cape close?", "1931"),
    ],
}
CLEAN = (
    "The mill stood by the river for two hundred years. Its wheel turned slowly, and people came from far away.",
    "In the evening the miller closed the gates; nobody spoke of the flood any more, and the water fell.",
    "Oats, barley and rye were ground there in turn, each on the day that custom had set aside for it.",
)


def benchmark_files(folder: Path, benchmarks: Mapping[str, Sequence[tuple[str, str, str]]] = BENCHMARKS) -> list[Path]:
    """One JSON-lines file a benchmark."""
    paths = []
    for number, (name, items) in enumerate(benchmarks.items()):
        path = folder / f"benchmark-{number}.jsonl"
        rows = [{"benchmark": name, "item_id": i, "question": q, "answer": a} for i, q, a in items]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        paths.append(path)
    return paths


def dataset(folder: Path, *shards: Sequence[str], prompts: Sequence[str] = ("table",)) -> Path:
    """A folder of shards of samples; row by row another one of `prompts`."""
    folder.mkdir(parents=True)
    for place, texts in enumerate(shards):
        rows = range(len(texts))
        columns = {
            "text": list(texts),
            "doc_id": [f"doc-{place}-{row}" for row in rows],
            "sample_id": [f"{folder.name}-{place}-{row}" for row in rows],
            "source_hash": [text_hash(f"source of {place}-{row}") for row in rows],
            "prompt": [prompts[row % len(prompts)] for row in rows],
            "model": ["small-model"] * len(texts),
            "cut_from": [0] * len(texts),
            "cut_to": [9] * len(texts),
        }
        pq.write_table(pa.table(columns), folder / f"part-{place:05d}.parquet")
    return folder


def documents(folder: Path, *, shards: int, rows: int) -> Path:
    """The documents that the rows of `dataset` name."""
    folder.mkdir(parents=True)
    for place in range(shards):
        columns = {
            "doc_id": [f"doc-{place}-{row}" for row in range(rows)],
            "text": [f"source of {place}-{row}" for row in range(rows)],
        }
        pq.write_table(pa.table(columns), folder / f"part-{place:05d}.parquet")
    return folder


def mixture(folder: Path, parts: Mapping[str, Path], tokens: int) -> Path:
    """A mixture of datasets in equal shares, with a tokenizer trained on the first."""
    tokenizer = folder / "tokenizer"
    first = next(iter(parts.values()))
    train_tokenizer(first, tokenizer, TrainTokenizer(vocabulary=300, min_frequency=1))
    for name, data in parts.items():
        tokenise(data, folder / f"{name}-tokens", Tokenise(tokenizer=str(tokenizer)))
    settings = Mix(
        parts=tuple(MixPart(name=name, weight=1, kind="original", cap=1000) for name in parts), tokens=tokens
    )
    make_mixture(settings, {name: folder / f"{name}-tokens" for name in parts}, folder / "mixture")
    return folder / "mixture"
