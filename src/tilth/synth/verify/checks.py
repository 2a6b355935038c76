"""Checks of a question that need no solver, in the order in which they give a reason.

Guarantees: the same rows in the same order; each row is decided alone; linear in the text, of which at most the allowed
length is looked at. Costs about 0.1 ms a question of 300 characters with a solution.
"""

import re
from collections.abc import Callable

import polars as pl

from tilth.data.questions import accepted_answers, choice_index, with_questions
from tilth.recipe.stages.verify import Verify
from tilth.synth.verify.words import unseen_figure, unseen_table, unseen_text

#: Signals that `checked` adds: share of distinct 5-grams, of the question's n-grams that its seeds have, of Chinese
#: characters among letters; and every check that failed, whatever its action.
SIGNALS = ("unique_grams", "seed_overlap", "han_share", "verify_faults")
#: Words or Chinese characters in an n-gram.
GRAM = 5
#: What a decoder, a template or a chat format left behind. A tab and line breaks are no fault.
_MALFORMED = (
    r"\x{FFFD}|[\x{00}-\x{08}\x{0B}\x{0C}\x{0E}-\x{1F}\x{7F}-\x{9F}]|<\|[a-z_]{2,20}\|>|</?think>|\[/?INST\]|"
    r'^\s*[\[{]\s*"|"question"\s*:|(?i:^\s*(?:sure|certainly|here is|here\'s)\b[^\n]{0,80}:)'
)
#: Formulas between dollars or brackets, at most 400 characters, and commands.
_FORMULA = r"\$[^$]{1,400}\$|\\\([^)]{1,400}\\\)|\\[A-Za-z]+"
#: Letters from which a solution is long enough to be in a language.
_LONG = 40
_TEXT, _SOLUTION, _CONTEXT = "_verify_text", "_verify_solution", "question_context"
_TOKEN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W\u3400-\u9fff\uf900-\ufaff]+")

Check = Callable[[Verify], pl.Expr]


def checked(frame: pl.DataFrame, settings: Verify, seeds: list[list[str]], expected: list[str | None]) -> pl.DataFrame:
    """`frame` with SIGNALS. `seeds` are the texts each row was made from, `expected` its language: "zh", "en", None."""
    most = settings.most_characters
    whole = with_questions(frame).with_columns(
        pl.col("text").str.strip_chars().str.slice(0, most + 1).alias(_TEXT),
        pl.col("question_solution").fill_null("").str.slice(0, most).alias(_SOLUTION),
        pl.Series("_expected", expected, dtype=pl.String),
    )
    texts, solutions = whole[_TEXT].to_list(), whole[_SOLUTION].to_list()
    whole = whole.with_columns(
        pl.Series("unique_grams", [_distinct(f"{a}\n{b}") for a, b in zip(texts, solutions, strict=True)], pl.Float32),
        pl.Series("seed_overlap", [_overlap(a, b) for a, b in zip(texts, seeds, strict=True)], pl.Float32),
        _han(pl.col(_TEXT)).cast(pl.Float32).alias("han_share"),
        pl.Series("_outside", _outside(whole), dtype=pl.Boolean),
    )
    faults = pl.concat_list(
        pl.when(check(settings).fill_null(False)).then(pl.lit(name)) for name, check in CHECKS.items()
    ).list.drop_nulls()
    return frame.with_columns(whole.select(*SIGNALS[:3], faults.alias("verify_faults")).get_columns())


def grams(text: str) -> list[tuple[str, ...]]:
    """The n-grams of a text: of words, and of single characters in Chinese; one shorter gram of a short text."""
    tokens = _TOKEN.findall(text.casefold())
    if len(tokens) <= GRAM:
        return [tuple(tokens)] if tokens else []
    return list(zip(*(tokens[place:] for place in range(GRAM)), strict=False))


def _distinct(text: str) -> float:
    found = grams(text)
    return len(set(found)) / len(found) if found else 1.0


def _overlap(text: str, seeds: list[str]) -> float | None:
    """The largest share of the question's n-grams that one seed has; None without a seed."""
    own = set(grams(text))
    if not seeds or not own:
        return None
    return max(len(own & set(grams(seed))) / len(own) for seed in seeds)


def _outside(frame: pl.DataFrame) -> list[bool]:
    """Rows whose answer is none of their choices. A loop: `choice_index` reads what people write for a choice."""
    found = []
    for answer, choices in frame.select("question_answer", "question_choices").iter_rows():
        accepted = accepted_answers(answer) if answer and choices else []
        found.append(bool(accepted) and all(choice_index(one, choices) is None for one in accepted))
    return found


def _prose(text: pl.Expr) -> pl.Expr:
    """A text without formulas and commands, whose letters belong to no language."""
    return text.str.replace_all(_FORMULA, " ")


def _han(text: pl.Expr) -> pl.Expr:
    letters = _prose(text).str.count_matches(r"\p{L}")
    return pl.when(letters > 0).then(_prose(text).str.count_matches(r"\p{Han}") / letters).otherwise(0.0)


def _malformed_choices(_: Verify) -> pl.Expr:
    choices = pl.col("question_choices")
    plain = choices.list.eval(pl.element().str.strip_chars().str.to_lowercase())
    return choices.is_not_null() & (
        (choices.list.len() < 2) | plain.list.contains("") | (plain.list.n_unique() < choices.list.len())
    )


def _wrong_language(settings: Verify) -> pl.Expr:
    """Question or solution in another script than asked for. Formulas alone say nothing, so few letters pass."""

    def other(share: pl.Expr) -> pl.Expr:
        few, many = share < settings.least_chinese, share > settings.most_chinese
        return ((pl.col("_expected") == "zh") & few) | ((pl.col("_expected") == "en") & many)

    def letters(name: str) -> pl.Expr:
        return _prose(pl.col(name)).str.count_matches(r"\p{L}")

    told = letters(_TEXT) >= settings.least_characters
    long = letters(_SOLUTION) >= _LONG  # shorter ones are formulas with a word or two
    return (told & other(pl.col("han_share"))) | (long & other(_han(pl.col(_SOLUTION))))


#: The checks in order. Each reads the columns that `checked` makes.
CHECKS: dict[str, Check] = {
    "empty_question": lambda _: pl.col(_TEXT) == "",
    "question_too_short": lambda one: (
        pl.col(_TEXT).str.len_chars() + pl.col(_TEXT).str.count_matches(r"\p{Han}") < one.least_characters
    ),
    "question_too_long": lambda one: pl.col(_TEXT).str.len_chars() > one.most_characters,
    "malformed": lambda _: pl.col(_TEXT).str.contains(_MALFORMED),
    "choices_malformed": _malformed_choices,
    "answer_not_among_choices": lambda _: pl.col("_outside"),
    "unseen_figure": lambda _: unseen_figure(pl.col(_TEXT)),
    "unseen_table": lambda _: unseen_table(pl.col(_TEXT), pl.col(_CONTEXT)),
    "unseen_text": lambda _: unseen_text(pl.col(_TEXT), pl.col(_CONTEXT)),
    "repetition": lambda one: pl.col("unique_grams") < one.least_unique,
    "wrong_language": _wrong_language,
    "copies_seed": lambda one: pl.col("seed_overlap") >= one.seed_overlap,
}
