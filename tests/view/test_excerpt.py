"""Excerpts: nothing lost without being counted, copied spans kept in sight."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.view.excerpt import Part, excerpt, shrink


def shown(parts: list[Part]) -> str:
    return "".join("".join(part) for part in parts if isinstance(part, list))


def length(parts: list[Part]) -> int:
    return sum(part if isinstance(part, int) else len("".join(part)) for part in parts)


def test_a_short_text_is_whole_with_its_spans_at_odd_places():
    assert excerpt("plain copied plain", [(6, 12)], 100) == [["plain ", "copied", " plain"]]


def test_a_copied_span_far_down_is_shown_with_its_surroundings():
    text = "word " * 4000 + "HERE IS THE COPY" + " tail" * 4000
    parts = excerpt(text, [(20_000, 20_016)], 1000)
    marked = [string for part in parts if isinstance(part, list) for string in part[1::2]]
    assert marked == ["HERE IS THE COPY"]
    assert len(shown(parts)) <= 1000 + 3 * 24
    assert isinstance(parts[1], int)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab \n堆", max_size=600), st.lists(st.integers(0, 600), max_size=12), st.integers(0, 300))
def test_what_is_shown_and_what_is_counted_make_up_the_text(text: str, cuts: list[int], room: int):
    places = sorted({min(cut, len(text)) for cut in cuts})
    spans = list(zip(places[::2], places[1::2], strict=False))
    parts = excerpt(text, spans, room)
    assert length(parts) == len(text)
    at = 0
    for part in parts:
        if isinstance(part, int):
            assert part > 0
            at += part
            continue
        for string in part:
            assert text.startswith(string, at)
            at += len(string)
    smaller = shrink(parts, room // 2)
    assert length(smaller) == len(text)
    assert len(shown(smaller)) <= room // 2
