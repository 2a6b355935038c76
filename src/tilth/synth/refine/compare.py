"""What a refinement says, and what it really changed.

What changed is found by comparing texts and checking answers against each other; what the model says it changed is kept
beside it and never trusted. Guarantees: never raises because of what a model wrote.
"""

from dataclasses import dataclass
from typing import Any

from tilth.answers.check import check, infer_kind
from tilth.answers.reply import VERSION as REPLY_VERSION
from tilth.answers.reply import object_in, text_in, texts_in
from tilth.asking import han_share
from tilth.base.errors import MissingExtra
from tilth.data.qa import QA
from tilth.data.questions import Question, choice_index, gold_text

#: Raise it when the same answer would be read or compared otherwise.
VERSION = f"1.{REPLY_VERSION}"
#: Change of the share of Chinese letters from which question and refinement are in two languages.
_OTHER_SCRIPT = 0.5
#: Fields that measure the question as it was: they go where question or answer change.
MEASURED = ("verdict", "votes", "solvers", "pass_rate", "pass_low", "pass_high", "ability", "ability_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """What a reply says. Texts are without space at their ends and never empty."""

    question: str
    answer: str
    choices: tuple[str, ...] | None
    solution: str | None
    claimed: tuple[str, ...]  # what the model says it changed
    note: str | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a reply cannot be used, and what was seen."""

    reason: str
    detail: str


def read(reply: str, before: QA, longest: int) -> Refined | Fault:
    """The refinement that a reply states, or why it is none."""
    found = object_in(reply)
    if found is None:
        return Fault("parse_failed", "no JSON object in the answer")
    if found.get("unanswerable") is True:
        return Fault("unanswerable", (text_in(found.get("note")) or "the model says that nobody can answer it")[:300])
    question, answer = text_in(found.get("question")), text_in(found.get("answer"))
    if question is None or answer is None:
        return Fault("parse_failed", f"the answer has no {'question' if question is None else 'answer'}")
    given = found.get("choices")
    choices = before.choices if given is None or given == [] else texts_in(given)
    if choices is None and before.choices is None and given:
        return Fault("choices_malformed", "the choices are no list of texts")
    claimed = texts_in(found.get("changed")) or ()
    refined = Refined(
        question=question,
        answer=answer,
        choices=choices if before.choices is not None else None,  # choices that were not there make another question
        solution=text_in(found.get("solution")),
        claimed=tuple(name for name in claimed if name in ("question", "answer", "reasoning")),
        note=(text_in(found.get("note")) or "")[:300] or None,
    )
    return _fault(refined, before, longest) or refined


def _fault(refined: Refined, before: QA, longest: int) -> Fault | None:
    if len(refined.question) + len(refined.solution or "") > longest:
        return Fault("too_long", f"{len(refined.question) + len(refined.solution or ''):,} characters")
    if before.choices is not None:
        choices = refined.choices or ()
        if len(choices) != len(before.choices) or len({_plain(choice) for choice in choices}) < len(choices):
            return Fault("choices_malformed", f"{len(choices)} choices for {len(before.choices)}, or two equal ones")
        if choice_index(refined.answer, choices) is None:
            return Fault("answer_not_among_choices", refined.answer[:80])
    if abs(han_share(refined.question[:2000]) - han_share(before.question[:2000])) > _OTHER_SCRIPT:
        return Fault("language_changed", refined.question[:80])
    return None


def changes(before: QA, refined: Refined) -> tuple[str, ...]:
    """What differs: question (or its choices), answer, reasoning."""
    found = []
    if _plain(refined.question) != _plain(before.question) or _folded(refined.choices) != _folded(before.choices):
        found.append("question")
    if not same_answer(before, refined):
        found.append("answer")
    if refined.solution is not None and _plain(refined.solution) != _plain(before.solution or ""):
        found.append("reasoning")
    return tuple(found)


def same_answer(before: QA, refined: Refined) -> bool:
    """Whether the refined answer says what the one before said; False where that cannot be told and texts differ."""
    if not before.answer:
        return False
    if before.choices and refined.choices:  # by text: letters may have moved
        old = gold_text(Question(text="", answer=before.answer, choices=before.choices))
        new = gold_text(Question(text="", answer=refined.answer, choices=refined.choices))
        return old is not None and new is not None and _plain(old) == _plain(new)
    if _plain(before.answer) == _plain(refined.answer):
        return True
    kind = infer_kind(before.answer)
    if kind == "code":
        return False
    try:
        return check(refined.answer, before.answer, kind, extract=False).correct is True
    except MissingExtra:
        return False


def merged(before: QA, refined: Refined, changed: tuple[str, ...]) -> QA:
    """The row after refinement, with the version before in `before`. Measures of another question or answer go."""
    kept = before.more if not {"question", "answer"} & set(changed) else _without_answers(before.more)
    more = {**kept, "refined": {"claimed": list(refined.claimed), "note": refined.note}}
    after = before.but(
        question=refined.question,
        answer=refined.answer,
        choices=refined.choices,
        solution=refined.solution or before.solution,
        changed=changed,
        before=_version(before),
        more=more,
    )
    if before.verdict == "verified" and before.answer and not before.choices:
        after = after.but(answer=before.answer)  # equal in meaning, and it is what was verified
    return after.but(**dict.fromkeys(MEASURED)) if {"question", "answer"} & set(changed) else after


def _version(qa: QA) -> dict[str, Any]:
    """The parts of a row that refinement may change, as they were; with what was measured of it."""
    names = ("question", "answer", "choices", "solution", *MEASURED)
    found = {name: getattr(qa, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value}


def _without_answers(more: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in more.items() if name not in ("answers", "judged")}


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _folded(choices: tuple[str, ...] | None) -> list[str]:
    return [_plain(choice) for choice in choices or ()]
