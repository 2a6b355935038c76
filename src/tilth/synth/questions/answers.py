"""Reads what a model answered as a question, or says in one word why it is none.

`REASONS` is the table of these words. Guarantees: never raises whatever the answer holds; the same text and limits
always give the same result. Costs about 0.2 ms an answer of 2 kB.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tilth.answers.choices import MOST_OPTIONS, letters_of
from tilth.recipe.stages.synthesize import Limits
from tilth.synth.questions.loose import MOST_CHARS, broken, objects

#: Raise it when the same answer would be read otherwise.
PARSER_VERSION = 1
#: Why an answer is no question, each in one sentence.
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "parse_failed": "the answer holds no JSON object with a question",
        "incomplete": "the answer was cut off before the object was whole",
        "empty": "the answer is empty",
        "too_long": "the answer, or a part of it, is longer than a question has reason to be",
        "too_short": "the question is shorter than any question is",
        "missing_field": "the question, the answer or the solution is missing or empty",
        "wrong_type": "a part of the answer is of another kind than asked for",
        "no_choices": "a choice was asked for, and none are given",
        "bad_choices": "the choices are fewer than two, empty, or twice the same",
        "answer_not_among_choices": "the answer names none of the choices, or several",
        "same_question": "the question is one of the seeds, word for word",
        "wrong_language": "the question is in another language than asked for",
        "declined": "the model said that no sound question can be made",
        "filtered": "the model's provider withheld the answer",
    }
)
#: Names under which models write the parts, beside those asked for.
_NAMES = MappingProxyType(
    {
        "question": ("question", "problem", "new_question", "题目", "问题"),
        "choices": ("choices", "options", "选项"),
        "answer": ("answer", "final_answer", "答案"),
        "solution": ("solution", "explanation", "reasoning", "解答", "解析"),
        "declined": ("declined",),
    }
)
_KEYS = tuple(name for names in _NAMES.values() for name in names)
_LABEL = re.compile(r"^\s{0,3}[(（\[]?([A-Ta-t])\s{0,2}[)）\].．、:：]\s{0,3}(?=\S)")
_THOUGHT = "</think>"  # reasoning that an engine did not take apart
#: Share of Chinese signs among letters from which a text is Chinese; English questions quote a word or two at most.
_CHINESE = 0.2
_LETTERS_SEEN = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A question as it was answered. With `choices`, `answer` is the letter of the right one."""

    question: str
    answer: str
    solution: str | None
    choices: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Unread:
    """Why an answer is no question: a key of `REASONS`, and what was seen."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer has to fit beside the limits."""

    limits: Limits
    language: str | None = None  # "en", "zh"; None: any
    choices: bool = False  # a question with choices was asked for
    not_these: tuple[str, ...] = ()  # questions that the new one must not repeat


def parse_answer(text: str, finish_reason: str, expected: Expected) -> Parsed | Unread:
    """Read one answer. `finish_reason` is the completion's own."""
    if finish_reason == "content_filter":
        return Unread("filtered", "finish_reason content_filter")
    text = text.rpartition(_THOUGHT)[2]
    if not text.strip():
        return Unread("incomplete" if finish_reason == "length" else "empty", f"finish_reason {finish_reason}")
    if len(text) > MOST_CHARS:
        return Unread("too_long", f"{len(text)} characters")
    fields = _fields(text, finish_reason)
    return fields if isinstance(fields, Unread) else _question(fields, expected)


def is_chinese(text: str) -> bool:
    """Whether most of what a text says is said in Chinese signs; a sign counts for two letters."""
    seen = text[:_LETTERS_SEEN]
    signs = sum("\u4e00" <= sign <= "\u9fff" for sign in seen)
    letters = sum(sign.isascii() and sign.isalpha() for sign in seen)
    return signs > 0 and 2 * signs >= _CHINESE * (2 * signs + letters)


def folded(question: str) -> str:
    """A question without case, spacing and sentence marks, to tell whether two are one."""
    return re.sub(r"[\s.,;:?!。，；：？！、]+", " ", question).strip().casefold()


def _fields(text: str, finish_reason: str) -> dict[str, Any] | Unread:
    for value in objects(text, _KEYS):
        fields = _named(value)
        if "question" in fields or "declined" in fields:
            return fields
    value, whole = broken(text, _KEYS)
    fields = _named(value)
    if "question" in fields and "answer" in fields and whole and finish_reason != "length":
        return fields
    if finish_reason == "length" or ("question" in fields and not whole):
        return Unread("incomplete", f"finish_reason {finish_reason}; ends in {text[-60:]!r}")
    if "question" in fields:
        return Unread("missing_field", f"only {', '.join(fields)}")
    return Unread("parse_failed", f"begins with {text.strip()[:80]!r}")


