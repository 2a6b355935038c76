"""What a user may set of the statistics, each with its source. Nothing here is chosen after results are seen."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class GateSettings(BaseModel):
    """When a task is fit to compare recipes with. Decided on the baseline alone, so that no arm chooses its own judge.

    The four questions are those of FineTasks (Hugging Face, 2024); the figures are starting values of ours in that
    spirit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    above_chance_se: float = Field(default=2.0, ge=0)  # standard errors over items and seeds; FineTasks: above random
    monotone: float = Field(default=0.5, ge=-1, le=1)  # Spearman correlation of step and score; FineTasks uses 0.5
    signal_to_noise: float = Field(default=1.0, ge=0)  # what was learnt over the seeds' spread; ours, see gate.py
    stable_tau: float = Field(default=0.5, ge=-1, le=1)  # Kendall's tau of neighbouring late checkpoints; ours
    late_checkpoints: int = Field(default=3, ge=2)  # the last 3: about 10 % of training at 20 to 30 checkpoints
    min_checkpoints: int = Field(default=5, ge=3)  # below 5 a rank correlation of 0.5 is often luck
    min_seeds: int = Field(default=3, ge=2)  # a spread of two seeds is off by a factor of 2 or more half the time


class StatisticsSettings(BaseModel):
    """How arms are compared. `margin` is in the metric's units; without it the margin is `margin_seed_sd` times the
    baseline's spread between seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: float = Field(default=0.05, gt=0, lt=0.5)  # chance of any false "better" or "worse" in the study
    draws: int = Field(default=2000, ge=200, le=100_000)  # 2,000: a standard error is then itself known to 1.6 %
    seed: int = 0  # of the bootstrap's streams
    few_seeds: int = Field(default=3, ge=0)  # at so many or fewer the wider of bootstrap and t interval is taken
    margin: float | None = Field(default=None, gt=0)
    margin_seed_sd: float = Field(default=0.3, gt=0)  # less than a third of what a mere change of seed does
    aggregate: Literal["macro", "standardised"] = "macro"
    pool_seeds: bool = False  # take the seeds' spread over all arms together: assumes that it is the same in all
    gate: GateSettings = GateSettings()
    apply_gate: bool = True  # tasks that fail on the baseline stay out of the aggregate, and are named


class Stopping(BaseModel):
    """When an arm is given up before its last seed: see `tilth.study.stopping`.

    `difference` is the smallest gain that would matter, in the metric's units; an arm is stopped once a gain as large
    is excluded. `error` is the chance, over all looks together, that an arm that is truly better by so much is stopped.
    `looks` are the numbers of finished seeds after which is looked, fixed before any result is seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    difference: float = Field(gt=0)
    error: float = Field(default=0.05, gt=0, lt=0.5)  # of each arm, hence of the best one
    looks: tuple[int, ...] = Field(default=(2, 3), min_length=1)
    pool_seeds: bool = False  # as in StatisticsSettings; at two seeds nothing is stopped without it

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.looks[0] < 1 or any(a >= b for a, b in zip(self.looks, self.looks[1:], strict=False)):
            raise ValueError(f"looks: expected rising numbers of seeds from 1; saw {self.looks}")
        return self

    @property
    def error_of_look(self) -> float:
        """What one look may err: the error shared out evenly, so that all looks together keep it (Bonferroni)."""
        return self.error / len(self.looks)
