"""Which reader reads which format. A new format is one file beside this one and one line here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

from tilth.data.batch import Batch, Found
from tilth.data.files import SourceFile
from tilth.data.readers import csv, jsonl, parquet, text, warc
from tilth.data.readers.head import Head
from tilth.data.rejects import Reject
from tilth.data.source import SourceSpec

Rows = Callable[[SourceFile, SourceSpec], Iterator[Found | Reject]]
Batches = Callable[[SourceFile, SourceSpec, int], Iterator[Batch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How one format is read: `check` looks at a file's start; then `rows` one by one, or `batches` by columns."""

    check: Callable[[SourceFile, SourceSpec], Head]
    rows: Rows | None = None
    batches: Batches | None = None
    one_a_file: bool = False  # a file is one document: files are worth putting into one batch


READERS = MappingProxyType(
    {
        "parquet": Reader(check=parquet.check, batches=parquet.batches),
        "jsonl": Reader(check=jsonl.check, rows=jsonl.rows),
        "csv": Reader(check=csv.check, rows=csv.rows),
        "text": Reader(check=text.check, rows=text.text_rows, one_a_file=True),
        "html": Reader(check=text.check, rows=text.html_rows, one_a_file=True),
        "warc": Reader(check=warc.check, rows=warc.rows),
    }
)
