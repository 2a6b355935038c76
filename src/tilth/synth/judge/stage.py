"""The judge stage: free-text answers that `solve` could not compare are held against the row's own by a model.

A rule decides on numbers, mathematics, choices and short texts, and its verdict stays. What is left has `correct` empty
and `how: free_text`; each different answer of a row is put to the judge once (`votes` times), and what more than half
say becomes `correct`, with `how: judge`. Rows without such answers pass without a call. Where the judge cannot tell, or
its reply cannot be read, the answer stays open, so `verify` counts it as not comparable.
Guarantees: the row is a function of row, seed and replies; every row goes on. Costs about 0.2 ms a call.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import tilth.prompts
from tilth.answers.judge import VERSION as JUDGE_VERSION
from tilth.answers.judge import judged_case, read_judgement
from tilth.asking import Ask, Asker, ask_all, document_of, language_of, question_units, shown_question, task_prompts
from tilth.base.errors import EngineError
from tilth.data.qa import QA, qa_of
from tilth.generate.request import Completion
from tilth.lineage import answer_columns, model_identity, unit_columns
from tilth.recipe.stages.judge import Judge
from tilth.stage import Document, Generate, Identity, Outcome, RoutedAway, Unit
from tilth.synth.solve.answers import FREE_TEXT, summed, was_given

_PROMPTS = Path(tilth.prompts.__file__).parent / "judge"
_NAMES = {"en": "judge_answer", "zh": "judge_answer_zh"}
#: Why a row is passed by.
AWAY = {"other_language": "the prompt is for another language", "no_question": "the text is empty"}
#: How an answer was found right or wrong, or why it was not: see the module.
BY_JUDGE, UNDECIDED = "judge", "judge_undecided"


class JudgeStage:
    """See the module. Built by `build`; holds no state."""

    VERSION: ClassVar[int] = 1

    def __init__(self, settings: Judge, seed: int) -> None:
        self._settings = settings
        self._asker = Asker(model=settings.model, sampling=settings.sampling, seed=seed)
        self._prompts = task_prompts(_PROMPTS, tuple(_NAMES.values()), settings.prompt_folders)
        self._name = settings.model.model or settings.model.engine

    @property
    def prompts(self) -> tuple[str, ...]:
        """One prompt a language; each question gets one of them."""
        return tuple(self._prompts)

    @property
    def identity(self) -> Identity:
        """What decides the verdicts, and what decides how they are read."""
        settings = self._settings
        shared = {"stage": f"judge {self.VERSION}", "seed": str(self._asker.seed)}
        shared |= model_identity(settings.model, settings.sampling)
        names = ("votes", "source_column", "most_answers", "max_characters")
        shared |= {name: str(getattr(settings, name)) for name in names}
        by_prompt = {name: {"text": prompt.text_hash} for name, prompt in self._prompts.items()}
        return Identity(shared=shared, by_prompt=by_prompt, reading={"judgements": str(JUDGE_VERSION)})

    def alarms(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """One unit a question, with the prompt of its language."""
        qa = qa_of(document.text, document.metadata)
        qa = qa.but(more={name: value for name, value in qa.more.items() if name != "signals"})
        language = language_of(qa, document)
        why = None if qa.question.strip() else "no_question"
        return question_units(document, _NAMES, language, why, lambda name: (qa, name, language))

    async def __call__(self, unit: Unit, generate: Generate) -> Outcome:
        """Ask for the verdicts on what is open, and add up."""
        qa, prompt, language = unit.payload
        asks = [self._ask(qa, answer, prompt, language) for answer in open_answers(qa, self._settings)]
        votes = self._settings.votes
        requests = [
            (place * votes + vote, self._asker.request(ask, unit.sample_id, place * votes + vote))
            for place, ask in enumerate(asks)
            for vote in range(votes)
        ]
        ends = await ask_all(generate, requests)
        said = {
            answer: verdict(ends[place * votes : (place + 1) * votes])
            for place, answer in enumerate(open_answers(qa, self._settings))
        }
        row = {
            "text": qa.question,
            "parsed": self._told(qa, said).dump(),
            **self._lineage(unit, qa, language),
            "flags": [],
        }
        given = [(request, end, call) for (call, request), end in zip(requests, ends, strict=True)
                 if isinstance(end, Completion)]  # fmt: skip
        if given:
            row |= answer_columns(*given[-1])
            row |= {name: sum(getattr(end, name) or 0 for _, end, _ in given) for name in _TOKENS}
        if len(given) < len(requests):
            row["flags"] = ["judge_not_answered"]
        return Outcome(reason=None, row={**row, "tries": len(given)})

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of a unit whose call failed for good."""
        qa, _, language = unit.payload
        row = {"reason": reason, "detail": detail, "raw": None, **self._lineage(unit, qa, language), "tries": 1}
        return Outcome(reason=reason, row=row, passing=passing)

    def _ask(self, qa: QA, answer: str, prompt: str, language: str) -> Ask:
        question, reference = shown_question(qa), qa.answer or ""
        return Ask(
            task="judge.answer",
            prompt=self._prompts[prompt],
            shown=judged_case(question, reference, answer),
            document=document_of(language=language, question=qa.question, reference=reference, stated=answer),
            language=language,
        )

    def _told(self, qa: QA, said: Mapping[str, bool | None]) -> QA:
        """The row with the verdicts in its answers, and its votes and pass rate counted anew."""
        if not any(is_open(item) for item in _answers(qa)):
            return qa
        judged = [self._decided(item, said) if is_open(item) else item for item in _answers(qa)]
        more = {**qa.more, "answer_judges": [*_list(qa.more.get("answer_judges")), self._name]}
        return summed(qa.but(more=more), judged, _LEVEL)

    def _decided(self, item: dict[str, Any], said: Mapping[str, bool | None]) -> dict[str, Any]:
        final = item.get("final")
        if not isinstance(final, str) or not final.strip():
            return {**item, "correct": False, "how": "unreadable"}
        if final not in said:
            return item
        return {**item, "correct": said[final], "how": UNDECIDED if said[final] is None else BY_JUDGE}

    def _lineage(self, unit: Unit, qa: QA, language: str) -> dict[str, Any]:
        prompt = self._prompts[unit.prompt]
        drawn = self._asker.drawn(self._ask(qa, "", unit.prompt, language), unit.sample_id, 0)
        return unit_columns(unit, self._settings.model, prompt, drawn)


