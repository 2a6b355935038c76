"""What the arms cost and what they give for it: cost against score, gain for the cost, the parts of the cost.

Measured costs (`about.json`) come before planned ones (a study file). Where there is no price, cost is device hours.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tilth.study.about import About, ArmAbout
from tilth.study.design import Study
from tilth.study.plan_costs import arm_costs
from tilth.study.statistics.scores import HIGHER_IS_BETTER
from tilth.view.study.forest import KINDS, Row, forest
from tilth.view.study.frontier import Point, frontier, pareto
from tilth.view.study.page import figure, table
from tilth.view.study.svg import amount, decimals, number, safe

Report = Mapping[str, Any]

_HOW = {
    "measured": "What one model by each recipe cost as measured: its whole text, one run of training and evaluation.",
    "planned": "What one model by each recipe costs as planned: its whole text, one run of training and evaluation.",
}


def costs_of(study: Study | None, about: About | None, size: str) -> dict[str, Any] | None:
    """What one model by each arm's recipe costs: as measured, else as planned; None where neither is known.

    `unit` is a currency where every arm has a price, else "GPU hours", or "CPU hours" where no GPU was used.
    """
    measured = [one for one in about.arms if one.size == size and one.cost is not None] if about is not None else []
    if measured:
        return {"how": "measured", **_measured(measured)}
    if study is None or size not in study.sizes:
        return None
    by_arm = {arm: money for arm, money in arm_costs(study, size).items() if money is not None}
    unit = study.hardware.price.currency if study.hardware.price else "money"
    return {"how": "planned", "unit": unit, "by_arm": by_arm} if by_arm else None


def _measured(arms: Sequence[ArmAbout]) -> dict[str, Any]:
    costs = {one.arm: one.cost for one in arms if one.cost is not None}
    money = {arm: cost.money_of_one_model() for arm, cost in costs.items()}
    currencies = {cost.currency for cost in costs.values()}
    if len(currencies) == 1 and None not in money.values() and any(money.values()):
        return {"unit": next(iter(currencies)) or "money", "by_arm": money}
    hours = {arm: cost.of_one_model() for arm, cost in costs.items()}
    on_gpu = any(one.gpu > 0 for one in hours.values())
    by_arm = {arm: one.gpu if on_gpu else one.cpu for arm, one in hours.items()}
    return {"unit": "GPU hours" if on_gpu else "CPU hours", "by_arm": by_arm}


def cost_note(report: Report) -> str:
    """What a cost is on this page."""
    costs = report["costs"]
    return _HOW[costs["how"]] if costs else ""


def cost_words(report: Report, arm: str) -> str:
    """A sentence on what one model by an arm's recipe costs; empty where that is not known."""
    costs = report["costs"]
    if not costs or arm not in costs["by_arm"]:
        return ""
    value, base = costs["by_arm"][arm], costs["by_arm"].get(report["primary"]["baseline"])
    more = "" if base is None else f", {_signed(value - base)} against the baseline's"
    tense = "cost" if costs["how"] == "measured" else "costs"
    return f"One model by this recipe {tense} {amount(value)} {costs['unit']} as {costs['how']}{more}."


def _signed(value: float) -> str:
    return f"+{amount(value)}" if value >= 0 else f"-{amount(-value)}"


def frontier_section(report: Report) -> str:
    """Cost against score with the edge of the arms that no cheaper arm beats, and the numbers below it."""
    points = _points(report)
    if len(points) < 2:
        return ""
    costs, main = report["costs"], report["primary"]
    higher = bool(report["higher_is_better"])
    chart = frontier(
        points,
        "Cost of one model against its score",
        currency=costs["unit"],
        unit=unit_words(main),
        higher_is_better=higher,
    )
    edge = {point.name for point in pareto(points, higher_is_better=higher)}
    places = decimals([point.score for point in points])
    rows = [
        [safe(point.name), amount(point.cost), number(point.score, places), "yes" if point.name in edge else ""]
        for point in sorted(points, key=lambda one: (one.cost, one.name))
    ]
    return figure(chart) + table(["arm", safe(costs["unit"]), "score", "on the edge"], rows, numbers=(1, 2))


def unit_words(main: Mapping[str, Any]) -> str:
    """The metric and which way is better."""
    way = "higher" if HIGHER_IS_BETTER.get(main["metric"], True) else "lower"
    return f"{main['metric']}, {way} is better"


