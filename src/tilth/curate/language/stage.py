"""The stage that measures the language of each row and keeps the languages asked for.

What it does: adds `language_id`, `language_score` and `language_form_score`, drops what is not wanted, and fills
`language` where the source gave none.
What it guarantees: rows and their order stay; the answer depends on the text and the source's own tag alone.
What it costs: see `identify`; the decisions cost a microsecond a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint
from tilth.curate.language import model, tags
from tilth.curate.language.identify import NOT_A_LANGUAGE, UNDETERMINED, VERSION, identify
from tilth.frames import drop, flag
from tilth.recipe.stages.language import Language

_REASONS = {
    "wrong_language": "the text is in a language that is not among those to keep",
    "uncertain_language": "no language was found with the probability asked for",
    "language_disagreement": "the source names another language than the one found",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageStage:
    """A `FrameStage`; built by `build`."""

    settings: Language

    @property
    def identity(self) -> Mapping[str, str]:
        """Version of the rules, of the model, and the settings."""
        return {
            "language_version": str(VERSION),
            "language_model": model.model_version(),
            "language_settings": fingerprint(self.settings),
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        """The reasons this stage can give with its settings."""
        possible = {
            "wrong_language": bool(self.settings.keep),
            "uncertain_language": self.settings.minimum_score > 0,
            "language_disagreement": self.settings.on_disagreement == "drop",
        }
        return {name: meaning for name, meaning in _REASONS.items() if possible[name]}

    @property
    def changes_text(self) -> bool:
        """False: only columns beside the text are written."""
        return False

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with the three signals, and with reasons, flags and `language` filled in."""
        measured = frame.hstack(identify(frame["text"]))
        decided = self._decide(measured)
        return self._fill(decided) if self.settings.fill else decided

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Rows a language found, as `language_id:en`, and rows where the source names another."""
        found = frame["language_id"].value_counts(sort=True)
        counts = {f"language_id:{tag}": rows for tag, rows in found.iter_rows()}
        return {**counts, "language_disagreement": int(_differ(frame).sum())}

    def _decide(self, frame: pl.DataFrame) -> pl.DataFrame:
        score, keep = self._score(), self.settings.keep
        if self.settings.minimum_score > 0:
            seen = pl.format("{} at {}", "language_id", score.round(3))
            frame = drop(frame, score < self.settings.minimum_score, "uncertain_language", seen)
        if keep:
            seen = pl.format("{} at {}", "language_id", score.round(3))
            kept = [tag for tag in frame["language_id"].unique() if tags.is_kept(tag, keep)]
            frame = drop(frame, ~pl.col("language_id").is_in(kept), "wrong_language", seen)
        if self.settings.on_disagreement == "drop":
            seen = pl.format("{} found", "language_id")
            return drop(frame, pl.lit(_differ(frame)), "language_disagreement", seen)
        if self.settings.on_disagreement == "flag":
            return flag(frame, pl.lit(_differ(frame)), "language_disagreement")
        return frame

    def _score(self) -> pl.Expr:
        """The probability that counts: of the form too, where one form of Chinese is asked for and not Chinese."""
        score = pl.col("language_score")
        wanted = {tags.normalise(word) for word in self.settings.keep}
        if not wanted or "zh" in wanted or not wanted & {"zh-hans", "zh-hant", "lzh", "yue"}:
            return score
        return score * pl.col("language_form_score").fill_null(1.0)

    def _fill(self, frame: pl.DataFrame) -> pl.DataFrame:
        known = ~pl.col("language_id").is_in([NOT_A_LANGUAGE, UNDETERMINED])
        sure = self._score() >= self.settings.minimum_score
        empty = pl.col("language").fill_null("").str.strip_chars() == ""
        found = pl.when(empty & known & sure).then("language_id").otherwise("language")
        return frame.with_columns(found.alias("language"))


def build(settings: Language, seed: int) -> LanguageStage:  # noqa: ARG001  every stage is built alike
    """The stage for `settings`.

    Raises `ConfigError` for a language that is never found, `MissingExtra` where the model is not installed.
    """
    known = {label for label in model.load().labels if label != NOT_A_LANGUAGE} | {"lzh", "zh-hans", "zh-hant"}
    for word in settings.keep:
        if tags.normalise(word) not in known:
            raise ConfigError(
                f"keep: expected language tags such as en, de, zh or zh-Hans; saw {word!r}, which is never found. "
                f"The tags are: {', '.join(sorted(known))}."
            )
    return LanguageStage(settings=settings)


def _differ(frame: pl.DataFrame) -> pl.Series:
    """One boolean a row: the source's tag names another language than the one found. Asked once a pair of tags."""
    pairs = frame.select("language", "language_id")
    distinct = pairs.unique()
    said = [said is not None and tags.disagree(said, found) for said, found in distinct.iter_rows()]
    distinct = distinct.with_columns(pl.Series("differ", said, dtype=pl.Boolean))
    joined = pairs.join(distinct, on=("language", "language_id"), how="left", nulls_equal=True, maintain_order="left")
    return joined["differ"]
