"""Embeddings from an OpenAI-compatible server: batched, several requests at once, retried, paid for once.

Guarantees: vectors are of unit length, in the order of the texts; equal texts are sent once; a text that the server
refuses by itself (too long, empty) gets a zero vector, which is near nothing, and the others of its batch are not lost;
the key comes from the environment and stands in no error. Costs about 130 us CPU a text of 384 dimensions.
"""

import asyncio
import os
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
from numpy.typing import NDArray

from tilth.base.errors import ConfigError, EngineError, UserError
from tilth.base.random import stream
from tilth.base.version import VERSION
from tilth.curate.semantic.cache import VectorCache
from tilth.generate.engines.endpoint import base_paths
from tilth.generate.engines.http_client import BadReplyError, Client, open_client
from tilth.generate.engines.openai_wire import fault_kind, retry_after, shown
from tilth.recipe.stages.semantic import EmbeddingEndpoint

Array = NDArray[Any]

_LONGEST_WAIT = 60.0  # seconds between two tries, unless the server asks for more
_FLUSH = 16  # batches that are cached together: what a kill can lose


@dataclass(slots=True)
class Cost:
    """What a part's embeddings cost: texts asked for, texts found in the cache, requests, tokens the server counted."""

    texts: int = 0
    cached: int = 0
    requests: int = 0
    retries: int = 0
    refused: int = 0
    tokens: int = 0


