"""The run's event log: one JSON object a line, for people and machines who look afterwards.

Keys and headers never reach it: callers pass plain facts. A failure to write a line is not worth a run, and is ignored.
"""

import contextlib
import time
from pathlib import Path
from typing import Any

import orjson


class EventLog:
    """Appends events to a file; `path` None makes every call a no-op."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._counts: dict[str, int] = {}

    def event(self, kind: str, **facts: Any) -> None:
        """Append one event. Of each kind the first 1,000 are written in full, then one in a thousand, with its count:
        a storm of the same event must not fill the disk."""
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._path is None or (count > 1000 and count % 1000):
            return
        line = orjson.dumps({"time": round(time.time(), 3), "event": kind, "count": count, **facts}, default=str)
        with contextlib.suppress(OSError), self._path.open("ab") as file:
            file.write(line + b"\n")
