"""The rephrasing stage: a document and a prompt become a rewrite, or a named refusal.

Expand routes the document to the prompts that are worth it and fits it into the model's window; the call asks,
parses, checks, and asks again with another seed where a check says so. Everything is a function of the row, the
recipe's seed and the answers, so the same journal always gives the same rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import orjson

from tilth.base.fingerprint import fingerprint
from tilth.generate.engines.local.resolve import counter_for
from tilth.generate.fit import FIT_VERSION, Fitter, Piece, TooLong
from tilth.generate.request import Completion, Request
from tilth.lineage import answer_columns, call_seed, model_identity, sample_id, shown, unit_columns
from tilth.prompts.prompt import Drawn, Prompt, draw, find, load_library, render
from tilth.recipe import Rephrase
from tilth.stage import Document, Generate, Identity, NotAnsweredError, Outcome, RoutedAway, Unit
from tilth.synth.checks.judge import CHECKS_VERSION, CheckPlan, Judgement, SourceText, check_plan, judge
from tilth.synth.collapse import CollapseMonitor
from tilth.synth.features import FEATURES_VERSION, Features, features
from tilth.synth.parsers import PARSERS_VERSION
from tilth.synth.router import route

#: Context of an engine that has none; larger than any document that a reader lets through.
_NO_WINDOW = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a unit carries: the prompt, what the row drew for it, the piece of the document, and the shared source."""

    prompt: Prompt
    drawn: Drawn
    piece: Piece
    source: SourceText


