import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilth.base.errors import EngineError, StorageError
from tilth.generate.journal import Journal, Record, Torn, decode, encode, load_part, make_record, read_segment
from tilth.generate.request import Completion, Request

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
COMPLETIONS = st.builds(
    Completion,
    text=TEXT,
    finish_reason=st.sampled_from(["stop", "length", "refused"]),
    reasoning=st.none() | TEXT,
    refusal=st.none() | TEXT,
    prompt_tokens=st.none() | st.integers(0, 10**9),
    completion_tokens=st.none() | st.integers(0, 10**9),
    model=st.none() | TEXT,
    engine=st.none() | TEXT,
    seconds=st.floats(0, 1e6),
    attempt=st.integers(1, 20),
)
RECORDS = st.builds(
    Record,
    row=TEXT,
    call=st.integers(0, 9),
    document=TEXT,
    task=TEXT,
    request_hash=TEXT,
    seed=st.none() | st.integers(0, 2**31),
    time=st.floats(0, 1e10),
    completion=COMPLETIONS,
)


def record(row: str, text: str = "answer") -> Record:
    return Record(
        row=row,
        call=0,
        document="d",
        task="faq",
        request_hash="h",
        seed=1,
        time=1.0,
        completion=Completion(text=text, finish_reason="stop"),
    )


@given(RECORDS)
def test_a_record_reads_back_as_written_on_one_line(item: Record) -> None:
    line = encode(item)
    assert line.count(b"\n") == 1
    assert decode(line) == item


@settings(deadline=None, max_examples=60)
@given(items=st.lists(RECORDS, min_size=1, max_size=5), cut=st.integers(1, 2000))
def test_a_segment_cut_anywhere_gives_its_whole_records_and_reports_the_rest(
    items: list[Record], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "000001.0.seg"
    lines = [encode(item) for item in items]
    data = b"".join(lines)[:cut]
    path.write_bytes(data)
    read = list(read_segment(path))
    whole = [item for item in read if isinstance(item, Record)]
    assert whole == items[: len(whole)]
    kept = sum(len(line) for line in lines[: len(whole)])
    torn = [item for item in read if isinstance(item, Torn)]
    assert torn == ([] if kept == len(data) else [Torn(path=str(path), offset=kept, bytes=len(data) - kept)])


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    line = bytearray(encode(record("r", "the answer")))
    line[-10] ^= 1
    assert decode(bytes(line)) is None


def test_appends_of_many_rows_are_on_the_disk_when_they_return(tmp_path: Path) -> None:
    async def write() -> None:
        journal = Journal(tmp_path, 1)

        async def one(number: int) -> None:
            part = f"part-{number % 3:05d}"
            await journal.append(part, record(f"r{number}"))
            index, _ = load_part(tmp_path / part)
            assert (f"r{number}", 0) in index

        await asyncio.gather(*(one(number) for number in range(50)))
        await journal.close()

    asyncio.run(write())
    rows = [row for part in range(3) for row, _ in load_part(tmp_path / f"part-{part:05d}")[0]]
    assert sorted(rows) == sorted(f"r{number}" for number in range(50))


def test_a_second_writer_of_a_session_takes_another_segment(tmp_path: Path) -> None:
    async def write(row: str) -> None:
        journal = Journal(tmp_path, 4)
        await journal.append("part-00000", record(row))
        await journal.close()

    asyncio.run(write("a"))
    asyncio.run(write("b"))
    assert [path.name for path in sorted((tmp_path / "part-00000").iterdir())] == ["000004.0.seg", "000004.1.seg"]
    assert set(load_part(tmp_path / "part-00000")[0]) == {("a", 0), ("b", 0)}


def test_errors_that_do_not_pass_are_journalled_and_raised_again() -> None:
    request = Request(row="r", messages=(("user", "x"),), task="faq", document="x", language=None, max_tokens=5, seed=3)
    item = make_record(request, 0, "d", "h", EngineError("too_long", "9000 tokens"))
    again = decode(encode(item))
    assert again is not None
    with pytest.raises(EngineError, match="9000 tokens") as caught:
        again.result()
    assert caught.value.kind == "too_long"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_stops_every_append_with_a_clear_error(tmp_path: Path) -> None:
    folder = tmp_path / "part-00000"
    folder.mkdir()

    async def write() -> None:
        journal = Journal(tmp_path, 1)
        journal._files["part-00000"] = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the journal closes it
        with pytest.raises(StorageError, match="disk is full"):
            await journal.append("part-00000", record("a"))
        with pytest.raises(StorageError, match="disk is full"):
            await journal.append("part-00000", record("b"))
        journal.close_part("part-00000")

    asyncio.run(write())


KILLED = """
import asyncio, sys
from pathlib import Path
from tests_journal_records import record
from tilth.generate.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]), 1)
    number = 0
    async def one(number):
        await journal.append("part-00000", record(f"r{number}"))
        print(number, flush=True)
    while True:
        await asyncio.gather(*(one(number + i) for i in range(7)))
        number += 7

asyncio.run(main())
"""


def test_what_append_returned_survives_kill_9(tmp_path: Path) -> None:
    code = KILLED.replace("from tests_journal_records import record", _RECORD_SOURCE)
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    time.sleep(1.2)
    os.kill(process.pid, signal.SIGKILL)
    said = [int(line) for line in process.stdout.read().split("\n") if line.strip()]
    process.wait()
    process.stdout.close()
    index, _ = load_part(tmp_path / "part-00000")
    assert said
    assert {(f"r{number}", 0) for number in said} <= set(index)


_RECORD_SOURCE = """
from tilth.generate.journal import Record
from tilth.generate.request import Completion
def record(row):
    return Record(row=row, call=0, document="d", task="faq", request_hash="h", seed=1, time=1.0,
                  completion=Completion(text="answer", finish_reason="stop"))
"""
