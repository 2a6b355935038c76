from pathlib import Path

import pytest

from tilth.base.errors import ConfigError
from tilth.steer.weights import CellWeight, Weights
from tilth.synth.questions.catalogue import load_cells


def test_the_file_of_weights_that_steering_writes_is_read(tmp_path: Path) -> None:
    cells = (
        CellWeight(cell="science/D4", disciplines=("science",), bins=(4, 4), weight=3.0, why="short"),
        CellWeight(cell="law/D1-D2", disciplines=("law",), bins=(1, 2), weight=1.0, why="floor"),
    )
    Weights(cells=cells).save(tmp_path / "weights.yaml")
    assert load_cells(str(tmp_path / "weights.yaml")) == {"science": {"D4": 3.0}, "law": {"D1": 0.5, "D2": 0.5}}


def test_bins_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text('[{"disciplines": ["law"], "bins": [3, 9], "weight": 1}]')
    with pytest.raises(ConfigError, match="expected a cell"):
        load_cells(str(tmp_path / "w.json"))
