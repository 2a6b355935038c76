"""Tables: what is read, what is rejected under which name, and what is refused before anything is spent."""

import csv
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading_help import batches_of, read_all, reasons, spec_of, texts, write_jsonl, write_parquet

from tilth.base.errors import SourceError
from tilth.base.fingerprint import text_hash
from tilth.data.batch import Batch
from tilth.data.files import list_files
from tilth.data.reading import check_source, first_documents, read_files

WORDS = [
    "a plain line",
    "第二行，有标点。",
    "line one\nline two",
    "tab\tand \x00 nul \x07 bell",
    "  kept spaces  ",
    "𝒳 😀",
]


def write_csv(path: Path, header: list[str], rows: list[list[str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def write_zst(path: Path, data: bytes) -> Path:
    with pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd") as out:
        out.write(data)
    return path


def json_lines(rows: list[Any]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def make_all_formats(base: Path) -> list[str]:
    write_jsonl(base / "a.jsonl", [{"text": word} for word in WORDS])
    (base / "a.jsonl.gz").write_bytes(gzip.compress(json_lines([{"text": word} for word in WORDS])))
    write_zst(base / "a.jsonl.zst", json_lines([{"text": word} for word in WORDS]))
    write_csv(base / "a.csv", ["n", "text"], [["1", word] for word in WORDS])
    write_csv(base / "a.tsv", ["n", "text"], [["1", word] for word in WORDS], "\t")
    write_parquet(base / "a.parquet", {"text": WORDS})
    return ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.tsv", "a.parquet"]


def test_every_table_format_gives_the_same_documents(tmp_path: Path) -> None:
    for name in make_all_formats(tmp_path):
        documents, rejects = read_all(tmp_path, name)
        assert texts(documents) == WORDS, name
        assert rejects == []
        assert [row["position"] for row in documents] == list(range(len(WORDS)))
        for row in documents:
            assert row["content_hash"] == text_hash(row["text"])
            assert row["doc_id"] == text_hash(row["text"], ".")
            assert (row["origin"], row["language"], row["licence"], row["metadata"]) == (name, None, None, None)


def test_batches_are_bounded_ordered_and_cut_at_the_same_places_each_time(tmp_path: Path) -> None:
    for name in make_all_formats(tmp_path):
        first = batches_of(tmp_path, spec_of(name), batch_rows=4)
        assert [batch.inputs for batch in first] == [4, 2]
        again = batches_of(tmp_path, spec_of(name), batch_rows=4)
        assert [one.documents for one in first] == [one.documents for one in again]


def test_columns_are_mapped_and_constants_fill_what_they_leave_open(tmp_path: Path) -> None:
    rows = [
        {"body": "one", "key": "k1", "lang": "en", "lic": "MIT", "url": "u1", "n": 1},
        {"body": "two", "key": "k2", "lang": None, "lic": "", "url": None, "n": None},
    ]
    columns = {"text": "body", "id": "key", "language": "lang", "licence": "lic", "metadata": ["url", "n"]}
    write_jsonl(tmp_path / "a.jsonl", rows)
    write_parquet(tmp_path / "a.parquet", {name: [row[name] for row in rows] for name in rows[0]})
    for name in ("a.jsonl", "a.parquet"):
        documents, _ = read_all(tmp_path, name, columns=columns, language="zh", licence="CC0-1.0")
        seen = [(row["doc_id"], row["text"], row["language"], row["licence"]) for row in documents]
        assert seen == [("k1", "one", "en", "MIT"), ("k2", "two", "zh", "CC0-1.0")]
        assert json.loads(documents[0]["metadata"]) == {"url": "u1", "n": 1}
        assert documents[1]["metadata"] is None
    write_csv(tmp_path / "a.csv", list(rows[0]), [[str(v or "") for v in row.values()] for row in rows])
    documents, _ = read_all(tmp_path, "a.csv", columns=columns, language="zh", licence="CC0-1.0")
    assert [(row["doc_id"], row["language"], row["licence"]) for row in documents] == [
        ("k1", "en", "MIT"),
        ("k2", "zh", "CC0-1.0"),
    ]


def test_one_column_may_serve_several_roles(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", {"text": ["one"], "url": ["u"]})
    (row,) = read_all(tmp_path, "a.parquet", columns={"id": "url", "metadata": ["url", "text"]})[0]
    assert row["doc_id"] == "u"
    assert json.loads(row["metadata"]) == {"url": "u", "text": "one"}


def test_each_bad_line_of_json_is_named_with_its_place(tmp_path: Path) -> None:
    lines = [
        b'{"text": "good"}',
        b'{"text": "cut',
        b'{"text": "\xff\xfe"}',
        b"[1, 2]",
        b"",
        b"3",
        b'{"other": 1}',
        b'{"text": null}',
        b'{"text": 5}',
        b'{"text": ["a"]}',
        b'{"text": ""}',
        '{"text": " \\n\u3000"}'.encode(),
        b'{"text": "half \\ud83d"}',
        b'{"text": "' + b"x" * 2000 + b'"}',
        b"[" * 100_000,
        b'{"text": "NaN is taken", "n": NaN}',
        b'\t{"text": "last"}\r',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    documents, rejects = read_all(tmp_path, "a.jsonl", max_document_bytes=1999)
    assert texts(documents) == ["good", "NaN is taken", "last"]
    assert [row["position"] for row in documents] == [0, 15, 16]
    assert reasons(rejects) == [
        (1, "broken_json"), (2, "not_utf8"), (3, "not_an_object"), (5, "not_an_object"), (6, "missing_text"),
        (7, "null_text"), (8, "text_not_string"), (9, "text_not_string"), (10, "empty_text"), (11, "empty_text"),
        (12, "unpaired_surrogate"), (13, "too_large"), (14, "broken_json"),
    ]  # fmt: skip
    assert all(row["origin"] == "a.jsonl" and row["detail"] for row in rejects)
    assert all(len(row["excerpt"] or "") <= 200 for row in rejects)
    assert "byte 10" in rejects[1]["detail"]


def test_a_line_without_end_is_passed_over_in_bounded_memory(tmp_path: Path) -> None:
    huge = b'{"text": "' + b"y" * 3_000_000 + b'"}'
    for ending in (b"\n" + b'{"text": "after"}\n', b""):
        (tmp_path / "a.jsonl").write_bytes(b'{"text": "before"}\n' + huge + ending)
        documents, rejects = read_all(tmp_path, "a.jsonl", max_document_bytes=100)
        assert texts(documents) == (["before", "after"] if ending else ["before"])
        assert reasons(rejects) == [(1, "too_large")]


def test_rows_without_an_id_are_rejects_where_ids_are_mapped(tmp_path: Path) -> None:
    ids: list[Any] = ["x", 7, None, "", 1.5, True, ["x"]]
    write_jsonl(tmp_path / "a.jsonl", [{"text": f"t{n}", "id": value} for n, value in enumerate(ids)] + [{"text": "t"}])
    documents, rejects = read_all(tmp_path, "a.jsonl", columns={"id": "id"})
    assert [row["doc_id"] for row in documents] == ["x", "7"]
    assert reasons(rejects) == [(number, "missing_id") for number in range(2, 8)]
    write_parquet(tmp_path / "a.parquet", {"text": ["a", "b", "", "d"], "id": ["x", None, None, ""]})
    documents, rejects = read_all(tmp_path, "a.parquet", columns={"id": "id"})
    assert [row["doc_id"] for row in documents] == ["x"]
    assert reasons(rejects) == [(1, "missing_id"), (2, "empty_text"), (3, "missing_id")]
    write_parquet(tmp_path / "n.parquet", {"text": ["a", "b"], "id": [2**60, -1]})
    documents, _ = read_all(tmp_path, "n.parquet", columns={"id": "id"})
    assert [row["doc_id"] for row in documents] == [str(2**60), "-1"]


def test_each_bad_record_of_csv_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(
        b'\xef\xbb\xbfid,text\r\n1,good\r\n2,"two\r\nlines, ""quoted"""\r\n\r\n3\r\n4,a,b\r\n5,\r\n6,\xff\xfe\r\n'
        b'7,"broken" quote\r\n8," \t"\r\n9,' + b"z" * 200 + b'\r\n10,fine\r\n11,"never closed\r\n12,x'
    )
    documents, rejects = read_all(tmp_path, "a.csv", max_document_bytes=100)
    assert texts(documents) == ["good", 'two\r\nlines, "quoted"', "fine"]
    assert [row["position"] for row in documents] == [0, 1, 9]
    assert reasons(rejects) == [
        (2, "csv_wrong_fields"), (3, "csv_wrong_fields"), (4, "empty_text"), (5, "not_utf8"), (6, "broken_csv"),
        (7, "empty_text"), (8, "too_large"), (10, "broken_csv"),
    ]  # fmt: skip
    assert "lines 14 to 15" in rejects[-1]["detail"]


@pytest.mark.parametrize("codec", ["gz", "zst"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_of_a_cut_file_everything_before_the_cut_is_kept_and_no_half_row(tmp_path: Path, codec: str, kind: str) -> None:
    rows = [f"row {number} " + text_hash(str(number)) * 20 for number in range(3000)]
    if kind == "jsonl":
        data = json_lines([{"text": row} for row in rows])
    else:
        out = io.StringIO()
        csv.writer(out).writerows([["text"], *([row] for row in rows)])
        data = out.getvalue().encode()
    whole = tmp_path / f"whole.{kind}.{codec}"
    if codec == "gz":
        whole.write_bytes(gzip.compress(data))
    else:
        write_zst(whole, data)
    assert texts(read_all(tmp_path, whole.name)[0]) == rows
    packed = whole.read_bytes()
    kept = []
    for part in (0.3, 0.7, 0.999):
        cut = tmp_path / f"cut.{kind}.{codec}"
        cut.write_bytes(packed[: int(len(packed) * part)])
        documents, rejects = read_all(tmp_path, cut.name)
        assert texts(documents) == rows[: len(documents)]
        assert reasons(rejects) == [(len(documents), "truncated_file")]
        kept.append(len(documents))
    assert 0 < kept[0] < kept[1] < kept[2] < len(rows)
    if codec == "gz":  # deflate gives all but the last few rows of what is there; zstd gives whole blocks of 128 kB
        assert kept[2] > 0.99 * len(rows)


def test_a_gzip_of_several_members_is_read_whole_and_rubbish_after_it_is_reported(tmp_path: Path) -> None:
    members = [gzip.compress(json_lines([{"text": word}])) for word in ("one", "two")]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(members))
    assert texts(read_all(tmp_path, "a.jsonl.gz")[0]) == ["one", "two"]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(members) + b"rubbish")
    documents, rejects = read_all(tmp_path, "a.jsonl.gz")
    assert texts(documents) == ["one", "two"]
    assert reasons(rejects) == [(2, "truncated_file")]


def test_a_file_that_is_not_compressed_as_its_name_says_is_one_reject(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "good.jsonl", [{"text": "one"}])
    (tmp_path / "bad.jsonl.gz").write_bytes(b'{"text": "plain"}\n')
    (tmp_path / "bad.jsonl.zst").write_bytes(b'{"text": "plain"}\n')
    documents, rejects = read_all(tmp_path, ".")
    assert texts(documents) == ["one"]
    assert reasons(rejects) == [(0, "truncated_file"), (0, "truncated_file")]


def test_a_file_without_rows_among_others_is_one_reject_and_all_such_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n \n")
    (tmp_path / "b.csv").write_text("text\n")
    write_parquet(tmp_path / "c.parquet", {"text": pa.array([], pa.string())})
    (tmp_path / "d.txt").touch()
    with pytest.raises(SourceError, match="without any"):
        read_all(tmp_path, ".")
    write_jsonl(tmp_path / "z.jsonl", [{"text": "one"}])
    documents, rejects = read_all(tmp_path, ".")
    assert texts(documents) == ["one"]
    assert [row["reason"] for row in rejects] == ["empty_file", "empty_file", "empty_file", "empty_text"]
    assert [row["position"] for row in rejects] == [-1, -1, -1, 0]


def test_text_files_are_one_document_each_and_share_batches(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text(f"document {number}", encoding="utf-8")
    (tmp_path / "7.md").write_bytes(b"\xef\xbb\xbf# marked")
    (tmp_path / "8.txt").write_bytes(b"caf\xe9")
    (tmp_path / "9.txt").write_bytes(b"x" * 1001)
    (batch,) = batches_of(tmp_path, spec_of(".", max_document_bytes=1000))
    assert texts(batch.documents.to_pylist()) == [*(f"document {number}" for number in range(7)), "# marked"]
    assert batch.documents["origin"].to_pylist() == [*(f"{number}.txt" for number in range(7)), "7.md"]
    assert [(row["origin"], row["reason"]) for row in batch.rejects.to_pylist()] == [
        ("8.txt", "not_utf8"),
        ("9.txt", "too_large"),
    ]


def test_each_bad_row_of_parquet_is_named_with_its_place(tmp_path: Path) -> None:
    values = [b"good", None, b"", " \u3000\u00a0\n".encode(), b"caf\xe9", b"\xed\xa0\x80", b"x" * 2001, "末".encode()]
    spread = values * 40
    for kind in (pa.binary(), pa.large_binary()):
        write_parquet(tmp_path / "a.parquet", {"text": pa.array(spread, kind)}, row_group_size=17)
        documents, rejects = read_all(tmp_path, "a.parquet", max_document_bytes=2000, batch_rows=10)
        assert texts(documents) == ["good", "末"] * 40
        named = {
            1: "null_text",
            2: "empty_text",
            3: "empty_text",
            4: "not_utf8",
            5: "unpaired_surrogate",
            6: "too_large",
        }
        wanted = [(row, named[row % 8]) for row in range(len(spread)) if row % 8 in named]
        assert reasons(rejects) == wanted


def test_a_string_column_with_bytes_that_are_no_text_is_read_all_the_same(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary())
    broken = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2])
    write_parquet(tmp_path / "a.parquet", {"text": broken, "lang": broken, "meta": broken})
    documents, rejects = read_all(tmp_path, "a.parquet", columns={"language": "lang", "metadata": ["meta"]})
    assert texts(documents) == ["good", "fine"]
    assert reasons(rejects) == [(1, "not_utf8")]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_every_arrow_type_of_text_is_taken(tmp_path: Path, kind: pa.DataType) -> None:
    write_parquet(tmp_path / "a.parquet", {"text": pa.array(["one", None, "两"], pa.string()).cast(kind)})
    documents, rejects = read_all(tmp_path, "a.parquet")
    assert texts(documents) == ["one", "两"]
    assert reasons(rejects) == [(1, "null_text")]


def test_metadata_of_any_type_becomes_json(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    values = {
        "text": ["one"],
        "when": pa.array([0], pa.timestamp("ms")),
        "price": pa.array([Decimal("1.50")]),
        "raw": pa.array([b"\xffab"]),
        "tree": pa.array([{"a": [1, None], "b": {"c": "d"}}]),
        "nan": [float("nan")],
    }
    write_parquet(tmp_path / "a.parquet", values)
    (row,) = read_all(tmp_path, "a.parquet", columns={"metadata": list(values)[1:]})[0]
    assert json.loads(row["metadata"]) == {
        "when": "1970-01-01T00:00:00", "price": "1.50", "raw": "\ufffdab", "tree": {"a": [1, None], "b": {"c": "d"}},
        "nan": None,
    }  # fmt: skip
    lines = [{"text": "a", "m": deep}, {"text": "b", "m": 2**70}, {"text": "c", "m": "\ud800"}, {"text": "d", "m": "x"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    documents, rejects = read_all(tmp_path, "a.jsonl", columns={"metadata": "m"})
    assert (texts(documents), rejects) == (["a", "b", "c", "d"], [])
    assert [json.loads(row["metadata"])["m"] for row in documents] == ["(cannot be held)", float(2**70), "?", "x"]


def test_a_damaged_row_group_costs_its_own_rows_and_no_others(tmp_path: Path) -> None:
    rows = [text_hash(str(number)) * 40 for number in range(3000)]
    path = write_parquet(tmp_path / "a.parquet", {"text": rows}, row_group_size=1000, compression="zstd")
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(path.read_bytes())
    end = start + column.total_compressed_size
    data[start + 100 : end] = bytes(byte ^ 0xA5 for byte in data[start + 100 : end])
    path.write_bytes(bytes(data))
    documents, rejects = read_all(tmp_path, "a.parquet", batch_rows=300)
    assert texts(documents) == rows[:1000] + rows[2000:]
    assert reasons(rejects) == [(row, "broken_row_group") for row in range(1000, 2000)]
    assert "row group 1" in rejects[0]["detail"]


def test_a_missing_column_is_refused_with_the_columns_seen_and_the_nearest(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", {"Text": ["x"], "url": ["u"]})
    write_jsonl(tmp_path / "a.jsonl", [{"Text": "x", "url": "u"}])
    write_csv(tmp_path / "a.csv", ["Text", "url"], [["x", "u"]])
    for name in ("a.parquet", "a.jsonl", "a.csv"):
        with pytest.raises(SourceError, match=r"column 'text'.*saw 'Text', 'url'\. Did you mean 'Text'\?") as caught:
            read_all(tmp_path, name)
        assert str(tmp_path / name) in str(caught.value)
        for role in ("id", "language", "licence", "metadata"):
            with pytest.raises(SourceError, match=r"column 'urll'.*Did you mean 'url'"):
                read_all(tmp_path, name, columns={"text": "Text", role: "urll"})


def test_json_lines_may_leave_optional_fields_out_of_some_files(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "x"}])
    write_jsonl(tmp_path / "b.jsonl", [{"text": "y"}, {"text": "z", "licence": "MIT"}])
    documents, _ = read_all(tmp_path, ".", columns={"licence": "licence"}, licence="CC0-1.0")
    assert [row["licence"] for row in documents] == ["CC0-1.0", "CC0-1.0", "MIT"]


def test_a_parquet_file_with_another_schema_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", {"text": ["x"], "id": ["k"]})
    for columns, said in (
        ({"body": ["x"], "id": ["k"]}, r"column 'text' \(text\)"),
        ({"text": [1], "id": ["k"]}, r"expected text in the column 'text' \(text\).*saw int64"),
        ({"text": [["x"]], "id": ["k"]}, "saw list"),
        ({"text": ["x"], "id": [1]}, r"expected text in the column 'id' \(id\).*as in .*a\.parquet; saw whole number"),
        ({"text": ["x"], "id": [1.5]}, r"expected text or whole number in the column 'id'.*saw double"),
    ):
        write_parquet(tmp_path / "b.parquet", columns)
        with pytest.raises(SourceError, match=said):
            read_all(tmp_path, "*.parquet", columns={"id": "id"})
    write_parquet(tmp_path / "b.parquet", {"text": ["y"], "id": ["k2"], "more": [1]})
    assert texts(read_all(tmp_path, "*.parquet", columns={"id": "id"})[0]) == ["x", "y"]


def test_what_is_no_parquet_csv_or_json_lines_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    good = write_parquet(tmp_path / "a.parquet", {"text": ["x"]}).read_bytes()
    (tmp_path / "a.parquet").write_bytes(good[:-20])
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    (tmp_path / "d.jsonl").write_text("not\njson\n")
    (tmp_path / "e.csv").write_text('"te"xt,url\nx,u\n')
    (tmp_path / "f.csv").write_text("text,text\nx,u\n")
    for name, said in (
        ("a.parquet", "Parquet file"), ("b.parquet", "Parquet file"), ("d.jsonl", "one JSON object a line"),
        ("e.csv", "header"), ("f.csv", "saw several"),
    ):  # fmt: skip
        with pytest.raises(SourceError, match=said):
            read_all(tmp_path, name)


def test_a_pretty_printed_array_is_refused_as_no_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps([{"text": "x"}], indent=1))
    with pytest.raises(SourceError, match="JSON Lines"):
        read_all(tmp_path, "a.jsonl")


def test_a_mapping_that_no_file_can_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    for settings in ({"columns": {"id": "key"}}, {"columns": {"text": "body"}}, {"extract_html": True}):
        with pytest.raises(SourceError, match="expected tables"):
            read_all(tmp_path, "a.txt", **settings)


def test_checking_reads_the_start_of_a_file_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json_lines([{"text": "x"}]) * 100)
    with path.open("r+b") as file:
        file.truncate(1 << 33)  # 8 GB of zeros, none of which stands on the disk
    spec = spec_of("a.jsonl")
    check_source(spec, list_files(spec, tmp_path))


def test_the_first_documents_over_all_files_are_those_the_limit_asks_for(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "1"}, {}, {"text": "2"}, {"text": "3"}])
    write_jsonl(tmp_path / "b.jsonl", [{"text": "4"}, {"text": "5"}])
    spec = spec_of(".")
    files = list_files(spec, tmp_path)

    def first(limit: int | None) -> list[Batch]:
        return list(first_documents(read_files(files, spec, batch_rows=2), limit))

    for limit in (1, 2, 3, 4, 5, 9, None):
        batches = first(limit)
        found = [row["text"] for batch in batches for row in batch.documents.to_pylist()]
        assert found == ["1", "2", "3", "4", "5"][: limit if limit is not None else 9]
        assert all(batch.inputs == batch.documents.num_rows + batch.rejects.num_rows for batch in batches)


def test_every_real_document_is_read_once(shared: Path) -> None:
    folder = shared / "data" / "documents"
    columns = {"id": "doc_id", "language": "lang", "licence": "license", "metadata": ["title", "url"]}
    batches = batches_of(folder, spec_of("*.parquet", columns=columns))
    assert sum(batch.rejects.num_rows for batch in batches) == 0
    ids = [value for batch in batches for value in batch.documents["doc_id"].to_pylist()]
    assert len(ids) == len(set(ids)) == sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))
    assert not any(batch.documents["licence"].null_count for batch in batches)
