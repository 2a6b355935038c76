"""The columns that every sample carries whatever stage made it: where it came from, and which answer it was made of."""

from typing import Any

import orjson

from tilth.base.fingerprint import text_hash
from tilth.base.random import seed_of
from tilth.generate.fit import Piece
from tilth.generate.journal import request_id
from tilth.generate.model import ModelSpec, Sampling
from tilth.generate.request import Completion, Request
from tilth.prompts.prompt import Drawn, Prompt
from tilth.stage import Unit


def sample_id(doc_id: str, prompt: str, window: int) -> str:
    """32 hex digits that name a unit: the document, the prompt's name and the window (or another number of its own)."""
    return text_hash(doc_id, prompt, str(window))


def call_seed(seed: int, row: str, call: int, sampling: Sampling) -> int | None:
    """The seed that one call is sent with; None where sampling is not seeded."""
    # 31 bits: servers differ in what they take, all take this
    return seed_of(seed, "sampling", row, call) >> 32 if sampling.seeded else None


def unit_columns(
    unit: Unit, model: ModelSpec, prompt: Prompt, drawn: Drawn, piece: Piece | None = None
) -> dict[str, Any]:
    """What is known of a sample before any answer. `piece`: the part of the document that was shown, None for all."""
    document = unit.document
    window, windows, start, end, how = (
        (0, 1, 0, len(document.text), "whole")
        if piece is None
        else (piece.window, piece.windows, piece.start, piece.end, piece.how)
    )
    return {
        "sample_id": unit.sample_id,
        "doc_id": document.doc_id,
        "source_hash": document.content_hash,
        "origin": document.origin,
        "licence": document.licence,
        "source_language": document.language,
        "prompt": prompt.name,
        "prompt_version": prompt.version,
        "prompt_hash": prompt.text_hash,
        "instruction": drawn.instruction,
        "slots": orjson.dumps(drawn.slots).decode(),
        "window": window,
        "windows": windows,
        "cut_from": start,
        "cut_to": end,
        "cut_how": how,
        "source_chars": len(document.text),
        "model": model.model,
        "revision": model.revision,
        "engine": model.engine,
    }


def answer_columns(request: Request, completion: Completion, call: int) -> dict[str, Any]:
    """The columns that say which call gave the answer."""
    return {
        "engine_version": completion.engine,
        "seed": request.seed,
        "request_id": request_id(request.row, call),
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "tries": call + 1,
    }


def shown(value: Any) -> str:
    """A setting as one field of an identity."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def model_identity(model: ModelSpec, sampling: Sampling) -> dict[str, str]:
    """The fields of an identity that a model and its sampling decide."""
    fields = {f"model.{name}": shown(getattr(model, name)) for name in ModelSpec.IDENTITY}
    return fields | {f"sampling.{name}": shown(value) for name, value in sampling.model_dump().items()}
