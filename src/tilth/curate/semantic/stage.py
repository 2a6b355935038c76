"""Near duplicates of questions by embedding: what MinHash does not find, since the words differ.

Two questions are near where the cosine of their vectors is at least the threshold and, unless the recipe says
otherwise, their answers do not differ ("capital of France?" and "capital of Spain?" are near, and no duplicates). Of
near ones that with a worked solution is kept, then by source priority, then the longest solution, then the first.

Guarantees: the outcome does not depend on workers, nor on how rows are cut into parts; embeddings are paid for once.
Memory: one frame and 100 bytes a row of one part while gathering; while deciding the index (`index.py`), 150 bytes a
question and 48 a pair. Costs: `docs/questions.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.base.errors import CorruptData
from tilth.base.files import write_atomic, write_json
from tilth.base.fingerprint import fingerprint
from tilth.curate.semantic import hashed
from tilth.curate.semantic.cache import VectorCache
from tilth.curate.semantic.clusters import Decision, decide
from tilth.curate.semantic.copies import representatives, with_copies
from tilth.curate.semantic.endpoint import Embedder
from tilth.curate.semantic.index import EXACT_ROWS, Chosen, Search, Vectors, near_pairs
from tilth.data.questions import VERSION as FIELDS_VERSION
from tilth.data.questions import Question, gold_text, normalise_question, with_questions
from tilth.frames import CorpusStage, drop
from tilth.recipe.stages.semantic import SemanticDuplicates

Array = NDArray[Any]

#: Raise it when the same rows would be decided otherwise.
VERSION = 1
#: Cosine from which questions are near; own choices, after reading pairs of public seeds. With MiniLM-L6 every pair
#: read at 0.9 and more was the same question; below stood opposites ("advantages of", "disadvantages of" at 0.89). The
#: right value is the model's: SemDeDup (Abbas et al. 2023, arXiv 2303.09540) sets it by the share to be kept.
THRESHOLDS = {"hashed": 0.8, "endpoint": 0.93}
#: Signals: first key of the chain of near questions (UInt64), questions in it (UInt32), cosine to the kept one.
SIGNALS = ("semantic_cluster", "semantic_copies", "semantic_cosine")

_ROWS = {
    "key": pl.UInt64,
    "doc_id": pl.String,
    "source": pl.String,
    "solution": pl.UInt32,
    "priority": pl.UInt32,
    "answer": pl.UInt64,
}
_TEXTS = 512  # texts of a frame embedded at once by `hashed`: bounds the features in memory
_COMPARED = 100  # characters up to which answers are compared; longer ones differ in wording where they agree
_CHARACTERS = 8000  # of a question that are embedded: 2,000 tokens or so; more fits few models


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    settings: SemanticDuplicates

    @property
    def identity(self) -> Mapping[str, str]:
        settings = self.settings.model_dump(exclude={"cache": True, "endpoint": {*_HOW_FAST}})
        return {"version": f"{VERSION}.{FIELDS_VERSION}", "settings": fingerprint(settings)}

    @property
    def reasons(self) -> Mapping[str, str]:
        return {"semantic_duplicate": "A question that means the same, by its embedding, is kept elsewhere."}

    @property
    def changes_text(self) -> bool:
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write what is needed of each question, and its vector or its features."""
        rows: list[pl.DataFrame] = []
        found: list[Any] = []
        embedder = self._embedder(part, folder)
        for frame in frames:
            whole = _questions(frame, self.settings)
            texts = whole["embedded"].to_list()
            rows.append(whole.select(*_ROWS))
            found.extend(_features(texts) if embedder is None else [embedder(texts)] if texts else [])
        if embedder is None:
            _write_features(folder, part, found)
        else:
            _write_array(_vectors(folder, part), np.concatenate(found) if found else np.empty((0, 0), np.float16))
            write_json(folder / f"{part}.cost.json", asdict(embedder.cost))
        _write_table(_rows(folder, part), pl.concat(rows) if rows else pl.DataFrame(schema=_ROWS))

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:
        """Look for near pairs over all parts, choose what is kept, write what each part needs."""
        if not parts:
            return
        tables = {part: _read_table(_rows(folder, part)) for part in parts}
        ordered = sorted(parts, key=lambda part: (tables[part]["key"].min() or 0, part))
        if self.settings.embed == "hashed":
            _project_all(ordered, folder)
        vectors = Vectors([_open_array(_vectors(folder, part)) for part in ordered])
        whole = (
            pl.concat([tables[part].with_columns(pl.lit(part).alias("part")) for part in ordered]) if parts else None
        )
        if whole is None:
            return
        decision = self._decision(vectors, whole["answer"], _preference(whole), workers)
        table = _clusters(whole, decision)
        for part in parts:
            _write_table(_decisions(folder, part), table.filter(pl.col("part") == part).drop("part"))

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Drop the questions that a near one stands for."""
        path = _decisions(folder, part)
        found = _read_decisions(str(path), path.stat().st_mtime_ns if path.exists() else 0)
        joined = frame.join(found, on="key", how="left", maintain_order="left")
        joined = joined.with_columns(pl.col("semantic_copies").fill_null(1))
        detail = pl.format("{} to {}", pl.col("semantic_cosine").round(3), "kept_doc_id")
        return drop(joined, ~pl.col("kept"), "semantic_duplicate", detail).drop("kept", "kept_doc_id")

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Questions, and those with a near one."""
        return {"questions": frame.height, "in_clusters": int((frame["semantic_copies"] > 1).sum())}

    def _embedder(self, part: str, folder: Path) -> Embedder | None:
        endpoint = self.settings.endpoint
        if endpoint is None:
            return None
        place = Path(self.settings.cache) if self.settings.cache else folder / "embeddings"
        cache = VectorCache(place, endpoint.model, str(endpoint.dimensions), endpoint.prefix)
        return Embedder(endpoint=endpoint, cache=cache, name=part)

    def _decision(self, vectors: Vectors, answers: pl.Series, preference: Array, workers: int) -> Decision:
        """Copies are decided as one row."""
        kinds = np.zeros(len(answers), np.uint64)
        if self.settings.same_answer:  # one bit for whether there is an answer
            kinds = (answers.fill_null(0).to_numpy() << np.uint64(1)) | answers.is_not_null().to_numpy()
        found = representatives(vectors, kinds, preference)
        rows = np.flatnonzero(found == np.arange(len(found)))
        chosen = vectors if len(rows) == len(found) else Chosen(vectors, rows)
        first, second, cosines = self._pairs(chosen, answers.gather(rows), workers)
        return with_copies(decide(rows[first], rows[second], cosines, preference), found)

    def _pairs(self, vectors: Vectors, answers: pl.Series, workers: int) -> tuple[Array, Array, Array]:
        settings = self.settings
        search = Search(
            threshold=settings.threshold or THRESHOLDS[settings.embed],
            neighbours=settings.neighbours,
            expansion=settings.expansion,
            shard_rows=settings.shard_rows,
            exact=settings.index == "exact" or (settings.index == "auto" and len(vectors) <= EXACT_ROWS),
        )
        known, value = answers.is_not_null().to_numpy(), answers.fill_null(0).to_numpy()
        found: list[tuple[Array, Array, Array]] = []
        for first, second, cosines in near_pairs(vectors, search, workers) if len(vectors) else ():
            differ = known[first] & known[second] & (value[first] != value[second])
            same = ~differ if settings.same_answer else np.ones(len(first), bool)
            found.append((first[same], second[same], cosines[same]))
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        first, second, cosines = (np.concatenate(column) for column in zip(*found, strict=True))
        return first, second, cosines


