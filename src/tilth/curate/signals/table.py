"""The signals by name: what each measures, its unit, where it is defined, and which shared columns it builds on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

from tilth.curate.signals import badwords, c4, chinese, fineweb, gopher, repetition
from tilth.curate.signals.spans import Floats, Ints
from tilth.curate.signals.text import Texts

Unit = Literal["count", "share", "ratio", "characters", "words"]
#: Columns of `Texts` that signals share, the dear ones last. "ngrams" and "character ngrams" cost most.
Shared = Literal["characters", "words", "lines", "repeats", "list", "ngrams", "character ngrams"]

_GOPHER = "Gopher, arXiv 2112.11446, appendix A.1.1"
_TABLE = "Gopher, arXiv 2112.11446, table A1"
_C4 = "C4, JMLR 21 (140), section 2.2"
_C4_CODE = "C4's code, tensorflow/datasets text/c4_utils.py"
_FINEWEB = "FineWeb, arXiv 2406.17557, section 3.6"
_CHINESE = "ChineseWebText, arXiv 2311.01149, section 3"
_OURS = "tilth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One quality signal. `function` gives one value a text, NaN where there is nothing to measure."""

    name: str
    function: Callable[[Texts], Ints | Floats]
    meaning: str
    unit: Unit
    source: str
    builds_on: tuple[Shared, ...]

    @property
    def dear(self) -> bool:
        """Whether it needs n-grams, which cost as much as all other signals together."""
        return "ngrams" in self.builds_on or "character ngrams" in self.builds_on


def _one(
    function: Callable[[Texts], Ints | Floats], unit: Unit, meaning: str, source: str, *builds_on: Shared
) -> Signal:
    return Signal(
        name=function.__name__, function=function, meaning=meaning, unit=unit, source=source, builds_on=builds_on
    )


def _by_size(name: str, function: Callable[..., Floats], n: int, meaning: str, source: str, shared: Shared) -> Signal:
    return Signal(
        name=name.format(n=n),
        function=partial(function, n=n),
        meaning=meaning.format(n=n),
        unit="share",
        source=source,
        builds_on=("words", shared) if shared == "ngrams" else ("characters", shared),
    )


_ALL = (
    _one(gopher.word_count, "words", "words that are more than symbols", _GOPHER, "words"),
    _one(gopher.mean_word_length, "characters", "mean length of those words", _GOPHER, "words"),
    _one(gopher.hash_word_ratio, "ratio", "# characters a word", _GOPHER, "words"),
    _one(gopher.ellipsis_word_ratio, "ratio", "ellipses a word", _GOPHER, "words"),
    _one(gopher.bullet_line_share, "share", "lines that begin with a bullet", _GOPHER, "words", "lines"),
    _one(gopher.ellipsis_line_share, "share", "lines that end with an ellipsis", _GOPHER, "words", "lines"),
    _one(gopher.alphabetic_word_share, "share", "words with a letter", _GOPHER, "words"),
    _one(gopher.stop_word_count, "count", "of eight frequent English words, how many occur", _GOPHER, "words"),
    _one(repetition.character_count, "characters", "length of the text", _OURS, "characters"),
    _one(repetition.duplicate_line_share, "share", "lines that occurred before", _TABLE, "lines", "repeats"),
    _one(
        repetition.duplicate_line_character_share,
        "share",
        "characters in lines that occurred before",
        _TABLE,
        "lines",
        "repeats",
    ),
    _one(repetition.duplicate_paragraph_share, "share", "paragraphs that occurred before", _TABLE, "lines", "repeats"),
    _one(
        repetition.duplicate_paragraph_character_share,
        "share",
        "characters in paragraphs that occurred before",
        _TABLE,
        "lines",
        "repeats",
    ),
    *(
        _by_size(
            "top_{n}gram_character_share",
            repetition.top_ngram_character_share,
            n,
            "characters in the most frequent {n}-gram of words",
            _TABLE,
            "ngrams",
        )
        for n in (2, 3, 4)
    ),
    *(
        _by_size(
            "duplicate_{n}gram_character_share",
            repetition.duplicate_ngram_character_share,
            n,
            "characters in {n}-grams of words that occurred before",
            _TABLE,
            "ngrams",
        )
        for n in range(5, 11)
    ),
    _one(c4.terminal_line_share, "share", "lines that end in a terminal mark", _C4, "words", "lines"),
    _one(c4.few_word_line_share, "share", "lines of fewer than 3 words", _C4, "words", "lines"),
    _one(c4.words_per_line, "words", "mean words of a line", _OURS, "words", "lines"),
    _one(c4.javascript_line_count, "count", "lines with the word JavaScript", _C4, "words", "lines"),
    _one(c4.policy_line_count, "count", "lines about policies and cookies", _C4_CODE, "words", "lines"),
    _one(c4.lorem_ipsum_line_count, "count", "lines of placeholder text", _C4, "words", "lines"),
    _one(c4.curly_bracket_line_count, "count", "lines with a curly bracket", _C4, "words", "lines"),
    _one(c4.c4_line_share, "share", "lines that C4 keeps", _C4, "words", "lines"),
    _one(c4.c4_sentence_count, "count", "sentences in the lines that C4 keeps", _C4, "words", "lines"),
    _one(badwords.bad_word_count, "count", "occurrences of words of your list", _C4, "list"),
    _one(fineweb.line_count, "count", "lines that are not blank", _FINEWEB, "lines"),
    _one(fineweb.punctuated_line_share, "share", "lines that end in a sentence mark", _FINEWEB, "words", "lines"),
    _one(fineweb.short_line_share, "share", "lines of at most 30 characters", _FINEWEB, "words", "lines"),
    _one(
        fineweb.repeated_line_character_share,
        "share",
        "characters in lines that are not blank and occurred before",
        _FINEWEB,
        "lines",
        "repeats",
    ),
    _one(fineweb.newline_word_ratio, "ratio", "line feeds a word", _FINEWEB, "words", "lines"),
    _one(chinese.mark_count, "characters", "characters that are no white space", _CHINESE, "characters"),
    _one(chinese.han_share, "share", "marks that are Chinese characters", _CHINESE, "characters"),
    _one(chinese.punctuation_share, "share", "marks that are punctuation", _OURS, "characters"),
    _one(chinese.digit_share, "share", "marks that are digits", _OURS, "characters"),
    _one(chinese.mean_line_characters, "characters", "mean length of a line in marks", _CHINESE, "lines"),
    _one(chinese.mean_sentence_characters, "characters", "mean length of a sentence in marks", _OURS, "lines"),
    *(
        _by_size(
            "top_{n}gram_of_characters_share",
            chinese.top_character_ngram_share,
            n,
            "marks in the most frequent {n}-gram of marks",
            _TABLE,
            "character ngrams",
        )
        for n in (2, 4)
    ),
    *(
        _by_size(
            "duplicate_{n}gram_of_characters_share",
            chinese.duplicate_character_ngram_share,
            n,
            "marks in {n}-grams of marks that occurred before",
            _CHINESE,
            "character ngrams",
        )
        for n in (10, 13)
    ),
)

#: Every signal by its name, in the order in which reports show them.
SIGNALS: Mapping[str, Signal] = MappingProxyType({signal.name: signal for signal in _ALL})
