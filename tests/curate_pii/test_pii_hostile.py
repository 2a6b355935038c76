"""No text takes long: the work grows with the length and no faster."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.pii.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.pii import Pii

#: Pieces that begin or nearly end a match of some rule; a text of one of them, or two, many times over.
PIECES = (
    *(
        "@",
        "a@",
        "a@a.",
        "a.",
        "1",
        "1 ",
        "1-",
        "12.",
        "(1",
        "+1 ",
        "+1(",
        "00 1 ",
        "0",
        "07",
        "1:",
        "ab12:",
        "::",
        "f:",
    ),
    *("AB12 ", "AB12 CDEF ", "4111 1111 1111 1111 ", "4111 ", "123-45-", "123.456.789-", "X1234567", "tel ", "tel: 1 "),
    *("http://", "/", "-", ".", "_", " ", "\n", "中", "电话", "\x00", "a" * 50 + "@", "1" * 19, "2010 "),
)


def seconds(text: str) -> float:
    """CPU seconds of the stage on one text."""
    stage, frame = build(Pii(), 0), make_frame([text])
    begin = time.process_time()
    stage(frame)
    return time.process_time() - begin


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(PIECES), st.sampled_from(PIECES))
def test_repeating_any_two_pieces_stays_under_a_second_a_megabyte(one: str, two: str) -> None:
    text = (one + two) * (100_000 // len((one + two).encode()))
    # a tenth of a megabyte in a quarter of a second: room for a busy machine, none for a quadratic rule
    assert min(seconds(text), seconds(text)) < 2  # 0.1 is usual; a quadratic pattern needs minutes


@pytest.mark.slow
@pytest.mark.timeout(600)  # wall time on a busy machine; the CPU time is what counts
@pytest.mark.parametrize("unit", ["word ", "call 415-555-2671 or a.b@c.org. ", "12345678 ", "x", "a@"])
def test_fifty_megabytes_in_one_line_take_less_than_a_second_a_megabyte(unit: str) -> None:
    text = unit * (50_000_000 // len(unit))
    assert seconds(text) < 200
