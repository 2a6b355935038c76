"""The vote over all answers to one question, and what it says of the row's own answer.

verified: the row's answer has the most votes. contradicted: another answer has. Both ask for a least share of all
answers, those that state none included, and a least lead over the next. Guarantees: the order of the answers decides
nothing; never raises because of what an answer holds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tilth.answers.vote import vote
from tilth.base.errors import MissingExtra
from tilth.data.qa import QA
from tilth.recipe.stages.verify import Verify
from tilth.synth.solve.answers import MOST_FINAL, Gold, judged, was_given

#: Raise it when the same answers would give another verdict.
VERSION = 1
#: Gold answers with more words are free text: the solve stage compares none of those it was told are free text, and
#: what it has compared stays compared.
_TEXT_WORDS = 12
#: Answers that are counted: two panels of the largest k. Each is compared with each other one that says another thing.
_MOST_ANSWERS = 512
#: Different texts that are compared with each other, the most common ones: 64 take 2,000 comparisons, below a second.
_MOST_DISTINCT = 64
#: What solvers write where a question has no answer, as the prompts ask for it.
_UNANSWERABLE = ("unanswerable", "无法回答")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """`reason` is None for a verified answer. `share` and `lead` are those of the first; `winner` where it is not the
    row's own."""

    verdict: Literal["verified", "unverified", "contradicted"]
    reason: str | None
    detail: str
    votes: int | None  # for the row's answer
    answers: int
    share: float | None = None
    lead: int | None = None
    winner: str | None = None
    judged: tuple[bool, ...] = ()  # each answer that could be judged


def merged_answers(lists: Sequence[Any]) -> list[dict[str, Any]]:
    """All answers of several rows, each once by its id, in an order that does not depend on that of the rows."""
    found: dict[str, dict[str, Any]] = {}
    for answers in lists:
        for item in answers if isinstance(answers, list) else ():
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                found.setdefault(item["id"], item)
    ordered = sorted(found.values(), key=lambda item: (str(item.get("model")), item["id"]))
    return ordered[:_MOST_ANSWERS]


def cast(qa: QA, answers: list[dict[str, Any]], settings: Verify, again: bool) -> Ballot:
    """The verdict on `qa`. `again`: the answers were checked against another gold answer, so they are checked anew.

    Fills `correct` and `how` of `answers` where they are checked.
    """
    given = [item for item in answers if was_given(item)]
    gold = Gold(qa, _TEXT_WORDS, "skip")
    if not gold.answer.strip():
        return _without_gold(given, gold, settings)
    _check(given, gold, again)
    flags = tuple(item["correct"] for item in given if isinstance(item.get("correct"), bool))
    if len(flags) >= settings.least_answers:
        return _with_gold(given, gold, settings, flags)
    unread = (str(item.get("how")) for item in given if not isinstance(item.get("correct"), bool))
    enough = len(given) >= settings.least_answers
    return Ballot(
        verdict="unverified",
        reason="not_comparable" if enough else "too_few_answers",
        detail=f"{len(flags)} of {len(given)} answers could be compared ({next(unread, 'too few')})",
        votes=sum(flags) if flags else None,
        answers=len(given),
        judged=flags,
    )


def _with_gold(given: list[dict[str, Any]], gold: Gold, settings: Verify, flags: tuple[bool, ...]) -> Ballot:
    count, own = len(given), sum(flags)
    others = _clusters([item.get("final") for item in given if item.get("correct") is False], gold)
    other, votes = others[0] if others else ("", 0)
    rival = max(own, others[1][1] if len(others) > 1 else 0)
    ballot = Ballot(
        verdict="unverified",
        reason="no_majority" if own else "never_solved",
        detail=f"{own} of {count} for {_short(gold.answer)}, {votes} for {_short(other) or 'nothing else'}",
        votes=own,
        answers=count,
        share=max(own, votes) / count,
        lead=abs(own - votes),
        judged=flags,
    )
    if _wins(own, votes, count, settings):
        return replace(ballot, verdict="verified", reason=None)
    if _wins(votes, rival, count, settings):
        reason = "unanswerable" if _gives_up(other) else "contradicted"
        return replace(ballot, verdict="contradicted", reason=reason, lead=votes - rival, winner=other)
    return ballot


def _without_gold(given: list[dict[str, Any]], gold: Gold, settings: Verify) -> Ballot:
    """The row has no answer of its own: the one that wins is adopted, where the settings let it."""
    count = len(given)
    clusters = _clusters([item.get("final") for item in given], gold)
    first, votes = clusters[0] if clusters else ("", 0)
    second = clusters[1][1] if len(clusters) > 1 else 0
    ballot = Ballot(
        verdict="unverified",
        reason="answer_missing",
        detail=f"{votes} of {count} for {_short(first) or 'nothing'}, {second} for the next",
        votes=None,
        answers=count,
        share=votes / count if count else None,
        lead=votes - second,
    )
    if not settings.adopt or count < settings.least_answers:
        return ballot
    if not _wins(votes, second, count, settings):
        return replace(ballot, reason="no_majority")
    if _gives_up(first):
        return replace(ballot, reason="unanswerable")
    return replace(ballot, verdict="verified", reason=None, votes=votes, winner=first)


def _wins(votes: int, next_most: int, count: int, settings: Verify) -> bool:
    return votes / count >= settings.least_share and votes - next_most >= settings.least_lead


def _gives_up(answer: str) -> bool:
    return answer.casefold().strip(" .。") in _UNANSWERABLE


def _clusters(finals: Sequence[str | None], gold: Gold) -> list[tuple[str, int]]:
    """Answers that say the same and how many, the most first; ties by text. Those that state none are left out."""
    texts = sorted(final for final in finals if isinstance(final, str) and 0 < len(final.strip()) <= MOST_FINAL)
    if not texts:
        return []
    counted = Counter(texts)
    if len(counted) > _MOST_DISTINCT:
        common = {text for text, _ in counted.most_common(_MOST_DISTINCT)}
        texts = [text for text in texts if text in common]
    kind = "choice" if gold.options else gold.kind if gold.kind != "code" else "text"
    try:
        found = vote(texts, kind, gold.options)
    except MissingExtra:
        found = vote(texts, "text", gold.options)
    return sorted(((one.answer, len(one.members)) for one in found.clusters), key=lambda one: (-one[1], one[0]))


def _check(given: list[dict[str, Any]], gold: Gold, again: bool) -> None:
    """Judge what was not judged, in place. Equal answers are compared once."""
    seen: dict[str | None, tuple[bool | None, str]] = {}
    for item in given:
        if not again and isinstance(item.get("correct"), bool):
            continue
        if gold.kind is None and not again:
            continue  # the solve stage said why it could not be compared
        final = item.get("final")
        final = final if isinstance(final, str) and len(final) <= MOST_FINAL else None
        if final not in seen:
            seen[final] = judged(final or "", final, gold)
        item["correct"], item["how"] = seen[final]


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
