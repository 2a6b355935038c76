"""Curation of seed questions: every rule looks at every question; the recipe says what a hit does.

Guarantees: the same rows in the same order; the signal `question_faults` names every rule that hit, also where its
action is keep, so actions can be decided again without measuring again; each row is decided alone. Costs about 42 us a
question of 150 characters. Text after `max_characters` is not looked at (it is too long anyway).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tilth.base.fingerprint import fingerprint
from tilth.curate.questions import answer_rules, text_rules
from tilth.curate.questions.catalogue import Policy, content_hash, policy, rules
from tilth.data.questions import QUESTION_COLUMNS, with_questions
from tilth.data.questions import VERSION as FIELDS_VERSION
from tilth.frames import FrameStage
from tilth.recipe.stages.questions import Questions

#: Raise it when the same question would be decided otherwise.
VERSION = 1
#: Signals that the stage adds: characters of the question (UInt32), names of the rules that hit (List(String)).
SIGNALS = ("question_characters", "question_faults")

_TEMPORARY = (text_rules.TEXT, answer_rules.ANSWER, answer_rules.NORMAL, "_outside", "_choices_fault", "_row")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    settings: Questions
    policy: Policy

    @property
    def identity(self) -> Mapping[str, str]:
        return {
            "version": f"{VERSION}.{FIELDS_VERSION}",
            "settings": fingerprint(self.settings),
            "rules": content_hash(),
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        return {rule.name: rule.means for rule in rules() if self.policy.actions[rule.name] == "drop"}

    @property
    def changes_text(self) -> bool:
        return False

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        before = frame.columns
        given = [name for name in QUESTION_COLUMNS if name in before]
        whole = self._prepared(frame)
        hits = whole.select(expr.fill_null(False).alias(name) for name, expr in self._rules().items())
        faults = pl.concat_list(pl.when(pl.col(name)).then(pl.lit(name)) for name in hits.columns).list.drop_nulls()
        whole = whole.with_columns(hits.select(faults.alias("question_faults")).to_series())
        whole = self._flagged(self._dropped(whole, hits), hits)
        unwanted = [name for name in (*_TEMPORARY, *QUESTION_COLUMNS) if name in whole.columns and name not in given]
        return whole.drop(unwanted)

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Questions seen, and hits of each rule whatever its action (`found_<rule>`)."""
        found = frame["question_faults"].explode(empty_as_null=False).value_counts()
        named = dict(zip(found["question_faults"], found["count"], strict=True))
        return {"questions": frame.height, **{f"found_{rule.name}": int(named.get(rule.name, 0)) for rule in rules()}}

    def _prepared(self, frame: pl.DataFrame) -> pl.DataFrame:
        window = int(self.policy.thresholds["max_characters"]) + 1
        text = pl.col("text").str.slice(0, window * 2).str.strip_chars().str.slice(0, window)
        whole = with_questions(frame, self.settings.fields).with_columns(
            pl.col("text").str.len_chars().alias("question_characters"), text.alias(text_rules.TEXT)
        )
        return answer_rules.prepared(whole, text_rules.TEXT, self.policy.thresholds, self.settings.first_choice)

    def _rules(self) -> dict[str, pl.Expr]:
        """Every rule of the catalogue as an expression, in its order."""
        limits = self.policy.thresholds
        made = {
            "question_too_short": text_rules.length_units(limits),
            "question_too_long": pl.col("question_characters") > limits["max_characters"],
            "answer_missing": answer_rules.answer_missing(self.settings.answer),
            "question_equals_answer": answer_rules.question_equals_answer(),
            "choices_malformed": answer_rules.choices_malformed(),
            "answer_not_among_choices": answer_rules.answer_not_among_choices(),
            "needs_picture": text_rules.needs_picture(),
            "needs_table": text_rules.needs_table(limits),
            "needs_passage": text_rules.needs_passage(limits),
            "needs_link": text_rules.speaks_of("needs_link"),
            "html_residue": text_rules.html_residue(),
            "latex_residue": text_rules.latex_residue(),
            "broken_characters": text_rules.broken_characters(),
            "not_self_contained": text_rules.not_self_contained(limits),
            "cites_exercise": text_rules.speaks_of("cites_exercise"),
            "missing_reference": text_rules.speaks_of("missing_reference"),
            "no_question": text_rules.no_question() & answer_rules.answer_missing("either"),
            "reads_as_query": text_rules.no_question() & ~answer_rules.answer_missing("either"),
            "holds_link": text_rules.speaks_of("holds_link"),
            "answer_in_question": answer_rules.answer_in_question(limits),
            "several_questions": text_rules.speaks_of("several_parts"),
            "choices_in_text": text_rules.choices_in_text(),
        }
        return {rule.name: made[rule.name] for rule in rules()}

    def _dropped(self, whole: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
        """Reason and detail of the rows whose first hit with the action drop; rows with a reason keep theirs."""
        dropping = [name for name in hits.columns if self.policy.actions[name] == "drop"]
        first = pl.coalesce(pl.when(pl.col(name)).then(pl.lit(name)) for name in dropping) if dropping else pl.lit(None)
        reason = hits.select(first.cast(pl.String).alias("reason")).to_series()
        whole = whole.with_columns(pl.coalesce(pl.col("reason"), reason).alias("reason")).with_row_index("_row")
        details = [
            whole.lazy().filter(reason == name).select("_row", detail_of(name).alias("_seen"))
            for name in dropping
            if (reason == name).any()
        ]
        if not details:
            return whole
        seen = pl.concat(details).collect()
        joined = whole.join(seen, on="_row", how="left", maintain_order="left")
        return joined.with_columns(pl.coalesce("detail", "_seen").alias("detail")).drop("_seen")

    def _flagged(self, whole: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
        flagging = [name for name in hits.columns if self.policy.actions[name] == "flag"]
        if not flagging:
            return whole
        names = pl.concat_list(pl.when(pl.col(name)).then(pl.lit(name)) for name in flagging).list.drop_nulls()
        more = hits.select(names.alias("_more")).to_series()
        return whole.with_columns(pl.concat_list("flags", more).alias("flags"))


def detail_of(rule: str) -> pl.Expr:
    """What the rule saw, for the column `detail`."""
    special = {
        "question_too_long": pl.format("{} characters", "question_characters"),
        "answer_missing": pl.lit("neither answer nor solution"),
        "question_equals_answer": pl.col("question_answer").str.slice(0, 80),
        "choices_malformed": answer_rules.fault_detail(),
        "answer_not_among_choices": answer_rules.choices_detail(),
        "answer_in_question": pl.col("question_answer").str.slice(0, 80),
        "several_questions": pl.col(text_rules.TEXT).str.slice(0, 80),
        "choices_in_text": pl.col(text_rules.TEXT).str.slice(0, 80),
    }
    return special[rule] if rule in special else text_rules.excerpt(rule)


def build(settings: Questions, seed: int) -> FrameStage:  # noqa: ARG001 - every stage takes a seed; this one draws none
    """The stage. Raises `ConfigError` for names of rules or thresholds that do not exist."""
    return _Stage(settings=settings, policy=policy(settings))
