"""The verify stage: one row a question, checked, with the vote over all answers to it.

Rows of one question from several solver steps are joined (`from: [solve_a, solve_b]`); checks that need no solver come
first, then the vote. What each reason does (drop, flag, keep) is a setting. Guarantees: every row ends in one named
state; the verdict does not depend on the order of steps, parts or answers. Costs about 0.3 ms a row with 8 answers;
memory as `grouping` says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import orjson
import polars as pl

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint
from tilth.data.qa import QA, qa_of
from tilth.data.questions import VERSION as FIELDS_VERSION
from tilth.recipe.stages.verify import Verify
from tilth.synth.solve.answers import VERSION as ANSWERS_VERSION
from tilth.synth.solve.answers import summed
from tilth.synth.verify import grouping
from tilth.synth.verify.ballot import VERSION as BALLOT_VERSION
from tilth.synth.verify.ballot import Ballot, cast, merged_answers
from tilth.synth.verify.checks import CHECKS, checked
from tilth.synth.verify.words import words_hash

#: Every reason, in the order in which they are given: what it means, and what it does where the settings say nothing.
CATALOGUE: Mapping[str, tuple[str, str]] = {
    "same_question": ("another row of the same question is kept, with the answers of both", "drop"),
    "empty_question": ("there is no question", "drop"),
    "question_too_short": ("the question is shorter than least_characters", "drop"),
    "question_too_long": ("the question is longer than most_characters", "drop"),
    "malformed": ("broken characters, or marks of a template or chat format, are left in the question", "drop"),
    "choices_malformed": ("there are fewer than two choices, an empty one, or two equal ones", "drop"),
    "answer_not_among_choices": ("the answer is none of the choices", "drop"),
    "unseen_figure": ("the question speaks of a picture that is not there", "drop"),
    "unseen_table": ("the question speaks of a table that is not there", "drop"),
    "unseen_text": ("the question refers to a text, an earlier part or a place in a book that is not there", "drop"),
    "repetition": ("question and solution repeat themselves", "drop"),
    "wrong_language": ("question or solution are in another language than asked for", "drop"),
    "copies_seed": ("the question is nearly the text of its own seed", "drop"),
    "judged_invalid": ("a judge found that the question cannot be answered as it stands", "drop"),
    "answer_missing": ("there is no answer, and none may be or could be adopted", "drop"),
    "unanswerable": ("most solvers say that the question cannot be answered", "drop"),
    "contradicted": ("the vote gives another answer than the row's", "drop"),
    "never_solved": ("no solver gives the row's answer, and no other answer wins", "drop"),
    "no_majority": ("no answer has share and lead enough", "drop"),
    "too_few_answers": ("fewer answers than least_answers were given", "flag"),
    "not_comparable": ("the answer is free text or a program, or a package is missing: nothing compares it", "flag"),
    "conflicting_answers": ("rows of the same question had different answers", "flag"),
    "pass_rate_too_low": ("the pass rate is not above pass_rate_above", "drop"),
    "pass_rate_too_high": ("the pass rate is above pass_rate_at_most", "drop"),
}
#: Signals beside those of `checks`.
SIGNALS = ("verdict", "votes", "solvers", "agreement", "lead")


@dataclass(slots=True)
class _Row:
    """What becomes of one row: its JSON, its signals, and the first reason that drops it."""

    metadata: str | None
    reason: str | None = None
    detail: str | None = None
    flags: list[str] = field(default_factory=list)
    verdict: str | None = None
    votes: int | None = None
    solvers: int | None = None
    agreement: float | None = None
    lead: int | None = None


@dataclass(frozen=True, slots=True)
class VerifyStage:
    """See the module. A `frames.CorpusStage`."""

    VERSION: ClassVar[int] = 1
    settings: Verify
    actions: Mapping[str, str]

    @property
    def identity(self) -> Mapping[str, str]:
        versions = (self.VERSION, BALLOT_VERSION, ANSWERS_VERSION, FIELDS_VERSION)
        return {
            "version": ".".join(map(str, versions)),
            "settings": fingerprint(self.settings),
            "words": words_hash(),
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        return {name: means for name, (means, _) in CATALOGUE.items() if self.actions[name] == "drop"}

    @property
    def changes_text(self) -> bool:
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write what brings rows of one question together. Memory: one frame, and the part's answers."""
        grouping.gather(frames, part, folder)

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:  # noqa: ARG002 - the disk is the limit
        """Bring rows of one question together; the votes are counted when a part is applied, by all workers."""
        grouping.decide(parts, folder, self.settings.rows_at_once)

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Checks, votes, reasons and the rewritten JSON of each row; dropped rows are left as they are."""
        found = {row["key"]: row for row in grouping.decided(part, folder, frame["key"]).iter_rows(named=True)}
        qas = [qa_of(text, metadata) for text, metadata in frame.select("text", "metadata").iter_rows()]
        languages = frame["language"].to_list()
        seeds = [_seeds(qa, self.settings.seed_field) for qa in qas]
        expected = [_expected(qa, language) for qa, language in zip(qas, languages, strict=True)]
        measured = checked(frame, self.settings, seeds, expected)
        rows = [
            self._row(qa, metadata, faults, found.get(key)) if free else _Row(metadata)
            for qa, metadata, faults, key, free in zip(
                qas,
                frame["metadata"].to_list(),
                measured["verify_faults"].to_list(),
                frame["key"].to_list(),
                frame["reason"].is_null().to_list(),
                strict=True,
            )
        ]
        return _written(measured, rows)

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Verdicts, and every check that failed, whatever its action."""
        verdicts = Counter(frame["verdict"].drop_nulls().to_list())
        faults = Counter(frame["verify_faults"].explode().drop_nulls().to_list())
        return {
            **{f"verdict_{name}": count for name, count in sorted(verdicts.items())},
            **{f"fault_{name}": count for name, count in sorted(faults.items())},
        }

    def _row(self, qa: QA, metadata: str | None, faults: list[str], group: Mapping[str, Any] | None) -> _Row:
        if group is not None and group["answers"] is None:
            return _Row(metadata, reason="same_question", detail=f"kept: {group['kept']}")
        row = _Row(metadata)
        for fault in faults:
            self._act(row, fault, _seen(fault, qa))
        invalid = _judged_invalid(qa)
        if invalid is not None:
            self._act(row, "judged_invalid", invalid)
        if row.reason is None:
            self._vote(row, qa, group)
        return row

    def _vote(self, row: _Row, qa: QA, group: Mapping[str, Any] | None) -> None:
        """Count the votes, write the verdict into the row's JSON, and act on the reasons."""
        conflicting = bool(group and group["conflicting"])
        answers = merged_answers([orjson.loads(group["answers"]) if group else qa.more.get("answers")])
        ballot = cast(qa, answers, self.settings, again=conflicting)
        adopted = ballot.verdict == "verified" and not qa.answer
        after = summed(qa.but(answer=ballot.winner) if adopted else qa, answers, self.settings.level / 100)
        after = after.but(verdict=ballot.verdict, votes=ballot.votes, solvers=ballot.answers)
        if adopted:  # the answers agreed on it among themselves: a pass rate against it would say nothing of its own
            row.flags.append("answer_adopted")
        row.metadata = after.dump()
        row.verdict, row.votes, row.solvers = ballot.verdict, ballot.votes, ballot.answers
        row.agreement, row.lead = ballot.share, ballot.lead
        if conflicting:
            self._act(row, "conflicting_answers", ballot.detail)
        if ballot.reason is not None:
            self._act(row, ballot.reason, ballot.detail)
        self._rate(row, after, ballot)

    def _rate(self, row: _Row, qa: QA, ballot: Ballot) -> None:
        """The range of pass rates that is kept: above the one border, up to the other."""
        low, high, rate = self.settings.pass_rate_above, self.settings.pass_rate_at_most, qa.pass_rate
        if rate is None:
            return
        said = f"{sum(ballot.judged)} of {len(ballot.judged)} answers are right"
        if low is not None and rate <= low:
            self._act(row, "pass_rate_too_low", said)
        elif high is not None and rate > high:
            self._act(row, "pass_rate_too_high", said)

    def _act(self, row: _Row, name: str, detail: str) -> None:
        action = self.actions[name]
        if action == "drop" and row.reason is None:
            row.reason, row.detail = name, detail
        elif action == "flag":
            row.flags.append(name)


