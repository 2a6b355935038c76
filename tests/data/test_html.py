"""HTML to text: what is kept of a page, how its bytes are decoded, and that no page crashes or hangs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from reading_help import read_all, reasons, texts, write_jsonl, write_parquet

pytest.importorskip("trafilatura", reason="the extra web is not installed")

from tilth.data.html import MAX_TAGS, decode_html, extractor_version, html_to_text, refusal

SENTENCES = "The river rises in the hills and runs for ninety kilometres. It feeds two mills and a small lake. "
PAGE = f"""<!DOCTYPE html><html><head><title>River</title></head><body><nav><a href="/">Home</a></nav><article>
<h1>The river</h1><p>{SENTENCES * 3}</p><h2>Facts</h2><ul><li>Length: 90 km</li><li>Mills: 2</li></ul>
<table><tr><th>Year</th><th>Flow</th></tr><tr><td>2001</td><td>12</td></tr><tr><td>2002</td><td>15</td></tr></table>
<p>{SENTENCES}</p></article><footer>Imprint</footer><script>var x = "not text";</script></body></html>"""


def test_headings_lists_and_tables_are_kept_as_markdown_and_the_frame_is_not() -> None:
    text = html_to_text(PAGE)
    assert text is not None
    assert "# The river" in text
    assert "## Facts" in text
    assert "- Length: 90 km" in text
    assert "| 2001 | 12 |" in text
    assert not any(part in text for part in ("not text", "Imprint", "Home", "<p>"))
    assert text == html_to_text(PAGE) == html_to_text(PAGE.encode())
    assert extractor_version().startswith("trafilatura-markdown 1, trafilatura ")


def test_a_fragment_is_a_page_too() -> None:
    assert html_to_text(f"<p>{SENTENCES * 3}</p>") is not None


@pytest.mark.parametrize("page", ["", " ", "plain", "<html></html>", "<!-- only a comment -->", "\x00"])
def test_a_page_without_a_main_text_gives_none(page: str | bytes) -> None:
    assert html_to_text(page) is None or "plain" in str(page)


@pytest.mark.parametrize(
    ("head", "codec", "charset"),
    [
        ('<meta charset="gb2312">', "gb18030", None),
        ('<meta http-equiv="Content-Type" content="text/html; charset=big5">', "big5", None),
        ("<meta charset=utf-8>", "utf-8", None),
        ("", "utf-8", None),
        ("", "utf-8-sig", None),
        ("", "utf-16", None),
        ("", "gbk", "GBK"),
        ('<meta charset="utf-8">', "gb18030", None),  # the page says what is not so
        ('<meta charset="no-such-thing">', "utf-8", None),
        ('<meta charset="unicode_escape">', "utf-8", None),  # what Python knows and no page may ask for
    ],
)
def test_bytes_are_decoded_by_mark_header_declaration_or_likelihood(head: str, codec: str, charset: str | None) -> None:
    page = f"<html><head>{head}</head><body><p>這條河長九十公里</p></body></html>"
    if codec == "gb18030":
        page = page.replace("這條河長九十公里", "这条河长九十公里，流经两座磨坊和一个小湖。" * 20)
    decoded = decode_html(page.encode(codec), charset)
    if head == '<meta charset="utf-8">':
        assert "<p>" in decoded  # nothing but the markup is sure
    else:
        assert decoded == page


def test_western_pages_mean_windows_1252_when_they_say_latin_1() -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body>“quoted” – 5 €</body></html>'
    assert decode_html(page.encode("cp1252")) == page


HOSTILE = {
    "deep": "<html><body>" + "<div>" * 90_000 + "text",
    "one_tag": "<html><body>" + "<b>" * 99_000 + SENTENCES,
    "open_attribute": '<html><body><p class="' + "x" * 15_000_000,
    "open_comment": "<html><body><!--" + "x -" * 3_000_000,
    "entities": "<html><body><p>" + "&amp;&#x41;&nosuch;" * 300_000,
    "cells": "<html><body><table><tr>" + "<td>a cell" * 30_000,
    "tables": "<html><body>" + "<table><tr><td>a" * 30_000,
    "lists": "<html><body>" + "<ul><li>words" * 40_000,
    "attributes": "<html><body><p " + "a=b " * 300_000 + ">" + SENTENCES,
    "no_tags": "word " * 3_000_000,
    "signs": "<" * 99_000,
    "nul": "<html><body><p>\x00\x01\x02\ufffe\udc80 " + SENTENCES * 4,
    "declarations": "<meta " * 700 + "charset " * 400,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_page_ends_with_a_text_or_none(kind: str) -> None:
    page = HOSTILE[kind]
    found = html_to_text(page)
    assert found is None or isinstance(found, str)
    decode_html(page.encode("utf-8", "surrogatepass"))


def test_fifty_megabytes_of_one_tag_are_refused_before_parsing(tmp_path: Path) -> None:
    page = "<div>" * 10_000_000
    assert html_to_text(page) is None
    assert "20,000,000 characters" in (refusal(page) or "")
    assert f"{MAX_TAGS:,} tags" in (refusal("<p>" * (MAX_TAGS + 1)) or "")
    (tmp_path / "a.html").write_text("<p>" * (MAX_TAGS + 1))
    _, (reject,) = read_all(tmp_path, "a.html")
    assert reject["reason"] == "html_no_text"
    assert "100,001" in reject["detail"]


def test_html_files_are_one_document_each(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(PAGE)
    (tmp_path / "b.htm").write_bytes(
        PAGE.replace("River", "这").replace("<head>", '<head><meta charset="gbk">').encode("gbk")
    )
    (tmp_path / "c.html").write_text("<html><body><script>var x = 1;</script></body></html>")
    (tmp_path / "d.html").write_text(" ")
    (tmp_path / "e.html").write_text("x" * 5000)
    documents, rejects = read_all(tmp_path, ".", max_document_bytes=4000, licence="MIT")
    assert [row["origin"] for row in documents] == ["a.html", "b.htm"]
    assert all("# The river" in row["text"] and row["licence"] == "MIT" for row in documents)
    assert [row["reason"] for row in rejects] == ["html_no_text", "empty_text", "too_large"]


def test_a_table_column_may_hold_html(tmp_path: Path) -> None:
    pages = [PAGE, "<html></html>", "", None]
    write_parquet(tmp_path / "a.parquet", {"html": pages, "lang": ["en", None, None, None], "id": ["1", "2", "3", "4"]})
    write_jsonl(tmp_path / "a.jsonl", [{"html": page, "lang": "en", "id": str(n)} for n, page in enumerate(pages, 1)])
    for name in ("a.parquet", "a.jsonl"):
        columns = {"text": "html", "id": "id", "language": "lang", "metadata": ["lang"]}
        documents, rejects = read_all(tmp_path, name, columns=columns, extract_html=True)
        assert texts(documents) == [html_to_text(PAGE)]
        assert (documents[0]["doc_id"], documents[0]["language"], documents[0]["metadata"]) == (
            "1",
            "en",
            '{"lang":"en"}',
        )
        assert reasons(rejects) == [(1, "html_no_text"), (2, "empty_text"), (3, "null_text")]


def test_without_trafilatura_the_command_to_install_it_is_named_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(PAGE)
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "trafilatura.py").write_text("raise ImportError('not installed')")
    code = (
        "from pathlib import Path; from tilth.data.source import SourceSpec\n"
        "from tilth.data.files import list_files; from tilth.data.reading import check_source\n"
        f"spec = SourceSpec(source='a.html'); check_source(spec, list_files(spec, Path({str(tmp_path)!r})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "hidden")},
    )  # fmt: skip
    assert run.returncode == 1
    assert "MissingExtra" in run.stderr
    assert "pip install 'tilth[web]'" in run.stderr


def test_real_pages_give_text(shared: Path) -> None:
    folder = shared / "data" / "documents"
    documents, rejects = read_all(
        folder, "web_html.parquet", extract_html=True, columns={"id": "doc_id"}, batch_rows=20
    )
    assert len(documents) >= 90
    assert len(documents) + len(rejects) == 94
    assert not any("<div" in row["text"] for row in documents)


test_real_pages_give_text = pytest.mark.slow(test_real_pages_give_text)
