"""The recipe: which stages make which datasets from which sources, as one checked value.

The resolved recipe is stored with every run and runs again from there.
"""

from tilth.recipe.curate import CurateStage
from tilth.recipe.load import (
    check_steps,
    dump_recipe,
    load_recipe,
    parse_recipe,
    replace_source,
    shipped_recipes,
)
from tilth.recipe.model import GENERATIONS, Budget, Execution, Generation, Recipe, Step
from tilth.recipe.stages.rephrase import Checks, Policy, Rephrase

__all__ = [
    "GENERATIONS",
    "Budget",
    "Checks",
    "CurateStage",
    "Execution",
    "Generation",
    "Policy",
    "Recipe",
    "Rephrase",
    "Step",
    "check_steps",
    "dump_recipe",
    "load_recipe",
    "parse_recipe",
    "replace_source",
    "shipped_recipes",
]
