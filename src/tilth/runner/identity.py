"""Identity: what decided the texts that a run already has, and what a resume under another one would change.

`identity.json` beside a step's journal holds the flat fields of the stage's `Identity`. A resume compares field by
field, and refuses a difference with the fields and the number of rows they touch; the choices are `keep` (the answers
that are there stay, new rows follow the new recipe), `regenerate` (the rows touched are asked again) and a new run.
A field that only appeared (a prompt that was added) touches no row.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tilth.base.errors import Change, DriftError
from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint
from tilth.generate.journal import Torn, read_segment
from tilth.stage import Identity

OnDrift = Literal["refuse", "keep", "regenerate"]


def generation_fingerprint(identity: Identity) -> str:
    """The fingerprint of everything that decides the texts of a step."""
    return fingerprint([identity.shared, identity.by_prompt])


def reading_fingerprint(identity: Identity) -> str:
    """The fingerprint of everything that decides how answers are read."""
    return fingerprint(identity.reading)


def settle_identity(folder: Path, identity: Identity, on_drift: OnDrift, run: str) -> bool:
    """Compare with the recorded identity and record the present one.

    Returns True where answers made under another identity are to be kept. Raises `DriftError` on a difference that
    `on_drift` does not settle.
    """
    path = folder / "identity.json"
    recorded = read_json(path) if path.exists() else None
    keep = bool(recorded and recorded["keep"])
    if recorded is not None:
        changes = find_changes(recorded, identity, folder / "journal")
        if changes and on_drift == "refuse":
            raise drift_error(changes, run)
        if changes:
            keep = on_drift == "keep"
    write_json(path, {"shared": dict(identity.shared), "by_prompt": _plain(identity), "keep": keep})
    return keep


def find_changes(recorded: Mapping[str, Any], identity: Identity, journal: Path) -> list[Change]:
    """The fields that differ, each with the number of journalled rows it touches; counts rows only on a difference."""
    shared = _differences(recorded["shared"], identity.shared)
    prompts = {
        name: _differences(fields, identity.by_prompt.get(name, {})) for name, fields in recorded["by_prompt"].items()
    }
    if not shared and not any(prompts.values()):
        return []
    rows = count_rows(journal)
    changes = [Change(field, old, new, sum(rows.values())) for field, old, new in shared]
    for name, differences in prompts.items():
        changes += [Change(f"{name}.{field}", old, new, rows.get(name, 0)) for field, old, new in differences]
    return [change for change in changes if change.rows > 0]


def count_rows(journal: Path) -> Counter[str]:
    """Journalled rows by prompt. Reads the whole journal; memory: one short key a row of one part."""
    rows: Counter[str] = Counter()
    for part in sorted(journal.glob("*")):
        seen: dict[str, str] = {}
        for path in sorted(part.glob("*.seg")):
            for item in read_segment(path):
                if not isinstance(item, Torn):
                    seen[item.row] = item.task
        rows.update(seen.values())
    return rows


def drift_error(changes: list[Change], run: str) -> DriftError:
    """The refusal, with every changed field and what can be done."""
    most = max(change.rows for change in changes)
    choices = (
        "choose one: --keep (keep these rows, use the new settings for the rest), "
        "--regenerate (ask for these rows again) or --new-run (leave this run as it is)."
    )
    lines = [
        f"the run {run!r} was made under another identity; {most:,} finished rows are touched:",
        *(f"  {change.field}: {change.recorded} -> {change.now}  ({change.rows:,} rows)" for change in changes),
        choices,
    ]
    return DriftError("\n".join(lines), tuple(changes), most)


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [(name, old[name], new.get(name, "(gone)")) for name in sorted(old) if old[name] != new.get(name, "(gone)")]


def _plain(identity: Identity) -> dict[str, dict[str, str]]:
    return {name: dict(fields) for name, fields in identity.by_prompt.items()}
