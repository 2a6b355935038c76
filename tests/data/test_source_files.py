"""Which files a source means, what they are called, and what is refused before anything is read."""

import os
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError
from reading_help import read_all, spec_of, texts, write_jsonl, write_parquet

from tilth.base.errors import SourceError
from tilth.data.files import content_digest, dataset_of, find_files, list_files
from tilth.data.reading import read_file
from tilth.data.source import SourceSpec


def origins(base: Path, source: str | list[str], format: str = "auto") -> list[str]:
    return [file.origin for file in list_files(spec_of(source, format=format), base)]


def make_folder(base: Path) -> Path:
    folder = base / "data"
    write_jsonl(folder / "b.jsonl", [{"text": "two"}])
    write_jsonl(folder / "a.jsonl", [{"text": "one"}])
    write_jsonl(folder / "inner" / "c.jsonl", [{"text": "three"}])
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.jsonl").write_text("{}")
    (folder / "_SUCCESS").write_text("")
    (folder / "README.md").write_text("what this is")
    return folder


def test_a_single_path_stands_for_a_list_of_one() -> None:
    assert SourceSpec(source="data").source == ("data",)  # type: ignore[arg-type]
    assert SourceSpec.model_validate({"source": "x", "columns": {"metadata": "url"}}).columns.metadata == ("url",)


def test_a_folder_means_every_known_file_in_it_in_the_order_of_names(tmp_path: Path) -> None:
    make_folder(tmp_path)
    found = find_files(spec_of("data"), tmp_path)
    assert [file.origin for file in found.files] == ["data/a.jsonl", "data/b.jsonl", "data/inner/c.jsonl"]
    assert found.ignored == ("data/README.md", "data/picture.png")


def test_a_readme_is_passed_over_beside_tables_and_read_among_texts_or_by_name(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text("a document")
    assert origins(tmp_path, "docs") == ["docs/README.md"]
    assert origins(tmp_path, "data/README.md") == ["data/README.md"]


def test_globs_and_paths_may_overlap_and_each_file_is_read_once(tmp_path: Path) -> None:
    make_folder(tmp_path)
    wanted = ["data/a.jsonl", "data/b.jsonl", "data/inner/c.jsonl"]
    assert origins(tmp_path, ["data/**/*.jsonl", "data/a.jsonl", "./data", str(tmp_path / "data")]) == wanted
    assert origins(tmp_path, "data/?.jsonl") == wanted[:2]
    assert origins(tmp_path, "data/*") == wanted
    absolute = str(tmp_path / "data" / "a.jsonl")
    assert origins(Path("/"), absolute) == [absolute]
    assert origins(Path("/"), f"file://{absolute}") == [absolute]


def test_a_name_with_signs_of_a_glob_is_taken_as_it_stands_where_it_exists(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "part[1].jsonl", [{"text": "one"}])
    assert origins(tmp_path, "part[1].jsonl") == ["part[1].jsonl"]


def test_rows_name_a_file_as_the_user_did_and_not_by_this_machines_folders(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "recipes").mkdir()
    documents, _ = read_all(tmp_path / "recipes", "../data/a.jsonl")
    assert documents[0]["origin"] == "../data/a.jsonl"


def test_a_set_format_reads_files_of_any_name_that_a_glob_or_path_names(tmp_path: Path) -> None:
    for name in ("a.tex", "b.tex", "c.log"):
        (tmp_path / name).write_text(f"text of {name}")
    assert origins(tmp_path, "*.tex", "text") == ["a.tex", "b.tex"]
    assert origins(tmp_path, "c.log", "text") == ["c.log"]
    with pytest.raises(SourceError, match=r"saw \.tex \(2\), \.log \(1\)"):
        origins(tmp_path, ".", "text")


@pytest.mark.parametrize(
    ("name", "format", "compression"),
    [
        ("x.jsonl", "jsonl", None), ("x.jsonl.gz", "jsonl", "gzip"), ("x.NDJSON.ZST", "jsonl", "zstd"),
        ("x.csv", "csv", None), ("x.tsv.gz", "csv", "gzip"), ("x.parquet", "parquet", None), ("a.b.md", "text", None),
        ("x.HTM", "html", None), ("x.warc.gz", "warc", "gzip"), ("x.warc.wet.gz", "warc", "gzip"),
    ],
)  # fmt: skip
def test_a_file_name_says_format_and_compression(
    tmp_path: Path, name: str, format: str, compression: str | None
) -> None:
    (tmp_path / name).write_text("x")
    (file,) = list_files(spec_of(name), tmp_path)
    assert (file.format, file.compression) == (format, compression)


@pytest.mark.parametrize("name", ["x.docx", "x", "x.gz", "x.parquet.gz", "x.md.gz"])
def test_a_name_that_says_no_format_is_refused_with_the_known_endings(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(SourceError, match=r"a file name that says its format.*\.parquet.*Set format"):
        list_files(spec_of(name), tmp_path)


def test_what_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    make_folder(tmp_path)
    with pytest.raises(SourceError, match="Did you mean data"):
        list_files(spec_of("dta"), tmp_path)
    with pytest.raises(SourceError, match=r"expected files at data/\*\.csv; saw none"):
        list_files(spec_of("data/*.csv"), tmp_path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(SourceError, match="saw none"):
        list_files(spec_of("nothing"), tmp_path)


def test_files_without_a_byte_are_refused(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.txt"):
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match="2 files, all of 0 bytes"):
        list_files(spec_of("."), tmp_path)


def test_a_socket_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(SourceError, match="plain file"):
        list_files(spec_of("pipe.jsonl"), tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the address of a socket is short
        try:
            server.bind("s.jsonl")
        finally:
            os.chdir(here)
        with pytest.raises(SourceError, match="plain file"):
            list_files(spec_of("s.jsonl"), tmp_path)


def test_a_link_to_nowhere_is_refused_and_a_loop_of_links_ends(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "again").symlink_to(folder)
    assert origins(tmp_path, "data") == ["data/a.jsonl", "data/b.jsonl", "data/inner/c.jsonl"]
    (folder / "gone.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    with pytest.raises(SourceError, match=r"gone\.jsonl; it is not there"):
        list_files(spec_of("data"), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_or_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "a.jsonl").chmod(0)
    with pytest.raises(SourceError, match="no permission"):
        list_files(spec_of("data"), tmp_path)
    (folder / "a.jsonl").chmod(0o600)
    (folder / "inner").chmod(0)
    try:
        with pytest.raises(SourceError, match="inner"):
            list_files(spec_of("data"), tmp_path)
    finally:
        (folder / "inner").chmod(0o700)


def test_a_file_that_changed_or_went_after_listing_is_an_error_and_not_other_rows(tmp_path: Path) -> None:
    spec = spec_of("*")
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "one"}])
    table = write_parquet(tmp_path / "b.parquet", {"text": ["one"]})
    (tmp_path / "c.txt").write_text("one")
    files = list_files(spec, tmp_path)
    write_jsonl(path, [{"text": "one"}, {"text": "two"}])
    write_parquet(table, {"text": ["one", "two"]})
    (tmp_path / "c.txt").unlink()
    for file, said in zip(files, ("changed since", "changed since", "not there"), strict=True):
        with pytest.raises(SourceError, match=said):
            list(read_file(file, spec))


def test_the_stamp_changes_with_the_file_and_the_digest_only_with_its_bytes(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "one"}])
    (before,) = list_files(spec_of("a.jsonl"), tmp_path)
    digest = content_digest(before)
    os.utime(path, (1, 1))
    (touched,) = list_files(spec_of("a.jsonl"), tmp_path)
    assert touched.stamp != before.stamp
    assert content_digest(touched) == digest
    write_jsonl(path, [{"text": "two"}])
    assert content_digest(touched) != digest


