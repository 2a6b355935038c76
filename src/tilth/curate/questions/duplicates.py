"""Exact duplicates among seed questions, and questions that have different answers in different places.

Two rows are the same question where `normalise_question` makes the same text of them and, if both have choices, of
their choices in any order. Of each set one is kept: one with a worked solution before one without, then by source
priority, then the longest solution, then one with an answer, then the first. Near duplicates are the work of the
near-duplicates step. Answers of more than 100 characters are not compared.

Guarantees: the outcome does not depend on workers, nor on how rows are cut into parts. Memory: one frame and 60 bytes a
row of one part while gathering, `rows_at_once` rows while deciding, the duplicates of one part while applying. Costs
about 25 us a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tilth.base.errors import CorruptData
from tilth.base.files import write_atomic
from tilth.base.fingerprint import fingerprint
from tilth.data.questions import VERSION as FIELDS_VERSION
from tilth.data.questions import Question, gold_text, normalise_question, with_questions
from tilth.frames import CorpusStage, drop, flag
from tilth.recipe.stages.questions import QuestionDuplicates

#: Raise it when the same rows would be decided otherwise.
VERSION = 1
#: Signals that the stage adds: the first key of the row's set (UInt64), how many rows it has (UInt32).
SIGNALS = ("question_set", "question_copies")

_REASONS = {
    "duplicate_question": "The same question stands elsewhere and is kept there.",
    "conflicting_answers": "The same question has different answers in different places.",
}
#: What is decided of a row that is not alone; the clusters, as they stay on disk.
_DECIDED = ("key", "doc_id", "source", "question_set", "question_copies", "kept_doc_id", "kept", "conflicting")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    settings: QuestionDuplicates

    @property
    def identity(self) -> Mapping[str, str]:
        settings = self.settings.model_dump(exclude={"rows_at_once"})
        return {"version": f"{VERSION}.{FIELDS_VERSION}", "settings": fingerprint(settings)}

    @property
    def reasons(self) -> Mapping[str, str]:
        given = _REASONS if self.settings.conflicting == "drop" else {"duplicate_question"}
        return {name: _REASONS[name] for name in given}

    @property
    def changes_text(self) -> bool:
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write one row a question, sorted by the hash of the question."""
        rows = [self._entries(frame) for frame in frames]
        table = pl.concat(rows) if rows else self._entries(pl.DataFrame(schema=_INPUT))
        _write(_gathered(folder, part), table.with_columns(pl.lit(part).alias("part")).sort("hash", "key"))

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:  # noqa: ARG002 - seconds for millions
        """Join equal questions, one range of hashes after the other; then write what each part needs."""
        files = [_gathered(folder, part) for part in parts]
        ranges = _ranges(sum(_rows_in(file) for file in files), self.settings.rows_at_once)
        decided = [folder / "scratch" / f"range-{number:05}.parquet" for number in range(len(ranges))]
        for (low, high), path in zip(ranges, decided, strict=True):
            inside = pl.col("hash").is_between(low, high)
            _write(path, _sets(pl.scan_parquet(files).filter(inside).collect() if files else None))
        for part in parts:
            found = pl.scan_parquet(decided).filter(pl.col("part") == part).select(_DECIDED).sort("key").collect()
            _write(_decisions(folder, part), found)

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Drop all but the kept row of each set, flag or drop conflicting answers."""
        path = _decisions(folder, part)
        found = _read_decisions(str(path), path.stat().st_mtime_ns if path.exists() else 0)
        joined = frame.join(found, on="key", how="left", maintain_order="left")
        joined = joined.with_columns(pl.col("question_copies").fill_null(1))
        if self.settings.conflicting == "drop":
            detail = pl.format("{} rows, answers differ", "question_copies")
            joined = drop(joined, pl.col("conflicting"), "conflicting_answers", detail)
        else:
            joined = flag(joined, pl.col("conflicting"), "conflicting_answers")
        joined = drop(joined, ~pl.col("kept"), "duplicate_question", pl.format("kept: {}", "kept_doc_id"))
        return joined.drop("kept", "kept_doc_id", "conflicting")

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Questions, and rows in sets of two and more."""
        return {"questions": frame.height, "in_sets": int((frame["question_copies"] > 1).sum())}

    def _entries(self, frame: pl.DataFrame) -> pl.DataFrame:
        whole = with_questions(frame.filter(pl.col("reason").is_null()), self.settings.fields)
        priority = {name: place for place, name in enumerate(self.settings.sources)}
        whole = whole.with_columns(
            normalise_question(pl.col("text")).alias("_normal"),
            pl.col("question_choices").list.eval(normalise_question(pl.element())).list.sort().alias("_choices"),
            self._answers(whole),
        )
        return whole.select(
            "key",
            "doc_id",
            "source",
            _hashes(whole["_normal"], whole["_choices"] if self.settings.choices else None),
            "answer",
            pl.col("question_solution").str.len_chars().fill_null(0).alias("solution"),
            pl.col("source").replace_strict(priority, default=len(priority), return_dtype=pl.UInt32).alias("priority")
            if priority
            else pl.lit(0, pl.UInt32).alias("priority"),
        )

    def _answers(self, whole: pl.DataFrame) -> pl.Series:
        """Hash of each normalised gold answer, null without one; whole numbers are equal with and without ".0"."""
        pairs = zip(whole["question_answer"].to_list(), whole["question_choices"].to_list(), strict=True)
        asked = [Question(text="", answer=answer, choices=tuple(choices or ()) or None) for answer, choices in pairs]
        gold = [gold_text(question, self.settings.first_choice) for question in asked]
        texts = pl.DataFrame({"gold": pl.Series(gold, dtype=pl.String)})
        plain = normalise_question(pl.col("gold")).str.replace(r"^(-?\d+)\.0+$", "${1}")
        answers = texts.select(plain).to_series().to_list()
        hashes = [None if one is None or len(one) > _COMPARED else _hash(one) for one in answers]
        return pl.Series("answer", hashes, pl.UInt64)


