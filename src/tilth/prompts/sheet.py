"""Reads a prompt file apart: a TOML header between two `+++` lines, then sections that `=== name` lines open.

Guarantees: whatever is wrong with a file becomes a `ConfigError` that names the file and the line, what was expected,
what was seen and what to do. Knows the grammar and the types; what the names mean is checked in `check.py`.
Costs about 0.3 ms a file, once.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tilth.base.errors import ConfigError

FENCE = "+++"
ROLES = ("system", "user", "assistant")
SECTIONS = (*ROLES, "instruction")

_SECTION = re.compile(r"===(?!=).*")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_TABLE = re.compile(r"\s*\[([A-Za-z0-9_.-]+)\]")

Word = Annotated[str, Field(min_length=1)]


class Header(BaseModel):
    """The typed header. Unknown keys fail; docs/prompts.md says what each one means."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    version: Annotated[int, Field(ge=1)]
    task: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    language: Literal["en", "zh", "any"]
    output_language: Literal["source", "en", "zh"]
    title: Word
    suits: Word
    source: Word
    parser: str
    parser_options: dict[str, Any] = Field(default_factory=dict)
    checks: list[str] = Field(default_factory=list)
    needs: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    slots: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Annotated[list[Word], Field(min_length=2)]] = (
        Field(default_factory=dict)
    )


@dataclass(frozen=True, slots=True)
class Section:
    """One section: what its `===` line names, the line of the file its text starts on (from 1), its text."""

    kind: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One prompt file, read apart."""

    path: Path
    text: str  # with newlines normalised to \n
    header: Header
    header_lines: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def frame(self) -> list[Section]:
        """The chat turns around document and instruction."""
        return [section for section in self.sections if section.kind in ROLES]

    @property
    def pool(self) -> list[Section]:
        """The paraphrases of the instruction."""
        return [section for section in self.sections if section.kind == "instruction"]

    def line_of(self, table: str | None, key: str) -> int:
        """The line of the file where the header sets `key` in `table`; 1 where it cannot be told."""
        return line_of(self.header_lines, (table, key) if table else (key,))

    def wrong(self, line: int, expected: str, seen: str, remedy: str) -> ConfigError:
        """The error for something wrong on `line`."""
        return wrong(self.path, line, expected, seen, remedy)


def wrong(path: Path, line: int, expected: str, seen: str, remedy: str) -> ConfigError:
    """A `ConfigError` in the one form all errors of prompt files have."""
    return ConfigError(f"{path}, line {line}: expected {expected}; saw {seen}. {remedy}")


def shown(value: object, width: int = 80) -> str:
    """`value` as it would be written in Python, cut to `width` characters for a message."""
    text = repr(value)
    return text if len(text) <= width else f"{text[:width]}..."


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy that names the known words nearest to `word`, or all of them where none is near."""
    names = sorted(known)
    close = get_close_matches(word, names, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(names)}." if names else "None are known here: remove it."


def read_sheet(path: Path) -> Sheet:
    """Read the file at `path` apart.

    Raises `ConfigError`, which names the file and the line.
    """
    text = _text(path)
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        raise wrong(path, 1, f"a header that opens with {FENCE}", shown(lines[0]), "Start the file with a +++ line.")
    end = next((at for at in range(1, len(lines)) if lines[at].rstrip() == FENCE), None)
    if end is None:
        raise wrong(
            path, len(lines), f"a second {FENCE} line after the header", "the end of the file", "Close the header."
        )
    header_lines = tuple(lines[1:end])
    header = _header(path, header_lines)
    return Sheet(path, text, header, header_lines, tuple(_sections(path, lines, end + 1)))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"expected a prompt file at {path}; the system said: {error.strerror}. Check the path."
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise wrong(
            path, line, "UTF-8", shown(data[error.start : error.start + 4]), "Save the file as UTF-8."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _header(path: Path, lines: tuple[str, ...]) -> Header:
    try:
        values = tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        place = _TOML_LINE.search(str(error))
        line = int(place.group(1)) + 1 if place else len(lines) + 1
        said = _TOML_LINE.sub("", str(error)).strip()
        raise wrong(path, line, "a header in TOML", f"({said})", 'Write lines such as title = "...".') from error
    try:
        return Header.model_validate(values)
    except ValidationError as error:
        raise _header_error(path, lines, error) from error


def _header_error(path: Path, lines: tuple[str, ...], error: ValidationError) -> ConfigError:
    """The first fault found, with its line; an unknown key goes before a missing one, since it may explain it."""
    faults = error.errors(include_url=False)
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    loc = tuple(str(part) for part in fault["loc"])
    keys = [key for key in loc if not key.isdigit() and key != "[key]"]
    name = ".".join(keys)
    line = line_of(lines, tuple(keys))
    if fault["type"] == "extra_forbidden":
        return wrong(path, line, "a known header key", shown(keys[0]), nearest(keys[0], Header.model_fields))
    if fault["type"] == "missing":
        return wrong(path, 1, f"the header key {name}", "a header without it", f"Add a line {name} = ...")
    said = fault["msg"][:1].lower() + fault["msg"][1:]
    return wrong(path, line, f"{name} to fit ({said})", shown(fault["input"]), f"Change {name}.")


def line_of(header_lines: tuple[str, ...], keys: tuple[str, ...]) -> int:
    """The line of the file where the header sets the key that `keys` lead to; 1 where it cannot be told.

    `keys` is (key,) at the top, or (table, key). A key written on its table's line or dotted gives the table's line.
    """
    inside: str | None = None
    best = 1
    for number, text in enumerate(header_lines, start=2):  # line 1 is the fence
        table = _TABLE.match(text)
        if table:
            inside = table.group(1)
            if inside == keys[0]:
                best = number
                if len(keys) == 1:
                    return number
            continue
        key = text.split("=", 1)[0].strip().strip("\"'")
        if (inside is None and key == keys[0]) or (inside == keys[0] and len(keys) > 1 and key == keys[1]):
            return number
    return best


def _sections(path: Path, lines: list[str], start: int) -> list[Section]:
    """The sections that follow the header; `start` is the index of the first line after it."""
    sections: list[Section] = []
    heads = [at for at in range(start, len(lines)) if _SECTION.fullmatch(lines[at].rstrip())]
    for at in range(start, heads[0] if heads else len(lines)):
        if lines[at].strip():
            raise wrong(path, at + 1, "a section line such as === user", shown(lines[at]), "Open a section before it.")
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        sections.append(_section(path, lines, head, end))
    return sections


def _section(path: Path, lines: list[str], head: int, end: int) -> Section:
    kind = lines[head][3:].strip()
    if kind not in SECTIONS:
        raise wrong(path, head + 1, "a known section after ===", shown(kind), nearest(kind, SECTIONS))
    first = next((at for at in range(head + 1, end) if lines[at].strip()), None)
    if first is None:
        raise wrong(path, head + 1, f"text in the section {kind}", "nothing", "Write it, or remove the section line.")
    return Section(kind, first + 1, "\n".join(lines[first:end]).strip())
