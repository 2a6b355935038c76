"""The difficulty stage: pass rates of a panel on one scale, five bins, and the rubric beside them.

Solvers of different rows are put on one scale by one fit over all answers, linked by questions that several of them
answered; what nothing links is refused. Both measures stay in the row with their uncertainty, and `comparison.json` in
the stage's folder says how they agree. Drops nothing. Costs about 40 us a row with 8 answers; memory: 100 bytes a
question, `fit_rows` of them at most, and the fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import orjson
import polars as pl

from tilth.base.errors import ConfigError
from tilth.base.files import read_json, write_atomic, write_json
from tilth.base.fingerprint import fingerprint, text_hash
from tilth.data.qa import QA, qa_of
from tilth.difficulty.bins import NAMES, BinSettings, fitted_bins, rubric_bins
from tilth.difficulty.compare import confusion, spearman
from tilth.difficulty.rasch import RaschFit
from tilth.difficulty.rates import jeffreys
from tilth.recipe.stages.difficulty import Difficulty
from tilth.synth.difficulty.panel import VERSION as PANEL_VERSION
from tilth.synth.difficulty.panel import Scale, fit_scale, group_of, score, tallies

#: Signals that the stage adds.
SIGNALS = {
    "ability": pl.Float32,  # difficulty in logits, 0 the mean question
    "ability_error": pl.Float32,
    "ability_low": pl.Float32,
    "ability_high": pl.Float32,
    "extreme": pl.Boolean,  # nobody or everybody solved it: the interval says more than the number
    "pass_rate": pl.Float32,
    "pass_low": pl.Float32,
    "pass_high": pl.Float32,
    "bin": pl.String,  # D1 to D5, by the expected pass rate of the reference solver
    "bin_certainty": pl.Float32,
    "rubric": pl.Float32,
    "rubric_error": pl.Float32,
    "rubric_bin": pl.String,
    "high_difficulty": pl.Boolean,
}
_GATHERED = pl.Schema({"order": pl.String, "row": pl.String, "rubric": pl.Float64})
SCALE, COMPARISON = "scale.json", "comparison.json"


@dataclass(frozen=True, slots=True)
class DifficultyStage:
    """See the module. A `frames.CorpusStage`."""

    VERSION: ClassVar[int] = 1
    settings: Difficulty
    bins: BinSettings

    @property
    def identity(self) -> Mapping[str, str]:
        return {"version": f"{self.VERSION}.{PANEL_VERSION}", "settings": fingerprint(self.settings)}

    @property
    def reasons(self) -> Mapping[str, str]:
        return {}

    @property
    def changes_text(self) -> bool:
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write each answered row's tallies and rubric score."""
        tables = [self._gathered(frame.filter(pl.col("reason").is_null())) for frame in frames]
        table = pl.concat(tables) if tables else pl.DataFrame(schema=_GATHERED)
        write_atomic(_rows_path(folder, part), table.sort("order").write_parquet)

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:  # noqa: ARG002 - one fit
        """Fit the scale, and compare the two measures. Raises `ConfigError` for solvers that nothing links."""
        files = [_rows_path(folder, part) for part in parts]
        every = pl.scan_parquet(files)
        total = int(every.select(pl.len()).collect().item())
        table = every.sort("order").head(self.settings.fit_rows).collect()
        if not table.height:
            write_json(folder / SCALE, None)
            write_json(folder / COMPARISON, {"questions": 0, "compared": 0})
            return
        rows, groups = _read_rows(table["row"].to_list())
        level = self.settings.level / 100
        scale, fit = fit_scale(rows, groups, self.settings.least_group, level, self.settings.anchors)
        write_json(folder / COMPARISON, self._comparison(table, rows, groups, scale, fit, total))
        write_json(folder / SCALE, scale.to_json())

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:  # noqa: ARG002 - rows stand alone
        """Signals, and the same numbers in each row's JSON."""
        value = read_json(folder / SCALE)
        qas = [qa_of(text, metadata) for text, metadata in frame.select("text", "metadata").iter_rows()]
        measured = self._measured(qas, None if value is None else Scale.of_json(value))
        free = frame["reason"].is_null().to_list()
        rows = zip(qas, frame["metadata"].to_list(), measured.iter_rows(named=True), free, strict=True)
        metadata = [_dumped(qa, row) if keep else old for qa, old, row, keep in rows]
        return frame.with_columns(pl.Series("metadata", metadata, dtype=pl.String), *measured.get_columns())

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Rows by bin of either measure, and of high difficulty."""
        found: dict[str, int] = {}
        for name in ("bin", "rubric_bin"):
            for value, count in frame[name].drop_nulls().value_counts().sort(name).iter_rows():
                found[f"{name}_{value}"] = count
        return {**found, "high_difficulty": int(frame["high_difficulty"].sum())}

    def _gathered(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows with at least one judged answer. A loop: JSON is read row by row wherever it is done."""
        orders, rows, rubrics = [], [], []
        for doc_id, text, metadata in frame.select("doc_id", "text", "metadata").iter_rows():
            qa = qa_of(text, metadata)
            tally = tallies(qa.more.get("answers"))
            if tally:
                orders.append(text_hash(doc_id))
                rows.append(orjson.dumps([group_of(tally, qa.mechanism, self.settings.groups), tally]).decode())
                rubrics.append(_number(qa.difficulty))
        return pl.DataFrame({"order": orders, "row": rows, "rubric": rubrics}, schema=_GATHERED)

    def _measured(self, qas: Sequence[QA], scale: Scale | None) -> pl.DataFrame:
        """The signals of rows; null where a row has no answers, or no rubric score."""
        tally = [tallies(qa.more.get("answers")) for qa in qas]
        rubric = np.array([_number(qa.difficulty) for qa in qas], dtype=float)
        columns: dict[str, Any] = dict.fromkeys(SIGNALS, None)
        columns["rubric"] = rubric
        columns["rubric_error"] = np.array([_number(qa.difficulty_error) for qa in qas], dtype=float)
        columns["rubric_bin"] = _named(rubric_bins(rubric, self.bins), ~np.isnan(rubric))
        columns["high_difficulty"] = [None] * len(qas)
        if scale is not None and qas:
            groups = [group_of(one, qa.mechanism, self.settings.groups) for one, qa in zip(tally, qas, strict=True)]
            columns |= self._scored(tally, score(tally, groups, scale, self.settings.level / 100))
        made = {
            name: pl.Series(name, [None] * len(qas) if values is None else values, dtype=kind, strict=False)
            for (name, kind), values in zip(SIGNALS.items(), columns.values(), strict=True)
        }
        numbers = [name for name, kind in SIGNALS.items() if kind == pl.Float32]
        return pl.DataFrame(made).with_columns(pl.col(numbers).fill_nan(None))

    def _scored(self, tally: Sequence[Mapping[str, tuple[int, int]]], fit: RaschFit) -> dict[str, Any]:
        known = fit.answers > 0
        passes = [sum(passes for passes, _ in one.values()) for one in tally]
        tries = [sum(tries for _, tries in one.values()) for one in tally]
        rates = jeffreys(passes, tries, self.settings.level / 100)
        tried = rates.tries > 0
        binned = fitted_bins(fit, self.bins)
        hard = known & tried & (binned.bin >= 4) & (rates.passes > 0)
        with np.errstate(invalid="ignore"):
            hard &= rates.rate <= self.settings.hard_rate
        return {
            "ability": np.where(known, fit.difficulty, np.nan),
            "ability_error": np.where(known, fit.error, np.nan),
            "ability_low": np.where(known, fit.low, np.nan),
            "ability_high": np.where(known, fit.high, np.nan),
            "extreme": [bool(one) if told else None for one, told in zip(fit.extreme, known, strict=True)],
            "pass_rate": rates.rate,
            "pass_low": np.where(tried, rates.low, np.nan),
            "pass_high": np.where(tried, rates.high, np.nan),
            "bin": _named(binned.bin, known),
            "bin_certainty": np.where(known, binned.certainty, np.nan),
            "high_difficulty": [bool(one) if told else None for one, told in zip(hard, known, strict=True)],
        }

    def _comparison(
        self,
        table: pl.DataFrame,
        rows: Sequence[Mapping[str, tuple[int, int]]],
        groups: Sequence[str],
        scale: Scale,
        fit: RaschFit,
        total: int,
    ) -> dict[str, Any]:
        """What the page and the report show: the panel, and both measures beside each other."""
        level = self.settings.level / 100
        rubric = table["rubric"].to_numpy()
        known = ~np.isnan(rubric.astype(float))
        found = spearman(rubric, fit.difficulty, level)
        bins = fitted_bins(fit, self.bins)
        value: dict[str, Any] = {
            "questions": total,
            "fitted": len(rows),
            "compared": int(known.sum()),
            "spearman": {"value": _finite(found.value), "low": _finite(found.low), "high": _finite(found.high)},
            "level": level,
            "solvers": {name: _solver(rows, name, scale) for name in scale.skills},
            "panels": {name: sum(group == name for group in groups) for name in sorted(set(groups))},
            "spread": scale.spread,
            "converged": scale.converged,
            "extreme": int(fit.extreme.sum()),
            "bins": {name: int((bins.bin == place + 1).sum()) for place, name in enumerate(NAMES)},
        }
        if known.any():
            matrix = confusion(rubric_bins(rubric[known], self.bins), bins.bin[known])
            value["confusion"] = {
                "rows": "rubric bin",
                "columns": "bin",
                "counts": matrix.counts.tolist(),
                "exact": matrix.exact,
                "within_one": matrix.within_one,
                "kappa": _finite(matrix.kappa),
            }
        return value