@pytest.mark.parametrize(
    ("pattern", "is_file", "dataset"),
    [
        ("data/*.parquet", False, "data"), ("data/part-0.parquet", True, "data"), ("./data/", False, "data"),
        ("data", False, "data"), ("data/2024-*/x.csv", False, "data"), ("x.jsonl", True, "."), ("*.jsonl", False, "."),
        ("/data/x.jsonl", True, "/data"), ("/x.jsonl", True, "/"), ("file:///data/x.jsonl", True, "/data"),
        ("s3://bucket/a/*.parquet", False, "s3://bucket/a"), ("memory://a/b.csv", True, "memory://a"),
        ("hf://datasets/o/n@main/data/*.parquet", False, "hf://datasets/o/n"),
        ("zip://*.csv::data/x.zip", False, "data"),
    ],
)  # fmt: skip
def test_ids_are_made_of_the_folder_as_written(pattern: str, is_file: bool, dataset: str) -> None:
    assert dataset_of(pattern, is_file=is_file) == dataset


def test_ids_stay_the_same_in_other_shards_formats_and_patterns(tmp_path: Path) -> None:
    rows = [f"document number {number} 文档" for number in range(50)]
    shapes = {"one": 50, "five": 10, "many": 3}
    ids = []
    for name, size in shapes.items():
        base = tmp_path / name
        for start in range(0, 50, size):
            write_parquet(base / "data" / f"{start}.parquet", {"text": rows[start : start + size]})
        ids.append({row["text"]: row["doc_id"] for row in read_all(base, "data/*.parquet")[0]})
    write_jsonl(tmp_path / "lines" / "data" / "all.jsonl", [{"text": row} for row in reversed(rows)])
    ids.append({row["text"]: row["doc_id"] for row in read_all(tmp_path / "lines", "data/all.jsonl")[0]})
    assert len(set(ids[0].values())) == 50
    assert all(one == ids[0] for one in ids)
    write_jsonl(tmp_path / "other" / "elsewhere" / "all.jsonl", [{"text": rows[0]}])
    (moved,) = read_all(tmp_path / "other", "elsewhere")[0]
    assert moved["doc_id"] not in ids[0].values()


def test_equal_texts_of_one_dataset_have_one_id_which_the_run_then_drops(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"text": "same"}, {"text": "same"}])
    first, second = read_all(tmp_path, "a.jsonl")[0]
    assert first["doc_id"] == second["doc_id"]
    assert texts([first, second]) == ["same", "same"]


def test_settings_that_cannot_be_are_refused() -> None:
    for settings in ({"source": []}, {"source": "x", "limit": 0}, {"source": "x", "max_document_bytes": 2_000_000_000}):
        with pytest.raises(ValidationError):
            SourceSpec.model_validate(settings)
    with pytest.raises(ValidationError):
        spec_of("x", key_env="hf_abc/123 456")
    with pytest.raises(SourceError, match="revision"):
        list_files(spec_of("x.jsonl", revision="main"), Path())
