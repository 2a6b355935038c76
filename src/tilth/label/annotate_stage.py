"""The annotate stage: difficulty on a rubric, grade, discipline and field of a question, by votes of a model.

Votes are calls 0 to `votes` - 1, asked at once; each draws its own wording and seed. Difficulty is their mean with its
standard error; grade and labels are those of more than half of them. Guarantees: the row is a function of row, seed
and answers; broken answers are votes that do not count. Costs about 0.2 ms a call.
"""

from pathlib import Path
from typing import Any, ClassVar

import tilth.prompts
from tilth.answers.reply import VERSION as REPLY_VERSION
from tilth.asking import Ask, Asker, ask_all, document_of, language_of, question_units, shown_question, task_prompts
from tilth.base.errors import EngineError
from tilth.data.qa import QA, qa_of
from tilth.difficulty.anchors import SHIPPED, load_anchors
from tilth.generate.request import Completion, Request
from tilth.label.rubric import VERSION as RUBRIC_VERSION
from tilth.label.rubric import (
    Agreed,
    Rated,
    agreed,
    guide,
    rating_schema,
    read_rating,
)
from tilth.label.taxonomy.load import load_taxonomy
from tilth.lineage import answer_columns, model_identity, unit_columns
from tilth.recipe.stages.annotate import Annotate
from tilth.stage import Document, Generate, Identity, Outcome, RoutedAway, Unit

_PROMPTS = Path(tilth.prompts.__file__).parent / "label"
_NAMES = {"en": "annotate", "zh": "annotate_zh"}
#: What a row is dropped for.
REASONS = {
    "parse_failed": "no vote could be read",
    "incomplete": "every vote that was given was cut off",
    "too_few_votes": "fewer votes could be read than least_votes",
}


