"""What a mechanism hands back to the stage, whatever it did: a question or a reason, and the answer that decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tilth.data.qa import QA
from tilth.synth.questions.answers import Parsed, Unread
from tilth.synth.questions.ask import Answer
from tilth.synth.questions.seeds import Seed

#: Raise it when the same answer would give another row.
VERSION = 1
#: Under this name a row keeps the questions that it was made from, so that `verify` can tell a copy of them.
SEED_TEXTS = "seed_texts"
#: Texts that are kept, and characters of each: two groups of linked seeds; a longer seed is compared by its beginning.
_MOST_TEXTS, _MOST_CHARS = 8, 4000


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


def new_question(seed: Seed, parsed: Parsed, mechanism: str, others: Sequence[tuple[str, str]] = ()) -> QA:
    """The question that was answered, with its lineage. Labels are what was asked for, never what it was annotated.

    `others`: id and question of the seeds beside the row's own.
    """
    texts = seed_texts(seed, [text for _, text in others])
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
        seeds=(seed.doc_id, *(name for name, _ in others)),
        more={SEED_TEXTS: texts} if texts else {},
    )


def seed_texts(seed: Seed, others: Sequence[str] = ()) -> list[str]:
    """The seed questions that a new question goes back to: its row's own, those of linked rows, and theirs before.

    A question that was itself made hands on its seeds and not itself: the harder form of a question is meant to keep
    its words. A seed that is a plain text is left out, since a question may say what its passage says.
    """
    found: list[str] = [seed.qa.question] if seed.question and seed.qa.mechanism is None else []
    before = seed.qa.more.get(SEED_TEXTS)
    found += [*others, *(one for one in (before if isinstance(before, list) else ()) if isinstance(one, str))]
    cut = (text[:_MOST_CHARS].encode("utf-8", "replace").decode() for text in found)
    return list(dict.fromkeys(text for text in cut if text.strip()))[:_MOST_TEXTS]


def failed(answer: Answer, found: Unread, signals: Mapping[str, Any] | None = None) -> Made:
    """An answer that is no question."""
    return Made(qa=None, answer=answer, reason=found.reason, detail=found.detail, signals=signals or {})
