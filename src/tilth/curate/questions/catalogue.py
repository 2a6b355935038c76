"""The rules and word lists, read from the data files beside this module.

Guarantees: every rule has a sentence, an action and a source; every pattern is one expression of Rust's regex engine,
which is linear in the text. Costs about 20 ms once a process.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import text_hash
from tilth.recipe.stages.questions import QuestionAction, Questions

FILES = ("rules.yaml", "words_en.yaml", "words_zh.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule as its file declares it."""

    name: str
    means: str
    action: QuestionAction
    source: str
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules as a recipe sets them: what each does, and every threshold by name."""

    actions: Mapping[str, QuestionAction]
    thresholds: Mapping[str, float]


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order in which they give a reason."""
    declared = yaml.safe_load(_read("rules.yaml"))["rules"]
    return tuple(Rule(name=name, **{"thresholds": {}, **rule}) for name, rule in declared.items())


@cache
def pattern(name: str) -> str:
    """The words of `name` in all languages as one expression, without regard to case."""
    found: list[str] = []
    for file in FILES[1:]:
        words: dict[str, Any] = yaml.safe_load(_read(file))
        for item in words.get(name, ()):
            for key, value in words["define"].items():
                item = item.replace("{" + key + "}", value)
            found.append(f"(?:{item})")
    if not found:
        raise KeyError(name)
    return "(?is)" + ascii_boundaries("|".join(found))


def ascii_boundaries(expression: str) -> str:
    r"""`expression` with the word boundaries of ASCII for every `\b`.

    With Unicode's the engine leaves its fast automaton on any text that is not all ASCII: twenty times as slow.
    """
    return re.sub(r"(?<!\\)\\b", r"(?-u:\\b)", expression)


@cache
def content_hash() -> str:
    """Hash of the data files: part of the stage's identity."""
    return text_hash(*(_read(name) for name in FILES))


def policy(settings: Questions) -> Policy:
    """The rules under `settings`; raises `ConfigError` for a rule or a threshold that does not exist."""
    actions = {rule.name: rule.action for rule in rules()}
    thresholds = {name: value for rule in rules() for name, value in rule.thresholds.items()}
    for given, known, what in (
        (settings.actions, actions, "rule"),
        (settings.thresholds, thresholds, "threshold"),
    ):
        if unknown := sorted(set(given) - set(known)):
            raise ConfigError(
                f"expected a {what} of seed-question curation; saw {', '.join(unknown)}. "
                f"Choose from: {', '.join(sorted(known))}."
            )
    return Policy(actions={**actions, **settings.actions}, thresholds={**thresholds, **settings.thresholds})


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
