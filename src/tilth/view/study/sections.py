"""What a report's page shows, in the order a reader asks: the figure, the claims, the tasks, the runs, the settings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tilth.study.statistics.scores import HIGHER_IS_BETTER
from tilth.study.treatment import Difference, line
from tilth.view.study.arms import (
    contamination_section,
    data_section,
    outcomes,
    outcomes_list,
    samples_section,
    stopped_arms,
)
from tilth.view.study.costs import (
    cost_note,
    cost_words,
    frontier_section,
    gain_note,
    gain_section,
    parts_section,
    unit_words,
)
from tilth.view.study.curves import MOST_LINES, curves_chart, curves_of, sooner
from tilth.view.study.forest import KINDS, Row, forest
from tilth.view.study.heat import heat
from tilth.view.study.page import Section, figure, headline, table
from tilth.view.study.runs import runs_table, tasks_table
from tilth.view.study.svg import decimals, number, safe

_ALL_CLAIMS, _FIRST_CLAIMS = 16, 10  # more than 16 paragraphs hide what follows: the first 10 then, the others folded
_VERDICTS = ("better", "worse", "not worse than", "cannot tell")

Report = Mapping[str, Any]


def ordered(comparisons: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The largest effect first, arms without one last, then by name."""
    return sorted(comparisons, key=lambda one: (one["effect"] is None, -(one["effect"] or 0.0), one["arm"]))


def head(report: Report) -> str:
    """The title, one sentence, and the counts of verdicts and runs."""
    main = report["primary"]
    counts = Counter(one["verdict"] for one in main["comparisons"])
    runs = Counter(one["state"] for one in main["runs"])
    items = sum(task["items"] for task in main["tasks"] if task["in_aggregate"])
    lead = (
        f"{len(main['comparisons'])} arms against {main['baseline']}, decided on {main['metric']} "
        f"({main['aggregate']} over tasks) at size {main['size']}. Differences are oriented: positive is better."
    )
    figures = [(f"{counts[name]:,}", _plural(name)) for name in _VERDICTS]
    figures += [(f"{runs['ok']:,} of {runs.total():,}", "runs finished"), (f"{items:,}", "items")]
    return headline("Study", report["title"], lead, figures) + _warning(report)


def refused_arms(report: Report) -> list[str]:
    """Arms of the report that the study file lets differ in more than the treatment."""
    arms = {one["arm"] for one in report["primary"]["comparisons"]}
    held = (one["arm"] for one in report["differences"] or () if one["level"] == "refused")
    return [arm for arm in dict.fromkeys(held) if arm in arms]


def _warning(report: Report) -> str:
    arms = refused_arms(report)
    lost = [f"{arm}: {what}" for arm, what, _ in outcomes(report)]
    found = [("Arms that differ from the baseline in more than the treatment", arms, "warn")] if arms else []
    found += [("Not every run finished", lost, "")] if lost else []
    return "".join(
        f'<p class="notice {kind}">{words}: {safe("; ".join(names), 700)}.</p>' for words, names, kind in found
    )


def _outcomes_by_run(report: Report) -> dict[tuple[str, str], str]:
    """What became of runs without results, by arm and seed."""
    arms = report["about"]["arms"] if report["about"] else ()
    return {(arm["arm"], str(run["seed"])): run["outcome"] for arm in arms for run in arm["runs"]}


def sections(report: Report) -> list[Section]:
    """Every section of the page; those without data are empty and left out."""
    main = report["primary"]
    return [
        Section(title="Differences from the baseline", body=_forest(report), note=_forest_note(main)),
        Section(title="Claims", body=_claims(report)),
        Section(title="Arm by task", body=heat(main), note=HEAT_NOTE),
        Section(title="Scores while training", body=_curves(main), note=_curves_note(main)),
        Section(title="Cost against score", body=frontier_section(report), note=f"{cost_note(report)} {_EDGE_NOTE}"),
        Section(title="Gain for the cost", body=gain_section(report), note=gain_note(report)),
        Section(title="Data of each arm", body=data_section(report)),
        Section(title="Benchmark items in the data", body=contamination_section(report), note=_CONTAMINATION_NOTE),
        Section(title="Samples of the data", body=samples_section(report), note=_SAMPLES_NOTE),
        Section(title="Other metrics", body=_others(report), note=_OTHERS_NOTE),
        Section(title="From size to size", body=_transfer(report)),
        Section(title="Tasks: noise and gate", body=tasks_table(main), note=_TASKS_NOTE),
        Section(title="Runs", body=runs_table(main, _outcomes_by_run(report)) + outcomes_list(report)),
        Section(title="What each arm cost", body=parts_section(report), note=_PARTS_NOTE),
        Section(title="Differences beside the treatment", body=_differences(report)),
        Section(title="Settings", body=_settings(report)),
    ]


