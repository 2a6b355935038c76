"""benchmarks/generate.py end to end, tiny: real runs of tilth against the fake server. No figure is judged here."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from generate import main  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the measuring reads /proc")


def run(tmp_path: Path, command: str, *options: str) -> dict[str, Any]:
    folders = ["--work", str(tmp_path / "work"), "--results", str(tmp_path / "results")]
    (tmp_path / "work").mkdir()
    assert main([command, *options, *folders]) in (0, 1)  # met or not: that is for a quiet machine to say
    found: dict[str, Any] = json.loads((tmp_path / "results" / f"{command}.json").read_bytes())
    assert found["machine"]["cores"] >= 1
    assert str(tmp_path) not in json.dumps(found)  # a result says nothing about where it was made
    return found


def test_memory_is_measured_on_each_size(tmp_path: Path) -> None:
    found = run(tmp_path, "memory", "--sizes", "60", "--latency", "0.01")
    (one,) = found["runs"]
    assert one["documents"] == 60
    assert one["tree_mb"] > 20
    assert found["summary"]["growth"] == 1.0


@pytest.mark.slow
def test_throughput_measures_tilth_and_nearly_every_answer_passes_the_checks(tmp_path: Path) -> None:
    found = run(tmp_path, "throughput", "--contenders", "tilth", "--rounds", "1", "--requests", "600")
    (one,) = found["runs"]
    assert one["detail"]["kept"] >= 570
    assert one["detail"]["kept"] + one["detail"]["dropped"] == 600
    assert found["summary"]["tilth"]["net"]["median"] > 0
    assert not list((tmp_path / "work").glob("tilth-*/"))  # outputs go as soon as they are counted


@pytest.mark.slow
def test_the_journal_is_measured_on_and_off(tmp_path: Path) -> None:
    found = run(tmp_path, "journal", "--rounds", "1", "--requests", "50", "--latency", "0.01")
    assert [one["on"] for one in found["runs"]] == [True, False]
    on, off = tmp_path / "work" / "journal-0-on", tmp_path / "work" / "journal-0-off"
    assert list(on.glob("run/rephrased/journal/**/*.seg"))
    assert not list(off.glob("run/rephrased/journal/**/*.seg"))


@pytest.mark.slow
def test_slots_are_read_from_the_server(tmp_path: Path) -> None:
    found = run(
        tmp_path, "slots", "--rounds", "1", "--requests", "200", "--slots", "4", "--in-flight", "8", "--latency", "0.05"
    )
    (one,) = found["runs"]
    assert one["server"]["requests"] == 200
    assert 0 < one["whole"] <= 1
    assert 0.5 < one["steady"] <= 1.01  # eight in flight on four slots: always someone waiting


@pytest.mark.slow
def test_a_storm_ends_with_every_row(tmp_path: Path) -> None:
    found = run(tmp_path, "storm", "--rounds", "1", "--requests", "150", "--rate", "50", "--latency", "0.01")
    (one,) = found["runs"]
    assert one["lost"] == 0
    assert one["refused"] > 0
    assert 0 < one["share"] <= 1.01
