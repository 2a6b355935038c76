"""What a study run knows of its arms beside results: facts, data, contamination, samples, measured cost, what became.

`about.json` lies beside the results; the report shows it and computes nothing from it but sums. The same content gives
the same bytes: keys are sorted, and order is that of the tuples. Reading checks every field. Costs milliseconds; a file
of 100 arms with five samples a dataset is a few hundred kB.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from tilth.base.errors import ConfigError, SourceError
from tilth.base.files import read_json, write_json
from tilth.recipe.stages.mix import Kind
from tilth.study.treatment import Facts

FORMAT = 1  # of about.json

#: What became of one run. Anything but "finished" is named on the page with its detail, and is never a score of zero.
RunOutcome = Literal["finished", "diverged", "stopped early", "failed", "not run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFound:
    """Items of one benchmark that were found in some data, and in how many of its rows."""

    benchmark: str
    items: int  # looked for
    found: int  # different items found
    rows: int  # rows with any of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """Benchmark items in some data. `found` lists every benchmark that was looked for, those without a hit too.

    Of a dataset every row counts once. Of an arm every row of its mixture counts as often as it is trained on, and
    `share_of_tokens` is the share of the tokens that lie in rows with an item (None where tokens are not counted).
    """

    rows: int
    touched: int  # rows with an item
    found: tuple[BenchmarkFound, ...]
    share_of_tokens: float | None = None

    @property
    def share(self) -> float:
        """The share of the rows that hold an item."""
        return self.touched / self.rows if self.rows else 0.0

    @property
    def items(self) -> int:
        """Different items looked for, over all benchmarks."""
        return sum(one.items for one in self.found)

    @property
    def items_found(self) -> int:
        """Different items found, over all benchmarks."""
        return sum(one.found for one in self.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One row of a dataset as a reader meets it. Texts are whole or cut by who made the sample; `cut` says so."""

    shard: str
    row: int
    text: str
    sample_id: str | None = None
    prompt: str | None = None  # its name
    model: str | None = None
    source: str | None = None  # the text it was made of
    url: str | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset that arms are mixed of. None: not known, which the page says."""

    name: str
    kind: Kind
    rows: int | None = None
    tokens: int | None = None
    contamination: Contamination | None = None
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A dataset's part in an arm's mixture: share of the tokens, tokens taken, tokens there are, times it is seen."""

    dataset: str
    kind: Kind
    share: float
    tokens: int
    available: int | None = None
    repeats: float = 1.0  # tokens / available; 2.3: every row is seen two or three times


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours of processors: CPU cores and GPUs, each counted for as long as it was held."""

    cpu: float = 0.0
    gpu: float = 0.0

    def __add__(self, other: "Hours") -> "Hours":
        return Hours(cpu=self.cpu + other.cpu, gpu=self.gpu + other.gpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an arm cost as measured: its text once, and training and evaluation of all its `runs` together.

    Text that several arms share counts in full for each of them: it is what a user of this recipe alone would pay.
    Money is None without a price. `generation_money` is that of the text alone.
    """

    runs: int
    generation: Hours = Hours()
    training: Hours = Hours()
    evaluation: Hours = Hours()
    tokens_generated: int = 0
    tokens_trained: int = 0
    generation_money: float | None = None
    money: float | None = None
    currency: str | None = None

    def of_one_model(self) -> Hours:
        """Hours for the whole text and one run."""
        runs = max(self.runs, 1)
        both = self.training + self.evaluation
        return self.generation + Hours(cpu=both.cpu / runs, gpu=both.gpu / runs)

    def money_of_one_model(self) -> float | None:
        """Money for the whole text and one run; None where money is not known."""
        if self.money is None:
            return None
        text = self.generation_money or 0.0
        return text + (self.money - text) / max(self.runs, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNote:
    """What became of one run. For one stopped early, `error` is the stated chance that the rule stops an arm that is
    truly better, and `looks` how often it may look (`Stopped.looks`): the arm's claims are widened for it."""

    seed: int
    outcome: RunOutcome
    detail: str = ""
    step: int | None = None  # where it diverged, stopped or failed
    error: float | None = None
    looks: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmAbout:
    """What is known of one arm at one size."""

    arm: str
    size: str
    facts: Facts = field(default_factory=Facts)
    parts: tuple[Part, ...] = ()
    contamination: Contamination | None = None
    cost: Cost | None = None
    runs: tuple[RunNote, ...] = ()
    notes: tuple[str, ...] = ()  # sentences of the run: what a reader of the arm's result must know

    @property
    def synthetic(self) -> float | None:
        """The share of the tokens that is synthetic; None where the mixture is not known."""
        return sum(part.share for part in self.parts if part.kind == "synthetic") if self.parts else None


@with_config(ConfigDict(extra="forbid"))  # also for the classes inside it
@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """All that a study run knows beside results. `notes` are sentences on the whole study.

    `overhead` is the share of the study's processor time that was neither generation, training nor scoring.
    """

    study: str
    arms: tuple[ArmAbout, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    notes: tuple[str, ...] = ()
    overhead: float | None = None

    def arm(self, name: str, size: str) -> ArmAbout | None:
        """What is known of an arm at a size; None where it is nothing."""
        return next((one for one in self.arms if (one.arm, one.size) == (name, size)), None)

    def dataset(self, name: str) -> Dataset | None:
        """A dataset by its name."""
        return next((one for one in self.datasets if one.name == name), None)


_ADAPTER = TypeAdapter(About)


def write_about(path: Path, about: About) -> None:
    """Write `about` as JSON, atomically. Raises `ConfigError` where an arm and size or a dataset is named twice."""
    _check(about, str(path))
    write_json(path, about_as_json(about))


def read_about(path: Path) -> About:
    """Read what `write_about` wrote. Raises `SourceError` where it is missing, of another format, or wrong."""
    try:
        value = read_json(path)
    except FileNotFoundError:
        raise SourceError(
            f"expected what a study knows of its arms at {path}; there is no such file. `tilth study run` writes it "
            "beside the results; without it leave --about out."
        ) from None
    except IsADirectoryError:
        raise SourceError(f"expected a file at {path}; it is a folder. Name the about.json in it.") from None
    return about_from_json(value, str(path))


def about_as_json(about: About) -> dict[str, Any]:
    """As plain JSON types."""
    return {"format": FORMAT, **asdict(about)}


def about_from_json(value: Any, where: str = "about") -> About:
    """The reverse of `about_as_json`; raises `SourceError` naming the first wrong field."""
    seen = value.get("format") if isinstance(value, dict) else None
    if seen != FORMAT:
        raise SourceError(
            f"expected format {FORMAT} in {where}; saw {seen!r}. It was written by another version of tilth: run "
            "`tilth study run` again, which reuses everything that is finished."
        )
    try:
        about = _ADAPTER.validate_python({name: one for name, one in value.items() if name != "format"})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError(f"{where}: {place}: {first['msg']}; saw {str(first['input'])[:100]!r}.") from error
    _check(about, where)
    return about


def _check(about: About, where: str) -> None:
    keys = [f"{one.arm} at size {one.size}" for one in about.arms] + [f"dataset {one.name}" for one in about.datasets]
    twice = _first_twice(keys)
    if twice is not None:
        raise ConfigError(f"expected every arm and size and every dataset once in {where}; {twice} is there twice.")


def _first_twice(keys: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None
