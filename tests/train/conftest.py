"""What tests of training share: a packed set, made once."""

from pathlib import Path

import pytest
from train_help import packed_set

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer and sets."""
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="session")
def packed(home: Path) -> Path:
    """A packed set of 6,000 tokens in three shards."""
    return packed_set(home, 6000)


@pytest.fixture(scope="session")
def other(home: Path) -> Path:
    """A packed set of other text and the same tokenizer."""
    return packed_set(home, 3000, kind="faq")
