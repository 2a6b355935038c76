"""Judge one answer: parse it, run the checks of its plan in order, say keep, drop or retry with the reason.

Deterministic, never raises on any text, linear in it. The first failed check whose policy is drop or retry decides,
and the ones behind it are not run; failed checks whose policy is flag are named in `flags`. Costs: docs/checks.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tilth.synth.checks.arithmetic import equations
from tilth.synth.checks.catalogue import CHECKS, CHECKS_VERSION, CheckPlan, catalogue, check_plan
from tilth.synth.checks.language import known_language
from tilth.synth.checks.names import ungrounded_names
from tilth.synth.checks.numbers import ungrounded
from tilth.synth.checks.tables import find_answer
from tilth.synth.checks.views import Gram, SourceText, grams_of, has_stems, known, repeats_most, windows
from tilth.synth.checks.wording import (
    copied,
    echoed,
    echoed_most,
    is_loop,
    marker,
    refusal,
    repeated_share,
    shared,
    tail_repeats,
)
from tilth.synth.parsers import Parsed, Refused, parse

__all__ = ["CHECKS_VERSION", "CheckPlan", "Judgement", "SourceText", "catalogue", "check_plan", "judge"]

Signal = float | int | str

#: Shares of fewer n-grams than this say nothing.
_LEAST_GRAMS = 20
#: An answer that shares this much of its words with the source is in its language, and that language need not be
#: named. Chosen: two languages share names, numbers and loan words only; the least that copy_low keeps is far below.
_SAME_LANGUAGE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of one answer. `reason` is None exactly where the verdict is keep, else the name of a check."""

    verdict: Literal["keep", "drop", "retry"]
    reason: str | None
    detail: str
    text: str  # what trains: the product without thinking, marks and chat
    parsed: dict[str, Any] | None
    flags: tuple[str, ...]
    signals: dict[str, Signal]


class _Case:
    """One answer under judgement, with what several checks share."""

    __slots__ = (
        "_grams",
        "_held",
        "answer",
        "finish",
        "plan",
        "read",
        "repeats_most",
        "signals",
        "size",
        "source",
        "thresholds",
        "total",
        "words",
    )

    def __init__(self, source: SourceText, text: str, finish_reason: str, plan: CheckPlan) -> None:
        self.source = source
        self.plan = plan
        self.thresholds: Mapping[str, float] = plan.thresholds
        self.finish = finish_reason
        self.read: Parsed | Refused = parse(plan.parser, text, plan.parser_options)
        self.answer = SourceText(self.read.text, None)
        words = self.answer.words
        self.size = self.answer.size
        self.total = max(0, len(words) - self.size + 1)  # n-grams
        self.repeats_most, self.words = repeats_most(words, self.size)
        self._grams: list[Gram] | None = None
        self._held: bytes | None = None
        self.signals: dict[str, Signal] = {"chars": len(self.read.text), "words": len(words)}

    @property
    def grams(self) -> list[Gram]:
        """The answer's n-grams: only for what its words alone do not decide."""
        if self._grams is None:
            self._grams = grams_of(self.answer.words, self.size)
        return self._grams

    @property
    def held(self) -> bytes:
        """A byte for each word of the answer: 1 where the source has it."""
        if self._held is None:
            self._held = known(self.answer.words, self.source.wordset)
        return self._held

    @property
    def words_share(self) -> float:
        """Share of the answer's words that the source has."""
        return self.held.count(1) / len(self.held) if self.held else 0.0

    @property
    def content(self) -> dict[str, Any] | None:
        return self.read.parsed if isinstance(self.read, Parsed) else None


def judge(source: SourceText, text: str, finish_reason: str, plan: CheckPlan) -> Judgement:
    """The judgement of `text`, an answer made from `source`; `finish_reason` as the engine gives it."""
    case = _Case(source, text, finish_reason, plan)
    policies = plan.policies
    flags: list[str] = []
    for name, check in _ORDER:
        policy = policies.get(name)
        if policy is None:
            continue
        detail = check(case)
        if detail is None or policy == "keep":
            continue
        if policy == "flag":
            flags.append(name)
            continue
        return _judgement(case, policy, name, detail, flags)
    return _judgement(case, "keep", None, "", flags)


