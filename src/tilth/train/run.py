"""Train one model on a packed token set: `train` starts, resumes and completes a run in a folder.

train(Path("shards/table"), Path("runs/table-seed0"), Train(preset="smoke", seed=0))

runs/table-seed0/
  identity.json              what decides the weights
  checkpoints/step-00000098/ a transformers folder with its tokenizer; one each evaluation point
  metrics.parquet            a row a logged step
  state/                     what a resume needs; gone when the run is finished
  branch/                    the state where the decay begins, if asked for
  train.json                 the run is finished; written last
"""

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from tilth.base.files import read_json, write_json
from tilth.base.fingerprint import fingerprint
from tilth.data.tokenized import PACKED, TokenSet, open_tokens
from tilth.recipe.stages.train import Train
from tilth.runner.lock import lease
from tilth.tokens.tokenizer import HubTokenizer, check_fits
from tilth.train import state as states
from tilth.train.branch import resolve_decay
from tilth.train.identity import check_identity, identity, write_identity
from tilth.train.model import Base, build, check_length, find_base, load_base, need_torch, tokenizer_files, tokenizer_of
from tilth.train.presets import Resolved, resolve
from tilth.train.progress import Progress
from tilth.train.sequences import Sequences

if TYPE_CHECKING:
    from tilth.train.loop import Outcome

NAME: Final = "train.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model to evaluate. `path`: a transformers folder with the tokenizer in it, which vLLM and lm-eval read."""

    step: int
    tokens: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A finished run. `tokens`: trained on; `left`: in the set or the budget, and not trained on."""

    folder: Path
    state: Literal["finished", "diverged"]
    checkpoints: tuple[Checkpoint, ...]
    parameters: int
    tokens: int
    left: int
    tokenizer: str  # fingerprint of the token set's tokenizer
    learning_rate: float
    seconds: float  # of training, over all sessions
    processes: int  # that finished it together
    diverged_at: int | None  # step whose loss or gradient was no finite number
    special_tokens: dict[str, int]  # special tokens other than the closing one -> times seen in the first tokens


def silent(progress: Progress) -> None:
    """Show nothing."""


def train(tokens: Path, out: Path, settings: Train, *, on_progress: Callable[[Progress], None] = silent) -> Trained:
    """Train on the packed token set in `tokens`; everything lies in `out`. The same call resumes exactly.

    A loss that is no number ends the run in state "diverged", with no checkpoint after it. Raises ConfigError where
    budget, batch, tokenizer and model do not fit one another, DriftError where `out` was begun with other settings or
    tokens, RunLocked where another process trains in it, and MissingExtra without the extra `train`.
    """
    job = prepare(tokens, settings)
    check_identity(out, job.identity)
    done = read_trained(out)
    if done is not None:
        return done
    with lease(out) if _rank() == 0 else contextlib.nullcontext():
        return _train(job, out, on_progress)


def read_trained(folder: Path) -> Trained | None:
    """The finished run in `folder`, or None where it is not finished."""
    path = folder / NAME
    if not path.exists():
        return None
    value = read_json(path)
    checkpoints = tuple(
        Checkpoint(step=each["step"], tokens=each["tokens"], path=folder / each["path"])
        for each in value["checkpoints"]
    )
    known = {name: value[name] for name in Trained.__dataclass_fields__ if name not in ("folder", "checkpoints")}
    return Trained(folder=folder, checkpoints=checkpoints, **known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that is known before torch is imported."""

    made: Resolved
    packed: TokenSet
    tokenizer: HubTokenizer
    base: Base | None
    branch: states.Branch | None
    sequences: Sequences
    begin: int  # first sequence of the set that is trained on
    identity: dict[str, str]


def prepare(tokens: Path, settings: Train) -> Job:
    """Read and check everything that a run is made of. Imports no torch."""
    packed = open_tokens(tokens, PACKED)
    branch = states.read_branch(str(settings.start)) if settings.phase == "decay" else None
    made = resolve_decay(settings, branch) if branch is not None else resolve(settings)
    tokenizer = tokenizer_of(packed, settings)
    base = find_base(settings) if settings.start is not None and branch is None else None
    for begin_from in (base, branch):
        if begin_from is not None:
            check_fits(tokenizer, begin_from.folder)
            check_length(begin_from.folder, made.recipe.sequence)
    mark = packed.manifest.fingerprint
    begin = branch.sequences if branch is not None and branch.tokens == mark else 0
    sequences = Sequences(
        packed,
        made.recipe.sequence,
        made.sequences,
        documents=made.recipe.documents,
        offset=made.first * made.batch,
        begin=begin,
    )
    start = branch.fingerprint if branch is not None else base.fingerprint if base is not None else None
    return Job(
        made=made,
        packed=packed,
        tokenizer=tokenizer,
        base=base,
        branch=branch,
        sequences=sequences,
        begin=begin,
        identity=identity(made, mark, tokenizer.fingerprint, start),
    )


