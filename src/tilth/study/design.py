"""The study file: which arms are trained, on what, how they are judged, and what may be spent.

A file is data and nothing else: reading it gives one frozen `Study`, every arm written out, or a `ConfigError` that
names the place. Numbers of tokens and parameters may be written as 21B, 2.1M or 4k. Costs milliseconds.
"""

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tilth.base.errors import ConfigError
from tilth.cost import Price
from tilth.generate.model import ModelSpec, Sampling
from tilth.recipe.stages.mix import Count
from tilth.study.materials import Source, Strategy, TrainedTokenizer
from tilth.study.statistics.settings import Stopping

_SHIPPED = Path(__file__).parents[1] / "studies"
_MOST_ARMS = 2000  # a grid larger than this is a slip of the pen: 2,000 published-size runs are 40 GPU-years

FROM_SCRATCH = "from scratch"

Axis = Literal["strategy", "generator", "source", "mix_in", "ratio"]


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


Share = Annotated[float, Field(gt=0, le=1)]
Names = Annotated[tuple[str | None, ...], BeforeValidator(_several)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Size(_Model):
    """One size of the student. `parameters` and `tokens` decide the training cost: 6 x parameters x tokens FLOPs.

    To be trained it needs a `preset` or a `start`; `training` are further settings of `tilth train` (docs/train.md).
    """

    parameters: Count
    tokens: Count
    preset: str | None = None
    sequence: Count | None = None
    batch_tokens: Count | None = None
    learning_rate: float | None = Field(default=None, gt=0)
    start: str = FROM_SCRATCH  # or the base model that mid-training goes on from: a folder or a Hub name
    training: dict[str, Any] = Field(default_factory=dict)


class Generator(_Model):
    """What writes the synthetic text, and how fast: tokens a second and GPU on `hardware`, or a price a token.

    `model` and `sampling` say where it answers; a study whose arms name a generator needs the model to be run.
    """

    model: ModelSpec | None = None
    sampling: Sampling | None = None

    tokens_per_second: float | None = Field(default=None, gt=0)  # completion tokens a second and GPU
    prompt_ratio: float = Field(default=1.0, ge=0)  # prompt tokens for one completion token; counts for a price only
    price: Price | None = None


class Evaluation(_Model):
    """How every arm is judged, the same for all. `tasks` maps each task to its category, for the macro score.

    Tasks are blocks of docs/evaluate.md over files in `benchmarks`, and `held_out:SOURCE`: bits per byte on text of a
    source that nothing was made of. `also` are further forms, which stand beside the verdict.
    """

    tasks: dict[str, str]
    benchmarks: str | None = None  # a folder of benchmark files; package://evaluate/samples is the one that ships
    held_out: float = Field(default=0.1, gt=0, lt=1)  # share of each source kept apart, where a task asks for it
    also: tuple[str, ...] = ()
    limit: int | None = Field(default=None, ge=1)  # items a task
    backend: str = "own"
    form: str
    metric: str
    version: str
    shots: int = Field(default=0, ge=0)
    checkpoints: int = Field(default=1, ge=1)  # evaluated a run
    gpu_hours_per_checkpoint: float = Field(default=0.0, ge=0)


class Hardware(_Model):
    """What trains and generates. `flops` is the peak of one device in the precision used, `utilisation` the share of it
    that training reaches (0.3 to 0.5 on GPUs)."""

    name: str
    flops: float = Field(gt=0)
    utilisation: float = Field(default=0.4, gt=0, le=1)
    devices: int = Field(default=1, ge=1)
    price: Price | None = None


class Budget(_Model):
    """What may be spent. `hours` is wall clock on all devices together; the currency is that of the prices."""

    money: float | None = Field(default=None, gt=0)
    hours: float | None = Field(default=None, gt=0)


class Arm(_Model):
    """One recipe. Without a strategy it is original text only. What is None comes from the study.

    `synthetic_tokens` is how many different tokens were or will be written (None: as many as are trained on); fewer
    than the run needs are repeated. `published` names published figures: `runs/NAME`, `mix/PROMPT-SHARE`,
    `seeds/SETTING` or `baselines/NAME`; `{size}` in it stands for the size's name.
    """

    name: str = Field(min_length=1, max_length=200)
    strategy: str | None = None
    generator: str | None = None
    source: str | None = None
    mix_in: str | None = None
    ratio: Share | None = None  # of the tokens trained on that are synthetic
    seeds: tuple[int, ...] | None = None
    sizes: tuple[str, ...] | None = None
    tokens: Count | None = None
    synthetic_tokens: Count | None = None
    original_tokens: Count | None = None  # different tokens of original text there are; None: enough
    tokenizer: str | None = None
    evaluation_version: str | None = None
    decontamination: str | None = None
    learning_rate: float | None = Field(default=None, gt=0)
    published: str | None = None

    @property
    def synthetic_share(self) -> float:
        """The share of the tokens trained on that is synthetic."""
        return 0.0 if self.strategy is None else 1.0 if self.ratio is None else self.ratio


class Grid(_Model):
    """Every combination of the axes is an arm, named by `label`: the axes that vary, joined with hyphens, after
    `prefix`. With `published` each arm is also looked up as `<published>/<its name>`.
    """

    strategy: Names
    generator: Names = (None,)
    source: Names = (None,)
    mix_in: Names = (None,)
    ratio: Annotated[tuple[Share, ...], BeforeValidator(_several)] = (0.5,)
    label: tuple[Axis, ...] | None = None
    prefix: str = ""
    seeds: tuple[int, ...] | None = None
    sizes: tuple[str, ...] | None = None
    synthetic_tokens: Count | None = None
    published: str | None = None

    def arms(self) -> tuple[Arm, ...]:
        """The arms, the last axis changing fastest."""
        axes: dict[Axis, tuple[Any, ...]] = {
            "strategy": self.strategy,
            "generator": self.generator,
            "source": self.source,
            "mix_in": self.mix_in,
            "ratio": self.ratio,
        }
        label = self.label or tuple(axis for axis, values in axes.items() if len(values) > 1) or ("strategy",)
        return tuple(self._arm(dict(zip(axes, values, strict=True)), label) for values in product(*axes.values()))

    def _arm(self, values: dict[Axis, Any], label: tuple[Axis, ...]) -> Arm:
        parts = [f"{value:.0%}" if isinstance(value, float) else str(value) for value in map(values.get, label)]
        name = "-".join([self.prefix, *parts] if self.prefix else parts)
        return Arm(
            **values,
            name=name,
            seeds=self.seeds,
            sizes=self.sizes,
            synthetic_tokens=self.synthetic_tokens,
            published=f"{self.published}/{name}" if self.published else None,
        )


class Study(_Model):
    """A study: its arms, written out or as grids, judged against `baseline`.

    `margin` is the difference that does not matter and `difference` the smallest that would, both in the metric's
    units. `noise` names the published spread to plan with until one of the study's own is measured. `may_differ` lists
    what arms may differ in beside the treatment; it is then flagged instead of refused.
    """

    name: str
    about: str = ""
    baseline: str
    sizes: dict[str, Size] = Field(min_length=1)
    tokenizer: str | TrainedTokenizer  # a tokenizer.json, a folder with one, a Hub name; or one to train
    evaluation: Evaluation
    hardware: Hardware
    sources: dict[str, Source] = Field(default_factory=dict)
    strategies: dict[str, Strategy] = Field(default_factory=dict)
    generators: dict[str, Generator] = Field(default_factory=dict)
    arms: tuple[Arm, ...] = ()
    grids: tuple[Grid, ...] = ()
    seeds: tuple[int, ...] = (1, 2, 3)
    decontamination: str = "none"
    budget: Budget = Budget()
    margin: float | None = Field(default=None, gt=0)
    difference: float | None = Field(default=None, gt=0)
    noise: str = "hq-1.7b"
    stopping: Stopping | None = None  # arms to give up before their last seed
    pool_seeds: bool = False  # take the seeds' spread over all arms together (see docs/statistics.md)
    may_differ: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        count = len(self.arms) + sum(
            len(grid.strategy) * len(grid.generator) * len(grid.source) * len(grid.mix_in) * len(grid.ratio)
            for grid in self.grids
        )
        if count > _MOST_ARMS:
            raise ValueError(f"expected at most {_MOST_ARMS} arms; the grids make {count}")
        arms = self.all_arms()
        twice = [name for name, times in Counter(arm.name for arm in arms).items() if times > 1]
        if twice:
            raise ValueError(f"expected arms of different names; {twice[0]!r} is there twice. Give the grid a label")
        names = {arm.name for arm in arms}
        if self.baseline not in names:
            raise ValueError(f"baseline: expected one of the arms; saw {self.baseline!r}{_near(self.baseline, names)}")
        for arm in arms:
            self._check(arm)
        return self

    def _check(self, arm: Arm) -> None:
        for size in arm.sizes or ():
            if size not in self.sizes:
                raise ValueError(f"arm {arm.name!r}: unknown size {size!r}{_near(size, self.sizes)}")
        if arm.generator is not None and arm.generator not in self.generators:
            near = _near(arm.generator, self.generators)
            raise ValueError(f"arm {arm.name!r}: generator {arm.generator!r} is not under generators{near}")
        if arm.strategy is None and (arm.ratio is not None or arm.generator is not None):
            raise ValueError(f"arm {arm.name!r}: a ratio or a generator needs a strategy; without one it is original")
        if len(set(self.seeds_of(arm))) < len(self.seeds_of(arm)) or not self.seeds_of(arm):
            raise ValueError(f"arm {arm.name!r}: expected one or more different seeds; saw {self.seeds_of(arm)}")
        if arm.synthetic_share < 1 and arm.strategy is not None and arm.mix_in is None:
            raise ValueError(f"arm {arm.name!r}: {1 - arm.ratio:.0%} is original text; say which under mix_in")  # type: ignore[operator]

    def all_arms(self) -> tuple[Arm, ...]:
        """The arms written out, then those of each grid."""
        return (*self.arms, *(arm for grid in self.grids for arm in grid.arms()))

    def arm(self, name: str) -> Arm:
        """The arm of that name; raises `ConfigError` naming the nearest."""
        for one in self.all_arms():
            if one.name == name:
                return one
        near = _near(name, [one.name for one in self.all_arms()])
        raise ConfigError(f"expected an arm of study {self.name}; saw {name!r}{near}.")

    def seeds_of(self, arm: Arm) -> tuple[int, ...]:
        """The arm's own seeds, or the study's."""
        return self.seeds if arm.seeds is None else arm.seeds

    def sizes_of(self, arm: Arm) -> tuple[str, ...]:
        """The sizes that the arm is trained at."""
        return tuple(self.sizes) if arm.sizes is None else arm.sizes

    def tokens_of(self, arm: Arm, size: str) -> int:
        """Tokens that a run of the arm is trained on."""
        return arm.tokens or self.sizes[size].tokens


def load_study(path: Path) -> Study:
    """Read a study file, or a shipped study by its name. Raises `ConfigError` with the place and the nearest key."""
    named = _SHIPPED / f"{path}.yaml"
    path = named if not path.exists() and len(path.parts) == 1 and named.exists() else path
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        shipped = ", ".join(shipped_studies())
        raise ConfigError(f"expected a study file at {path}; there is none. Shipped studies: {shipped}.") from None
    except IsADirectoryError:
        raise ConfigError(f"expected a study file at {path}; it is a folder. Name the YAML file in it.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected YAML in {path}; saw: {error}") from error
    return parse_study(value, str(path))


def parse_study(value: Any, where: str = "study") -> Study:
    """Check a mapping and make the study of it; raises `ConfigError` with one line a fault."""
    if not isinstance(value, dict):
        raise ConfigError(f"expected a mapping with name, arms and baseline in {where}; saw {type(value).__name__}.")
    try:
        return Study.model_validate(value)
    except ValidationError as error:
        raise ConfigError("\n".join(_fault(one, where) for one in error.errors())) from error


def shipped_studies() -> list[str]:
    """The names of the studies in the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


_MODELS = (Study, Arm, Grid, Size, Generator, Evaluation, Hardware, Budget, Price)


def _fault(fault: Any, where: str) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = {name for model in _MODELS for name in model.model_fields}
        return f"{where}: {place}: unknown key{_near(str(fault['loc'][-1]), known) or '; see docs/study.md'}"
    if fault["type"] == "value_error":
        return f"{where}: {place}: {fault['msg'].removeprefix('Value error, ')}.".replace(": : ", ": ")
    return f"{where}: {place}: {fault['msg']}; saw {str(fault['input'])[:100]!r}"


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
