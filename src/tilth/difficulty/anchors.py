"""Anchor problems: what each level of the rubric looks like, in English and Chinese.

One file serves whoever rates questions, the annotator and the loop that makes questions harder, so that their scores
are on one scale. The shipped one is `anchors.yaml`; a user may give another in its form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import text_hash
from tilth.difficulty.rubric import LEAST, MOST, STEP

SHIPPED = Path(__file__).with_name("anchors.yaml")


class _Anchor(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    version: int = Field(ge=1)
    levels: dict[float, _Anchor] = Field(min_length=3)

    @field_validator("levels")
    @classmethod
    def _on_scale(cls, levels: dict[float, _Anchor]) -> dict[float, _Anchor]:
        wrong = [level for level in levels if not LEAST <= level <= MOST or level % STEP]
        if wrong:
            raise ValueError(f"expected levels from {LEAST:g} to {MOST:g} in steps of {STEP:g}; saw {wrong[:5]}")
        return dict(sorted(levels.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Problems by level and language, and the hash of their file."""

    problems: Mapping[str, tuple[tuple[float, str], ...]]
    hash: str


@cache
def load_anchors(path: Path = SHIPPED) -> Anchors:
    """Read an anchor file; raises `ConfigError` naming the file and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        file = _File.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"expected anchor problems by level in {path}; saw: {error}") from error
    problems = {
        language: tuple((level, getattr(one, language).strip()) for level, one in file.levels.items())
        for language in ("en", "zh")
    }
    return Anchors(problems=problems, hash=text_hash(text))