@dataclass(slots=True, kw_only=True)
class Embedder:
    """Turns texts into vectors through `endpoint` and `cache`; `name` begins the names of its cache files."""

    endpoint: EmbeddingEndpoint
    cache: VectorCache
    name: str
    cost: Cost = field(default_factory=Cost)

    def __call__(self, texts: list[str]) -> Array:
        """Unit vectors, float16 of shape (texts, dimensions). Raises `UserError` where the server does not serve."""
        distinct = list(dict.fromkeys(texts))
        vectors = self.cache.find(distinct)
        missing = [text for text, vector in zip(distinct, vectors, strict=True) if vector is None]
        self.cost.texts += len(distinct)
        self.cost.cached += len(distinct) - len(missing)
        if missing:
            asyncio.run(self._fill(missing))
            vectors = self.cache.find(distinct)
        found = {text: vector for text, vector in zip(distinct, vectors, strict=True) if vector is not None}
        wide = {len(vector) for vector in found.values()}
        if len(wide) > 1:
            raise UserError(f"expected vectors of one length from {self.endpoint.url}; saw {sorted(wide)}.")
        return np.stack([found[text] for text in texts]) if texts else np.empty((0, 0), np.float16)

    async def _fill(self, texts: list[str]) -> None:
        client = open_client(self._place(), self._headers(), self.endpoint.connect_timeout, self.endpoint.in_flight)
        step = self.endpoint.batch
        batches = [texts[low : low + step] for low in range(0, len(texts), step)]
        gate = asyncio.Semaphore(self.endpoint.in_flight)
        try:
            for low in range(0, len(batches), _FLUSH):
                group = batches[low : low + _FLUSH]
                asked = (self._batch(client, gate, batch) for batch in group)
                done = await asyncio.gather(*asked, return_exceptions=True)
                came = [(batch, rows) for batch, rows in zip(group, done, strict=True) if isinstance(rows, list)]
                if came:
                    self._keep([text for batch, _ in came for text in batch], [row for _, rows in came for row in rows])
                for failed in done:
                    if isinstance(failed, BaseException):
                        raise failed
        finally:
            await client.close()

    def _keep(self, texts: list[str], rows: list[Array | None]) -> None:
        """Cache vectors; a refused text is zero, of the others' length. Nothing served at all is an error."""
        wide = {len(row) for row in rows if row is not None}
        if len(wide) != 1:
            saw = f"lengths {sorted(wide)}" if wide else "every text refused"
            raise UserError(f"expected vectors of one length from {self.endpoint.url}; saw {saw}. Check model and url.")
        zero = np.zeros(wide.pop(), np.float32)
        self.cost.refused += sum(row is None for row in rows)
        self.cache.add(self.name, texts, np.stack([zero if row is None else row for row in rows]).astype(np.float16))

    async def _batch(self, client: Client, gate: asyncio.Semaphore, texts: list[str]) -> list[Array | None]:
        """Vectors of one batch; halved where the server refuses it, down to the text that is refused by itself."""
        try:
            async with gate:
                return list(await self._ask(client, texts))
        except EngineError as error:
            if error.kind not in ("too_long", "bad_request"):
                raise UserError(f"{error}. Mend it and run the same command again: what came is kept.") from error
            if len(texts) == 1:
                return [None]
        half = len(texts) // 2
        return await self._batch(client, gate, texts[:half]) + await self._batch(client, gate, texts[half:])

    async def _ask(self, client: Client, texts: list[str]) -> list[Array]:
        draw = stream(0, "semantic", "wait", texts[0])
        for tried in range(self.endpoint.retries + 1):
            try:
                return await self._once(client, texts)
            except EngineError as error:
                if not error.passing or tried == self.endpoint.retries:
                    raise
                self.cost.retries += 1
                await asyncio.sleep(_wait(tried, error.retry_after, draw))
        raise AssertionError("unreachable")

    async def _once(self, client: Client, texts: list[str]) -> list[Array]:
        body: dict[str, Any] = {
            "model": self.endpoint.model,
            "input": [self.endpoint.prefix + text for text in texts],
            "encoding_format": "float",
        }
        if self.endpoint.dimensions:
            body["dimensions"] = self.endpoint.dimensions
        target = base_paths(self.endpoint.url)[0] + "/embeddings"
        self.cost.requests += 1
        try:
            reply = await client.send("POST", target, orjson.dumps(body), self.endpoint.timeout)
        except TimeoutError:
            raise EngineError("timeout", f"no answer within {self.endpoint.timeout:g} s") from None
        except OSError as error:
            raise EngineError("connection", f"{self._place()}: {error}") from None
        except BadReplyError as error:
            raise EngineError("server", f"{self._place()}: {error}") from None
        if reply.status != 200:
            words = self._hidden(shown(reply.body))
            kind = fault_kind(reply.status, words)
            raise EngineError(kind, f"{self._place()} answered {reply.status}: {words}", retry_after(reply))
        vectors, tokens = read_vectors(reply.body, len(texts))
        self.cost.tokens += tokens
        return vectors

    def _place(self) -> str:
        parts = urlsplit(self.endpoint.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"expected endpoint: url such as http://host:8080/v1; saw {parts.scheme}://")
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": f"tilth/{VERSION}"}
        if key := self._key():
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def _key(self) -> str | None:
        name = self.endpoint.key_env
        if name is None:
            return None
        key = os.environ.get(name, "").strip()
        if not key or not key.isascii() or not key.isprintable():
            raise UserError(
                f"expected a key of printable ASCII in the environment variable {name}. Set it and run again."
            )
        return key

    def _hidden(self, words: str) -> str:
        key = self._key()
        return (words.replace(key, "***") if key else words)[:200]


def read_vectors(body: bytes, count: int) -> tuple[list[Array], int]:
    """Unit vectors of an answer in the order of the input, and the tokens it counted. Raises `EngineError` (server)."""
    try:
        answer = orjson.loads(body)
        rows = sorted(answer["data"], key=lambda row: row["index"])
        vectors = np.array([row["embedding"] for row in rows], np.float32)
        places = [row["index"] for row in rows]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise EngineError("server", f"the answer holds no embeddings: {str(error)[:100]}") from None
    if places != list(range(count)) or vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
        raise EngineError("server", f"expected {count} vectors of numbers; saw an array of shape {vectors.shape}")
    usage = answer.get("usage")
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else 0
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return list(vectors / norms), tokens if isinstance(tokens, int) else 0


def _wait(tried: int, asked: float | None, draw: random.Random) -> float:
    """Seconds before the next try: what the server asks for, else doubling from half a second, spread by half."""
    usual = min(_LONGEST_WAIT, 0.5 * 2.0**tried)
    return asked if asked is not None else usual * (0.5 + draw.random())
