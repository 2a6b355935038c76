"""Seed questions: rows of DOCUMENTS whose `text` is the question and whose `metadata` holds what belongs to it.

A recipe maps the fields when it reads a source, `columns: {text: question, id: seed_id, metadata: [answer, choices,
context, solution, subject]}`; this module reads them back, for whole frames and for single rows alike. Values come in
many shapes (a choice list as JSON text, as letters to texts, as Hub-style labels and texts), and end in one.

Guarantees: broken JSON, wrong types and nulls end as null, never as an error; a row reads the same whatever rows are
beside it. Costs about 8 us a row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import polars as pl

#: Raise it when the same row would read otherwise; stages that use this module put it into their identity.
VERSION = 1

#: Columns that `with_questions` adds. `question_choices` is List(String), the others String; null where absent.
QUESTION_COLUMNS = (
    "question_answer",
    "question_choices",
    "question_context",
    "question_solution",
    "question_subject",
)

#: What stands between several accepted answers in one text.
ACCEPTED = " || "
#: Names under which files keep the text of a choice or of an answer that is an object.
_TEXT_KEYS = ("text", "value", "content")
# the length bound keeps an answer that is a text from being taken for a letter
_LETTER = re.compile(r"^[\s(（\[【]{0,3}([A-Za-z])[\s)）\]】.．、:：]{0,3}$")
_LABELLED = re.compile(r"^[(（]?([A-Za-z])(?:[)）.．、:：])\s*")
_NUMBER = re.compile(r"^\d{1,3}$")


class QuestionFields(BaseModel):
    """Names that the parts of a question have in the metadata."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str = "answer"
    choices: str = "choices"
    context: str = "context"
    solution: str = "solution"
    subject: str = "subject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One seed question. Parts that the source leaves out or leaves empty are None; `choices` is never empty."""

    text: str
    answer: str | None = None
    choices: tuple[str, ...] | None = None
    context: str | None = None
    solution: str | None = None
    subject: str | None = None


class _Parts(NamedTuple):
    """In the order of QUESTION_COLUMNS."""

    answer: str | None
    choices: list[str] | None
    context: str | None
    solution: str | None
    subject: str | None


_NOTHING = _Parts(None, None, None, None, None)
_NO_FIELDS = QuestionFields()


def with_questions(frame: "pl.DataFrame", fields: QuestionFields = _NO_FIELDS) -> "pl.DataFrame":
    """`frame` with QUESTION_COLUMNS, read from its column `metadata`; columns of these names are replaced."""
    import polars as pl

    # A loop on purpose. `str.json_decode` with a schema takes three quarters of its time, yet fails the whole column
    # for one broken row, leaves out rows that are empty texts, and reads `true` and half of a surrogate pair wrongly.
    rows = [_parts(metadata, fields) for metadata in frame["metadata"].to_list()]
    names = list(QUESTION_COLUMNS)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    # through Arrow, which makes a column of lists eight times as fast as Polars does
    kinds = [pa.large_list(pa.large_string()) if name == "question_choices" else pa.large_string() for name in names]
    arrays = [pa.array(values, type=kind) for values, kind in zip(columns, kinds, strict=True)]
    added = pl.DataFrame(pa.Table.from_arrays(arrays, names=names))
    return frame.with_columns(added.get_columns())


def question_of(text: str, metadata: str | None, fields: QuestionFields = _NO_FIELDS) -> Question:
    """The question of one row: the same values that `with_questions` gives."""
    parts = _parts(metadata, fields)
    return Question(
        text=text,
        answer=parts.answer,
        choices=tuple(parts.choices) if parts.choices else None,
        context=parts.context,
        solution=parts.solution,
        subject=parts.subject,
    )


def gold_text(question: Question, first: int = 0) -> str | None:
    """The right answer as a text: letters and numbers become the choice they stand for. None without an answer.

    Of several accepted answers (` || ` between them, or a JSON list) it is the first; letters of a multiple-select
    question give the texts of all of them, joined by "; ". An answer that names none of the choices is given as it is.
    `first`: the number of the first choice, where answers are numbers.
    """
    if question.answer is None:
        return None
    given = accepted_answers(question.answer)
    if not given:
        return None
    if not question.choices:
        return given[0]
    found = [choice_index(answer, question.choices, first) for answer in given]
    if found[0] is None:
        return given[0]
    several = len(given) > 1 and all(_LETTER.match(answer) for answer in given)
    picked = [index for index in found if index is not None] if several else found[:1]
    return "; ".join(question.choices[index] for index in dict.fromkeys(picked) if index is not None)