def _judgement(
    case: _Case, verdict: Literal["keep", "drop", "retry"], reason: str | None, detail: str, flags: list[str]
) -> Judgement:
    return Judgement(
        verdict=verdict,
        reason=reason,
        detail=detail,
        text=case.read.text,
        parsed=case.content,
        flags=tuple(flags),
        signals=case.signals,
    )


# ---- one function a check: what is wrong in words, or None


def _empty(case: _Case) -> str | None:
    text = case.read.text
    least = case.thresholds["empty_min"]
    if sum(map(str.isalnum, text[:40])) >= least:
        return None
    count = sum(map(str.isalnum, text))
    if count >= least:
        return None
    return f"expected {least:g} letters and digits or more; saw {count}"


def _refusal(case: _Case) -> str | None:
    if case.finish == "content_filter":
        return "the server's content filter stopped the answer"
    words = refusal(case.answer, case.words, case.source)
    return f"saw: {words[:120]}" if words else None


def _echo(case: _Case) -> str | None:
    found = marker(case.answer, case.source.text)
    if found:
        return f"saw a mark of the prompt: {found}"
    limit = case.thresholds["echo_max"]
    if echoed_most(case.words, case.plan.instruction, case.size) <= limit:
        return None
    share = echoed(frozenset(case.grams), case.plan.instruction, case.source.grams(case.size), case.size)
    if not share:
        return None
    case.signals["echo_share"] = round(share, 4)
    if share <= limit:
        return None
    return f"repeats {share:.0%} of the instruction's {case.size}-grams"


def _loop(case: _Case) -> str | None:
    text, limits = case.read.text, case.thresholds
    period, length = tail_repeats(text)
    if is_loop(text, period, length, limits["loop_repeats_min"], limits["loop_chars_min"]):
        case.signals["loop_chars"] = length
        return f"the last {length} characters repeat {text.rstrip()[-period:][:40]!r} {length // period} times"
    # a few short lines may well agree by half: the share says something from 20 n-grams on
    if case.total < _LEAST_GRAMS or case.repeats_most <= limits["loop_share_max"] * case.total:
        return None
    share = repeated_share(case.grams, len(set(case.grams)))
    case.signals["loop_share"] = round(share, 4)
    if share <= limits["loop_share_max"]:
        return None
    return f"{share:.0%} of its {case.size}-grams repeat earlier ones"


def _cut(case: _Case) -> str | None:
    return "stopped at the token limit" if case.finish == "length" else None


def _assistant_talk(case: _Case) -> str | None:
    return "chat around the product was taken off" if "assistant_talk" in case.read.notes else None


def _format(case: _Case) -> str | None:
    if isinstance(case.read, Refused):
        return f"{case.read.reason}: {case.read.detail}"
    content = case.read.parsed
    if content:
        first = next(iter(content.values()))
        case.signals["items"] = len(content.get("rows") or first) if isinstance(first, list) else 1
    return None


def _other_format(name: str) -> Callable[[_Case], str | None]:
    """The check of a form: by the plan's own parser, or by that form's where the prompt reads another one."""

    def check(case: _Case) -> str | None:
        if case.plan.parser == name:
            return _format(case)
        read = parse(name, case.read.text, case.plan.parser_options)
        return f"{read.reason}: {read.detail}" if isinstance(read, Refused) else None

    return check


def _language(case: _Case) -> str | None:
    wanted = case.plan.output_language
    seen = case.answer.language
    case.signals["language"] = seen or "unknown"
    if not seen or (wanted == "source" and case.words_share >= _SAME_LANGUAGE_SHARE):
        return None
    if wanted == "source":
        wanted = case.source.language
    if seen == wanted or not known_language(wanted):
        return None
    return f"expected {wanted}; saw {seen}"


