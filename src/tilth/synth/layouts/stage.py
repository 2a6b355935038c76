"""The layouts stage: each question becomes a training text in one of several layouts, as many of a cell as wanted.

The text becomes the rendered text; the question goes to the row's JSON beside everything that is known of it, with the
name of the layout. Which layout and headings a row gets is drawn by its id. With a file of weights, no discipline and
difficulty gets more than its share: a decision over the whole corpus, taken before anything is written.
Guarantees: every label stays; the result does not depend on shards or workers. Costs about 30 us a row.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import orjson
import polars as pl

from tilth.base.errors import CorruptData
from tilth.base.files import read_json, write_atomic, write_json
from tilth.base.fingerprint import fingerprint
from tilth.base.random import seed_of
from tilth.data.qa import QA, qa_of
from tilth.data.questions import VERSION as FIELDS_VERSION
from tilth.frames import CorpusStage, FrameStage, drop, flag
from tilth.recipe.stages.layouts import LayoutName, Layouts
from tilth.synth.layouts.render import VERSION as RENDER_VERSION
from tilth.synth.layouts.render import fits, render
from tilth.synth.layouts.target import UNPLACED, Target, cells_of, last_kept, load_target

REASONS = {
    "no_answer": "the row has no answer, so it is no question with its answer",
    "over_target": "the row's discipline and difficulty have their share of the target already",
    "no_cell": "the row's labels lie in no cell of the file of weights",
}
#: Columns that the stage adds: the layout, and the cell that the row was counted in.
SIGNALS = ("layout", "layout_cell")
#: Marks of chat templates; a model that never saw them as tokens learns to write them as text.
_SPECIAL = r"<\|[a-z_]{1,40}\|>|\[/?INST\]|</?s>"
_DECIDED = "decided.json"
_CHINESE = 0x4E00, 0x9FFF


@dataclass(frozen=True, slots=True)
class LayoutStage:
    """Renders every row. A `frames.FrameStage`."""

    VERSION: ClassVar[int] = 1
    settings: Layouts
    seed: int
    target: Target | None = None

    @property
    def identity(self) -> Mapping[str, str]:
        return {
            "version": f"{self.VERSION}.{RENDER_VERSION}.{FIELDS_VERSION}",
            "settings": fingerprint(self.settings.model_dump(mode="json", exclude={"target"})),
            "target": fingerprint([sorted(self.target.shares.items()), sorted(self.target.places.items())])
            if self.target
            else "none",
            "seed": str(self.seed),
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        return REASONS if self.target else {"no_answer": REASONS["no_answer"]}

    @property
    def changes_text(self) -> bool:
        return True

    def __call__(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Text, JSON and signals of each row; rows without an answer are dropped, dropped rows stay as they are."""
        qas = _questions(frame)
        return self.written(frame, qas, cells_of(qas, self.target, self.settings))

    def written(self, frame: pl.DataFrame, qas: Sequence[QA], cells: Sequence[str | None]) -> pl.DataFrame:
        """The frame with its rows rendered."""
        rows = [
            self._row(qa, text, metadata, (doc_id, language)) if free else (text, metadata, None, True)
            for qa, text, metadata, doc_id, language, free in zip(
                qas,
                *(frame[name].to_list() for name in ("text", "metadata", "doc_id", "language")),
                frame["reason"].is_null().to_list(),
                strict=True,
            )
        ]
        texts, metadata, layouts, answered = zip(*rows, strict=True) if rows else ((), (), (), ())
        made = frame.with_columns(
            pl.Series("text", texts, dtype=pl.String),
            pl.Series("metadata", metadata, dtype=pl.String),
            pl.Series("layout", layouts, dtype=pl.String),
            pl.Series("layout_cell", cells, dtype=pl.String),
            pl.Series("_answered", answered, dtype=pl.Boolean),
        )
        made = drop(made, ~pl.col("_answered"), "no_answer").drop("_answered")
        return flag(made, pl.col("text").str.contains(_SPECIAL) & pl.col("reason").is_null(), "special_token")

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Rows kept by layout and by cell."""
        kept = frame.filter(pl.col("reason").is_null())
        layouts = Counter(kept["layout"].drop_nulls().to_list())
        cells = Counter(kept["layout_cell"].drop_nulls().to_list())
        return {
            **{f"layout_{name}": count for name, count in sorted(layouts.items())},
            **{f"cell_{name}": count for name, count in sorted(cells.items())},
        }

    def _row(
        self, qa: QA, text: str, metadata: str | None, where: tuple[str, str | None]
    ) -> tuple[str, str | None, str | None, bool]:
        doc_id, said = where
        names = fits(qa)
        if not names:
            return text, metadata, None, False
        draw = seed_of(self.seed, "layouts", doc_id)
        layout = self._drawn(names, draw)
        language = _language(qa, said)
        rendered = render(qa, layout, language, draw >> 32)  # other bits than those that chose the layout
        told = orjson.loads(qa.dump()) | {"question": qa.question, "layout": layout}
        told.pop("seed_texts", None)  # what verification looked at; the seeds' ids stay
        return rendered.encode("utf-8", "replace").decode(), orjson.dumps(told).decode(), layout, True

    def _drawn(self, names: Sequence[LayoutName], draw: int) -> LayoutName:
        """A layout by weight out of those that fit; `plain` where none of them has a weight."""
        weights = [self.settings.weights.get(name, 0.0) for name in names]
        place = (draw & 0xFFFFFFFF) / 2**32 * sum(weights)
        for name, weight in zip(names, weights, strict=True):
            if weight and place < weight:
                return name
            place -= weight
        return next((name for name, weight in zip(reversed(names), reversed(weights), strict=True) if weight), "plain")


@dataclass(frozen=True, slots=True)
class BalancedLayouts:
    """Renders as many rows of each cell as the target has room for. A `frames.CorpusStage`."""

    VERSION: ClassVar[int] = 1
    stage: LayoutStage
    target: Target

    @property
    def identity(self) -> Mapping[str, str]:
        return {**self.stage.identity, "balance": str(self.VERSION)}

    @property
    def reasons(self) -> Mapping[str, str]:
        return REASONS

    @property
    def changes_text(self) -> bool:
        return True

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write the cell and the hash of each row that could be kept."""
        found = [self._rows(frame.filter(pl.col("reason").is_null())) for frame in frames]
        table = pl.concat(found) if found else pl.DataFrame(schema=_ROWS)
        write_atomic(_path(folder, part), table.write_parquet)

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:  # noqa: ARG002 - one pass over two columns
        """Find the highest hash that each cell over its share keeps."""
        try:
            tables = [pl.read_parquet(_path(folder, part)) for part in parts]
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CorruptData(
                f"expected what this step gathered in {folder / 'scratch'}; saw: {str(error)[:200]}. "
                "Delete the step's folder and run again."
            ) from error
        rows = pl.concat(tables) if tables else pl.DataFrame(schema=_ROWS)
        settings = self.stage.settings
        limits = self.target.limits(settings.rows or rows.height, settings.tolerance)
        hashes: dict[str, list[np.ndarray]] = {
            str(name): [group["hash"].to_numpy()] for (name,), group in rows.group_by("cell")
        }
        write_json(folder / _DECIDED, last_kept(hashes, limits))

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:  # noqa: ARG002 - the same for all parts
        """Drop or flag what is over its cell's share, and render the rest."""
        qas = _questions(frame)
        cells = cells_of(qas, self.target, self.stage.settings)
        last = read_json(folder / _DECIDED)
        hashes = self._hashes(frame)
        over = [last.get(cell) is not None and value > last[cell] for cell, value in zip(cells, hashes, strict=True)]
        settings = self.stage.settings
        marked = frame.with_columns(
            pl.Series("_over", over, dtype=pl.Boolean),
            pl.Series("_out", [cell == UNPLACED for cell in cells], dtype=pl.Boolean),
            pl.Series("_cell", cells, dtype=pl.String),
        )
        answered = pl.Series([bool(fits(qa)) for qa in qas], dtype=pl.Boolean)
        if settings.over_target == "drop":
            marked = drop(marked, pl.col("_over") & answered, "over_target", pl.col("_cell"))
        elif settings.over_target == "flag":
            marked = flag(marked, pl.col("_over") & answered, "over_target")
        if settings.unplaced == "drop":
            marked = drop(marked, pl.col("_out") & answered, "no_cell")
        return self.stage.written(marked.drop("_over", "_out", "_cell"), qas, cells)

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        return self.stage.counts(frame)

    def _rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        qas = _questions(frame)
        table = pl.DataFrame(
            {
                "cell": pl.Series(cells_of(qas, self.target, self.stage.settings), dtype=pl.String),
                "hash": pl.Series(self._hashes(frame), dtype=pl.Int64),
            },
            schema=_ROWS,
        )
        return table.filter(pl.Series([bool(fits(qa)) for qa in qas], dtype=pl.Boolean))

    def _hashes(self, frame: pl.DataFrame) -> list[int]:
        return [seed_of(self.stage.seed, "layouts", "balance", one) for one in frame["doc_id"].to_list()]


_ROWS = pl.Schema({"cell": pl.String, "hash": pl.Int64})


def _path(folder: Path, part: str) -> Path:
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch / f"{part}.cells.parquet"


def _questions(frame: pl.DataFrame) -> list[QA]:
    return [qa_of(text, metadata) for text, metadata in frame.select("text", "metadata").iter_rows()]


def _language(qa: QA, said: str | None) -> str:
    """The language of the headings: as the row says, else by whether its question has Chinese signs."""
    named = (qa.language if isinstance(qa.language, str) else said) or ""
    if named:
        return "zh" if named.casefold().startswith("zh") else "en"
    return "zh" if any(_CHINESE[0] <= ord(sign) <= _CHINESE[1] for sign in qa.question[:200]) else "en"


def build(settings: Layouts, seed: int) -> FrameStage | CorpusStage:
    """Make the stage; raises `ConfigError` for a file of weights that cannot be read."""
    if settings.target is None:
        return LayoutStage(settings, seed)
    target = load_target(settings.target)
    return BalancedLayouts(LayoutStage(settings, seed, target), target)
