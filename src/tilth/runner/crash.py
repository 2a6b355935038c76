"""The crash test: kill a recipe at random points and prove that the finished run is the same as one left alone.

It runs the user's own recipe on some of the documents against the fake server, once undisturbed, then once a trial with
a `kill -9` at a random moment (and now and then a torn record, as a power cut leaves it), and runs again to the end.
Each trial must give the same bytes in every shard, no row lost or twice, and at most `MAX_PASSES` of the undisturbed
spend.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilth.base.errors import TilthError, UserError
from tilth.base.random import stream
from tilth.data.dataset import file_digest
from tilth.generate.fakeserver.config import FakeConfig
from tilth.generate.fakeserver.handle import Handle, spawn
from tilth.recipe import GENERATIONS, Budget, Execution, Recipe, Step, dump_recipe
from tilth.recipe.paths import resolve_paths
from tilth.runner.session import read_ledger
from tilth.runner.verify import verify_run

#: Spend a killed and resumed run may reach, in passes of an undisturbed one.
MAX_PASSES = 1.05
#: Requests in flight in a trial. A kill loses what is in flight and what arrived while the disk was writing, and trials
#: are small: two of a hundred rows leave room under `MAX_PASSES`. A real run has more in flight and far more rows.
_IN_FLIGHT = 2
#: Seconds that the fake server takes for an answer: longer than a slow disk takes for a group of records.
_LATENCY = 0.02
#: Requests a trial needs, so that the few at risk at a kill stay under `MAX_PASSES`.
_LEAST_REQUESTS = 100
_RUN_SECONDS = 600.0
#: Share of the trials that also get a torn record.
_TORN = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One kill: when, how often the run was started, the spend in passes, and what was wrong."""

    number: int
    killed_after: float
    torn: bool
    passes: float
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """All trials against the undisturbed run."""

    requests: int
    rows: int
    seconds: float
    trials: tuple[Trial, ...]

    @property
    def passed(self) -> bool:
        """True when no trial had a fault."""
        return not any(trial.faults for trial in self.trials)

    def text(self) -> str:
        """The verdict for people."""
        worst = max((trial.passes for trial in self.trials), default=0.0)
        bad = [trial for trial in self.trials if trial.faults]
        head = (
            f"{len(self.trials)} kills of a run of {self.requests} requests and {self.rows} rows: "
            f"{len(self.trials) - len(bad)} identical to the undisturbed run, most spend {worst:.3f} passes "
            f"(limit {MAX_PASSES})"
        )
        lines = [head, *(f"FAULT kill {trial.number}: {fault}" for trial in bad for fault in trial.faults)]
        lines.append("passed" if self.passed else "FAILED")
        return "\n".join(lines)


def crash_test(
    recipe: Recipe, base: Path, *, kills: int, rows: int, seed: int, say: Callable[[str], None] = lambda _: None
) -> CrashReport:
    """Run the trials; raises `TilthError` when the recipe cannot be run undisturbed."""
    random = stream(seed, "crash-test")
    with tempfile.TemporaryDirectory(prefix="tilth-crash-") as name, spawn(FakeConfig(latency=_LATENCY)) as server:
        root = Path(name)
        path = root / "recipe.yaml"
        path.write_text(dump_recipe(_variant(recipe, base, rows, server.url)), encoding="utf-8")
        whole = root / "whole"
        started = time.monotonic()
        _finish(path, whole)
        seconds = time.monotonic() - started
        reference = digests(whole)
        requests = server.stats()["outcomes"].get("ok", 0)
        say(f"undisturbed: {requests} requests in {seconds:.1f} s")
        if requests < _LEAST_REQUESTS:
            raise UserError(
                f"expected at least {_LEAST_REQUESTS} requests to kill in; these {rows} documents make {requests}. "
                "Give more with --rows."
            )
        trials = []
        for number in range(1, kills + 1):
            moment = random.uniform(0.1, 1.0) * seconds
            torn = random.random() < _TORN
            server.reset()
            trials.append(_trial(number, path, root / f"trial-{number}", moment, torn, reference, requests, server))
            if trials[-1].faults or number % 10 == 0:
                say(f"kill {number} of {kills}: {'; '.join(trials[-1].faults) or 'identical'}")
        return CrashReport(requests=requests, rows=_count_rows(whole), seconds=seconds, trials=tuple(trials))