def _copy_high(case: _Case) -> str | None:
    limit = case.thresholds["copy_high_max"]
    held = case.held
    case.signals["words_share"] = round(case.words_share, 4)
    most = windows(held, case.size)
    # below 20 n-grams a rewrite has no room to differ
    if case.total < _LEAST_GRAMS or most <= limit * case.total:
        case.signals["copy_share_most"] = round(most / case.total, 4) if case.total else 0.0
        return None
    share, run = copied(case.grams, case.source.grams(case.size), case.size)
    case.signals["copy_share"] = round(share, 4)
    case.signals["copy_run"] = run
    if share <= limit:
        return None
    return f"{share:.0%} of its {case.size}-grams stand in the source, the longest run has {run} words"


def _copy_low(case: _Case) -> str | None:
    if case.answer.ideographs != case.source.ideographs:
        return None  # another script: stems cannot meet
    least = case.thresholds["copy_low_min_ideographs" if case.answer.ideographs else "copy_low_min"]
    # a word that the source has as it stands has its stem there, and the answer has no more stems than words
    if not case.answer.ideographs and has_stems(case.words, case.source.wordset, least * len(case.words)):
        return None
    stems = case.answer.stems
    share = shared(stems, case.source.stems)
    case.signals["grounded_share"] = round(share, 4)
    # a dozen stems are too few for a share
    if share >= least or len(stems) < 12:
        return None
    return f"{share:.0%} of its {len(stems)} stems stand in the source"


def _arithmetic(case: _Case) -> str | None:
    found = equations(case.read.text)
    wrong = [equation.text for equation in found if not equation.right]
    case.signals["equations"] = len(found)
    case.signals["equations_wrong"] = len(wrong)
    if not wrong or len(wrong) <= case.thresholds["arithmetic_wrong_max"] * len(found):
        return None
    return f"{len(wrong)} of {len(found)} equations are wrong, the first: {wrong[0][:120]}"


def _table_answer(case: _Case) -> str | None:
    content = case.content
    if content is None or "rows" not in content:
        return None
    found = find_answer(content["columns"], content["rows"], content["question"], content["answer"])
    case.signals["table_answer"] = found
    if found == "none":
        return "expected a question about the table with its answer; saw none"
    return f"the table does not hold the answer: {content['answer'][:120]}" if found == "absent" else None


def _grounded_numbers(case: _Case) -> str | None:
    content = case.content or {}
    # a solution's numbers are computed, so only the problem's count
    stated = SourceText(content["problem"], None) if "problem" in content else case.answer
    numbers = stated.numbers
    unseen = numbers - case.source.numbers if numbers else None
    foreign = ungrounded(lambda: stated.lower, unseen, lambda: case.source.values) if unseen else []
    case.signals["numbers"] = len(numbers)
    case.signals["numbers_ungrounded"] = len(foreign)
    limits = case.thresholds
    few = len(foreign) < limits["ungrounded_numbers_least"]
    if few or len(foreign) <= limits["ungrounded_numbers_max"] * len(numbers):
        return None
    return f"{len(foreign)} of {len(numbers)} numbers are not in the source: {', '.join(foreign[:8])}"[:200]


def _grounded_names(case: _Case) -> str | None:
    ideographs = case.answer.ideographs
    if not ideographs and case.source.ideographs:
        return None  # translated names cannot be found
    foreign, seen = ungrounded_names(case.read.text, case.source.wordset, ideographs)
    case.signals["names"] = seen
    case.signals["names_ungrounded"] = len(foreign)
    limits = case.thresholds
    if len(foreign) < limits["ungrounded_names_least"] or len(foreign) <= limits["ungrounded_names_max"] * seen:
        return None
    return f"{len(foreign)} of {seen} names are not in the source: {', '.join(foreign[:5])}"[:200]


_FUNCTIONS: dict[str, Callable[[_Case], str | None]] = {
    "empty": _empty,
    "refusal": _refusal,
    "echo": _echo,
    "loop": _loop,
    "cut": _cut,
    "assistant_talk": _assistant_talk,
    "format": _format,
    "language": _language,
    "copy_high": _copy_high,
    "copy_low": _copy_low,
    "arithmetic": _arithmetic,
    "table_answer": _table_answer,
    "grounded_numbers": _grounded_numbers,
    "grounded_names": _grounded_names,
}
_ORDER = tuple(
    (check.name, _FUNCTIONS.get(check.name) or _other_format(check.name.removeprefix("format_"))) for check in CHECKS
)