#: Characters up to which answers are compared; longer ones are worked out, and differ in wording between books.
_COMPARED = 100
_INPUT = {
    "key": pl.UInt64,
    "doc_id": pl.String,
    "source": pl.String,
    "text": pl.String,
    "metadata": pl.String,
    "reason": pl.String,
}


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _hashes(normal: pl.Series, choices: pl.Series | None) -> pl.Series:
    """64 bits of blake2b a question; Polars' own hash is not promised to stay the same between versions."""
    texts = normal.to_list()
    if choices is not None:
        texts = [
            text if not listed else "\x1f".join([text, *(item or "" for item in listed)])
            for text, listed in zip(texts, choices.to_list(), strict=True)
        ]
    data = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return pl.Series("hash", np.frombuffer(data, ">u8").astype(np.uint64))


def _sets(rows: pl.DataFrame | None) -> pl.DataFrame:
    """Rows that are not alone, each with its set, the kept one and whether answers differ."""
    if rows is None:
        return pl.DataFrame(schema={"part": pl.String})
    ranked = rows.filter(pl.len().over("hash") > 1).sort(
        "hash",
        pl.col("solution") == 0,
        "priority",
        pl.col("solution").cast(pl.Int64).neg(),
        pl.col("answer").is_null(),
        "key",
    )
    return ranked.select(
        "part",
        "key",
        "doc_id",
        "source",
        pl.col("key").min().over("hash").alias("question_set"),
        pl.len().over("hash").cast(pl.UInt32).alias("question_copies"),
        pl.col("doc_id").first().over("hash").alias("kept_doc_id"),
        (pl.col("key") == pl.col("key").first().over("hash")).alias("kept"),
        (pl.col("answer").drop_nulls().n_unique().over("hash") > 1).alias("conflicting"),
    )


def _ranges(total: int, limit: int) -> list[tuple[int, int]]:
    """Ranges of 64-bit hashes, both ends inside, that hold about `limit` of `total` rows each."""
    count = max(1, -(-total // limit))
    bounds = [(1 << 64) * number // count for number in range(count + 1)]
    return [(low, high - 1) for low, high in pairwise(bounds)]


def _gathered(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.questions.parquet"


def _decisions(folder: Path, part: str) -> Path:
    return folder / f"{part}.sets.parquet"


def _rows_in(path: Path) -> int:
    if not path.exists():
        raise CorruptData(f"expected the gathered questions of a part at {path}; saw none. Run the step again.")
    return int(pq.read_metadata(path).num_rows)


def _write(path: Path, table: pl.DataFrame) -> None:
    write_atomic(path, lambda temporary: table.write_parquet(temporary, row_group_size=100_000))


@lru_cache(maxsize=2)  # the frames of one part come one after the other; two, so that a change of parts is no thrash
def _read_decisions(path: str, changed: int) -> pl.DataFrame:  # noqa: ARG001 - a file written anew is read anew
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorruptData(f"expected what was decided at {path}; saw: {error}. Run the step again.") from error
    return table.select("key", "question_set", "question_copies", "kept_doc_id", "kept", "conflicting")


def build(settings: QuestionDuplicates, seed: int) -> CorpusStage:  # noqa: ARG001 - every stage takes a seed
    """The stage; nothing is drawn at random."""
    return _Stage(settings=settings)
