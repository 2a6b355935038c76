"""A panel of two solvers through the real runner, over HTTP: seeds in, verified and measured questions out."""

import json
import random
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from panel_help import fields

from tilth.recipe import parse_recipe
from tilth.runner.session import run
from tilth.runner.verify import verify_run

SKILLS = {"small": 0.75, "large": 0.9}
COUNT, K = 40, 4


class _Solver(BaseHTTPRequestHandler):
    """Multiplies the two numbers of a question, and errs at the rate of the model that it is asked as."""

    protocol_version = "HTTP/1.1"
    calls = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).calls += 1
        shown = body["messages"][-1]["content"]
        a, b = (int(word) for word in shown.partition("rows of ")[2].split()[:3:2])
        draw = random.Random(f"{body['model']} {body['seed']} {shown}")
        said = a * b if draw.random() < SKILLS[body["model"]] else a * b + draw.choice((-10, 1, 10))
        content = f"{a} times {b}.\nAnswer: {said}"
        usage = {"prompt_tokens": 90, "completion_tokens": 12}
        choices = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}]
        self._send({"model": body["model"], "choices": choices, "usage": usage})

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": name} for name in SKILLS]})

    def _send(self, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Solver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    _Solver.calls = 0
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def recipe(source: Path, url: str) -> Any:
    def solve(name: str) -> dict[str, Any]:
        model = {"engine": "endpoint", "model": name, "urls": [url], "max_in_flight": 8}
        return {"from": "seeds", "solve": {"model": model, "k": K}}

    columns = {"text": "question", "id": "id", "metadata": ["answer"]}
    return parse_recipe(
        {
            "name": "panel",
            "steps": {
                "seeds": {"read": {"source": [str(source)], "columns": columns}},
                "solve_small": solve("small"),
                "solve_large": solve("large"),
                "checked": {"from": ["solve_small", "solve_large"], "curate": ["verify", "difficulty"]},
            },
            "execution": {"shard_rows": 15, "workers": 1},
        }
    )


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_a_panel_verifies_and_measures_seeds_and_never_pays_twice(url: str, tmp_path: Path) -> None:
    rows = []
    for number in range(COUNT):
        a, b = 11 + number, 7 + 3 * number % 50
        rows.append({
            "id": f"s{number}",
            "question": f"A hall has rows of {a} and {b} such rows stand in it. How many seats are there?",
            "answer": str(a * b if number % 5 else a * b + 10),
        })  # fmt: skip
    source = tmp_path / "seeds.parquet"
    pq.write_table(pa.Table.from_pylist(rows), source)
    ledger = run(recipe(source, url), tmp_path, tmp_path / "run")
    assert [step["ledger"]["kept"] for step in ledger["steps"][:3]] == [COUNT] * 3
    assert _Solver.calls == COUNT * K * 2
    assert verify_run(tmp_path / "run").sound

    checked = ledger["steps"][3]["ledger"]
    assert checked["in"] == 2 * COUNT
    assert checked["reasons"]["same_question"] == COUNT
    kept = rows_of(tmp_path / "run" / "checked")
    lineage = [fields(row["metadata"])["made_by"]["doc_id"] for row in kept]
    assert not [name for name in lineage if int(name[1:]) % 5 == 0]  # the planted ones
    assert len(kept) >= 0.95 * COUNT * 4 / 5
    assert {row["signals"]["solvers"] for row in kept} == {2 * K}
    assert all(row["signals"]["ability"] is not None for row in kept)
    assert all(fields(row["metadata"])["verdict"] == "verified" for row in kept)
    told = json.loads((tmp_path / "run" / "checked" / "stages" / "2-difficulty" / "comparison.json").read_text())
    assert told["solvers"]["large"]["skill"] > told["solvers"]["small"]["skill"]

    before = [path.read_bytes() for path in sorted((tmp_path / "run").glob("solve_*/part-*.parquet"))]
    made = rows_of(tmp_path / "run" / "checked")
    for step in ("solve_small", "solve_large"):  # as after a kill: answers are journalled, shards are not written
        shutil.rmtree(tmp_path / "run" / step / "state")
        for path in (tmp_path / "run" / step).glob("part-*.parquet"):
            path.unlink()
    run(recipe(source, url), tmp_path, tmp_path / "run")
    assert _Solver.calls == COUNT * K * 2
    assert [path.read_bytes() for path in sorted((tmp_path / "run").glob("solve_*/part-*.parquet"))] == before
    assert rows_of(tmp_path / "run" / "checked") == made
