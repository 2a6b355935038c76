"""Probe items are never seeds: the stage that takes them out of a pool, and how an item is known again.

A row is an item where it has the item's id, or its question says the same without case, spacing and width. Rows that
merely contain or paraphrase an item are the work of decontamination, which takes the same file as `probe`.
Costs about 5 us a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint, text_hash
from tilth.data.questions import normalise_question
from tilth.frames import drop
from tilth.recipe.stages.select import ProbeItems

VERSION = 1
REASON = "probe_item"
#: The items of a probe set in its folder, in the form of a benchmark.
ITEMS_FILE = "probe_set.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludeStage:
    """A `FrameStage`. `keys` are those of `question_keys`, `ids` those that the items had where they were taken."""

    keys: frozenset[str]
    ids: frozenset[str]

    VERSION = VERSION

    @property
    def identity(self) -> Mapping[str, str]:
        return {"version": str(VERSION), "items": fingerprint([sorted(self.keys), sorted(self.ids)])}

    @property
    def reasons(self) -> Mapping[str, str]:
        return {REASON: "the question is an item of the probe set, which may not be trained on"}

    @property
    def changes_text(self) -> bool:
        return False

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Drop the rows that are items."""
        known = question_keys(frame["text"]).is_in(list(self.keys))
        # an id has its source's name in front where a step has several sources
        bare = frame["doc_id"].str.replace(r"^[^:]{0,200}:", "")
        same = frame["doc_id"].is_in(list(self.ids)) | bare.is_in(list(self.ids))
        marked = drop(frame.with_columns(known.alias("_known"), same.alias("_same")), pl.col("_known"), REASON,
                      pl.lit("the same question"))  # fmt: skip
        return drop(marked, pl.col("_same"), REASON, pl.lit("the same id")).drop("_known", "_same")

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        return {"probe_items": int((frame["reason"] == REASON).sum())}


def build(settings: ProbeItems, seed: int) -> ExcludeStage:  # noqa: ARG001 - nothing is drawn
    """The stage of its settings; raises `ConfigError` where a folder holds no probe set."""
    tables = [_items(Path(folder)) for folder in settings.probe]
    items = pl.concat(tables)
    return ExcludeStage(keys=frozenset(items["item_id"]), ids=frozenset(items["doc_id"].drop_nulls()))


def question_keys(texts: pl.Series) -> pl.Series:
    """32 hex digits of each normalised question; null for a text that is empty then."""
    plain = pl.DataFrame({"text": texts}).select(normalise_question(pl.col("text"))).to_series()
    # hashing is row by row wherever it is done
    return pl.Series([text_hash(one) if one else None for one in plain.to_list()], dtype=pl.String)


def _items(folder: Path) -> pl.DataFrame:
    path = folder if folder.suffix == ".parquet" else folder / ITEMS_FILE
    try:
        return pl.read_parquet(path, columns=["item_id", "doc_id"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"expected a probe set in {folder}; saw: {error}. Make one first.") from error