#: Settings of an endpoint that say where and how fast, and never decide a vector.
_HOW_FAST = ("url", "key_env", "batch", "in_flight", "timeout", "connect_timeout", "retries")


def _questions(frame: pl.DataFrame, settings: SemanticDuplicates) -> pl.DataFrame:
    """Columns of `_ROWS`, and `embedded`: the question, with its choices where it has some."""
    whole = with_questions(frame.filter(pl.col("reason").is_null()), settings.fields)
    pairs = zip(whole["question_answer"].to_list(), whole["question_choices"].to_list(), strict=True)
    asked = [Question(text="", answer=answer, choices=tuple(choices or ()) or None) for answer, choices in pairs]
    gold = pl.DataFrame({"gold": pl.Series([gold_text(question) for question in asked], dtype=pl.String)})
    plain = gold.select(normalise_question(pl.col("gold")).str.replace(r"^(-?\d+)\.0+$", "${1}")).to_series()
    hashes = [None if text is None or len(text) > _COMPARED else _hash(text) for text in plain.to_list()]
    priority = {name: place for place, name in enumerate(settings.sources)}
    return whole.select(
        "key",
        "doc_id",
        "source",
        pl.col("question_solution").str.len_chars().fill_null(0).cast(pl.UInt32).alias("solution"),
        pl.Series("priority", [priority.get(name, len(priority)) for name in whole["source"].to_list()], pl.UInt32),
        pl.Series("answer", hashes, pl.UInt64),
        pl.concat_str(
            pl.col("text").str.slice(0, _CHARACTERS),
            pl.col("question_choices").list.join("\n", ignore_nulls=True).str.slice(0, _CHARACTERS),
            separator="\n",
            ignore_nulls=True,
        ).alias("embedded"),
    )


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _features(texts: list[str]) -> list[hashed.Features]:
    return [hashed.count_features(texts[low : low + _TEXTS]) for low in range(0, len(texts), _TEXTS)]


