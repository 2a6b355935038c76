"""The one runner: order of steps, checks before spending, resume, ledgers.

`run` is the same call for a first run, a resume and a finished run: it does what is not done. Everything that can be
wrong with sources, prompts, prices or identity is found before the first model call.
"""

import datetime
import platform
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tilth.base.errors import ConfigError, DriftError, StopRun, TilthError
from tilth.base.files import read_json, storage_errors, write_bytes, write_json
from tilth.base.log import EventLog
from tilth.base.progress import Snapshot
from tilth.base.version import VERSION
from tilth.cost import STALE_DAYS, Price, Usage
from tilth.data.dataset import part_name, read_manifest
from tilth.data.files import SourceFile
from tilth.generate.engines.table import describe_engine
from tilth.plan import Plan, load_curation, load_stage, make_plan, save_plan
from tilth.recipe import Budget, Recipe, dump_recipe
from tilth.runner.curation.step import REPORT as CURATION_REPORT
from tilth.runner.curation.step import CurationRun, make_report, settle_curation
from tilth.runner.generation import GenerationRun, Pass, Totals
from tilth.runner.identity import OnDrift, settle_identity
from tilth.runner.lock import lease
from tilth.runner.reading import check_sources, pinned, read_step
from tilth.runner.regroup import announce, is_pending, regroup, settle
from tilth.runner.shard import add_ledgers, check_ledger, read_marker
from tilth.runner.spend import open_session, past_sessions
from tilth.stage import Outcome, Unit

LEDGER = "ledger.json"
#: Seconds between two writes of the session's account while it runs.
_ACCOUNT_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this session goes; none of it decides a text."""

    on_drift: OnDrift = "refuse"
    calls: bool = True  # False: read answers from the journal again, and call nothing
    only: tuple[str, ...] | None = None  # a pilot: these documents alone, no shard is written
    budget: Budget | None = None  # a pilot's own cap
    on_outcome: Callable[[Unit, Outcome], None] | None = None  # a pilot's ear


def run(
    recipe: Recipe,
    base: Path,
    run_dir: Path,
    *,
    options: Options | None = None,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> dict[str, Any]:
    """Do what is not done of a recipe in a run folder; returns the ledger.

    Relative paths in the recipe are taken from `base`. Raises `UserError` before anything is spent where the user must
    act, `StopRun` where a cap, Ctrl-C or the disk ended the run: what was journalled is kept, and the ledger so far is
    on the disk.
    """
    options = options or Options()
    plan = make_plan(recipe, base, run_dir)
    with storage_errors(plan.run_dir):
        plan.run_dir.mkdir(parents=True, exist_ok=True)
    with lease(plan.run_dir):
        return _Session(plan, options, on_snapshot).run()


class _Session:
    """One session of a run."""

    def __init__(self, plan: Plan, options: Options, on_snapshot: Callable[[Snapshot], None]) -> None:
        self._plan = plan
        self._options = options
        self._on_snapshot = on_snapshot
        self._log = EventLog(plan.run_dir / "log.jsonl")
        self._started = time.monotonic()
        self._written = 0.0
        self._alarms: dict[str, list[dict[str, Any]]] = {}
        self._usage = Usage()
        self._reused = 0

    def run(self) -> dict[str, Any]:
        plan = self._plan
        sources, keep = self._check()
        write_bytes(plan.run_dir / "recipe.yaml", dump_recipe(plan.recipe).encode())
        plan_path = save_plan(plan)
        self._before, _ = past_sessions(plan.run_dir, prices_of(plan))
        self._account = open_session(plan.run_dir, plan.generations())
        self._log.event("session_started", session=self._account.number, tilth=VERSION)
        ended = "failed"
        try:
            for name, step in plan.recipe.steps.items():
                if step.generation is not None:
                    self._generate(name, plan_path, keep=keep[name])
                elif not self._options.calls:
                    continue  # answers are read again; what they were asked about stays as it is
                elif step.kind == "read":
                    self._read(name, sources[name])
                elif not keep[name]:
                    CurationRun(plan, name, self._on_snapshot).run(plan_path)
            settle(plan.run_dir)
            ended = "finished"
        except StopRun as error:
            ended = f"stopped: {type(error).__name__}"
            self._log.event("stopped", why=str(error))
            raise
        finally:
            self._account.write(self._session_usage(), self._reused, ended)
            ledger = self._write_ledger(ended)
        return ledger

    def _check(self) -> tuple[dict[str, tuple[SourceFile, ...]], dict[str, bool]]:
        """Everything that can be known to be wrong before the first model call."""
        plan = self._plan
        if not self._options.calls:  # nothing is read or asked: what is journalled is read again, whatever made it
            return {}, dict.fromkeys(plan.recipe.steps, True)
        sources = {
            name: check_sources(pinned(plan.folder(name), step.read))
            for name, step in plan.recipe.steps.items()
            if step.read is not None
        }
        keep = {}
        prices = prices_of(plan)
        for name, step in plan.recipe.steps.items():
            if step.kind == "curate":
                stages = load_curation(plan, name)
                keep[name] = settle_curation(plan.folder(name), stages, self._options.on_drift, plan.recipe.name)
            elif step.generation is not None:
                stage = load_stage(plan, name)
                keep[name] = settle_identity(
                    plan.folder(name), stage.identity, self._options.on_drift, plan.recipe.name
                )
        if plan.recipe.budget.money is not None:
            _check_prices(plan, prices)
        return sources, keep

    def _read(self, name: str, files: tuple[SourceFile, ...]) -> None:
        recipe = self._plan.recipe
        spec = recipe.steps[name].read
        assert spec is not None
        started = time.monotonic()
        folder = self._plan.folder(name)

        def progress(kept: int) -> None:
            self._on_snapshot(Snapshot(step=name, phase="reading", done=kept, kept=kept, started=started))

        def read(found: tuple[SourceFile, ...]) -> None:
            on_drift = self._options.on_drift
            read_step(folder, spec, pinned(folder, spec), found, recipe.execution.shard_rows, on_drift, progress)

        try:
            read(files)
        except DriftError:
            if self._options.on_drift != "regenerate":
                raise
            announce(self._plan.run_dir)
            shutil.rmtree(folder)
            read(check_sources(pinned(folder, spec)))

    def _generate(self, name: str, plan_path: Path, *, keep: bool) -> None:
        options = self._options
        go = Pass(
            session=self._account.number,
            keep=keep,
            calls=options.calls,
            only=options.only,
            budget=options.budget or self._plan.recipe.budget,
            before=self._before + self._usage,
            on_outcome=options.on_outcome,
        )
        if is_pending(self._plan.run_dir):
            source = self._plan.folder(self._plan.step(name).source or "")
            copied = regroup(self._plan.folder(name) / "journal", source)
            self._log.event("regrouped", step=name, answers=copied)
        generation = GenerationRun(self._plan, name, go, self._on_snapshot, self._on_usage)
        try:
            generation.run(plan_path)
        finally:
            self._usage = self._usage + generation.totals.usage()
            self._reused += generation.totals.reused
            self._alarms[name] = generation.totals.alarms

    def _on_usage(self, totals: Totals) -> None:
        now = time.monotonic()
        if now - self._written >= _ACCOUNT_SECONDS:
            self._written = now
            reused = self._reused + totals.reused
            self._account.write(self._session_usage() + totals.usage(), reused)

    def _session_usage(self) -> Usage:
        return self._usage + Usage(seconds=time.monotonic() - self._started)

    def _write_ledger(self, ended: str) -> dict[str, Any]:
        state = "finished" if ended == "finished" else "stopped"
        ledger = make_ledger(self._plan, state, None if state == "finished" else ended, self._alarms)
        write_json(self._plan.run_dir / LEDGER, ledger)
        return ledger


def prices_of(plan: Plan) -> dict[str, Price | None]:
    """The price of each generation step's model; raises `ConfigError` on mistakes."""
    return {name: plan.price(name) for name in plan.generations()}


