"""The decay phase of an earlier run: its weights and optimiser state, other tokens, a tenth of the cost.

What the trunk decided (model, batch, rates) stays; the budget is that of the decay. **Data**: the token set of the
trunk is gone on with where the trunk stopped, so that stable and decay together are the whole run; any other set is
read from its beginning.
"""

from dataclasses import fields, replace
from typing import Any

from tilth.base.errors import ConfigError
from tilth.recipe.stages.train import Architecture, Train
from tilth.train.presets import Recipe, Resolved
from tilth.train.state import Branch


def resolve_decay(settings: Train, branch: Branch) -> Resolved:
    """Settings of a decay phase with the trunk's filled in; raises ConfigError where they contradict the trunk's."""
    trunk: dict[str, Any] = branch.trunk
    recipe = Recipe(**trunk["recipe"])
    free = {"tokens", "floor", "documents"}
    given = {
        field.name: value
        for field in fields(Recipe)
        if field.name != "source" and (value := getattr(settings, field.name)) is not None
    }
    wrong = {name: value for name, value in given.items() if name not in free and value != getattr(recipe, name)}
    if wrong:
        listed = "; ".join(f"{name} is {value}, the trunk's {getattr(recipe, name)}" for name, value in wrong.items())
        raise ConfigError(
            f"a decay phase keeps what its trunk decided; {listed}. Leave it out, or train another trunk."
        )
    tokens = settings.tokens or trunk["decay_steps"] * recipe.batch_tokens
    decay = tokens // recipe.batch_tokens
    if decay < 1:
        raise ConfigError(
            f"expected tokens for at least one optimiser step of decay; saw {tokens:,} tokens and "
            f"{recipe.batch_tokens:,} a step. Give more tokens."
        )
    architecture = trunk["architecture"]
    return Resolved(
        settings=settings,
        architecture=None if architecture is None else Architecture.model_validate(architecture),
        recipe=replace(recipe, **{**{name: given[name] for name in free & given.keys()}, "tokens": tokens}),
        first=branch.step,
        steps=branch.step + decay,
        warmup_steps=trunk["warmup_steps"],
        decay_steps=decay,
    )
