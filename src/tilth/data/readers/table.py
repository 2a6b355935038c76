"""Which reader reads which format. A new format is one file and one line here."""

from collections.abc import Callable, Iterator

from tilth.data.readers import csv, jsonl, parquet, warc, whole
from tilth.data.readers.batch import Batch
from tilth.data.readers.files import SourceFile
from tilth.data.source import SourceSpec

READERS: dict[str, Callable[[SourceFile, SourceSpec, int], Iterator[Batch]]] = {
    "parquet": parquet.read,
    "jsonl": jsonl.read,
    "csv": csv.read,
    "text": whole.read_text,
    "html": whole.read_html,
    "warc": warc.read,
}
#: What can be proved of a file before the run; the other formats have no columns.
CHECKS: dict[str, Callable[[SourceFile, SourceSpec], None]] = {
    "parquet": parquet.check,
    "jsonl": jsonl.check,
    "csv": csv.check,
}


def read_file(file: SourceFile, spec: SourceSpec, *, batch_rows: int = 1000) -> Iterator[Batch]:
    """The batches of a file, in its own order: the same file gives the same batches for the same `batch_rows`."""
    return READERS[file.format](file, spec, batch_rows)