def _points(report: Report) -> list[Point]:
    main, costs = report["primary"], report["costs"]
    if not costs:
        return []
    kinds = {one["arm"]: KINDS[one["verdict"]] for one in main["comparisons"]}
    return [
        Point(
            name=row["arm"],
            cost=costs["by_arm"][row["arm"]],
            score=row["macro"],
            kind=kinds.get(row["arm"], "baseline"),
        )
        for row in main["scores"]
        if row["macro"] is not None and row["arm"] in costs["by_arm"]
    ]


def gain_section(report: Report) -> str:
    """What each arm gains on the baseline for its cost, with the interval of the gain, most for the cost first."""
    arms, per = _gains(report)
    if not arms:
        return ""
    main, costs = report["primary"], report["costs"]
    by_arm, base = costs["by_arm"], costs["by_arm"].get(main["baseline"])
    gains = [{end: per * one[end] / by_arm[one["arm"]] for end in ("effect", "low", "high")} for one in arms]
    rows = [
        Row(name=one["arm"], kind=one["verdict"], words=one["verdict"], **gain)
        for one, gain in zip(arms, gains, strict=True)
    ]
    places = decimals([gain["effect"] for gain in gains])
    lines = [
        [
            safe(one["arm"]),
            amount(by_arm[one["arm"]]),
            number(gain["effect"], places, signed=True),
            _for_extra(one["effect"], by_arm[one["arm"]], base, per),
        ]
        for one, gain in zip(arms, gains, strict=True)
    ]
    unit = safe(f"{per:,g} {costs['unit']}")
    columns = ["arm", safe(costs["unit"]), f"gain for {unit}", f"gain for {unit} above the baseline's cost"]
    title = f"Gain in {main['metric']} for the cost, with intervals"
    return figure(forest(rows, title)) + table(columns, lines, numbers=(1, 2, 3))


def _gains(report: Report) -> tuple[list[Mapping[str, Any]], float]:
    """Comparisons of the arms whose cost is known, most gain for the cost first, and the cost that gains are for."""
    by_arm = report["costs"]["by_arm"] if report["costs"] else {}
    comparisons = report["primary"]["comparisons"]
    arms = [one for one in comparisons if one["effect"] is not None and by_arm.get(one["arm"], 0) > 0]
    if not arms:
        return [], 1.0
    arms.sort(key=lambda one: (-one["effect"] / by_arm[one["arm"]], one["arm"]))
    return arms, _round_cost([by_arm[one["arm"]] for one in arms])


def gain_note(report: Report) -> str:
    """What the gain for the cost is of, and what it is not."""
    arms, per = _gains(report)
    if not arms:
        return ""
    return (
        f"Drawn: the difference from the baseline in {report['primary']['metric']} for every {per:,g} "
        f"{report['costs']['unit']} that one model costs; in the table also for what it costs more than a model of the "
        "baseline. The interval is the difference's; the cost is taken as known. An arm that cannot be told from the "
        "baseline gains nothing that is known."
    )


def _round_cost(costs: Sequence[float]) -> float:
    """A power of ten near the middle of the costs: for so much the gains are figures that can be read."""
    middle = sorted(costs)[len(costs) // 2]
    return float(10.0 ** round(math.log10(middle)))


def _for_extra(effect: float, cost: float, base: float | None, per: float) -> str:
    if base is None or cost - base <= 1e-9 * cost:
        return "costs no more" if base is not None else "–"
    return f"{per * effect / (cost - base):+.3g}".replace("-", "−")


def parts_section(report: Report) -> str:
    """The parts of each arm's measured cost over all its runs: hours, tokens, money."""
    rows = [_parts_row(one) for one in (report["about"] or {"arms": ()})["arms"] if one["cost"] is not None]
    columns = ("arm", "runs", "text written", "training", "evaluation", "tokens written", "tokens trained on", "money")
    return table(columns, rows, numbers=range(1, 8)) if rows else ""


def _parts_row(one: Mapping[str, Any]) -> list[str]:
    cost = one["cost"]
    money = "–" if cost["money"] is None else f"{amount(cost['money'])} {safe(cost['currency'] or '')}"
    return [
        safe(one["arm"]),
        f"{cost['runs']:,}",
        *(_hours(cost[part]) for part in ("generation", "training", "evaluation")),
        f"{cost['tokens_generated']:,}",
        f"{cost['tokens_trained']:,}",
        money,
    ]


def _hours(hours: Mapping[str, float]) -> str:
    """Hours of each kind of device that was used at all, in minutes where they are few."""
    parts = [f"{_time(value)} {kind.upper()}" for kind, value in sorted(hours.items()) if value > 0]
    return "<br>".join(parts) or "–"


def _time(hours: float) -> str:
    return f"{hours:,.0f} h" if hours >= 100 else f"{hours:.3g} h" if hours >= 1 else f"{60 * hours:.2g} min"
