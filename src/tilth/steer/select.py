"""The step that closes the loop: before each round of synthesis it chooses seeds and says what to make of them.

It reads what earlier rounds achieved (as labelled anew, not as requested), estimates how requests drift, and plans
requests so that all rounds together meet the target. A seed of the request's discipline is given to each request, the
nearest in difficulty first; which of equals is decided by a hash of its id, so the choice does not depend on shards or
workers. Rows that are not taken leave with a reason. Memory: about 60 bytes a row of the pool, and its id.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tilth.base.errors import ConfigError
from tilth.base.files import write_atomic, write_json
from tilth.base.fingerprint import fingerprint, text_hash
from tilth.base.random import seed_of
from tilth.data.dataset import MANIFEST, read_manifest
from tilth.frames import drop
from tilth.recipe.stages.select import GRADES, Grade, LabelColumns, Select
from tilth.steer.cells import BINS, UNLABELLED, Base
from tilth.steer.drift import Drift, Round, by_cell, estimate_drift, plan_requests, reachable_distance, total_variation
from tilth.steer.gate import load_agreement
from tilth.steer.labels import read_labels, with_labels
from tilth.steer.weights import Weights

VERSION = 1
REASON = "not_selected"
REPORT = "round.json"
#: Rubric difficulty that is asked for in a bin: its middle.
ASKED = {1: 1.5, 2: 3.0, 3: 5.0, 4: 7.0, 5: 9.0}

_GATHERED = pl.Schema(
    {"key": pl.UInt64, "id": pl.String, "discipline": pl.String, "bin": pl.Int8, "order": pl.UInt64, "part": pl.String}
)
_CHOSEN = pl.Schema({"key": pl.UInt64, "ask_discipline": pl.String, "ask_bin": pl.Int8, "said": pl.String})


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectStage:
    """Takes the seeds of one round. A `frames.CorpusStage`, made by `build`."""

    settings: Select
    seed: int
    unsure: tuple[str, ...] = ()  # disciplines whose labels the annotators do not agree on: they count as none

    VERSION = VERSION

    @property
    def identity(self) -> Mapping[str, str]:
        """Version, settings, the weights and the rows of the earlier rounds; paths do not count."""
        own = self.settings.model_dump(mode="json", exclude={"weights", "requested", "achieved", "agreement"})
        folders = (*self.settings.requested, *self.settings.achieved)
        return {
            "version": str(VERSION),
            "settings": fingerprint(own),
            "seed": str(self.seed),
            "weights": _digest(Path(self.settings.weights)),
            "unsure": ", ".join(self.unsure),
            "earlier_rounds": fingerprint([_rows_of(Path(folder)) for folder in folders]),
        }

    @property
    def reasons(self) -> Mapping[str, str]:
        return {REASON: "the row is no seed of this round: used up, not needed, or without a discipline"}

    @property
    def changes_text(self) -> bool:
        return False

    def gather(self, frames: Iterable[pl.DataFrame], part: str, folder: Path) -> None:
        """Write key, id, labels and order of each row that is still there."""
        rows = [self._row(frame, part) for frame in frames]
        table = pl.concat(rows) if rows else pl.DataFrame(schema=_GATHERED)
        write_atomic(folder / "scratch" / f"{part}.parquet", table.write_parquet)

    def decide(self, parts: Sequence[str], folder: Path, workers: int) -> None:
        """Plan the requests, give each a seed, write the report and what `apply` needs by part."""
        del workers
        pool = pl.concat([pl.read_parquet(folder / "scratch" / f"{part}.parquet") for part in sorted(parts)])
        weights = Weights.load(Path(self.settings.weights))
        rounds, used = self._earlier()
        over = [name for name, times in used.items() if times >= self.settings.reuse]
        fresh = pool.with_columns(used=pl.col("id").is_in(over))
        usable = fresh.filter(~pl.col("used") & pl.col("discipline").is_not_null())
        room = dict(usable.group_by("discipline").len().iter_rows())
        wanted = {one for cell in weights.cells if cell.weight for one in cell.disciplines}
        drift = estimate_drift(rounds, weights.places(), sorted(wanted & set(room)), self.settings.smoothing)
        achieved = _added(rounds, weights)
        plan = plan_requests(drift, weights.shares(), achieved, self.settings.rows, room, self.settings.steps)
        if pool.height and not plan:
            raise ConfigError(
                f"select: expected seeds in the disciplines of the weights ({', '.join(sorted(wanted))}); of "
                f"{pool.height:,} rows {usable.height:,} have a discipline and may be used again, in "
                f"{', '.join(sorted(room)) or 'none'}. Label the seeds, add some, or raise reuse."
            )
        decided = _given(fresh, assign(usable, plan))
        for (part,), rows in decided.group_by("part"):
            path = folder / "decided" / f"{part}.parquet"
            write_atomic(path, rows.select(list(_CHOSEN)).write_parquet)
        write_json(folder / REPORT, self._report(weights, rounds, drift, plan, room))

    def apply(self, frame: pl.DataFrame, part: str, folder: Path) -> pl.DataFrame:
        """Set `request` in the metadata of the chosen rows, drop the others."""
        path = folder / "decided" / f"{part}.parquet"
        chosen = pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=_CHOSEN)
        joined = frame.join(chosen, on="key", how="left", maintain_order="left")
        rows = joined.select("doc_id", "metadata", "ask_discipline", "ask_bin").iter_rows()
        metadata = [text if one is None else self._asked(name, text, one, bin_) for name, text, one, bin_ in rows]
        joined = joined.with_columns(metadata=pl.Series(metadata, dtype=pl.String))
        said = pl.col("said").fill_null("dropped before")
        marked = drop(joined, pl.col("ask_discipline").is_null(), REASON, said)
        return marked.drop("ask_discipline", "ask_bin", "said")

    def counts(self, frame: pl.DataFrame) -> Mapping[str, int]:
        """Seeds that were taken."""
        return {"selected": int(frame["reason"].is_null().sum())}

    def _row(self, frame: pl.DataFrame, part: str) -> pl.DataFrame:
        labels = with_labels(frame, self.settings.labels).select("discipline", "bin")
        if self.unsure:
            named = pl.col("discipline")
            labels = labels.with_columns(discipline=pl.when(~named.is_in(self.unsure)).then(named))
        # what one round takes last, the next takes first only by chance: the round is in the stream's name
        order = [seed_of(self.seed, "select", self.settings.round, name) for name in frame["doc_id"]]
        return frame.select("key", pl.col("doc_id").alias("id")).with_columns(
            *labels.get_columns(), order=pl.Series(order, dtype=pl.UInt64), part=pl.lit(part)
        ).select(list(_GATHERED))  # fmt: skip

    def _earlier(self) -> tuple[list[Round], Counter[str]]:
        """The earlier rounds, and how often each seed was in one."""
        labels = self.settings.labels
        used: Counter[str] = Counter()
        requests: list[Counter[Base]] = []
        for folder in self.settings.requested:
            table = read_labels(Path(folder), labels)
            used.update(table["id"].to_list())
            requests.append(_counted(table, "asked_discipline", "asked_bin"))
        requests += [Counter()] * (len(self.settings.achieved) - len(requests))
        pairs = zip(requests, self.settings.achieved, strict=True)
        return [Round(requests=asked, moves=moves(Path(folder), labels)) for asked, folder in pairs], used

    def _asked(self, doc_id: str, text: str | None, discipline: str, bin_: int) -> str:
        value = _object(text)
        value["request"] = {
            "discipline": discipline,
            "difficulty": ASKED[bin_],
            "grade": self._grade(doc_id, discipline, bin_),
        }
        return orjson.dumps(value).decode()

    def _grade(self, doc_id: str, discipline: str, bin_: int) -> str:
        names: tuple[Grade, ...] = self.settings.grades.get(f"D{bin_}", ()) or GRADES[f"D{bin_}"]  # type: ignore[index,call-overload]
        fitting = [one for one in names if one != "GC" or discipline in self.settings.contests] or ["G5"]
        return fitting[seed_of(self.seed, "grade", self.settings.round, doc_id) % len(fitting)]

    def _report(
        self, weights: Weights, rounds: Sequence[Round], drift: Drift, plan: Mapping[Base, int], room: Mapping[str, int]
    ) -> dict[str, Any]:
        achieved = _added(rounds, weights)
        expected: dict[str, float] = dict(achieved)
        index = {base: at for at, base in enumerate(drift.requests)}
        for base, rows in plan.items():
            for name, rate in zip(drift.cells, drift.rate[index[base]].tolist(), strict=True):
                expected[name] = expected.get(name, 0.0) + rows * rate
        return {
            "format": 1,
            "round": self.settings.round,
            "target": weights.shares(),
            "rounds": by_round(weights, rounds),
            "requested": {f"{one}/D{bin_}": rows for (one, bin_), rows in sorted(plan.items())},
            "rows": sum(plan.values()),
            "short": self.settings.rows - sum(plan.values()),
            "seeds_left": dict(sorted(room.items())),
            "yield": drift.yield_,
            "expected": expected,
            "expected_distance": total_variation(weights.shares(), expected),
            "reachable_distance": reachable_distance(drift, weights.shares(), self.settings.steps),
        }


def build(settings: Select, seed: int) -> SelectStage:
    """The stage of its settings; raises `ConfigError` where the file of weights or of agreement is missing or wrong."""
    Weights.load(Path(settings.weights))
    unsure = load_agreement(Path(settings.agreement)).unsure if settings.agreement else ()
    return SelectStage(settings=settings, seed=seed, unsure=unsure)


def assign(usable: pl.DataFrame, plan: Mapping[Base, int]) -> dict[int, Base]:
    """Key of a seed -> what is asked of it. Seeds nearest in bin first, hard requests before easy ones; equal seeds in
    their drawn order; those whose difficulty is not known last."""
    queues: dict[tuple[str, int], list[int]] = {}
    for discipline, bin_, keys in (
        usable.sort("order", "key").group_by("discipline", "bin", maintain_order=True).agg("key").iter_rows()
    ):
        queues[discipline, bin_ or 0] = keys[::-1]
    left = dict(plan)
    found: dict[int, Base] = {}
    far = len(BINS)  # farther than any two bins: of no known difficulty
    for distance in range(far + 1):
        for base in sorted(left, key=lambda base: (base[0], -base[1])):
            discipline, bin_ = base
            from_ = (0,) if distance == far else tuple(dict.fromkeys((bin_ + distance, bin_ - distance)))
            for queue in (queues.get((discipline, one), []) for one in from_):
                while left[base] and queue:
                    found[queue.pop()] = base
                    left[base] -= 1
    return found


def moves(folder: Path, labels: LabelColumns) -> Counter[tuple[Base | None, Base | None]]:
    """(asked, achieved) -> rows of a dataset of questions that were labelled anew."""
    table = read_labels(folder, labels)
    columns = ("asked_discipline", "asked_bin", "discipline", "bin")
    found: Counter[tuple[Base | None, Base | None]] = Counter()
    for asked, asked_bin, got, got_bin, rows in table.group_by(columns, maintain_order=True).len().iter_rows():
        found[_base(asked, asked_bin), _base(got, got_bin)] += rows
    return found


def by_round(weights: Weights, rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Of each round: rows achieved by cell, up to and with it, and how far they are from the target."""
    found = []
    for number in range(1, len(rounds) + 1):
        so_far = _added(rounds[:number], weights)
        found.append(
            {
                "round": number,
                "rows": sum(rounds[number - 1].achieved.values()),
                "achieved": dict(sorted(so_far.items())),
                "distance": total_variation(weights.shares(), so_far),
                "unlabelled": so_far[UNLABELLED],
            }
        )
    return found


