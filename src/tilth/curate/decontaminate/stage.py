"""The decontamination stage: rows that hold benchmark items are dropped, cut or flagged, with what was found.

Of a row that is a seed question, choices, context, answer and solution are matched together with its text; `cut`
changes the text only, so a seed question whose match lies outside it is dropped.

Guarantees: no row depends on the rows beside it; the identity holds the content of every benchmark file, so that a
changed benchmark is another result. Costs the index once a machine (see store.py) and about 40 ns a byte.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import unidata_version

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint
from tilth.curate.decontaminate import index, store, tokens
from tilth.curate.decontaminate.cut import cut_spans
from tilth.curate.decontaminate.index import Index, build_index
from tilth.curate.decontaminate.match import Match, find_matches
from tilth.data import benchmarks, questions
from tilth.data.files import SourceFile, list_files
from tilth.data.source import SourceSpec
from tilth.recipe.stages.decontaminate import Action, Decontaminate

if TYPE_CHECKING:
    import polars as pl

#: Raise it when the same settings and files would decide otherwise.
VERSION = "1"

REASONS: dict[str, str] = {
    "contaminated_question": "The question of a benchmark item is in the text.",
    "contaminated_question_answer": "The question of a benchmark item is in the text, with its answer near it.",
    "contaminated_passage": "At least half of the passage or table that a benchmark asks about is in the text.",
}

#: Columns that the stage adds; null or empty where nothing was found.
SIGNALS = (
    "contamination_score",  # Float64, of the surest match
    "contamination_benchmark",  # String
    "contamination_item",  # String
    "contamination_kind",  # String: question, question_answer or passage
    "contamination_excerpt",  # String: what matched, as it stands in the row, at most EXCERPT characters
    "contamination_found",  # List(String): "benchmark/item" of every match, the surest first, at most MOST
)
EXCERPT = 240
#: A page of a whole benchmark may hold thousands; the report needs no more names than this from one row.
MOST = 200


class Stage:
    """Decides row by row; see the module."""

    def __init__(self, settings: Decontaminate) -> None:
        self.settings = settings
        self._index: Index | None = None
        self._files = benchmarks.benchmark_files((*settings.benchmarks, *settings.probe))
        self._background = _background_digests(settings.background)

    @property
    def index(self) -> Index:
        """Opened when it is first asked for, and built where no process has built it yet (see store.py)."""
        if self._index is None:
            self._index = _index(self.settings, self._index_key())
        return self._index

    @property
    def identity(self) -> Mapping[str, str]:
        own = self.settings.model_dump(mode="json", exclude={"benchmarks", "probe", "background"})
        digests = _digests(self._files)
        return {
            "version": ".".join((VERSION, str(tokens.VERSION), str(benchmarks.VERSION), str(questions.VERSION))),
            "settings": fingerprint(own),
            **{f"benchmark {name} {number}": value for number, (name, value) in enumerate(digests)},
            **{f"background {number}": value for number, value in enumerate(self._background)},
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        return REASONS

    @property
    def changes_text(self) -> bool:
        return "cut" in (self.settings.action, self.settings.passage_action)

    def __call__(self, frame: "pl.DataFrame") -> "pl.DataFrame":
        texts = frame["text"].fill_null("").to_list()
        by_row: dict[int, list[Match]] = {}
        for match in find_matches(_whole_texts(frame, texts, self.settings), self.index, self.settings.matching):
            by_row.setdefault(match.document, []).append(match)
        return self._decide(self._signals(frame, texts, by_row), texts, by_row)

    def counts(self, frame: "pl.DataFrame") -> Mapping[str, int]:
        """Rows in which items of each benchmark were found, and all rows in which any was."""
        found: Counter[str] = Counter()
        for names in frame["contamination_found"].drop_nulls().to_list():
            found.update({f"hits: {name.split('/', 1)[0]}" for name in names})
        found["rows with hits"] = frame["contamination_score"].drop_nulls().len()
        return dict(found)

    def _index_key(self) -> str:
        """Everything that decides the index; what is done with a match is no part of it."""
        names = {"exclude", "fields", "matching", "background_rows"}
        return fingerprint(
            {
                "versions": [index.VERSION, store.VERSION, tokens.VERSION, benchmarks.VERSION, unidata_version],
                "settings": self.settings.model_dump(mode="json", include=names),
                "files": [list(pair) for pair in _digests(self._files)],
                "background": self._background,
            }
        )

    def _signals(self, frame: "pl.DataFrame", texts: list[str], by_row: Mapping[int, list[Match]]) -> "pl.DataFrame":
        """`frame` with SIGNALS. A loop over the contaminated rows only."""
        import polars as pl

        count = len(texts)
        scores: list[float | None] = [None] * count
        words: dict[str, list[str | None]] = {name: [None] * count for name in SIGNALS[1:5]}
        found: list[list[str] | None] = [None] * count
        names = self.index.items["benchmark"], self.index.items["item_id"]
        for row, matches in by_row.items():
            best = matches[0]
            scores[row] = round(best.score, 4)
            excerpt = texts[row][best.start : best.end] or "(in the choices, the answer or the context)"
            values = (names[0][best.item], names[1][best.item], best.kind, excerpt[:EXCERPT])
            for name, value in zip(SIGNALS[1:5], values, strict=True):
                words[name][row] = value
            every = dict.fromkeys(f"{names[0][one.item]}/{names[1][one.item]}" for one in matches)
            found[row] = list(every)[:MOST]
        return frame.with_columns(
            pl.Series(SIGNALS[0], scores, dtype=pl.Float64),
            *(pl.Series(name, words[name], dtype=pl.String) for name in SIGNALS[1:5]),
            pl.Series(SIGNALS[5], found, dtype=pl.List(pl.String)),
        )

    def _decide(self, frame: "pl.DataFrame", texts: list[str], by_row: Mapping[int, list[Match]]) -> "pl.DataFrame":
        """Reasons, flags and cut texts, for rows that have no reason yet."""
        import polars as pl

        reasons, details = frame["reason"].to_list(), frame["detail"].to_list()
        flags: dict[int, str] = {}
        changed = list(texts)
        for row, matches in by_row.items():
            if reasons[row] is not None:
                continue
            reason = f"contaminated_{matches[0].kind}"
            left = self._cut(texts[row], matches)
            drop = any(self._action(one) == "drop" for one in matches) or left is None or not left.strip()
            if drop:
                reasons[row], details[row] = reason, self._detail(matches[0])
            else:
                flags[row], changed[row] = reason, left or ""
        frame = frame.with_columns(
            pl.Series("reason", reasons, dtype=pl.String), pl.Series("detail", details, dtype=pl.String)
        )
        if changed != texts:
            frame = frame.with_columns(pl.Series("text", changed, dtype=pl.String))
        if not flags:
            return frame
        named = pl.Series("flags", [[flags[row]] if row in flags else [] for row in range(len(texts))])
        return frame.with_columns(pl.concat_list(pl.col("flags").fill_null([]), named).alias("flags"))

    def _action(self, match: Match) -> Action:
        if match.kind == "passage" and self.settings.passage_action is not None:
            return self.settings.passage_action
        return self.settings.action

    def _cut(self, text: str, matches: Sequence[Match]) -> str | None:
        """The text without the matches that are to be cut; None where one of them lies outside the text."""
        spans = [(one.start, one.end) for one in matches if self._action(one) == "cut"]
        return cut_spans(text, spans) if all(end <= len(text) for _, end in spans) else None

    def _detail(self, match: Match) -> str:
        items = self.index.items
        return f"{items['benchmark'][match.item]} {items['item_id'][match.item]} score {match.score:.2f}"


def build(settings: Decontaminate, seed: int = 0) -> Stage:  # noqa: ARG001 every stage is built so; nothing is drawn
    """The stage. Reads no benchmark yet, but raises `SourceError` where there is none."""
    return Stage(settings)


def benchmark_items(settings: Decontaminate) -> "pl.DataFrame":
    """The items that are looked for: benchmarks and probe set, without what is excluded."""
    import polars as pl

    items = benchmarks.read_benchmarks((*settings.benchmarks, *settings.probe), settings.fields)
    known = set(items["benchmark"].unique().to_list())
    if unknown := sorted(set(settings.exclude) - known):
        raise ConfigError(
            f"expected in `exclude` names of benchmarks in the files ({', '.join(sorted(known))}); saw "
            f"{', '.join(unknown)}. Correct the names."
        )
    return items.filter(~pl.col("benchmark").is_in(list(settings.exclude)))


@cache
def _index(settings: Decontaminate, key: str) -> Index:
    """One index a process: the stage is built anew for each pass, and the key tells when files changed."""
    return store.stored(
        key, lambda: build_index(benchmark_items(settings), settings.matching, _background_texts(settings))
    )


def _whole_texts(frame: "pl.DataFrame", texts: list[str], settings: Decontaminate) -> list[str]:
    """Each row's text, and behind it what its metadata holds where it is a question."""
    if frame["metadata"].null_count() == frame.height:
        return texts
    parts = questions.with_questions(frame.select("metadata"), settings.questions)
    names = ("question_context", "question_choices", "question_answer", "question_solution")
    columns = [parts[name].to_list() for name in names]
    return ["\n".join(_present(row)) for row in zip(texts, *columns, strict=True)]


