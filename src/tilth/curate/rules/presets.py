"""Presets: lists of rules as YAML files, shipped in `presets/` or the user's own; and the rules of each language.

A file has `source`, `summary` and `rules`, each rule as in `recipe.stages.rules.Rule`. It is data: nothing in it runs.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tilth.base.errors import ConfigError
from tilth.curate.signals.measure import check_names
from tilth.curate.signals.table import SIGNALS
from tilth.recipe.stages.rules import Rule, Rules, Threshold

_SHIPPED = Path(__file__).parent / "presets"

#: The rule that a list of words adds. C4 2.2: pages with any word of its list are removed.
BAD_WORDS = Rule(
    signal="bad_word_count",
    maximum=0,
    reason="bad_words",
    meaning="The text has a word of the list of bad words.",
    source="C4, JMLR 21 (140), section 2.2: any page with a word of the list",
)


class Preset(BaseModel):
    """A named list of rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = ""
    summary: str = ""
    rules: tuple[Rule, ...] = Field(min_length=1)


def preset_names() -> list[str]:
    """The presets that ship with the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


@cache
def load_preset(name: str) -> Preset:
    """A shipped preset by its name, or one from a file by its path; raises `ConfigError`."""
    path = Path(name) if name.endswith((".yaml", ".yml")) else _SHIPPED / f"{name}.yaml"
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        preset = Preset.model_validate(value)
    except OSError:
        near = get_close_matches(name, preset_names(), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Shipped: {', '.join(preset_names())}; or name a .yaml file."
        raise ConfigError(f"expected a preset of rules; there is no {name!r}. {hint}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(f"expected a preset of rules in {path}; saw: {error}") from error
    check_names([rule.signal for rule in preset.rules])
    return preset


def rules_by_language(settings: Rules) -> Mapping[str, tuple[Rule, ...]]:
    """The rules that judge each language: those of its presets with the user's changes, cheap signals first.

    Raises `ConfigError` for unknown presets, signals and reasons, and for one reason given to two different rules.
    """
    more = (*settings.extra, *((BAD_WORDS,) if settings.bad_words else ()))
    check_names([*(rule.signal for rule in more), *settings.signals])
    plain = {
        language.lower(): [*(rule for name in names for rule in load_preset(name).rules), *more]
        for language, names in settings.presets.items()
    }
    known = {rule.reason for rules in plain.values() for rule in rules}
    _check_reasons([*settings.thresholds, *settings.without], known)
    return {language: _changed(rules, settings) for language, rules in plain.items()}


def _check_reasons(named: Sequence[str], known: set[str]) -> None:
    for reason in named:
        if reason not in known:
            near = get_close_matches(reason, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Reasons in use: {', '.join(sorted(known))}."
            raise ConfigError(f"expected the reason of a rule in use; saw {reason!r}. {hint}")


def _changed(rules: Sequence[Rule], settings: Rules) -> tuple[Rule, ...]:
    """The rules after the user's changes, each reason once; dear signals last, else in the order of the presets."""
    unique: dict[str, Rule] = {}
    for rule in rules:
        if unique.setdefault(rule.reason, rule) != rule:
            raise ConfigError(f"two different rules have the reason {rule.reason!r}; give one of them another name.")
    kept = (rule for rule in unique.values() if rule.reason not in settings.without)
    bounded = [_bounded(rule, settings.thresholds.get(rule.reason)) for rule in kept]
    return tuple(sorted(bounded, key=lambda rule: SIGNALS[rule.signal].dear))


def _bounded(rule: Rule, threshold: Threshold | None) -> Rule:
    if threshold is None:
        return rule
    given = threshold.model_dump(exclude_none=True)
    try:
        return Rule.model_validate({**rule.model_dump(), **given, "source": "the recipe's own threshold"})
    except ValidationError as error:
        raise ConfigError(f"the threshold for {rule.reason} cannot be: {error.errors()[0]['msg']}.") from error
