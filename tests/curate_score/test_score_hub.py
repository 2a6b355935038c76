"""Fetching from a hub over real HTTP on the loopback: a fastText preset by name, its commit in the identity."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

MODEL = Path(__file__).parent / "models" / "tiny_fasttext.bin"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

SCRIPT = """
import json, sys
from tilth.base.errors import UserError
from tilth.curate.score.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.score import Score
try:
    stage = build(Score(**json.loads(sys.argv[1])), 0)
    out = stage(make_frame(["the theorem has a proof", "click here to buy cheap pills"]))
    print(json.dumps({"identity": dict(stage.identity), "scores": out[stage.signal].to_list(), "name": stage.name}))
except UserError as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""


class Hub(BaseHTTPRequestHandler):
    """The part of a hub that one file needs: /<owner>/<name>/resolve/<revision>/<file>."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        data = MODEL.read_bytes()
        found = "/resolve/" in self.path and self.path.endswith(".bin") and "fasttext-oh-eli5" in self.path
        self.send_response(200 if found else 404)
        if found:
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{sha256(data).hexdigest()}"')
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
            data = b""
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def run(endpoint: str, home: Path, offline: bool = False, **settings: object) -> dict[str, object]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.slow
def test_a_preset_is_fetched_once_pinned_by_its_commit_and_then_works_offline(hub: str, tmp_path: Path) -> None:
    first = run(hub, tmp_path, scorer="dclm", minimum="preset")
    assert first["name"] == "dclm"
    identity, scores = first["identity"], first["scores"]
    assert isinstance(identity, dict)
    assert isinstance(scores, list)
    assert identity["scorer_commit"] == COMMIT
    assert identity["scorer_label"] == "__label__hq"
    assert identity["minimum"] == "0.018112"
    assert scores[0] > 0.5 > scores[1]
    assert run("http://127.0.0.1:9", tmp_path, offline=True, scorer="dclm", minimum="preset") == first


@pytest.mark.slow
def test_a_file_that_the_hub_has_not_is_a_users_error(hub: str, tmp_path: Path) -> None:
    found = run(hub, tmp_path, scorer="someone/else", file="model.bin", label="hq")
    assert found["error"] == "ConfigError"
    assert "someone/else/model.bin" in str(found["message"])
