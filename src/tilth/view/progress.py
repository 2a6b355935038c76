"""The display of a run while it runs: a live panel, JSON lines for logs, or nothing.

Three modes: "live" draws a Rich panel on the terminal four times a second, from whatever snapshot came last; "lines"
writes one JSON object a line, at most one every few seconds, and a last one at the end; "quiet" writes nothing. "auto"
is live on a terminal that can draw and lines elsewhere. `update` only stores numbers (about 2 microseconds), so call it
freely. The display never raises into the run: a closed standard error ends the display and nothing else.
"""

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TextIO

import orjson

from tilth.base.progress import Snapshot
from tilth.view.terminal import one_line
from tilth.view.words import duration, money, percent, reason_words, short

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

Mode = Literal["auto", "live", "lines", "quiet"]

_TOP_REASONS = 5
_MEMORY = 20.0  # seconds: time constant of the rate; shorter is nervous, longer is late when the server slows down
_SLOWEST_BEAT = 0.5  # seconds between two readings of the rate; closer ones measure the batching of answers


class Rate:
    """Units a second as an exponentially weighted mean over about `_MEMORY` seconds, and the time left from it."""

    def __init__(self) -> None:
        self.value: float | None = None
        self._step: str | None = None
        self._done = 0
        self._when = 0.0

    def update(self, snapshot: Snapshot, now: float) -> None:
        """Take in a snapshot seen at `now`. Another step, or a count that fell, starts anew."""
        if snapshot.step != self._step or snapshot.done < self._done:
            self.value, self._step = None, snapshot.step
            self._done, self._when = snapshot.done, now
            return
        passed = now - self._when
        if passed < _SLOWEST_BEAT:
            return
        rate = (snapshot.done - self._done) / passed
        weight = -math.expm1(-passed / _MEMORY)
        self.value = rate if self.value is None else self.value + weight * (rate - self.value)
        self._done, self._when = snapshot.done, now

    def seconds_left(self, snapshot: Snapshot) -> float | None:
        """Seconds to the end of the step, never negative; None where the total or the rate is unknown."""
        if snapshot.total is None:
            return None
        left = max(snapshot.total - snapshot.done, 0)
        if left == 0:
            return 0.0
        return left / self.value if self.value and self.value > 1e-9 else None


