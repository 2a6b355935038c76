"""Rows and authors for the tests of question synthesis.

An author answers from a request's `task` and `document`, as an engine of rules does: a real callable in the place of
`generate`, no stand-in for code of ours.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from tilth.generate.request import Completion, Request
from tilth.recipe.stages.synthesize import Synthesize
from tilth.stage import Document, Outcome, Unit
from tilth.synth.questions.stage import SynthesizeStage, build

Answering = Callable[[str, dict[str, Any], Request], Any]


def row(
    doc_id: str = "seed-1", text: str = "What is 12 times 12?", language: str | None = "en", **fields: Any
) -> Document:
    """A seed question; `fields` are its JSON."""
    given = {"answer": "144", "solution": "12 * 12 = 144.", "subject": "mathematics", **fields}
    known = {name: value for name, value in given.items() if value is not None}
    return Document(
        doc_id=doc_id,
        text=text,
        language=language,
        licence="CC0-1.0",
        origin="test",
        content_hash="h" * 32,
        metadata=orjson.dumps(known).decode(),
    )


class Author:
    """`generate`: answers from `answering`, and remembers the requests with their numbers."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.requests: list[tuple[int, Request]] = []

    async def __call__(self, request: Request, call: int) -> Completion:
        self.requests.append((call, request))
        await asyncio.sleep(0)
        given = self.answering(request.task, orjson.loads(request.document), request)
        if isinstance(given, Completion):
            return given
        if isinstance(given, Exception):
            raise given
        return completion(given if isinstance(given, str) else orjson.dumps(given).decode())

    @property
    def tasks(self) -> list[str]:
        return [request.task for _, request in self.requests]


def completion(text: str, finish_reason: str = "stop", refusal: str | None = None) -> Completion:
    return Completion(text=text, finish_reason=finish_reason, refusal=refusal, engine="author 1")


def question(text: str = "What is 13 times 13, less one?", answer: str = "168", **more: Any) -> dict[str, Any]:
    return {"question": text, "answer": answer, "solution": f"Step by step, the answer is {answer}.", **more}


def stage_of(mechanism: str, seed: int = 1, **settings: Any) -> SynthesizeStage:
    return build(Synthesize.model_validate({"mechanism": mechanism, **settings}), seed)


def make(stage: SynthesizeStage, document: Document, answering: Answering) -> tuple[list[Outcome], Author]:
    """Every unit of a row, one after another."""
    author = Author(answering)
    units, away = stage.expand(document)
    assert units, away

    async def go(each: list[Unit]) -> list[Outcome]:
        return [await stage(unit, author) for unit in each]

    return asyncio.run(go(units)), author


def parsed(outcome: Outcome) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(outcome.row["parsed"])
    return value
