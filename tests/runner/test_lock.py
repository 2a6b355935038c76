import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tilth.base.errors import RunLocked
from tilth.base.files import write_json
from tilth.runner.lock import SILENT_SECONDS, Lease, lease


def test_a_second_run_in_the_same_folder_is_refused_with_its_owner(tmp_path: Path) -> None:
    with lease(tmp_path), pytest.raises(RunLocked, match=f"process {os.getpid()}"):
        Lease(tmp_path / "run.lock").take()
    with lease(tmp_path):
        pass


def test_a_dead_owner_of_this_machine_is_taken_over_at_once(tmp_path: Path) -> None:
    take = f"Lease(Path({str(tmp_path)!r}) / 'run.lock').take()"
    code = f"import os; from pathlib import Path; from tilth.runner.lock import Lease; {take}; os._exit(9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (tmp_path / "run.lock").exists()
    with lease(tmp_path):
        pass


def test_an_owner_elsewhere_is_taken_over_only_after_silence(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    write_json(path, {"host": "elsewhere", "pid": 1, "token": "x"})
    with pytest.raises(RunLocked, match="elsewhere"):
        Lease(path).take()
    old = time.time() - SILENT_SECONDS - 1
    os.utime(path, (old, old))
    with lease(tmp_path):
        pass


def test_a_lease_that_was_never_filled_does_not_block_for_long(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    path.touch()
    with pytest.raises(RunLocked):
        Lease(path).take()
    old = time.time() - 10
    os.utime(path, (old, old))
    with lease(tmp_path):
        pass
