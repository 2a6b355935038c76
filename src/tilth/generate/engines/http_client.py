"""A keep-alive HTTP/1.1 client for one server: the hot path of every call to an endpoint.

Why not only aiohttp: it costs 0.4 ms CPU a request, which is most of what a request may cost, so one process could not
keep 512 slots of a fast server busy. This client costs a fifth of that. What it leaves out (proxies) goes through
`ProxyClient`, which is aiohttp; `open_client` chooses.

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

#: Seconds a connection may idle before it is not used again. Uvicorn, which most servers run on, closes after 5.
_IDLE_SECONDS = 4.0
_MAX_HEAD = 64 * 1024  # bytes
_MAX_BODY = 64 * 1024 * 1024  # bytes; a longer answer is no answer
_CHUNKED = -1  # in place of a body's length
_UNTIL_CLOSE = -2


class BadReplyError(Exception):
    """The server sent something that is not HTTP/1.1."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: `head` is the status line and the headers as sent, each line ending in CR LF."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header; `name` in lower case."""
        start = self.head.lower().find(b"\r\n" + name.encode() + b":")
        if start < 0:
            return None
        return self.head[start + len(name) + 3 : self.head.find(b"\r\n", start + 2)].strip().decode("latin-1")


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
    """One connection: takes a request, collects the answer, tells the waiter."""

    __slots__ = ("_buffer", "_chunks", "_end", "_head", "_length", "_position", "idle_since", "transport", "waiter")

    def __init__(self) -> None:
        self.waiter: asyncio.Future[Reply] | None = None
        self.idle_since = 0.0
        self._clear()

    def _clear(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._head: bytes | None = None
        self._end = 0  # where the body starts
        self._length = 0  # of the body in bytes, or _CHUNKED or _UNTIL_CLOSE
        self._position = 0  # of the next chunk
        self._chunks: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        waiter = self.waiter
        if waiter is None or waiter.done():
            return
        if self._head is not None and self._length == _UNTIL_CLOSE and exc is None:
            self._deliver(bytes(self._buffer[self._end :]))
        else:
            where = "in the middle of its answer" if self._buffer else "before it answered"
            waiter.set_exception(ConnectionResetError(f"the server closed the connection {where}"))

    def data_received(self, data: bytes) -> None:
        if self.waiter is None or self.waiter.done():
            self.transport.abort()  # nobody asked: what follows could not be told from the next answer
            return
        if not self._buffer:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)
            self._buffer += data
        try:
            if self._head is not None or self._read_head():
                self._read_body()
        except (BadReplyError, ValueError) as error:
            self._fail(BadReplyError(f"the answer is not HTTP/1.1: {error}"))

    def expire(self) -> None:
        """The time for the answer is over."""
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(error)
        self.transport.abort()

    def _read_head(self) -> bool:
        """Read the head once it is whole; interim answers (1xx) are skipped."""
        buffer = self._buffer
        if not buffer.startswith(b"HTTP/1."[: len(buffer)]):
            raise BadReplyError("it does not start with HTTP/1.")
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > _MAX_HEAD:
                raise BadReplyError("its head has no end")
            return False
        head = bytes(buffer[: end + 2])
        status = int(head[9:12])
        if 100 <= status < 200:
            self._buffer = bytes(buffer[end + 4 :])
            return bool(self._buffer) and self._read_head()
        self._head = head
        self._end = self._position = end + 4
        self._length = _body_length(head.lower(), status)
        return True

    def _read_body(self) -> None:
        have = len(self._buffer) - self._end
        if have > _MAX_BODY or self._length > _MAX_BODY:
            raise BadReplyError(f"it is longer than {_MAX_BODY} bytes")
        if self._length >= 0:
            if have == self._length:
                self._deliver(bytes(self._buffer[self._end :]))
            elif have > self._length:
                raise BadReplyError("it is longer than its content-length")
        elif self._length == _CHUNKED and self._read_chunks():
            self._deliver(b"".join(self._chunks))

    def _read_chunks(self) -> bool:
        """Take the whole chunks that have arrived; True at the last one."""
        buffer = self._buffer
        while True:
            line = buffer.find(b"\r\n", self._position)
            if line < 0:
                return False
            size = int(buffer[self._position : line].partition(b";")[0], 16)
            if size < 0:
                raise BadReplyError("a chunk has a negative size")
            if size == 0:
                return buffer.startswith(b"\r\n", line + 2) or buffer.find(b"\r\n\r\n", line) >= 0
            if len(buffer) < line + 4 + size:
                return False
            self._chunks.append(bytes(buffer[line + 2 : line + 2 + size]))
            self._position = line + 4 + size

    def _deliver(self, body: bytes) -> None:
        head = cast(bytes, self._head)
        waiter = cast("asyncio.Future[Reply]", self.waiter)
        waiter.set_result(Reply(int(head[9:12]), head, body))
        lowered = head.lower()
        if self._length == _UNTIL_CLOSE or b"\r\nconnection: close" in lowered or lowered.startswith(b"http/1.0"):
            self.transport.close()
        self.waiter = None
        self._clear()


def _body_length(head: bytes, status: int) -> int:
    """Bytes of the body by its head in lower case, or `_CHUNKED` or `_UNTIL_CLOSE`."""
    if status in (204, 304):
        return 0
    if b"\r\ntransfer-encoding:" in head:
        return _CHUNKED
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        return _UNTIL_CLOSE
    length = int(head[start + 17 : head.find(b"\r\n", start + 2)])
    if length < 0:
        raise BadReplyError("its content-length is negative")
    return length


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
        import aiohttp

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
                lines = [b"%b: %b\r\n" % pair for pair in answer.raw_headers]
                return Reply(answer.status, b"HTTP/1.1 %d\r\n" % answer.status + b"".join(lines), data)
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
