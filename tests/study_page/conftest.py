"""Indexes of tests are kept in a folder of the test run."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes to the user's cache folder, or reads what an earlier run left there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILTH_DECONTAMINATE_CACHE", str(tmp_path_factory.mktemp("indexes")))
        yield
