"""Any OpenAI-compatible server behind one URL: vLLM, SGLang, llama.cpp, a provider, a gateway.

Guarantees: `complete` raises `EngineError` and nothing else; the key is read once from the environment, sent to this
server alone and stands in no error, repr or record, even where the server repeats it. Costs about 0.1 ms CPU a request.
"""

import base64
import os
import re
import time
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import orjson

from tilth.base.errors import ConfigError, EngineError, UserError
from tilth.base.version import VERSION
from tilth.generate.engines.http_client import BadReplyError, Client, Reply, open_client
from tilth.generate.engines.openai_wire import fault_kind, read_answer, request_body, retry_after, shown
from tilth.generate.model import ModelSpec
from tilth.generate.request import Caps, Completion, Request

_START_SECONDS = 10.0  # for each question asked of the server before the run
_SHOWN = 200  # characters of a server's words in an error
_VERSIONED = re.compile(r"v[0-9]+[a-z0-9]*")


def open_endpoint(spec: ModelSpec) -> tuple["EndpointEngine", ...]:
    """One engine a URL; raises `ConfigError` where two URLs name the same place."""
    engines = tuple(EndpointEngine(spec, url) for url in spec.urls)
    places = [engine.url for engine in engines]
    for place in places:
        if places.count(place) > 1:
            raise ConfigError(
                f"expected each server once in urls; saw {place} {places.count(place)} times. Take one out."
            )
    return engines


def base_paths(url: str) -> tuple[str, ...]:
    """Paths under which the API may stand, the likeliest first.

    A path with a version in it is taken as it is; one without gets /v1, and is tried bare where that is not there.
    """
    path = urlsplit(url).path.rstrip("/")
    for suffix in ("/chat/completions", "/completions", "/models"):
        if path.endswith(suffix):
            return (path.removesuffix(suffix),)
    if any(_VERSIONED.fullmatch(segment) for segment in path.split("/")):
        return (path,)
    return (path + "/v1", path)


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"expected urls such as http://host:8000/v1; saw {parts.scheme}://{parts.hostname or ''}")
    return parts


