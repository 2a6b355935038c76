"""Questions with answers, a scripted model, and frames of what stages made: for the tests of this folder."""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import polars as pl

from tilth.base.fingerprint import text_hash
from tilth.frames import make_frame
from tilth.generate.request import Completion, Request
from tilth.stage import Document, Outcome

Script = Callable[[Request, int], str | Completion | Exception]


def document(number: int, text: str, **fields: Any) -> Document:
    return Document(
        doc_id=f"q{number}",
        text=text,
        language=None,
        licence=None,
        origin="memory",
        content_hash=text_hash(text),
        metadata=orjson.dumps(fields).decode(),
    )


def asked(stage: Any, documents: Iterable[Document], script: Script, order: int = 0) -> list[Outcome]:
    """Every question through the stage; `order` draws in which order the calls of a row are answered."""

    async def generate(request: Request, call: int) -> Completion:
        for _ in range(random.Random(f"{order} {request.row} {call}").randrange(4)):
            await asyncio.sleep(0)
        said = script(request, call)
        if isinstance(said, Exception):
            raise said
        return Completion(text=said, finish_reason="stop", completion_tokens=5) if isinstance(said, str) else said

    async def run() -> list[Outcome]:
        units = [unit for one in documents for unit in stage.expand(one)[0]]
        return [await stage(unit, generate) for unit in units]

    return asyncio.run(run())


def frame_of(outcomes: Iterable[Outcome], first: int = 0, prefix: str = "") -> pl.DataFrame:
    """Kept rows as a curate step reads them."""
    rows = [outcome.row for outcome in outcomes if outcome.reason is None]
    return frame_of_rows([(row["text"], row["parsed"]) for row in rows], first, prefix)


def frame_of_rows(rows: list[tuple[str, str]], first: int = 0, prefix: str = "") -> pl.DataFrame:
    return make_frame(
        [text for text, _ in rows],
        doc_id=[f"{prefix}r{first + place}" for place in range(len(rows))],
        key=pl.Series([first + place for place in range(len(rows))], dtype=pl.UInt64),
        metadata=pl.Series([metadata for _, metadata in rows], dtype=pl.String),
    )


def through(stage: Any, parts: dict[str, pl.DataFrame], folder: Any, order: list[str] | None = None) -> pl.DataFrame:
    """Parts through a corpus stage, gathered in any order; the rows in the order of their keys."""
    names = order or list(parts)
    for name in names:
        stage.gather(iter([parts[name]]), name, folder)
    stage.decide(names, folder, 1)
    return pl.concat([stage.apply(parts[name], name, folder) for name in parts]).sort("key")


def fields(row: str) -> dict[str, Any]:
    return dict(orjson.loads(row))
