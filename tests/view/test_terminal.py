"""Hostile text on a terminal: shown, never obeyed."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.view.terminal import one_line, printable


def test_escape_sequences_become_symbols():
    assert printable("\x1b[31mred\x07\x9b2J") == "␛[31mred␇‹U+009B›2J"


def test_bidirectional_controls_are_named():
    assert printable("a\u202eb") == "a‹U+202E›b"


def test_tabs_newlines_and_other_scripts_stay():
    text = "a\tb\nc 堆肥 é ♞ עברית"
    assert printable(text) == text


def test_windows_line_ends_become_newlines():
    assert printable("a\r\nb\rc") == "a\nb␍c"


def test_one_line_is_one_line_and_bounded():
    assert one_line("a\n\n b\tc") == "a b c"
    assert len(one_line("x" * 1000, 50)) == 50


@settings(deadline=None)
@given(st.text())
def test_nothing_unprintable_is_left(text: str):
    for character in printable(text):
        assert character in "\t\n" or unicodedata.category(character) not in {"Cc", "Cs"}
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }
