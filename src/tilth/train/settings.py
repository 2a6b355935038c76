"""Settings of a run from a YAML file and from options; what does not fit is a ConfigError with the place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from tilth.base.errors import ConfigError
from tilth.recipe.stages.train import Train


def load_settings(path: Path | None, given: Mapping[str, Any]) -> Train:
    """The settings in the file, if any, with those of `given` that are not None in place of its own."""
    value = _read(path) if path is not None else {}
    value |= {name: each for name, each in given.items() if each is not None}
    try:
        return Train.model_validate(value)
    except ValidationError as error:
        raise ConfigError(_explain(error, str(path) if path is not None else "the settings of the training")) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"expected settings of a training in {path}; saw: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected YAML in {path}; saw: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError(f"expected a mapping such as preset: smoke in {path}; saw {type(value).__name__}.")
    return value


def _explain(error: ValidationError, where: str) -> str:
    lines = []
    for each in error.errors():
        place = ".".join(str(part) for part in each["loc"]) or "settings"
        seen = "" if isinstance(each["input"], dict) else f"; saw {each['input']!r}"
        lines.append(f"{place}: {each['msg'].removeprefix('Value error, ')}{seen}")
    return f"{where}: " + "; ".join(lines)
