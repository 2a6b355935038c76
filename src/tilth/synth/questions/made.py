"""What a mechanism hands back to the stage, whatever it did: a question or a reason, and the answer that decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tilth.data.qa import QA
from tilth.synth.questions.answers import Parsed, Unread
from tilth.synth.questions.ask import Answer
from tilth.synth.questions.seeds import Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a unit carries: the row as read, and what the mechanism drew or found for it before any call."""

    seed: Seed
    plan: Any  # the mechanism's own
    span: tuple[int, int] | None = None  # the part of a plain text that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """`qa` is None where `reason` says why. `answer` is the call that decided, None where no call came back."""

    qa: QA | None
    answer: Answer
    reason: str | None = None
    detail: str = ""
    flags: tuple[str, ...] = ()
    signals: Mapping[str, Any] = field(default_factory=dict)


def new_question(seed: Seed, parsed: Parsed, mechanism: str, others: Sequence[str] = ()) -> QA:
    """The question that was answered, with its lineage. Labels are what was asked for, never what it was annotated."""
    return QA(
        question=parsed.question,
        answer=parsed.answer,
        choices=parsed.choices,
        solution=parsed.solution,
        subject=seed.qa.subject,
        mechanism=mechanism,
        discipline_requested=seed.discipline,
        grade_requested=seed.asked.grade,
        difficulty_requested=seed.asked.difficulty,
        language=seed.language,
        seeds=(seed.doc_id, *others),
    )


def failed(answer: Answer, found: Unread, signals: Mapping[str, Any] | None = None) -> Made:
    """An answer that is no question."""
    return Made(qa=None, answer=answer, reason=found.reason, detail=found.detail, signals=signals or {})
