"""A small HTTP/1.1 client for one purpose: many short POSTs to few servers, at little cost.

It keeps connections alive, one pool a server, speaks TLS, and parses with httptools. Why not aiohttp alone: a request
through aiohttp costs 0.4 ms of CPU here and one through this client about 0.1, and 512 slots at 200 ms latency need
2,500 requests a second (benchmarks/README.md). It does not do redirects, cookies, compression, HTTP/2 or proxies; the
endpoint engine takes aiohttp where a proxy is set.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httptools

from tilth.base.errors import EngineError

#: A response larger than this is no completion: 64 MiB is over a thousand times the longest answer of a 128k context.
MAX_BODY = 64 << 20


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection: at most one request at a time. `answer` is set when the response is whole, or the fault is known."""

    __slots__ = ("_body", "_headers", "_parser", "_size", "answer", "closed", "reusable", "transport")

    def __init__(self) -> None:
        self.transport: Any = None
        self.answer: asyncio.Future[Response] | None = None
        self.closed = False
        self.reusable = True

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, data: bytes, answer: "asyncio.Future[Response]") -> None:
        self.answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self.answer is None:  # bytes nobody asked for: the server and we disagree about where we are
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(EngineError("server", f"the server's answer is not HTTP: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY:
            self._fail(EngineError("server", f"the server's answer is longer than {MAX_BODY:,} bytes"))
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        answer, self.answer = self.answer, None
        if answer is None:
            return
        self.reusable = self._parser.should_keep_alive()
        if not answer.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            answer.set_result(Response(self._parser.get_status_code(), self._headers, body))
        self._body = []

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if self.answer is not None and not self._ends_by_close():
            self._fail(
                EngineError("connection", f"the server closed the connection before its answer: {error or 'EOF'}")
            )

    def close(self) -> None:
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def _ends_by_close(self) -> bool:
        """True where the answer has no length and the close is its end, as HTTP/1.0 does it."""
        if not self._headers or "content-length" in self._headers or "transfer-encoding" in self._headers:
            return False
        self.on_message_complete()
        return True

    def _fail(self, error: EngineError) -> None:
        answer, self.answer = self.answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.close()


class HttpClient:
    """A pool of connections to one server. `post` and `get` raise `EngineError` of the kinds connection and timeout."""

    def __init__(self, url: str, headers: Mapping[str, str], *, connect_timeout: float, timeout: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self._where = f"{parts.scheme}://{shown}:{self._port}"
        lines = {"Host": f"{shown}:{self._port}" if parts.port else shown, "Accept": "application/json", **headers}
        for name, value in lines.items():
            if any(char in f"{name}{value}" for char in "\r\n\0"):
                raise ValueError(f"header {name} has a line break")
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1")
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: bytes) -> Response:
        """POST JSON to a path; the whole answer."""
        head = b"POST %b HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return await self._exchange(head % (path.encode(), self._head, len(body)) + body, self._timeout)

    async def get(self, path: str, timeout: float) -> Response:
        """GET a path within `timeout` seconds."""
        return await self._exchange(b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), self._head), timeout)

    def close(self) -> None:
        """Close every idle connection."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _exchange(self, data: bytes, timeout: float) -> Response:
        connection = self._take() or await self._connect()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()
        clock = loop.call_later(timeout, _expire, answer, timeout)
        whole = False
        connection.send(data, answer)
        try:
            response = await answer
            whole = True
            return response
        finally:
            clock.cancel()
            if whole and connection.reusable and not connection.closed:
                self._idle.append(connection)
            else:
                connection.close()

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        except TimeoutError:
            raise EngineError("connection", f"no connection to {self._where} in {self._connect_timeout:g} s") from None
        except OSError as error:
            raise EngineError("connection", f"no connection to {self._where}: {error.strerror or error}") from error
        return connection


def _expire(answer: "asyncio.Future[Response]", timeout: float) -> None:
    if not answer.done():
        answer.set_exception(EngineError("timeout", f"no whole answer within {timeout:g} s"))
