from pathlib import Path

import polars as pl
import pytest

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, write_json
from tilth.corpus import agreement_of
from tilth.data.dataset import Manifest, describe_shard, write_manifest
from tilth.steer.gate import load_agreement


def dataset(folder: Path, labels: list[str | None]) -> Path:
    folder.mkdir(parents=True)
    frame = pl.DataFrame(
        {
            "text": [f"question {number}" for number in range(len(labels))],
            "metadata": ["{}" if label is None else f'{{"discipline": "{label}"}}' for label in labels],
        }
    )
    frame.write_parquet(folder / "part-00000.parquet")
    ledger = {"in": len(labels), "kept": len(labels), "reasons": {}}
    shards = (describe_shard(folder, "part-00000"),)
    write_manifest(folder, Manifest(name="labels", shards=shards, ledger=ledger, fingerprint="x"))
    return folder


LABELS = ["science", "law", "history"] * 60


def test_labels_that_two_annotators_agree_on_may_steer_but_for_the_class_they_do_not(tmp_path: Path) -> None:
    other = ["law" if label == "history" and at % 2 else label for at, label in enumerate(LABELS)]
    first, second = dataset(tmp_path / "a", LABELS), dataset(tmp_path / "b", other)
    report = agreement_of(first, second, tmp_path / "gate.json", threshold=0.7)
    assert report["usable"]
    assert report["rows"] == 180
    assert report["kappa"] == pytest.approx(0.75)
    assert load_agreement(tmp_path / "gate.json").unsure == tuple(
        sorted(name for name, usable in report["classes"].items() if not usable)
    )
    assert report["classes"]["science"]
    assert not report["classes"]["history"]


def test_labels_below_the_threshold_steer_nothing(tmp_path: Path) -> None:
    first = dataset(tmp_path / "a", LABELS)
    second = dataset(tmp_path / "b", LABELS[1:] + LABELS[:1])
    report = agreement_of(first, second, tmp_path / "gate.json")
    assert not report["usable"]
    with pytest.raises(ConfigError, match="steer nothing"):
        load_agreement(tmp_path / "gate.json")


def test_a_file_that_is_none_or_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tilth agreement"):
        load_agreement(tmp_path / "none.json")
    write_json(tmp_path / "broken.json", {"kappa": "high"})
    with pytest.raises(ConfigError, match="tilth agreement wrote"):
        load_agreement(tmp_path / "broken.json")
    assert read_json(tmp_path / "broken.json") == {"kappa": "high"}
