"""Figures and reasons in words, and a row ledger as an equation, for the page and the terminal. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tilth.view.terminal import one_line

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One summand: how many rows, in words what became of them, and the ledger's own name for it."""

    count: int
    words: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """`total` = the sum of `terms` (+ `gap`). The first term is what was kept; the rest fall by size.

    `gap` is what no term accounts for: rows still to do in an unfinished run, a broken ledger in a finished one.
    """

    total: int
    unit: str
    terms: tuple[Term, ...]
    gap: int


def equation(ledger: Mapping[str, Any], unit: str, kept: str = "kept") -> Equation:
    """The equation of a ledger `{"in": n, "kept": n, "reasons": {name: n}}`; `kept` names its first term."""
    reasons = sorted(ledger.get("reasons", {}).items(), key=lambda item: (-item[1], item[0]))
    first = Term(count=ledger["kept"], words=kept, key="kept")
    terms = (first, *(Term(count=count, words=reason_words(name), key=name) for name, count in reasons if count))
    gap = ledger["in"] - sum(term.count for term in terms)
    return Equation(total=ledger["in"], unit=unit, terms=terms, gap=gap)


def step_equations(step: Mapping[str, Any]) -> list[Equation]:
    """The equations of one step of `ledger.json`, in the order in which rows meet them."""
    if step["kind"] == "read":
        return [equation(step["ledger"], "records read")]
    if step["kind"] == "curate":
        return [equation(step["ledger"], "documents to curate")]
    found = []
    if step.get("routing"):
        found.append(equation(step["routing"], "pairs of a document and a prompt", "routed"))
    return [*found, equation(step["ledger"], "rewrites asked for")]


def reason_words(reason: str) -> str:
    """`math:too_few_numbers` as "math: too few numbers"."""
    return one_line(reason.replace(":", ": ").replace("_", " "), 80)


def duration(seconds: float) -> str:
    """Seconds as a person says them: "12.1 s", "3 min 20 s", "2 h 05 min", "3 d 4 h"."""
    if seconds < _MINUTE:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def short(number: float) -> str:
    """A figure in at most five characters: 950, 52.1k, 3.2M, 1.4G."""
    for suffix, size in (("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if number >= size:
            scale = 1e3 if suffix == "k" else size
            return f"{number / scale:.1f}{suffix}"
    return f"{number:,.0f}"


def money(amount: float, currency: str) -> str:
    """Money with two places, or as many as a small amount needs: "1.23 USD", "0.0041 USD"."""
    places = 2 if amount == 0 or abs(amount) >= 1 else 4
    return f"{amount:,.{places}f} {one_line(currency, 8)}"


def percent(part: int, whole: int) -> str:
    """ "86.5 %"; a dash where the whole is nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def price_words(price: Any) -> str:
    """Where an amount of money comes from: a ledger's price is None, a name, or the record of a price file."""
    if not price:
        return "no price set"
    if not isinstance(price, Mapping):
        return f"price: {one_line(str(price), 60)}"
    stale = ", which is old: look it up again" if price.get("stale") else ""
    source = f" from {one_line(price['source'], 80)}" if price.get("source") else ""
    return f"price of {price['date']}{source}{stale}"
