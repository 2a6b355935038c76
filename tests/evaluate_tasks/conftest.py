"""Real models and files for the tests of evaluation."""

from pathlib import Path

import polars as pl
import pytest
from models import Shape, random_folder

COLUMNS = {"item_id": pl.String, "question": pl.String, "context": pl.String, "choices": pl.List(pl.String)} | {
    "answer": pl.String,
    "answer_index": pl.Int64,
}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama with a trained tokenizer; 512 tokens of context."""
    return random_folder(tmp_path_factory.mktemp("model"), Shape(hidden=32, heads=2, kv_heads=1))[0]


def benchmark(folder: Path, name: str, rows: list[dict[str, object]]) -> Path:
    """Write one benchmark file in the layout that blocks read."""
    full = [{"context": "", "choices": [], "answer": "", "answer_index": -1} | row for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    pl.DataFrame(full, schema=COLUMNS).write_parquet(path)
    return path


def block(folder: Path, text: str) -> str:
    """A folder of task blocks of one's own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    return str(folder)
