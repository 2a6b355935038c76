import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.curate.decontaminate.ngrams import ngrams, sieve
from tilth.curate.decontaminate.tokens import _BLOCK, tokenise

PLAIN = "What is x 2 over 3 when the café opens"


def words(text: str) -> list[str]:
    found = tokenise([text])
    return [text[start:end] for start, end in zip(found.starts, found.ends, strict=True)]


@pytest.mark.parametrize(
    "other",
    [
        "what is X 2\n over 3\n\nwhen the CAFÉ opens",
        "**What** is _x_^2 over $3$ when the `café` opens?!",
        "| What | is x² | over 3 | when the cafe opens |",
        "> - What is \\mathbf{x}^{2} \\over over 3,\n> - when the cafe\u0301 opens",
        "Ｗｈａｔ　ｉｓ x²over 3 when the café opens".replace("²over", "² over"),
        "<p class='a'>What is <i>x</i> 2 over 3 when&nbsp;the ca\u00adfé opens</p>",
        "What is [x 2](https://example.org/a_b?c=d) over 3 when the café opens",
    ],
)
def test_layout_case_width_and_markup_leave_no_trace(other: str) -> None:
    assert tokenise([other]).hashes.tolist() == tokenise([PLAIN]).hashes.tolist()


def test_other_words_and_other_numbers_are_other_tokens() -> None:
    found = tokenise(["2 hens", "3 hens", "2 hen"]).hashes.tolist()
    assert found[0] != found[2]
    assert found[1] == found[3] != found[5]


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert words("用Python写代码") == ["用", "Python", "写", "代", "码"]
    assert words("ひらがな 한국어") == ["ひ", "ら", "が", "な", "한국어"]
    assert words("a < b and c > d") == ["a", "b", "and", "c", "d"]


@settings(deadline=None, max_examples=80)
@given(st.lists(st.text(max_size=200), max_size=8))
def test_a_text_gives_the_same_tokens_whatever_is_beside_it(texts: list[str]) -> None:
    together = tokenise(texts)
    for number, text in enumerate(texts):
        alone = tokenise([text])
        begin, end = together.bounds[number], together.bounds[number + 1]
        assert together.hashes[begin:end].tolist() == alone.hashes.tolist()
        assert together.starts[begin:end].tolist() == alone.starts.tolist()
        assert together.ends[begin:end].tolist() == alone.ends.tolist()


@settings(deadline=None, max_examples=80)
@given(st.text(alphabet=st.sampled_from("ab1中<>/\\$&;[](=) \n\u0301\ud800"), max_size=120))
def test_places_lie_in_the_text_in_order_whatever_the_markup(text: str) -> None:
    found = tokenise([text])
    assert ((found.starts >= 0) & (found.ends <= len(text)) & (found.starts < found.ends)).all()
    assert (found.starts[1:] >= found.ends[:-1]).all()


def test_a_text_longer_than_a_block_keeps_its_places() -> None:
    text = "alpha beta " * (_BLOCK // 8)
    found = tokenise(["short", text])
    assert found.bounds[2] - found.bounds[1] == 2 * (_BLOCK // 8)
    assert len(set(found.hashes.tolist())) == 3
    assert (found.ends - found.starts == np.where(found.hashes == found.hashes[1], 5, found.ends - found.starts)).all()
    last = len(found) - 1
    assert text[found.starts[last] : found.ends[last]] == "beta"


def test_ngrams_end_within_their_text_and_take_their_width_from_their_first_token() -> None:
    found = tokenise(["a b c d", "一二三四五", "a b c"])
    _, whole = ngrams(found, 3, 4)
    assert whole.tolist() == [True, True, False, False, True, True, False, False, False, True, False, False]
    hashes, _ = ngrams(found, 3, 4)
    assert hashes[0] == hashes[9]


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(0, 2**64 - 1), max_size=50), st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_a_sieve_finds_what_is_there_and_nothing_else(there: set[int], other: list[int]) -> None:
    kept = np.array(sorted(there), np.uint64)
    asked = np.array([*there, *other], np.uint64)
    places, numbers = sieve(kept).find(asked)
    assert places.tolist() == [place for place, value in enumerate(asked.tolist()) if value in there]
    assert kept[numbers].tolist() == asked[places].tolist()
