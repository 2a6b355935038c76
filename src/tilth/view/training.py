"""A training run on the terminal: one line that is rewritten, JSON lines for logs, or nothing; and what it came to."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Literal, TextIO

import orjson

from tilth.train.progress import Progress
from tilth.train.run import Trained
from tilth.view.words import duration, short

Mode = Literal["auto", "live", "lines", "quiet"]

_REDRAW = 0.25  # seconds; faster is not read


class TrainingDisplay:
    """Shows progress. The display never ends a run: a closed standard error ends the display and nothing else."""

    def __init__(
        self,
        mode: Mode = "auto",
        *,
        stream: TextIO | None = None,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self.mode: Mode = mode if mode != "auto" else ("live" if self._stream.isatty() else "lines")
        self._every = _REDRAW if self.mode == "live" else every
        self._clock = clock
        self._shown: float | None = None

    def update(self, progress: Progress) -> None:
        """Show this, unless something was shown just before; the last step is always shown."""
        now = self._clock()
        last = progress.step == progress.steps
        if self.mode == "quiet" or (self._shown is not None and now - self._shown < self._every and not last):
            return
        self._shown = now
        line = f"\r{progress_line(progress)}\x1b[K" if self.mode == "live" else _json(progress)
        try:
            self._stream.write(line + ("\n" if self.mode == "lines" or last else ""))
            self._stream.flush()
        except (OSError, ValueError):  # the reader of our log went away; the run does not depend on it
            self.mode = "quiet"


def _json(progress: Progress) -> str:
    return orjson.dumps({"event": "progress", **asdict(progress)}).decode()


def progress_line(progress: Progress) -> str:
    """One moment of a run in a line of about 90 characters."""
    left = "" if progress.eta_seconds is None else f"   {duration(progress.eta_seconds)} left"
    return (
        f"step {progress.step:,} of {progress.steps:,}   {short(progress.tokens)} tokens   loss {progress.loss:.3f}   "
        f"rate {progress.learning_rate:.2e}   {short(progress.tokens_per_second)} tokens/s{left}"
    )


def trained_text(trained: Trained) -> str:
    """What a run came to, a fact a line."""
    end = "" if trained.diverged_at is None else f" at step {trained.diverged_at:,}: no checkpoint after it"
    lines = [
        f"state        {trained.state}{end}",
        f"parameters   {trained.parameters:,}",
        f"tokens       {trained.tokens:,} trained on, {trained.left:,} left",
        f"time         {duration(trained.seconds)}",
        *(f"checkpoint   {each.path}" for each in trained.checkpoints),
        *(f"special      {token} {count:,} times" for token, count in trained.special_tokens.items()),
    ]
    return "\n".join(lines)
