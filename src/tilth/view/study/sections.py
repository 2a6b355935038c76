"""What a report's page shows, in the order a reader asks: the figure, the claims, the tasks, the runs, the settings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tilth.study.statistics.scores import HIGHER_IS_BETTER
from tilth.study.treatment import Difference, line
from tilth.view.study.curves import MOST_LINES, curves_chart, curves_of
from tilth.view.study.forest import KINDS, Row, forest
from tilth.view.study.frontier import Point, frontier, pareto
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
    if not arms:
        return ""
    names = safe(", ".join(arms), 400)
    return f'<p class="notice warn">Arms that differ from the baseline in more than the treatment: {names}.</p>'


def sections(report: Report) -> list[Section]:
    """Every section of the page; those without data are empty and left out."""
    main = report["primary"]
    return [
        Section(title="Differences from the baseline", body=_forest(main), note=_forest_note(main)),
        Section(title="Claims", body=_claims(report)),
        Section(title="Arm by task", body=heat(main), note=HEAT_NOTE),
        Section(title="Scores while training", body=_curves(main), note=_curves_note(main)),
        Section(title="Cost against score", body=_cost(report), note=_COST_NOTE),
        Section(title="Other metrics", body=_others(report), note=_OTHERS_NOTE),
        Section(title="From size to size", body=_transfer(report)),
        Section(title="Tasks: noise and gate", body=tasks_table(main), note=_TASKS_NOTE),
        Section(title="Runs", body=runs_table(main)),
        Section(title="Differences beside the treatment", body=_differences(report)),
        Section(title="Settings", body=_settings(report)),
    ]


HEAT_NOTE = (
    "Each cell is the difference from the baseline on one task; colour shows how far it reaches beyond its interval. "
    "* the interval excludes zero; ** it still does after Holm's procedure over the whole table. Single tasks are "
    "exploratory: a lone * among many cells is expected by chance."
)
_COST_NOTE = (
    "What one model by each recipe costs: writing its whole corpus, training and evaluating one run, as planned. The "
    "dashed edge joins the arms that no cheaper arm beats; distances along it are no claims."
)
_OTHERS_NOTE = "The first metric decides; these are beside it and are not corrected for being several."
_TASKS_NOTE = (
    "Decided on the baseline alone, before any arm is looked at. A task with a no stays out of the aggregate. Noise is "
    "the baseline's spread between seeds late in training."
)


def _plural(verdict: str) -> str:
    return {"not worse than": "not worse"}.get(verdict, verdict)


def _forest(main: Mapping[str, Any]) -> str:
    rows = [
        Row(
            name=one["arm"],
            effect=one["effect"],
            low=one["low"],
            high=one["high"],
            kind=one["verdict"],
            words=_plural(one["verdict"]) if one["effect"] is not None else f"no score: {one['standing']}",
        )
        for one in ordered(main["comparisons"])
    ]
    title = f"Differences from {main['baseline']} on {main['metric']} with their intervals"
    return figure(forest(rows, title, margin=main["margin"])) if rows else ""


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
        parts = (_unequal_words(report, one["arm"]), _cost_words(report, one["arm"]), _published_words(report, one))
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


def _cost_words(report: Report, arm: str) -> str:
    costs = report["costs"]
    if not costs or arm not in costs["by_arm"]:
        return ""
    money, base = costs["by_arm"][arm], costs["by_arm"].get(report["primary"]["baseline"])
    more = f", {money - base:+,.0f} against the baseline's" if base is not None else ""
    return f"One model by this recipe costs {money:,.0f} {costs['currency']} as planned{more}."


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
    return figure(curves_chart(curves, f"{main['metric']} by training step", _unit(main)))


def _unit(main: Mapping[str, Any]) -> str:
    way = "higher" if HIGHER_IS_BETTER.get(main["metric"], True) else "lower"
    return f"{main['metric']}, {way} is better"


def _curves_note(main: Mapping[str, Any]) -> str:
    left = sum(one["effect"] is not None for one in main["comparisons"]) + 1 - len(_shown_arms(main))
    beside = f" The best and worst arms are drawn, {left:,} between them are not." if left > 0 else ""
    return f"The mean over seeds, and the range of the seeds as a band.{beside}"


def _cost(report: Report) -> str:
    main, costs = report["primary"], report["costs"]
    if not costs:
        return ""
    kinds = {one["arm"]: KINDS[one["verdict"]] for one in main["comparisons"]}
    points = [
        Point(
            name=row["arm"],
            cost=costs["by_arm"][row["arm"]],
            score=row["macro"],
            kind=kinds.get(row["arm"], "baseline"),
        )
        for row in main["scores"]
        if row["macro"] is not None and row["arm"] in costs["by_arm"]
    ]
    higher = bool(report["higher_is_better"])
    title = "Cost of one model against its score"
    chart = frontier(points, title, currency=costs["currency"], unit=_unit(main), higher_is_better=higher)
    if not chart:
        return ""
    edge = {point.name for point in pareto(points, higher_is_better=higher)}
    effects = {one["arm"]: one["effect"] for one in main["comparisons"]}
    places = decimals([point.score for point in points])
    rows = [
        [
            safe(point.name),
            f"{point.cost:,.0f}",
            number(point.score, places),
            _per_thousand(effects.get(point.name), point.cost),
            "yes" if point.name in edge else "",
        ]
        for point in sorted(points, key=lambda one: (one.cost, one.name))
    ]
    columns = ["arm", safe(costs["currency"]), "score", f"gain per 1,000 {safe(costs['currency'])}", "on the edge"]
    return figure(chart) + table(columns, rows, numbers=(1, 2, 3))


def _per_thousand(effect: float | None, cost: float) -> str:
    return "" if effect is None or cost <= 0 else f"{1000 * effect / cost:+.3g}".replace("-", "−")


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
    if not found:
        return "<p>None in the study file: tokens, repeats, tokenizer, evaluation and decontamination are the same.</p>"
    rows = [[safe(one["level"]), safe(line(Difference(**one)), 400)] for one in found]
    return table(["", "in the study file"], rows)


def _settings(report: Report) -> str:
    settings = orjson.dumps(report["primary"]["settings"], option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
    text = "\n".join(safe(row, 400).replace("  ", "&nbsp; ") for row in settings.splitlines())
    return (
        f"<p>Every number here comes from {report['rows']:,} rows of stored results. The same command makes this page "
        f'and report.json again:</p><pre class="command">{safe(report["command"], 4000)}</pre>'
        '<details class="after"><summary>Settings of the statistics</summary>'
        f'<pre class="command">{text}</pre></details>'
    )
