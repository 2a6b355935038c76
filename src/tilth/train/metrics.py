"""Metrics of a run in one Parquet file, rewritten whole: a resume keeps the rows up to its step and writes on."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tilth.data.dataset import write_shard
from tilth.data.training import METRICS

NAME = "metrics.parquet"


class Metrics:
    """The rows of a run. `path` None: they are not written, since another process does."""

    def __init__(self, path: Path | None, resumed: int) -> None:
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._before = METRICS.empty_table()
        if path is not None and path.exists():
            table = pq.read_table(path).cast(METRICS)
            self._before = table.filter(pc.less_equal(table["step"], resumed))

    @property
    def seconds(self) -> float:
        """Of training up to the last row."""
        if self._rows:
            return float(self._rows[-1]["seconds"])
        return float(pc.max(self._before["seconds"]).as_py() or 0.0)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row with the columns of `METRICS`."""
        self._rows.append(row)

    def write(self) -> None:
        """Write all rows; about 60 bytes each."""
        if self._path is not None:
            self._before = pa.concat_tables([self._before, pa.Table.from_pylist(self._rows, METRICS)]).combine_chunks()
            self._rows = []
            write_shard(self._path, self._before)
