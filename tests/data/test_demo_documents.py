"""The documents shipped for the demo: each with a free licence and its origin, of many kinds, some broken as stated."""

import csv
import gzip
import io
import json
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "src" / "tilth" / "demo" / "documents"
SCRIPT = PROJECT / "scripts" / "make_demo_documents"
COLUMNS = ["id", "text", "language", "licence", "title", "url", "origin_repo", "origin_path", "origin_commit"]
#: Every licence here allows anyone to pass the text on, changed or not, also for money.
FREE = {
    "Apache-2.0",
    "CC-BY (PLOS)",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-3.0 (Wikivoyage)",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CC0-1.0 / US public domain",
    "CC0-1.0/US-Gov public domain",
    "MIT",
    "MIT OR Apache-2.0",
    "public domain (US government edict; repo has no licence file)",
    "public domain / CC0-1.0 (stated per PEP)",
    "public-domain (PRC Copyright Act art. 5)",
}
TABLES = ["textbooks.parquet", "reference.jsonl.gz", "forum.csv", "chinese.jsonl.zst"]
Row = dict[str, Any]


def attribution() -> list[dict[str, str]]:
    """The rows of the table in ATTRIBUTION.md."""
    lines = (FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| file |"))
    cells = [[cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")] for line in lines[start:]]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def json_lines(data: bytes) -> list[Row]:
    return [json.loads(line) for line in data.decode("utf-8").splitlines()]


def table_rows(name: str) -> list[Row]:
    """The rows of one of the whole tables, read with a reader that is not ours."""
    path = FOLDER / name
    if name.endswith(".parquet"):
        rows: list[Row] = pq.read_table(path).to_pylist()
        return rows
    if name.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))
    if name.endswith(".zst"):
        return json_lines(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd").read())
    return json_lines(gzip.decompress(path.read_bytes()))


def broken_lines() -> list[bytes]:
    return (FOLDER / "broken.jsonl").read_bytes().removesuffix(b"\n").split(b"\n")


def cut_lines() -> list[bytes]:
    """What can be decompressed of the cut file, by lines; the last one is the line that was cut."""
    return zlib.decompressobj(31).decompress((FOLDER / "cut.jsonl.gz").read_bytes()).split(b"\n")


def test_every_document_stands_in_the_attribution_under_its_own_file_licence_and_origin() -> None:
    stated = {(row["file"], row["id"]): row for row in attribution()}
    assert len(stated) == len(attribution())
    good = [json.loads(line) for number, line in enumerate(broken_lines()) if number in (0, 2, 8)]
    whole = [json.loads(line) for line in cut_lines()[:-1]]
    found = [(name, row) for name in TABLES for row in table_rows(name)]
    found += [("broken.jsonl", row) for row in good] + [("cut.jsonl.gz", row) for row in whole]
    for file, row in found:
        assert list(row) == COLUMNS, file
        entry = stated.pop((file, row["id"]))
        assert entry["licence"] == row["licence"], row["id"]
        assert entry["language"] == row["language"], row["id"]
        assert entry["origin"] == f"{row['origin_repo']}@{row['origin_commit']}"
        assert " ".join(row["origin_path"].split()) in entry["path or url"]
    plain = {entry["file"] for entry in stated.values() if "/" in entry["file"]}
    assert plain == {str(path.relative_to(FOLDER)) for part in ("notes", "pages") for path in (FOLDER / part).iterdir()}
    rest = [entry for entry in stated.values() if "/" not in entry["file"]]
    assert len(rest) == 7  # six broken lines, one line cut short
    assert all(entry["note"] for entry in rest)


def test_every_licence_is_free_and_every_origin_is_pinned_to_a_commit() -> None:
    for row in attribution():
        assert row["licence"] in FREE, row
        _, _, commit = row["origin"].partition("@")
        assert (row["origin"] == "this project" and row["licence"] == "CC0-1.0") or len(commit) == 40, row
        assert not row["id"].startswith("ewt_email")


def test_plain_files_share_one_licence_and_one_language_so_that_a_recipe_can_state_both() -> None:
    plain = [row for row in attribution() if row["file"].startswith(("notes/", "pages/"))]
    assert len(plain) == 9
    assert {(row["licence"], row["language"]) for row in plain} == {("CC-BY-SA-3.0", "en")}


def test_the_notices_that_the_licences_ask_for_are_there() -> None:
    text = (FOLDER / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "OpenStax, Rice University" in text
    assert "Copyright (c) 2022 NiuTrans Open Source" in text
    assert "Copyright (c) 2016 JackeyGao" in text
    assert "The above copyright notice and this permission notice shall be included" in text


def test_there_are_about_a_hundred_documents_of_many_kinds_and_a_quarter_is_chinese() -> None:
    rows = [row for row in attribution() if row["kind"] != "made"]
    kinds = Counter(row["kind"] for row in rows)
    assert 95 <= len(rows) <= 120
    assert len({row["id"] for row in attribution()}) == len(attribution())
    assert set(kinds) == {
        "book", "classical_zh", "code_docs", "encyclopedia", "forum_qa", "gov_news", "latex", "legal",
        "science_article", "textbook", "web_html",
    }  # fmt: skip
    assert all(count >= 3 for count in kinds.values()), kinds
    assert 25 <= sum(row["language"].startswith("zh") for row in rows) <= 30
    assert sum(row["note"].startswith("unsuitable") for row in rows) >= 5


def test_documents_are_short_and_the_folder_is_small() -> None:
    texts = [row["text"] for name in TABLES for row in table_rows(name)]
    texts += [path.read_text(encoding="utf-8") for path in (FOLDER / "notes").iterdir()]
    assert all(100 < len(text.encode()) <= 12_000 for text in texts)
    assert all(path.stat().st_size < 60_000 for path in (FOLDER / "pages").iterdir())
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 900_000


def test_documents_hold_no_mail_address() -> None:
    texts = [row["text"] for name in TABLES for row in table_rows(name)]
    words = [word for text in texts for word in text.split() if "@" in word]
    assert not [
        word for word in words if "." in word.partition("@")[2] and word.partition("@")[0].strip("<(\"'")[-1:].isalnum()
    ]


def test_broken_jsonl_has_each_fault_once_between_good_rows() -> None:
    lines = broken_lines()
    assert len(lines) == 9
    for number in (0, 2, 8):
        assert json.loads(lines[number])["text"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[1].decode("utf-8"))
    with pytest.raises(UnicodeDecodeError):
        lines[3].decode("utf-8")
    assert json.loads(lines[3].decode("gb18030"))["id"].startswith("tldr_zh-")
    assert json.loads(lines[4])["text"] == ""
    assert json.loads(lines[5])["text"] is None
    assert isinstance(json.loads(lines[6]), list)
    missing = json.loads(lines[7])
    assert missing["id"] == "demo-missing-text"
    assert "text" not in missing


def test_cut_file_ends_in_the_middle_of_its_fourth_row() -> None:
    with pytest.raises(EOFError):
        gzip.decompress((FOLDER / "cut.jsonl.gz").read_bytes())
    lines = cut_lines()
    assert len(lines) == 4
    assert all(json.loads(line)["text"] for line in lines[:3])
    assert len(lines[3]) > 1000
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[3].decode("utf-8", "replace"))


def test_the_script_makes_the_same_folder_from_the_shared_data(shared: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SCRIPT), str(shared), "--to", str(tmp_path)], check=True, capture_output=True)
    names = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    for name in names:
        ours, made = (FOLDER / name).read_bytes(), (tmp_path / name).read_bytes()
        if name.endswith(".parquet"):
            assert pq.read_table(io.BytesIO(ours)).equals(pq.read_table(io.BytesIO(made)))
        elif name == "cut.jsonl.gz":  # where in the fourth row it is cut depends on the version of zlib
            whole = [zlib.decompressobj(31).decompress(data).split(b"\n")[:3] for data in (ours, made)]
            assert whole[0] == whole[1]
        elif name.endswith(".gz"):
            assert gzip.decompress(ours) == gzip.decompress(made)
        elif name.endswith(".zst"):
            both = [pa.CompressedInputStream(pa.BufferReader(data), "zstd").read() for data in (ours, made)]
            assert both[0] == both[1]
        else:
            assert ours == made, name


def test_the_script_says_which_folder_it_needs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), "--to", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Is it the folder that holds data/documents?" in done.stderr
    assert not (tmp_path / "out").exists()