def _check_prices(plan: Plan, prices: Mapping[str, Price | None]) -> None:
    """A cap on money holds only where what is paid for is counted."""
    paid = [name for name in prices if plan.generation(name).model.engine == "endpoint"]
    missing = [name for name in paid if prices[name] is None]
    if missing or not any(prices.values()):
        raise ConfigError(
            f"budget.money is set, but there is no price for the model of {', '.join(missing) or 'any step'}, so its "
            "calls would never be counted. Set model.price and execution.prices, or cap tokens or hours instead."
        )


def make_ledger(
    plan: Plan,
    state: str,
    stopped_because: str | None,
    alarms: dict[str, list[dict[str, Any]]],
    *,
    settle: bool = True,
) -> dict[str, Any]:
    """The run's ledger, added up from manifests, markers and sessions; raises `LedgerError` when it does not close.

    `settle` writes the recount of a killed session back; a reader beside a running run leaves the files alone.
    """
    path = plan.run_dir / LEDGER
    before = read_json(path) if path.exists() else {"steps": []}
    old = {step["name"]: step for step in before["steps"]}
    steps = []
    for name, step in plan.recipe.steps.items():
        if step.kind == "read":
            steps.append(_read_entry(plan, name))
        elif step.kind == "curate":
            steps.append(_curation_entry(plan, name))
        else:
            steps.append(_generation_entry(plan, name, alarms.get(name) or old.get(name, {}).get("alarms", [])))
    licences: Counter[str] = Counter()
    for entry in steps:
        licences.update(entry.pop("licences", {}))
    first = next(iter(plan.generations()), None)
    return {
        "format": 1,
        "run": plan.recipe.name,
        "recipe_version": plan.recipe.version,
        "tilth": VERSION,
        "python": platform.python_version(),
        "command": " ".join(sys.argv[:1] and [Path(sys.argv[0]).name, *sys.argv[1:]]),
        "state": state,
        "stopped_because": stopped_because,
        "engine": None if first is None else describe_engine(plan.generation(first).model),
        "steps": steps,
        "cost": _cost_entry(plan, settle=settle),
        "licences": dict(licences.most_common()),
    }