def _train(job: Job, out: Path, on_progress: Callable[[Progress], None]) -> Trained:
    need_torch()
    from tilth.train.loop import fit

    if _rank() == 0:
        check_identity(out, job.identity)  # again, now that nobody else writes here
        write_identity(out, job.identity)
    seen = special_tokens(job.packed, job.tokenizer)
    if seen:
        _log.warning(
            "%s holds special tokens (%s): a base model that never saw them may lose much by it (docs/train.md)",
            job.packed.folder,
            ", ".join(f"{token} {count:,} times" for token, count in seen.items()),
        )
    beside = job.base.folder if job.base is not None else job.branch.folder if job.branch is not None else None
    outcome = fit(
        job.made,
        lambda: _model(job),
        job.sequences,
        out,
        branch=None if job.branch is None else job.branch.folder,
        tokenizer_files=tokenizer_files(job.tokenizer, beside, job.made.recipe.sequence),
        facts={"tokens": job.packed.manifest.fingerprint, "fingerprint": fingerprint(job.identity)},
        on_progress=on_progress,
    )
    trained = _trained(job, out, outcome, seen)
    if _rank() == 0:
        write_json(out / NAME, shown(trained))
        states.prune(out, None)
    return trained


def _model(job: Job) -> Any:
    settings = job.made.settings
    if job.base is not None:
        return load_base(job.base.folder, settings.attention)
    if job.branch is not None:
        return load_base(job.branch.folder, settings.attention)
    if job.made.architecture is None:
        raise AssertionError("a run has an architecture, a base or a branch")
    return build(job.made.architecture, job.tokenizer, job.made.recipe.sequence, settings.seed, settings.attention)


def special_tokens(packed: TokenSet, tokenizer: HubTokenizer, most: int = 1 << 22) -> dict[str, int]:
    """Special tokens in the first `most` tokens of a set, beside those that close and open documents -> times seen.

    Chat tokens that a base model never met in pre-training took GSM8K from 49.43 to 0 (Olmo 3): they are reported.
    """
    special = {
        entry["id"]: entry["content"] for entry in tokenizer.parsed().get("added_tokens") or [] if entry.get("special")
    }
    counts = np.zeros(tokenizer.size, np.int64)
    for shard in packed.shards:
        ids = shard.ids(packed.dtype)[: max(0, most - int(counts.sum()))]
        counts += np.bincount(ids, minlength=tokenizer.size)[: tokenizer.size]
    return {
        token: int(counts[number])
        for number, token in sorted(special.items())
        if number not in (tokenizer.eos, tokenizer.bos) and counts[number]
    }


def _trained(job: Job, out: Path, outcome: "Outcome", seen: dict[str, int]) -> Trained:
    from tilth.train.watch import checkpoint_folder, checkpoint_steps

    made, end = job.made, outcome.diverged_at
    batch = made.recipe.batch_tokens
    steps = [step for step in sorted(checkpoint_steps(made)) if end is None or step < end]
    trained = (made.last if end is None else end) - made.first
    return Trained(
        folder=out,
        state="finished" if end is None else "diverged",
        checkpoints=tuple(
            Checkpoint(step=step, tokens=(step - made.first) * batch, path=checkpoint_folder(out, step))
            for step in steps
        ),
        parameters=outcome.parameters,
        tokens=trained * batch,
        left=job.packed.tokens - job.begin * made.recipe.sequence - trained * batch,
        tokenizer=job.tokenizer.fingerprint,
        learning_rate=made.recipe.learning_rate,
        seconds=round(outcome.seconds, 3),
        processes=outcome.processes,
        diverged_at=end,
        special_tokens=seen,
    )


def shown(trained: Trained) -> dict[str, Any]:
    """What train.json says of a run; paths are relative to its folder."""
    value = asdict(trained)
    del value["folder"]
    for entry, checkpoint in zip(value["checkpoints"], trained.checkpoints, strict=True):
        entry["path"] = checkpoint.path.relative_to(trained.folder).as_posix()
    return value


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))