class RephraseStage:
    """See the module. Built by `build`; holds no state that a row could leave behind, but for the collapse monitor."""

    VERSION: ClassVar[int] = 1

    def __init__(self, settings: Rephrase, seed: int, library: Mapping[str, Prompt]) -> None:
        self._settings = settings
        self._seed = seed
        self._prompts = {name: find(library, name) for name in settings.prompts}
        self._fitter = _fitter(settings)
        self._plans = {name: _plan_checks(prompt, settings) for name, prompt in self._prompts.items()}
        self._monitor = CollapseMonitor()

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts of the recipe, in its order."""
        return tuple(self._prompts)

    @property
    def identity(self) -> Identity:
        """What decides the texts: stage, seed, model, sampling, fit, and each prompt's text."""
        settings = self._settings
        shared = {"stage": f"rephrase {self.VERSION}", "fitter": str(FIT_VERSION), "seed": str(self._seed)}
        shared |= model_identity(settings.model, settings.sampling)
        shared |= {f"fit.{name}": shown(value) for name, value in settings.fit.model_dump().items()}
        shared["source_column"] = settings.source_column
        reading = {
            "parsers": str(PARSERS_VERSION),
            "checks": str(CHECKS_VERSION),
            "features": str(FEATURES_VERSION),
            "route": shown(settings.route),
            "policies": fingerprint(settings.checks),
            "prompts": fingerprint({name: _reading_of(prompt) for name, prompt in self._prompts.items()}),
        }
        by_prompt = {name: {"text": prompt.text_hash} for name, prompt in self._prompts.items()}
        return Identity(shared=shared, by_prompt=by_prompt, reading=reading)

    def alarms(self) -> list[dict[str, Any]]:
        """The collapse alarms so far, as plain values."""
        return [alarm.to_dict() for alarm in self._monitor.alarms()]

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """The units of a document: one a prompt and window. Prompts that are not worth it are named with the reason."""
        units: list[Unit] = []
        away: list[RoutedAway] = []
        seen = features(document.text) if self._settings.route else None
        sources: dict[tuple[int, int], SourceText] = {}
        for name, prompt in self._prompts.items():
            reason = self._routed_away(name, prompt, seen) if seen is not None else None
            if reason is not None:
                away.append(RoutedAway(prompt=name, reason=reason))
                continue
            key = sample_id(document.doc_id, name, 0)
            drawn = draw(prompt, self._seed, key)
            pieces = self._fitter.pieces(document.text, _frame(prompt, drawn), self._max_tokens(prompt))
            if isinstance(pieces, TooLong):
                away.append(RoutedAway(prompt=name, reason=pieces.reason))
                continue
            for piece in pieces:
                source = sources.get((piece.start, piece.end))
                if source is None:
                    source = sources[(piece.start, piece.end)] = SourceText(piece.text, document.language)
                row = key if piece.window == 0 else sample_id(document.doc_id, name, piece.window)
                work = Work(prompt=prompt, drawn=drawn, piece=piece, source=source)
                units.append(Unit(sample_id=row, document=document, prompt=name, payload=work))
        return units, away

    def _routed_away(self, name: str, prompt: Prompt, seen: Features) -> str | None:
        """Why the document is not worth this prompt. Of a prompt and its Chinese version, each document gets one."""
        twin = self._prompts.get(f"{name}_zh")
        if twin is not None and seen.cjk_share >= twin.needs.get("cjk_share", 1.0):
            return "has_chinese_version"
        return route(seen, prompt.needs)

    async def __call__(self, unit: Unit, generate: Generate) -> Outcome:
        """Ask, read and check; ask again where a check says retry, and count the tries."""
        work: Work = unit.payload
        plan = replace(self._plans[unit.prompt], instruction=work.prompt.instructions[work.drawn.instruction])
        outcome: Outcome | None = None
        for call in range(self._settings.checks.retries + 1):
            request = self._request(unit, work, call)
            try:
                completion = await generate(request, call)
            except NotAnsweredError:
                if outcome is None:
                    raise
                return outcome  # a pass without calls: the last answer there is decides
            if completion.finish_reason == "refused":
                return self._refused(unit, request, completion, call)
            judgement = judge(work.source, completion.text, completion.finish_reason, plan)
            outcome = self._outcome(unit, request, completion, judgement, call)
            if judgement.verdict != "retry":
                break
        assert outcome is not None
        if outcome.reason is None:
            self._monitor.observe(
                unit.prompt,
                self._settings.model.model or self._settings.model.engine,
                unit.sample_id,
                outcome.row["text"],
            )
        return outcome

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of a unit whose call failed for good."""
        row = {"reason": reason, "detail": detail, "raw": None, **self._lineage(unit), "tries": 1}
        return Outcome(reason=reason, row=row, passing=passing)

    def _request(self, unit: Unit, work: Work, call: int) -> Request:
        settings = self._settings
        sampling = settings.sampling
        return Request(
            row=unit.sample_id,
            messages=render(work.prompt, work.drawn, work.piece.text),
            task=work.prompt.name,
            document=work.piece.text,
            language=unit.document.language,
            max_tokens=self._max_tokens(work.prompt),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=call_seed(self._seed, unit.sample_id, call, sampling),
            stop=sampling.stop,
            extra=settings.model.extra_body,
        )

    def _max_tokens(self, prompt: Prompt) -> int:
        most = self._settings.sampling.max_tokens
        return min(most, prompt.max_tokens) if prompt.max_tokens else most

    def _refused(self, unit: Unit, request: Request, completion: Completion, call: int) -> Outcome:
        reason = f"refused:{completion.refusal or 'unsaid'}"
        row = {
            "reason": reason,
            "detail": "the engine found no material for this format in the document",
            "raw": completion.text or None,
            **self._lineage(unit),
            **answer_columns(request, completion, call),
        }
        return Outcome(reason=reason, row=row)

    def _outcome(
        self, unit: Unit, request: Request, completion: Completion, judgement: Judgement, call: int
    ) -> Outcome:
        common = {
            **self._lineage(unit),
            **answer_columns(request, completion, call),
            "flags": list(judgement.flags),
            "signals": orjson.dumps(judgement.signals).decode(),
        }
        if judgement.verdict == "keep":
            parsed = None if judgement.parsed is None else orjson.dumps(judgement.parsed).decode()
            return Outcome(reason=None, row={"text": judgement.text, "parsed": parsed, **common}, flags=judgement.flags)
        reason = judgement.reason or "unsaid"
        row = {"reason": reason, "detail": judgement.detail, "raw": completion.text, **common}
        return Outcome(reason=reason, row=row, flags=judgement.flags)

    def _lineage(self, unit: Unit) -> dict[str, Any]:
        work: Work = unit.payload
        return unit_columns(unit, self._settings.model, work.prompt, work.drawn, work.piece)


def build(settings: Rephrase, seed: int) -> RephraseStage:
    """Make the stage from its settings; raises `ConfigError` for prompts, checks or tokenizers that do not exist."""
    return RephraseStage(settings, seed, load_library([Path(folder) for folder in settings.prompt_folders]))


def _fitter(settings: Rephrase) -> Fitter:
    model = settings.model
    if model.engine == "extractive":  # no model, no window: the whole document is read
        return Fitter(counter=None, context=_NO_WINDOW, fit=settings.fit)
    return Fitter(counter=counter_for(model), context=model.context, fit=settings.fit)


def _frame(prompt: Prompt, drawn: Drawn) -> Any:
    def frame(part: str) -> tuple[tuple[str, str], ...]:
        return render(prompt, drawn, part)

    return frame


def _plan_checks(prompt: Prompt, settings: Rephrase) -> CheckPlan:
    return check_plan(
        parser=prompt.parser,
        parser_options=prompt.parser_options,
        checks=prompt.checks,
        instruction="",
        output_language=prompt.output_language,
        settings=settings.checks,
    )


def _reading_of(prompt: Prompt) -> list[Any]:
    return [prompt.parser, dict(prompt.parser_options), list(prompt.checks), dict(prompt.needs)]
