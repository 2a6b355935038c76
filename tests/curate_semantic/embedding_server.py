"""A real HTTP server on the loopback that speaks /v1/embeddings, counts what it is asked and fails as it is told."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


@dataclass
class Served:
    """What was asked for; `faults` are statuses to answer before the first success."""

    url: str = ""
    texts: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    requests: int = 0
    faults: list[int] = field(default_factory=list)
    refuse: str = "\0"  # a batch that holds this word is refused with 400
    body: bytes | None = None  # answered to everything, in place of vectors


def vector(text: str) -> list[float]:
    """Texts with the same word after "about" point the same way, with a little of their own."""
    topic = text.rpartition(" about ")[2].strip(" ?")
    seeds = [int.from_bytes(blake2b(part.encode(), digest_size=4).digest(), "big") for part in (topic, text)]
    main, own = (np.random.default_rng(seed).standard_normal(32) for seed in seeds)
    return (3 * main + 0.3 * own).round(4).tolist()


@contextlib.contextmanager
def serve() -> Iterator[Served]:
    served, lock = Served(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                served.requests += 1
                served.keys.add(self.headers.get("Authorization", ""))
                fault = served.faults.pop(0) if served.faults else 0
                if not fault and any(served.refuse in text for text in asked["input"]):
                    fault = 400
                if not fault:
                    served.texts.extend(asked["input"])
            self._answer(fault or 200, served.body if not fault and served.body else self._body(fault, asked["input"]))

        def _body(self, fault: int, texts: list[str]) -> bytes:
            if fault:
                return json.dumps({"error": {"message": f"no: {self.headers.get('Authorization')}"}}).encode()
            rows = [{"index": place, "embedding": vector(text)} for place, text in enumerate(texts)]
            return json.dumps({"data": rows[::-1], "usage": {"prompt_tokens": 3 * len(texts)}}).encode()

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0.01")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