def _present(row: Sequence[str | list[str] | None]) -> list[str]:
    """The text and the parts that are there; of a row that is no question, the text alone."""
    text, context, choices, answer, solution = row
    parts = [*(choices or ()), answer, solution, context]  # the answer first: it has to stand near the question
    return [part for part in (text, *parts) if isinstance(part, str)]


def _digests(files: Sequence[SourceFile]) -> list[tuple[str, str]]:
    """Name and hash of each file; a file's name may stand for its benchmark's."""
    return [(Path(name).name, value) for name, value in benchmarks.benchmark_digests(files).items()]


def _background_digests(names: Sequence[str]) -> list[str]:
    return list(benchmarks.benchmark_digests(benchmarks.benchmark_files(names)).values()) if names else []


def _background_texts(settings: Decontaminate) -> list[str]:
    """The first documents of the background files."""
    if not settings.background:
        return []
    spec = SourceSpec(source=settings.background)
    texts: list[str] = []
    for file in list_files(spec, Path.cwd()):
        fields = benchmarks.BenchmarkFields(question="text")
        table = benchmarks.read_table(file, fields)
        if "text" not in table.columns:
            raise ConfigError(f"expected background documents with a column `text`; {file.origin} has none.")
        texts += [str(text) for text in table["text"].head(settings.background_rows - len(texts)).to_list() if text]
        if len(texts) >= settings.background_rows:
            break
    return texts
