"""The fake server: routes, slots, faults and counters. `FakeServer` lives on the running event loop.

Guarantees: the text of an answer is a function of (model, messages, seed); /stats counts every request once by outcome,
and a body that was answered with 200 more than once counts as a duplicate (money spent twice).
Costs about 0.1 ms CPU a request of 2 kB with an answer of 1.5 kB, on one core, with uvloop.
"""

import asyncio
from collections import Counter, deque
from hashlib import blake2b
from typing import Any

import orjson

from tilth.base.version import VERSION
from tilth.generate.fakeserver.answers import compose, digest_of, loop_text
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.faults import FaultPlan, TokenBucket, retry_after_header
from tilth.generate.fakeserver.http import Connection, header
from tilth.generate.fakeserver.script import ScriptedAnswers

_BYTES_PER_TOKEN = 4
_IMMEDIATE = {"429": 429, "503": 503}  # refused at the door, without a slot


class Job:
    """One request that waits for a slot or is worked on."""

    __slots__ = ("body", "connection", "digest", "outcome", "timer", "tokens")

    def __init__(self, connection: Connection, digest: int, outcome: str, body: bytes, tokens: int) -> None:
        self.connection = connection
        self.digest = digest
        self.outcome = outcome
        self.body = body
        self.tokens = tokens
        self.timer: asyncio.TimerHandle | None = None


