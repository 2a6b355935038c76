import errno
import os
from pathlib import Path

import pytest

from tilth.base.errors import CorruptData, StorageError
from tilth.base.files import read_json, storage_error, write_atomic, write_bytes, write_json


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def fails(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_atomic(path, fails)
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_json_reads_back_as_written_whatever_the_key_order(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, None], "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": [1, None]})
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": [1, None]}
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_broken_json_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(CorruptData, match=r"a\.json"):
        read_json(tmp_path / "a.json")


def test_a_file_where_a_folder_is_needed_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="journalled is kept"):
        write_bytes(tmp_path / "file" / "a.txt", b"x")


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission")]
)
def test_each_disk_fault_says_what_to_do(code: int, words: str) -> None:
    assert words in str(storage_error(OSError(code, os.strerror(code)), "runs/x"))
