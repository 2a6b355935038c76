"""WARC and WET made on the spot with warcio: what is a document, what is a reject, and what damage costs."""

import gzip
import io
import zlib
from pathlib import Path

import pytest
from reading_help import read_all, reasons, texts

pytest.importorskip("warcio", reason="the extra web is not installed")
pytest.importorskip("trafilatura", reason="the extra web is not installed")

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tilth.base.errors import SourceError

SENTENCES = "The river rises in the hills and runs for ninety kilometres. It feeds two mills and a small lake. "


def page(name: str) -> bytes:
    return f"<html><body><article><h1>{name}</h1><p>{SENTENCES * 4}</p></article></body></html>".encode()


def chunked(body: bytes) -> bytes:
    parts = [body[start : start + 100] for start in range(0, len(body), 100)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


class Archive:
    """Writes records and keeps where each begins."""

    def __init__(self, *, packed: bool) -> None:
        self.out = io.BytesIO()
        self.writer = WARCWriter(self.out, gzip=packed)
        self.starts: list[int] = []

    def response(
        self, body: bytes, kind: str = "text/html; charset=utf-8", status: str = "200 OK", **headers: str
    ) -> None:
        fields = [("Content-Type", kind), *((name.replace("_", "-"), value) for name, value in headers.items())]
        http = StatusAndHeaders(status, fields, protocol="HTTP/1.1")
        self.record("response", body, http)

    def record(self, kind: str, body: bytes, http: StatusAndHeaders | None = None, media: str | None = None) -> None:
        self.starts.append(self.out.tell())
        record = self.writer.create_warc_record(
            f"http://example.org/{len(self.starts)}", kind, payload=io.BytesIO(body), http_headers=http,
            warc_headers_dict={"WARC-Date": "2020-01-02T03:04:05Z"}, warc_content_type=media or "",
        )  # fmt: skip
        self.writer.write_record(record)
        record.raw_stream.close()  # warcio spools it and leaves it open


def make_archive(*, packed: bool) -> Archive:
    archive = Archive(packed=packed)
    archive.record("warcinfo", b"software: test\r\n", media="application/warc-fields")
    archive.response(page("First"))
    archive.record("request", b"GET / HTTP/1.1\r\n\r\n", media="application/http; msgtype=request")
    archive.response(gzip.compress(page("Packed")), Content_Encoding="gzip")
    archive.response(chunked(page("Chunked")), Transfer_Encoding="chunked")
    archive.response(b"\x89PNG", "image/png")
    archive.response(page("Gone"), status="404 Not Found")
    archive.response(b"<html><body></body></html>")
    archive.record("conversion", "纯文本".encode(), media="text/plain")
    archive.response(
        "<html><body><p>这条河长九十公里，流经两座磨坊和一个小湖。".encode("gbk") * 9, "text/html; charset=gbk"
    )
    archive.response(b"x" * 60_000)
    archive.response(page("Last"))
    return archive


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_pages_and_plain_texts_are_documents_and_the_rest_has_a_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(make_archive(packed=name.endswith("gz")).out.getvalue())
    documents, rejects = read_all(tmp_path, name, max_document_bytes=50_000, batch_rows=3)
    assert [row["position"] for row in documents] == [1, 3, 4, 8, 9, 11]
    found = texts(documents)
    for text, title in zip(
        (found[0], found[1], found[2], found[5]), ("First", "Packed", "Chunked", "Last"), strict=True
    ):
        assert text.startswith(f"# {title}")
    assert found[3] == "纯文本"
    assert "流经两座磨坊" in found[4]
    assert documents[0]["metadata"] == '{"url":"http://example.org/2","date":"2020-01-02T03:04:05Z"}'
    assert reasons(rejects) == [(5, "warc_not_html"), (6, "warc_http_error"), (7, "html_no_text"), (10, "too_large")]


def test_a_record_over_the_limit_is_passed_over_and_reading_goes_on(tmp_path: Path) -> None:
    archive = Archive(packed=True)
    archive.response(b"<p>" + b"word " * 1_000_000)
    archive.response(b"0" * 70_000)
    archive.response(page("After"))
    (tmp_path / "a.warc.gz").write_bytes(archive.out.getvalue())
    documents, rejects = read_all(tmp_path, "a.warc.gz", max_document_bytes=10_000)
    assert [row["position"] for row in documents] == [2]
    assert reasons(rejects) == [(0, "too_large"), (1, "too_large")]


def test_a_bomb_in_a_content_encoding_does_not_fill_memory(tmp_path: Path) -> None:
    archive = Archive(packed=False)
    archive.response(zlib.compress(b"a" * 50_000_000), Content_Encoding="deflate")
    archive.response(gzip.compress(page("Cut"))[:100], Content_Encoding="gzip")
    archive.response(b"\x0b\x02\x80", Content_Encoding="zip-of-the-future")
    archive.response(page("After"))
    (tmp_path / "a.warc").write_bytes(archive.out.getvalue())
    documents, rejects = read_all(tmp_path, "a.warc", max_document_bytes=100_000)
    assert [row["position"] for row in documents if "After" in row["text"]] == [3]
    assert (0, "too_large") in reasons(rejects)
    assert (2, "warc_broken_record") in reasons(rejects)


def test_a_cut_archive_gives_the_records_before_the_cut(tmp_path: Path) -> None:
    archive = make_archive(packed=True)
    whole = archive.out.getvalue()
    (tmp_path / "a.warc.gz").write_bytes(whole[: archive.starts[11] + 150])
    documents, rejects = read_all(tmp_path, "a.warc.gz", max_document_bytes=50_000)
    assert [row["position"] for row in documents] == [1, 3, 4, 8, 9]
    assert rejects[-1]["reason"] == "truncated_file"
    plain = make_archive(packed=False)
    (tmp_path / "a.warc").write_bytes(plain.out.getvalue()[: plain.starts[11] + 700])
    documents, rejects = read_all(tmp_path, "a.warc", max_document_bytes=50_000)
    assert [row["position"] for row in documents] == [1, 3, 4, 8, 9]
    assert (rejects[-1]["position"], rejects[-1]["reason"]) == (11, "warc_broken_record")


def test_after_a_damaged_record_reading_goes_on_at_the_next(tmp_path: Path) -> None:
    archive = make_archive(packed=False)
    data = bytearray(archive.out.getvalue())
    start = archive.starts[3]
    length = data.index(b"Content-Length:", start)
    data[length : length + 15] = b"Xontent-Length:"
    (tmp_path / "a.warc").write_bytes(
        bytes(data[: archive.starts[8]]) + b"\x00rubbish\r\n\r\n" + bytes(data[archive.starts[8] :])
    )
    documents, rejects = read_all(tmp_path, "a.warc")
    titles = [text[:9] for text in texts(documents)]
    assert titles[0] == "# First\n\n"[:9]
    assert texts(documents)[-1].startswith("# Last")
    assert "纯文本" in texts(documents)
    assert "# Packed" not in "".join(titles)
    broken = [row for row in rejects if row["reason"] == "warc_broken_record"]
    assert len(broken) in (2, 3)  # the header, what it left behind, and the rubbish


def test_what_is_no_warc_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(SourceError, match="WARC record at the start"):
        read_all(tmp_path, "a.warc")
