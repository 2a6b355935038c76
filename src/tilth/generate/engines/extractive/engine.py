"""The engine without a model: a request's document in, a FAQ, table, word problem or tutorial out, or a refusal.

Guarantees: the same request gives the same bytes on every machine; no text raises; no control character comes out; the
work on one document is bounded (see `structure.LIMIT`). It costs no network, no download and no accelerator.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tilth.base.fingerprint import text_hash
from tilth.base.random import stream
from tilth.generate.engines.extractive import inline
from tilth.generate.engines.extractive.document import Document
from tilth.generate.engines.extractive.faq import faq
from tilth.generate.engines.extractive.math import problem
from tilth.generate.engines.extractive.questions_tasks import REFUSALS as QUESTION_REFUSALS
from tilth.generate.engines.extractive.questions_tasks import TASKS, Refused, question_task
from tilth.generate.engines.extractive.structure import LIMIT, read
from tilth.generate.engines.extractive.table import table
from tilth.generate.engines.extractive.tutorial import tutorial
from tilth.generate.request import Caps, Completion, Request

#: Raise it when any rule or wording changes: it is part of a run's identity.
VERSION = "1"

#: Name of the refusal and what it means; the only values of `Answer.refusal`.
REFUSALS = {
    "no_definitions_or_headings": "fewer than three questions have an answer in the document",
    "no_tabular_facts": "no table, list of terms, dated events or figures worth a table",
    "too_few_numbers": "fewer than two numbers of one kind and unit to reckon with",
    "no_steps": "fewer than three steps, instructions or commands",
    "too_short": "the document has fewer than 80 characters (30 in Chinese)",
    "unsupported_language": "the rules know English and Chinese only",
    "language_mismatch": "a Chinese prompt on a document that is not Chinese; rules do not translate",
    "unsupported_format": "the rules write faq, table, math and tutorial only",
    "no_room": "max_tokens leaves no room for a whole answer",
    **QUESTION_REFUSALS,
}

ROOM = 6_000  # characters of an answer, at most
TIGHT = 1_500  # below this a refusal may be for want of room, which is then looked into
LEAST_ROOM = 200  # below this nothing whole can be written

_Rule = Callable[[Document, random.Random, int], str | None]
_RULES: dict[str, tuple[_Rule, str]] = {
    "faq": (faq, "no_definitions_or_headings"),
    "table": (table, "no_tabular_facts"),
    "math": (problem, "too_few_numbers"),
    "tutorial": (tutorial, "no_steps"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules made of a document: `text`, or the `refusal` (a key of `REFUSALS`) and an empty text."""

    text: str
    refusal: str | None = None


def answer(
    task: str,
    document: str,
    language: str | None,
    seed: int | None,
    max_tokens: int | None = None,
    *,
    options: bool = False,
) -> Answer:
    """Apply the rules of `task` (a prompt's name, such as faq or table_zh) to `document`.

    `language` is what the source says, or None. `max_tokens` bounds the length at three characters a token in English
    and one in Chinese. Tasks of question synthesis have their structured input as `document`; `options` asks for a
    question with choices. Never raises on any text; reads at most the first `structure.LIMIT` characters.
    """
    name = task.rsplit("/", 1)[-1]
    if name in TASKS:
        return _question_answer(name, document, language, seed, options)
    rule = _RULES.get(name.removesuffix("_zh"))
    if rule is None:
        return Answer("", "unsupported_format")
    read_document = read(document, language)
    if read_document is None:
        return Answer("", "unsupported_language")
    chinese = read_document.tongue.chinese
    if name.endswith("_zh") and not chinese:
        return Answer("", "language_mismatch")
    if len(document[:1_000].strip()) < (30 if chinese else 80):
        return Answer("", "too_short")
    room = ROOM if max_tokens is None else min(ROOM, max_tokens * (1 if chinese else 3))
    if room < LEAST_ROOM:
        return Answer("", "no_room")
    make, refusal = rule
    identity = text_hash(document[:LIMIT])
    text = make(read_document, stream(seed or 0, "extractive", name, identity), room)
    if text:
        return Answer(inline.CONTROL.sub("", text))
    if room < TIGHT and make(read_document, stream(seed or 0, "extractive", name, identity), ROOM):
        refusal = "no_room"
    return Answer("", refusal)


def _question_answer(task: str, document: str, language: str | None, seed: int | None, options: bool) -> Answer:
    """A task of question synthesis; its answers are short, so `max_tokens` does not bound them."""
    try:
        text = question_task(
            task, document, language, stream(seed or 0, "extractive", task, text_hash(document)), options=options
        )
    except Refused as refused:
        return Answer("", str(refused))
    return Answer(text)


class ExtractiveEngine:
    """Rules behind the engine interface. Token counts stay None: there is no model and no tokenizer."""

    @property
    def caps(self) -> Caps:
        """What the engine can do."""
        return Caps(
            name="extractive",
            version=VERSION,
            label="rules, no model",
            max_in_flight=1,
            deterministic=True,
            seed=True,
            cpu_bound=True,
        )

    async def start(self) -> None:
        """Nothing to make ready."""

    async def complete(self, request: Request) -> Completion:
        """Answer from the request's document; finish reason "refused" where it holds no material."""
        began = time.perf_counter()
        options = "choices" in (request.schema or {}).get("required", ())
        made = answer(
            request.task, request.document, request.language, request.seed, request.max_tokens, options=options
        )
        return Completion(
            text=made.text,
            finish_reason="refused" if made.refusal else "stop",
            refusal=made.refusal,
            model="extractive",
            engine=f"extractive {VERSION}",
            seconds=time.perf_counter() - began,
        )

    async def close(self) -> None:
        """Nothing to put away."""
