"""The live display, the lines for logs, and the time left."""

import contextlib
import io
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tilth.base.progress import Snapshot
from tilth.view.progress import Progress, Rate, panel

REASONS = {"format_faq": 30, "refused:no_steps": 20, "loop": 10, "empty": 5, "cut": 4, "echo": 2, "language": 1}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def snapshot(done: int, **more) -> Snapshot:
    fields = {"step": "rephrased", "phase": "generating", "done": done, "total": 1000, "kept": done, "started": 100.0}
    return Snapshot(**fields | more)


def rendered(progress: Progress) -> str:
    console = Console(file=io.StringIO(), record=True, width=100, color_system=None)
    console.print(progress.render())
    return console.export_text()


def test_the_panel_says_rate_time_left_spend_reasons_and_what_holds_it():
    clock = Clock()
    progress = Progress("live", title="demo", stream=io.StringIO(), clock=clock)
    progress.update(snapshot(0))
    clock.now += 10
    more = {"reasons": REASONS, "spent": 1.234, "cap": 5.0, "tokens": 3_210_000, "tokens_cap": 10_000_000}
    load = {"in_flight": 256, "limit": 512, "tokens_per_second": 52_100.0, "limiting": "the server answers 429"}
    progress.update(snapshot(500, alarms=2, **more, **load))
    text = rendered(progress)
    assert "demo · rephrased · generating" in text
    assert "500 of 1,000   50.0 %   10.0 s left" in text
    assert "50.0 units/s   52.1k tokens/s   256 of 512 in flight" in text
    assert "1.23 USD of 5.00 USD   3.2M of 10.0M tokens" in text
    assert "not kept 72: format faq 30, refused: no steps 20, loop 10, empty 5, cut 4, 2 more" in " ".join(text.split())
    assert "2: the outputs grow alike" in text
    assert "the server answers 429" in text


def test_without_a_total_there_is_no_time_left():
    clock = Clock()
    progress = Progress("live", stream=io.StringIO(), clock=clock)
    progress.update(snapshot(0, total=None))
    clock.now += 5
    progress.update(snapshot(50, total=None))
    assert "left" not in rendered(progress)


def test_the_rate_counts_this_session_only_and_follows_a_change():
    rate = Rate()
    rate.update(snapshot(900), 0)
    for second in range(1, 11):
        rate.update(snapshot(900 + second), second)
    assert rate.value == pytest.approx(1.0)  # 900 came from a run before
    for second in range(11, 101):
        rate.update(snapshot(910 + 5 * (second - 10)), second)
    assert rate.value == pytest.approx(5.0, rel=0.02)


def test_another_step_starts_the_rate_anew():
    rate = Rate()
    rate.update(snapshot(0, step="documents"), 0)
    rate.update(snapshot(1000, step="documents"), 1)
    rate.update(snapshot(0), 2)
    assert rate.value is None
    assert rate.seconds_left(snapshot(0)) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2000), st.floats(0, 100), st.none() | st.integers(0, 1500)), min_size=1))
def test_the_time_left_is_never_negative_and_every_snapshot_renders(moments: list[tuple[int, float, int | None]]):
    rate, now = Rate(), 0.0
    for done, passed, total in moments:
        now += passed
        rate.update(snapshot(done, total=total), now)
        left = rate.seconds_left(snapshot(done, total=total))
        assert left is None or left >= 0
    Console(file=io.StringIO(), width=60).print(panel(snapshot(done, total=total), rate, now))


def test_lines_are_json_one_every_few_seconds_and_a_last_one():
    clock, stream = Clock(), io.StringIO()
    with Progress("lines", stream=stream, every=5.0, clock=clock) as progress:
        for second in range(12):
            clock.now = 100.0 + second
            progress.update(snapshot(second * 10, reasons=REASONS))
        progress.message("one engine is away\x1b[31m")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["progress", "progress", "progress", "message", "end"]
    assert [line["done"] for line in lines if "done" in line] == [0, 50, 100, 110]
    assert lines[-1]["reasons"] == REASONS
    assert lines[-1]["units_per_second"] == pytest.approx(10.0)
    assert lines[-1]["eta_seconds"] == pytest.approx(89.0)
    assert lines[3]["text"] == "one engine is away␛[31m"


def test_a_new_step_is_reported_at_once():
    clock, stream = Clock(), io.StringIO()
    with Progress("lines", stream=stream, every=60.0, clock=clock) as progress:
        progress.update(snapshot(1, step="documents"))
        progress.update(snapshot(2, step="documents"))
        progress.update(snapshot(0))
    steps = [json.loads(line)["step"] for line in stream.getvalue().splitlines()]
    assert steps == ["documents", "rephrased", "rephrased"]


def test_quiet_writes_nothing():
    stream = io.StringIO()
    with Progress("quiet", stream=stream) as progress:
        progress.update(snapshot(1))
        progress.message("hello")
    assert stream.getvalue() == ""


def test_auto_is_live_only_on_a_terminal_that_can_draw(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    assert Progress("auto", stream=io.StringIO()).mode == "lines"
    leader, follower = os.openpty()
    with os.fdopen(leader, "rb", buffering=0), os.fdopen(follower, "w") as terminal:
        assert Progress("auto", stream=terminal).mode == "live"
        monkeypatch.setenv("TERM", "dumb")
        assert Progress("auto", stream=terminal).mode == "lines"


def test_live_draws_on_a_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as terminal, Progress("live", title="demo", stream=terminal) as progress:
        progress.update(snapshot(250))
        progress.message("hello from the run")
    drawn = b""
    with os.fdopen(leader, "rb", buffering=0) as screen, contextlib.suppress(OSError):  # the other end is closed
        while block := screen.read(65536):
            drawn += block
    assert "250 of 1,000" in drawn.decode()
    assert "hello from the run" in drawn.decode()


def test_a_closed_stream_ends_the_display_and_not_the_run():
    stream = io.StringIO()
    with Progress("lines", stream=stream, every=0.0) as progress:
        progress.update(snapshot(1))
        stream.close()
        progress.update(snapshot(2))
        progress.update(snapshot(3))


def test_hostile_names_do_not_reach_the_terminal():
    progress = Progress("live", title="a\x1b[2Jb", stream=io.StringIO())
    progress.update(snapshot(1, step="s\x1b]0;x\x07", reasons={"r\x1b[31m": 1}, limiting="l\x9b"))
    assert not set("\x1b\x07\x9b") & set(rendered(progress))
