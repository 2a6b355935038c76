"""Shared by the tests of sources: write a file, read a source whole, and the rule that holds for every batch."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.data.batch import Batch
from tilth.data.files import list_files
from tilth.data.reading import check_source, read_files
from tilth.data.rejects import REASONS
from tilth.data.schema import DOCUMENTS, REJECTS
from tilth.data.source import SourceSpec

Row = dict[str, Any]


def spec_of(source: str | list[str], **settings: Any) -> SourceSpec:
    return SourceSpec.model_validate({"source": source, **settings})


def batches_of(base: Path, spec: SourceSpec, *, check: bool = True, batch_rows: int = 1000) -> list[Batch]:
    files = list_files(spec, base)
    if check:
        check_source(spec, files)
    batches = list(read_files(files, spec, batch_rows=batch_rows))
    for batch in batches:
        assert batch.documents.schema == DOCUMENTS
        assert batch.rejects.schema == REJECTS
        assert batch.inputs == batch.documents.num_rows + batch.rejects.num_rows > 0
        batch.documents.validate(full=True)
        batch.rejects.validate(full=True)
        assert set(batch.rejects["reason"].to_pylist()) <= set(REASONS)
        for name in ("doc_id", "text", "origin", "content_hash"):
            assert not batch.documents[name].null_count
    return batches


def read_all(
    base: Path, source: str | list[str], *, check: bool = True, batch_rows: int = 1000, **settings: Any
) -> tuple[list[Row], list[Row]]:
    """Documents and rejects of a source."""
    batches = batches_of(base, spec_of(source, **settings), check=check, batch_rows=batch_rows)
    documents = [row for batch in batches for row in batch.documents.to_pylist()]
    rejects = [row for batch in batches for row in batch.rejects.to_pylist()]
    return documents, rejects


def texts(rows: list[Row]) -> list[str]:
    return [row["text"] for row in rows]


def reasons(rows: list[Row]) -> list[tuple[int, str]]:
    return [(row["position"], row["reason"]) for row in rows]


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, columns: Row, **settings: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **settings)
    return path