class EndpointEngine:
    """One member: one server. `name` is what rows and ledgers call the engine."""

    def __init__(self, spec: ModelSpec, url: str, name: str = "endpoint") -> None:
        parts = _checked(url)
        self._spec = spec
        self._name = name
        self._given = url
        place = parts.netloc.rpartition("@")[2]
        self._root = f"{parts.scheme}://{place}"
        self._query = f"?{parts.query}" if parts.query else ""
        self._bases = base_paths(url)
        self._secrets: tuple[str, ...] = ()
        self._client: Client | None = None
        self._engine: str | None = None
        self._version = "unknown"
        self._set_base(self._bases[0])

    def __repr__(self) -> str:
        return f"EndpointEngine({self.url})"

    @property
    def url(self) -> str:
        """Where requests go, without credentials and query."""
        return self._root + self._base

    @property
    def caps(self) -> Caps:
        """What the server can do, as far as the API promises it."""
        spec = self._spec
        return Caps(
            name=self._name,
            version=self._version,
            label=f"{spec.model} at {self.url}",
            max_in_flight=spec.max_in_flight,
            seed=True,
            schema=True,
            regex=spec.schema_style != "response_format",
            logprobs=20,
            gpus=spec.gpus,
        )

    async def start(self) -> None:
        """Connect and ask the server who it is. Raises `UserError` where it is not there or refuses the key."""
        await self.close()
        self._client = open_client(
            self._root, self._headers(), self._spec.connect_timeout, self._spec.max_in_flight + 8
        )
        try:
            models = await self._find_models()
            if models is not None:
                self._learn_model(models)
            await self._learn_version(models)
        except BaseException:  # whatever ends the start: no connection outlives it
            await self.close()
            raise

    async def complete(self, request: Request) -> Completion:
        """Send one request; see `Engine.complete`."""
        client = self._client
        if client is None:
            raise EngineError("connection", f"{self.url} is not connected: start was not called, or close was")
        payload = request_body(self._spec, request)
        began = time.perf_counter()
        reply = await self._send(client, payload)
        if reply.status != 200:
            raise self._fault(reply)
        try:
            return read_answer(reply.body, self._engine, time.perf_counter() - began)
        except ValueError as error:
            raise self._unreadable(reply, error) from None

    async def close(self) -> None:
        """Close every connection; calling it again does nothing."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    # -- what is sent

    def _set_base(self, base: str) -> None:
        self._base = base
        route = "/chat/completions" if self._spec.api == "chat" else "/completions"
        self._target = base + route + self._query

    def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"tilth/{VERSION}",
        }
        parts = urlsplit(self._given)
        if self._spec.key_env:
            key = _read_key(self._spec.key_env)
            self._secrets = (key,)
            headers["Authorization"] = f"Bearer {key}"
        elif parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            coded = base64.b64encode(pair.encode()).decode()
            self._secrets = tuple(secret for secret in (coded, unquote(parts.password or "")) if secret)
            headers["Authorization"] = f"Basic {coded}"
        return headers

    async def _send(self, client: Client, payload: bytes) -> Reply:
        try:
            return await client.send("POST", self._target, payload, self._spec.timeout)
        except TimeoutError:
            raise EngineError("timeout", f"{self.url} did not answer within {self._spec.timeout:g} s") from None
        except OSError as error:
            raise EngineError("connection", f"{self.url}: {self._hidden(str(error))}") from None
        except BadReplyError as error:
            raise EngineError("server", f"{self.url}: {self._hidden(str(error))}") from None

    # -- what went wrong

    def _hidden(self, words: str) -> str:
        """`words` without secrets, cut to what an error shows. Secrets go first: a cut one would not be found."""
        for secret in self._secrets:
            words = words.replace(secret, "***")
        return words[:_SHOWN]

    def _fault(self, reply: Reply) -> EngineError:
        words = shown(reply.body)
        kind = fault_kind(reply.status, words)
        message = f"{self.url} answered {reply.status}: {self._hidden(words)}"
        if 300 <= reply.status < 400:
            message += " (redirects are not followed: put the address it leads to into urls)"
        return EngineError(kind, message, retry_after(reply))

    def _unreadable(self, reply: Reply, error: ValueError) -> EngineError:
        """A 200 that holds no completion; some gateways put an error of the server behind them into one."""
        try:
            inner = orjson.loads(reply.body)["error"]
            code = inner.get("code")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            code = None
        kind = fault_kind(code, shown(reply.body)) if isinstance(code, int) and code >= 400 else "server"
        content = reply.header("content-type") or "no content type"
        words = self._hidden(shown(reply.body) or str(error))
        return EngineError(
            kind, f"{self.url} answered 200 ({content[:60]}) with no completion: {words}", retry_after(reply)
        )

    # -- who answers

    async def _ask(self, target: str) -> Reply:
        assert self._client is not None
        return await self._client.send("GET", target, None, min(_START_SECONDS, self._spec.timeout))

    async def _find_models(self) -> Reply | None:
        """The answer of GET /models, which also decides the base path; None where no path has the route."""
        for base in self._bases:
            try:
                reply = await self._ask(f"{base}/models{self._query}")
            except (OSError, BadReplyError) as error:
                self._set_base(self._bases[0])
                raise self._not_there(error) from None
            if reply.status in (401, 403):
                raise self._no_entry(reply)
            if 300 <= reply.status < 400:
                raise UserError(str(self._fault(reply)))
            if reply.status == 200 and reply.body.lstrip()[:1] in (b"{", b"["):
                self._set_base(base)
                return reply
        return None

    def _not_there(self, error: Exception) -> UserError:
        words = self._hidden(str(error)) or "no answer in time"
        return UserError(
            f"expected a server at {self._root}; saw: {words}. "
            "Start it, or correct model.urls in the recipe, then run the same command again."
        )

    def _no_entry(self, reply: Reply) -> UserError:
        name = self._spec.key_env
        remedy = f"Check the key in the environment variable {name}." if name else "Name the key's variable: key_env."
        return UserError(f"{self.url} refused entry ({reply.status}): {self._hidden(shown(reply.body))}. {remedy}")

    def _learn_model(self, models: Reply) -> None:
        try:
            cards = orjson.loads(models.body)["data"]
            mine = [card for card in cards if card.get("id") == self._spec.model] or cards[:1]
            owner = mine[0].get("owned_by")
        except (orjson.JSONDecodeError, KeyError, TypeError, IndexError, AttributeError):
            return  # the list is a courtesy: a server may send another form
        if isinstance(owner, str) and owner.isprintable():
            self._engine = owner[:60]

    async def _learn_version(self, models: Reply | None) -> None:
        """Best effort: vLLM answers /version beside /v1; others name themselves in the Server header."""
        server = models.header("server") if models else None
        self._engine = self._engine or (server[:60] if server else None)
        root = self._base.removesuffix("/v1")
        try:
            reply = await self._ask(f"{root}/version")
            found: Any = orjson.loads(reply.body)["version"] if reply.status == 200 else None
        except (OSError, BadReplyError, orjson.JSONDecodeError, KeyError, TypeError):
            found = None
        if isinstance(found, str) and found.isprintable():
            self._version = found[:60]
            self._engine = f"{self._engine or 'server'} {self._version}"


def _read_key(name: str) -> str:
    key = os.environ.get(name, "").strip()
    if not key:
        raise UserError(f"expected the key in the environment variable {name}; it is not set. Set it and run again.")
    if not (key.isascii() and key.isprintable()):
        raise UserError(f"expected a key of printable ASCII characters in {name}; saw others. Set it anew.")
    return key
