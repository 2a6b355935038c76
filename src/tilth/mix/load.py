"""A mixture from a YAML file: its settings, the token sets of its parts, and start values for parts without weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tilth.base.errors import ConfigError
from tilth.mix.plan import suggest_mix
from tilth.recipe.stages.mix import Mix, MixFile, MixPart


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMix:
    """A mixture as a file asks for it. `folders`: part -> folder of its token set."""

    mix: Mix
    folders: Mapping[str, Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedMix:
    """Start values for a file: the mixture, its YAML with the weights filled in, and what each number rests on."""

    loaded: LoadedMix
    text: str
    reasons: tuple[str, ...]


def load_mix(path: Path) -> LoadedMix:
    """The mixture that a file asks for; relative folders are taken from the file's own folder.

    Raises ConfigError with the place, what was expected and what was seen, and where a part has no weight.
    """
    asked = _read(path)
    bare = [part.name for part in asked.parts if part.weight is None]
    if bare:
        raise ConfigError(
            f"{path}: expected a weight for every part; there is none for {', '.join(bare)}. "
            f"tilth mix {path} --suggest prints start values."
        )
    parts = tuple(
        MixPart(name=part.name, weight=part.weight or 0, kind=part.kind, cap=part.cap) for part in asked.parts
    )
    mix = Mix(parts=parts, tokens=asked.tokens, seed=asked.seed, shard_tokens=asked.shard_tokens)
    return LoadedMix(mix=mix, folders=_folders(asked, path))


def suggest_for(path: Path) -> SuggestedMix:
    """Start values for the parts of a file, whatever weights it has: see `tilth.mix.plan.suggest_mix`."""
    asked = _read(path)
    formats = {part.name: part.format for part in asked.parts if part.kind == "synthetic"}
    original = tuple(part.name for part in asked.parts if part.kind == "original")
    found, reasons = suggest_mix(formats, original, asked.tokens, seed=asked.seed)
    weights = {part.name: round(part.weight, 6) for part in found.parts}
    filled = asked.model_copy(
        update={"parts": tuple(part.model_copy(update={"weight": weights[part.name]}) for part in asked.parts)}
    )
    parts = tuple(
        MixPart(name=part.name, weight=weights[part.name], kind=part.kind, cap=part.cap) for part in asked.parts
    )
    mix = Mix(parts=parts, tokens=asked.tokens, seed=asked.seed, shard_tokens=asked.shard_tokens)
    value = filled.model_dump(exclude_defaults=True)
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return SuggestedMix(loaded=LoadedMix(mix=mix, folders=_folders(asked, path)), text=text, reasons=reasons)


def _folders(asked: MixFile, path: Path) -> dict[str, Path]:
    return {part.name: path.parent / Path(part.tokens).expanduser() for part in asked.parts}


def _read(path: Path) -> MixFile:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"expected a mix file at {path}; saw: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected YAML in {path}; saw: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"expected a mapping with parts and tokens in {path}; saw {type(value).__name__}.")
    try:
        return MixFile.model_validate(value)
    except ValidationError as error:
        raise ConfigError(_explain(error, path)) from error


def _explain(error: ValidationError, path: Path) -> str:
    """Each fault on a line: the place, the fault, what was seen."""
    return "\n".join(_fault(dict(each), path) for each in error.errors())


def _fault(each: dict[str, Any], path: Path) -> str:
    place = ".".join(str(part) for part in each["loc"]) or "mixture"
    if each["type"] == "extra_forbidden":
        keys = "name, tokens, kind, weight, cap, format" if "parts" in each["loc"] else ", ".join(MixFile.model_fields)
        return f"{path}: {place}: unknown key; known keys: {keys}"
    seen = "" if isinstance(each["input"], dict) else f"; saw {str(each['input'])[:100]!r}"
    return f"{path}: {place}: {each['msg'].removeprefix('Value error, ')}{seen}"
