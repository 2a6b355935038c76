"""How far a run is, read from what is on the disk; writes nothing, so it is safe beside a running run."""

import time
from pathlib import Path
from typing import Any

from tilth.base.errors import ConfigError
from tilth.base.files import read_json
from tilth.plan import load_plan
from tilth.runner.lock import SILENT_SECONDS
from tilth.runner.session import LEDGER, make_ledger, read_ledger


def current_ledger(run_dir: Path) -> dict[str, Any]:
    """The ledger of a finished run as it was written; of any other run, added up from its finished shards.

    Raises `ConfigError` where there is no run.
    """
    if not (run_dir / "plan.json").exists():
        raise ConfigError(f"expected a run in {run_dir}; it has no plan.json. Name the folder that tilth run printed.")
    running = is_running(run_dir)
    if (run_dir / LEDGER).exists() and not running:
        ledger = read_ledger(run_dir)
        if ledger["state"] == "finished":
            return ledger
    last = _last_session(run_dir)
    state = "running" if running else "stopped"
    why = None if running else last.get("ended") or "killed"
    return make_ledger(load_plan(run_dir / "plan.json"), state, why, {}, settle=False)


def is_running(run_dir: Path) -> bool:
    """True while a process holds the run's lease and gives signs of life."""
    path = run_dir / "run.lock"
    try:
        return time.time() - path.stat().st_mtime < SILENT_SECONDS
    except FileNotFoundError:
        return False


def _last_session(run_dir: Path) -> dict[str, Any]:
    records = sorted((run_dir / "sessions").glob("*.json"))
    value: dict[str, Any] = read_json(records[-1]) if records else {}
    return value
