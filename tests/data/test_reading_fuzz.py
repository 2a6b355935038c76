"""What holds for every input: rows come back as they were written, and no bytes break the arithmetic."""

import csv
import gzip
import io
import json
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_help import batches_of, read_all, spec_of, texts, write_parquet

from tilth.base.errors import SourceError
from tilth.base.fingerprint import text_hash
from tilth.data.batch import hashes
from tilth.data.files import SourceFile
from tilth.data.stream import LongLine, Stream, lines

_SETTINGS = settings(max_examples=60, deadline=None)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_ROWS = st.lists(_TEXT, min_size=1, max_size=30)
_PIECES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from([b"\n", b"\r\n", b"{", b"}", b'"', b"[", b"\\", b",", b"\xff", b"\x00", b"\xef\xbb\xbf"]),
        st.sampled_from([b'{"text": "good"}\n', b'{"text": ""}\n', b'{"text": null}\n', b'{"t": 1}\n', b'"a","b"\n']),
    ),
    max_size=25,
).map(b"".join)


def documents_of(rows: list[str]) -> list[str]:
    """The rows that are documents: those with something other than white space."""
    return [row for row in rows if row.strip()]


@_SETTINGS
@given(_ROWS, st.integers(1, 7))
def test_parquet_rows_come_back_as_written(rows: list[str], group: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_parquet(Path(folder) / "a.parquet", {"text": pa.array(rows, pa.string())}, row_group_size=group)
        documents, rejects = read_all(Path(folder), "a.parquet", batch_rows=5)
    assert texts(documents) == documents_of(rows)
    assert len(documents) + len(rejects) == len(rows)
    assert all(row["content_hash"] == text_hash(row["text"]) for row in documents)


@_SETTINGS
@given(_ROWS, st.booleans(), st.booleans())
def test_json_lines_come_back_as_written(rows: list[str], escaped: bool, zipped: bool) -> None:
    data = "".join(json.dumps({"text": row}, ensure_ascii=escaped) + "\n" for row in rows).encode()
    name = "a.jsonl.gz" if zipped else "a.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(gzip.compress(data) if zipped else data)
        documents, rejects = read_all(Path(folder), name, batch_rows=5)
    assert texts(documents) == documents_of(rows)
    assert len(documents) + len(rejects) == len(rows)


@_SETTINGS
@given(_ROWS)
def test_csv_rows_come_back_as_written(rows: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["n", "text"], *(["1", row] for row in rows)])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.csv").write_bytes(out.getvalue().encode())
        documents, rejects = read_all(Path(folder), "a.csv", batch_rows=5)
    assert texts(documents) == documents_of(rows)
    assert len(documents) + len(rejects) == len(rows)


@settings(max_examples=150, deadline=None)
@given(_PIECES, st.sampled_from(["jsonl", "csv", "txt", "html", "warc"]), st.integers(1, 60))
def test_any_bytes_become_documents_and_rejects_that_add_up(data: bytes, kind: str, limit: int) -> None:
    head = b"text,other\n" if kind == "csv" else b"WARC/1.0\n" if kind == "warc" else b""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"a.{kind}").write_bytes(head + data + b"\n")
        # batches_of holds each batch to its arithmetic
        batches = batches_of(Path(folder), spec_of(f"a.{kind}", max_document_bytes=limit), check=False, batch_rows=3)
    if kind == "jsonl":
        full = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
        assert sum(batch.inputs for batch in batches) == max(1, len(full))


@settings(max_examples=80, deadline=None)
@given(_PIECES, st.integers(0, 400))
def test_any_damage_to_a_gzip_ends_in_rejects(data: bytes, place: int) -> None:
    packed = bytearray(gzip.compress(b'{"text": "first"}\n' + data))
    packed[place % len(packed)] ^= 0x55
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.jsonl.gz").write_bytes(bytes(packed))
        batches_of(Path(folder), spec_of("a.jsonl.gz"), check=False)


@settings(max_examples=80, deadline=None)
@given(_ROWS, st.integers(0, 2000), st.integers(1, 255))
def test_any_damage_to_a_parquet_file_is_an_error_or_adds_up(rows: list[str], place: int, flip: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_parquet(Path(folder) / "a.parquet", {"text": pa.array(rows, pa.string())}, row_group_size=7)
        data = bytearray(path.read_bytes())
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")  # a damaged footer has its own tests
        data[place % footer] ^= flip
        path.write_bytes(bytes(data))
        try:
            batches = batches_of(Path(folder), spec_of("a.parquet"))
        except SourceError:
            return
    assert sum(batch.inputs for batch in batches) == len(rows)


def test_a_footer_that_contradicts_itself_about_the_number_of_rows_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"text": pa.array(["one", "two"], pa.string())})
    whole = path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    refused = 0
    for place in range(footer, len(whole) - 8):
        data = bytearray(whole)
        data[place] ^= 1
        path.write_bytes(bytes(data))
        try:
            seen = pq.read_metadata(path)
        except (OSError, pa.ArrowException):  # the flip broke the footer's own encoding, which is another test's case
            continue
        if seen.num_rows != 2:
            refused += 1
            with pytest.raises(SourceError, match="one count of rows"):
                batches_of(tmp_path, spec_of("a.parquet"))
    assert refused


@_SETTINGS
@given(st.binary(max_size=300), st.integers(0, 40))
def test_lines_are_those_of_the_bytes_and_long_ones_are_marked(data: bytes, limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.txt"
        path.write_bytes(data)
        info = path.stat()
        file = SourceFile(
            uri=str(path), origin="a", dataset=".", format="text", compression=None, size=info.st_size,
            stamp=f"{info.st_size}-{info.st_mtime_ns}",
        )  # fmt: skip
        found: list[Any] = list(lines(Stream(file), limit))
    wanted = data.split(b"\n")
    if not wanted[-1]:
        wanted.pop()
    assert [None if isinstance(line, LongLine) else line for line in found] == [
        None if len(line) > limit else line for line in wanted
    ]


@_SETTINGS
@given(_TEXT, _TEXT)
def test_hashes_of_bytes_are_those_of_the_text(text: str, dataset: str) -> None:
    assert hashes(text.encode(), dataset) == (text_hash(text), text_hash(text, dataset))


def test_a_block_boundary_falls_anywhere_in_a_line(tmp_path: Path) -> None:
    rows = ["x" * size for size in (1 << 20, 1, (1 << 20) - 13, 3_000_000, 5)]
    data = b"".join(json.dumps({"text": row}).encode() + b"\n" for row in rows)
    (tmp_path / "a.jsonl").write_bytes(data)
    (tmp_path / "b.jsonl.gz").write_bytes(zlib.compress(data, wbits=31))
    for name in ("a.jsonl", "b.jsonl.gz"):
        assert texts(read_all(tmp_path, name)[0]) == rows