HEAT_NOTE = (
    "Each cell is the difference from the baseline on one task; colour shows how far it reaches beyond its interval. "
    "* the interval excludes zero; ** it still does after Holm's procedure over the whole table. Single tasks are "
    "exploratory: a lone * among many cells is expected by chance."
)
_EDGE_NOTE = "The dashed edge joins the arms that no cheaper arm beats; distances along it are no claims."
_CONTAMINATION_NOTE = (
    "Rows that hold a question, or most of a passage, of a benchmark, as tilth decontaminate finds them. Of an arm "
    "every row of its mixture counts as often as it is trained on, of a dataset each row once. Last: items found."
)
_SAMPLES_NOTE = "Rows drawn by a hash of their document, so that rewrites of one document come up in every recipe."
_PARTS_NOTE = (
    "Hours of the devices over all runs of an arm. Text that several arms share counts in full for each of them."
)
_OTHERS_NOTE = "The first metric decides; these are beside it and are not corrected for being several."
_TASKS_NOTE = (
    "Decided on the baseline alone, before any arm is looked at. A task with a no stays out of the aggregate. Noise is "
    "the baseline's spread between seeds late in training; ± is half the interval of the median arm's difference."
)


def _plural(verdict: str) -> str:
    return {"not worse than": "not worse"}.get(verdict, verdict)


def _forest(report: Report) -> str:
    main, stopped = report["primary"], stopped_arms(report)
    rows = [
        Row(
            name=one["arm"],
            effect=one["effect"],
            low=one["low"],
            high=one["high"],
            kind=one["verdict"],
            words=_forest_words(one, stopped=one["arm"] in stopped),
        )
        for one in ordered(main["comparisons"])
    ]
    title = f"Differences from {main['baseline']} on {main['metric']} with their intervals"
    return figure(forest(rows, title, margin=main["margin"])) if rows else ""


def _forest_words(one: Mapping[str, Any], *, stopped: bool) -> str:
    if one["effect"] is None:
        return f"no score: {one['standing']}"
    return _plural(one["verdict"]) + (", stopped" if stopped else "")


def _forest_note(main: Mapping[str, Any]) -> str:
    level = f"{100 * (1 - main['settings']['alpha']):g} %"
    margin = "" if main["margin"] is None else f" The shaded band is the margin of ±{main['margin']:.3g}."
    return (
        f"{main['aggregate'].capitalize()} score on {main['metric']} less the baseline's, over the same items and "
        f"matched seeds, with {level} intervals. A verdict also stands up to Holm's procedure over the arms, so an "
        f"interval that just misses zero can still be “cannot tell”.{margin}"
    )


def _claims(report: Report) -> str:
    main = report["primary"]
    items = []
    for one in ordered(main["comparisons"]):
        kind = KINDS[one["verdict"]]
        parts = (_unequal_words(report, one["arm"]), cost_words(report, one["arm"]), _published_words(report, one))
        beside = " ".join(part for part in parts if part)
        more = f'<p class="soft small">{safe(beside, 600)}</p>' if beside else ""
        items.append(
            f'<li><span class="says {kind}">{_plural(one["verdict"])}</span><div><h3>{safe(one["arm"])}</h3>'
            f"<p>{safe(one['paragraph'], 1600)}</p>{more}</div></li>"
        )
    first, rest = (items, []) if len(items) <= _ALL_CLAIMS else (items[:_FIRST_CLAIMS], items[_FIRST_CLAIMS:])
    more = f'<details class="after"><summary>{len(rest)} more claims</summary>{_list(rest)}</details>' if rest else ""
    return _list(first) + more if first else ""


def _list(items: Sequence[str]) -> str:
    return f'<ul class="claims">{"".join(items)}</ul>'


def _unequal_words(report: Report, arm: str) -> str:
    held = [one for one in report["differences"] or () if one["arm"] == arm and one["level"] == "refused"]
    what = "; ".join(f"{one['field']} {one['of_arm']} against {one['of_baseline']}" for one in held)
    return f"It differs in more than the treatment: {what}." if held else ""


def _published_words(report: Report, one: Mapping[str, Any]) -> str:
    published = report["published"] or {}
    own, base = published.get(one["arm"]), published.get(one["baseline"])
    if own is None:
        return ""
    against = f", {own['macro'] - base['macro']:+.2f} against the baseline's" if base else ""
    return f"Published macro score x 100: {own['macro']:.2f} ({_runs_word(own['runs'])}){against}."


