"""What a study has to show for itself: one table of results, and what is known of each arm beside it.

The table holds every item of every run that was scored, diverged runs as NaN and never as zero; it is put together from
the runs of this study alone, so scores of an older version of the study file are in nobody's way.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tilth.base.errors import ConfigError
from tilth.data.results import RESULTS, write_results
from tilth.data.tokenized import TokenSet
from tilth.study.about import (
    About,
    ArmAbout,
    Contamination,
    Cost,
    Dataset,
    Hours,
    Part,
    RunNote,
    RunOutcome,
    write_about,
)
from tilth.study.contamination import Found, look, of_mixture
from tilth.study.design import Arm, Study
from tilth.study.run.accounts import Accounts
from tilth.study.run.models import Outcome, run_name
from tilth.study.run.recipes import CorpusKey, corpus_key
from tilth.study.run.settings import seeds_in_order
from tilth.study.run.shards import Mixture
from tilth.study.run.texts import Text
from tilth.study.samples import samples
from tilth.study.statistics.scores import Selection, load_scores
from tilth.study.stopping import Stopped, hopeless
from tilth.study.treatment import Facts

_SAMPLES = 3  # rows of each dataset on the page: enough to see its form


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRun:
    """One run and its fate so far; `outcome` once it was trained and scored."""

    arm: str
    size: str
    seed: int
    state: RunOutcome
    detail: str = ""
    step: int | None = None
    error: float | None = None  # of the rule that stopped its arm early
    looks: int | None = None
    outcome: Outcome | None = None

    @property
    def name(self) -> str:
        """`table / smoke / seed 1`."""
        return run_name(self.arm, self.size, self.seed)

    def as_json(self) -> dict[str, Any]:
        """Its fate and the state of each task at the last checkpoint, as plain JSON types."""
        judged = self.outcome.judged[-1].tasks if self.outcome and self.outcome.judged else {}
        plain = {name: value for name, value in asdict(replace(self, outcome=None)).items() if name != "outcome"}
        return {**plain, "tasks": {name: asdict(task) for name, task in judged.items()}}

    def note(self) -> RunNote:
        """As the report tells it."""
        return RunNote(
            seed=self.seed, outcome=self.state, detail=self.detail, step=self.step, error=self.error, looks=self.looks
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Everything that a session made, for the account of it."""

    study: Study
    arms: tuple[Arm, ...]
    sources: Mapping[str, Text]
    corpora: Mapping[CorpusKey, Text]
    tokens: Mapping[str, TokenSet]
    mixtures: Mapping[str, Mixture]
    runs: tuple[ArmRun, ...]
    accounts: Accounts


def gather_results(runs: Iterable[ArmRun], path: Path) -> int:
    """Write the table of every scored run to `path`, atomically; returns its rows. Without any it writes none."""
    tables, pending = [], []
    for run in runs:
        if run.outcome is None:
            continue
        own = [pq.read_table(found.results).cast(RESULTS) for found in run.outcome.judged]
        tables += own
        if run.state == "diverged":
            pending.append((run, own))
    finished = [table for table in tables if table.num_rows]
    for run, own in pending:
        template = next((table for table in [*reversed(own), *finished] if table.num_rows), None)
        if template is not None:
            tables.append(_diverged(run, template))
    if not tables:
        path.unlink(missing_ok=True)
        return 0
    table = pa.concat_tables(tables)
    write_results(path, table)
    return int(table.num_rows)


def _diverged(run: ArmRun, template: pa.Table) -> pa.Table:
    """Rows of NaN for the step at which a run ended: the items of a table that has them, every value not a number."""
    first = pc.equal(template["step"], template["step"][0])
    rows = template.filter(first)
    trained = run.outcome.trained if run.outcome is not None else None
    step = max([run.step or 0, *(found.step for found in (trained.checkpoints if trained else ()))])
    values = {"arm": run.arm, "size": run.size, "seed": run.seed, "step": step + 1, "value": float("nan")}
    columns = [
        pa.repeat(pa.scalar(values[field.name], field.type), rows.num_rows)
        if field.name in values
        else rows[field.name]
        for field in RESULTS
    ]
    return pa.table(columns, schema=RESULTS)


def stopped_arms(study: Study, runs: Iterable[ArmRun], folder: Path) -> dict[str, tuple[Stopped, ...]]:
    """The arms at each size that the study's rule gives up on the scores so far; none before they can be compared."""
    assert study.stopping is not None
    path = folder / "so-far.parquet"
    if not gather_results(runs, path):
        return {}
    judged = study.evaluation
    found = {}
    for size in study.sizes:
        selection = Selection(metric=judged.metric, form=judged.form, size=size, categories=judged.tasks)
        try:
            scores = load_scores(path, selection)
            found[size] = hopeless(scores, study.baseline, study.stopping, order=seeds_in_order(study))
        except ConfigError:  # nothing of this size is scored yet, or the baseline is not
            continue
    return found


