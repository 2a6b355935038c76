"""One solver's answers to a question: what each states, whether it is right, and what the answers say together.

An answer is kept as {id, model, final, correct, how, finish_reason}. `correct` is None where nothing can be told: no
gold answer, free text, a program without tests, mathematics without the extra `qa`; `how` names which. An answer that
was cut off states nothing, and is wrong where there is a gold answer: a solver that does not finish has not solved it.
Guarantees: never raises because of what a model wrote.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

from tilth.answers.check import check, infer_kind
from tilth.answers.choices import letters_of
from tilth.answers.final import final_answer
from tilth.answers.texts import aliases, words
from tilth.answers.verdict import Kind
from tilth.answers.vote import vote
from tilth.base.errors import MissingExtra
from tilth.data.qa import QA
from tilth.data.questions import choice_index
from tilth.difficulty.rates import jeffreys

#: Raise it when the same answers would be read or judged otherwise.
VERSION = 2
#: Characters of a final answer that are kept: a formula or a sentence. Longer ones state no final answer.
MOST_FINAL = 400
#: Kinds whose comparison may leave the process, and so must not hold up an event loop.
SLOW: frozenset[Kind] = frozenset({"symbolic", "code"})

#: Why a gold answer is not compared by rules: it is longer than a name or a phrase.
FREE_TEXT = "free_text"
#: Characters of a free-text answer that are kept for a judge: a paragraph.
MOST_FREE = 2000

Programs = Literal["skip", "tests"]


class Gold:
    """What the answers of one row are compared with. `kind` None: there is nothing that a rule could compare with.

    `why` then says what is missing: "no_gold", "free_text" or "program".
    """

    __slots__ = ("answer", "kind", "options", "why")

    def __init__(self, qa: QA, text_words: int, programs: Programs) -> None:
        self.options: tuple[str, ...] = qa.choices or ()
        self.answer = qa.answer or ""
        self.kind: Kind | None = None
        self.why = "no_gold"
        if not self.answer.strip():
            return
        if self.options and not letters_of(self.answer, self.options):
            place = choice_index(self.answer, self.options)
            self.answer = chr(ord("A") + place) if place is not None and place < 26 else self.answer
        kind = infer_kind(self.answer, self.options)
        if kind == "code" and programs == "skip":
            self.why = "program"
        elif kind == "text" and min(len(words(one)) for one in aliases(self.answer) or [""]) > text_words:
            self.why = FREE_TEXT
        else:
            self.kind = kind

    @property
    def most(self) -> int:
        """Characters of a final answer that are kept."""
        return MOST_FREE if self.why == FREE_TEXT else MOST_FINAL

    @property
    def slow(self) -> bool:
        """True where a comparison may take up to two seconds."""
        return self.kind in SLOW


def was_given(item: dict[str, Any]) -> bool:
    """An answer that the engine gave. One that was cut off counts, and states nothing."""
    reason = str(item.get("finish_reason"))
    return reason not in ("refused", "content_filter") and not reason.startswith("engine:")


def final_of(text: str, options: Sequence[str] = (), most: int = MOST_FINAL) -> str | None:
    """The final answer that a reply states, in one line of at most `most` characters; None where it is longer.

    Broken characters become question marks, so that the row can be written.
    """
    found = " ".join(final_answer(text).text.split())
    if options and len(found) > most:
        found = found[-most:]  # the option is named at its end, or nowhere
    return found.encode("utf-8", "replace").decode() if 0 < len(found) <= most else None


def judged(reply: str, final: str | None, gold: Gold) -> tuple[bool | None, str]:
    """Whether a reply is right, and how that was found, or why it could not be."""
    if gold.kind is None:
        return None, gold.why
    if gold.kind != "code" and final is None:
        return False, "unreadable"
    try:
        verdict = check(reply if gold.kind == "code" else final or "", gold.answer, gold.kind, gold.options)
    except MissingExtra:
        return None, "missing_extra"
    return verdict.correct, verdict.how


def agree(finals: Sequence[str | None], options: Sequence[str] = ()) -> bool:
    """Whether every answer states the same."""
    if any(final is None for final in finals):
        return False
    try:
        found = vote([final or "" for final in finals], "choice" if options else _votable(finals, options), options)
    except MissingExtra:
        return len(set(finals)) == 1
    return len(found.clusters) == 1 and not found.abstained


def settled(answers: Sequence[dict[str, Any]], gold: Gold) -> bool:
    """Whether more than half of the answers say the row's own, or one other; further answers would hardly turn that.

    Also True where nothing can be compared, so that no further answer would help.
    """
    given = [item for item in answers if was_given(item)]
    flags = [item["correct"] for item in given if isinstance(item["correct"], bool)]
    if not flags or 2 * sum(flags) > len(given):
        return True
    finals = [item["final"] or "" for item in given if item["correct"] is False]
    try:
        found = vote(finals, "choice" if gold.options else _votable(finals, gold.options), gold.options)
    except MissingExtra:
        return True
    return bool(found.clusters) and 2 * len(found.clusters[0].members) > len(given)


def summed(qa: QA, answers: Sequence[dict[str, Any]], level: float) -> QA:
    """`qa` with all its answers, how many agree with its own, and the pass rate over those that could be judged."""
    known = [item["correct"] for item in answers if isinstance(item.get("correct"), bool)]
    rate, low, high = pass_rate(sum(known), len(known), level)
    return qa.but(
        more={**qa.more, "answers": list(answers)},
        votes=sum(known) if known else None,
        solvers=len(answers),
        pass_rate=rate,
        pass_low=low,
        pass_high=high,
    )


@lru_cache(maxsize=100_000)  # pairs of (passes, tries): a few hundred in practice
def pass_rate(passes: int, tries: int, level: float) -> tuple[float | None, float | None, float | None]:
    """The share and its bounds under Jeffreys' prior; None three times where nothing was tried."""
    if not tries:
        return None, None, None
    rates = jeffreys([passes], [tries], level)
    return float(rates.rate[0]), round(float(rates.low[0]), 4), round(float(rates.high[0]), 4)


def _votable(finals: Sequence[str | None], options: Sequence[str]) -> Kind | None:
    """ "text" for answers that look like programs, which `vote` refuses; None lets it find out."""
    return "text" if any(infer_kind(final or "", options) == "code" for final in finals) else None