def _trial(
    number: int,
    recipe: Path,
    folder: Path,
    moment: float,
    torn: bool,
    reference: dict[str, str],
    requests: int,
    server: Handle,
) -> Trial:
    process = subprocess.Popen(_command(recipe, folder), start_new_session=True, stderr=subprocess.DEVNULL)  # noqa: S603 - our own program
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=moment)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if torn:
        torn = _tear(folder)
    faults = []
    try:
        _finish(recipe, folder)
    except TilthError as error:
        faults.append(str(error))
    passes = server.stats()["outcomes"].get("ok", 0) / requests
    found = digests(folder)
    faults += [
        f"{name}: other bytes than the undisturbed run" for name in reference if found.get(name) != reference[name]
    ]
    faults += [f"{name}: the undisturbed run has no such file" for name in found if name not in reference]
    if not faults:
        report = verify_run(folder)
        faults += [line for line in report.lines if line.startswith("FAULT")]
    if passes > MAX_PASSES:
        faults.append(f"spend of {passes:.3f} passes, limit {MAX_PASSES}")
    return Trial(number=number, killed_after=moment, torn=torn, passes=passes, faults=tuple(faults))


def digests(run_dir: Path) -> dict[str, str]:
    """The digest of every Parquet file of a run, by its path in it."""
    return {str(path.relative_to(run_dir)): file_digest(path) for path in sorted(run_dir.glob("**/part-*.parquet"))}


def _count_rows(run_dir: Path) -> int:
    return sum(step["ledger"]["in"] for step in read_ledger(run_dir)["steps"] if step["kind"] in GENERATIONS)


def _finish(recipe: Path, folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        _command(recipe, folder),
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        check=False,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise TilthError(f"expected the run to finish; it ended with {done.returncode}: {done.stderr.strip()[-2000:]}")


def _command(recipe: Path, folder: Path) -> list[str]:
    return [sys.executable, "-m", "tilth.cli", "run", str(recipe), "--run-dir", str(folder), "--quiet"]


def _tear(folder: Path) -> bool:
    """Append half a record to the newest segment, as a power cut in the middle of a write leaves it."""
    found = sorted(folder.glob("*/journal/*/*.seg"), key=lambda path: path.stat().st_mtime)
    if not found:
        return False
    data = found[-1].read_bytes()
    line = data[data.rfind(b"\n", 0, -1) + 1 :] if data else b'00000000 {"row":'
    with found[-1].open("ab") as file:
        file.write(line[: max(len(line) // 2, 1)])
    return True


def _variant(recipe: Recipe, base: Path, rows: int, url: str) -> Recipe:
    """The recipe on fewer documents, with the fake server for every model and shards small enough to be killed in."""
    steps: dict[str, Step] = {}
    for name, step in resolve_paths(recipe, base).steps.items():
        if step.read is not None:
            read = step.read.model_copy(update={"limit": min(step.read.limit or rows, rows)})
            steps[name] = step.model_copy(update={"read": read})
        elif step.generation is not None:
            steps[name] = step.model_copy(update={step.kind: _fake_model(step.generation, url)})
        else:
            steps[name] = step
    execution = Execution(workers=1, shard_rows=max(rows // 5, 1))
    return recipe.model_copy(update={"steps": steps, "execution": execution, "budget": Budget()})


def _fake_model(settings: Any, url: str) -> Any:
    model = settings.model.model_copy(
        update={
            "engine": "endpoint",
            "model": "fake",
            "urls": (url,),
            "api": "chat",
            "key_env": None,
            "price": None,
            "max_in_flight": _IN_FLIGHT,
        }
    )
    return settings.model_copy(update={"model": model})
