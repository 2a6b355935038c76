"""Benchmark items in datasets and in the mixtures of arms: counted by item, by row and by token."""

import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from study_data import BENCHMARKS, CLEAN, EGGS, SQUID, benchmark_files, dataset, mixture

from tilth.base.errors import ConfigError, SourceError
from tilth.study.about import BenchmarkFound
from tilth.study.contamination import contamination, look, of_mixture

DIRTY = [
    *CLEAN,
    f"Someone asked: {EGGS} Answer: 252",
    CLEAN[0],
    f"## Quiz\n{EGGS} It is 252.\n{SQUID} branchial hearts",
]


def test_items_are_counted_by_benchmark_and_rows_once(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", DIRTY, list(CLEAN))
    found = look(data, benchmark_files(tmp_path))
    assert (found.summary.rows, found.summary.touched) == (9, 2)
    assert found.summary.found == (
        BenchmarkFound(benchmark="hens", items=2, found=1, rows=2),
        BenchmarkFound(benchmark="sea", items=2, found=1, rows=1),
    )
    assert set(found.hits) == {("part-00000.parquet", 3), ("part-00000.parquet", 5)}
    assert set(found.hits["part-00000.parquet", 5]) == {"hens/h0", "sea/s0"}
    assert contamination(data, benchmark_files(tmp_path)) == found.summary


def test_clean_data_lists_every_benchmark_with_nothing_found(tmp_path: Path) -> None:
    found = contamination(dataset(tmp_path / "data", list(CLEAN)), benchmark_files(tmp_path))
    assert (found.touched, found.share, found.items, found.items_found) == (0, 0.0, 4, 0)
    assert [one.benchmark for one in found.found] == ["hens", "sea"]


def test_a_benchmark_whose_name_has_a_slash_keeps_its_items_together(tmp_path: Path) -> None:
    renamed = {f"farm/{name}": [(f"test/{item}", *rest) for item, *rest in items] for name, items in BENCHMARKS.items()}
    found = contamination(dataset(tmp_path / "data", DIRTY), benchmark_files(tmp_path, renamed))  # type: ignore[arg-type]
    assert [(one.benchmark, one.found, one.rows) for one in found.found] == [("farm/hens", 1, 2), ("farm/sea", 1, 1)]


def test_the_answer_of_a_seed_question_is_looked_at_too(tmp_path: Path) -> None:
    """What stands in the metadata of a question counts as its text."""
    folder = tmp_path / "data"
    folder.mkdir()
    short = {"quiz": [("q", "Who painted the hall ceiling?", "Giambattista Tiepolo")]}
    metadata = ['{"answer": "Giambattista Tiepolo"}', '{"answer": "nobody knows"}']
    pl.DataFrame({"text": ["Who painted the hall ceiling?"] * 2, "metadata": metadata}).write_parquet(
        folder / "p.parquet"
    )
    found = look(folder, benchmark_files(tmp_path, short))
    assert list(found.hits) == [("p.parquet", 0)]


def test_an_arms_rows_count_as_often_as_they_are_trained_on(tmp_path: Path) -> None:
    parts = {"dirty": dataset(tmp_path / "d", DIRTY), "clean": dataset(tmp_path / "c", list(CLEAN))}
    made = mixture(tmp_path, parts, tokens=6000)
    files = benchmark_files(tmp_path)
    found = {name: look(folder, files) for name, folder in parts.items()}
    arm = of_mixture(made, found)
    rows = pl.read_parquet(made / "*.parquet")
    hits = rows.filter((pl.col("part") == "dirty") & pl.col("row").is_in([3, 5]))
    times = Counter(hits["row"].to_list())
    assert times[3] > 1  # the part is small and passed over several times
    assert (arm.rows, arm.touched) == (rows.height, hits.height)
    assert arm.share_of_tokens == pytest.approx(hits["tokens"].sum() / rows["tokens"].sum())
    assert [(one.benchmark, one.found, one.rows) for one in arm.found] == [
        ("hens", 1, hits.height),
        ("sea", 1, times[5]),
    ]
    with pytest.raises(ConfigError, match="the part clean is missing"):
        of_mixture(made, {"dirty": found["dirty"]})
    other = look(parts["clean"], files[:1])
    with pytest.raises(ConfigError, match="the same benchmarks"):
        of_mixture(made, {"dirty": found["dirty"], "clean": other})


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", list(CLEAN))
    with pytest.raises(SourceError):
        contamination(data, [tmp_path / "nothing.parquet"])
    with pytest.raises(SourceError, match="saw none"):
        contamination(tmp_path / "no data", benchmark_files(tmp_path))


def test_a_smoke_study_is_looked_through_in_seconds(tmp_path: Path, shared: Path) -> None:
    """2,000 real documents against the benchmarks of the smoke study's tasks."""
    wanted = ("arc_easy", "piqa")
    files = [shared / "data" / "benchmarks" / f"{name}.parquet" for name in wanted]
    frame = pl.read_parquet(shared / "data/documents/gov_news.parquet", n_rows=1500).select("doc_id", "text")
    (tmp_path / "data").mkdir()
    frame.write_parquet(tmp_path / "data" / "part-00000.parquet")
    start = time.process_time()
    found = contamination(tmp_path / "data", files)
    seconds = time.process_time() - start
    assert found.rows == 1500
    assert found.share < 0.05
    assert seconds < 10
