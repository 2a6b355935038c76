"""The rules stage: measures each row's signals, then drops by the first rule that its language's presets do not pass.

Guarantees: the same rows in the same order; a dropped row says which signal, its value and the threshold; the reason
does not depend on `measure`. A signal that cannot be measured (a share of nothing) drops nothing. Rows of a language
without a preset pass and carry the flag `rules_no_preset`. Rows that already have a reason are not measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tilth.base.fingerprint import text_hash
from tilth.curate.rules.presets import rules_by_language
from tilth.curate.signals.badwords import read_words
from tilth.curate.signals.bounds import failing, rows_by_key
from tilth.curate.signals.c4 import kept_text
from tilth.curate.signals.histogram import Survey
from tilth.curate.signals.measure import measure, signal_type
from tilth.curate.signals.spans import Bools, Ints
from tilth.curate.signals.table import SIGNALS
from tilth.frames import flag
from tilth.recipe.stages.rules import Rule, Rules

VERSION = 1
NO_PRESET = "rules_no_preset"
LINES_REMOVED = "c4_lines_removed"

_ROW = "rules row"  # a name that no column of a frame has


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesStage:
    """Built by `build`. `rules`: those of each language; `words`: the user's list."""

    settings: Rules
    rules: Mapping[str, tuple[Rule, ...]]
    words: tuple[str, ...]

    @property
    def identity(self) -> Mapping[str, str]:
        """Each threshold is a field, so that a change names the rule."""
        fields = {
            f"{language}.{rule.reason}": f"{rule.signal} from {rule.minimum} to {rule.maximum}"
            for language, rules in self.rules.items()
            for rule in rules
        }
        return {
            "version": str(VERSION),
            "signals": ", ".join(self.settings.signals),
            "measure": self.settings.measure,
            "c4_lines": self.settings.c4_lines,
            "bad_words": text_hash(*self.words) if self.words else "",
            **fields,
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        every = (rule for rules in self.rules.values() for rule in rules)
        return {rule.reason: rule.meaning or f"{rule.signal} is out of its bounds." for rule in every}

    @property
    def changes_text(self) -> bool:
        return self.settings.c4_lines == "remove"

    @property
    def signals(self) -> list[str]:
        """The signal columns that the stage adds."""
        wanted = {rule.signal for rules in self.rules.values() for rule in rules} | set(self.settings.signals)
        return [name for name in SIGNALS if name in wanted]

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        if frame.is_empty():
            return frame.with_columns(measure(frame.select("text"), self.signals).select(self.signals))
        parts, open_rows = [], frame["reason"].is_null().to_numpy()
        for key, rows in rows_by_key(frame["language"], self.rules):
            rules = None if key is None else self.rules[key]
            parts.append(self._judge(frame["text"], rows[open_rows[rows]], rules))
        parts.append(pl.DataFrame({_ROW: np.flatnonzero(~open_rows)}))
        judged = pl.concat(parts, how="diagonal_relaxed").sort(_ROW).drop(_ROW)
        missing = [pl.lit(None, signal_type(name)).alias(name) for name in self.signals if name not in judged.columns]
        return _filled_in(frame, judged.with_columns(missing), self.signals)

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Rows without a preset, and by rule the rows that fail it, whichever rule dropped them."""
        found = {NO_PRESET: int(frame["flags"].list.contains(NO_PRESET).sum())}
        if self.changes_text:
            found[LINES_REMOVED] = int(frame["flags"].list.contains(LINES_REMOVED).sum())
        for key, rows in rows_by_key(frame["language"], self.rules):
            part = frame[rows] if len(rows) < len(frame) else frame
            for rule in self.rules[key] if key is not None else ():
                name = f"fails {rule.reason}"
                found[name] = found.get(name, 0) + int(part.select(failing(rule).sum()).item() or 0)
        return found

    def _judge(self, texts: pl.Series, rows: Ints, rules: tuple[Rule, ...] | None) -> pl.DataFrame:
        """The signals of some rows, and for each what is to be dropped, why, and what is to be flagged."""
        part = pl.DataFrame({_ROW: rows, "text": texts.gather(rows)})
        if rules is None:
            return self._measured(part, self.settings.signals).with_columns(_new_flag=pl.lit(NO_PRESET)).drop("text")
        names = [*self.settings.signals, *(rule.signal for rule in rules)]
        if self.settings.measure == "needed":
            part = self._measured(part, [name for name in names if not SIGNALS[name].dear])
            passing = _first_failure(part, [rule for rule in rules if not SIGNALS[rule.signal].dear]) < 0
            rest = self._measured(part.filter(passing), [name for name in names if SIGNALS[name].dear])
            part = pl.concat([part.filter(~passing), rest], how="diagonal_relaxed").sort(_ROW)
        else:
            part = self._measured(part, names)
        failure = _first_failure(part, rules)
        part = part.with_columns(_told(part, rules, failure))
        return self._without_lines(part, failure < 0).drop("text")

    def _measured(self, part: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        return measure(part, list(dict.fromkeys(names)), bad_words=self.words)

    def _without_lines(self, part: pl.DataFrame, passing: Bools) -> pl.DataFrame:
        """The rows that pass with only the lines that C4 keeps, where that is asked for."""
        if not self.changes_text:
            return part
        texts = part["text"].to_list()
        for row in np.flatnonzero(passing).tolist():  # one by one: each text is built from its own lines anyway
            texts[row] = kept_text(texts[row] or "")
        new = pl.Series("_new_text", texts, dtype=pl.String)
        changed = pl.when(new != part["text"]).then(pl.lit(LINES_REMOVED)).alias("_new_flag")
        return part.with_columns(new, changed)


def build(settings: Rules, seed: int) -> RulesStage:
    """The stage of its settings; nothing in it is drawn at random. Raises `ConfigError`."""
    del seed
    words = read_words(Path(settings.bad_words)) if settings.bad_words else ()
    return RulesStage(settings=settings, rules=rules_by_language(settings), words=words)


def survey(settings: Rules) -> Survey:
    """An empty survey of what the stage of these settings would measure and drop. Raises `ConfigError`."""
    words = read_words(Path(settings.bad_words)) if settings.bad_words else ()
    return Survey(rules_by_language(settings), settings.signals, words)


def _first_failure(part: pl.DataFrame, rules: Sequence[Rule]) -> Ints:
    """For each row the index of the first rule that drops it, -1 for none."""
    first = np.full(len(part), -1, np.int64)
    for index, rule in enumerate(rules):
        fails = part.select(failing(rule).fill_null(False)).to_series().to_numpy()
        first[fails & (first < 0)] = index
    return first


def _told(part: pl.DataFrame, rules: Sequence[Rule], failure: Ints) -> list[pl.Series]:
    """Reason and detail of each row. A loop over the dropped rows: each detail is a string of its own."""
    reasons: list[str | None] = [None] * len(part)
    details: list[str | None] = [None] * len(part)
    for index, rule in enumerate(rules):
        rows = np.flatnonzero(failure == index)
        for row, value in zip(rows.tolist(), part[rule.signal].gather(rows).to_list(), strict=True):
            reasons[row], details[row] = rule.reason, _detail(rule, value)
    return [pl.Series("_new_reason", reasons, dtype=pl.String), pl.Series("_new_detail", details, dtype=pl.String)]


def _detail(rule: Rule, value: float) -> str:
    if rule.minimum is not None and value < rule.minimum:
        return f"{rule.signal} is {value:.6g}, minimum {rule.minimum:.6g}"
    return f"{rule.signal} is {value:.6g}, maximum {rule.maximum:.6g}"


def _filled_in(frame: pl.DataFrame, judged: pl.DataFrame, signals: Sequence[str]) -> pl.DataFrame:
    """The frame with what was found out about its rows."""
    given = [name for name in ("reason", "detail", "text") if f"_new_{name}" in judged.columns]
    new = [(name, judged[f"_new_{name}"]) for name in given]
    more = [values.zip_with(values.is_not_null(), frame[name]).alias(name) for name, values in new]
    frame = frame.with_columns([judged[name] for name in signals] + more)
    if "_new_flag" not in judged.columns:
        return frame
    for name in judged["_new_flag"].drop_nulls().unique(maintain_order=True):
        frame = flag(frame, pl.lit(judged["_new_flag"] == name), name)
    return frame
