"""The checks: what each measures, its default policy and its thresholds, every one with its source.

Order matters: checks run in the order of `CHECKS`, and the first failure whose policy is drop or retry decides.
docs/checks.md shows this table; a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, get_args

from tilth.base.errors import ConfigError
from tilth.prompts.known import KNOWN_PARSERS
from tilth.recipe import Checks, Policy

#: Raise it when the same answer and plan could get another judgement: `tilth reparse` then judges it again.
CHECKS_VERSION = 3

_POLICIES: tuple[str, ...] = get_args(Policy)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit: its value, those of single parsers, and where the values come from."""

    name: str
    value: float
    source: str
    by_parser: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `always`: it runs on every answer; the others where a prompt lists them or a recipe sets a policy."""

    name: str
    measures: str
    policy: Policy
    always: bool = True
    parsers: tuple[str, ...] = ()  # (): every parser
    by_parser: Mapping[str, Policy] = field(default_factory=dict)
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """What to check on the answers of one prompt: a policy for each check that runs, a value for each threshold.

    `instruction` is the one the row drew; use `dataclasses.replace` to set it a row.
    """

    parser: str
    parser_options: Mapping[str, Any]
    checks: tuple[str, ...]
    instruction: str
    output_language: str
    policies: Mapping[str, Policy]
    thresholds: Mapping[str, float]


#: Forms whose product is the document's own words set out anew: copying is no fault there.
_QUOTING: Mapping[str, Policy] = dict.fromkeys(("faq", "qa", "table", "list", "math", "tutorial"), "flag")

CHECKS: tuple[Check, ...] = (
    Check(
        "empty",
        "fewer letters and digits than the limit, once thinking and chat are taken off",
        "retry",
        thresholds=(Threshold("empty_min", 20, "chosen: a title is shorter, a sentence is longer"),),
    ),
    Check(
        "refusal",
        "opens with words of refusal in at most 1,200 characters, or an assistant speaks of itself, and the source "
        "has not the same words",
        "retry",
    ),
    Check(
        "echo",
        "repeats n-grams of the instruction (5 words, 8 ideographs), or holds a mark of the prompt's frame, that "
        "the source has not",
        "retry",
        thresholds=(
            Threshold(
                "echo_max",
                0.2,
                "share of the instruction's n-grams; chosen: one quoted clause passes, a sentence does not",
            ),
        ),
    ),
    Check(
        "loop",
        "share of n-grams that repeat an earlier one (5 words, 8 ideographs), or an end that repeats itself exactly",
        "retry",
        thresholds=(
            Threshold(
                "loop_share_max",
                0.3,
                "Rae et al. 2021 (table A1) allow 0.15 of characters in repeated 5-grams of web pages; twice that "
                "here, since forms repeat labels; 99% of pages lie below 0.18 in 10 of 13 kinds, below 0.36 in all "
                "(docs/checks.md)",
                {"table": 0.5, "math": 0.4},
            ),
            Threshold("loop_repeats_min", 4, "chosen: a refrain comes three times, a loop does not stop"),
            Threshold("loop_chars_min", 60, "chosen: shorter ends are ellipses and laughter"),
        ),
    ),
    Check("cut", "the engine stopped at the token limit (finish reason length)", "drop"),
    Check(
        "assistant_talk",
        "a chat line before the product or an offer after it; the parser takes it off the text",
        "flag",
    ),
    *(
        Check(f"format_{parser}", measures, "retry", always=False, parsers=(parser,))
        for parser, measures in (
            ("table", "is not a Markdown table with one column count, two columns or more and min_rows rows (2)"),
            ("faq", "has fewer answered questions than min_questions (1)"),
            ("qa", "has fewer answered questions than min_questions (1)"),
            ("tutorial", "has fewer numbered steps than min_steps (2), or their numbers do not rise"),
            ("math", "lacks a problem, a solution, or a number in either"),
            ("dialogue", "lacks two named speakers, or has fewer turns than min_turns (4)"),
            ("list", "has fewer list items than min_items (3)"),
        )
    ),
    Check(
        "format",
        "has not the form that the prompt's parser reads; runs where the prompt lists no check of that form",
        "flag",
        by_parser={"tagged": "retry"},
    ),
    Check(
        "language",
        "is in another language than the prompt asks for, by script and stop words; unknown passes",
        "retry",
    ),
    Check(
        "copy_high",
        "share of the answer's n-grams (5 words, 8 ideographs) that the source has: not a rewrite",
        "retry",
        by_parser=_QUOTING,
        thresholds=(
            Threshold(
                "copy_high_max",
                0.8,
                "between rewrites and copies (docs/checks.md): people's conclusions of 853 abstracts have 0.30 at "
                "the 99th percentile, 0.68 at most, Chinese question sets 0.58; a copy with one word in 40 changed "
                "has 0.88",
                dict.fromkeys(("faq", "qa", "table", "list", "math", "tutorial"), 0.95),
            ),
        ),
    ),
    Check(
        "copy_low",
        "share of the answer's stems (first five letters of content words; pairs of ideographs) that the source "
        "has: not grounded",
        "drop",
        by_parser={"math": "flag", "dialogue": "flag"},
        thresholds=(
            Threshold(
                "copy_low_min",
                0.1,
                "1% of 864 abstracts lie below 0.19 with their conclusions, 2% of continuations of a page below "
                "0.1; of pages of one kind set against each other half lie below 0.07 (docs/checks.md)",
                dict.fromkeys(("faq", "qa", "table", "list"), 0.15),
            ),
            Threshold(
                "copy_low_min_ideographs",
                0.04,
                "pairs of ideographs are rarer than words: 1% of 411 Chinese question sets lie below 0.36 with "
                "their passage, 2% of continuations of classical prose below 0.05, half of unrelated pages below "
                "0.02 to 0.06",
                dict.fromkeys(("faq", "qa", "table", "list"), 0.1),
            ),
        ),
    ),
    Check(
        "arithmetic",
        "share of the equations in the text that are wrong when recomputed exactly",
        "drop",
        always=False,
        thresholds=(
            Threshold(
                "arithmetic_wrong_max",
                0.0,
                "no wrong equation; 20 of 24,290 equations in 7,473 human solutions (GSM8K) are found wrong, most "
                "of them rightly; small models get 21% (Qwen3-1.7B) to 43% (SmolLM2-1.7B) wrong (FinePhrase, blog)",
            ),
        ),
    ),
    Check(
        "table_answer",
        "the answer to the table's question is neither in the table nor follows from it, or there is no question",
        "flag",
        always=False,
        parsers=("table",),
    ),
    Check(
        "grounded_numbers",
        "share of the answer's distinct numbers whose value the source does not state in any form",
        "flag",
        always=False,
        thresholds=(
            Threshold("ungrounded_numbers_max", 0.25, "chosen; with the next one it takes two foreign numbers to fail"),
            Threshold("ungrounded_numbers_least", 2, "chosen: one foreign number may be a count of what is listed"),
        ),
    ),
    Check(
        "grounded_names",
        "share of the answer's names whose words the source does not have",
        "flag",
        always=False,
        thresholds=(
            Threshold("ungrounded_names_max", 0.25, "chosen; with the next one it takes two foreign names to fail"),
            Threshold("ungrounded_names_least", 2, "chosen: one may be a heading set like a name"),
        ),
    ),
)

_BY_NAME = {check.name: check for check in CHECKS}
_THRESHOLDS = {threshold.name: threshold for check in CHECKS for threshold in check.thresholds}


def check_plan(
    *,
    parser: str,
    parser_options: Mapping[str, Any],
    checks: tuple[str, ...],
    instruction: str,
    output_language: str,
    settings: Checks,
) -> CheckPlan:
    """The plan of one prompt: its parser, the checks it lists, and the recipe's own policies and thresholds.

    A policy in the recipe runs its check on every prompt whose form it can judge. A threshold is named alone, or with
    a parser behind a dot (`copy_high_max.faq`). Raises `ConfigError` with the nearest known name.
    """
    _known("parser", parser, KNOWN_PARSERS)
    for name in (*checks, *settings.policies):
        _known("check", name, _BY_NAME)
    for name, policy in settings.policies.items():
        if policy not in _POLICIES:
            raise ConfigError(f"expected a policy for {name} of {', '.join(_POLICIES)}; saw {policy!r}.")
    for name in settings.thresholds:
        _known("threshold", name.partition(".")[0], _THRESHOLDS)
        if "." in name:
            _known("parser", name.partition(".")[2], KNOWN_PARSERS)
    return CheckPlan(
        parser=parser,
        parser_options=parser_options,
        checks=checks,
        instruction=instruction,
        output_language=output_language,
        policies={
            check.name: _policy(check, parser, settings) for check in CHECKS if _runs(check, parser, checks, settings)
        },
        thresholds={name: _value(threshold, parser, settings) for name, threshold in _THRESHOLDS.items()},
    )


def catalogue() -> list[dict[str, Any]]:
    """One row a check, in the order they run: name, measures, policy, policies by parser, when it runs, thresholds."""
    return [
        {
            "name": check.name,
            "measures": check.measures,
            "policy": check.policy,
            "by_parser": dict(check.by_parser),
            "runs": "always" if check.always else "where a prompt lists it or a recipe sets its policy",
            "parsers": list(check.parsers),
            "thresholds": [
                {"name": item.name, "value": item.value, "by_parser": dict(item.by_parser), "source": item.source}
                for item in check.thresholds
            ],
        }
        for check in CHECKS
    ]


def _runs(check: Check, parser: str, listed: tuple[str, ...], settings: Checks) -> bool:
    if check.name == "format":
        return f"format_{parser}" not in listed
    if check.name in listed or check.always:
        return True
    return check.name in settings.policies and (not check.parsers or parser in check.parsers)


def _policy(check: Check, parser: str, settings: Checks) -> Policy:
    return settings.policies.get(check.name) or check.by_parser.get(parser, check.policy)


def _value(threshold: Threshold, parser: str, settings: Checks) -> float:
    own = settings.thresholds.get(f"{threshold.name}.{parser}", settings.thresholds.get(threshold.name))
    return threshold.by_parser.get(parser, threshold.value) if own is None else own


def _known(what: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"The nearest is {near[0]}." if near else f"Known: {', '.join(sorted(known))}."
        raise ConfigError(f"expected the name of a {what}; saw {name!r}. {hint}")
