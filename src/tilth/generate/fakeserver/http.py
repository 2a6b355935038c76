"""The smallest HTTP/1.1 server that a load test needs: keep-alive, content-length bodies, one answer at a time.

Guarantees: bytes of a request that are not complete yet are kept; a request that is not HTTP, has no content-length or
is chunked gets a 4xx and the connection is closed. Costs about 10 us a request.
"""

import asyncio
from collections.abc import Callable
from typing import cast

_MAX_HEAD = 64 * 1024  # bytes
_MAX_BODY = 256 * 1024 * 1024  # bytes

#: (connection, method, path without query, body)
Handler = Callable[["Connection", bytes, bytes, bytes], None]

REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    411: b"Length Required",
    413: b"Content Too Large",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}


class Connection(asyncio.Protocol):
    """One client's connection. `reply` or `half_reply` must follow each call of the handler, now or later."""

    __slots__ = ("_busy", "_closing", "_handler", "_have", "_need", "_on_lost", "_parts", "head", "lost", "transport")

    def __init__(self, handler: Handler, on_lost: Callable[["Connection"], None]) -> None:
        self._handler = handler
        self._on_lost = on_lost
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 1  # bytes before a request can be complete: parsing starts over only then
        self._busy = False
        self._closing = False
        self.lost = False
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.lost = True
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._have += len(data)
        if not self._busy and self._have >= self._need:
            self._next()

    def reply(self, status: int, body: bytes, headers: bytes = b"", kind: bytes = b"application/json") -> None:
        """Send one whole answer; `headers` are whole lines that end in CR LF."""
        if not self.lost:
            self.transport.write(self._head(status, len(body), headers, kind) + body)
        self._finish()

    def half_reply(self, body: bytes, headers: bytes = b"") -> None:
        """Send the head and half of `body`, then reset the connection."""
        if not self.lost:
            self.transport.write(self._head(200, len(body), headers, b"application/json") + body[: len(body) // 2])
            self.transport.close()
        self.lost = True

    def reset(self) -> None:
        """Drop the connection without an answer."""
        self.lost = True
        self.transport.abort()

    def _head(self, status: int, length: int, headers: bytes, kind: bytes) -> bytes:
        line = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n" % (status, REASONS[status], kind, length)
        return line + headers + (b"Connection: close\r\n\r\n" if self._closing else b"\r\n")

    def _finish(self) -> None:
        self._busy = False
        if self._closing and not self.lost:
            self.transport.close()
        elif self._have:
            self._next()

    def _refuse(self, status: int, words: bytes) -> None:
        self._closing = True
        self.reply(status, b'{"error":{"message":"' + words + b'"}}')

    def _next(self) -> None:
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._parts, self._need = [data], self._have + 1
            if self._have > _MAX_HEAD:
                self._refuse(431, b"the head is too long")
            return
        head = data[:end].lower()
        length = _content_length(head)
        if length is None:
            self._refuse(411, b"a body needs a content-length")
        elif length > _MAX_BODY:
            self._refuse(413, b"the body is too long")
        elif self._have < end + 4 + length:
            self._parts, self._need = [data], end + 4 + length
        else:
            self._take(data, head, end + 4, length)

    def _take(self, data: bytes, head: bytes, start: int, length: int) -> None:
        rest = data[start + length :]
        self._parts, self._have, self._need = ([rest] if rest else []), len(rest), 1
        line = data[: data.find(b"\r\n")].split(b" ")
        if len(line) != 3:
            self._refuse(400, b"this is not HTTP")
            return
        self._closing = b"\r\nconnection: close" in head or line[2] == b"HTTP/1.0"
        self._busy = True
        self.head = data[: start - 2]
        self._handler(self, line[0], line[1].partition(b"?")[0], data[start : start + length])


def header(head: bytes, name: bytes) -> bytes:
    """The value of the header `name` (lower case) in `head`, which ends in CR LF; empty where there is none."""
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    return head[start + len(name) + 3 : head.find(b"\r\n", start + 2)].strip()


def _content_length(head: bytes) -> int | None:
    """Bytes of the body; 0 for a request without one; None for a chunked or senseless one."""
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        return None if b"\r\ntransfer-encoding:" in head else 0
    end = head.find(b"\r\n", start + 2)
    value = head[start + 17 : end if end > 0 else len(head)].strip()
    return int(value) if value.isdigit() else None