def _named(value: Mapping[str, Any]) -> dict[str, Any]:
    """The parts under the names asked for."""
    found = {}
    for name, names in _NAMES.items():
        given = next((value[one] for one in names if value.get(one) is not None), None)
        if given is not None:
            found[name] = given
    return found


def _question(fields: Mapping[str, Any], expected: Expected) -> Parsed | Unread:
    limits = expected.limits
    if fields.get("declined") and not fields.get("question"):
        return Unread("declined", str(fields["declined"])[:200])
    texts: dict[str, str] = {}
    for name, most in (
        ("question", limits.most_question),
        ("answer", limits.most_answer),
        ("solution", limits.most_solution),
    ):
        text = _text(fields.get(name))
        if text is None:
            return Unread("wrong_type", f"{name} is a {type(fields[name]).__name__}")
        if not text and (name != "solution" or limits.least_solution):
            return Unread("missing_field", f"no {name}")
        if len(text) > most:
            return Unread("too_long", f"{name} of {len(text)} characters; at most {most}")
        texts[name] = text
    if len(texts["question"]) < limits.least_question:
        return Unread("too_short", f"question of {len(texts['question'])} characters")
    if len(texts["solution"]) < limits.least_solution:
        return Unread("missing_field", f"solution of {len(texts['solution'])} characters")
    wrong = _unfit(texts["question"], expected)
    return wrong or _with_choices(texts, fields.get("choices"), expected)


def _text(value: Any) -> str | None:
    """A value as text; None for what is no text. Steps may come as a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).replace("\x00", "").encode("utf-8", "replace").decode().strip()
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return "\n".join(_text(one) or "" for one in value).strip()
    return None


def _unfit(question: str, expected: Expected) -> Unread | None:
    if expected.language is not None and is_chinese(question) != (expected.language == "zh"):
        return Unread("wrong_language", f"expected {expected.language}: {question[:80]!r}")
    same = folded(question)
    # a seed of a megabyte cannot be this question, and need not be folded to see that
    if any(same == folded(one) for one in expected.not_these if len(one) <= 4 * len(question) + 100):
        return Unread("same_question", question[:80])
    return None


def _with_choices(texts: Mapping[str, str], given: Any, expected: Expected) -> Parsed | Unread:
    solution = texts["solution"] or None
    if given is None or given in ([], {}, ""):
        if expected.choices:
            return Unread("no_choices", texts["question"][-80:])
        return Parsed(question=texts["question"], answer=texts["answer"], solution=solution, choices=None)
    choices = _choices(given)
    if choices is None:
        return Unread("wrong_type", f"choices is a {type(given).__name__}")
    distinct = {" ".join(choice.split()) for choice in choices}
    if not 2 <= len(choices) <= MOST_OPTIONS or "" in distinct or len(distinct) < len(choices):
        return Unread("bad_choices", str(list(choices))[:200])
    picked = _picked(texts["answer"], choices)
    if len(picked) != 1:
        return Unread("answer_not_among_choices", f"{texts['answer'][:80]!r} of {len(choices)}")
    return Parsed(question=texts["question"], answer=picked, solution=solution, choices=choices)


def _picked(answer: str, choices: Sequence[str]) -> str:
    """The letters that an answer names; "" where its letter and its text ("B. Paris") name two different ones."""
    letters = letters_of(answer.upper() if len(answer) <= 3 else answer, choices) or letters_of(answer, choices)
    label = _LABEL.match(answer)
    if letters or label is None:
        return "".join(sorted(letters))
    letter = label[1].upper()
    by_text = letters_of(_LABEL.sub("", answer), choices)
    return letter if ord(letter) - 65 < len(choices) and by_text <= {letter} else ""


def _choices(given: Any) -> tuple[str, ...] | None:
    """Choices as texts without their letters; an object counts by its letters."""
    if isinstance(given, dict):
        given = [given[key] for key in sorted(given, key=str)]
    if not isinstance(given, list):
        return None
    texts = [_text(one) for one in given]
    if any(text is None for text in texts):
        return None
    plain = [text or "" for text in texts]
    labels = [_LABEL.match(text) for text in plain]
    in_order = all(label and ord(label[1].upper()) - 65 == at for at, label in enumerate(labels))
    return tuple(_LABEL.sub("", text) for text in plain) if in_order else tuple(plain)
