"""Small datasets and tokenizers that tests of tokens and mixtures share; made by our own trainer from real text."""

from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.recipe.stages.tokens import TrainTokenizer
from tilth.tokens.train import train_tokenizer

LINES = (
    "The harvest of 1921 was poor; by 1922, wheat cost 3.50 a bushel.",
    "It's said they'll come back, and we've no reason to doubt it.",
    "def add(a, b):\n    return a + b\n\n\nprint(add(2, 40))",
    "水稻在春天播种，秋天收获。二〇二一年产量下降了百分之三。",
    "Question: how many bushels?\r\n\r\n\tAnswer: 12,345 — at least 😀.",
    "| year | yield |\n|------|-------|\n| 1921 | 2.1 |\n| 1922 | 3.4 |",
)


def texts(rows: int, start: int = 0) -> list[str]:
    """`rows` different texts of different lengths."""
    return [
        " ".join(f"{LINES[(row + step) % len(LINES)]} Row {row} of it, part {step}." for step in range(1 + row % 5))
        for row in range(start, start + rows)
    ]


def dataset(folder: Path, *shards: list[str]) -> Path:
    """A folder of Parquet shards with the columns of samples that lineage needs."""
    folder.mkdir(parents=True)
    for place, shard in enumerate(shards):
        rows = range(len(shard))
        table = pa.table(
            {
                "text": pa.array(shard, pa.string()),
                "sample_id": [f"{folder.name}-{place}-{row}" for row in rows],
                "prompt": [f"{folder.name}-prompt"] * len(shard),
                "model": ["small-model"] * len(shard),
                "request_id": [f"call-{place}-{row}" for row in rows],
                "parsed": ['{"question": "how many?", "answer": "12"}' if row % 2 else "{}" for row in rows],
            }
        )
        pq.write_table(table, folder / f"part-{place:05d}.parquet", row_group_size=7)
    return folder


@cache
def _trained(split: str, where: Path) -> Path:
    source = dataset(where / f"for-{split}", texts(60))
    settings = TrainTokenizer(vocabulary=420, split=split, min_frequency=1)  # type: ignore[arg-type]
    return train_tokenizer(source, where / split, settings)


def tokenizer_file(tmp_path_factory: object, split: str = "digits") -> Path:
    """A tokenizer.json of 420 tokens, trained once a session and way of cutting."""
    return _trained(split, tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
