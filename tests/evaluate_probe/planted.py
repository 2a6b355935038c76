"""Questions of known cells, and a real server on the loopback that solves them with a planted skill by cell."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import polars as pl

from tilth.frames import make_frame

DISCIPLINES = ("science", "engineering", "law", "history")
STEM = {"science": True, "engineering": True, "law": False, "history": False}
_QUESTION = re.compile(r"\[([a-z]+)/D(\d)\] What is (\d+) \+ (\d+)\?")


def skill(discipline: str, bin_: int) -> float:
    """The chance of a right answer: falls with difficulty, and science and engineering are weak throughout."""
    start = {"science": 0.70, "engineering": 0.80, "law": 0.95, "history": 0.99}[discipline]
    return start - 0.13 * (bin_ - 1)


def questions(each: int, disciplines: tuple[str, ...] = DISCIPLINES, **labels: Any) -> pl.DataFrame:
    """`each` questions a discipline and bin, answers in the metadata."""
    texts, names, values = [], [], []
    for discipline in disciplines:
        for bin_ in range(1, 6):
            for number in range(each):
                one, two = 100 + number * 7 + bin_, 11 * number + 3
                texts.append(f"[{discipline}/D{bin_}] What is {one} + {two}?")
                names.append(f"{discipline}-{bin_}-{number}")
                value = {"answer": str(one + two), "discipline": discipline, "difficulty": 2 * bin_ - 0.5}
                values.append(orjson.dumps({**value, "stem": STEM.get(discipline, False), **labels}).decode())
    return make_frame(texts, doc_id=names, metadata=values)


def chance(*parts: object) -> float:
    """A number from 0 to 1 that is a function of `parts`."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "big") / 2**64


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet an answer: two would wait for each other
    server: "Solver"

    def do_GET(self) -> None:
        self._send({"data": [{"id": "planted", "owned_by": "tests"}]} if self.path == "/v1/models" else None)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.count()
        if self.path.endswith("/chat/completions"):
            self._send(self.server.chat(body))
        else:
            self._send(self.server.completions(body))

    def _send(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200 if value is not None else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


class Solver(ThreadingHTTPServer):
    """Answers right at the planted rate, in chat; gives words' log-probabilities back in completions."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, gain: Mapping[str, float] | None = None, *, echo: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gain = dict(gain or {})
        self.echo = echo
        self.requests = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def count(self) -> None:
        with self._lock:
            self.requests += 1

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt = "\n".join(message["content"] for message in body["messages"])
        found = _QUESTION.search(prompt)
        assert found is not None
        discipline, bin_, one, two = found[1], int(found[2]), int(found[3]), int(found[4])
        rate = skill(discipline, bin_) + self.gain.get(f"{discipline}/D{bin_}", 0.0)
        right = chance(found[0], body.get("seed")) < rate
        text = f"I add the numbers.\nAnswer: {one + two + (0 if right else 1)}"
        message = {"role": "assistant", "content": text}
        return {
            "model": "planted",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": len(prompt.split()), "completion_tokens": 8},
        }

    def completions(self, body: dict[str, Any]) -> dict[str, Any]:
        """Words are tokens. A token costs 2 bits, a right letter or sum half a bit."""
        words = re.findall(r"\s*\S+", body["prompt"])
        found = _QUESTION.search(body["prompt"])
        assert found is not None
        right = {str(int(found[3]) + int(found[4])), _letter(body["prompt"], int(found[3]) + int(found[4]))}
        bits = [0.5 if word.strip() in right else 2.0 for word in words]
        values: list[float | None] = [None, *(-bit * 0.6931471805599453 for bit in bits[1:])]
        tokens = {"tokens": [*words, " x"], "token_logprobs": [*values, -0.1]}
        shown = tokens if self.echo and body.get("echo") else {"tokens": [" x"], "token_logprobs": [-0.1]}
        return {
            "model": "planted",
            "choices": [{"index": 0, "text": body["prompt"] + " x", "finish_reason": "length", "logprobs": shown}],
            "usage": {"prompt_tokens": len(words), "completion_tokens": 1},
        }


def _letter(prompt: str, total: int) -> str:
    found = re.search(rf"^([A-J])\. {total}$", prompt, re.MULTILINE)
    return found[1] if found else "none"


@contextmanager
def serving(gain: Mapping[str, float] | None = None, *, echo: bool = True) -> Iterator[Solver]:
    server = Solver(gain, echo=echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
