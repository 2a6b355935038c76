"""The shipped lists: grades, forms, formats, personas and strategies, read and checked once.

A user's own cells are read here too. Raises `ConfigError` for names that do not exist, with those that do.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import fingerprint

_HERE = Path(__file__).parent
#: Disciplines and fields that are STEM where a row has no label that says so; any other needs one.
STEM = frozenset(
    {"science", "engineering", "mathematics", "statistics", "physics", "chemistry", "biology", "ecology", "astronomy"}
    | {"earth_science", "computer_science", "artificial_intelligence", "electrical_engineering", "materials_science"}
    | {"mechanical_engineering", "civil_engineering", "chemical_engineering", "anatomy_physiology"}
)
_CELL = re.compile(r"(.{1,80}?)\s{0,3}[/|×@]\s{0,3}D?([1-5])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A type of question, described by language."""

    name: str
    grades: tuple[str, ...]
    stem: bool
    choices: bool
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A way to make a question harder, described by language. `form`: what the question becomes, if it changes."""

    name: str
    source: str
    form: str | None
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lists:
    """All of them. `hash` stands for their content in identities."""

    grades: Mapping[str, Mapping[str, Mapping[str, str]]]  # code -> name, assumes, shape -> language -> text
    competitions: Mapping[str, Mapping[str, str]]  # field -> language -> name of the contest
    known_as: Mapping[str, str]
    bins: Mapping[str, Mapping[str, Any]]  # D1..D5 -> difficulty, grades
    difficulty_of: Mapping[str, float]
    forms: Mapping[str, Form]
    formats: Mapping[str, Mapping[str, str]]
    personas: Sequence[Mapping[str, str]]
    strategies: Mapping[str, Strategy]
    hash: str


@cache
def lists() -> Lists:
    """The shipped lists."""
    grades, forms, strategies = (_yaml(name) for name in ("grades", "forms", "strategies"))
    return Lists(
        grades=grades["grades"],
        competitions=grades["competitions"],
        known_as=grades["known_as"],
        bins=grades["bins"],
        difficulty_of=grades["difficulty_of"],
        forms={name: _form(name, value) for name, value in forms["forms"].items()},
        formats=forms["formats"],
        personas=forms["personas"],
        strategies={name: _strategy(name, value) for name, value in strategies["strategies"].items()},
        hash=fingerprint([grades, forms, strategies]),
    )


def chosen(names: Sequence[str], known: Iterable[str], what: str) -> tuple[str, ...]:
    """`names`, or all that are known where none are given; raises `ConfigError` for one that is not known."""
    known = tuple(known)
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ConfigError(f"expected {what} out of {', '.join(known)}; saw {wrong[0]!r}.")
    return tuple(names) or known


def load_cells(path: str) -> Mapping[str, Mapping[str, float]]:
    """Weights as discipline -> bin (D1..D5) -> weight, from a JSON or YAML file.

    Read are a mapping `discipline/D4: weight`, the same under `cells` or `weights`, and a list of objects with
    `discipline`, `bin` and `weight`. `*` stands for every other discipline. Raises `ConfigError` for anything else.
    """
    value = _parsed(path)
    if isinstance(value, dict):
        value = next((value[key] for key in ("cells", "weights") if isinstance(value.get(key), dict | list)), value)
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        value = {name: weight for row in value for name, weight in _listed_cells(row)}
    if not isinstance(value, dict) or not value:
        raise ConfigError(f"expected cells such as 'mathematics/D4: 2.5' in {path}; saw {type(value).__name__}.")
    cells: dict[str, dict[str, float]] = {}
    for name, weight in value.items():
        found = _CELL.fullmatch(str(name).strip())
        if found is None or isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < 1e12:
            raise ConfigError(
                f"expected a cell 'discipline/D1' to 'discipline/D5' with a weight of 0 or more in {path}; "
                f"saw {str(name)[:80]!r}: {str(weight)[:40]}."
            )
        cells.setdefault(found[1], {})[f"D{found[2]}"] = float(weight)
    return cells


def _listed_cells(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """One entry of a list as pairs of cell and weight: a discipline and a bin, or a merged cell that `tilth weights`
    wrote, whose weight is shared by the places it covers."""
    disciplines, bins = row.get("disciplines"), row.get("bins")
    if not isinstance(disciplines, list) or not isinstance(bins, list) or len(bins) != 2:
        return [(f"{row.get('discipline')}/{row.get('bin')}", row.get("weight"))]
    low, high = bins
    if not (isinstance(low, int) and isinstance(high, int) and 1 <= low <= high <= 5):
        return [(f"{disciplines}/{bins}", row.get("weight"))]  # no cell: refused with what was seen
    places = [f"{one}/D{bin_}" for one in disciplines for bin_ in range(low, high + 1)]
    weight = row.get("weight")
    share = weight / len(places) if places and isinstance(weight, int | float) else weight
    return [(place, share) for place in places]


def json_lines(path: str, what: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    """The objects of a JSON-lines file with their line numbers; raises `ConfigError` for a line that is none."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ConfigError(f"expected {what} as JSON lines in {path}; line {number}: {error}.") from error
        if not isinstance(row, dict):
            raise ConfigError(f"expected an object in {path}, line {number}; saw {line[:80]!r}.")
        yield number, row


def _text(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a UTF-8 file at {path}; saw: {error}. Check the path.") from error


def _parsed(path: str) -> Any:
    try:
        return yaml.safe_load(_text(path))  # JSON is YAML
    except yaml.YAMLError as error:
        raise ConfigError(f"expected JSON or YAML in {path}; saw: {error}.") from error


def _yaml(name: str) -> Any:
    return yaml.safe_load((_HERE / f"{name}.yaml").read_text(encoding="utf-8"))


def _form(name: str, value: Mapping[str, Any]) -> Form:
    return Form(
        name=name,
        grades=tuple(value["grades"]),
        stem=bool(value.get("stem")),
        choices=bool(value.get("choices")),
        text={"en": value["en"], "zh": value["zh"]},
    )


def _strategy(name: str, value: Mapping[str, Any]) -> Strategy:
    text = {"en": value["en"], "zh": value["zh"]}
    return Strategy(name=name, source=value["source"], form=value.get("form"), text=text)
