"""One writer a run: a lease file with a heartbeat, which works on a network file system.

The lease is created exclusively and touched every `BEAT_SECONDS`. Another process may take it over when its owner is a
dead process of this host, or has been silent for `SILENT_SECONDS`. A process that was frozen for longer than that and
wakes up finds another owner in the lease at its next beat, and stops.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from tilth.base.errors import RunLocked
from tilth.base.files import read_json, storage_errors, write_json

BEAT_SECONDS = 5.0
#: Twelve missed beats: longer than any pause of a busy machine or network file system met so far.
SILENT_SECONDS = 60.0


class Lease:
    """Holds the lease while open; `lost` turns true when another process took it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner = {"host": socket.gethostname(), "pid": os.getpid(), "token": uuid4().hex}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = False

    def take(self) -> None:
        """Take the lease; raises `RunLocked` naming the owner when another process is alive in this run."""
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self._path.open("x"):
                    pass
            except FileExistsError:
                self._refuse_living_owner()
        write_json(self._path, self._owner)
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lease back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if not self.lost:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _refuse_living_owner(self) -> None:
        try:
            age = time.time() - self._path.stat().st_mtime
            text = self._path.read_bytes()
        except FileNotFoundError:
            return
        owner = read_json(self._path) if text.strip() else {}
        host, pid = owner.get("host"), owner.get("pid")
        dead = host == self._owner["host"] and isinstance(pid, int) and not _alive(pid)
        if not dead and age < (SILENT_SECONDS if owner else BEAT_SECONDS):
            raise RunLocked(
                f"expected to be alone in {self._path.parent}; process {pid} on {host} writes this run "
                f"(last sign of life {age:.0f} s ago). Wait for it, stop it, or choose another run folder."
            )

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                if read_json(self._path).get("token") != self._owner["token"]:
                    self.lost = True
                    return
                os.utime(self._path)
            except Exception:  # noqa: BLE001, S112 - a beat that fails (disk away) is judged by its age, not here
                continue


@contextlib.contextmanager
def lease(run_dir: Path) -> Iterator[Lease]:
    """Hold the run's lease for the block."""
    held = Lease(run_dir / "run.lock")
    held.take()
    try:
        yield held
    finally:
        held.release()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
