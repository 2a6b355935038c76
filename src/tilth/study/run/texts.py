"""Makes the texts of a study: runs the recipe of a source or a corpus in a folder named after what decides it.

A corpus's first steps are its source's: their files are linked into its folder, so that nothing is read or curated
twice and each corpus is still a whole run (`tilth status`, `tilth verify` and `tilth explain` take its folder). Linked
files are never changed in place: every file of a dataset is written whole and renamed.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.base.errors import SourceError
from tilth.base.fingerprint import fingerprint
from tilth.base.progress import Snapshot
from tilth.data.dataset import Manifest, read_manifest
from tilth.recipe.stages.mix import Kind
from tilth.runner.session import run as run_recipe
from tilth.study.run.recipes import Textual, slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A finished dataset that arms are mixed of. `digest` is of its shards' bytes: what a later part is made from."""

    name: str
    kind: Kind
    folder: Path
    digest: str
    rows: int
    run_dir: Path
    held_out: Path | None = None  # a folder of Parquet files with the held-out rows
    first: Path | None = None  # the dataset that it was written from
    ledger: dict[str, Any] | None = None

    def money(self) -> float | None:
        """What the calls cost, over all sessions; None where nothing was paid or known."""
        return None if self.ledger is None else self.ledger["cost"].get("money") or None

    def tokens_generated(self) -> int:
        """Completion tokens, over all sessions."""
        return 0 if self.ledger is None else int(self.ledger["cost"]["completion_tokens"])


def make_text(
    name: str,
    kind: Kind,
    textual: Textual,
    root: Path,
    *,
    first: Text | None = None,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Text:
    """Run the recipe under `root` and return its dataset; what is finished there is kept.

    `first`: the source whose steps the recipe begins with. Raises what a run raises, and `SourceError` where no row is
    left to train on.
    """
    identity = {"recipe": textual.recipe, "step": textual.step, "first": None if first is None else first.digest}
    run_dir = root / f"{slug(name)}-{fingerprint(identity)[:10]}"
    if first is not None and not (run_dir / "ledger.json").exists():
        _link_steps(first.run_dir, run_dir, textual)
    ledger = run_recipe(textual.recipe, Path.cwd(), run_dir, on_snapshot=on_snapshot)
    folder = run_dir / textual.step
    manifest = read_manifest(folder)
    assert manifest is not None, "a run that ended well has finished its steps"
    rows = sum(shard.rows for shard in manifest.shards)
    if not rows:
        raise SourceError(
            f"expected text to train on from {name}; no row is left of {_lost(ledger)}. Look at {run_dir}/ledger.json "
            "and the dropped rows, and loosen what drops them."
        )
    return Text(
        name=name,
        kind=kind,
        folder=folder,
        digest=digest_of(manifest),
        rows=rows,
        run_dir=run_dir,
        held_out=run_dir / textual.held_out / "dropped" if textual.held_out is not None else None,
        first=None if first is None else first.folder,
        ledger=ledger,
    )


def digest_of(manifest: Manifest) -> str:
    """What a dataset holds, by the bytes of its shards."""
    return fingerprint([[shard.name, shard.digest] for shard in manifest.shards])


def _link_steps(source: Path, run_dir: Path, textual: Textual) -> None:
    """Give the new run the finished steps of its source, if it is not begun yet; killed half-way it is done again."""
    for step in textual.recipe.steps:
        made, target = source / step, run_dir / step
        if not (made / "manifest.json").exists() or (target / "manifest.json").exists():
            continue
        beside = run_dir / f".{step}.linking"
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, beside, copy_function=_link)
        beside.rename(target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def _lost(ledger: dict[str, Any]) -> str:
    entry = ledger["steps"][0]["ledger"]
    return f"{entry['in']:,} rows that were read"
