"""The Parquet shards of a dataset, and their texts in batches of bounded size."""

from collections.abc import Iterator
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import SourceError
from tilth.data.dataset import file_digest, read_manifest

#: Rows read at once at most, before their bytes are known. A row group written by tilth has 10,000.
_ROWS = 1000
#: The file that makes a folder a run; the folders in it are the datasets of its steps.
_RUN = "recipe.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceShard:
    """One Parquet file: its rows and the bytes of its text column as the file states them, unpacked."""

    path: Path
    rows: int
    text_bytes: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Texts of consecutive rows; a null text is an empty one."""

    first_row: int
    texts: pl.Series


def source_folder(data: Path) -> Path:
    """The folder that the shards of `data` lie in: itself, or that of a Parquet file or glob."""
    return data.parent if data.is_file() or has_magic(data.name) else data


def source_shards(data: Path, column: str = "text") -> list[SourceShard]:
    """The shards in order of their names; raises SourceError where there is no dataset or no such text column.

    `data`: the folder of a dataset or of a step of a run, a Parquet file, or a glob of files in one folder. Digests
    come from the dataset's manifest where it has one, else from reading each file once.
    """
    folder = source_folder(data)
    paths = sorted(folder.glob("*.parquet" if folder == data else data.name))
    manifest = read_manifest(folder)
    if not paths:
        raise SourceError(f"expected Parquet shards in {data}; saw none. {_instead(data)}")
    if manifest is None and (folder.parent / _RUN).is_file():
        raise SourceError(
            f"expected a finished step in {folder}; it has no manifest.json, so its run is not done. "
            "Complete it with tilth run first."
        )
    known = {f"{shard.name}.parquet": shard.digest for shard in manifest.shards} if manifest else {}
    return [_describe(path, column, known.get(path.name)) for path in paths]


def _instead(data: Path) -> str:
    steps = sorted(path.parent.name for path in data.glob("*/manifest.json")) if (data / _RUN).is_file() else []
    if steps:
        return f"It is a run: give one of its finished steps ({', '.join(steps)}), such as {data / steps[-1]}."
    return "Give the folder of a finished dataset, a step of a run, or a Parquet file."


def _describe(path: Path, column: str, digest: str | None) -> SourceShard:
    try:
        metadata = pq.read_metadata(path)
        kind = pq.read_schema(path).field(column).type
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise SourceError(f"expected a Parquet file with a column {column!r} at {path}; saw: {error}") from error
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise SourceError(f"expected text in column {column!r} of {path}; saw {kind}.")
    place = metadata.schema.names.index(column)
    unpacked = sum(
        metadata.row_group(group).column(place).total_uncompressed_size for group in range(metadata.num_row_groups)
    )
    return SourceShard(
        path=path, rows=metadata.num_rows, text_bytes=unpacked, digest=digest if digest else file_digest(path)
    )


def source_batches(path: Path, column: str, most_bytes: int) -> Iterator[Batch]:
    """The texts of one shard in batches of at most `most_bytes`, but for a longer text, which is alone."""
    first = 0
    with pq.ParquetFile(path) as file:
        for rows in file.iter_batches(batch_size=_ROWS, columns=[column]):
            texts = pl.Series(pl.from_arrow(rows.column(0))).cast(pl.String).fill_null("")
            sizes = texts.str.len_bytes().cum_sum().to_numpy()
            start = 0
            while start < len(texts):
                before = int(sizes[start - 1]) if start else 0
                stop = max(start + 1, int(sizes.searchsorted(before + most_bytes, side="right")))
                yield Batch(first_row=first + start, texts=texts[start:stop])
                start = stop
            first += len(texts)
