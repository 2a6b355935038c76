"""The solve stage: k independent answers to a question, each checked against the row's own answer.

Answers are calls 0 to k - 1 of the row, asked at once; call k, where it is asked for, judges the question itself. Each
call draws its own wording and its own seed. The row goes on with its answers added to those that it has already, so
that a panel may be a chain of solve steps or several beside each other.
Guarantees: the row is a function of row, seed and answers. Costs about 0.3 ms a call, comparisons by computer algebra
left out, which a worker process makes.
"""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import tilth.prompts
from tilth.answers.reply import VERSION as REPLY_VERSION
from tilth.answers.reply import object_in, text_in
from tilth.asking import (
    Ask,
    Asker,
    answer_id,
    ask_all,
    document_of,
    language_of,
    question_units,
    shown_question,
    task_prompts,
)
from tilth.base.errors import EngineError
from tilth.data.qa import QA, qa_of
from tilth.generate.request import Completion, Request
from tilth.lineage import answer_columns, model_identity, unit_columns
from tilth.recipe.stages.solve import Solve
from tilth.stage import Document, Generate, Identity, Outcome, RoutedAway, Unit
from tilth.synth.solve.answers import VERSION as ANSWERS_VERSION
from tilth.synth.solve.answers import Gold, agree, final_of, judged, settled, summed

_SHIPPED = Path(tilth.prompts.__file__).parent
_NAMES = {"en": "solve", "zh": "solve_zh"}
_JUDGES = {"en": "judge_question", "zh": "judge_question_zh"}
#: Why a question is not asked.
AWAY = {
    "other_language": "the prompt is for another language",
    "too_long": "question, context and choices are longer than max_characters",
    "no_question": "the text is empty",
}
_JUDGE_SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string", "maxLength": 600}, "valid": {"type": "boolean"}},
    "required": ["reason", "valid"],
    "additionalProperties": False,
}