def _written(frame: pl.DataFrame, rows: list[_Row]) -> pl.DataFrame:
    """The frame with what became of its rows; reasons of earlier stages stay."""

    def column(name: str, kind: Any) -> pl.Series:
        return pl.Series(name, [getattr(row, name) for row in rows], dtype=kind)

    more = pl.Series("_more", [row.flags for row in rows], dtype=pl.List(pl.String))
    return frame.with_columns(
        pl.coalesce(pl.col("reason"), column("reason", pl.String)).alias("reason"),
        pl.coalesce(pl.col("detail"), column("detail", pl.String)).alias("detail"),
        pl.concat_list(pl.col("flags").fill_null([]), more).alias("flags"),
        column("metadata", pl.String),
        column("verdict", pl.String),
        column("votes", pl.UInt16),
        column("solvers", pl.UInt16),
        column("agreement", pl.Float32),
        column("lead", pl.Int16),
    )


def _seeds(qa: QA, name: str) -> list[str]:
    """The texts of the row's seeds, where it keeps them."""
    value = qa.more.get(name)
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text for text in texts if isinstance(text, str)]


def _expected(qa: QA, language: str | None) -> str | None:
    """ "zh", "en", or None where nothing says it or it is another language."""
    said = (qa.language if isinstance(qa.language, str) else None) or language or ""
    return next((name for name in ("zh", "en") if said.lower().startswith(name)), None)


def _judged_invalid(qa: QA) -> str | None:
    """What a judge said of the question, where more judges found it invalid than valid; None otherwise."""
    told = qa.more.get("judged")
    said = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    against = [one for one in said if one.get("valid") is False]
    if not against or len(against) <= sum(one.get("valid") is True for one in said):
        return None
    return str(against[0].get("reason") or "no grounds given")[:200]


def _seen(fault: str, qa: QA) -> str:
    """What a check saw, for the column `detail`."""
    if fault in ("choices_malformed", "answer_not_among_choices"):
        return f"{(qa.answer or '')[:80]} among {len(qa.choices or ())} choices"
    return f"{len(qa.question):,} characters" if fault == "question_too_long" else qa.question[:80]


def build(settings: Verify, seed: int) -> VerifyStage:  # noqa: ARG001 - nothing is drawn at random
    """The stage; raises `ConfigError` for a reason in `actions` that does not exist."""
    assert set(CHECKS) < set(CATALOGUE), "every check has a sentence"
    if unknown := sorted(set(settings.actions) - set(CATALOGUE)):
        raise ConfigError(
            f"expected reasons of verification; saw {', '.join(unknown)}. Choose from: {', '.join(CATALOGUE)}."
        )
    if settings.actions.get("same_question", "drop") != "drop":
        raise ConfigError("same_question can only drop: the answers of both rows are in the one that is kept.")
    return VerifyStage(settings, {name: default for name, (_, default) in CATALOGUE.items()} | dict(settings.actions))
