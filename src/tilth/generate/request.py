"""Request and completion: what goes to an engine and what comes back.

One interface covers every back end: an awaitable per request, any number awaited at once, answered in any order.
A back end that works in batches collects awaiting requests itself (see docs/decisions).
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call to a model. Everything but `row` and `document` decides the text.

    `messages` are chat turns as (role, content). An engine with a completions API joins them with its template.
    `task` (the prompt's name) and `document` (the part of the source that was fitted in) let an engine without a model
    do its work from the source itself.
    """

    row: str  # sample id: names the row that asked; never sent
    messages: tuple[tuple[str, str], ...]
    task: str
    document: str
    language: str | None
    max_tokens: int
    temperature: float | None = None  # None: the server's own default
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None  # JSON schema the answer must satisfy
    regex: str | None = None
    logprobs: int = 0
    extra: dict[str, Any] = field(default_factory=dict)  # sent as it is, server-specific

    def body_fields(self) -> dict[str, Any]:
        """The fields that decide the text, for hashing: all but the row's name (its seed stands for it)."""
        return {
            "messages": self.messages,
            "task": self.task,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "seed": self.seed,
            "stop": self.stop,
            "schema": self.schema,
            "regex": self.regex,
            "logprobs": self.logprobs,
            "extra": self.extra,
        }

    def content_hash(self, salt: str = "") -> str:
        """32 hex digits of what decides the text; `salt` stands for what the request does not say (the model).

        It runs once a request, so it goes straight through orjson instead of `base.fingerprint`.
        """
        data = orjson.dumps([salt, self.body_fields()], option=orjson.OPT_SORT_KEYS)
        return blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer. `text` is the model's own, untouched; reasoning stands apart.

    `finish_reason`: "stop", "length", "content_filter", or "refused" (an engine without a model found no material;
    `refusal` says why). Token counts are the engine's own; None where it gives none.
    """

    text: str
    finish_reason: str
    reasoning: str | None = None
    refusal: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None  # as the engine reports it
    engine: str | None = None  # name and version as the engine reports them
    seconds: float = 0.0  # from dispatch to the last byte
    attempt: int = 1  # transport attempts, this one included
    logprobs: list[Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What an engine can do, and what it is called in rows, ledgers and pages."""

    name: str  # "endpoint", "extractive", ...
    version: str
    label: str  # one line for people: "rules, no model"
    max_in_flight: int  # requests worth having in flight at one member
    deterministic: bool = False  # the same request always gives the same bytes
    seed: bool = False
    schema: bool = False
    regex: bool = False
    logprobs: int = 0
    durable: bool = False  # work goes on in the engine when our process dies
    cpu_bound: bool = False  # runs in this process and fills a core: several workers help
    gpus: int = 0  # GPUs behind one member, for GPU-seconds


class Engine(Protocol):
    """One back end at one place. Errors come as `EngineError`; nothing else may escape `complete`."""

    @property
    def caps(self) -> Caps: ...

    async def start(self) -> None:
        """Make ready; raises `UserError` where the user must act (missing extra, no such file, no server)."""
        ...

    async def complete(self, request: Request) -> Completion: ...

    async def close(self) -> None: ...