class AnnotateStage:
    """See the module. Built by `build`; holds no state."""

    VERSION: ClassVar[int] = 1

    def __init__(self, settings: Annotate, seed: int) -> None:
        self._settings = settings
        self._asker = Asker(model=settings.model, sampling=settings.sampling, seed=seed)
        self._prompts = task_prompts(_PROMPTS, tuple(_NAMES.values()), settings.prompt_folders)
        self._taxonomy = load_taxonomy(_path(settings.taxonomy))
        self._anchors = load_anchors(_path(settings.anchors) or SHIPPED)
        self._schema = rating_schema(self._taxonomy)
        self._guides = {language: guide(self._anchors, self._taxonomy, language) for language in _NAMES}
        self._least = settings.least_votes or settings.votes // 2 + 1

    @property
    def prompts(self) -> tuple[str, ...]:
        """One prompt a language; each question gets one of them."""
        return tuple(self._prompts)

    @property
    def identity(self) -> Identity:
        """What decides the votes, and what decides how they are read."""
        settings = self._settings
        shared = {"stage": f"annotate {self.VERSION}", "seed": str(self._asker.seed)}
        shared |= model_identity(settings.model, settings.sampling)
        shared |= {
            name: str(getattr(settings, name)) for name in ("source_column", "votes", "show_solution", "max_characters")
        }
        shared |= {"anchors": self._anchors.hash, "taxonomy": self._taxonomy.hash}
        reading = {"rubric": str(RUBRIC_VERSION), "replies": str(REPLY_VERSION)}
        reading |= {"least_votes": str(self._least), "labels": settings.labels}
        by_prompt = {name: {"text": prompt.text_hash} for name, prompt in self._prompts.items()}
        return Identity(shared=shared, by_prompt=by_prompt, reading=reading)

    def alarms(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """One unit a question, with the prompt of its language."""
        qa = qa_of(document.text, document.metadata)
        qa = qa.but(more={name: value for name, value in qa.more.items() if name != "signals"})
        language = language_of(qa, document)
        why = None if qa.question.strip() else "no_question"
        return question_units(document, _NAMES, language, why, lambda name: (qa, self._ask(name, qa, language)))

    async def __call__(self, unit: Unit, generate: Generate) -> Outcome:
        """Ask for the votes, read them, and add up."""
        qa, ask = unit.payload
        requests = [(call, self._asker.request(ask, unit.sample_id, call)) for call in range(self._settings.votes)]
        ends = await ask_all(generate, requests)
        given = [(call, end) for call, end in enumerate(ends) if isinstance(end, Completion)]
        if not given:
            first = next(end for end in ends if isinstance(end, EngineError))
            return self.failed(unit, f"engine:{first.kind}", str(first), passing=False)
        votes = [read_rating(end.text, self._taxonomy) for _, end in given]
        together = agreed(votes, self._taxonomy)
        columns = {**self._lineage(unit), **_answered(given, requests)}
        readable = sum(vote.error is None for vote in votes)
        if together is None or readable < self._least:
            return _dropped(given, votes, readable, self._least, columns)
        after = self._told(qa, together, votes)
        return Outcome(reason=None, row={"text": qa.question, "parsed": after.dump(), **columns, "flags": []})

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of a unit whose call failed for good."""
        row = {"reason": reason, "detail": detail, "raw": None, **self._lineage(unit), "tries": 1}
        return Outcome(reason=reason, row=row, passing=passing)

    def _ask(self, prompt: str, qa: QA, language: str) -> Ask:
        most = self._settings.max_characters
        shown = qa.but(question=qa.question[:most], context=(qa.context or "")[:most] or None)
        solution = (qa.solution or "")[:most] if self._settings.show_solution else ""
        answer = (qa.answer or "")[:most] if self._settings.show_solution else ""
        headings = ("答案", "解答") if language == "zh" else ("ANSWER", "SOLUTION")
        anchors = [{"level": level, "question": problem} for level, problem in self._anchors.problems[language]]
        return Ask(
            task="annotate",
            prompt=self._prompts[prompt],
            shown=shown_question(shown, dict(zip(headings, (answer, solution), strict=True)))[:most],
            document=document_of(
                language=language,
                question=shown.question,
                choices=qa.choices,
                answer=answer or None,
                solution=solution or None,
                anchors=anchors,
            ),
            language=language,
            schema=self._schema,
            system=self._guides[language],
        )

    def _told(self, qa: QA, together: Agreed, votes: list[Rated]) -> QA:
        """The row with what the votes say of it; each vote stands in `annotations`."""
        rubric = together.rubric
        mine = {
            "model": self._settings.model.model or self._settings.model.engine,
            "difficulty": [vote.difficulty for vote in votes],
            "grade": [vote.grade for vote in votes],
            "field": [vote.field for vote in votes],
            "low": round(rubric.low, 3),
            "high": round(rubric.high, 3),
            "bin": rubric.bin,
        }
        after = qa.but(
            difficulty=round(rubric.score, 4),
            difficulty_error=None if rubric.error is None else round(rubric.error, 4),
            grade=together.grade,
            more={**qa.more, "annotations": mine},
        )
        if self._settings.labels == "keep" and qa.discipline is not None:
            return after
        share = None if together.share is None else round(together.share, 4)
        return after.but(
            discipline=together.discipline, field=together.field, stem=together.stem, label_probability=share
        )

    def _lineage(self, unit: Unit) -> dict[str, Any]:
        drawn = self._asker.drawn(unit.payload[1], unit.sample_id, 0)
        return unit_columns(unit, self._settings.model, self._prompts[unit.prompt], drawn)


def _answered(given: list[tuple[int, Completion]], requests: list[tuple[int, Request]]) -> dict[str, Any]:
    """The columns of the last vote, with the tokens of all of them."""
    call, last = given[-1]
    tokens = {name: sum(getattr(end, name) or 0 for _, end in given) for name in ("prompt_tokens", "completion_tokens")}
    return {**answer_columns(requests[call][1], last, call), **tokens, "tries": len(given)}


def _dropped(
    given: list[tuple[int, Completion]], votes: list[Rated], readable: int, least: int, columns: dict[str, Any]
) -> Outcome:
    """Too little could be read: which of the reasons it is, and the first vote that could not be read."""
    first = next((end for (_, end), vote in zip(given, votes, strict=True) if vote.error is not None), given[0][1])
    said = next((vote.error for vote in votes if vote.error is not None), "")
    reason = "too_few_votes" if readable else "parse_failed"
    if first.finish_reason == "refused":
        reason = f"refused:{first.refusal or 'unsaid'}"
    elif not readable and all(end.finish_reason == "length" for _, end in given):
        reason = "incomplete"
    detail = f"{readable} of {len(given)} votes could be read, {least} are needed; {said}"
    return Outcome(reason=reason, row={"reason": reason, "detail": detail, "raw": first.text or None, **columns})


def _path(name: str | None) -> Path | None:
    return Path(name).expanduser() if name else None


def build(settings: Annotate, seed: int) -> AnnotateStage:
    """Make the stage; raises `ConfigError` for prompts, anchors or a taxonomy that are wrong."""
    return AnnotateStage(settings, seed)
