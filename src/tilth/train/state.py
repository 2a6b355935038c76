"""States that a run resumes from, and the state that decay-phase runs branch from.

transformers writes a state file by file; ours is the marker that is written last, after every file is synced. A state
without it was cut short: it is ignored and taken away. Two states are kept while the next one is written, then one.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, storage_errors, sync_folder, write_json
from tilth.train.presets import Resolved

MARKER: Final = "tilth.json"
STATES: Final = "state"
BRANCH: Final = "branch"


def seal(state: Path, facts: dict[str, Any]) -> None:
    """Sync every file of a state and declare it finished."""
    sync_tree(state)
    write_json(state / MARKER, facts)


def sync_tree(folder: Path) -> None:
    """Make every file below `folder` durable."""
    with storage_errors(folder):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            else:
                sync_folder(path)
        sync_folder(folder)


def step_of(state: Path) -> int:
    """The step in transformers' name of a state: checkpoint-120."""
    number = state.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def newest(out: Path) -> Path | None:
    """The finished state with the most steps, or None."""
    finished = [path for path in (out / STATES).glob("checkpoint-*") if (path / MARKER).is_file()]
    return max(finished, key=step_of, default=None)


def prune(out: Path, keep: Path | None) -> None:
    """Take away every state but `keep`; markers first, so that what is half gone counts as unfinished."""
    for path in (out / STATES).glob("*"):
        if path != keep and path.is_dir():
            (path / MARKER).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


def replace_folder(made: Path, target: Path) -> None:
    """Give a finished, synced folder its final name; an older one of that name goes."""
    with storage_errors(target):
        if target.exists():
            shutil.rmtree(target)
        made.rename(target)
    sync_folder(target.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Where an earlier run's decay begins: weights, optimiser state, and what it was trained on until then."""

    folder: Path
    step: int
    sequences: int  # of its token set, from its begin on
    tokens: str  # fingerprint of the set
    fingerprint: str
    trunk: dict[str, Any]  # architecture, recipe and the fingerprint of the base model


def keep_branch(out: Path, state: Path, made: Resolved, facts: dict[str, Any]) -> None:
    """Copy a finished state to `out/branch`, as a whole or not at all."""
    temporary = out / f".{BRANCH}.tmp"
    with storage_errors(temporary):
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(state, temporary)
    settings = {
        "architecture": None if made.architecture is None else made.architecture.model_dump(),
        "recipe": {name: getattr(made.recipe, name) for name in type(made.recipe).__dataclass_fields__},
        "warmup_steps": made.warmup_steps,
        "decay_steps": made.decay_steps,
        "seed": made.settings.seed,
    }
    seal(temporary, {**facts, "trunk": settings})
    replace_folder(temporary, out / BRANCH)


def read_branch(start: str) -> Branch:
    """The branching point in a run's folder (or the folder `branch` itself); raises ConfigError where there is none."""
    given = Path(start).expanduser()
    folder = next((path for path in (given / BRANCH, given) if (path / MARKER).is_file()), None)
    facts = read_json(folder / MARKER) if folder is not None else {}
    if folder is None or "trunk" not in facts:
        raise ConfigError(
            f"expected a run to branch from in {start}: it has no folder {BRANCH}. "
            "Train the trunk with phase stable, or with keep_branch, and give its folder as start."
        )
    return Branch(
        folder=folder,
        step=facts["step"],
        sequences=facts["sequences"],
        tokens=facts["tokens"],
        fingerprint=facts["fingerprint"],
        trunk=facts["trunk"],
    )