def achieved_rounds(
    weights: Weights, folders: Sequence[Path], labels: LabelColumns | None = None
) -> list[dict[str, Any]]:
    """`by_round` of datasets on disk: for the page, once the last round is there."""
    labels = labels or LabelColumns()
    return by_round(weights, [Round(requests={}, moves=moves(folder, labels)) for folder in folders])


def _added(rounds: Sequence[Round], weights: Weights) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in rounds:
        total.update(by_cell(one.achieved, weights.places()))
    return total


def _given(pool: pl.DataFrame, chosen: Mapping[int, Base]) -> pl.DataFrame:
    """Of every row of the pool what is asked of it, or why it is not taken."""
    asked = pl.DataFrame(
        {
            "key": pl.Series(list(chosen), dtype=pl.UInt64),
            "ask_discipline": pl.Series([base[0] for base in chosen.values()], dtype=pl.String),
            "ask_bin": pl.Series([base[1] for base in chosen.values()], dtype=pl.Int8),
        }
    )
    why = (
        pl.when(pl.col("discipline").is_null())
        .then(pl.lit("no discipline is known"))
        .when(pl.col("used"))
        .then(pl.lit("used in as many rounds as a seed may be"))
        .otherwise(pl.format("not needed: {} has seeds enough", "discipline"))
    )
    return pool.join(asked, on="key", how="left", maintain_order="left").with_columns(said=why)


def _counted(table: pl.DataFrame, discipline: str, bin_: str) -> Counter[Base]:
    rows = table.filter(pl.col(discipline).is_not_null() & pl.col(bin_).is_not_null())
    return Counter({(one, two): count for one, two, count in rows.group_by(discipline, bin_).len().iter_rows()})


def _base(discipline: str | None, bin_: int | None) -> Base | None:
    return None if discipline is None or bin_ is None else (discipline, bin_)


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        value = {}
    return value if isinstance(value, dict) else {}


def _digest(path: Path) -> str:
    try:
        return text_hash(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a file of weights at {path}; saw: {error}. Make it from a probe.") from error


def _rows_of(folder: Path) -> list[str]:
    """Digests of the shards of a dataset; empty while it is not made."""
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else None
    return [shard.digest for shard in manifest.shards] if manifest else []