_TOKENS = ("prompt_tokens", "completion_tokens")
_LEVEL = 0.9  # of the pass rate's interval, as `solve` has it


def is_open(item: dict[str, Any]) -> bool:
    """Whether an answer was given and no rule could compare it."""
    return item.get("correct") is None and item.get("how") in (FREE_TEXT, UNDECIDED) and was_given(item)


def open_answers(qa: QA, settings: Judge) -> list[str]:
    """The different texts that are put to the judge, in the order of the answers."""
    if not (qa.answer or "").strip():
        return []
    room = settings.max_characters - len(shown_question(qa)) - len(qa.answer or "")
    finals = [item.get("final") for item in _answers(qa) if is_open(item)]
    texts = (final for final in finals if isinstance(final, str) and final.strip() and len(final) <= room)
    return list(dict.fromkeys(texts))[: settings.most_answers]


def verdict(ends: list[Completion | EngineError]) -> bool | None:
    """What more than half of the judgements say; None where none does, or it is that one cannot tell."""
    read = [read_judgement(end.text) if isinstance(end, Completion) else None for end in ends]
    if 2 * read.count("correct") > len(ends):
        return True
    return False if 2 * read.count("incorrect") > len(ends) else None


def _answers(qa: QA) -> list[dict[str, Any]]:
    return [item for item in _list(qa.more.get("answers")) if isinstance(item, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def build(settings: Judge, seed: int) -> JudgeStage:
    """Make the stage; raises `ConfigError` for prompt files that are wrong."""
    return JudgeStage(settings, seed)
