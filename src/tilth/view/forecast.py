"""Forecasts and re-readings as plain text for a terminal. Pure functions."""

from collections.abc import Mapping
from typing import Any

from tilth.recipe import GENERATIONS
from tilth.view.tables import table_text
from tilth.view.words import duration, money, reason_words, short

_NAMES = {
    "units": "units (document x prompt)",
    "kept": "samples kept",
    "requests": "requests",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "hours": "time",
    "money": "money",
}


def estimate_text(documents: int, looked_at: int, found: Mapping[str, Mapping[str, float]], currency: str) -> str:
    """The forecast of a run with its 90% intervals."""
    rows = [
        (name, *(_value(key, found[key][bound], currency) for bound in ("low", "middle", "high")))
        for key, name in _NAMES.items()
        if key in found
    ]
    head = f"forecast for {documents:,} documents from a pilot of {looked_at:,}; bounds hold in 9 of 10 runs\n"
    return head + table_text(("quantity", "low", "middle", "high"), rows)


def reparse_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What reading the answers again changed, by reason."""
    old = {step["name"]: step["ledger"] for step in before["steps"]}
    lines = []
    for step in after["steps"]:
        then, now = old.get(step["name"], {"kept": 0, "reasons": {}}), step["ledger"]
        if step["kind"] not in GENERATIONS:
            continue
        lines.append(f"{step['name']}: {then['kept']:,} kept before, {now['kept']:,} now, 0 requests")
        for reason in sorted({*then["reasons"], *now["reasons"]}):
            one, other = then["reasons"].get(reason, 0), now["reasons"].get(reason, 0)
            if one != other:
                lines.append(f"  {reason_words(reason)}: {one:,} to {other:,}")
    return "\n".join(lines)


def _value(key: str, value: float, currency: str) -> str:
    if key == "hours":
        return duration(value * 3600)
    return money(value, currency) if key == "money" else short(value)
