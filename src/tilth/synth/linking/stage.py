"""Joins two to four seed questions that share knowledge points, so that one question can be made from each group.

Each row that finds partners gets `linked` ([{id, question, answer, solution}]) and `points` in its metadata, and the
signal `linked_seeds`; one that finds none is dropped as `no_linked_seed`, or flagged. Guarantees: the outcome depends
on the rows, their order and the seed, not on workers or on how rows are cut into parts; rows of two languages, and
where set of two disciplines, are never joined; each seed of a group shares a point with an earlier one.

Costs: 0.6 ms a question of 250 characters; memory about 400 MB, most of it tables of counts, and by calculation about
600 bytes a row more while points are chosen; on disk, until the step ends, the rows' questions once more, uncompressed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import orjson
import polars as pl
import pyarrow as pa

from tilth.base.errors import CorruptData
from tilth.base.files import read_json, write_atomic, write_json
from tilth.base.fingerprint import fingerprint
from tilth.data.qa import QA, qa_of
from tilth.frames import drop, flag
from tilth.recipe.stages.link import Link
from tilth.synth.linking.choose import SKETCH, Layout, chosen_points, link_parts
from tilth.synth.linking.terms import hashes, plain_point, terms_of
from tilth.synth.questions.answers import folded, is_chinese
from tilth.synth.questions.linked import points_of

REASON = "no_linked_seed"
SIGNAL = "linked_seeds"
#: What is kept of a row until its group is known. `words`: a hash of the question without case and signs.
_READABLE = pl.CompatLevel.oldest()  # so that PyArrow, which maps files, reads them
CONTENT = pl.Schema(dict.fromkeys(("doc_id", "question", "answer", "solution"), pl.String()))
GATHERED = pl.Schema(
    {
        "key": pl.UInt64(),
        "doc_id": pl.String(),
        "group": pl.String(),
        "words": pl.UInt64(),
        "given": pl.Boolean(),
        "terms": pl.List(pl.String),
        "small": pl.List(pl.Boolean),
        "hashes": pl.List(pl.UInt64),
        "sketch": pl.List(pl.UInt64),
    }
)


@dataclass(frozen=True)
class Linking:
    """The stage; see the module. A `frames.CorpusStage`."""

    VERSION: ClassVar[int] = 1
    settings: Link
    seed: int

    @property
    def identity(self) -> Mapping[str, str]:
        return {"link": str(self.VERSION), "link_settings": fingerprint(self.settings), "seed": str(self.seed)}

    @property
    def reasons(self) -> Mapping[str, str]:
        meaning = "no other row shares a knowledge point with it that few enough rows have"
        return {REASON: meaning} if self.settings.unlinked == "drop" else {}

    @property
    def changes_text(self) -> bool:
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write points and content of one part's rows. Memory: what is kept of the part."""
        kept: list[pl.DataFrame] = []
        content: list[pl.DataFrame] = []
        for frame in frames:
            free = frame.filter(pl.col("reason").is_null())
            rows, seeds = self._gathered(free)
            kept.append(rows)
            content.append(seeds)
        table = pl.concat(kept) if kept else pl.DataFrame(schema=GATHERED)
        seeds = pl.concat(content) if content else pl.DataFrame(schema=CONTENT)
        write_atomic(_rows(folder, part), table.write_parquet)
        # not compressed, so that single rows can be looked up without reading the file
        write_atomic(
            _content(folder, part),
            lambda path: seeds.write_ipc(path, compression="uncompressed", compat_level=_READABLE),
        )

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:
        """Choose each row's points, walk, and write the groups by part. One process: walks depend on earlier ones."""
        del workers
        paths = {part: _rows(folder, part) for part in parts}
        layout = Layout.of(paths)
        points = chosen_points(layout, paths, self.settings)
        for part, links in link_parts(layout, paths, points, self.settings, self.seed):
            write_atomic(_links(folder, part), links.write_parquet)
        write_json(folder / "scratch" / "layout.json", {"parts": layout.parts, "offsets": layout.offsets.tolist()})

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Fill in the groups."""
        links = pl.read_parquet(_links(folder, part))
        joined = frame.select("key", "metadata").join(links, on="key", how="left", maintain_order="left")
        lookup = _Lookup(folder)
        # a loop on purpose: each row's JSON is read, added to and written, which no expression does
        metadata = [
            _with_links(text, lookup, partners, points) if partners else text
            for text, partners, points in joined.select("metadata", "partners", "points").iter_rows()
        ]
        count = joined["partners"].list.len().fill_null(0).cast(pl.UInt32).alias(SIGNAL)
        done = frame.with_columns(pl.Series("metadata", metadata, dtype=pl.String), count)
        alone = pl.col(SIGNAL) == 0
        return flag(done, alone, REASON) if self.settings.unlinked == "flag" else drop(done, alone, REASON)

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Groups by their number of seeds."""
        sizes = frame[SIGNAL].value_counts().sort(SIGNAL).iter_rows()
        return {f"groups_of_{size + 1}": int(rows) for size, rows in sizes if size}

    def _gathered(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        rows: list[tuple[Any, ...]] = []
        content: list[tuple[Any, ...]] = []
        # a loop on purpose: terms come from regular expressions that keep state between words
        wanted = frame.select("key", "doc_id", "text", "language", "metadata").iter_rows()
        for key, doc_id, text, language, metadata in wanted:
            qa = qa_of(text, metadata)
            given, texts, small = self._points(qa)
            own = hashes(terms_of(text[:3000]).texts if given else texts)
            numbers = hashes(texts) if given else own
            words = hashes([folded(text[:4000])])[0]
            group = self._group(qa, language)
            rows.append((key, doc_id, group, words, given, texts, small, numbers, sorted(own)[:SKETCH]))
            cut = self.settings.extract_chars
            content.append((doc_id, text[:cut], qa.answer and qa.answer[:cut], qa.solution and qa.solution[:cut]))
        return (
            pl.DataFrame(rows, schema=GATHERED, orient="row"),
            pl.DataFrame(content, schema=CONTENT, orient="row"),
        )

    def _points(self, qa: QA) -> tuple[bool, list[str], list[bool]]:
        """Whether they were given, the points, and which are written in small letters."""
        if self.settings.points != "terms":
            given = list(dict.fromkeys(plain_point(point) for point in points_of(qa.more.get("points"))))
            if given or self.settings.points == "metadata":
                return True, given, [True] * len(given)
        found = terms_of(f"{qa.question[:3000]}\n{(qa.solution or '')[:1000]}")
        return False, list(found.texts), list(found.small)

    def _group(self, qa: QA, language: str | None) -> str:
        named = qa.language if isinstance(qa.language, str) else language
        short = named.casefold()[:2] if named else "zh" if is_chinese(qa.question) else "en"
        discipline = qa.discipline or qa.field or qa.subject
        return f"{short}/{discipline}" if self.settings.same_discipline and isinstance(discipline, str) else short


def build(settings: Link, seed: int) -> Linking:
    """The stage of its settings."""
    return Linking(settings, seed)


@dataclass
class _Lookup:
    """Contents of rows by their number over all parts, from files that are mapped and not read."""

    folder: Path

    @cached_property
    def _layout(self) -> Layout:
        value = read_json(self.folder / "scratch" / "layout.json")
        return Layout(parts=tuple(value["parts"]), offsets=np.asarray(value["offsets"], dtype=np.int64))

    @cached_property
    def _open(self) -> dict[str, pa.Table]:
        return {}

    def row(self, number: int) -> dict[str, Any]:
        """Id, question, answer and solution."""
        at = int(np.searchsorted(self._layout.offsets, number, side="right")) - 1
        part = self._layout.parts[at]
        if part not in self._open:
            path = _content(self.folder, part)
            if not path.exists():
                raise CorruptData(
                    f"expected the rows of an earlier pass at {path}; saw none. Delete the step's folder."
                )
            self._open[part] = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        row = self._open[part].slice(number - int(self._layout.offsets[at]), 1).to_pylist()[0]
        return {"id": row.pop("doc_id"), **{name: text for name, text in row.items() if text is not None}}


def _with_links(metadata: str | None, lookup: _Lookup, partners: Sequence[int], points: Sequence[str]) -> str:
    try:
        value = orjson.loads(metadata or "{}")
    except orjson.JSONDecodeError:
        value = {}
    own = value if isinstance(value, dict) else {}
    return orjson.dumps({**own, "linked": [lookup.row(one) for one in partners], "points": list(points)}).decode()


def _rows(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.rows.parquet"


def _content(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.content.arrow"


def _links(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.links.parquet"
