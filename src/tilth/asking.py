"""What the stages that ask a model several times about one question share: prompts by language, requests, answers.

Guarantees: a request is a function of row, call number, seed and what is asked, so that the journal answers it again;
several calls of one row are awaited together, and all of them have ended when `ask_all` returns or raises, so that no
call goes on after its row. Costs about 0.05 ms a request.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tilth.base.errors import FATAL, EngineError, StopRun
from tilth.base.random import seed_of
from tilth.data.qa import QA
from tilth.generate.model import ModelSpec, Sampling
from tilth.generate.request import Completion, Request
from tilth.lineage import call_seed, sample_id
from tilth.prompts.prompt import Drawn, Prompt, draw, load_prompt, render
from tilth.stage import Document, Generate, RoutedAway, Unit

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LETTER = re.compile(r"[^\W\d_]")
#: Characters by which a language is told where nothing names it.
_LOOKED_AT = 2000
#: Share of Chinese characters among letters from which a text is asked about in Chinese: formulas and names in Latin
#: letters are common in Chinese questions.
_CHINESE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one call asks: the prompt around `shown`, and the same as structured input for engines without a model."""

    task: str
    prompt: Prompt
    shown: str
    document: str
    language: str
    schema: dict[str, Any] | None = None
    system: str | None = None
    after: tuple[tuple[str, str], ...] = ()  # turns after the prompt's own: what was wrong with an earlier answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Makes the requests of one stage."""

    model: ModelSpec
    sampling: Sampling
    seed: int

    def drawn(self, ask: Ask, row: str, call: int) -> Drawn:
        """The wording of a call; each call draws its own, so that answers differ by more than their seed."""
        return draw(ask.prompt, self.seed, f"{row}/{call}")

    def request(self, ask: Ask, row: str, call: int) -> Request:
        """The request of call number `call` of a row."""
        sampling = self.sampling
        turns = render(ask.prompt, self.drawn(ask, row, call), ask.shown)
        system = () if ask.system is None else (("system", ask.system),)
        return Request(
            row=row,
            messages=(*system, *turns, *ask.after),
            task=ask.task,
            document=ask.document,
            language=ask.language,
            max_tokens=min(sampling.max_tokens, ask.prompt.max_tokens or sampling.max_tokens),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=call_seed(self.seed, row, call, sampling),
            stop=sampling.stop,
            schema=ask.schema,
            extra=self.model.extra_body,
        )


async def ask_all(generate: Generate, requests: Iterable[tuple[int, Request]]) -> list[Completion | EngineError]:
    """Send (call number, request) pairs at once; each one's answer, or the error of a call that failed for good.

    Raises, once all have ended, what stops the run or may pass: then the row is tried again, and the journal answers
    the calls that were paid for.
    """
    ends = await asyncio.gather(*(generate(request, call) for call, request in requests), return_exceptions=True)
    answers: list[Completion | EngineError] = []
    raised: list[BaseException] = []
    for end in ends:
        if isinstance(end, EngineError) and not end.passing and end.kind not in FATAL:
            answers.append(end)
        elif isinstance(end, BaseException):
            raised.append(end)
        else:
            answers.append(end)
    if raised:
        raise next((error for error in raised if isinstance(error, StopRun)), raised[0])
    return answers


def task_prompts(shipped: Path, names: Sequence[str], folders: Sequence[str] = ()) -> dict[str, Prompt]:
    """Prompts by name: a file `<name>.md` in one of the user's folders, at any depth, else the shipped one.

    Raises `ConfigError` for a file that is wrong.
    """
    found = {}
    for name in names:
        own = (path for folder in folders for path in sorted(Path(folder).expanduser().rglob(f"{name}.md")))
        found[name] = load_prompt(next(own, shipped / f"{name}.md"))
    return found


def language_of(qa: QA, document: Document) -> str:
    """ "zh" or "en": as the question says, else its document, else by its script."""
    said = (qa.language or document.language or "").lower()
    if said:
        return "zh" if said.startswith("zh") else "en"
    return "zh" if han_share(qa.question[:_LOOKED_AT]) >= _CHINESE else "en"


def question_units(
    document: Document, names: Mapping[str, str], language: str, why: str | None, payload: Callable[[str], Any]
) -> tuple[list[Unit], list[RoutedAway]]:
    """The one unit of a question, with the prompt of its language; none where `why` says that it is not asked about.

    `names`: prompt by language. `payload` makes what the unit carries, from the name of its prompt.
    """
    chosen = names[language]
    away = [RoutedAway(prompt=name, reason=why or "other_language") for name in names.values() if why or name != chosen]
    if why is not None:
        return [], away
    row = sample_id(document.doc_id, chosen, 0)
    return [Unit(sample_id=row, document=document, prompt=chosen, payload=payload(chosen))], away


def han_share(text: str) -> float:
    """Chinese characters as a share of the letters of a text; 0 for a text without letters."""
    letters = sum(1 for _ in _LETTER.finditer(text))
    return sum(1 for _ in _HAN.finditer(text)) / letters if letters else 0.0


def shown_question(qa: QA, parts: Mapping[str, str | None] | None = None) -> str:
    """A question as people read it: its context, the question, lettered choices, then `parts` under their headings."""
    pieces = [qa.context] if qa.context else []
    pieces.append(qa.question)
    if qa.choices:
        pieces.append("\n".join(f"{_letter(place)}. {choice}" for place, choice in enumerate(qa.choices)))
    pieces += [f"## {name}\n{text}" for name, text in (parts or {}).items() if text]
    return "\n\n".join(pieces)


def document_of(**fields: Any) -> str:
    """The structured input of a call as JSON text."""
    return orjson.dumps(fields).decode()


def answer_id(row: str, solver: str, call: int) -> str:
    """16 hex digits that name one answer, so that it counts once however datasets are joined."""
    return f"{seed_of(0, 'answer', row, solver, call):016x}"


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)