def write_findings(finished: Finished, path: Path, benchmarks: Sequence[Path]) -> Path:
    """Write `about.json`: facts, shares, repeats, contamination, samples, cost and fate of every arm."""
    texts = [*finished.sources.values(), *finished.corpora.values()]
    found = {text.name: look(text.folder, benchmarks) for text in texts} if benchmarks else {}
    about = About(
        study=finished.study.name,
        arms=tuple(_arm(finished, arm, size, found) for arm in finished.arms for size in finished.study.sizes_of(arm)),
        datasets=tuple(_dataset(finished, text, found) for text in texts),
        notes=_notes(finished),
        overhead=finished.accounts.overhead(),
    )
    write_about(path, about)
    return path


def _arm(finished: Finished, arm: Arm, size: str, found: Mapping[str, Found]) -> ArmAbout:
    runs = [run for run in finished.runs if (run.arm, run.size) == (arm.name, size)]
    mixture = next((finished.mixtures[run.name] for run in runs if run.name in finished.mixtures), None)
    parts = () if mixture is None else tuple(_part(part) for part in mixture.plan.parts)
    held = None if mixture is None or not found else _contamination(mixture, found)
    return ArmAbout(
        arm=arm.name,
        size=size,
        facts=_facts(finished, size, runs, mixture),
        parts=parts,
        contamination=held,
        cost=_cost(finished, arm, runs),
        runs=tuple(run.note() for run in runs),
        notes=tuple(_task_notes(runs)),
    )


def _contamination(mixture: Mixture, found: Mapping[str, Found]) -> Contamination:
    return of_mixture(mixture.folder / "mixture", {part.name: found[part.name] for part in mixture.plan.parts})


def _part(part: Any) -> Part:
    return Part(
        dataset=part.name,
        kind=part.kind,
        share=part.share,
        tokens=part.tokens,
        available=part.available,
        repeats=part.epochs,
    )


def _facts(finished: Finished, size: str, runs: Sequence[ArmRun], mixture: Mixture | None) -> Facts:
    """What the runs were, as measured; None where nothing was trained."""
    outcome = next((run.outcome for run in runs if run.outcome and run.outcome.trained), None)
    trained = outcome.trained if outcome is not None else None
    tokenizer = next((tokens.tokenizer for tokens in finished.tokens.values()), None)
    return Facts(
        tokens=None if trained is None else trained.tokens,
        epochs=None if mixture is None else max(1.0, *(part.epochs for part in mixture.plan.parts)),
        tokenizer=None if tokenizer is None else str(tokenizer["fingerprint"])[:12],
        evaluation_version=outcome.judged[-1].version[:12] if outcome is not None and outcome.judged else None,
        decontamination=finished.study.decontamination,
        size=size,
        parameters=None if trained is None else trained.parameters,
        learning_rate=None if trained is None else trained.learning_rate,
        start=finished.study.sizes[size].start,
    )


def _cost(finished: Finished, arm: Arm, runs: Sequence[ArmRun]) -> Cost:
    """Measured hours; money where the hardware has a price for GPU time or the text had one for tokens."""
    accounts, key = finished.accounts, corpus_key(arm)
    text = finished.corpora.get(key) if key is not None else None
    names = [run.name for run in runs]
    training = sum((accounts.hours(name, "training") for name in names), Hours())
    scoring = sum((accounts.hours(name, "scoring") for name in names), Hours())
    price = finished.study.hardware.price
    written = text.money() if text is not None else 0.0
    gpu = (training + scoring).gpu
    money = None
    if price is not None and (gpu or written):
        money = price.of(0, 0, gpu * 3600) + (written or 0.0)
    return Cost(
        runs=sum(run.outcome is not None for run in runs),
        generation=accounts.hours(text.name, "generation") if text is not None else Hours(),
        training=training,
        evaluation=scoring,
        tokens_generated=text.tokens_generated() if text is not None else 0,
        tokens_trained=sum(run.outcome.trained.tokens for run in runs if run.outcome and run.outcome.trained),
        generation_money=written,
        money=money,
        currency=price.currency if price is not None else None,
    )


def _task_notes(runs: Sequence[ArmRun]) -> list[str]:
    """Tasks that are not scored as asked, once each: a missing file, items without an answer."""
    found: dict[str, None] = {}
    for run in runs:
        for judged in run.outcome.judged[-1:] if run.outcome else ():
            for name, task in judged.tasks.items():
                if task.state not in ("scored", "diverged"):
                    found[f"{name}: {task.state}{'. ' + task.detail if task.detail else ''}"] = None
    return list(found)


def _dataset(finished: Finished, text: Text, found: Mapping[str, Found]) -> Dataset:
    tokens = finished.tokens.get(text.name)
    source = text.first
    return Dataset(
        name=text.name,
        kind=text.kind,
        rows=text.rows,
        tokens=None if tokens is None else tokens.tokens,
        contamination=found[text.name].summary if text.name in found else None,
        samples=samples(text.folder, _SAMPLES, source=source),
    )


def _notes(finished: Finished) -> tuple[str, ...]:
    states = [run.state for run in finished.runs]
    counts = {state: states.count(state) for state in dict.fromkeys(states)}
    return (f"{len(states)} runs: " + ", ".join(f"{count} {state}" for state, count in counts.items()),)
