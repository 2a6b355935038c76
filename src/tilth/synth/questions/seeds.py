"""A row as question synthesis sees it: a seed question or a text, its language, its subject, and what is asked for.

Pure functions of the row. What a row's JSON holds is not trusted: wrong types count as absent, and a subject that goes
into an instruction is reduced to letters, figures and a few signs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tilth.base.random import seed_of
from tilth.data.qa import QA, qa_of
from tilth.stage import Document
from tilth.synth.questions.answers import is_chinese
from tilth.synth.questions.catalogue import STEM, Lists

#: Characters of a subject that an instruction can hold.
_SUBJECT = 80
_NOT_SUBJECT = re.compile(r"[^\w\s,&()\u00b7-]+")
#: Characters around a drawn place in which a paragraph or a word may begin.
_NEAR = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a steering stage asks of a row; None where it asks nothing."""

    grade: str | None = None
    discipline: str | None = None
    difficulty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A row. `question` tells a seed question from a plain text; `language` is "en" or "zh"."""

    doc_id: str
    qa: QA
    question: bool
    language: str
    subject: str | None  # as an instruction may name it
    competition: str | None  # the field under which its contest stands in the lists
    stem: bool
    asked: Asked

    @property
    def discipline(self) -> str | None:
        """The discipline that a question from this seed is asked for in."""
        return self.asked.discipline or self.qa.field or self.qa.discipline or self.subject


def seed_of_row(document: Document, language: str, lists: Lists) -> Seed:
    """Read a row. `language`: "seed" for the row's own, or the one asked for."""
    qa = qa_of(document.text, document.metadata)
    asked = _asked(qa.more.get("request"), lists)
    names = [name for name in (asked.discipline, qa.field, qa.discipline, qa.subject) if isinstance(name, str)]
    fields = [_field(name, lists) for name in names]
    stem = qa.stem if isinstance(qa.stem, bool) else any(field in STEM for field in fields)
    return Seed(
        doc_id=document.doc_id,
        qa=qa,
        question=any(part is not None for part in (qa.answer, qa.choices, qa.solution)),
        language=_language(document, qa) if language == "seed" else language,
        subject=next((plain for name in names if (plain := subject_of(name))), None),
        competition=next((field for field in fields if field in lists.competitions), None),
        stem=stem,
        asked=asked,
    )


def subject_of(name: str) -> str:
    """A subject as words: underscores become spaces, and what is no part of a name is left out."""
    return " ".join(_NOT_SUBJECT.sub(" ", name[:_SUBJECT].replace("_", " ")).split())


def parts_of(qa: QA, most: int) -> dict[str, Any]:
    """The parts of a question as the structured input holds them, `most` characters in all, the question first."""
    left = most
    found: dict[str, Any] = {}
    for name in ("question", "answer", "choices", "solution", "context"):
        value = getattr(qa, name)
        if name == "choices":
            found[name] = None if value is None else _within(value, left)
            left -= sum(len(choice) for choice in found[name] or ())
            continue
        found[name] = None if value is None else str(value)[: max(0, left)] or None
        left -= len(found[name] or "")
    return found


def extract(text: str, most: int, seed: int, row: str) -> tuple[int, int]:
    """From where to where a text is shown: all of it, or `most` characters from a place drawn for the row.

    The place is moved to where a paragraph begins, or a word, so that several questions of one long text differ.
    """
    if len(text) <= most:
        return 0, len(text)
    start = seed_of(seed, "extract", row) % (len(text) - most + 1)
    if start:
        near = text[start : min(start + _NEAR, len(text) - most)]
        at = next((place + 1 for sign in ("\n", "。", " ") if (place := near.find(sign)) >= 0), 0)
        start += at
    return start, start + most


def _within(choices: Sequence[str], left: int) -> list[str] | None:
    return list(choices) if sum(len(choice) for choice in choices) <= left else None


def _asked(value: Any, lists: Lists) -> Asked:
    if not isinstance(value, Mapping):
        return Asked()
    grade, discipline, difficulty = (value.get(name) for name in ("grade", "discipline", "difficulty"))
    number = isinstance(difficulty, int | float) and not isinstance(difficulty, bool) and 1 <= difficulty <= 10
    return Asked(
        grade=grade if isinstance(grade, str) and grade in lists.grades else None,
        discipline=discipline if isinstance(discipline, str) and discipline.strip() else None,
        difficulty=float(difficulty) if number and difficulty is not None else None,
    )


def _field(name: str, lists: Lists) -> str:
    """A name as the lists spell it."""
    plain = subject_of(name).casefold()
    return lists.known_as.get(plain) or plain.replace(" ", "_")


def _language(document: Document, qa: QA) -> str:
    named = qa.language if isinstance(qa.language, str) else document.language
    if named:
        return "zh" if named.casefold().startswith(("zh", "cmn", "yue", "lzh")) else "en"
    return "zh" if is_chinese(document.text) else "en"
