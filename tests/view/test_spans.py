"""Copied spans: found where a run is shared, and only there."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.view.spans import copied_spans, share

SENTENCE = "the lamp of the old tower stood high above the sea"


def cut(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in spans]


def test_a_run_of_six_words_is_marked_in_both_texts_whatever_its_case_and_punctuation():
    source = f"Long ago, {SENTENCE}, and keepers lit it."
    output = "Question? THE LAMP of the -- old tower! Then nothing."
    left, right = copied_spans(source, output)
    assert cut(source, left) == ["the lamp of the old tower"]
    assert cut(output, right) == ["THE LAMP of the -- old tower"]


def test_five_shared_words_are_no_copy():
    assert copied_spans("one two three four five six", "one two three four five 6") == ([], [])


def test_twelve_chinese_characters_are_marked_and_eleven_are_not():
    source = "堆肥是由植物残体腐烂而成的有机物质"
    eleven, twelve = (f"答：{source[:length]}。" for length in (11, 12))
    assert copied_spans(source, eleven) == ([], [])
    assert cut(twelve, copied_spans(source, twelve)[1]) == [source[:12]]


def test_a_mixed_run_counts_words_twice():
    source = "使用 Python asyncio 可以并发地运行代码"
    output = "请使用 python ASYNCIO 可以并发地运，完"
    assert cut(output, copied_spans(source, output)[1]) == ["使用 python ASYNCIO 可以并发地运"]
    assert copied_spans(source, "请用 python ASYNCIO 可以并发，完") == ([], [])


def test_the_same_run_copied_twice_is_marked_twice():
    output = f"{SENTENCE}. Again: {SENTENCE}."
    assert len(copied_spans(SENTENCE, output)[1]) == 2


def test_one_source_with_many_outputs_gives_each_its_own_spans():
    outputs = [SENTENCE, "nothing of it", f"new words first, then {SENTENCE}", SENTENCE]
    found = [cut(output, copied_spans(SENTENCE, output)[1]) for output in outputs]
    assert found == [[SENTENCE], [], [SENTENCE], [SENTENCE]]


def test_empty_texts_have_no_spans():
    assert copied_spans("", "") == copied_spans(SENTENCE, "") == copied_spans("", SENTENCE) == ([], [])


def test_share_is_the_part_of_the_text_that_is_covered():
    assert share([(0, 5), (10, 15)], 20) == 0.5
    assert share([], 0) == 0


texts = st.text(alphabet="abc 堆肥是由.\n", max_size=200)


@settings(deadline=None, max_examples=150)
@given(texts, texts, st.integers(0, 3))
def test_spans_are_exactly_the_tokens_of_shared_runs(source: str, output: str, seed: int):
    """Against a slow reading of the definition: every pair of places, every length."""
    output = source[seed * 5 :] + output if seed else output
    for text, spans, want in zip((source, output), copied_spans(source, output), _slow(source, output), strict=True):
        marked = {place for start, end in spans for place in range(start, end)}
        assert spans == sorted(spans)
        assert all(start < end for start, end in spans)
        tokens = [match.span() for match in _TOKENS.finditer(text)]
        assert {at for at, (start, _) in enumerate(tokens) if start in marked} == want


_TOKENS = re.compile(r"[堆肥是由]|[abc]+")


def _slow(source: str, output: str) -> tuple[set[int], set[int]]:
    left, right = _TOKENS.findall(source), _TOKENS.findall(output)
    found: tuple[set[int], set[int]] = (set(), set())
    for i in range(len(left)):
        for j in range(len(right)):
            length = weight = 0
            while i + length < len(left) and j + length < len(right) and left[i + length] == right[j + length]:
                weight += 2 if left[i + length].isascii() else 1
                length += 1
                if weight >= 12:
                    found[0].update(range(i, i + length))
                    found[1].update(range(j, j + length))
    return found
