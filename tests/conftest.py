"""What every test shares: no request leaves this machine, and real data is looked for beside the project."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A red suite must mean a change, so the examples are the same on every run; `--hypothesis-profile=search` looks for new
# ones, and what it finds becomes a test or an @example.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("search", derandomize=False, max_examples=2000)
settings.load_profile("repeatable")

PROJECT = Path(__file__).resolve().parents[1]
_LOOPBACK = ("127.", "localhost", "::1")


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that would reach another host: a forgotten address must not pay or leak."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(_LOOPBACK):
            raise AssertionError(f"a test tried to reach {address}; tests reach the loopback only")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data; tests that need it skip where it is not there."""
    folder = Path(os.environ.get("TILTH_SHARED", PROJECT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the shared data folder is not beside the project")
    return folder
