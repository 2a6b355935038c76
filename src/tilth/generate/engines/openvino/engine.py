"""Language models on this machine's CPU through OpenVINO GenAI: continuous batching, token ids in, token ids out.

Guarantees: prompts are tokenised by `tokenizers`, never by the runtime; the same seeded request gives the same text
alone or in a batch; a request is answered once although the process that runs the model may die. Costs about 1.5 ms of
CPU here a request of 2 kB (tokenising, detokenising, the pipe). The model runs in a child, since its step holds the
interpreter lock. A temperature that is not set means the model's own sampling (generation_config.json), greedy where
it has none.
"""

import asyncio
import importlib.util
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from tilth.base.errors import ConfigError, EngineError, MissingExtra
from tilth.generate.engines.local.memory import cache_tokens
from tilth.generate.engines.local.resolve import LocalModel, resolve_model
from tilth.generate.engines.openvino.supervisor import Supervisor
from tilth.generate.engines.openvino.vocabulary import write_vocabulary
from tilth.generate.gguf import Gguf
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Request

_WORKER: Final = "tilth.generate.engines.openvino.worker"
_PACKAGE: Final = "openvino-genai"
#: Sequences decoded together: measured output rises to 32 and is flat from there to 128, while memory grows.
_BATCH: Final = 64
_BATCHED_TOKENS: Final = 2048  # prompt tokens read in one step; longer prompts are split over steps
_BLOCK: Final = 32  # tokens in one block of the key-value cache on CPU
_ARCHITECTURES: Final = ("llama", "qwen2", "qwen3")  # what the runtime's GGUF reader knows
#: GGUF tensor types that reader knows: f16, q4_0, q4_1, q8_0, q4_k, q6_k; f32 in vectors only.
_TENSOR_TYPES: Final = (1, 2, 3, 8, 12, 14)


def open_openvino(spec: ModelSpec) -> tuple["OpenVinoEngine", ...]:
    """The engine for `spec`; raises MissingExtra where the package is not installed."""
    if importlib.util.find_spec("openvino_genai") is None:
        raise MissingExtra("engine openvino", _PACKAGE, "local")
    return (OpenVinoEngine(spec),)