class SolveStage:
    """See the module. Built by `build`; holds no state."""

    VERSION: ClassVar[int] = 1

    def __init__(self, settings: Solve, seed: int) -> None:
        self._settings = settings
        self._asker = Asker(model=settings.model, sampling=settings.sampling, seed=seed)
        folders = settings.prompt_folders
        self._prompts = task_prompts(_SHIPPED / "solve", tuple(_NAMES.values()), folders)
        self._judges = task_prompts(_SHIPPED / "judge", tuple(_JUDGES.values()), folders)
        self._solver = settings.solver or settings.model.model or settings.model.engine

    @property
    def prompts(self) -> tuple[str, ...]:
        """One prompt a language; each question gets one of them."""
        return tuple(self._prompts)

    @property
    def identity(self) -> Identity:
        """What decides the answers, and what decides how they are read."""
        settings = self._settings
        shared = {"stage": f"solve {self.VERSION}", "seed": str(self._asker.seed)}
        shared |= model_identity(settings.model, settings.sampling)
        shared |= {name: str(getattr(settings, name)) for name in ("k", "source_column", "max_characters")}
        # which calls are made: those that were made under another value are taken from the journal
        shared |= {name: str(getattr(settings, name)) for name in ("stop_when_agree", "judge_question")}
        if settings.more:  # a run made without it is the same run
            shared["more"] = str(settings.more)
        if settings.judge_question:
            shared |= {f"judge.{name}": prompt.text_hash for name, prompt in self._judges.items()}
        reading = {"answers": str(ANSWERS_VERSION), "replies": str(REPLY_VERSION), "solver": self._solver}
        reading |= {name: str(getattr(settings, name)) for name in ("text_words", "programs", "level")}
        by_prompt = {name: {"text": prompt.text_hash} for name, prompt in self._prompts.items()}
        return Identity(shared=shared, by_prompt=by_prompt, reading=reading)

    def alarms(self) -> list[dict[str, Any]]:
        """None: solvers write nothing that is kept as text."""
        return []

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """One unit a question, with the prompt of its language."""
        qa = qa_of(document.text, document.metadata)
        language = language_of(qa, document)
        length = len(qa.question) + len(qa.context or "") + sum(map(len, qa.choices or ()))
        why = "too_long" if length > self._settings.max_characters else None if qa.question.strip() else "no_question"
        return question_units(document, _NAMES, language, why, lambda name: (qa, self._ask(name, qa, language)))

    async def __call__(self, unit: Unit, generate: Generate) -> Outcome:
        """Ask, judge each answer, and add up."""
        qa, ask = unit.payload
        settings, options = self._settings, qa.choices or ()
        first = settings.stop_when_agree or settings.k
        gold = Gold(qa, settings.text_words, settings.programs)
        calls = [(call, self._asker.request(ask, unit.sample_id, call)) for call in range(settings.k)]
        judge = [(settings.k, self._judge_request(unit, qa, ask.language))] if settings.judge_question else []
        ends = await ask_all(generate, [*calls[:first], *judge])
        verdict = ends.pop() if judge else None
        if first < settings.k and not agree([_final(end, gold) for end in ends], options):
            ends += await ask_all(generate, calls[first:])
        answers = await self._checked(unit, ends, gold)
        # the call of the judge of questions has the number k, whether it is made or not
        further = [
            (call, self._asker.request(ask, unit.sample_id, call))
            for call in range(settings.k + 1, settings.k + 1 + settings.more)
        ]
        if further and len(ends) == settings.k and not settled(answers, gold):
            calls += further
            ends += await ask_all(generate, further)
            answers = await self._checked(unit, ends, gold)
        given = [(place, end) for place, end in enumerate(ends) if isinstance(end, Completion)]
        if not any(end.finish_reason != "refused" for _, end in given):
            return self._unanswered(unit, ends)
        number, request = calls[given[-1][0]]
        return self._outcome(unit, self._told(qa, answers, verdict), request, number, [end for _, end in given])

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of a unit whose call failed for good."""
        row = {"reason": reason, "detail": detail, "raw": None, **self._lineage(unit), "tries": 1}
        return Outcome(reason=reason, row=row, passing=passing)

    def _ask(self, prompt: str, qa: QA, language: str) -> Ask:
        return Ask(
            task="solve",
            prompt=self._prompts[prompt],
            shown=shown_question(qa),
            document=document_of(language=language, question=qa.question, choices=qa.choices, context=qa.context),
            language=language,
        )

    def _judge_request(self, unit: Unit, qa: QA, language: str) -> Request:
        ask = Ask(
            task="judge.question",
            prompt=self._judges[_JUDGES[language]],
            shown=shown_question(qa),
            document=document_of(question=qa.question, choices=qa.choices, context=qa.context),
            language=language,
            schema=_JUDGE_SCHEMA,
        )
        return self._asker.request(ask, unit.sample_id, self._settings.k)

    async def _checked(self, unit: Unit, ends: list[Completion | EngineError], gold: Gold) -> list[dict[str, Any]]:
        """The answers, compared outside of the event loop where that may take seconds."""
        if gold.slow:
            return await asyncio.to_thread(self._answers, unit, ends, gold)
        return self._answers(unit, ends, gold)

    def _answers(self, unit: Unit, ends: list[Completion | EngineError], gold: Gold) -> list[dict[str, Any]]:
        """What each call came to, in the order of the calls. Equal final answers are compared once."""
        answers = []
        seen: dict[str | None, tuple[bool | None, str]] = {}
        for place, end in enumerate(ends):
            call = place if place < self._settings.k else place + 1
            final = _final(end, gold)
            if isinstance(end, EngineError) or end.finish_reason in ("refused", "content_filter"):
                correct, how = None, "not_answered"
            elif gold.kind == "code":
                correct, how = judged(end.text, final, gold)
            else:
                if final not in seen:
                    seen[final] = judged(end.text, final, gold)
                correct, how = seen[final]
            answers.append(
                {
                    "id": answer_id(unit.sample_id, self._solver, call),
                    "model": self._solver,
                    "final": final,
                    "correct": correct,
                    "how": how,
                    "finish_reason": f"engine:{end.kind}" if isinstance(end, EngineError) else end.finish_reason,
                }
            )
        return answers

    def _told(self, qa: QA, answers: list[dict[str, Any]], verdict: Completion | EngineError | None) -> QA:
        """The row with these answers after those that it has, and what the judge said."""
        more = {name: value for name, value in qa.more.items() if name != "signals"}
        before = [item for item in more.get("answers") or () if isinstance(item, dict)]
        if isinstance(verdict, Completion):
            said = more.get("judged")
            more["judged"] = [*(said if isinstance(said, list) else []), {"model": self._solver, **_valid(verdict)}]
        return summed(qa.but(more=more), [*before, *answers], self._settings.level / 100)

    def _outcome(self, unit: Unit, qa: QA, request: Request, call: int, given: list[Completion]) -> Outcome:
        """The row. Its tokens are those of all calls; its request, number `call`, is the last answered one."""
        last = given[-1]
        tokens = {
            name: sum(getattr(end, name) or 0 for end in given) for name in ("prompt_tokens", "completion_tokens")
        }
        row = {
            "text": qa.question,
            "parsed": qa.dump(),
            **self._lineage(unit),
            **answer_columns(request, last, call),
            **tokens,
            "tries": len(given),
            "flags": [],
        }
        return Outcome(reason=None, row=row)

    def _unanswered(self, unit: Unit, ends: list[Completion | EngineError]) -> Outcome:
        """No call gave an answer: the engine has nothing to say to this question, or every call failed for good."""
        first = ends[0]
        if isinstance(first, EngineError):
            return self.failed(unit, f"engine:{first.kind}", str(first), passing=False)
        reason = f"refused:{first.refusal or 'unsaid'}"
        return self.failed(unit, reason, "the engine found nothing to answer with", passing=False)

    def _lineage(self, unit: Unit) -> dict[str, Any]:
        drawn = self._asker.drawn(unit.payload[1], unit.sample_id, 0)
        return unit_columns(unit, self._settings.model, self._prompts[unit.prompt], drawn)


def _final(end: Completion | EngineError, gold: Gold) -> str | None:
    """The final answer of a call; None for one that failed, was refused or was cut off."""
    if isinstance(end, EngineError) or end.finish_reason != "stop":
        return None
    return final_of(end.text, gold.options, gold.most)


def _valid(reply: Completion) -> dict[str, Any]:
    """What a judge's reply says of a question: valid None where it cannot be read."""
    found = object_in(reply.text) or {}
    valid = found.get("valid")
    said = (text_in(found.get("reason")) or "")[:300]
    return {"valid": valid if isinstance(valid, bool) else None, "reason": said}


def build(settings: Solve, seed: int) -> SolveStage:
    """Make the stage; raises `ConfigError` for prompt files that are wrong."""
    return SolveStage(settings, seed)
