"""The published tables as arrays, checked for their shape when they are read.

Scores are those of the publication: macro, micro and categories times 100, tasks between 0 and 1. The files lie in
`data/` beside this module with their source; another folder with the same files can be given. Reading takes
milliseconds.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from tilth.base.errors import SourceError
from tilth.study.statistics.bootstrap import SeedNoise
from tilth.study.statistics.scores import Floats

SOURCE = "FinePhrase study (Hugging Face 2026, arXiv 2604.13977), public metadata files"

#: The twelve tasks by category; macro is the mean of the categories' means (the study's own definition).
CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "GK": ("arc", "mmlu"),
    "RC": ("squad", "drop"),
    "RES": ("obqa", "piqa", "xcsqa"),
    "NLU": ("hs", "wino"),
    "MATH": ("gsm",),
    "TABLE": ("wtq", "treb"),
}
#: The six generators of about 1B parameters by the name in a run, and the eight prompts that all six were run on.
GENERATORS = ("smollm2-1.7b", "falcon3-1b", "qwen3-1.7b", "1b", "llama3.2-1b", "granite3-1b")
PROMPTS = ("table", "math", "faq", "tutorial", "discussion", "narrative", "explanation", "article")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One of the 90 runs: its name in three parts, its published scores, its tasks."""

    name: str
    prompt: str
    generator: str
    source: str
    macro: float
    micro: float
    categories: Mapping[str, float]
    tasks: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGrid:
    """One setting trained with 3 data orders (rows) x 3 initialisations (columns): macro scores, NaN where missing."""

    setting: str
    cells: Floats
    published_mean: float
    published_sd: float
    published_runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """All tables. `mix`: prompt to (share of synthetic text, macro) pairs; `baselines`: data set to macro."""

    runs: tuple[Run, ...]
    grids: Mapping[str, SeedGrid]
    mix: Mapping[str, tuple[tuple[float, float], ...]]
    baselines: Mapping[str, float]

    def run(self, name: str) -> Run:
        """The run of that name; raises `SourceError` where there is none."""
        for one in self.runs:
            if one.name == name:
                return one
        raise SourceError(f"expected one of the {len(self.runs)} published runs; saw {name!r}.")


def load_published(folder: Path | None = None) -> Published:
    """The shipped tables, or those in `folder`. Raises `SourceError` where a file or column is missing."""
    try:
        scores = _rows("finephrase_runs_scores.csv", folder)
        tasks = {row["Run"]: row for row in _rows("finephrase_runs_tasks.csv", folder)}
        return Published(
            runs=tuple(_run(row, tasks[row["Run"]]) for row in scores),
            grids=_grids(_rows("finephrase_seeds_cells.csv", folder), _rows("finephrase_seeds_summary.csv", folder)),
            mix=_mix(_rows("finephrase_mix_ratio.csv", folder)),
            baselines=_baselines(_rows("finephrase_baselines.csv", folder)),
        )
    except (KeyError, ValueError) as error:
        raise SourceError(f"expected the published tables as they are shipped; one has no {error}.") from error


def published_noise(published: Published | None = None) -> dict[str, SeedNoise]:
    """The spread of one run's macro score (times 100) between seeds, by setting ("table-1.7b", "hq-0.5b", ...).

    For planning before any seed of one's own was trained: a published spread of another model and other tasks.
    """
    found = published or load_published()
    return {
        name: SeedNoise(
            sd=float(np.nanstd(grid.cells, ddof=1)),
            df=float(np.isfinite(grid.cells).sum() - 1),
            source=f"published: {name}, {int(np.isfinite(grid.cells).sum())} runs, macro times 100; {SOURCE}",
        )
        for name, grid in found.grids.items()
    }


def prompt_by_generator(runs: Published, category: str | None = None) -> Floats:
    """The 8 prompts x 6 generators table on high-quality source and mix-in: macro, or one category's score."""
    table = [[runs.run(f"{prompt}-{generator}-hq") for generator in GENERATORS] for prompt in PROMPTS]
    return np.array([[one.macro if category is None else one.categories[category] for one in row] for row in table])


def _rows(name: str, folder: Path | None) -> list[Row]:
    try:
        place = files("tilth.study.published") / "data" / name if folder is None else folder / name
        return list(csv.DictReader(place.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise SourceError(f"expected the published table {name}; saw: {error}. Give the folder that has it.") from error


def _run(row: Row, tasks: Row) -> Run:
    prompt, rest = row["Run"].split("-", 1)
    generator, source = rest.rsplit("-", 1)
    names = [task for group in CATEGORIES.values() for task in group]
    return Run(
        name=row["Run"],
        prompt=prompt,
        generator=generator,
        source=source,
        macro=float(row["Macro"]),
        micro=float(row["Micro"]),
        categories={name: float(row[name]) for name in CATEGORIES},
        tasks={name: float(tasks[name]) for name in names},
    )


def _grids(cells: list[Row], summary: list[Row]) -> dict[str, SeedGrid]:
    """The cells of each setting that has them, beside the published summary."""
    found = {}
    for row in summary:
        own = sorted((cell for cell in cells if cell["Setting"] == row["Setting"]), key=lambda cell: cell["data seed"])
        if not own:
            continue
        values = [[_number(cell[f"init {place}"]) for place in (1, 2, 3)] for cell in own]
        found[row["Setting"]] = SeedGrid(
            setting=row["Setting"],
            cells=np.array(values),
            published_mean=float(row["Macro mean"]),
            published_sd=float(row["sd"]),
            published_runs=int(row["n"]),
        )
    return found


def _number(text: str) -> float:
    return float("nan") if text == "missing" else float(text)


def _mix(rows: list[Row]) -> dict[str, tuple[tuple[float, float], ...]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        found.setdefault(row["Prompt"], []).append((float(row["Share"].rstrip("%")) / 100, float(row["Macro"])))
    return {prompt: tuple(sorted(pairs)) for prompt, pairs in found.items()}


def _baselines(rows: list[Row]) -> dict[str, float]:
    """Macro scores; a mean with its spread keeps the mean, and a range (no single figure was published) is left out."""
    found = {}
    for row in rows:
        text = row["Macro"].split("+/-")[0]
        if re.fullmatch(r"[0-9.]+", text):
            found[re.sub(r" \(.*\)$", "", row["Data set (alone unless said)"])] = float(text)
    return found