class OpenVinoEngine:
    """One model in one child process."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._version = version(_PACKAGE)
        self._model: LocalModel | None = None
        self._supervisor: Supervisor | None = None
        self._capacity = 0  # tokens that the cache holds
        self._refused: dict[tuple[str | None, str | None], str] = {}  # schemas and patterns that do not compile

    @property
    def caps(self) -> Caps:
        """What the engine can do. Log probabilities are of the sampled tokens only."""
        return Caps(
            name="openvino",
            version=self._version,
            label=f"{self._spec.model} on this CPU",
            max_in_flight=min(self._spec.max_in_flight, _BATCH),
            seed=True,
            schema=True,
            regex=True,
            logprobs=1,
        )

    @property
    def model(self) -> LocalModel:
        """The model as it was resolved; there after `start`."""
        assert self._model is not None
        return self._model

    @property
    def child(self) -> int | None:
        """The process number of the child, None where none runs."""
        return self._supervisor.pid if self._supervisor is not None else None

    @property
    def restarts(self) -> int:
        """How often the child was replaced."""
        return self._supervisor.restarts if self._supervisor is not None else 0

    async def start(self) -> None:
        """Find the model, convert it where needed, and load it; raises UserError where the user must act."""
        if self._spec.weights == "f32":
            raise ConfigError(
                "expected weights: f16 with engine: openvino, whose GGUF reader takes no f32 matrices; saw f32. "
                "Set weights: f16, or engine: xllamacpp."
            )
        await self.close()
        self._model = await asyncio.to_thread(resolve_model, self._spec, strict=False)
        _check(self._model, self._spec)
        self._model.counter.encode_messages((("user", "?"),))  # a template that cannot be used fails here, not later
        vocabulary = await asyncio.to_thread(write_vocabulary, self._model)
        settings = self._settings(self._model, vocabulary)
        self._capacity = settings["blocks"] * _BLOCK
        supervisor = Supervisor(_WORKER, settings, f"engine openvino with {self._spec.model}")
        await supervisor.start()
        self._supervisor = supervisor

    async def complete(self, request: Request) -> Completion:
        """Answer one request; see `Engine.complete`."""
        supervisor = self._supervisor
        if supervisor is None:
            raise EngineError("connection", "engine openvino is not running: start was not called, or close was")
        began = time.monotonic()
        message = self._message(request)
        grammar = message["schema"], message["regex"]
        if grammar in self._refused:
            raise EngineError("bad_request", self._refused[grammar])
        try:
            answer, deaths = await asyncio.wait_for(supervisor.ask(message), self._spec.timeout)
        except TimeoutError:
            supervisor.unstick(began)
            raise EngineError("timeout", f"no answer within {self._spec.timeout:g} s; raise timeout:") from None
        if "error" in answer:
            why = f"openvino: {answer['error']}"
            if "fatal" in answer:  # each try would cost a restart
                self._refused[grammar] = why
            raise EngineError(answer["kind"], why)
        return self._completion(request, message, answer, time.monotonic() - began, 1 + deaths)

    async def close(self) -> None:
        """End the child process; calling it again does nothing."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            await supervisor.close()

    def _settings(self, model: LocalModel, vocabulary: Path) -> dict[str, Any]:
        sequences = min(self._spec.max_in_flight, _BATCH)
        properties: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",  # the default is the machine's fastest: other machines, other text
            # With f16 keys and values the attention kernel sums in another order while fewer sequences run than
            # threads, and 13 of 200 seeded answers changed with the batch; with f32 none did.
            "KV_CACHE_PRECISION": "f32",
        }
        if self._spec.threads:
            properties["INFERENCE_NUM_THREADS"] = self._spec.threads
        return {
            "model": str(model.path),
            "vocabulary": str(vocabulary),
            "blocks": cache_blocks(model.gguf, sequences, self._spec.context),
            "sequences": sequences,
            "batched_tokens": _BATCHED_TOKENS,
            "prefix_caching": False,  # on, it gave wrong tokens for prompts that share a part of a block (2026.4.1)
            "draft": self._spec.draft,
            "stops": list(model.stops),
            "properties": properties,
        }

    def _message(self, request: Request) -> dict[str, Any]:
        model = self.model
        try:
            ids = model.counter.encode_messages(request.messages)
        except ConfigError as error:  # the template refuses these messages
            raise EngineError("bad_request", str(error)) from error
        window = min(self._spec.context, self._capacity - _BLOCK)
        if len(ids) + request.max_tokens > window:
            raise EngineError(
                "too_long",
                f"{len(ids)} prompt tokens and {request.max_tokens} to write are over the {window} there are",
            )
        drawn = request.temperature is None  # then the model's own settings stand where the request has none
        own = model.defaults if drawn else {}
        return {
            "ids": ids,
            "max_tokens": request.max_tokens,
            "temperature": own.get("temperature", 0.0) if drawn else request.temperature,
            "top_p": request.top_p if request.top_p is not None else own.get("top_p"),
            "top_k": request.top_k if request.top_k is not None else own.get("top_k"),
            "seed": _folded(request.seed) if request.seed is not None else int.from_bytes(os.urandom(4), "big"),
            "stop": list(request.stop),
            "schema": orjson.dumps(request.schema).decode() if request.schema is not None else None,
            "regex": request.regex,
            "logprobs": min(request.logprobs, 1),
            "extra": {**self._spec.extra_body, **request.extra},
        }

    def _completion(
        self, request: Request, message: dict[str, Any], answer: dict[str, Any], seconds: float, attempt: int
    ) -> Completion:
        counter, ids = self.model.counter, answer["ids"]
        stopped = answer["finish"] == "STOP"
        text = counter.decode(ids[:-1] if ids and ids[-1] in self.model.stops else ids)
        found = [at for stop in request.stop if (at := text.find(stop)) >= 0]
        logprobs = [
            {"token": counter.token_text(token), "logprob": value}
            for token, value in zip(ids, answer["logprobs"], strict=False)
        ]
        return Completion(
            text=text[: min(found)] if found else text,
            finish_reason="stop" if stopped or found else "length",
            prompt_tokens=len(message["ids"]),
            completion_tokens=len(ids),
            model=self._spec.model,
            engine=f"{_PACKAGE} {self._version}",
            seconds=seconds,
            attempt=attempt,
            logprobs=logprobs if request.logprobs else None,
        )


def _folded(seed: int) -> int:
    """A seed of 32 bits: the runtime drops the upper half of a longer one."""
    return (seed ^ (seed >> 32)) & 0xFFFFFFFF


def _check(model: LocalModel, spec: ModelSpec) -> None:
    """Refuse what the runtime's GGUF reader would get wrong or does not know, before it is loaded."""
    metadata, where = model.gguf.metadata, model.path
    name = metadata.get("general.architecture")
    remedy = "Use engine: xllamacpp."
    if name not in _ARCHITECTURES:
        raise ConfigError(
            f"expected an architecture out of {', '.join(_ARCHITECTURES)} in {where}; saw {name}. {remedy}"
        )
    scaling = metadata.get(f"{name}.rope.scaling.type", "none")
    if scaling != "none" or "rope_freqs.weight" in model.gguf.tensors:
        raise ConfigError(
            f"expected plain rotary embeddings in {where}; saw scaled ones, which OpenVINO's GGUF reader "
            f"leaves unscaled without a word. {remedy}"
        )
    wrong = {t.kind for t in model.gguf.tensors.values() if t.kind not in _TENSOR_TYPES and len(t.shape) > 1}
    if wrong:
        raise ConfigError(
            f"expected f16, q4_0, q4_1, q8_0, q4_k or q6_k tensors in {where}; saw GGUF type {min(wrong)}. {remedy}"
        )
    if spec.context > model.context:
        raise ConfigError(
            f"expected context: of at most {model.context}, the window {spec.model} was made for; saw {spec.context}. "
            f"Set context: {model.context}."
        )


def cache_blocks(gguf: Gguf, sequences: int, context: int) -> int:
    """Blocks of the key-value cache: enough for every sequence to fill its window, at most half of the free memory."""
    one = -(-context // _BLOCK) + 1
    return max(min(sequences * one, cache_tokens(gguf, width=4) // _BLOCK), one) + 1
