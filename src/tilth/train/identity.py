"""What decides the weights of a run: a resume under another identity is refused with the fields that differ."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tilth.base.errors import Change, DriftError
from tilth.base.files import read_json, write_json
from tilth.train.presets import Resolved

#: Raise it when the same settings and tokens would give other weights.
VERSION: Final = 1
NAME: Final = "identity.json"
#: What stands in a folder in which something was trained; a run that was refused before leaves none of it.
_TRAINED: Final = ("checkpoints", "state", "train.json")


def identity(made: Resolved, tokens: str, tokenizer: str, start: str | None) -> dict[str, str]:
    """Field -> value. `tokens`, `tokenizer`, `start`: fingerprints of the packed set, its tokenizer, the base model."""
    recipe = {name: value for name, value in asdict(made.recipe).items() if name != "source"}
    settings = made.settings
    values = {
        **recipe,
        "architecture": None if made.architecture is None else made.architecture.model_dump(),
        "start": start,
        "phase": settings.phase,
        "keep_branch": settings.keep_branch,
        "seed": settings.seed,
        "checkpoints": settings.checkpoints,
        "precision": settings.precision,
        "token set": tokens,
        "token set's tokenizer": tokenizer,
        "first step": made.first,
        "version": VERSION,
    }
    return {name: str(value) for name, value in values.items()}


def write_identity(folder: Path, identity: Mapping[str, str]) -> None:
    """Write down whose run `folder` is."""
    write_json(folder / NAME, dict(identity))


def check_identity(folder: Path, now: Mapping[str, str]) -> None:
    """Raise DriftError with what differs from what is written, where something was trained under it."""
    path = folder / NAME
    if not path.exists() or not any((folder / name).exists() for name in _TRAINED):
        return
    recorded = read_json(path)
    changes = tuple(
        Change(field=name, recorded=recorded.get(name, "nothing"), now=now.get(name, "nothing"), rows=0)
        for name in sorted({*recorded, *now})
        if recorded.get(name) != now.get(name)
    )
    if changes:
        listed = "; ".join(f"{change.field} was {change.recorded}, is {change.now}" for change in changes)
        raise DriftError(
            f"expected {folder} to be gone on with as it was begun; {listed}. "
            "Give another folder, or delete this one to train anew.",
            changes,
        )
