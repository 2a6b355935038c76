"""The stage that makes new questions: a seed becomes a question of a grade, a harder one, one of several, or none.

Every row that comes in is asked about or passed by with a reason (`ROUTED`); every unit ends in a question or in one of
`REASONS`. Everything is a function of the row, the recipe's seed and the answers, so the same journal always gives the
same rows. Costs of its own: 0.2 to 0.35 ms a call, most of it rendering and reading JSON.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import orjson

from tilth.base.fingerprint import fingerprint
from tilth.data.questions import VERSION as QUESTIONS_VERSION
from tilth.lineage import answer_columns, model_identity, sample_id, shown, unit_columns
from tilth.prompts.prompt import Drawn
from tilth.recipe.stages.synthesize import Limits, Mechanism, Synthesize
from tilth.stage import Document, Generate, Identity, Outcome, RoutedAway, Unit
from tilth.synth.questions import answers, grade, harden, linked, logic
from tilth.synth.questions.answers import PARSER_VERSION
from tilth.synth.questions.ask import USED, Asker, open_desk
from tilth.synth.questions.catalogue import lists
from tilth.synth.questions.grade import ByGrades
from tilth.synth.questions.harden import Hardening
from tilth.synth.questions.linked import FromLinked
from tilth.synth.questions.logic import ByLogic
from tilth.synth.questions.made import VERSION as MADE_VERSION
from tilth.synth.questions.made import Made, Work
from tilth.synth.questions.seeds import Seed, seed_of_row

#: Why a unit makes no question. `refused:` and a word of the engine's own comes with engines that work by rules.
REASONS: Mapping[str, str] = {**answers.REASONS, **harden.REASONS, **logic.REASONS}
#: Why a row is passed by.
ROUTED: Mapping[str, str] = {
    "empty": "the row has no text",
    **grade.ROUTED,
    **harden.ROUTED,
    **linked.ROUTED,
    **logic.ROUTED,
}
_NOT_IDENTITY = frozenset(
    {"model", "sampling", "prompt_folders", "source_column", "limits", "retries", "grade", "harden", "linked", "logic"}
)


class _Maker(Protocol):
    """A mechanism: which questions a row makes, and the calls that make one."""

    @property
    def identity(self) -> Mapping[str, str]: ...

    @property
    def most(self) -> int: ...

    def expand(self, document: Document, seed: Seed, rows: Sequence[str]) -> list[Work] | str: ...

    async def make(self, work: Work, asker: Asker, limits: Limits) -> Made: ...


class SynthesizeStage:
    """See the module. Built by `build`; holds nothing that a row leaves behind."""

    VERSION: ClassVar[int] = 1

    def __init__(self, settings: Synthesize, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self._desk = open_desk(settings, seed)
        self._maker = _maker(settings, seed)
        self._lists = lists()

    @property
    def prompts(self) -> tuple[str, ...]:
        """One strategy: the mechanism."""
        return (self._settings.mechanism,)

    @property
    def identity(self) -> Identity:
        """What decides the texts, and how answers are read; an answer read otherwise may lead to calls not made yet."""
        settings = self._settings
        shared = {
            "stage": f"synthesize {self.VERSION}",
            "seed": str(self._seed),
            "source_column": settings.source_column,
        }
        shared |= model_identity(settings.model, settings.sampling)
        own = settings.model_dump(exclude=set(_NOT_IDENTITY))
        shared |= {name: shown(value) for name, value in own.items()}
        chosen: Any = getattr(settings, settings.mechanism)
        paths = {"weights", "logics", "anchors"}  # what the files hold counts, not where they lie
        shared |= {
            f"{settings.mechanism}.{name}": shown(value) for name, value in chosen.model_dump(exclude=paths).items()
        }
        shared |= {name: fingerprint(value) for name, value in self._maker.identity.items()}
        shared |= {"prompts": self._desk.hash, "lists": self._lists.hash, "fields": str(QUESTIONS_VERSION)}
        reading = {
            "parser": str(PARSER_VERSION),
            "rows": str(MADE_VERSION),
            "limits": fingerprint(settings.limits),
            "retries": str(settings.retries),
        }
        return Identity(shared=shared, by_prompt={settings.mechanism: {}}, reading=reading)

    def alarms(self) -> list[dict[str, Any]]:
        """None: collapse is looked for by the stages that compare questions."""
        return []

    def expand(self, document: Document) -> tuple[list[Unit], list[RoutedAway]]:
        """The questions to make of a row, or why none."""
        mechanism: Mechanism = self._settings.mechanism
        if not document.text.strip():
            return [], [RoutedAway(prompt=mechanism, reason="empty")]
        seed = seed_of_row(document, self._settings.language, self._lists)
        rows = [sample_id(document.doc_id, f"synthesize.{mechanism}", at) for at in range(max(1, self._maker.most))]
        works = self._maker.expand(document, seed, rows)
        if isinstance(works, str):
            return [], [RoutedAway(prompt=mechanism, reason=works)]
        units = [
            Unit(sample_id=row, document=document, prompt=mechanism, payload=work)
            for row, work in zip(rows, works, strict=False)
        ]
        return units, []

    async def __call__(self, unit: Unit, generate: Generate) -> Outcome:
        """Make the question; see the mechanism's own module."""
        work: Work = unit.payload
        asker = Asker(desk=self._desk, row=unit.sample_id, language=work.seed.language, generate=generate)
        made = await self._maker.make(work, asker, self._settings.limits)
        answer = made.answer
        row = self._columns(unit, answer.prompt.name, answer.drawn)
        row |= {**answer_columns(answer.request, answer.completion, answer.call), "tries": asker.calls}
        row |= {"flags": list(made.flags), "signals": orjson.dumps(made.signals).decode()}
        if made.qa is None:
            dropped = {"reason": made.reason, "detail": made.detail, "raw": answer.completion.text or None}
            return Outcome(reason=made.reason, row={**dropped, **row}, flags=made.flags)
        return Outcome(
            reason=None,
            row={"text": made.qa.question, "parsed": made.qa.dump(), **row},
            flags=made.flags,
        )

    def failed(self, unit: Unit, reason: str, detail: str, *, passing: bool) -> Outcome:
        """The outcome of a unit whose call failed for good."""
        work: Work = unit.payload
        prompt = self._desk.prompt(USED[self._settings.mechanism][0], work.seed.language)
        row = self._columns(unit, prompt.name, Drawn(0, {}))
        row |= {"reason": reason, "detail": detail, "raw": None, "tries": 1, "instruction": None, "slots": None}
        return Outcome(reason=reason, row=row, passing=passing)

    def _columns(self, unit: Unit, prompt: str, drawn: Drawn) -> dict[str, Any]:
        """The lineage of a row; what part of a long text was shown stands in its cut."""
        columns = unit_columns(unit, self._settings.model, self._desk.prompts[prompt], drawn)
        span = unit.payload.span
        if span is not None and span != (0, len(unit.document.text)):
            columns |= {"cut_from": span[0], "cut_to": span[1], "cut_how": "characters"}
        return columns


def build(settings: Synthesize, seed: int) -> SynthesizeStage:
    """Make the stage from its settings; raises `ConfigError` for prompts, names and files that do not work."""
    return SynthesizeStage(settings, seed)


def _maker(settings: Synthesize, seed: int) -> _Maker:
    chars = settings.extract_chars
    if settings.mechanism == "grade":
        return ByGrades(settings.grade, seed, chars)
    if settings.mechanism == "harden":
        return Hardening(settings.harden, seed, chars)
    if settings.mechanism == "linked":
        return FromLinked(settings.linked, chars)
    return ByLogic(settings.logic, seed, chars)
