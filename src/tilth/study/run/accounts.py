"""What each part of a study cost, kept over sessions: a part that is there already was paid for when it was made.

Processor seconds and seconds on the clock, by what they were spent on. The share that is neither generation, training
nor scoring is the study's own overhead.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from tilth.base.files import read_json, write_json
from tilth.study.about import Hours

#: generation: sources read and curated, text written. data: tokenizer, tokens, mixtures. own: all else of a study.
Purpose = Literal["generation", "data", "training", "scoring", "own"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
_FORMAT = 1


class Accounts:
    """Costs by part, in `costs.json`; written after each part, so that a kill loses that of one part at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: dict[str, dict[str, Any]] = {}
        if path.exists():
            self._parts = read_json(path)["parts"]

    def add(self, part: str, purpose: Purpose, seconds: float, held: float, *, gpu: bool = False) -> None:
        """Add processor seconds and seconds on the clock to a part's cost of one kind."""
        entry = self._parts.setdefault(f"{part}|{purpose}", {"seconds": 0.0, "held": 0.0, "gpu": False})
        entry["seconds"] += seconds
        entry["held"] += held
        entry["gpu"] = entry["gpu"] or gpu
        write_json(self._path, {"format": _FORMAT, "parts": self._parts})

    @contextmanager
    def spent(self, part: str, purpose: Purpose) -> Iterator[None]:
        """Add what the block costs, its child processes included."""
        before, clock = _processor_seconds(), time.monotonic()
        try:
            yield
        finally:
            self.add(part, purpose, _processor_seconds() - before, time.monotonic() - clock)

    def hours(self, part: str, purpose: Purpose) -> Hours:
        """What a part cost. On a GPU the clock counts for it, and processor time for the CPU."""
        entry = self._parts.get(f"{part}|{purpose}")
        if entry is None:
            return Hours()
        return Hours(cpu=entry["seconds"] / 3600, gpu=entry["held"] / 3600 if entry["gpu"] else 0.0)

    def total(self, purpose: Purpose) -> float:
        """Processor seconds spent for a purpose, over all sessions; where a GPU did it, seconds on the clock."""
        return sum(
            float(entry["held"] if entry["gpu"] else entry["seconds"])
            for name, entry in self._parts.items()
            if name.endswith(f"|{purpose}")
        )

    def overhead(self) -> float | None:
        """The share that was neither generation, training nor scoring; None before anything was done."""
        own = self.total("data") + self.total("own")
        every = own + self.total("generation") + self.total("training") + self.total("scoring")
        return own / every if every else None

    def clock(self) -> float:
        """Hours on the clock of training and scoring, over all workers and sessions."""
        kinds = ("|training", "|scoring")
        return sum(float(entry["held"]) for name, entry in self._parts.items() if name.endswith(kinds)) / 3600


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