class Progress:
    """Shows snapshots of a run; a context manager. `update` may be called from any thread or coroutine, often."""

    def __init__(
        self,
        mode: Mode = "auto",
        *,
        title: str = "",
        stream: TextIO | None = None,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self.mode: Mode = mode if mode != "auto" else ("live" if _can_draw(self._stream) else "lines")
        self._title = one_line(title, 60)
        self._every = every
        self._clock = clock
        self._rate = Rate()
        self._last: Snapshot | None = None
        self._written: tuple[float, str] | None = None  # when and of which step the last line was
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.mode == "live":
            self._live = self._open_live()
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.stop()
            self._live = None
        elif self.mode == "lines" and self._last is not None:
            self._write("end", self._fields(self._last))

    def update(self, snapshot: Snapshot) -> None:
        """Show this from now on."""
        now = self._clock()
        self._rate.update(snapshot, now)
        self._last = snapshot
        if self.mode == "lines" and self._due(snapshot, now):
            self._written = (now, snapshot.step)
            self._write("progress", self._fields(snapshot))

    def message(self, text: str) -> None:
        """Say something once: above the panel, or as a line of its own; quiet says nothing."""
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(one_line(text, 1000)))
        elif self.mode == "lines":
            self._write("message", {"text": one_line(text, 1000)})

    def render(self) -> "RenderableType":
        """The panel of the last snapshot, as a Rich renderable."""
        from rich.text import Text

        if self._last is None:
            return Text(f"{self._title} starting …".strip())
        return panel(self._last, self._rate, self._clock(), self._title)

    def _open_live(self) -> "Live":
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        return Live(console=console, get_renderable=self.render, refresh_per_second=4, redirect_stdout=False)

    def _due(self, snapshot: Snapshot, now: float) -> bool:
        return self._written is None or snapshot.step != self._written[1] or now - self._written[0] >= self._every

    def _fields(self, snapshot: Snapshot) -> dict[str, Any]:
        left = self._rate.seconds_left(snapshot)
        fields = asdict(snapshot) | {"reasons": dict(snapshot.reasons)}
        seconds = self._clock() - fields.pop("started")
        return fields | {
            "units_per_second": None if self._rate.value is None else round(self._rate.value, 3),
            "eta_seconds": None if left is None else round(left, 1),
            "seconds": round(max(seconds, 0.0), 1),
        }

    def _write(self, event: str, fields: dict[str, Any]) -> None:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        line = orjson.dumps({"event": event, "time": when, **fields}, option=orjson.OPT_NON_STR_KEYS)
        try:
            self._stream.write(line.decode() + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # the reader of our log went away; the run does not depend on it
            self.mode = "quiet"


def _can_draw(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def panel(snapshot: Snapshot, rate: Rate, now: float, title: str = "") -> "RenderableType":
    """One snapshot as a Rich panel; `now` is on the clock of `snapshot.started`."""
    from rich import box
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(ratio=1)
    left = rate.seconds_left(snapshot)
    eta = "" if left is None else f"   {duration(left)} left"
    grid.add_row("done", Text(_done(snapshot) + eta))
    if snapshot.total:
        grid.add_row("", _bar(snapshot))
    grid.add_row("rate", Text(_rates(snapshot, rate)))
    grid.add_row("spent", Text(_spent(snapshot)))
    grid.add_row("kept", _kept(snapshot))
    if snapshot.alarms:
        grid.add_row("alarms", Text(f"{snapshot.alarms:,}: the outputs grow alike", style="bold yellow"))
    if snapshot.limiting:
        grid.add_row("held by", Text(one_line(snapshot.limiting)))
    grid.add_row("running", Text(duration(now - snapshot.started)))
    names = [name for name in (title, one_line(snapshot.step, 60), one_line(snapshot.phase, 60)) if name]
    return Panel(grid, title=Text(" · ".join(names)), title_align="left", box=box.ROUNDED, border_style="dim")


def _bar(snapshot: Snapshot) -> "RenderableType":
    from rich.progress_bar import ProgressBar

    return ProgressBar(total=snapshot.total, completed=min(snapshot.done, snapshot.total or 0))


def _done(snapshot: Snapshot) -> str:
    if snapshot.total is None:
        return f"{snapshot.done:,}"
    return f"{snapshot.done:,} of {snapshot.total:,}   {percent(snapshot.done, snapshot.total)}"


def _rates(snapshot: Snapshot, rate: Rate) -> str:
    parts = [f"{(rate.value if rate.value is not None else snapshot.requests_per_second):,.1f} units/s"]
    if snapshot.tokens_per_second:
        parts.append(f"{short(snapshot.tokens_per_second)} tokens/s")
    if snapshot.limit or snapshot.in_flight:
        of = f" of {snapshot.limit:,}" if snapshot.limit else ""
        parts.append(f"{snapshot.in_flight:,}{of} in flight")
    return "   ".join(parts)


def _spent(snapshot: Snapshot) -> str:
    cap = "" if snapshot.cap is None else f" of {money(snapshot.cap, snapshot.currency)}"
    tokens_cap = "" if snapshot.tokens_cap is None else f" of {short(snapshot.tokens_cap)}"
    return f"{money(snapshot.spent, snapshot.currency)}{cap}   {short(snapshot.tokens)}{tokens_cap} tokens"


def _kept(snapshot: Snapshot) -> "RenderableType":
    from rich.text import Text

    lost = sum(snapshot.reasons.values())
    text = Text(f"{snapshot.kept:,}")
    if not lost:
        return text
    top = sorted(snapshot.reasons.items(), key=lambda item: (-item[1], item[0]))
    words = ", ".join(f"{reason_words(name)} {count:,}" for name, count in top[:_TOP_REASONS])
    more = f", {len(top) - _TOP_REASONS} more reasons" if len(top) > _TOP_REASONS else ""
    return text.append(f"   not kept {lost:,}: ", style="dim").append(words + more)
