"""Texts that were made to break things: no crash, no lost row, no time that grows faster than the text."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.rules.stage import build
from tilth.curate.signals import c4
from tilth.curate.signals.measure import measure
from tilth.curate.signals.table import SIGNALS
from tilth.frames import make_frame
from tilth.recipe.stages.rules import Rules

NAMES = [name for name in SIGNALS if name != "bad_word_count"]
MEGABYTE = 1_000_000

#: One text of about the given bytes each.
SHAPES: dict[str, Callable[[int], str]] = {
    "one line of words": lambda size: "word and other " * (size // 15),
    "one token": lambda size: "x" * size,
    "one long word a line": lambda size: ("y" * 2000 + "\n") * (size // 2001),
    "one letter again and again": lambda size: "a " * (size // 2),
    "every word but one repeats": lambda size: "".join(f"a b {number} " for number in range(size // 10)),
    "repeats that interlock": lambda size: "a b c a b d " * (size // 12),
    "line feeds": lambda size: "\n" * size,
    "carriage returns": lambda size: "\r\n\r" * (size // 3),
    "control characters": lambda size: "\x00\x01\x1c\x7f" * (size // 4),
    "brackets": lambda size: "[" * size,
    "references": lambda size: "[1]" * (size // 3),
    "lines of references": lambda size: "one two three.[1][edit]\n" * (size // 24),
    "dots": lambda size: "." * size,
    "quotes at the end of words": lambda size: "a\"')] " * (size // 6),
    "policy phrases": lambda size: "use cookies " * (size // 12),
    "Chinese without a break": lambda size: "中文字" * (size // 9),
    "characters of four bytes": lambda size: "𝒳😀" * (size // 8),
    "long spaces": lambda size: "\u3000\u2028" * (size // 6),
    "mixed scripts": lambda size: "a中б한😀 " * (size // 14),
}

CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r\x00\x0b\x1c\x85\u2028\u3000 .…#•-[]{}\"'")
TEXTS = (
    st.text(CHARACTERS, max_size=80)
    | st.builds(lambda piece, times: piece * times, st.text(CHARACTERS, max_size=6), st.integers(0, 200))
    | st.sampled_from([make(300) for make in SHAPES.values()])
)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["en", "zh", "zh-Hant", "de", "", None])), max_size=6))
def test_no_text_breaks_the_stage_and_every_row_comes_out_in_its_place(rows: list[tuple[str, str | None]]) -> None:
    frame = make_frame([text for text, _ in rows], language=[language for _, language in rows])
    for given_ in ({}, {"presets": ["c4"], "c4_lines": "remove"}, {"measure": "needed"}):
        stage = build(Rules(**given_), seed=0)  # type: ignore[arg-type]
        found = stage(frame)
        assert found["key"].to_list() == frame["key"].to_list()
        assert set(found["reason"].drop_nulls()) <= set(stage.reasons)
        assert found["detail"].is_null().to_list() == found["reason"].is_null().to_list()
        if not stage.changes_text:
            assert found["text"].to_list() == frame["text"].to_list()
        stage.counts(found)


def test_no_expression_of_ours_repeats_inside_a_repeat() -> None:
    """Only such expressions, and those with two open repeats side by side, take more than linear time."""
    folder = Path(__file__).parents[2] / "src" / "tilth" / "curate"
    files = [path for part in ("signals", "rules") for path in (folder / part).glob("*.py")]
    patterns = [found for path in files for found in re.findall(r're\.compile\(\s*r?"(.*)"', path.read_text("utf-8"))]
    assert patterns
    for pattern in patterns:
        assert not re.search(r"[*+}]\)?[*+{]", pattern), pattern
        assert len(re.findall(r"(?<!\\)[*+]", pattern)) <= 1, pattern


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.integers(1, 40))
def test_lines_are_cut_the_same_in_pieces_as_at_once(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        whole = c4.kept_text(f"{text}\nThis line has five words.\n{text}")
        patch.setattr(c4, "_PIECE", size)
        assert c4.kept_text(f"{text}\nThis line has five words.\n{text}") == whole


def test_of_a_very_long_document_the_beginning_is_measured_and_counts_are_scaled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "A line of seven words, no less.\n# One of 5 more words here.\n"
    short, long = line * 100, line * 1000
    monkeypatch.setattr("tilth.curate.signals.measure.LOOK", len(short))
    one, other = (measure(pl.DataFrame({"text": [text]}), NAMES).row(0, named=True) for text in (short, long))
    assert other["character_count"] == len(long)
    for name in ("word_count", "line_count", "mark_count"):
        assert other[name] == pytest.approx(10 * one[name], rel=0.02), name
    assert other["stop_word_count"] == one["stop_word_count"]
    shares = [name for name in NAMES if "share" in name]
    assert [other[name] for name in shares] == pytest.approx([one[name] for name in shares], abs=0.03, nan_ok=True)
    assert measure(pl.DataFrame({"text": [long, None, "中" * len(long)]}), NAMES).height == 3


def seconds(text: str) -> float:
    """CPU time to measure every signal of one text."""
    started = time.process_time()
    measured = measure(pl.DataFrame({"text": [text]}), NAMES)
    assert len(measured) == 1
    return time.process_time() - started


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("shape", ["one token", "one letter again and again", "control characters", "line feeds"])
def test_a_document_of_fifty_megabytes_takes_less_than_a_second_a_megabyte(shape: str) -> None:
    text = SHAPES[shape](50 * MEGABYTE)
    assert seconds(text) < 200  # one second a megabyte is what is asked; the rest is for a slow machine


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_text_takes_about_four_times_as_long(shape: str) -> None:
    seconds("warm up")
    small, large = SHAPES[shape](MEGABYTE), SHAPES[shape](4 * MEGABYTE)
    once = min(seconds(small) for _ in range(2))
    assert seconds(large) < max(10.0, 13 * once)  # quadratic would be 16 times; the rest is for a busy machine


def test_a_stage_over_hostile_megabytes_gives_every_row_a_state() -> None:
    texts = [make(20_000) for make in SHAPES.values()]
    found = build(Rules(presets=["gopher-quality", "gopher-repetition", "c4", "fineweb", "chinese"]), seed=0)(
        make_frame(texts)
    )
    assert len(found) == len(texts)
    assert found["reason"].null_count() == 0
