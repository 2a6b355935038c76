"""Sources that fsspec opens: memory, archives, HTTP on the loopback, and the Hub's own client against a small Hub."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading_help import read_all, reasons, spec_of, texts

from tilth.base.errors import SourceError
from tilth.data.files import content_digest, list_files
from tilth.data.reading import read_file
from tilth.data.remote import pin_sources

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def parquet_bytes(rows: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": rows}), out)
    return out.getvalue()


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    fs.pipe("/box/b.jsonl", b'{"text": "two"}\n{"text": 5}\n')
    fs.pipe("/box/a.parquet", parquet_bytes(["one"]))
    fs.pipe("/box/inner/c.txt", b"three")
    fs.pipe("/box/picture.png", b"\x89PNG")
    yield fs
    fs.rm("/box", recursive=True)


def test_a_remote_folder_glob_or_file_is_read_like_a_local_one(memory: Any, tmp_path: Path) -> None:
    documents, rejects = read_all(tmp_path, "memory://box")
    assert texts(documents) == ["one", "two", "three"]
    assert [row["origin"] for row in documents] == [
        "memory:///box/a.parquet", "memory:///box/b.jsonl", "memory:///box/inner/c.txt",
    ]  # fmt: skip
    assert reasons(rejects) == [(1, "text_not_string")]
    assert texts(read_all(tmp_path, "memory://box/*.parquet")[0]) == ["one"]
    assert texts(read_all(tmp_path, "memory://box/inner/c.txt")[0]) == ["three"]
    assert texts(read_all(tmp_path, "memory://box/**/*.txt")[0]) == ["three"]


def test_ids_do_not_depend_on_the_remote_shard(memory: Any, tmp_path: Path) -> None:
    (before,) = read_all(tmp_path, "memory://box/*.parquet")[0]
    memory.rm("/box/a.parquet")
    memory.pipe("/box/other.jsonl", b'{"text": "one"}\n')
    after = read_all(tmp_path, "memory://box/other.jsonl")[0]
    assert before["doc_id"] == after[0]["doc_id"]


def test_a_remote_file_that_changed_or_went_is_an_error(memory: Any, tmp_path: Path) -> None:
    spec = spec_of("memory://box")
    table, lines, _ = list_files(spec, tmp_path)
    digest = content_digest(lines)
    memory.pipe("/box/b.jsonl", b'{"text": "new"}\n')
    memory.rm("/box/a.parquet")
    with pytest.raises(SourceError, match="changed since"):
        list(read_file(lines, spec))
    with pytest.raises(SourceError, match="not there"):
        list(read_file(table, spec))
    assert content_digest(lines) != digest


def test_a_file_in_an_archive_is_read_in_place(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/x.jsonl", '{"text": "zipped"}\n')
        archive.writestr("in/y.csv", "text\nalso\n")
    documents, _ = read_all(Path("/"), f"zip://in/*::{tmp_path}/a.zip")
    assert texts(documents) == ["zipped", "also"]


def test_what_cannot_be_reached_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source, said in (
        ("memory://nothing/here.jsonl", "saw none"),
        ("nosuch://a/b.jsonl", "an address that fsspec knows|not installed"),
        ("hf://models/o/n", "hf://datasets/owner/name"),
        ("http://127.0.0.1:9/x.jsonl", "saw"),
    ):
        with pytest.raises(SourceError, match=said):
            list_files(spec_of(source), tmp_path)
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    with pytest.raises(SourceError, match="NO_SUCH_TOKEN; it is not set"):
        list_files(spec_of("http://127.0.0.1:9/x.jsonl", key_env="NO_SUCH_TOKEN"), tmp_path)
    with pytest.raises(SourceError, match="drop key_env"):
        list_files(spec_of("memory://box", key_env="NO_SUCH_TOKEN"), tmp_path)


class Handler(BaseHTTPRequestHandler):
    """Serves `files`, and what the Hub's client asks about a dataset o/n that holds them."""

    protocol_version = "HTTP/1.1"
    files: dict[str, bytes]
    seen: list[tuple[str, str | None]]

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/datasets/o/n/tree/"):
            self.answer(200, json.dumps(self.tree(path.split("/tree/")[1].partition("/")[2])).encode())
        elif path.startswith("/api/datasets/o/n"):
            self.answer(200, json.dumps({"id": "o/n", "sha": COMMIT, "siblings": [], "tags": []}).encode())
        elif "/resolve/" in path:
            self.content(path.split("/resolve/")[1].partition("/")[2])
        else:
            self.content(path.lstrip("/"))

    do_HEAD = do_GET  # noqa: N815  # the name the server looks for

    def tree(self, folder: str) -> list[dict[str, Any]]:
        inside = {name: data for name, data in self.files.items() if name.startswith(f"{folder}/" if folder else "")}
        recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0] == "true"
        entries = [
            {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
            for name, data in inside.items()
            if recursive or "/" not in name.removeprefix(folder).lstrip("/")
        ]
        folders = {name.removeprefix(folder).lstrip("/").partition("/")[0] for name in inside if "/" in name}
        return entries + [
            {"type": "directory", "path": f"{folder}/{name}".lstrip("/"), "size": 0, "oid": "0" * 40}
            for name in sorted(folders)
            if f"{folder}/{name}".lstrip("/") not in self.files
        ]

    def content(self, name: str) -> None:
        data = self.files.get(name)
        if data is None:
            self.answer(404, X_Error_Code="EntryNotFound")
            return
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X_Repo_Commit": COMMIT, "Accept_Ranges": "bytes"}
        asked = self.headers.get("Range")
        if not asked:
            self.answer(200, data, **headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        self.answer(206, part, Content_Range=span, **headers)


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    seen: list[tuple[str, str | None]] = []
    handler = type("OneHandler", (Handler,), {"files": files, "seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_file_on_the_web_is_read_and_its_signature_stays_out_of_the_rows(tmp_path: Path) -> None:
    with serve({"data/a.jsonl": b'{"text": "web"}\n'}) as (url, _):
        run = in_process(f"{url}/data/a.jsonl?signature=secret", {"TOKEN": "t0k"}, key_env="TOKEN")
    assert [row["text"] for row in run["documents"]] == ["web"]
    assert run["documents"][0]["origin"] == f"{url}/data/a.jsonl"
    assert run["files"][0]["dataset"] == f"{url}/data"


def test_a_hub_dataset_is_pinned_to_a_commit_once_and_read_at_it(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
    files = {
        "README.md": b"# about the data",
        "data/train-0.parquet": parquet_bytes(["one"]),
        "data/train-1.parquet": parquet_bytes(["two"]),
        "more/extra.jsonl": b'{"text": "three"}\n',
    }
    with serve(files) as (url, seen):
        env = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path), "HUB_TOKEN": "t0k"}
        whole = in_process("hf://datasets/o/n", env, key_env="HUB_TOKEN")
        asked = [path for path, _ in seen if path == "/api/datasets/o/n" or path.endswith("/revision/main")]
        resolved = [path for path, _ in seen if "/resolve/" in path]
        keys = {key for path, key in seen if path.startswith(("/api/datasets", "/datasets"))}
        part = in_process("hf://datasets/o/n@main/data/*.parquet", env)
        named = in_process("hf://datasets/o/n/data", env, revision="v1")
    assert [row["text"] for row in whole["documents"]] == ["one", "two", "three"]  # and not the README
    assert [row["text"] for row in part["documents"]] == [row["text"] for row in named["documents"]] == ["one", "two"]
    assert whole["documents"][0]["origin"] == f"hf://datasets/o/n@{COMMIT}/data/train-0.parquet"
    assert whole["documents"][0]["doc_id"] == part["documents"][0]["doc_id"]
    assert 1 <= len(asked) <= 2
    assert resolved
    assert all(COMMIT in path for path in resolved)
    assert keys == {"Bearer t0k"}
    assert "t0k" not in json.dumps(whole)


def test_a_pinned_hub_address_needs_no_question_and_a_double_revision_is_refused() -> None:
    spec = spec_of(f"hf://datasets/o/n@{COMMIT}/x/*.parquet")
    assert pin_sources(spec).source == spec.source
    with pytest.raises(SourceError, match="one revision"):
        pin_sources(spec_of("hf://datasets/o/n@main", revision="v1"))


def in_process(source: str, env: dict[str, str], **settings: Any) -> dict[str, Any]:
    """Read a source in a process of its own, since clients read their environment when they are imported."""
    code = (
        "import json, sys; from dataclasses import asdict; from pathlib import Path\n"
        "from tilth.data.source import SourceSpec; from tilth.data.files import list_files\n"
        "from tilth.data.reading import check_source, read_files\n"
        "spec = SourceSpec.model_validate(json.loads(sys.argv[1])); files = list_files(spec, Path())\n"
        "check_source(spec, files); batches = list(read_files(files, spec))\n"
        "print(json.dumps({'files': [asdict(file) for file in files],\n"
        "                  'documents': [row for batch in batches for row in batch.documents.to_pylist()]}))\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps({"source": source, **settings})], capture_output=True, text=True,
        env={**clean, "HF_HUB_DISABLE_TELEMETRY": "1", **env}, timeout=100,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found
