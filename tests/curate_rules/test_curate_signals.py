"""Each signal is what its definition says, on every text and in every company."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_definitions import signals

from tilth.base.errors import ConfigError
from tilth.curate.signals.measure import measure
from tilth.curate.signals.table import SIGNALS
from tilth.curate.signals.text import of_series

NAMES = [name for name in SIGNALS if name != "bad_word_count"]

#: Pieces that meet every branch: line breaks and spaces of all kinds, marks, long characters, words that repeat.
PIECES = st.sampled_from(
    [
        *"ab1 \n\t#-.•…é中。𝒳",
        "\n\n",
        "\r\n",
        "\u2028",
        "\x85",
        "\x1c",
        "\u3000",
        "...",
        "the ",
        "to ",
        " a b",
        "word " * 4,
    ]
)
TEXTS = st.lists(PIECES, max_size=60).map("".join) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def values(text: str, *names: str) -> list[float | None]:
    """The named signals of one text."""
    return list(measure(pl.DataFrame({"text": [text]}), names).select(names).row(0))


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_signals_are_what_the_plain_definitions_give(texts: list[str]) -> None:
    expected = [signals(text) for text in texts]
    names = sorted({name for found in expected for name in found})
    measured = measure(pl.DataFrame({"text": texts}), names)
    for text, found, row in zip(texts, expected, measured.iter_rows(named=True), strict=True):
        for name in names:
            assert row[name] == (pytest.approx(found[name]) if name in found else None), (name, text)


@settings(deadline=None, max_examples=20)
@given(st.lists(TEXTS, min_size=2, max_size=6))
def test_a_signal_does_not_depend_on_the_other_texts_of_its_frame(texts: list[str]) -> None:
    together = measure(pl.DataFrame({"text": texts}), NAMES)
    alone = [measure(pl.DataFrame({"text": [text]}), NAMES) for text in texts]
    assert together.equals(pl.concat(alone))


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_shares_lie_between_nothing_and_all(text: str) -> None:
    shares = [name for name in NAMES if SIGNALS[name].unit == "share"]
    counted_alone = [name for name in shares if not name.startswith("top_")]  # overlapping n-grams count again there
    assert all(value is None or 0 <= value <= 1 for value in values(text, *counted_alone))
    assert all(value is None or value >= 0 for value in values(text, *shares))


def test_a_signal_names_its_meaning_its_source_and_documents_both() -> None:
    for signal in SIGNALS.values():
        assert signal.meaning
        assert signal.source
        function = getattr(signal.function, "func", signal.function)
        assert "Source" in function.__doc__ or "table A1" in function.__doc__ or signal.source == "tilth", signal.name


def test_words_of_symbols_are_no_words() -> None:
    assert values("two words -- ** …", "word_count", "mean_word_length") == [2, 4.0]


def test_an_empty_text_has_counts_of_zero_and_no_shares() -> None:
    row = measure(pl.DataFrame({"text": ["", None]}, schema={"text": pl.String}), NAMES)
    for name in NAMES:
        counted = SIGNALS[name].unit in ("count", "characters", "words") and not name.startswith(("mean", "words_per"))
        assert row[name].to_list() == ([0, 0] if counted else [None, None]), name


def test_a_frame_without_rows_gets_its_columns() -> None:
    measured = measure(pl.DataFrame({"text": []}, schema={"text": pl.String}), NAMES)
    assert measured.columns == ["text", *NAMES]


def test_a_sentence_mark_counts_in_any_script_and_white_space_hides_it() -> None:
    assert values("One.\nTwo\n三。\nFour. ", "punctuated_line_share", "line_count") == [0.5, 4]


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("This is one sentence.", 1),
        ("This is one. This is two! Is this three? Yes.", 4),
        ('He said "it is so." And then he left.', 2),
        ("Mr. J. Smith of the U.S. came at 3.15 p.m. and left.", 1),
        ("He waited ... and waited... and then left.", 1),
        ("It ends with a reference.[12]", 1),
        ("It ends with no mark", 0),
        ("Too few.", 0),
        ("It trails off here...", 0),
        ("Please turn on JavaScript to see it.", 0),
        ("We use cookies to know you better.", 0),
        ("x" * 1001 + " is a word too long.", 0),
    ],
)
def test_c4_counts_sentences_in_the_lines_that_it_keeps(line: str, sentences: int) -> None:
    assert values(line, "c4_sentence_count") == [sentences]


def test_c4_looks_at_the_words_of_well_formed_lines_only() -> None:
    text = "var x = {\nLorem ipsum\nA line with { in it.\nA line with lorem ipsum in it."
    assert values(text, "curly_bracket_line_count", "lorem_ipsum_line_count") == [1, 1]


def test_chinese_signals_count_characters() -> None:
    text = "今天天气很好。\n明天 3 点见！"
    assert values(text, "mark_count", "han_share", "punctuation_share", "digit_share") == pytest.approx(
        [13, 10 / 13, 2 / 13, 1 / 13]
    )
    assert values(text, "mean_line_characters", "mean_sentence_characters") == [6.5, 6.5]


def test_repeated_characters_are_found_in_chinese() -> None:
    sentence = "春眠不觉晓处处闻啼鸟夜来风雨声"
    once, thrice = (
        values(sentence, "duplicate_13gram_of_characters_share"),
        values(sentence * 3, "duplicate_13gram_of_characters_share"),
    )
    assert once == [0.0]
    assert thrice[0] == pytest.approx(26 / 45)  # two whole 13-grams of the 30 characters that repeat


def test_the_order_of_words_matters_to_ngrams() -> None:
    assert values("a b " * 10 + "b a", "top_2gram_character_share")[0] == pytest.approx(30 / 43)


def test_words_of_the_users_list_are_counted_as_whole_words() -> None:
    frame = pl.DataFrame({"text": ["A Bad thing, bad!", "badly", "这是坏话吗"]})
    assert measure(frame, ["bad_word_count"], bad_words=["bad", "坏话"])["bad_word_count"].to_list() == [2, 0, 1]


def test_a_signal_that_there_is_none_of_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean word_count"):
        measure(pl.DataFrame({"text": ["a"]}), ["word_counts"])


def test_only_what_is_asked_for_is_made() -> None:
    texts = of_series(pl.Series(["some words and some more words"]))
    SIGNALS["word_count"].function(texts)
    assert "words" in vars(texts)
    assert not {"word_hashes", "word_ngrams", "lines", "marks"} & set(vars(texts))


def test_texts_are_read_from_a_slice_of_a_larger_column() -> None:
    column = pl.Series(["first text", "zweiter Text mit ä", "", "fourth"])
    assert of_series(column.slice(1, 2)).character_count.tolist() == [18, 0]