def _runs_word(count: int) -> str:
    return f"{count} run" + ("s" if count != 1 else "")


def _shown_arms(main: Mapping[str, Any]) -> list[str]:
    """The baseline, the best and the worst arms, as many as a chart of lines can tell apart."""
    order = [one["arm"] for one in ordered(main["comparisons"]) if one["effect"] is not None]
    room = MOST_LINES - 1
    picked = order if len(order) <= room else [*order[: room - 2], *order[-2:]]
    return [main["baseline"], *picked]


def _curves(main: Mapping[str, Any]) -> str:
    curves = curves_of(main["curves"], _shown_arms(main))
    chart = figure(curves_chart(curves, f"{main['metric']} by training step", unit_words(main)))
    return chart + _sooner(main) if chart else ""


def _sooner(main: Mapping[str, Any]) -> str:
    """How early each arm reaches the baseline's last score."""
    arms = [main["baseline"], *(one["arm"] for one in ordered(main["comparisons"]) if one["effect"] is not None)]
    curves = curves_of(main["curves"], arms)
    found = sooner(curves, main["baseline"], higher_is_better=HIGHER_IS_BETTER.get(main["metric"], True))
    rows = [
        [safe(arm), "not reached" if step is None else f"{step:,.0f}", "–" if step is None else f"{times:.2f}"]
        for arm, step, times in found
    ]
    columns = ("arm", f"reaches the last score of {safe(main['baseline'])} at step", "times sooner")
    return table(columns, rows, numbers=(1, 2)) if rows else ""


def _curves_note(main: Mapping[str, Any]) -> str:
    left = sum(one["effect"] is not None for one in main["comparisons"]) + 1 - len(_shown_arms(main))
    beside = f" The best and worst arms are drawn, {left:,} between them are not." if left > 0 else ""
    return f"The mean over seeds, and the range of the seeds as a band.{beside}"


def _others(report: Report) -> str:
    rows: list[list[str]] = []
    for other in report["others"]:
        places = decimals([one["effect"] for one in other["comparisons"] if one["effect"] is not None])
        rows += [
            [safe(other["metric"]), safe(one["arm"]), *_effect_cells(one, places), safe(one["verdict"])]
            for one in ordered(other["comparisons"])
        ]
    columns = ["metric", "arm", "difference", "interval", "adjusted p", "says"]
    return table(columns, rows, numbers=(2, 3, 4)) if rows else ""


def _effect_cells(one: Mapping[str, Any], places: int) -> list[str]:
    if one["effect"] is None:
        return ["–", "–", "–"]
    span = f"{number(one['low'], places, signed=True)} to {number(one['high'], places, signed=True)}"
    p = "–" if one["p_adjusted"] is None else f"{one['p_adjusted']:.2g}"
    return [number(one["effect"], places, signed=True), span, p]


def _transfer(report: Report) -> str:
    rows = [
        [
            f"{safe(one['small'])} to {safe(one['large'])}",
            str(len(one["arms"])),
            f"{one['decision_accuracy']:.0%} ({one['low']:.0%} to {one['high']:.0%})",
            f"{one['tau']:.2f}",
            f"{one['regret']:.3g}",
        ]
        for one in report["transfer"]
        if one["decision_accuracy"] is not None and one["low"] is not None
    ]
    columns = ["sizes", "arms", "pairs ordered alike", "Kendall's tau", "lost by the other's winner"]
    return table(columns, rows, numbers=(1, 2, 3, 4)) if rows else ""


def _differences(report: Report) -> str:
    found = report["differences"]
    if found is None:
        return ""
    where = "as run" if report["about"] else "in the study file"
    if not found:
        return f"<p>None {where}: tokens, repeats, tokenizer, evaluation and decontamination are the same.</p>"
    rows = [[safe(one["level"]), safe(line(Difference(**one)), 400)] for one in found]
    return table(["", where], rows)


def _settings(report: Report) -> str:
    settings = orjson.dumps(report["primary"]["settings"], option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    text = "\n".join(safe(row, 400).replace("  ", "&nbsp; ") for row in settings.splitlines())
    return (
        f"<p>Every number here comes from {report['rows']:,} rows of stored results. The same command makes this page "
        f'and report.json again:</p><pre class="command">{safe(report["command"], 4000)}</pre>'
        '<details class="after"><summary>Settings of the statistics</summary>'
        f'<pre class="command">{text}</pre></details>'
    )
