"""A keep-alive HTTP/1.1 client for one server: the hot path of every call to an endpoint.

Why not only aiohttp: it costs 0.4 ms CPU a request, which is most of what a request may cost, so one process could not
keep 512 slots of a fast server busy. This client, with httptools as its parser, costs a fifth of that. What it leaves
out (proxies) goes through `ProxyClient`, which is aiohttp; `open_client` chooses.

Guarantees: one request a connection at a time; a cancelled or timed-out request closes its connection; no redirect is
followed, no cookie kept, no compression asked for. Raises only `TimeoutError`, `OSError` and `BadReplyError`.
"""

import asyncio
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httptools

from tilth.base.errors import MissingExtra

#: Seconds a connection may idle before it is not used again. Uvicorn, which most servers run on, closes after 5.
_IDLE_SECONDS = 4.0
_MAX_HEAD = 64 * 1024  # bytes
_MAX_BODY = 64 * 1024 * 1024  # bytes; a longer answer is no answer


class BadReplyError(Exception):
    """The server sent something that is not HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `headers` are in the order sent, their names in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first value of a header; `name` in lower case."""
        wanted = name.encode()
        return next((value.strip().decode("latin-1") for key, value in self.headers if key == wanted), None)


class Client(Protocol):
    """Sends requests to one server."""

    async def send(self, method: str, target: str, body: bytes | None, seconds: float) -> Reply:
        """`target` is path and query; the answer must be whole within `seconds`, connecting not included."""
        ...

    async def close(self) -> None: ...


