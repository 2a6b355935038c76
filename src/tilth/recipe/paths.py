"""Paths in a recipe: which settings name files, and how they become absolute.

A path in a recipe is taken from the recipe's own folder, so that the recipe and its files can lie anywhere together;
the copy that a run stores has absolute ones, so that it runs again from any folder.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tilth.recipe.model import GENERATIONS, Recipe

_PACKAGE = "package://"
#: Stage of a curate step -> settings that name files or folders.
_FILES = {
    "decontaminate": ("benchmarks", "probe", "background"),
    "near_duplicates": ("against",),
    "semantic_duplicates": ("cache",),
    "probe_items": ("probe",),
    "select": ("weights", "requested", "achieved", "agreement"),
    "layouts": ("target",),
}
#: The same, of settings that may name something else, such as a Hub model: a file where there is one.
_MAYBE_FILES = {"score": ("scorer",), "label": ("model", "taxonomy"), "rules": ("bad_words",)}
#: Settings that may name a step of the recipe above: its dataset is meant.
STEP_FOLDERS = {"select": ("requested", "achieved"), "near_duplicates": ("against_steps",)}
#: Kind of a step that asks a model -> settings that name files, within it by dots.
_GENERATION_FILES = {
    "synthesize": ("grade.weights", "harden.anchors", "logic.logics"),
    "annotate": ("anchors", "taxonomy"),
}


def resolve_paths(recipe: Recipe, base: Path) -> Recipe:
    """The recipe with each local path absolute, taken from `base`."""
    value = recipe.model_dump(mode="json", by_alias=True)
    for step in value["steps"].values():
        if step["read"]:
            step["read"]["source"] = [absolute(item, base) for item in step["read"]["source"]]
        for item in step["curate"] or ():
            _resolve_stage(item, base, set(value["steps"]))
        for kind in GENERATIONS:
            if step[kind]:
                _resolve_generation(kind, step[kind], base)
    if value["execution"]["prices"]:
        value["execution"]["prices"] = absolute(value["execution"]["prices"], base)
    return Recipe.model_validate(value)


def _resolve_stage(item: dict[str, Any], base: Path, steps: set[str]) -> None:
    """Make the paths in one stage of a curate step absolute, in place."""
    for name, settings in item.items():
        if settings is None:
            continue
        for key in _FILES.get(name, ()):
            value = settings[key]
            named = steps if key in STEP_FOLDERS.get(name, ()) else set()
            if isinstance(value, str):
                settings[key] = absolute(value, base)
            elif value is not None:
                settings[key] = [path if path in named else absolute(path, base) for path in value]
        _resolve_present(settings, _MAYBE_FILES.get(name, ()), base)


def _resolve_generation(kind: str, settings: dict[str, Any], base: Path) -> None:
    settings["prompt_folders"] = [absolute(item, base) for item in settings["prompt_folders"]]
    settings["model"] = resolve_model(settings["model"], base)
    for inner, key in _places(settings, _GENERATION_FILES.get(kind, ())):
        if inner[key]:
            inner[key] = absolute(inner[key], base)


def resolve_model(model: dict[str, Any], base: Path) -> dict[str, Any]:
    """The block of a model with its files absolute: a folder in `model` or `tokenizer`, what a script knows."""
    found = dict(model)
    _resolve_present(found, ("model", "tokenizer"), base)
    scripted = found.get("extra_body", {}).get("scripted")
    if found.get("engine") == "scripted" and isinstance(scripted, dict):
        known = scripted.get("known", ())
        named = [known] if isinstance(known, str) else known
        found["extra_body"] = {
            **found["extra_body"],
            "scripted": {**scripted, "known": [absolute(path, base) for path in named]},
        }
    return found


def _places(settings: dict[str, Any], names: tuple[str, ...]) -> Iterator[tuple[dict[str, Any], str]]:
    for name in names:
        *outer, key = name.split(".")
        inner = settings
        for part in outer:
            inner = inner[part]
        yield inner, key


def _resolve_present(settings: dict[str, Any], keys: tuple[str, ...], base: Path) -> None:
    for key in keys:
        if settings.get(key) and (base / settings[key]).exists():
            settings[key] = absolute(settings[key], base)


def absolute(path: str, base: Path) -> str:
    """A path taken from `base`; `package://` is what ships with tilth, and other URLs stay as they are."""
    if path.startswith(_PACKAGE):  # files that ship with tilth, such as the demo's documents
        return str(Path(__file__).parents[1] / path.removeprefix(_PACKAGE))
    if "://" in path or Path(path).is_absolute():
        return path
    return str(base / path)
