"""The refine stage: a second model makes a question self-contained, solves it and mends its answer.

Both versions stay in the row, with what really changed. A refinement that contradicts a verified answer is refused.
Call 0 asks; calls 1 to `retries` ask again where the answer could not be read, with what was wrong. Guarantees: the
row is a function of row, seed and answers; a broken answer ends in a reason. Costs about 0.4 ms a call.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import tilth.prompts
from tilth.asking import Ask, Asker, document_of, language_of, question_units, shown_question, task_prompts
from tilth.data.qa import QA, qa_of
from tilth.generate.request import Completion
from tilth.lineage import answer_columns, model_identity, unit_columns
from tilth.recipe.stages.refine import Refine
from tilth.stage import Document, Generate, Identity, NotAnsweredError, Outcome, RoutedAway, Unit
from tilth.synth.refine.compare import VERSION as COMPARE_VERSION
from tilth.synth.refine.compare import Fault, Refined, changes, merged, read

_SHIPPED = Path(tilth.prompts.__file__).parent / "refine"
_NAMES = {"en": "refine", "zh": "refine_zh"}
#: What a row is dropped for, where the settings do not keep it as it was.
REASONS = {
    "incomplete": "the answer was cut off",
    "parse_failed": "the answer holds no JSON object with a question and an answer",
    "unanswerable": "the model says that nobody can answer the question",
    "too_long": "the refined question and solution are longer than allowed",
    "choices_malformed": "the refined choices are fewer, more or equal to each other",
    "answer_not_among_choices": "the refined answer is none of the choices",
    "language_changed": "the refined question is in another language",
    "contradicts_verified": "the refined answer contradicts one that was verified",
}
#: Faults that a second try may mend.
_AGAIN = frozenset({"parse_failed", "incomplete", "choices_malformed", "answer_not_among_choices", "language_changed"})
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "note": {"type": "string", "maxLength": 600},
        "unanswerable": {"type": "boolean"},
        "question": {"type": "string"},
        "choices": {"type": "array", "items": {"type": "string"}},
        "solution": {"type": "string"},
        "answer": {"type": "string"},
        "changed": {"type": "array", "items": {"type": "string", "enum": ["question", "answer", "reasoning"]}},
    },
    "required": ["note", "unanswerable", "question", "solution", "answer", "changed"],
    "additionalProperties": False,
}
_WRONG = {
    "en": "That could not be used: {reason}. Reply again with the one JSON object that was asked for.",
    "zh": "上面的回复无法使用：{reason}。请重新只回复所要求的那一个 JSON 对象。",
}
#: Characters of an answer that are shown again with what was wrong with it.
_SHOWN_AGAIN = 2000


class RefineStage:
    """See the module. Built by `build`; holds no state."""

    VERSION: ClassVar[int] = 1

    def __init__(self, settings: Refine, seed: int) -> None:
        self._settings = settings
        self._asker = Asker(model=settings.model, sampling=settings.sampling, seed=seed)
        self._prompts = task_prompts(_SHIPPED, tuple(_NAMES.values()), settings.prompt_folders)

    @property
    def prompts(self) -> tuple[str, ...]:
        """One prompt a language; each question gets one of them."""
        return tuple(self._prompts)

    @property
    def identity(self) -> Identity:
        """What decides the refinements, and what decides how they are read."""
        settings = self._settings
        shared = {"stage": f"refine {self.VERSION}", "seed": str(self._asker.seed)}
        shared |= model_identity(settings.model, settings.sampling)
        shared |= {name: str(getattr(settings, name)) for name in ("source_column", "max_characters")}
        reading = {"compare": COMPARE_VERSION}
        reading |= {
            name: str(getattr(settings, name)) for name in ("retries", "longest", "on_contradiction", "on_failure")
        }
        by_prompt = {name: {"text": prompt.text_hash} for name, prompt in self._prompts.items()}
        return Identity(shared=shared, by_prompt=by_prompt, reading=reading)

    def alarms(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """One unit a question, with the prompt of its language. Reasons: too_long, no_question, other_language."""
        qa = qa_of(document.text, document.metadata)
        qa = qa.but(more={name: value for name, value in qa.more.items() if name != "signals"})
        language = language_of(qa, document)
        parts = (qa.question, qa.context, qa.answer, qa.solution, *(qa.choices or ()))
        length = sum(len(part) for part in parts if part)
        why = "too_long" if length > self._settings.max_characters else None if qa.question.strip() else "no_question"
        return question_units(document, _NAMES, language, why, lambda name: (qa, self._ask(name, qa, language)))

    async def __call__(self, unit: Unit, generate: Generate) -> Outcome:
        """Ask, read, and ask again where the answer could not be read."""
        qa, ask = unit.payload
        outcome: Outcome | None = None
        for call in range(self._settings.retries + 1):
            request = self._asker.request(ask, unit.sample_id, call)
            try:
                completion = await generate(request, call)
            except NotAnsweredError:
                if outcome is None:
                    raise
                return outcome  # a pass without calls: the last answer there is decides
            columns = {**self._lineage(unit, call), **answer_columns(request, completion, call)}
            found = self._read(completion, qa)
            if isinstance(found, Refined):
                return self._refined(qa, found, completion, columns)
            outcome = self._unusable(qa, found, completion, columns)
            if found.reason not in _AGAIN:
                break
            ask = _asked_again(unit.payload[1], completion, found)
        assert outcome is not None
        return outcome

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of a unit whose call failed for good."""
        row = {"reason": reason, "detail": detail, "raw": None, **self._lineage(unit, 0), "tries": 1}
        return Outcome(reason=reason, row=row, passing=passing)

    def _ask(self, prompt: str, qa: QA, language: str) -> Ask:
        headings = ("答案", "解答") if language == "zh" else ("ANSWER", "SOLUTION")
        return Ask(
            task="refine",
            prompt=self._prompts[prompt],
            shown=shown_question(qa, dict(zip(headings, (qa.answer, qa.solution), strict=True))),
            document=document_of(
                language=language,
                question=qa.question,
                choices=qa.choices,
                answer=qa.answer,
                solution=qa.solution,
            ),
            language=language,
            schema=_SCHEMA,
        )

    def _read(self, completion: Completion, qa: QA) -> Refined | Fault:
        if completion.finish_reason == "refused":
            return Fault(f"refused:{completion.refusal or 'unsaid'}", "the engine found nothing to refine")
        if completion.finish_reason == "length":
            return Fault("incomplete", f"cut off after {completion.completion_tokens or 'unknown'} tokens")
        return read(completion.text, qa, self._settings.longest)

    def _refined(self, qa: QA, found: Refined, completion: Completion, columns: Mapping[str, Any]) -> Outcome:
        changed = changes(qa, found)
        if qa.verdict == "verified" and "answer" in changed:
            detail = f"{(qa.answer or '')[:80]!r} was verified; refined to {found.answer[:80]!r}"
            fault = Fault("contradicts_verified", detail)
            return self._ended(qa, fault, completion, columns, self._settings.on_contradiction)
        after = merged(qa, found, changed)
        row = {"text": after.question, "parsed": after.dump(), **columns, "flags": []}
        return Outcome(reason=None, row=row)

    def _unusable(self, qa: QA, fault: Fault, completion: Completion, columns: Mapping[str, Any]) -> Outcome:
        return self._ended(qa, fault, completion, columns, self._settings.on_failure)

    def _ended(self, qa: QA, fault: Fault, completion: Completion, columns: Mapping[str, Any], then: str) -> Outcome:
        """The row as it was with a flag, or a drop."""
        if then == "keep":
            row = {"text": qa.question, "parsed": qa.dump(), **columns, "flags": [fault.reason]}
            return Outcome(reason=None, row=row, flags=(fault.reason,))
        row = {"reason": fault.reason, "detail": fault.detail, "raw": completion.text or None, **columns}
        return Outcome(reason=fault.reason, row=row)

    def _lineage(self, unit: Unit, call: int) -> dict[str, Any]:
        drawn = self._asker.drawn(unit.payload[1], unit.sample_id, call)
        return unit_columns(unit, self._settings.model, self._prompts[unit.prompt], drawn)


def _asked_again(ask: Ask, completion: Completion, fault: Fault) -> Ask:
    """The same question with the answer that could not be used and what was wrong with it."""
    wrong = _WRONG[ask.language].replace("{reason}", f"{REASONS[fault.reason]} ({fault.reason})")
    after = (("assistant", completion.text[:_SHOWN_AGAIN] or "-"), ("user", wrong))
    return Ask(
        task=ask.task,
        prompt=ask.prompt,
        shown=ask.shown,
        document=ask.document,
        language=ask.language,
        schema=ask.schema,
        after=after,
    )


def build(settings: Refine, seed: int) -> RefineStage:
    """Make the stage; raises `ConfigError` for prompt files that are wrong."""
    return RefineStage(settings, seed)
