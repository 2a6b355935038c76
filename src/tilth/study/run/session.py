"""One session of a study: texts, tokens, mixtures, models, scores, in this order; the same call starts and resumes.

    runs/<study>/
      study.yaml                the study, every path absolute: it runs again from here
      sources/ corpora/         whole runs (`tilth status` takes them), one a source and one a way of writing
      tokenizer-<id>/ tokens/ mixtures/ models/ scores/
      results/results.parquet   every scored item of every run, the only table that statistics read
      about.json                facts, shares, repeats, contamination, samples, cost and fate of every arm
      costs.json runs.json      what each part cost; what became of each run

Every folder is named after what decides its content, so a changed study makes what changed and takes the rest as it is,
and nothing is mixed up. What goes wrong in one arm (a source that cannot be read, a server that is gone, a mixture that
asks for more tokens than there are, a loss that is no number, a process that is killed) fails that arm by name; the
others go on. A broken disk, a cap and Ctrl-C end the session.
"""

import importlib.util
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tilth.base.errors import BudgetReached, ConfigError, MissingExtra, StorageError, TilthError
from tilth.base.files import storage_errors, write_bytes, write_json
from tilth.base.fingerprint import fingerprint
from tilth.base.log import EventLog
from tilth.base.progress import Snapshot
from tilth.data.tokenized import TokenSet
from tilth.evaluate.version import evaluation_version
from tilth.recipe.stages.evaluate import HELD_OUT, Evaluate
from tilth.recipe.stages.mix import Kind
from tilth.runner.lock import lease
from tilth.study.design import Arm, Study
from tilth.study.run.accounts import PURPOSES, Accounts
from tilth.study.run.models import Job, Outcome, reused, run_jobs
from tilth.study.run.outcome import ArmRun, Finished, gather_results, stopped_arms, write_findings
from tilth.study.run.recipes import (
    CorpusKey,
    check_runnable,
    corpus_key,
    corpus_recipe,
    held_out_sources,
    resolved,
    slug,
    source_recipe,
)
from tilth.study.run.settings import evaluate_settings, judged_files, seeds_in_order, train_settings
from tilth.study.run.shards import Mixture, make_shards, make_tokenizer, make_tokens, mix_of
from tilth.study.run.texts import Text, make_text
from tilth.train.presets import resolve

