"""Small whole tables, such as labelled rows, as a frame. Sources of documents are read by `data.reading`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilth.base.errors import SourceError

if TYPE_CHECKING:
    import polars as pl


def read_rows(path: Path) -> "pl.DataFrame":
    """The table of a Parquet, JSON Lines or CSV file, by its name; raises `SourceError` where it cannot be read."""
    import polars as pl

    readers: dict[str, Any] = {
        ".parquet": pl.read_parquet,
        ".jsonl": pl.read_ndjson,
        ".ndjson": pl.read_ndjson,
        ".csv": pl.read_csv,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise SourceError(f"expected labelled rows in .parquet, .jsonl or .csv; saw {path}.")
    try:
        frame: pl.DataFrame = read(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"expected labelled rows in {path}; saw: {str(error).splitlines()[0][:200]}") from error
    return frame
