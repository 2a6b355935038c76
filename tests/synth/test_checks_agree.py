"""The cheap ways by which checks decide give what their plain definitions give, on every text."""

import re
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tilth.synth.checks.language import LATIN_SHARE, STOPWORDS_BY_LANGUAGE, detect
from tilth.synth.checks.numbers import NUMBER, ascii_digits, numbers_of, values_of
from tilth.synth.checks.views import SourceText, has_stems, known, repeats_most, stems_of, windows, words_of
from tilth.synth.checks.wording import copied, echoed, echoed_most

NOUNS = ("the", "river", "nile", "rivers", "flows", "flowing", "dam", "water", "1970", "damming", "of")
WORDS = st.lists(st.sampled_from(NOUNS), max_size=60)
PIECES = (
    "the The river’s “Nile” — 1,234.5 12. 3,5 .5 ５６ two hundred and twenty-five five5 "
    "é É Ǆ İ K 三百 河 ·x ×2 …\n \u00a0 _"
)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(PIECES.split(" ")), max_size=30).map(" ".join),
    st.text("a1.,", max_size=30),
)
COMMON = ("the", "of", "und", "der", "die", "les", "des", "que", "nile", "donau", "7")
AGREES = settings(deadline=None, max_examples=150)


def grams(words, size):
    return [tuple(words[place : place + size]) for place in range(len(words) - size + 1)]


@AGREES
@given(st.lists(st.integers(0, 1), max_size=80).map(bytes), st.integers(1, 9))
def test_windows_counts_the_windows_of_ones(marks, size):
    plain = sum(1 for place in range(len(marks) - size + 1) if all(marks[place : place + size]))
    assert windows(marks, size) == plain


@AGREES
@given(WORDS, st.sampled_from([5, 8]))
def test_no_more_n_grams_repeat_than_hold_no_new_word(words, size):
    most, places = repeats_most(words, size)
    every = grams(words, size)
    assert len(every) - len(set(every)) <= most <= len(every)
    assert places == {word: words.index(word) for word in words}


@AGREES
@given(WORDS, WORDS, st.sampled_from([5, 8]))
def test_no_more_n_grams_are_copied_than_the_source_has_words_for(words, source, size):
    most = windows(known(words, frozenset(source)), size)
    every = grams(words, size)
    share, _ = copied(every, frozenset(grams(source, size)), size)
    assert share * len(every) <= most + 1e-9


@AGREES
@given(WORDS, WORDS, WORDS)
def test_no_more_of_an_instruction_is_echoed_than_the_answer_has_words_for(words, instruction, source):
    asked = " ".join(instruction)
    share = echoed(frozenset(grams(words, 5)), asked, frozenset(grams(source, 5)), 5)
    assert share <= echoed_most(frozenset(words), asked, 5)


@AGREES
@given(WORDS, WORDS, st.sampled_from([0.0, 0.1, 0.15, 0.5, 1.0]))
def test_an_answer_that_passes_by_words_passes_by_stems(words, source, least):
    distinct = dict.fromkeys(words)
    if has_stems(distinct, frozenset(source), least * len(distinct)):
        stems = stems_of(words, False)
        assert len(stems & stems_of(source, False)) >= least * len(stems)


@AGREES
@given(TEXTS)
@example("The river’s “Nile” — 5·6 É")
def test_words_of_a_text_are_the_words_of_its_lower_case(text):
    assert SourceText(text, None).words == words_of(text.lower())


@AGREES
@given(TEXTS)
@example("1.2.3, .5 ５，６ 7.,8")
def test_numbers_are_what_the_pattern_finds(text):
    assert numbers_of(text) == frozenset(NUMBER.findall(ascii_digits(text)))
    assert values_of(text.lower(), numbers_of(text)) == values_of(text.lower())


@AGREES
@given(st.lists(st.sampled_from(["two", "three", "hundred", "thousand", "and", "twenty", "x", "-"]), max_size=12))
def test_number_words_have_the_values_that_a_reader_gives_them(words):
    """Each number word by itself, and each run of them joined."""
    seen = values_of(" ".join(words)).exact
    single = {"two": 2, "three": 3, "twenty": 20}
    assert {single[word] for word in words if word in single} <= seen
    for first, second in pairwise(words):
        if first in single and second in ("hundred", "thousand"):
            assert any(amount >= single[first] * 100 for amount in seen)


@AGREES
@given(st.lists(st.sampled_from(COMMON), min_size=8, max_size=119))
def test_the_language_of_a_short_text_has_the_most_of_its_commonest_words(words):
    """Below 120 words the sample is the whole text, and English is named first where it has twice the least share."""
    hits = {name: sum(word in profile for word in words) for name, profile in STOPWORDS_BY_LANGUAGE.items()}
    floor = LATIN_SHARE * len(words)
    if hits["en"] >= 2 * floor:
        plain = "en"
    else:
        best = max(hits, key=lambda name: hits[name])  # the first of equals
        plain = best if hits[best] > floor else ""
    assert detect(" ".join(words), words) == plain


def test_a_foreign_middle_is_seen_behind_an_english_beginning():
    english = ["the", "river", "is", "one", "of", "the", "longest", "and", "it", "has", "a", "dam"] * 4
    german = ["der", "fluss", "und", "die", "stadt", "sind", "nicht", "von", "den", "menschen", "gebaut"] * 30
    assert detect("x", english + german) == "de"
    assert re.fullmatch("[a-z]{2}", detect("x", english))