def open_client(url: str, headers: Mapping[str, str], connect_timeout: float, limit: int) -> Client:
    """A client for the server at `url`; `headers` go with each request. Must be called on a running loop.

    The environment's proxy settings count, except for this machine itself: where they name a proxy for the host,
    requests go through aiohttp.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    local = host in ("localhost", "::1") or host.startswith("127.")
    if not local and urllib.request.getproxies().get(parts.scheme) and not urllib.request.proxy_bypass(host):
        return ProxyClient(url, headers, connect_timeout, limit)
    return DirectClient(url, headers, connect_timeout)


class _Connection(asyncio.Protocol):
    """One connection: takes a request, collects the answer with httptools, tells the waiter."""

    __slots__ = (
        "_body",
        "_headers",
        "_length",
        "_parser",
        "_size",
        "_until_close",
        "idle_since",
        "transport",
        "waiter",
    )

    def __init__(self) -> None:
        self.waiter: asyncio.Future[Reply] | None = None
        self.idle_since = 0.0
        self._clear()

    def _clear(self) -> None:
        self._parser: Any = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._until_close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        waiter = self.waiter
        if waiter is None or waiter.done():
            return
        if self._until_close and exc is None:
            self.on_message_complete()
        else:
            where = "in the middle of its answer" if self._parser is not None else "before it answered"
            waiter.set_exception(ConnectionResetError(f"the server closed the connection {where}"))

    def data_received(self, data: bytes) -> None:
        if self.waiter is None or self.waiter.done():
            self.transport.abort()  # nobody asked: what follows could not be told from the next answer
            return
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            inner = error.__context__
            self._fail(inner if isinstance(inner, BadReplyError) else BadReplyError("the answer cannot be read"))
        except httptools.HttpParserError as error:
            self._fail(BadReplyError(f"the answer is not HTTP/1.1: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value) + 4  # the colon, the space and the line end
        if self._size > _MAX_HEAD:
            raise BadReplyError("the answer is not HTTP/1.1: its head has no end")
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._size = 0
        told = dict(self._headers)
        self._until_close = b"content-length" not in told and b"transfer-encoding" not in told
        if int(told.get(b"content-length", b"0")) > _MAX_BODY:
            raise BadReplyError(f"the answer is longer than {_MAX_BODY} bytes")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > _MAX_BODY:
            raise BadReplyError(f"the answer is longer than {_MAX_BODY} bytes")
        self._body.append(body)

    def on_message_complete(self) -> None:
        waiter, parser = self.waiter, self._parser
        if waiter is None or waiter.done() or parser is None:
            return
        status = parser.get_status_code()
        if 100 <= status < 200:  # an interim answer: the real one follows, through the same parser
            self._headers, self._body, self._size = [], [], 0
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        waiter.set_result(Reply(status, self._headers, body))
        keep = parser.should_keep_alive() and not self._until_close
        self.waiter = None
        self._clear()
        if not keep:
            self.transport.close()

    def expire(self) -> None:
        """The time for the answer is over."""
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(error)
        self.transport.abort()


class DirectClient:
    """Connections of our own to one server, the most recently used first."""

    def __init__(self, url: str, headers: Mapping[str, str], connect_timeout: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        secure = parts.scheme == "https"
        self._port = parts.port or (443 if secure else 80)
        self._tls = ssl.create_default_context() if secure else None
        self._connect_timeout = connect_timeout
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._tail = f" HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n{lines}".encode("latin-1")
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._loop = asyncio.get_running_loop()

    async def send(self, method: str, target: str, body: bytes | None, seconds: float) -> Reply:
        """See `Client.send`."""
        connection = self._reuse() or await self._connect()
        waiter = connection.waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, connection.expire)
        head = f"{method} {target}".encode("latin-1") + self._tail
        if body is None:
            connection.transport.write(head + b"\r\n")
        else:
            connection.transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
        try:
            reply: Reply = await waiter
        except BaseException:  # a cancelled wait too: the answer that may still come must not meet the next request
            self._drop(connection)
            raise
        finally:
            timer.cancel()
        if connection.transport.is_closing():
            self._open.discard(connection)
        else:
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
        return reply

    async def close(self) -> None:
        """Close every connection; what is in flight fails."""
        for connection in list(self._open):
            self._drop(connection)
        self._idle.clear()
        await asyncio.sleep(0)  # lets the transports close their sockets

    def _drop(self, connection: _Connection) -> None:
        self._open.discard(connection)
        connection.transport.abort()

    def _reuse(self) -> _Connection | None:
        oldest = self._loop.time() - _IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= oldest and not connection.transport.is_closing():
                return connection
            self._drop(connection)
        return None

    async def _connect(self) -> _Connection:
        name = self._host if self._tls else None
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await self._loop.create_connection(
                    _Connection, self._host, self._port, ssl=self._tls, server_hostname=name
                )
        except TimeoutError:
            raise ConnectionError(f"no connection within {self._connect_timeout:g} s") from None
        self._open.add(connection)
        return connection


class ProxyClient:
    """The same over aiohttp, which knows proxies; about five times the CPU a request."""

    def __init__(self, url: str, headers: Mapping[str, str], connect_timeout: float, limit: int) -> None:
        try:
            import aiohttp
        except ImportError:
            raise MissingExtra("an endpoint behind an HTTP proxy", "aiohttp", "proxy") from None

        parts = urlsplit(url)
        self._root = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._aiohttp: Any = aiohttp
        self._connect_timeout = connect_timeout
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
            trust_env=True,
        )

    async def send(self, method: str, target: str, body: bytes | None, seconds: float) -> Reply:
        """See `Client.send`."""
        from yarl import URL

        limit = self._aiohttp.ClientTimeout(total=seconds, sock_connect=self._connect_timeout)
        place = URL(self._root + target, encoded=True)
        try:
            async with self._session.request(method, place, data=body, timeout=limit, allow_redirects=False) as answer:
                data = await answer.read()
                return Reply(answer.status, [(name.lower(), value) for name, value in answer.raw_headers], data)
        except self._aiohttp.ConnectionTimeoutError:
            raise ConnectionError(f"no connection within {self._connect_timeout:g} s") from None
        except TimeoutError:
            raise
        except (self._aiohttp.ClientResponseError, self._aiohttp.InvalidURL) as error:
            # the error's own text can hold the request's headers, so only its kind is passed on
            raise BadReplyError(type(error).__name__) from None
        except self._aiohttp.ClientError as error:
            raise ConnectionError(f"the connection failed: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