#: What concerns one arm alone: it fails by name and the others go on.
_ONE_ARM = (TilthError, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this session goes; none of it decides a score."""

    workers: int = 0  # models trained at once; 0: one a GPU, or one a core
    arms: tuple[str, ...] = ()  # these alone, and the baseline; none: all
    contamination: bool = True  # look for benchmark items in the data of each arm


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRun:
    """A session's end: where the study lies, and what became of every run. `stopped` names why it ended early."""

    folder: Path
    study: Study
    results: Path
    about: Path
    runs: tuple[ArmRun, ...]
    stopped: str | None = None

    @property
    def failed(self) -> tuple[ArmRun, ...]:
        """Runs that have no score and were not given up on purpose."""
        return tuple(run for run in self.runs if run.state in ("failed", "diverged"))


def run_study(
    study: Study,
    base: Path,
    folder: Path,
    *,
    options: Options | None = None,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> StudyRun:
    """Do what is not done of a study in `folder`. Relative paths are taken from `base`, the study file's folder.

    Raises `ConfigError` for a study that does not say how its parts are made, `MissingExtra` without the extra
    `train`, `BudgetReached` where the budget's hours are spent, and what a broken disk raises.
    """
    chosen = options or Options()
    study = resolved(study, base)
    check_runnable(study)
    if not all(task.startswith(HELD_OUT) for task in study.evaluation.tasks):
        judged_files(evaluate_settings(study, {}))  # raises for a task that no block describes
    for package in ("torch", "transformers", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra("running a study", package, "train")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with lease(folder):
        return _Session(study, folder.resolve(), chosen, on_snapshot).run()


@dataclass(slots=True)
class _Made:
    """What a session made or found, and what failed on the way: arm -> why."""

    sources: dict[str, Text] = field(default_factory=dict)
    corpora: dict[CorpusKey, Text] = field(default_factory=dict)
    tokens: dict[str, TokenSet] = field(default_factory=dict)  # by the text's name
    mixtures: dict[str, Mixture] = field(default_factory=dict)  # by the job's name
    why: dict[str, str] = field(default_factory=dict)  # what failed, by source, corpus or token set


class _Session:
    def __init__(self, study: Study, folder: Path, options: Options, on_snapshot: Callable[[Snapshot], None]) -> None:
        self._study, self._folder, self._options, self._on_snapshot = study, folder, options, on_snapshot
        self._accounts = Accounts(folder / "costs.json")
        self._log = EventLog(folder / "log.jsonl")
        self._made = _Made()
        self._runs: dict[str, ArmRun] = {}
        self._cores = os.cpu_count() or 1

    def run(self) -> StudyRun:
        study = self._study
        write_bytes(self._folder / "study.yaml", _dumped(study).encode())
        self._log.event("session_started", study=study.name)
        arms = self._chosen()
        self._make_texts(arms)
        self._make_tokens()
        jobs = self._jobs(arms)
        stopped = None
        try:
            self._train(jobs)
        except BudgetReached as error:
            stopped = str(error)
        results = self._folder / "results" / "results.parquet"
        with self._accounts.spent("report", "own"):
            gather_results(self._runs.values(), results)
            about = write_findings(self._finished(arms), self._folder / "about.json", self._benchmarks())
        write_json(self._folder / "runs.json", [run.as_json() for run in self._runs.values()])
        self._log.event("session_ended", why=stopped or "finished")
        return StudyRun(
            folder=self._folder,
            study=study,
            results=results,
            about=about,
            runs=tuple(self._runs.values()),
            stopped=stopped,
        )

    def _chosen(self) -> list[Arm]:
        every, wanted = self._study.all_arms(), self._options.arms
        for name in wanted:
            self._study.arm(name)
        return [arm for arm in every if not wanted or arm.name in wanted or arm.name == self._study.baseline]

    def _make_texts(self, arms: list[Arm]) -> None:
        """Every source and corpus that an arm needs; what fails is noted, and its arms fail with it."""
        study, made = self._study, self._made
        keys = [key for arm in arms if (key := corpus_key(arm)) is not None]
        named = [*(arm.mix_in for arm in arms), *(key.source for key in keys), *held_out_sources(study)]
        if not isinstance(study.tokenizer, str):
            named.append(study.tokenizer.train_on)
        sources = list(dict.fromkeys(name for name in named if name is not None))
        corpora = list(dict.fromkeys(keys))
        for place, name in enumerate(sources):
            self._show("sources", name, place, len(sources))
            with self._noted(name), self._accounts.spent(name, "generation"):
                made.sources[name] = self._text(name, "original", "sources")
        for place, key in enumerate(corpora):
            self._show("corpora", key.name, place, len(corpora))
            if key.source is not None and key.source not in made.sources:
                made.why[key.name] = made.why[key.source]
                continue
            with self._noted(key.name), self._accounts.spent(key.name, "generation"):
                first = made.sources[key.source] if key.source is not None else None
                made.corpora[key] = make_text(
                    key.name, "synthetic", corpus_recipe(study, key), self._folder / "corpora", first=first,
                    on_snapshot=self._on_snapshot,
                )  # fmt: skip

    def _text(self, name: str, kind: Kind, where: str) -> Text:
        recipe = source_recipe(self._study, name)
        return make_text(name, kind, recipe, self._folder / where, on_snapshot=self._on_snapshot)

    def _make_tokens(self) -> None:
        study, made = self._study, self._made
        if not isinstance(study.tokenizer, str) and study.tokenizer.train_on not in made.sources:
            raise ConfigError(
                f"the tokenizer is trained on {study.tokenizer.train_on}, which could not be made: "
                f"{made.why[study.tokenizer.train_on]}"
            )
        with self._accounts.spent("tokenizer", "data"):
            tokenizer = make_tokenizer(study, self._folder, made.sources)
        texts = [*made.sources.values(), *made.corpora.values()]
        for place, text in enumerate(texts):
            self._show("tokens", text.name, place, len(texts))
            with self._noted(text.name), self._accounts.spent(text.name, "data"):
                made.tokens[text.name] = make_tokens(text, tokenizer, self._folder / "tokens", self._cores)

    def _jobs(self, arms: list[Arm]) -> list[Job]:
        """A job an arm, size and seed, seeds first, so that a session that is cut short has whole rounds of arms."""
        study = self._study
        wanted = [
            (arm, size, seed)
            for seed in seeds_in_order(study)
            for arm in arms
            for size in study.sizes_of(arm)
            if seed in study.seeds_of(arm)
        ]
        found: list[Job] = []
        for place, (arm, size, seed) in enumerate(wanted):
            self._show("mixtures", arm.name, place, len(wanted))
            run = ArmRun(arm=arm.name, size=size, seed=seed, state="not run")
            self._runs[run.name] = run
            try:
                with self._accounts.spent(run.name, "data"):
                    found.append(self._job(run, arm))
            except StorageError:
                raise
            except _ONE_ARM as error:
                self._runs[run.name] = replace(run, state="failed", detail=str(error))
                self._log.event("failed", run=run.name, why=str(error))
        return found

    def _job(self, run: ArmRun, arm: Arm) -> Job:
        study = self._study
        settings = train_settings(study, arm, run.size, run.seed)
        plan = resolve(settings).recipe
        parts = self._parts(arm)
        mix = mix_of(arm, plan.tokens, plan.sequence, run.seed, parts)
        tokens = {part.name: self._made.tokens[part.name] for part in mix.parts}
        mixture = make_shards(mix, tokens, self._folder / "mixtures", run.name, plan.sequence)
        self._made.mixtures[run.name] = mixture
        identity = fingerprint([mixture.fingerprint, settings])[:10]
        judge = self._evaluate()
        version = fingerprint([identity, evaluation_version(judge)])[:10]
        return Job(
            arm=arm.name,
            size=run.size,
            seed=run.seed,
            shards=mixture.shards,
            model=self._folder / "models" / f"{slug(run.name)}-{identity}",
            scores=self._folder / "scores" / f"{slug(run.name)}-{version}",
            train=settings,
            evaluate=judge,
        )

    def _parts(self, arm: Arm) -> dict[Kind, Text]:
        """The texts of an arm; raises `ConfigError` with the reason where one could not be made."""
        made, key = self._made, corpus_key(arm)
        found: dict[Kind, Text] = {}
        wanted: list[tuple[Kind, str | None, Text | None]] = [
            ("original", arm.mix_in, made.sources.get(arm.mix_in or "")),
            ("synthetic", key.name if key else None, made.corpora.get(key) if key else None),
        ]
        for kind, name, text in wanted:
            if name is None:
                continue
            if text is None or name not in made.tokens:
                raise ConfigError(f"{name}: {made.why.get(name, 'not made')}")
            found[kind] = text
        return found

    def _evaluate(self) -> Evaluate:
        made = self._made
        held = {}
        for name in held_out_sources(self._study):
            if name not in made.sources:
                raise ConfigError(f"held-out text of {name}: {made.why.get(name, 'not made')}")
            folder = made.sources[name].held_out
            assert folder is not None, "a source that a task judges by has a step that holds out"
            held[name] = str(folder)
        return evaluate_settings(self._study, held)

    def _train(self, jobs: list[Job]) -> None:
        """Train and score every job; with stopping rules, round by round of seeds, looking in between."""
        for round_ in self._rounds(jobs):
            for job in round_:
                there = reused(job)
                if there is not None:
                    self._settle(there)
            left = [job for job in round_ if self._runs[job.name].state == "not run"]
            self._within_hours()
            done = sum(run.state != "not run" for run in self._runs.values())
            self._show("models", "training and scoring", done, len(self._runs))
            with _Timed() as timed:
                for outcome in run_jobs(left, self._workers(), gpus(), self._settle):
                    done += 1
                    self._show("models", outcome.job.name, done, len(self._runs))
                    self._within_hours()
            self._accounts.add("session", "own", timed.seconds, timed.held)
            self._stop_hopeless()

    def _rounds(self, jobs: list[Job]) -> list[list[Job]]:
        if self._study.stopping is None:
            return [jobs]
        order = seeds_in_order(self._study)
        return [found for seed in order if (found := [job for job in jobs if job.seed == seed])]

    def _settle(self, outcome: Outcome) -> None:
        """Put a run's fate and cost down."""
        job = outcome.job
        run = self._runs[job.name]
        self._runs[job.name] = replace(
            run, state=outcome.state, detail=outcome.detail, step=outcome.step, outcome=outcome
        )
        for purpose in PURPOSES:
            if purpose in outcome.seconds:
                seconds, held = outcome.seconds[purpose], outcome.held[purpose]
                self._accounts.add(job.name, purpose, seconds, held, gpu=outcome.gpu and purpose != "own")
        self._log.event(outcome.state, run=job.name, why=outcome.detail)

    def _stop_hopeless(self) -> None:
        """Give up the arms that the rule names; their later seeds are not trained."""
        if self._study.stopping is None:
            return
        with self._accounts.spent("stopping", "own"):
            for size, found in stopped_arms(self._study, self._runs.values(), self._folder / "looks").items():
                for one in found:
                    for name, run in self._runs.items():
                        if (run.arm, run.size, run.state) == (one.arm, size, "not run"):
                            self._runs[name] = replace(
                                run, state="stopped early", detail=one.sentence(), error=one.error, looks=one.looks
                            )
                            self._log.event("stopped early", run=name, why=one.sentence())

    def _within_hours(self) -> None:
        most = self._study.budget.hours
        spent = self._accounts.clock() / self._workers()
        if most is not None and spent >= most:
            raise BudgetReached(
                f"the budget of {most:g} hours is spent ({spent:.2f}). Raise budget.hours and run the study again: it "
                "goes on from here."
            )

    def _workers(self) -> int:
        return self._options.workers or gpus() or self._cores

    def _finished(self, arms: Iterable[Arm]) -> Finished:
        return Finished(
            study=self._study,
            arms=tuple(arms),
            sources=self._made.sources,
            corpora=self._made.corpora,
            tokens=self._made.tokens,
            mixtures=self._made.mixtures,
            runs=tuple(self._runs.values()),
            accounts=self._accounts,
        )

    def _benchmarks(self) -> tuple[Path, ...]:
        """Files to look for in the data: of the benchmarks that are judged by."""
        if not self._options.contamination or all(task.startswith(HELD_OUT) for task in self._study.evaluation.tasks):
            return ()
        return judged_files(evaluate_settings(self._study, {}))

    def _noted(self, name: str) -> "_Noted":
        return _Noted(name, self._made.why, self._log)

    def _show(self, step: str, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        self._on_snapshot(Snapshot(step=step, phase=phase, done=done, kept=done, total=total, started=now))


class _Noted:
    """A block whose failure is noted under a name and goes no further; a broken disk does."""

    def __init__(self, name: str, why: dict[str, str], log: EventLog) -> None:
        self._name, self._why, self._log = name, why, log

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> bool:
        if error is None or isinstance(error, StorageError) or not isinstance(error, _ONE_ARM):
            return False
        self._why[self._name] = str(error)
        self._log.event("failed", part=self._name, why=str(error))
        return True


class _Timed:
    """Processor seconds of this process alone, and the clock, over a block in which others work."""

    seconds = held = 0.0

    def __enter__(self) -> "_Timed":
        self._begun = time.process_time(), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.process_time() - self._begun[0]
        self.held = time.monotonic() - self._begun[1]


def gpus() -> int:
    """GPUs that torch sees; a machine without NVIDIA's driver imports nothing."""
    if not Path("/dev/nvidiactl").exists():
        return 0
    import torch

    return int(torch.cuda.device_count())


def _dumped(study: Study) -> str:
    value = study.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