def _write_features(folder: Path, part: str, found: list[hashed.Features]) -> None:
    starts = [np.zeros(1, np.int64)]
    for block in found:
        starts.append(block.starts[1:] + starts[-1][-1])
    columns = {
        "starts": np.concatenate(starts),
        "buckets": np.concatenate([np.empty(0, np.uint32), *(block.buckets for block in found)]),
        "counts": np.concatenate([np.empty(0, np.uint16), *(block.counts for block in found)]),
    }
    for name, array in columns.items():
        _write_array(folder / "scratch" / f"{part}.{name}.npy", array)


def _project_all(parts: Sequence[str], folder: Path) -> None:
    """Weights from all parts, then each part's vectors."""
    documents, seen = 0, np.zeros(1 << hashed.BITS, np.int64)
    features: dict[str, hashed.Features] = {}
    for part in parts:
        mapped = [_open_array(folder / "scratch" / f"{part}.{name}.npy") for name in ("starts", "buckets", "counts")]
        features[part] = hashed.Features(*mapped)
        seen += np.bincount(mapped[1], minlength=1 << hashed.BITS)
        documents += len(mapped[0]) - 1
    idf = hashed.weights(seen, documents)
    for part in parts:
        _write_array(_vectors(folder, part), hashed.project(features[part], idf))


def _preference(whole: pl.DataFrame) -> Array:
    """Rank of each row, the one to keep first: solved, preferred source, longest solution, lowest key."""
    ranked = whole.with_row_index("at").sort(
        pl.col("solution") == 0, "priority", pl.col("solution").cast(pl.Int64).neg(), "key"
    )
    rank = np.empty(whole.height, np.int64)
    rank[ranked["at"].to_numpy()] = np.arange(whole.height)
    return rank


def _clusters(whole: pl.DataFrame, decision: Decision) -> pl.DataFrame:
    keys, ids = whole["key"], whole["doc_id"]
    chosen = whole[decision.rows].select("part", "key", "doc_id", "source")
    return chosen.with_columns(
        keys.gather(decision.clusters).alias("semantic_cluster"),
        ids.gather(decision.kept).alias("kept_doc_id"),
        pl.Series("kept", decision.kept == decision.rows, pl.Boolean),
        pl.Series("semantic_cosine", decision.cosines, pl.Float32),
    ).with_columns(pl.len().over("semantic_cluster").cast(pl.UInt32).alias("semantic_copies"))


def _rows(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.rows.parquet"


def _vectors(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.vectors.npy"


def _decisions(folder: Path, part: str) -> Path:
    return folder / f"{part}.clusters.parquet"


def _write_table(path: Path, table: pl.DataFrame) -> None:
    write_atomic(path, lambda temporary: table.write_parquet(temporary))


def _read_table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CorruptData(f"expected a table of an earlier part of this step at {path}; saw: {error}.") from error


@lru_cache(maxsize=2)  # the frames of one part come one after the other
def _read_decisions(path: str, changed: int) -> pl.DataFrame:  # noqa: ARG001 - a file written anew is read anew
    return _read_table(Path(path)).select("key", "kept", "kept_doc_id", *SIGNALS)


def _write_array(path: Path, array: Array) -> None:
    write_atomic(path, partial(_save, array))


def _save(array: Array, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _open_array(path: Path) -> Array:
    try:
        mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptData(f"expected an array of an earlier part of this step at {path}; saw: {error}.") from error
    return mapped


def build(settings: SemanticDuplicates, seed: int) -> CorpusStage:  # noqa: ARG001 - every stage takes a seed
    """The stage; the index is filled in a fixed order, so nothing is drawn."""
    return _Stage(settings=settings)