class FakeServer:
    """An OpenAI-compatible server. `start` listens, `url` names it, `stats` counts, `close` ends it."""

    def __init__(self, config: FakeConfig | None = None) -> None:
        self.config = config or FakeConfig()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._headers = f"Server: {self.config.server or 'tilth-fake/' + VERSION}\r\n".encode()
        self._connections: set[Connection] = set()
        self._jobs: dict[Connection, Job] = {}
        self._queue: deque[Job] = deque()
        self._plan = FaultPlan(self.config)
        self._script = ScriptedAnswers(self.config.scripted) if self.config.scripted is not None else None
        self._bearer = f"Bearer {self.config.key}".encode() if self.config.key else None
        base = self.config.prefix.rstrip("/").encode()
        self._chat = base + b"/chat/completions"
        self._completions = base + b"/completions"
        self._models = base + b"/models"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one. `url` then holds http://host:port with the prefix."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        rate = self.config.rate
        self._limiter = TokenBucket(rate, self.config.burst, loop.time) if rate else None
        self.reset()
        self._server = await loop.create_server(self._connect, host, port, backlog=2048)
        found = self._server.sockets[0].getsockname()[1]
        self.port = int(found)
        self.url = f"http://{host}:{found}{self.config.prefix.rstrip('/')}"

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        for job in self._jobs.values():
            if job.timer:
                job.timer.cancel()
        self._queue.clear()
        if self._server:
            self._server.close()
        for connection in list(self._connections):
            connection.reset()
        await asyncio.sleep(0)

    def reset(self) -> None:
        """Set the counters to zero; connections, slots and the fault plan stay as they are."""
        self._outcomes: Counter[str] = Counter()
        self._answered: set[int] = set()
        self._seen: set[int] = set()
        self._duplicates = self._tokens = self._bytes_in = self._max_active = self._abandoned = 0
        self._active = len(getattr(self, "_jobs", ())) - len(self._queue)
        self._area = 0.0
        self._since = self._then = self._loop.time()
        self._first: float | None = None
        self._last = 0.0

    def stats(self) -> dict[str, Any]:
        """Counters since the start or the last reset.

        `busy_slot_seconds` is the integral of busy slots over time; `busy_share` divides it by slots and by the time
        from the first request to the last answer.
        """
        self._advance(0)
        span = max(self._last - self._first, 1e-9) if self._first is not None else 0.0
        share = self._area / (span * self.config.slots) if span and self.config.slots else None
        return {
            "requests": sum(self._outcomes.values()),
            "outcomes": dict(self._outcomes),
            "distinct_bodies": len(self._seen),
            "answered_bodies": len(self._answered),
            "duplicates": self._duplicates,
            "abandoned": self._abandoned,
            "tokens": self._tokens,
            "bytes_in": self._bytes_in,
            "active": self._active,
            "queued": len(self._queue),
            "max_active": self._max_active,
            "connections": len(self._connections),
            "busy_slot_seconds": self._area,
            "busy_share": share,
            "seconds": span,
            "clock": self._loop.time(),
        }

    # -- connections and routes

    def _connect(self) -> Connection:
        connection = Connection(self._route, self._lost)
        self._connections.add(connection)
        return connection

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        job = self._jobs.pop(connection, None)
        if job is None:
            return
        self._abandoned += 1
        if job in self._queue:
            self._queue.remove(job)
            return
        if job.timer:
            job.timer.cancel()
        self._release()

    def _route(self, connection: Connection, method: bytes, path: bytes, body: bytes) -> None:
        if method == b"POST" and path == self._chat:
            self._generate(connection, body, chat=True)
        elif method == b"POST" and path == self._completions:
            self._generate(connection, body, chat=False)
        elif method == b"GET":
            self._get(connection, path)
        elif method == b"POST" and path == b"/reset":
            self.reset()
            connection.reply(200, b"{}", self._headers)
        else:
            self._refuse(connection, 404, f"no route {path.decode('latin-1')}")

    def _get(self, connection: Connection, path: bytes) -> None:
        if path == b"/stats":
            connection.reply(200, orjson.dumps(self.stats()), self._headers)
        elif path == b"/version":
            connection.reply(200, orjson.dumps({"version": VERSION}), self._headers)
        elif path == self._models and self.config.models_route:
            if self._allowed(connection):
                card = {"id": self.config.model, "object": "model", "owned_by": "tilth-fake"}
                connection.reply(200, orjson.dumps({"object": "list", "data": [card]}), self._headers)
        else:
            self._refuse(connection, 404, f"no route {path.decode('latin-1')}")

    def _allowed(self, connection: Connection) -> bool:
        if self._bearer is None or header(connection.head, b"authorization") == self._bearer:
            return True
        self._refuse(connection, 401, "this key is not known")
        return False

    def _refuse(self, connection: Connection, status: int, message: str) -> None:
        if self.config.echo_key:
            message += f" (request had {header(connection.head, b'authorization').decode('latin-1')})"
        headers = self._headers
        if status in (429, 503):
            headers += retry_after_header(self.config.retry_after)
        body = orjson.dumps({"error": {"message": message, "type": "fake", "code": status}})
        connection.reply(status, body, headers)

    # -- generation

    def _generate(self, connection: Connection, body: bytes, chat: bool) -> None:
        self._bytes_in += len(body)
        if self._first is None:
            self._first = self._loop.time()
        if self._limiter and not self._limiter.take():
            self._outcomes["rate_limited"] += 1
            self._refuse(connection, 429, "too many requests a second")
            return
        if self._bearer and not self._allowed(connection):
            self._outcomes["401"] += 1
            return
        digest = int.from_bytes(blake2b(body, digest_size=8).digest(), "big")
        self._seen.add(digest)
        outcome = self._plan.outcome(digest)
        if outcome in _IMMEDIATE:
            self._outcomes[outcome] += 1
            self._refuse(connection, _IMMEDIATE[outcome], "planned fault")
            return
        try:
            answer, tokens = self._answer(body, chat, outcome)
        except (orjson.JSONDecodeError, TypeError, KeyError, ValueError, AttributeError) as error:
            self._outcomes["400"] += 1
            self._refuse(connection, 400, f"bad request: {error}")
            return
        job = Job(connection, digest, outcome, answer, tokens)
        self._jobs[connection] = job
        if self.config.slots and self._active >= self.config.slots:
            self._queue.append(job)
        else:
            self._begin(job)

    def _begin(self, job: Job) -> None:
        self._advance(1)
        if job.outcome == "hang":
            self._outcomes["hang"] += 1
            return
        seconds = self._plan.latency(job.digest)
        if seconds > 0:
            job.timer = self._loop.call_later(seconds, self._end, job)
        else:
            self._end(job)

    def _end(self, job: Job) -> None:
        connection = job.connection
        self._jobs.pop(connection, None)
        outcome = job.outcome
        self._outcomes[outcome] += 1
        if outcome in ("ok", "empty", "loop"):
            self._tokens += job.tokens
            if job.digest in self._answered:
                self._duplicates += 1
            self._answered.add(job.digest)
        # the slot is free before the answer leaves: the client's next request must find it
        self._release()
        if outcome == "500":
            self._refuse(connection, 500, "planned fault")
        elif outcome == "reset":
            connection.reset()
        elif outcome == "drop":
            connection.half_reply(job.body, self._headers)
        elif outcome == "cut":
            connection.reply(200, job.body[: len(job.body) // 2], self._headers)
        elif outcome == "html":
            connection.reply(200, b"<html><body>Welcome to the gateway</body></html>", self._headers, b"text/html")
        else:
            connection.reply(200, job.body, self._headers)

    def _release(self) -> None:
        self._advance(-1)
        if self._queue and self._active < self.config.slots:
            self._begin(self._queue.popleft())

    def _advance(self, change: int) -> None:
        now = self._loop.time()
        self._area += self._active * (now - self._then)
        self._then = now
        self._active += change
        if change > 0:
            self._max_active = max(self._max_active, self._active)
        elif change < 0:
            self._last = now

    def _answer(self, body: bytes, chat: bool, outcome: str) -> tuple[bytes, int]:
        """The JSON of the answer and the completion's tokens; raises `ValueError` and kin for a senseless request."""
        asked = orjson.loads(body)
        model = asked["model"]
        if asked.get("stream"):
            raise ValueError("stream is not supported")
        messages = asked["messages"] if chat else asked["prompt"]
        prompt = "\n\n".join([message["content"] for message in messages]) if chat else messages
        prompt_tokens = len(prompt) // _BYTES_PER_TOKEN + 1
        limit = asked.get("max_tokens") or asked.get("max_completion_tokens") or 0
        self._check_context(prompt_tokens, limit)
        draw = digest_of(model, messages, asked.get("seed"))
        text, finish = self._text(asked, prompt, draw, outcome)
        if outcome == "loop" or (limit and len(text) > limit * _BYTES_PER_TOKEN):
            text = text[: limit * _BYTES_PER_TOKEN] if limit else text
            finish = "length"
        tokens = len(text) // _BYTES_PER_TOKEN + 1
        reply = {
            "id": f"fake-{draw:016x}",
            "object": "chat.completion" if chat else "text_completion",
            "model": model,
            "choices": [self._choice(text, finish, chat)],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": tokens,
                "total_tokens": prompt_tokens + tokens,
            },
        }
        return orjson.dumps(reply), tokens

    def _text(self, asked: dict[str, Any], prompt: str, draw: int, outcome: str) -> tuple[str, str]:
        """The text and why it ends."""
        size = self.config.answer_bytes
        if outcome in ("empty", "loop"):
            return "" if outcome == "empty" else loop_text(prompt, draw, size), "stop"
        return (compose(prompt, draw, size), "stop") if self._script is None else self._script.answer(asked)

    def _choice(self, text: str, finish: str, chat: bool) -> dict[str, Any]:
        reasoning = self.config.reasoning
        thought = "The document comes first, then the form that was asked for."
        if reasoning == "tag":
            text = f"<think>\n{thought}\n</think>\n\n{text}"
        elif reasoning == "open_tag":
            text = f"{thought}\n</think>\n\n{text}"
        if not chat:
            return {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if reasoning == "field":
            message["reasoning_content"] = thought
        return {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}

    def _check_context(self, prompt_tokens: int, limit: int) -> None:
        context = self.config.context
        if context and prompt_tokens + limit > context:
            raise ValueError(
                f"This model's maximum context length is {context} tokens. However, you requested "
                f"{prompt_tokens + limit} tokens ({prompt_tokens} in the messages, {limit} in the completion)."
            )