def _solver(rows: Sequence[Mapping[str, tuple[int, int]]], name: str, scale: Scale) -> dict[str, Any]:
    own = [row[name] for row in rows if name in row]
    passes, tries = sum(one[0] for one in own), sum(one[1] for one in own)
    return {
        "skill": scale.skills[name],
        "error": scale.errors[name],
        "questions": len(own),
        "answers": tries,
        "pass_rate": passes / tries,
    }


def _dumped(qa: QA, row: Mapping[str, Any]) -> str:
    """The row's JSON with the measured numbers; what is not known is left as it was."""
    names = ("ability", "ability_error", "pass_rate", "pass_low", "pass_high")
    known = {name: round(row[name], 4) for name in names if row[name] is not None}
    more = {name: row[name] for name in ("bin", "rubric_bin") if row[name] is not None}
    if row["bin_certainty"] is not None:
        more["bin_certainty"] = round(row["bin_certainty"], 4)
    return qa.but(**known, more={**qa.more, **more}).dump()


def _named(bins: Any, known: Any) -> list[str | None]:
    return [NAMES[one - 1] if told else None for one, told in zip(bins, known, strict=True)]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _read_rows(texts: Sequence[str]) -> tuple[list[dict[str, tuple[int, int]]], list[str]]:
    rows, groups = [], []
    for text in texts:
        group, tally = orjson.loads(text)
        groups.append(group)
        rows.append({name: (passes, tries) for name, (passes, tries) in tally.items()})
    return rows, groups


def _rows_path(folder: Path, part: str) -> Path:
    return folder / "scratch" / f"{part}.tallies.parquet"


def build(settings: Difficulty, seed: int) -> DifficultyStage:  # noqa: ARG001 - nothing is drawn at random
    """The stage; raises `ConfigError` for borders that do not rise or fall as they must."""
    try:
        bins = BinSettings(
            rubric_borders=settings.rubric_borders,
            rate_borders=settings.rate_borders,
            reference_skill=settings.reference_skill,
        )
    except ValueError as error:
        raise ConfigError(
            f"expected borders between the bins that rise (rubric) and fall (rate); saw: {error}"
        ) from error
    return DifficultyStage(settings, bins)
