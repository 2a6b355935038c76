"""Which rules judge which rows, and where a rule drops: what the rules stage and the survey have in common."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from tilth.curate.signals.spans import Ints
from tilth.recipe.stages.rules import ANY_LANGUAGE, Rule

RulesByLanguage = Mapping[str, tuple[Rule, ...]]


def key_for(language: str | None, rules: RulesByLanguage) -> str | None:
    """The entry for a language: its own, that of its first part (zh for zh-Hant), or the one for any; None for none."""
    if language:
        code = language.lower().replace("_", "-")
        for key in (code, code.split("-")[0]):
            if key in rules:
                return key
    return ANY_LANGUAGE if ANY_LANGUAGE in rules else None


def rows_by_key(languages: pl.Series, rules: RulesByLanguage) -> list[tuple[str | None, Ints]]:
    """The rows that each entry of `rules` judges, in order; key None for rows that none does."""
    rows: dict[str | None, list[Ints]] = {}
    for language in languages.unique(maintain_order=True):
        found = np.flatnonzero(languages.eq_missing(language).to_numpy())
        rows.setdefault(key_for(language, rules), []).append(found)
    return [(key, np.sort(np.concatenate(found))) for key, found in rows.items()]


def failing(rule: Rule) -> pl.Expr:
    """Where a rule drops; null where its signal has no value."""
    value = pl.col(rule.signal)
    below = value < rule.minimum if rule.minimum is not None else pl.lit(False)
    above = value > rule.maximum if rule.maximum is not None else pl.lit(False)
    return below | above
