"""The report of a study: `report.json` with every number and `report.html` that opens offline, from stored results.

Nothing but the tables of results is read, and where given a study file (costs, published scores) and what a run knows
of its arms (about.json), so the same command gives the same bytes. Costs the statistics and some milliseconds; a page
of 100 arms x 12 tasks is about 200 kB, samples apart.
"""

import contextlib
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from tilth.base.errors import ConfigError
from tilth.base.files import write_bytes, write_json
from tilth.data.results import read_results
from tilth.evaluate.blocks import all_blocks, chance_levels
from tilth.recipe.stages.evaluate import Form
from tilth.study.about import About
from tilth.study.design import Study
from tilth.study.design_published import published_scores
from tilth.study.plan import planned_differences
from tilth.study.statistics.bootstrap import SeedNoise
from tilth.study.statistics.report import Question, between_sizes, plain, study_statistics
from tilth.study.statistics.scores import HIGHER_IS_BETTER, Selection, load_scores
from tilth.study.statistics.settings import StatisticsSettings
from tilth.study.treatment import differences
from tilth.view.study.costs import costs_of
from tilth.view.study.page import page
from tilth.view.study.sections import head, sections

FORMAT = 1  # of report.json
#: Which metric decides where none is named: smooth ones first, since they tell small models apart (docs/study.md).
PREFERRED = ("gold_bpb", "norm_prob_gold", "bpb", "acc_bytes", "acc", "exact_match", "f1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a report is asked. The first of `metrics` decides, the others stand beside it; none: the first preferred."""

    results: tuple[Path, ...]
    baseline: str
    metrics: tuple[str, ...] = ()
    form: str | None = None
    size: str | None = None
    checkpoints: int = 1
    categories: Mapping[str, str] | None = None
    noise: SeedNoise | None = None
    settings: StatisticsSettings = field(default_factory=StatisticsSettings)
    study: Study | None = None
    study_path: str | None = None
    about: About | None = None
    about_path: str | None = None
    title: str = "study"


def write_report(asked: Asked, out: Path) -> dict[str, Any]:
    """Write `report.json` and `report.html` into `out`; returns the report.

    Raises `SourceError` for a missing table and `ConfigError` where the question does not fit it.
    """
    report = build_report(asked)
    write_json(out / "report.json", report)
    write_bytes(out / "report.html", report_page(report))
    return report


def report_page(report: Mapping[str, Any]) -> bytes:
    """The page of a report, from `report.json` alone."""
    return page(f"{report['title']}: verdicts", head(report), sections(report))


def build_report(asked: Asked) -> dict[str, Any]:
    """All that the page shows, as plain JSON types."""
    table = read_results(asked.results)
    arms = _words(table, "arm")
    if asked.baseline not in arms:
        raise ConfigError(f"expected one of the arms {', '.join(arms)} as the baseline; saw {asked.baseline!r}.")
    metrics = asked.metrics or _default_metric(table)
    found = [_statistics(asked, metrics[0]), *_beside(asked, metrics[1:])]
    size = found[0]["size"]
    report = {
        "format": FORMAT,
        "title": asked.title,
        "primary": found[0],
        "others": found[1:],
        "higher_is_better": HIGHER_IS_BETTER.get(metrics[0], True),
        "rows": table.num_rows,
        "transfer": _transfer(asked, metrics[0], size, table),
        "costs": costs_of(asked.study, asked.about, size),
        "about": _about(asked.about, size),
        "published": _published(asked.study, size),
        "differences": _differences(asked, size),
        "command": command(asked, metrics),
    }
    return {name: plain(value) for name, value in report.items()}


def command(asked: Asked, metrics: tuple[str, ...]) -> str:
    """The command that makes the report again from the stored results."""
    parts = ["tilth", "study", "report", *map(str, asked.results), "--baseline", asked.baseline]
    for metric in metrics:
        parts += ["--metric", metric]
    given = {"--form": asked.form, "--size": asked.size, "--study": asked.study_path, "--about": asked.about_path}
    for name, value in given.items():
        parts += [name, value] if value is not None else []
    settings, usual = asked.settings, StatisticsSettings()
    parts += ["--checkpoints", str(asked.checkpoints)] if asked.checkpoints != 1 else []
    parts += ["--margin", f"{settings.margin!r}"] if settings.margin is not None else []
    parts += ["--pool-seeds"] if settings.pool_seeds else []
    parts += ["--no-gate"] if not settings.apply_gate else []
    parts += ["--aggregate", settings.aggregate] if settings.aggregate != usual.aggregate else []
    return shlex.join([*parts, "--out", "FOLDER"])


def _statistics(asked: Asked, metric: str) -> dict[str, Any]:
    settings = asked.settings
    if metric != (asked.metrics or (metric,))[0] and settings.margin is not None:
        settings = settings.model_copy(update={"margin": None})  # a margin is in the units of the first metric
    selection = _selection(asked, metric)
    question = Question(
        baseline=asked.baseline,
        selection=selection,
        chance=_chance(asked, metric),
        noise=asked.noise,
        looks=_looks(asked),
    )
    return study_statistics(asked.results, question, settings)


def _chance(asked: Asked, metric: str) -> dict[str, float]:
    """What guessing scores on the tasks that tilth describes, for the gate."""
    forms = _words(read_results(asked.results, metric=metric), "form")
    form = asked.form or (forms[0] if len(forms) == 1 else None)
    known = {str(name): name for name in get_args(Form)}
    return chance_levels(tuple(all_blocks()), known[form], metric) if form in known else {}


def _beside(asked: Asked, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    """Statistics of the metrics that stand beside the one that decides; those that cannot be had are left out: no task
    that has the metric passes the gate, or no run was evaluated with it."""
    found = []
    for metric in metrics:
        with contextlib.suppress(ConfigError):
            found.append(_statistics(asked, metric))
    return found


def _looks(asked: Asked) -> dict[str, int]:
    """Arms that were stopped early at the report's size, and how often the rule may look at them."""
    arms = asked.about.arms if asked.about is not None else ()
    stopped = {
        one.arm: [run.looks or 1 for run in one.runs if run.outcome == "stopped early"]
        for one in arms
        if asked.size in (None, one.size)
    }
    return {arm: max(looks) for arm, looks in stopped.items() if looks}


def _about(about: About | None, size: str) -> dict[str, Any] | None:
    """What is known of the arms at the report's size."""
    if about is None:
        return None
    return asdict(replace(about, arms=tuple(one for one in about.arms if one.size == size)))


def _differences(asked: Asked, size: str) -> list[dict[str, Any]] | None:
    """In what arms differ beside the treatment: as they were run, else as they were planned; None: not known."""
    may_differ = asked.study.may_differ if asked.study is not None else ()
    if asked.about is not None:
        facts = {one.arm: one.facts for one in asked.about.arms if one.size == size}
        found = differences(facts, asked.baseline, may_differ) if asked.baseline in facts else ()
        return [asdict(one) for one in found]
    return None if asked.study is None else [asdict(one) for one in planned_differences(asked.study)]


def _selection(asked: Asked, metric: str, size: str | None = None) -> Selection:
    return Selection(
        metric=metric,
        form=asked.form,
        size=size or asked.size,
        checkpoints=asked.checkpoints,
        categories=asked.categories,
    )


def _default_metric(table: pa.Table) -> tuple[str, ...]:
    there = _words(table, "metric")
    found = [name for name in PREFERRED if name in there]
    if not found:
        raise ConfigError(f"expected a metric that tilth knows; the table has {', '.join(there)}. Name one.")
    return (found[0],)


def _words(table: pa.Table, column: str) -> list[str]:
    return sorted(str(word) for word in pc.unique(table[column].cast(pa.string())).to_pylist())


def _transfer(asked: Asked, metric: str, size: str, table: pa.Table) -> list[dict[str, Any]]:
    """How the order of arms at each other size agrees with that at the report's; sizes that cannot be are left out."""
    found = []
    chosen = load_scores(asked.results, _selection(asked, metric, size))
    for other in _words(table, "size"):
        if other == size:
            continue
        try:
            found.append(asdict(between_sizes(load_scores(asked.results, _selection(asked, metric, other)), chosen)))
        except ConfigError:  # too few arms in common, or nothing evaluated with this metric there
            continue
    return found


def _published(study: Study | None, size: str) -> dict[str, Any] | None:
    if study is None or size not in study.sizes:
        return None
    found = {arm: asdict(one) for arm, one in published_scores(study, size).items()}
    return found or None
