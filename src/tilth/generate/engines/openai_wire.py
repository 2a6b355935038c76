"""The OpenAI wire format as pure functions: request to body, answer to `Completion`, failure to `EngineError`.

Answers come from servers that are not ours: every field may be missing or of another type, and then the answer is a
server fault, never a crash. About 12 us for a body and 8 us for an answer.
"""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from tilth.base.errors import EngineError, EngineErrorKind
from tilth.generate.engines.http_client import Reply
from tilth.generate.model import ModelSpec
from tilth.generate.request import Completion, Request

#: How servers say that a prompt is too long: vLLM, SGLang, llama.cpp, OpenAI, TGI, Mistral, Anthropic's gateway.
_TOO_LONG = (
    "context length",
    "maximum context",
    "context window",
    "context size",
    "context_length_exceeded",
    "maximum model length",
    "max_model_len",
    "longer than the model",
    "too many tokens",
    "prompt is too long",
    "input is too long",
)
#: What ends a whole account or names no model: no request can succeed until the user acts.
_HOPELESS = ("insufficient_quota", "model_not_found", "billing_hard_limit", "invalid_api_key")
_FINISH = {"length": "length", "max_tokens": "length", "content_filter": "content_filter"}
_BROKEN_OFF = frozenset({"abort", "error"})  # vLLM and SGLang say so when they shut down or fail in mid-answer
_SHOWN = 200  # characters of a server's words in an error


def request_body(spec: ModelSpec, request: Request) -> bytes:
    """The JSON that is sent. `extra_body` and then `request.extra` overrule; a null in them takes a field out."""
    body: dict[str, Any] = {"model": spec.model, "max_tokens": request.max_tokens}
    if spec.api == "chat":
        body["messages"] = [{"role": role, "content": content} for role, content in request.messages]
    else:
        body["prompt"] = "\n\n".join([content for _, content in request.messages])
    drawn = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "seed": request.seed,
    }
    body |= {name: value for name, value in drawn.items() if value is not None}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.logprobs:
        body |= (
            {"logprobs": True, "top_logprobs": request.logprobs}
            if spec.api == "chat"
            else {"logprobs": request.logprobs}
        )
    if request.schema is not None or request.regex is not None:
        body |= structure_fields(spec.schema_style, request)
    for extra in (spec.extra_body, request.extra):
        for name, value in extra.items():
            if value is None:
                body.pop(name, None)
            else:
                body[name] = value
    return _dump(body)


def structure_fields(style: str, request: Request) -> dict[str, Any]:
    """How a schema or a regex is asked for. Raises `EngineError` where the style has no regex."""
    if style == "structured_outputs":
        return {
            "structured_outputs": {"json": request.schema} if request.schema is not None else {"regex": request.regex}
        }
    if style == "guided":
        return {"guided_json": request.schema} if request.schema is not None else {"guided_regex": request.regex}
    if request.schema is None:
        raise EngineError(
            "bad_request",
            "schema_style response_format has no regex. Set schema_style: structured_outputs (vLLM) or guided.",
        )
    schema = {"name": "answer", "schema": request.schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _dump(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # unpaired surrogates, which JSON's own escapes can bring in, are not UTF-8
        return orjson.dumps(_clean(body))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def read_answer(body: bytes, engine: str | None, seconds: float) -> Completion:
    """The completion in a 200 answer. Raises `ValueError` with what was seen where it is none."""
    answer = orjson.loads(body)
    try:
        choice = answer["choices"][0]
        finish = choice.get("finish_reason")
        message = choice.get("message")
        if message is None:
            text, reasoning = choice["text"], None
        else:
            text, reasoning = _message_text(message)
        usage = answer.get("usage") or {}
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError(f"JSON without choices: {str(answer)[:_SHOWN]}") from None
    if finish in _BROKEN_OFF:
        raise ValueError(f"the server broke the answer off: finish_reason {finish}")
    if not isinstance(text, str):
        raise ValueError(f"a choice whose text is {type(text).__name__}")
    text, thought = split_reasoning(text)
    return Completion(
        text=text,
        finish_reason=_FINISH.get(finish, "stop"),
        reasoning=thought if reasoning is None else reasoning,
        prompt_tokens=counts[0] if isinstance(counts[0], int) else None,
        completion_tokens=counts[1] if isinstance(counts[1], int) else None,
        model=answer.get("model"),
        engine=engine,
        seconds=seconds,
        logprobs=_logprobs(choice.get("logprobs")),
    )


def _message_text(message: dict[str, Any]) -> tuple[Any, str | None]:
    content = message.get("content")
    if isinstance(content, list):  # parts, as some gateways send them
        content = "".join([part.get("text") or "" for part in content])
    if content is None:
        content = message.get("refusal") or ""
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    return content, reasoning if isinstance(reasoning, str) else None


def split_reasoning(text: str) -> tuple[str, str | None]:
    """(answer, reasoning) of a text that starts with <think>, or whose template opened the tag in the prompt.

    A tag that is never closed makes all of it reasoning: the answer was cut before it began.
    """
    if "<think>" not in text and "</think>" not in text:
        return text, None
    bare = text.lstrip()
    opened = bare.startswith("<think>")
    before, closing, after = bare.partition("</think>")
    if opened:
        return after.lstrip(), before[len("<think>") :].strip()
    if closing and "<think>" not in before:
        return after.lstrip(), before.strip()
    return text, None


def _logprobs(found: Any) -> list[Any] | None:
    """Log probabilities as one object a token: {"token", "logprob", ...}."""
    if not isinstance(found, dict):
        return None
    if isinstance(found.get("content"), list):
        return list(found["content"])
    tokens, values = found.get("tokens"), found.get("token_logprobs")
    if isinstance(tokens, list) and isinstance(values, list) and len(tokens) == len(values):
        return [{"token": token, "logprob": value} for token, value in zip(tokens, values, strict=True)]
    return None


def fault_kind(status: int, words: str) -> EngineErrorKind:
    """The kind of failure that a status and the body's text mean."""
    lowered = words.lower()
    if status in (401, 402, 403) or (status in (400, 404, 429) and any(word in lowered for word in _HOPELESS)):
        return "auth"
    if status == 429:
        return "rate_limited"
    if status in (503, 529):
        return "overloaded"
    if status == 413 or (400 <= status < 500 and any(word in lowered for word in _TOO_LONG)):
        return "too_long"
    if status == 408:
        return "timeout"
    if status in (409, 425) or status >= 500 or status < 400:
        return "server"
    return "bad_request"


def retry_after(reply: Reply, now: float | None = None) -> float | None:
    """Seconds that the server asks to wait: Retry-After in seconds or as a date, or retry-after-ms.

    A date counts against the server's own Date header where it sends one, since clocks differ.
    """
    milliseconds, value = _number(reply.header("retry-after-ms")), reply.header("retry-after")
    if milliseconds is not None:
        return milliseconds / 1000
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    until = _date(value)
    if until is None:
        return None
    there = _date(reply.header("date") or "")
    return max(0.0, until - (there if there is not None else time.time() if now is None else now))


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None


def _date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def shown(body: bytes) -> str:
    """A server's words for an error message: one line, nothing but printable characters."""
    words = " ".join(body[: 20 * _SHOWN].decode("utf-8", "replace").split())
    return "".join([character if character.isprintable() else "?" for character in words])