def accepted_answers(answer: str) -> list[str]:
    """Each accepted answer of an answer text: parts between ` || `, or items of a JSON list; empty ones left out."""
    if answer.startswith("[") and answer.endswith("]"):
        try:
            value = orjson.loads(answer)
        except orjson.JSONDecodeError:
            value = None  # an interval such as [0, 1), a citation, a bracketed word
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return [item.strip() for item in value if item.strip()]
    return [part.strip() for part in answer.split(ACCEPTED) if part.strip()]


def choice_index(answer: str, choices: Sequence[str], first: int = 0) -> int | None:
    """Which choice an answer means, from 0: by its text, its letter, its number, or both letter and text.

    The text counts first, since a choice may itself be a letter or a number. `first`: the number of the first choice.
    """
    folded = _fold(answer)
    texts = [_fold(choice) for choice in choices]
    if folded in texts:
        return texts.index(folded)
    if letter := _LETTER.match(answer):
        index = ord(letter[1].upper()) - ord("A")
        return index if index < len(choices) else None
    if _NUMBER.match(folded):
        index = int(folded) - first
        return index if 0 <= index < len(choices) else None
    if labelled := _LABELLED.match(answer):
        index, rest = ord(labelled[1].upper()) - ord("A"), _fold(answer[labelled.end() :])
        if index < len(choices) and rest == _fold(_LABELLED.sub("", choices[index])):
            return index
    bare = [_fold(_LABELLED.sub("", choice)) for choice in choices]
    return bare.index(folded) if folded in bare else None


def normalise_question(expr: "pl.Expr") -> "pl.Expr":
    """Question texts without what does not change the question: case, spacing, width, sentence marks, its number.

    What can be mathematics stays (brackets, operators, a point or comma inside a number, powers), so that "2*(3+4)" and
    "2*3+4", or "10²" and "102", stay two questions. Equal results are meant to be the same question.
    """
    wide = [chr(code) for code in range(0xFF01, 0xFF5F)] + ["\u3000", "\u2019", "\u2018"]
    plain = [chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)] + [" ", "'", "'"]
    text = expr.str.normalize("NFC").str.replace_many(wide, plain).str.to_lowercase()
    text = text.str.replace(r"^\s*(?:question|problem|exercise|例|题)?\s*\(?\d{1,3}(?:[.):]\s+|、\s*)", "")
    text = text.str.replace_all(r'[“”„«»"。、…]+', " ")
    return text.str.replace_all(r"[.,;:?]+(?:\s|$)", " ").str.replace_all(r"\s+", " ").str.strip_chars()


def _parts(metadata: str | None, fields: QuestionFields) -> _Parts:
    if not metadata:
        return _NOTHING
    try:
        value = orjson.loads(metadata)
    except orjson.JSONDecodeError:
        return _NOTHING
    if not isinstance(value, dict):
        return _NOTHING
    get = value.get
    return _Parts(
        _text(get(fields.answer), None),
        _choices(get(fields.choices)),
        _text(get(fields.context), "\n\n"),
        _text(get(fields.solution), "\n"),
        _text(get(fields.subject), ", "),
    )


def _text(value: Any, joint: str | None) -> str | None:
    """A value as text, None where it is empty. Lists of texts are joined by `joint`, or written as JSON without one."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if value is None or value == [] or value == {}:
        return None
    if isinstance(value, dict):
        inner = next((value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str)), None)
        return inner if inner and not inner.isspace() else _json(value) if inner is None else None
    if joint is not None and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return joint.join(value) or None
    return _json(value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _choices(value: Any) -> list[str] | None:
    """A list of choices from any of the shapes files use; None without one."""
    if isinstance(value, str):
        text = value.strip()
        if not text.startswith(("[", "{")):
            return [value] if text else None
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return [value]
    if isinstance(value, dict):
        value = _labelled(value)
    if not isinstance(value, list) or not value:
        return None
    if all(type(item) is str for item in value):
        return value
    return [_text(item, " ") or "" for item in value]


def _labelled(value: dict[str, Any]) -> list[Any]:
    """Choices of an object: {"label": [...], "text": [...]} as on the Hub, or {"A": ..., "B": ...} in letter order."""
    for key in ("text", "texts", "choices", "options"):
        if isinstance(value.get(key), list):
            return list(value[key])
    return [value[key] for key in sorted(value)]


def _fold(text: str) -> str:
    """Equal for answers that differ in case, spacing and a final full stop only."""
    return " ".join(text.split()).casefold().rstrip(".。").rstrip()