def _read_entry(plan: Plan, name: str) -> dict[str, Any]:
    manifest = read_manifest(plan.folder(name))
    empty = {"in": 0, "kept": 0, "reasons": {}}
    return {
        "name": name,
        "kind": "read",
        "source": None,
        "ledger": dict(manifest.ledger) if manifest else empty,
        "files": [
            {key: entry[key] for key in ("uri", "in", "kept", "reasons")}
            for entry in (manifest.details["files"] if manifest else [])
        ],
    }


def _curation_entry(plan: Plan, name: str) -> dict[str, Any]:
    manifests = [read_manifest(plan.folder(source)) for source in plan.step(name).sources]
    names = [part_name(number) for number in range(sum(len(found.shards) for found in manifests if found))]
    finished = read_manifest(plan.folder(name)) is not None
    if finished:
        report = read_json(plan.folder(name) / CURATION_REPORT)
        check_ledger(name, report["ledger"])
    else:
        report = make_report(plan.folder(name), load_curation(plan, name), names)
    return {
        "name": name,
        "kind": "curate",
        "source": list(plan.step(name).sources),
        "shards": {"done": report["parts"]["done"], "of": len(names)},
        "ledger": report["ledger"] if finished else {"in": 0, "kept": 0, "reasons": {}},
        "stages": report["stages"],
        "by_source": report["by_source"],
        "meanings": report["meanings"],
        "licences": _licences(report["by_source"]) if _is_last(plan, name) else {},
    }


def _is_last(plan: Plan, name: str) -> bool:
    """True where no step goes on from this one: its rows are what the run made."""
    return not any(name in step.sources for step in plan.recipe.steps.values())


def _licences(by_source: Mapping[str, Any]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for entry in by_source.values():
        total.update(entry.get("licence", {}))
    return dict(total)


def _generation_entry(plan: Plan, name: str, alarms: list[dict[str, Any]]) -> dict[str, Any]:
    source = read_manifest(plan.folder(plan.step(name).source or ""))
    names = [shard.name for shard in source.shards] if source else []
    markers = [marker for part in names if (marker := read_marker(plan.folder(name), part)) is not None]
    by_prompt: dict[str, dict[str, Any]] = {}
    flags: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    for marker in markers:
        flags.update(marker["flags"])
        licences.update(marker["licences"])
        for prompt, entry in marker["by_prompt"].items():
            by_prompt[prompt] = add_prompt(by_prompt[prompt], entry) if prompt in by_prompt else entry
    routing = add_ledgers([marker["routing"] for marker in markers])
    ledger = add_ledgers([marker["ledger"] for marker in markers])
    check_ledger(f"{name} routing", routing)
    check_ledger(name, ledger)
    return {
        "name": name,
        "kind": plan.step(name).kind,
        "source": plan.step(name).source,
        "shards": {"done": len(markers), "of": len(names)},
        "documents": sum(marker["documents"] for marker in markers),
        "routing": routing,
        "ledger": ledger,
        "by_prompt": by_prompt,
        "flags": dict(flags.most_common()),
        "passing": sum(marker["passing"] for marker in markers),
        "alarms": alarms,
        "licences": dict(licences) if _is_last(plan, name) else {},
    }


def add_prompt(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The sum of two per-prompt entries."""
    flags = Counter(one["flags"])
    flags.update(other["flags"])
    tokens = {key: one[key] + other[key] for key in ("prompt_tokens", "completion_tokens")}
    return {**add_ledgers([one, other]), "flags": dict(flags), **tokens}


def _cost_entry(plan: Plan, *, settle: bool) -> dict[str, Any]:
    prices = prices_of(plan)
    price = next((found for found in prices.values() if found is not None), None)
    total, sessions = past_sessions(plan.run_dir, prices, settle=settle)
    entry = {**asdict(total), "answers_reused": sum(record["reused"] for record in sessions)}
    entry["currency"] = price.currency if price else "USD"
    entry["price"] = None
    if price is not None:
        age = price.age_days(datetime.datetime.now(datetime.UTC).date())
        entry["price"] = {**price.model_dump(mode="json"), "age_days": age, "stale": age > STALE_DAYS}
    entry["sessions"] = sessions
    return entry


def read_ledger(run_dir: Path) -> dict[str, Any]:
    """The ledger of a run folder; raises `ConfigError` where there is none."""
    path = run_dir / LEDGER
    if not path.exists():
        raise ConfigError(f"expected a run in {run_dir}; it has no {LEDGER}. Name the folder that tilth run printed.")
    ledger: dict[str, Any] = read_json(path)
    if ledger.get("format") != 1:
        raise TilthError(f"{path} was written by another version of tilth; run the recipe again with this one.")
    return ledger
