"""A server that answers every connection with bytes of the test's choice: for answers no sane server sends."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class RawServer:
    """`url` with /v1; `seen` holds the heads and bodies of the requests."""

    url: str
    seen: list[bytes] = field(default_factory=list)


def reply(body: bytes, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    """A whole answer with its content-length."""
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), headers, body)


@contextlib.contextmanager
def raw_server(post: bytes, *, get: bytes | None = None, close: bool = False) -> Iterator[RawServer]:
    """Answer each POST with `post` and each GET with `get` (404 by default); `close` ends the connection after it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    answers = {b"P": post, b"G": reply(b"", b"404 Not Found") if get is None else get}

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := _read(connection):
                server.seen.append(request)
                connection.sendall(answers[request[:1]])
                if close:
                    return

    def listen() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _read(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    name = b"content-length:"
    length = next((int(line[len(name) :]) for line in head.lower().split(b"\r\n") if line.startswith(name)), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
