"""Questions by grade: what is drawn for each seed, and the one call that asks for it.

Every draw has a stream of its own, named by the row, so a new list or a longer one never shifts the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tilth.base.random import seed_of
from tilth.difficulty.bins import NAMES, rubric_bins
from tilth.recipe.stages.synthesize import ByGrade
from tilth.stage import Document
from tilth.synth.questions.answers import Expected, Unread
from tilth.synth.questions.ask import Ask, Asker, schema
from tilth.synth.questions.catalogue import Form, chosen, lists, load_cells
from tilth.synth.questions.made import Made, Work, failed, new_question
from tilth.synth.questions.material import brief_lines, shown
from tilth.synth.questions.seeds import Asked, Seed, extract, parts_of

#: Why a row makes no question by grade.
ROUTED: Mapping[str, str] = {
    "no_weight": "the file of cells gives this row's discipline no weight",
    "other_discipline": "the row is of no STEM discipline, and per_seed_other is 0",
}
# fmt: off
_LINES = {
    "en": ("Level", "May be assumed", "Shape of the question", "Contest", "Subject", "Type of question", "Layout",
           "World it takes place in", "Language", "English"),
    "zh": ("等级", "可以假定", "题目形态", "竞赛", "学科", "题型", "呈现方式", "情境人物", "语言", "中文"),
}
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one question is to be."""

    grade: str
    difficulty: float
    form: Form
    layout: str
    persona: str


