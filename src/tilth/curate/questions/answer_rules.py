"""Rules on what belongs to a question: its answer and its choices. Expressions over the columns of `with_questions`.

`prepared` adds the columns they read. Costs about 15 us a row; only answers that are neither a choice's text nor a
letter are looked at one by one.
"""

from collections.abc import Mapping
from typing import Literal

import polars as pl

from tilth.data.questions import ACCEPTED, accepted_answers, choice_index, normalise_question

#: The first accepted answer, as `normalise_question` makes it; and so the question.
ANSWER, NORMAL = "_answer", "_normal"
_OUTSIDE = "_outside"
_FAULT = "_choices_fault"
_LETTERS = {chr(ord("A") + place): place for place in range(26)}
_LONG = 4000  # characters of an answer that are compared; longer ones are essays
#: Answers that stand in a question without giving it away.
_NAMES_ONE_OF_TWO = r"^(?:yes|no|true|false|是|否|对|错|[\d\s.,:/%$()+*^=-]*|.)$"


def prepared(frame: pl.DataFrame, text: str, thresholds: Mapping[str, float], first: int) -> pl.DataFrame:
    """`frame` with the columns that the rules read: ANSWER, NORMAL and what is wrong with the choices."""
    answer = pl.col("question_answer").str.slice(0, _LONG).str.split(ACCEPTED).list.first()
    return frame.with_columns(
        normalise_question(pl.col(text)).alias(NORMAL),
        normalise_question(answer).alias(ANSWER),
        _choices_fault(thresholds).alias(_FAULT),
        _outside(frame, first).alias(_OUTSIDE),
    )


def answer_missing(counts: Literal["answer", "solution", "either"]) -> pl.Expr:
    """Nothing that counts as an answer."""
    answer, solution = pl.col("question_answer").is_null(), pl.col("question_solution").is_null()
    return {"answer": answer, "solution": solution, "either": answer & solution}[counts]


def question_equals_answer() -> pl.Expr:
    """Answer and question are the same text once normalised."""
    return pl.col(ANSWER).is_not_null() & (pl.col(ANSWER) != "") & (pl.col(ANSWER) == pl.col(NORMAL))


def answer_in_question(thresholds: Mapping[str, float]) -> pl.Expr:
    """The answer stands in the question as whole words. Only free answers: choices are often named in the question."""
    padded, wanted = pl.format(" {} ", NORMAL), pl.format(" {} ", ANSWER)
    answer, han = pl.col(ANSWER), pl.col(ANSWER).str.contains(r"\p{Han}")
    found = padded.str.contains(wanted, literal=True) | (han & pl.col(NORMAL).str.contains(answer, literal=True))
    least = pl.when(han).then(thresholds["min_answer_han"]).otherwise(thresholds["min_answer_characters"])
    telling = (answer.str.len_chars() >= least) & ~answer.str.contains(_NAMES_ONE_OF_TWO)
    return found & telling & pl.col("question_choices").is_null() & (answer != pl.col(NORMAL))


def answer_not_among_choices() -> pl.Expr:
    """There are choices, and the answer means none of them."""
    return pl.col(_OUTSIDE)


def choices_malformed() -> pl.Expr:
    """Something is wrong with the choices; `choices_fault` says what."""
    return pl.col(_FAULT).is_not_null()


def fault_detail() -> pl.Expr:
    """What is wrong with the choices, in words."""
    return pl.col(_FAULT)


def choices_detail() -> pl.Expr:
    """The answer and how many choices there were."""
    return pl.format("{} among {} choices", pl.col("question_answer").str.slice(0, 80), _count())


def _count() -> pl.Expr:
    return pl.col("question_choices").list.len()


def _choices_fault(thresholds: Mapping[str, float]) -> pl.Expr:
    choices = pl.col("question_choices")
    stripped = choices.list.eval(pl.element().str.strip_chars())
    lengths = choices.list.eval(pl.element().str.len_chars())
    longest = lengths.list.max()
    glued = (longest >= thresholds["glued_characters"]) & (
        longest > thresholds["glued_ratio"] * lengths.list.median().clip(1)
    )
    marked = choices.list.eval(pl.element().str.contains(r"\S.*(?:\n|\s{2,}|\t)\(?[B-Eb-e][).、．]\s?\S")).list.any()
    return (
        pl.when(choices.is_null())
        .then(None)
        .when(_count() < 2)
        .then(pl.lit("fewer than two choices"))
        .when(stripped.list.contains("") | stripped.list.eval(pl.element().is_null()).list.any())
        .then(pl.lit("an empty choice"))
        .when(stripped.list.n_unique() < _count())
        .then(pl.lit("two equal choices"))
        .when(marked)
        .then(pl.lit("a choice holds the next choice's letter"))
        .when(glued)
        .then(pl.lit("a choice far longer than the others"))
        .otherwise(None)
    )


def _outside(frame: pl.DataFrame, first: int) -> pl.Series:
    """Rows whose answer means none of their choices. The plain cases by columns, the rest by `choice_index`."""
    answer = pl.col("question_answer").str.strip_chars()
    exact = pl.col("question_choices").list.contains(answer)
    letter = answer.str.extract(r"^([A-Z])$", 1).str.replace_many(
        [chr(65 + n) for n in range(26)], list(map(str, range(26)))
    )
    lettered = letter.cast(pl.UInt32, strict=False) < _count()
    known = pl.col("question_choices").is_null() | answer.is_null() | exact | lettered.fill_null(False)
    result = frame.select((~known.fill_null(False)).alias(_OUTSIDE)).to_series()
    unclear = frame.filter(result).select("question_answer", "question_choices")
    outside = [
        all(choice_index(one, choices, first) is None for one in accepted_answers(given))
        if given and choices
        else False
        for given, choices in unclear.iter_rows()
    ]
    return result.scatter(result.arg_true(), pl.Series(outside, dtype=pl.Boolean))
