"""Words, shingles and signatures: what they depend on, and that they stay as they are."""

import re
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.curate.near import pieces as pieces_module
from tilth.curate.near.codepoints import table
from tilth.curate.near.pieces import pieces
from tilth.curate.near.signature import Shingling, band_hashes, marks_of, signatures, similarity_of
from tilth.curate.near.tokens import tokenise

FINEWEB = Shingling(words=5, characters=5, fold_numbers=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PLAIN = st.text("ab é,.\n 01中文字のไท", max_size=60)
FOX = "The quick brown fox, of 1984, jumps over the lazy dog near the River Café."
MOON = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"

GOLDEN = {
    "fox": [6167370394740221989, 5938272774429207232, 7014459458976714597],
    "moon": [9086225189680749136, 14607127548276708284, 4822867671873943119],
}


def bands_of(text: str) -> list[int]:
    least, there = signatures(pl.Series([text]), FINEWEB, 112)
    assert there[0]
    return [int(value) for value in band_hashes(least, 14, 8)[:, 0]]


def test_the_hashes_are_those_of_every_earlier_version() -> None:
    """Indexes on disk hold these numbers: a change here makes every index of an earlier version useless."""
    assert bands_of(FOX)[:3] == GOLDEN["fox"]
    assert bands_of(MOON)[:3] == GOLDEN["moon"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (FOX, FOX.upper()),
        (FOX, FOX.replace(" ", "\n\t ").replace(",", " --- ")),
        (FOX, FOX.replace("é", "e\u0301")),
        (FOX, FOX.replace("1984", "2026")),
        (FOX, FOX.replace("quick", "qu\u200bick")),
        (MOON, MOON.replace("，", "\n")),
        (FOX, "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in FOX)),
    ],
    ids=["case", "space and punctuation", "diacritics", "digits", "zero width", "Chinese punctuation", "full width"],
)
def test_what_is_no_content_does_not_change_a_signature(left: str, right: str) -> None:
    assert bands_of(left) == bands_of(right)


def test_numbers_count_where_they_are_not_folded() -> None:
    own = Shingling(words=5, characters=5, fold_numbers=False)
    texts = pl.Series(["a train leaves at 9 and runs 30 km", "a train leaves at 8 and runs 40 km"])
    folded, apart = signatures(texts, FINEWEB, 8)[0], signatures(texts, own, 8)[0]
    assert (folded[0] == folded[1]).all()
    assert (apart[0] != apart[1]).any()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(TEXT, PLAIN), max_size=12))
@example(["", "a", "", "b c d e f g", ""])
@example(["a\u0301", "\u0301", "b"])
def test_a_signature_does_not_depend_on_the_documents_around_it(texts: list[str]) -> None:
    least, there = signatures(pl.Series(texts, dtype=pl.String), FINEWEB, 6)
    for number, text in enumerate(texts):
        alone, there_alone = signatures(pl.Series([text]), FINEWEB, 6)
        assert there[number] == there_alone[0]
        assert (least[number] == alone[0]).all()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text("abc ABC.\n-", max_size=50), min_size=1, max_size=5))
def test_words_are_those_of_a_plain_split(texts: list[str]) -> None:
    seen: dict[str, int] = {}
    for piece in pieces(pl.Series(texts)):
        tokens = tokenise(piece, table(True))
        for number, text in enumerate(texts):
            hashes = [int(value) for value in tokens.hashes[tokens.bounds[number] : tokens.bounds[number + 1]]]
            words = re.findall(r"[a-z]+", text.lower())
            assert len(words) == len(hashes)
            assert all(seen.setdefault(word, value) == value for word, value in zip(words, hashes, strict=True))
    assert len(set(seen.values())) == len(seen)


def test_each_han_character_is_a_word_and_latin_runs_stay_whole() -> None:
    (piece,) = pieces(pl.Series(["用Python写程序 3.11"]))
    assert len(tokenise(piece, table(True)).hashes) == 1 + 1 + 3 + 2


def test_a_long_document_is_signed_in_pieces_as_it_would_be_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cuts fall between words of ten bytes, so that not one shingle may be lost or made up at a cut."""
    letters = np.random.default_rng(0).integers(ord("a"), ord("z") + 1, size=(20_000, 10), dtype=np.uint8)
    letters[:, 9] = ord(" ")
    text = pl.Series([letters.tobytes().decode()])
    whole, _ = signatures(text, FINEWEB, 112)
    monkeypatch.setattr(pieces_module, "PIECE", 5_000)
    assert sum(1 for _ in pieces(text)) == 40
    assert (signatures(text, FINEWEB, 112)[0] == whole).all()


def test_a_cut_never_falls_within_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces_module, "PIECE", 64)
    text = "a中𝒳é" * 200
    found = list(pieces(pl.Series(["b", text, "c"])))
    assert "".join(map(chr, np.concatenate([piece.codes for piece in found if piece.first == 1]))) == text
    assert [piece.first for piece in found] == [0, *[1] * (len(found) - 2), 2]


def test_a_document_with_fewer_words_than_a_shingle_has_no_signature() -> None:
    _, there = signatures(
        pl.Series(["one two three four", "one two three four five", "", "...", "一二三四"]), FINEWEB, 8
    )
    assert there.tolist() == [False, True, False, False, False]


def test_the_estimate_is_unbiased_over_many_pairs() -> None:
    """Sets of known overlap: the mean estimate is the Jaccard similarity within its standard error."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(60):
        shared = int(rng.integers(20, 200))
        words = [f"{'abcdefgh'[i % 8]}{'q' * (i // 8 + 1)}" for i in rng.permutation(600)[: 200 + shared]]
        left, right = words[:200], words[200 - shared // 2 :]
        one = Shingling(words=1, characters=1, fold_numbers=True)
        least, _ = signatures(pl.Series([" ".join(left), " ".join(right)]), one, 256)
        exact = Fraction(len({*left} & {*right}), len({*left} | {*right}))
        errors.append(float(similarity_of(*np.split(marks_of(least), 2))[0] - exact))
    assert abs(np.mean(errors)) < 4 * 0.5 / (256 * 60) ** 0.5
    assert np.std(errors) < 1.5 * 0.5 / 256**0.5
