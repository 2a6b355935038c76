"""What a figure was measured on."""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

LOAD_AT_START = os.getloadavg()[0]  # before our own work: what else the machine was doing


def _first(path: str, key: str) -> str:
    """The value of the first `key : value` line of a /proc file; "unknown" where there is none."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "unknown")


def describe() -> dict[str, object]:
    """Processor, cores, memory, kernel, Python, load and time: into every result file."""
    memory = _first("/proc/meminfo", "MemTotal").split()[0]
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory) / 1024**2, 1) if memory.isdigit() else None,
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "load_average_at_start": round(LOAD_AT_START, 2),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
