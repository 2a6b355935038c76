"""The name of a run in the table of results."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunName:
    """Which run a result is of: the recipe, the seed, the size's name and the optimiser steps done."""

    arm: str
    seed: int
    size: str = "model"
    step: int = 0
