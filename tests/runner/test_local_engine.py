"""A whole run with a real model on this machine's CPU: random weights, so texts are noise and states are real."""

import importlib.util
from pathlib import Path

import pytest
from models import Shape, random_folder
from recipes import make_documents, make_recipe, rows_of

from tilth.api import run
from tilth.runner.crash import digests
from tilth.runner.verify import verify_run


@pytest.mark.skipif(importlib.util.find_spec("openvino_genai") is None, reason="the extra local is not installed")
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_with_openvino_ends_every_row_and_gives_the_same_bytes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, _ = random_folder(tmp_path / "model", Shape(context=4096))
    source = make_documents(tmp_path / "docs.parquet", 6)
    settings = {
        "model": {"engine": "openvino", "model": str(folder), "context": 4096, "max_in_flight": 4},
        "sampling": {"max_tokens": 24, "temperature": 1.0},
        "fit": {"document_tokens": 100},
        "checks": {"retries": 0},
    }
    for name in ("one", "two"):
        result = run(make_recipe(source, **settings), tmp_path / name)
        book = result.ledger["steps"][1]["ledger"]
        routing = result.ledger["steps"][1]["routing"]
        assert routing["in"] == 6
        assert book["in"] == book["kept"] + sum(book["reasons"].values()) == routing["kept"] == 6, routing
        assert result.ledger["cost"]["completion_tokens"] > 0
        assert verify_run(tmp_path / name).sound
    rows = rows_of(tmp_path / "one") + rows_of(tmp_path / "one", dropped=True)
    assert {row["cut_how"] for row in rows} == {"tokens"}
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
