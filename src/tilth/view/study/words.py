"""Plans, verdicts and imports in words for a terminal. Names of others are made printable on the way."""

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.evaluate.harness.samples import Imported
from tilth.study.plan import Reach, StudyPlan
from tilth.study.treatment import line
from tilth.view.study.arms import outcomes
from tilth.view.study.costs import cost_words
from tilth.view.study.sections import ordered, refused_arms
from tilth.view.tables import table_text
from tilth.view.terminal import one_line, printable

_MOST = 40  # lines of differences or runs; the rest is counted (--json has all)
_CORPORA = 12  # the largest


def plan_text(plan: StudyPlan) -> str:
    """A plan: what it takes, what it can see, what is wrong with it."""
    parts = [
        table_text((f"study {plan.study}", ""), _totals(plan)),
        f"What it can see ({plan.unit}; spread between seeds {plan.noise.sd:.3g}, {plan.noise.source}):\n"
        + table_text(_REACH, [_reach(one, plan) for one in plan.reach]),
        table_text(_POWER, [_power(row) for row in plan.power]) if plan.power else "",
        _listed("differs beside the treatment", [f"{one.level}: {line(one)}" for one in plan.differences]),
        _listed("over the budget", plan.over),
        _listed("note", plan.notes),
        _corpora(plan),
    ]
    return "\n\n".join(part for part in parts if part)


def report_text(report: Mapping[str, Any]) -> str:
    """Every claim's paragraph with its cost, the clearest first, and the runs that have no score."""
    main = report["primary"]
    rows = [
        printable(f"{one['paragraph']} {cost_words(report, one['arm'])}".rstrip())
        for one in ordered(main["comparisons"])
    ]
    lost = [f"{arm}: {what}. {why}".rstrip() for arm, what, why in outcomes(report)]
    left = [task["task"] for task in main["tasks"] if not task["in_aggregate"]]
    gate = [f"left out by the gate on {main['baseline']}: {', '.join(left)}"] if left else []
    unequal = [f"{arm} differs from {main['baseline']} in more than the treatment" for arm in refused_arms(report)]
    return "\n\n".join(
        part
        for part in (*rows, _listed("run", lost), _listed("task", gate), _listed("not the recipe alone", unequal))
        if part
    )


def imported_text(found: Sequence[Imported]) -> str:
    """One row a file: task, form, items, state, and what became of its lines."""
    rows = [
        (
            one.task,
            one.form,
            f"{one.items:,}",
            one.state,
            one.version or "-",
            ", ".join(f"{count:,} {state}" for state, count in one.lines.items()),
        )
        for one in found
    ]
    return table_text(("task", "form", "items", "state", "version", "lines"), rows)


_REACH = ("size", "arms", "matched seeds", "smallest difference", "with a known spread", "seeds needed")
_POWER = ("seeds an arm", "runs", "smallest difference", "chance to see the wanted one")


def _totals(plan: StudyPlan) -> list[tuple[str, str]]:
    money = "not known" if plan.money is None else f"{plan.money:,.0f} {plan.currency or ''}".rstrip()
    rows = [
        ("arms", f"{plan.arms:,}, baseline {plan.baseline}"),
        ("runs", f"{plan.runs:,}"),
        ("tokens trained on", _big(plan.tokens)),
        ("synthetic tokens", f"{_big(plan.synthetic_tokens)} in {len(plan.corpora)} corpora"),
        ("training", f"{plan.flops:.3g} FLOPs, {_hours(plan.training_hours)} on one device"),
        ("evaluation", f"{_hours(plan.evaluation_hours)} on one device"),
        ("generation", f"{_hours(plan.generation_hours)} on one device"),
        ("wall clock", _hours(plan.wall_hours)),
        ("money", money),
    ]
    return [*rows, ("wanted difference", f"{plan.wanted:g}")] if plan.wanted is not None else rows


def _corpora(plan: StudyPlan) -> str:
    rows = [
        (
            one.strategy,
            one.generator,
            one.source,
            _big(one.tokens),
            str(one.arms),
            _hours(one.hours),
            "-" if one.money is None else f"{one.money:,.0f}",
        )
        for one in sorted(plan.corpora, key=lambda one: -one.tokens)[:_CORPORA]
    ]
    if not rows:
        return ""
    more = len(plan.corpora) - len(rows)
    text = table_text(("corpus", "generator", "source", "tokens", "arms", "device hours", "money"), rows)
    return text + (f"\n... and {more} more (--json has all)" if more > 0 else "")


def _reach(one: Reach, plan: StudyPlan) -> tuple[str, ...]:
    needed = "-" if plan.wanted is None else "items forbid it" if one.seeds_needed is None else str(one.seeds_needed)
    smallest = "no claim" if one.smallest is None else f"{one.smallest:.3g}"
    return one.size, str(one.arms), str(one.seeds), smallest, f"{one.with_known_noise:.3g}", needed


def _power(row: Any) -> tuple[str, ...]:
    chance = "-" if row.power is None else f"{row.power:.0%}"
    return str(row.seeds), f"{row.runs:,}", f"{row.smallest:.3g}", chance


def _listed(word: str, lines: Sequence[str]) -> str:
    shown = [f"{word}: {one_line(text, 400)}" for text in lines[:_MOST]]
    more = len(lines) - len(shown)
    return "\n".join([*shown, f"... and {more} more (--json has all)"] if more > 0 else shown)


def _big(count: float) -> str:
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:g}"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "not known"
    return f"{hours:,.0f} h" if hours >= 100 else f"{hours:.3g} h" if hours >= 1 else f"{60 * hours:.2g} min"
