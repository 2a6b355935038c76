"""Reads a taxonomy file: `load_taxonomy()` for the shipped one, or a path to a user's own in the same form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import text_hash

#: The taxonomy that comes with the package.
SHIPPED = Path(__file__).with_name("v1.yaml")

_Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOf:
    """A field: the lower level. `names` by language."""

    id: str
    discipline: str
    names: Mapping[str, str]
    stem: bool
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discipline:
    """A top discipline and its fields. `about` says in a line what belongs to it, by language."""

    id: str
    names: Mapping[str, str]
    about: Mapping[str, str]
    aliases: tuple[str, ...]
    fields: tuple[FieldOf, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxonomy:
    """Both levels, the mappings from data sets' own subjects, and what identifies them."""

    version: int
    disciplines: tuple[Discipline, ...]
    fields: Mapping[str, FieldOf]  # by id
    mappings: Mapping[str, Mapping[str, str | None]]  # data set -> subject -> field id
    meanings: Mapping[str, str]  # every id, name and alias, in plain letters -> id
    hash: str  # of the file's text

    def discipline_ids(self) -> tuple[str, ...]:
        return tuple(one.id for one in self.disciplines)

    def field_of_subject(self, data_set: str, subject: str) -> FieldOf | None:
        """The field of a data set's own subject; None for a subject of no one field, or one that is not mapped."""
        found = self.mappings.get(data_set, {}).get(subject)
        return None if found is None else self.fields[found]

    def resolve(self, text: str) -> str | None:
        """The id (of either level) that a name, alias or id in any case and language means; None for none."""
        return self.meanings.get(_plain(text))


class _Names(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class _Field(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    id: _Id
    name: _Names
    stem: bool
    aliases: tuple[str, ...] = ()


class _Discipline(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    id: _Id
    name: _Names
    about: _Names
    aliases: tuple[str, ...] = ()
    fields: tuple[_Field, ...] = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    version: int = Field(ge=1)
    disciplines: tuple[_Discipline, ...] = Field(min_length=2)
    mappings: dict[str, dict[str, str | None]] = Field(default_factory=dict)


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """Read and check a taxonomy; raises `ConfigError` naming the file and what is wrong."""
    return _load(path or SHIPPED)


@cache
def _load(path: Path) -> Taxonomy:
    try:
        text = path.read_text(encoding="utf-8")
        file = _File.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"expected a taxonomy in {path}; saw: {error}") from error
    disciplines = tuple(_discipline(one) for one in file.disciplines)
    fields = {field.id: field for one in disciplines for field in one.fields}
    taxonomy = Taxonomy(
        version=file.version,
        disciplines=disciplines,
        fields=fields,
        mappings=file.mappings,
        meanings=_meanings([*disciplines, *fields.values()]),
        hash=text_hash(text),
    )
    _check(taxonomy, path)
    return taxonomy


def _discipline(one: _Discipline) -> Discipline:
    fields = tuple(
        FieldOf(id=f.id, discipline=one.id, names=f.name.model_dump(), stem=f.stem, aliases=f.aliases)
        for f in one.fields
    )
    return Discipline(
        id=one.id, names=one.name.model_dump(), about=one.about.model_dump(), aliases=one.aliases, fields=fields
    )


def _check(taxonomy: Taxonomy, path: Path) -> None:
    """Ids once each within their level; mappings lead to fields."""
    for level in (taxonomy.discipline_ids(), [field.id for one in taxonomy.disciplines for field in one.fields]):
        twice = next((name for at, name in enumerate(level) if name in level[:at]), None)
        if twice is not None:
            raise ConfigError(f"expected each id once in {path}; saw {twice!r} twice. Rename one.")
    for data_set, subjects in taxonomy.mappings.items():
        for subject, field in subjects.items():
            if field is not None and field not in taxonomy.fields:
                raise ConfigError(
                    f"expected the id of a field for {data_set}: {subject} in {path}; saw {field!r}. Known: "
                    f"{', '.join(sorted(taxonomy.fields))}."
                )


def _meanings(both: Sequence[Discipline | FieldOf]) -> dict[str, str]:
    """Ids first, then names, then aliases; disciplines before fields where both have one."""
    ids = [(one.id, one.id) for one in both]
    names = [(name, one.id) for one in both for name in one.names.values()]
    aliases = [(alias, one.id) for one in both for alias in one.aliases]
    found: dict[str, str] = {}
    for name, meant in (*ids, *names, *aliases):
        found.setdefault(_plain(name), meant)
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())
