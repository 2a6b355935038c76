"""Recipes from files and mappings: checked whole, with the nearest known key for an unknown one."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from tilth.base.errors import ConfigError
from tilth.recipe.model import OPERATIONS, Recipe, Step

_SHIPPED = Path(__file__).parents[1] / "recipes"


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from a YAML file, or a shipped one by its name.

    Raises `ConfigError` with the place, what was expected, what was seen and the nearest known key.
    """
    path = _shipped(path)
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"expected a recipe file at {path}; there is none. Shipped recipes: {', '.join(shipped_recipes())}."
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"expected a recipe file at {path}; it is a folder. Name the YAML file in it.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected YAML in {path}; saw: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"expected a mapping with name and steps in {path}; saw {type(value).__name__}.")
    return parse_recipe(value, str(path))


def parse_recipe(value: dict[str, Any], where: str = "recipe") -> Recipe:
    """Check a mapping and make the recipe of it; raises `ConfigError`."""
    try:
        recipe = Recipe.model_validate(value)
    except ValidationError as error:
        raise ConfigError(_explain(error, where)) from error
    check_steps(recipe, where)
    return recipe


def check_steps(recipe: Recipe, where: str = "recipe") -> None:
    """Each step has one operation and comes from a step above it; raises `ConfigError`."""
    seen: list[str] = []
    for name, step in recipe.steps.items():
        if len(step.operations) != 1:
            raise ConfigError(
                f"{where}: step {name!r} expected exactly one of {', '.join(OPERATIONS)}; "
                f"saw {' and '.join(step.operations) or 'none'}."
            )
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise ConfigError(f"{where}: a step's name is its folder; expected letters, digits, - and _; saw {name!r}.")
        _check_sources(where, name, step, seen)
        _check_indexes(where, name, step, {above: recipe.steps[above] for above in seen})
        seen.append(name)


def _check_sources(where: str, name: str, step: Step, above: list[str]) -> None:
    said = ", ".join(step.sources)
    if step.kind == "read":
        if step.sources:
            raise ConfigError(f"{where}: step {name!r} reads files, so it takes no from:; saw from: {said}.")
        return
    if not step.sources or not set(step.sources) <= set(above):
        raise ConfigError(
            f"{where}: step {name!r} needs from: one of the steps above it ({', '.join(above) or 'none'}); "
            f"saw {said or None!r}."
        )
    if len(step.sources) > 1 and step.kind != "curate":
        raise ConfigError(
            f"{where}: step {name!r} ({step.kind}) takes its rows from one step; saw {said}. "
            "Join them in a curate step."
        )
    if len(set(step.sources)) < len(step.sources):
        raise ConfigError(f"{where}: step {name!r} names a step twice in from: {said}.")
    if step.kind == "curate" and not step.curate:
        raise ConfigError(f"{where}: step {name!r} needs at least one stage under curate:; saw none.")


def _check_indexes(where: str, name: str, step: Step, above: dict[str, Step]) -> None:
    """What `near_duplicates` is held against is a step above that writes an index."""
    written = {
        one
        for one, other in above.items()
        for stage in other.curate or ()
        if stage.near_duplicates is not None and stage.near_duplicates.write_index
    }
    for stage in step.curate or ():
        named = set(stage.near_duplicates.against_steps) if stage.near_duplicates is not None else set()
        if not named <= written:
            raise ConfigError(
                f"{where}: step {name!r} holds near_duplicates against {', '.join(sorted(named - written))}; expected "
                f"steps above it whose near_duplicates has write_index: true ({', '.join(sorted(written)) or 'none'})."
            )


def dump_recipe(recipe: Recipe) -> str:
    """The resolved recipe as YAML; `load_recipe` reads it back to an equal recipe."""
    return yaml.safe_dump(
        recipe.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False, allow_unicode=True
    )


def shipped_recipes() -> list[str]:
    """The names of the recipes in the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.yaml"))


def _shipped(path: Path) -> Path:
    named = _SHIPPED / f"{path}.yaml"
    return named if not path.exists() and len(path.parts) == 1 and named.exists() else path


def _explain(error: ValidationError, where: str) -> str:
    """Each fault on a line: the place, the fault, and for an unknown key the nearest known one."""
    lines = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            known = _known_keys(fault["loc"][:-1])
            near = get_close_matches(str(fault["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            lines.append(f"{where}: {place}: unknown key; {hint}")
        else:
            lines.append(f"{where}: {place}: {fault['msg']}; saw {str(fault['input'])[:100]!r}")
    return "\n".join(lines)


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Recipe
    for part in loc:
        if model is Recipe and part == "steps":
            continue
        found = next(
            (field for name, field in model.model_fields.items() if part in (name, field.alias)),
            None,
        )
        inner = [kind for kind in _types(found.annotation) if _is_model(kind)] if found else []
        model = inner[0] if inner else Step if model is Recipe else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _types(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *get_args(annotation))


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def replace_source(recipe: Recipe, source: list[str], base: Path) -> Recipe:
    """The recipe with other files for its first read step; relative paths are taken from `base`."""
    steps = dict(recipe.steps)
    for name, step in steps.items():
        if step.read is not None:
            paths = tuple(item if "://" in item else str((base / item).resolve()) for item in source)
            steps[name] = step.model_copy(update={"read": step.read.model_copy(update={"source": paths})})
            return recipe.model_copy(update={"steps": steps})
    raise ConfigError(f"--source replaces what a read step reads; recipe {recipe.name!r} has none.")
