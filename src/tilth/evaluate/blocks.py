"""Task blocks: what each benchmark is, and how its items are asked. A new benchmark is one block.

The shipped blocks stand in `tasks/*.yaml`, several a file; a folder of one's own is searched first. Reading them gives
frozen `Block`s, or a `ConfigError` that names the file and the place.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tilth.base.errors import ConfigError
from tilth.recipe.stages.evaluate import Form

_SHIPPED = Path(__file__).parent / "tasks"

#: What an item is, which decides its template:
#: choice (a question with options), blank (a sentence with `_` for one of its options), span (an answer from a
#: passage), table (an answer from a CSV table), short (an answer without a passage), number, continuation (the question
#: is a text that the answer goes on from: last words, statements, code).
Kind = Literal["choice", "blank", "span", "table", "short", "number", "continuation"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shots(_Model):
    """The examples shown. They are items of the benchmark itself and are never scored, however many are shown.

    `ids` names them. Where it is empty they are drawn by `seed`, for the task or for each `subset`, among the shorter
    half of the items, different right options first.
    """

    ids: tuple[str, ...] = Field((), max_length=5)
    per: Literal["task", "subset"] = "task"
    seed: int = 1


class Block(_Model):
    """One task. `file` is the benchmark's file name without its ending, the name of the block by default."""

    name: str
    title: str
    file: str
    source: str  # origin repository and commit of the items
    licence: str  # of the benchmark upstream
    category: str  # the task's place in a macro average
    language: str
    kind: Kind
    forms: tuple[Form, ...] = Field(min_length=1)
    #: Where the gold answer stands: as an index into the choices, or as a text (accepted answers joined by " || ").
    gold: Literal["answer_index", "answer"] = "answer"
    #: choices: the column; inside: they stand in the question's text already; incorrect: the column holds wrong ones
    #: only, the answer is the right one; or gold value -> the option's text, the same for every item.
    options: Literal["choices", "inside", "incorrect"] | dict[str, str] = "choices"
    #: Which of several accepted answers are scored: the first; all of them, the likeliest counting; or, where one
    #: answer is several values ("a|b"), these joined by commas.
    accepted: Literal["first", "likeliest", "joined"] = "first"
    group: Literal["context", "subset"] | None = None  # items that share it are not independent
    chance: float | None = Field(None, ge=0, lt=1)  # accuracy by guessing, the mean over items
    where: dict[Literal["lang", "subset"], tuple[str, ...]] = {}  # only items with one of these values (or beginnings)
    leads: tuple[str, str, str] | None = None  # before passage, question and answer; None: the language's
    joint: str | None = None  # between the prompt and the answer; None: the language's
    worked: str | None = None  # the field of the raw record with a worked solution, for generated answers
    final: Literal["text", "number", "boxed"] = "text"  # what of a generated answer is compared
    shots: Shots = Shots()
    finephrase: str | None = None  # the task's name in the published FinePhrase tables
    quirks: str = ""  # what a reader of the scores has to know


def load_blocks(names: Sequence[str], folders: Sequence[str] = ()) -> tuple[Block, ...]:
    """The blocks of `names` in their order; raises `ConfigError` for an unknown name or a faulty block."""
    known = all_blocks(folders)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3)
            raise ConfigError(
                f"expected a task; saw {name!r}. "
                + (f"Did you mean {', '.join(near)}? " if near else "")
                + f"There are: {', '.join(known)}."
            )
    return tuple(known[name] for name in names)


def all_blocks(folders: Sequence[str] = ()) -> dict[str, Block]:
    """Every block by its name; of two with one name the one in the earlier folder, the shipped ones last."""
    found: dict[str, Block] = {}
    for folder in [*map(Path, folders), _SHIPPED]:
        files = sorted(folder.glob("*.yaml"))
        if not files:
            raise ConfigError(f"expected task blocks (*.yaml) in {folder}; saw none. Name another folder.")
        for file in files:
            for name, block in _read(file).items():
                found.setdefault(name, block)
    return found


def _read(file: Path) -> dict[str, Block]:
    """The blocks of one file; the shipped ones are read once a process."""
    return _shipped(file) if file.parent == _SHIPPED else _parse(file)


@cache
def _shipped(file: Path) -> dict[str, Block]:
    return _parse(file)


def _parse(file: Path) -> dict[str, Block]:
    try:
        value = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"expected task blocks in {file}; saw: {error}. Mend the file.") from error
    if not isinstance(value, dict) or not all(isinstance(block, dict) for block in value.values()):
        raise ConfigError(f"expected one block a task in {file}, `name: {{...}}`; saw something else. Mend the file.")
    return {str(name): _block(str(name), block, file) for name, block in value.items()}


def _block(name: str, given: dict[str, Any], file: Path) -> Block:
    try:
        return Block(**{"file": name, **given, "name": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"expected a valid block {name} in {file}; {place}: {first['msg']}.") from error


def chance_levels(names: Sequence[str], form: Form, metric: str, folders: Sequence[str] = ()) -> dict[str, float]:
    """Task -> its score by guessing, in the metric's units, for the task gate; tasks that have none are left out."""
    if metric in ("acc_centred", "exact_match", "f1"):
        return dict.fromkeys(names, 0.0)
    if form not in ("cloze", "choice") or metric not in ("acc", "acc_bytes", "norm_prob_gold"):
        return {}
    return {block.name: block.chance for block in load_blocks(names, folders) if block.chance is not None}


def benchmark_files(folder: Path, folders: Sequence[str] = ()) -> tuple[Path, ...]:
    """The files in `folder` that some task block reads: what training data is to be decontaminated against."""
    stems = {block.file for block in all_blocks(folders).values()}
    return tuple(path for path in sorted(folder.iterdir()) if path.name.split(".")[0] in stems and path.is_file())