class ByGrades:
    """The mechanism; see the module."""

    def __init__(self, settings: ByGrade, seed: int, extract_chars: int) -> None:
        self._lists = lists()
        self._settings = settings
        self._seed = seed
        self._chars = extract_chars
        self._cells = load_cells(settings.weights) if settings.weights else None
        self._forms = [
            self._lists.forms[name] for name in chosen(settings.forms, self._lists.forms, "a type of question")
        ]

    @property
    def identity(self) -> Mapping[str, str]:
        """What the file of cells holds."""
        return {
            "cells": "none"
            if self._cells is None
            else repr(sorted((k, sorted(v.items())) for k, v in self._cells.items()))
        }

    def expand(self, document: Document, seed: Seed, rows: Sequence[str]) -> list[Work] | str:
        """The questions to make of a row, at most one for each of the names in `rows`; or why none."""
        settings = self._settings
        count = settings.per_seed if seed.stem else settings.per_seed_other
        if seed.asked != Asked():
            count = max(1, count)  # what is asked for is made
        if not count:
            return "other_discipline"
        works = []
        for row in rows[:count]:
            plan = self._plan(seed, row)
            if plan is None:
                return "no_weight"
            span = None if seed.question else extract(document.text, self._chars, self._seed, row)
            works.append(Work(seed=seed, plan=plan, span=span))
        return works

    @property
    def most(self) -> int:
        """Most questions a row can make."""
        return max(self._settings.per_seed, self._settings.per_seed_other)

    async def make(self, work: Work, asker: Asker, limits: Any) -> Made:
        """Ask for the question."""
        seed, plan = work.seed, work.plan
        choices = plan.form.choices
        answer, found = await asker.question(
            self._ask(work),
            Expected(
                limits=limits,
                language=seed.language,
                choices=choices,
                not_these=(seed.qa.question,) if seed.question else (),
            ),
        )
        if isinstance(found, Unread):
            return failed(answer, found)
        made = new_question(seed, found, "grade")
        qa = made.but(
            grade_requested=plan.grade,
            difficulty_requested=plan.difficulty,
            form=plan.form.name,
            persona=plan.persona,
            more={**made.more, "format": plan.layout},
        )
        return Made(qa=qa, answer=answer)

    def _ask(self, work: Work) -> Ask:
        seed, plan = work.seed, work.plan
        if work.span is None:
            parts = parts_of(seed.qa, self._chars)
        else:
            parts = {"text": seed.qa.question[work.span[0] : work.span[1]]}
        document = {
            "language": seed.language,
            "grade": plan.grade,
            "discipline": seed.asked.discipline or seed.qa.discipline or seed.subject,
            "field": seed.qa.field,
            "difficulty": plan.difficulty,
            "persona": plan.persona,
            "form": plan.form.name,
            "format": plan.layout,
            "seed": parts,
        }
        return Ask(
            task="synthesize.grade",
            document=document,
            material=shown(parts, seed.language),
            brief=self._brief(seed, plan),
            schema=schema(choices=plan.form.choices),
        )

    def _brief(self, seed: Seed, plan: Plan) -> str:
        language, names = seed.language, _LINES[seed.language]
        grade = self._lists.grades[plan.grade]
        contest = self._lists.competitions.get(seed.competition or "", {}) if plan.grade == "GC" else {}
        values = (
            grade["name"][language],
            grade["assumes"][language],
            grade["shape"][language],
            contest.get(language),
            seed.subject,
            plan.form.text[language],
            self._lists.formats[plan.layout][language],
            plan.persona,
            names[9],
        )
        return brief_lines(list(zip(names[:9], values, strict=True)), language)

    def _plan(self, seed: Seed, row: str) -> Plan | None:
        level = self._level(seed, row)
        if level is None:
            return None
        grade, difficulty = level
        stem_only = [form for form in self._forms if grade in form.grades and (seed.stem or not form.stem)]
        forms = stem_only or self._forms
        layouts, personas = list(self._lists.formats), self._lists.personas
        return Plan(
            grade=grade,
            difficulty=difficulty,
            form=forms[self._draw(row, "form", len(forms))],
            layout=layouts[self._draw(row, "format", len(layouts))],
            persona=personas[self._draw(row, "persona", len(personas))][seed.language],
        )

    def _level(self, seed: Seed, row: str) -> tuple[str, float] | None:
        """Grade and difficulty: as asked for, else by cells, else by the weights of grades. None: no weight."""
        asked, known = seed.asked, self._lists
        if asked.grade is not None:
            return asked.grade, asked.difficulty or known.difficulty_of[asked.grade]
        if asked.difficulty is not None:
            name = NAMES[int(rubric_bins([asked.difficulty])[0]) - 1]
            return self._grade_of(seed, known.bins[name]["grades"], row), asked.difficulty
        cells = self._cell(seed)
        if cells is None:
            grade = self._grade_of(seed, known.grades, row)
            return grade, known.difficulty_of[grade]
        drawn = self._weighted(row, "bin", cells)
        if drawn is None:
            return None
        return self._grade_of(seed, known.bins[drawn]["grades"], row), float(known.bins[drawn]["difficulty"])

    def _cell(self, seed: Seed) -> Mapping[str, float] | None:
        """The bins of the row's discipline, None where no file was given or it says nothing of it."""
        if self._cells is None:
            return None
        for name in (seed.asked.discipline, seed.qa.field, seed.qa.discipline, seed.qa.subject, "*"):
            if name is not None and name in self._cells:
                return self._cells[name]
        return None

    def _grade_of(self, seed: Seed, grades: Iterable[str], row: str) -> str:
        """One of `grades` by the recipe's weights; the contest only where there is one."""
        possible = [grade for grade in grades if grade != "GC" or seed.competition is not None]
        given = self._settings.grades
        weights = {grade: given.get(grade, 0.0) if given else 1.0 for grade in possible}  # type: ignore[call-overload]
        return self._weighted(row, "grade", weights) or (possible or list(grades))[0]

    def _weighted(self, row: str, name: str, weights: Mapping[str, float]) -> str | None:
        total = sum(weights.values())
        if not total > 0:
            return None
        place = seed_of(self._seed, "synthesize", name, row) / 2**63 * total
        for one, weight in weights.items():
            place -= weight
            if place < 0:
                return one
        return max(weights, key=lambda one: weights[one])  # rounding left a rest

    def _draw(self, row: str, name: str, count: int) -> int:
        return seed_of(self._seed, "synthesize", name, row) % count
