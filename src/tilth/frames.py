"""What a columnar stage is, so that curation stages and the runner meet without importing one another.

A `FrameStage` looks at rows one by one; a `CorpusStage` has to see the whole corpus before it can decide (duplicates,
quotas). Both get frames of bounded size and answer with the same rows in the same order: a row to be dropped gets a
`reason`, and the runner takes it out. So every row that came in ends in exactly one named state.

Columns of a frame: those of `data.schema.DOCUMENTS`, and

- `key` (UInt64): the row's place in the step's input; unique, increasing, the same on every run;
- `source` (String): the name of the read step the row came from;
- `reason`, `detail` (String, null at entry): why the row is dropped, and what was seen;
- `flags` (List(String)): names of what was noticed and is no ground to drop;
- every other column is a signal, added by a stage under a name that no other stage uses. Signals of kept and of dropped
  rows are written out, so that thresholds can be decided again without measuring again.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl

#: Columns that a frame has whatever the stages before it did, beside those of DOCUMENTS.
CONTROL = ("key", "source", "reason", "detail", "flags")


class FrameStage(Protocol):
    """Decides row by row. Built from its settings by `build(settings, seed)`, named in the plan as "module:build"."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Flat fields that decide the outcome: VERSION, settings, hashes of files and versions of models used."""
        ...

    @property
    def reasons(self) -> Mapping[str, str]:
        """Every reason this stage can give -> one sentence on what it means."""
        ...

    @property
    def changes_text(self) -> bool:
        """True where the stage may change `text`; the runner then hashes the new text."""
        ...

    def __call__(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        """The same rows in the same order, with signals, flags and reasons filled in."""
        ...

    def counts(self, frame: "pl.DataFrame") -> Mapping[str, int]:
        """Numbers for the report, from a frame that the call returned; the runner adds them up over all frames."""
        ...


class CorpusStage(Protocol):
    """Decides over the whole corpus in three steps; each may run again after a kill and must then end the same.

    `folder` is the stage's own and survives the run, but for what lies in `folder/"scratch"`, which the runner removes
    when the step is complete. `part` names a shard; parts are worked on by several processes at once, so a file is
    written by one part only, atomically, under a name that begins with the part's.
    """

    @property
    def identity(self) -> Mapping[str, str]: ...

    @property
    def reasons(self) -> Mapping[str, str]: ...

    @property
    def changes_text(self) -> bool: ...

    def gather(self, frames: "Iterable[pl.DataFrame]", part: str, folder: Path) -> None:
        """Write what the decision needs to know of one part. Memory: one frame and what is kept of each row."""
        ...

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:
        """Once every part was gathered: decide, with bounded memory, and write what `apply` needs by part."""
        ...

    def apply(self, frame: "pl.DataFrame", part: str, folder: Path) -> "pl.DataFrame":
        """As the call of a `FrameStage`, from what was decided."""
        ...

    def counts(self, frame: "pl.DataFrame") -> Mapping[str, int]: ...


def drop(frame: "pl.DataFrame", when: "pl.Expr", reason: str, detail: "pl.Expr | None" = None) -> "pl.DataFrame":
    """Give `reason` to the rows where `when` holds and that have none yet; a null `when` drops nothing."""
    import polars as pl

    now = when.fill_null(False) & pl.col("reason").is_null()
    said = pl.lit("") if detail is None else detail.cast(pl.String)
    return frame.with_columns(
        pl.when(now).then(pl.lit(reason)).otherwise(pl.col("reason")).alias("reason"),
        pl.when(now).then(said).otherwise(pl.col("detail")).alias("detail"),
    )


def flag(frame: "pl.DataFrame", when: "pl.Expr", name: str) -> "pl.DataFrame":
    """Add `name` to the flags of the rows where `when` holds."""
    import polars as pl

    more = pl.when(when.fill_null(False)).then(pl.lit([name])).otherwise(pl.lit([], dtype=pl.List(pl.String)))
    return frame.with_columns(pl.concat_list("flags", more).alias("flags"))


def make_frame(texts: Sequence[str], **columns: Sequence[object]) -> "pl.DataFrame":
    """A frame of plain texts as the runner would hand it over: for tests, notebooks and `inspect`."""
    import polars as pl

    from tilth.base.fingerprint import text_hash

    count = len(texts)
    base: dict[str, object] = {
        "doc_id": pl.Series([f"d{index}" for index in range(count)], dtype=pl.String),
        "text": pl.Series(list(texts), dtype=pl.String),
        "language": pl.Series([None] * count, dtype=pl.String),
        "licence": pl.Series([None] * count, dtype=pl.String),
        "origin": pl.Series(["memory"] * count, dtype=pl.String),
        "position": pl.Series(range(count), dtype=pl.Int64),
        "content_hash": pl.Series([text_hash(text) for text in texts], dtype=pl.String),
        "metadata": pl.Series([None] * count, dtype=pl.String),
        "key": pl.Series(range(count), dtype=pl.UInt64),
        "source": pl.Series(["memory"] * count, dtype=pl.String),
        "reason": pl.Series([None] * count, dtype=pl.String),
        "detail": pl.Series([None] * count, dtype=pl.String),
        "flags": pl.Series([[]] * count, dtype=pl.List(pl.String)),
    }
    return pl.DataFrame({**base, **columns})
