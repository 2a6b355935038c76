"""A prompt is a text file: a typed header, a frame of chat turns, and a pool of instructions that say the same.

Each row draws one instruction of the pool and one value for each slot in it, from streams named by the row, so that
outputs vary and the same seed gives the same prompt whatever the order of the work. The document and the slot values
are put into a template that was taken apart when the file was read, once each, and the result is never read again:
no text in a document can be taken for a variable.

Costs: about 0.5 ms a file to load; drawing and rendering stay below 10 us a row (tests/prompts do not time it;
docs/prompts.md has the figures).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import text_hash
from tilth.base.random import seed_of
from tilth.prompts.check import check_sheet
from tilth.prompts.sheet import nearest, read_sheet, shown
from tilth.prompts.template import Template, compile_template, fill

#: The prompts that come with the package, as <task>/<name>.md.
SHIPPED = Path(__file__).parent / "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt file, checked and compiled. docs/prompts.md says what each header field means."""

    name: str
    version: int
    task: str
    language: str  # of the instruction: "en", "zh", "any"
    output_language: str  # "source" (the document's own), "en", "zh"
    title: str
    suits: str
    source: str  # where the idea comes from, in words
    parser: str
    parser_options: Mapping[str, Any]
    checks: tuple[str, ...]
    needs: Mapping[str, float]  # feature of the document -> least value that makes the prompt worth a call
    max_tokens: int | None
    slots: Mapping[str, tuple[str, ...]]
    instructions: tuple[str, ...]  # as written, with [[slot]] names
    pool: tuple[Template, ...]  # the instructions, compiled
    pool_slots: tuple[tuple[str, ...], ...]  # for each instruction the slots that it and the frame use
    messages: tuple[tuple[str, Template], ...]  # (role, content) of the frame, compiled
    text_hash: str  # of the file's text
    path: Path
    replaces: Path | None = None  # the file of the same name that this one stands in front of


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one row drew: the index of an instruction, and a value for each slot that it uses."""

    instruction: int
    slots: dict[str, str]


def load_prompt(path: Path) -> Prompt:
    """Read, check and compile the prompt file at `path`.

    Raises `ConfigError`, which names the file and the line, what was expected, what was seen and what to do.
    """
    sheet = read_sheet(path)
    header = sheet.header
    check_sheet(sheet)
    pool = sheet.pool
    messages = tuple((section.kind, compile_template(section.text)) for section in sheet.frame)
    templates = tuple(compile_template(section.text) for section in pool)
    return Prompt(
        name=header.name,
        version=header.version,
        task=header.task,
        language=header.language,
        output_language=header.output_language,
        title=header.title,
        suits=header.suits,
        source=header.source,
        parser=header.parser,
        parser_options=dict(header.parser_options),
        checks=tuple(header.checks),
        needs=dict(header.needs),
        max_tokens=header.max_tokens,
        slots={name: tuple(values) for name, values in header.slots.items()},
        instructions=tuple(section.text for section in pool),
        pool=templates,
        pool_slots=tuple(_slots_used(header.slots, template, messages) for template in templates),
        messages=messages,
        text_hash=text_hash(sheet.text),
        path=path,
    )


def load_library(folders: Sequence[Path] = ()) -> dict[str, Prompt]:
    """Every prompt by name: those of `folders`, searched in order, then the shipped ones.

    The first file of a name wins and its `replaces` names the one behind it. Files are `*.md` at any depth, README.md
    left out. Raises `ConfigError` for a folder that is missing or holds no prompt, for two files of one name in one
    folder, and for any file that is wrong.
    """
    library: dict[str, Prompt] = {}
    for folder in (*folders, SHIPPED):
        for name, prompt in _load_folder(Path(folder).expanduser()).items():
            front = library.get(name)
            if front is None:
                library[name] = prompt
            elif front.replaces is None:
                library[name] = replace(front, replaces=prompt.path)
    return dict(sorted(library.items()))


def find(library: Mapping[str, Prompt], reference: str) -> Prompt:
    """The prompt that `reference` names: "faq", or "faq@2" to insist on a version.

    Raises `ConfigError` with the nearest names, or with the version that is there.
    """
    name, at, version = reference.partition("@")
    prompt = library.get(name)
    if prompt is None:
        raise ConfigError(f"expected the name of a prompt; saw {shown(reference)}. {nearest(name, library)}")
    if at and version != str(prompt.version):
        raise ConfigError(
            f"expected {name} in version {version or '(none given)'}; {prompt.path} holds version {prompt.version}. "
            f"Ask for {name}@{prompt.version}, or give a folder that holds the version you want."
        )
    return prompt


def draw(prompt: Prompt, seed: int, row: str) -> Drawn:
    """The instruction and slot values of the row called `row`, uniform over the pool and over each slot's values.

    Each choice has a stream of its own, named by the slot: a new slot leaves the draws of the others as they were.
    """
    # the remainder of a 63-bit number by a pool of n is uneven by less than n / 2**63
    index = seed_of(seed, "prompt", prompt.name, row, "instruction") % len(prompt.pool)
    slots: dict[str, str] = {}
    for name in prompt.pool_slots[index]:
        values = prompt.slots[name]
        slots[name] = values[seed_of(seed, "prompt", prompt.name, row, "slot", name) % len(values)]
    return Drawn(index, slots)


def render(prompt: Prompt, drawn: Drawn, document: str) -> tuple[tuple[str, str], ...]:
    """The chat turns as (role, content), with the document in its place exactly as it is.

    An empty `document` gives the frame alone, which is what its tokens are counted on.
    """
    values = dict(drawn.slots)
    values["instruction"] = fill(prompt.pool[drawn.instruction], values)
    values["document"] = document
    return tuple([(role, fill(template, values)) for role, template in prompt.messages])


def _slots_used(
    slots: Mapping[str, object], template: Template, messages: tuple[tuple[str, Template], ...]
) -> tuple[str, ...]:
    """The slots in the order of the header that an instruction or the frame around it uses."""
    used = {*template[1::2], *(name for _, parts in messages for name in parts[1::2])}
    return tuple(name for name in slots if name in used)


def _load_folder(folder: Path) -> dict[str, Prompt]:
    if not folder.is_dir():
        raise ConfigError(f"expected a folder of prompt files at {folder}; saw none. Check the path.")
    prompts: dict[str, Prompt] = {}
    for path in sorted(folder.rglob("*.md")):
        if path.name.lower() == "readme.md":
            continue
        prompt = load_prompt(path)
        twin = prompts.setdefault(prompt.name, prompt)
        if twin is not prompt:
            raise ConfigError(
                f"expected one file for the prompt {prompt.name} in {folder}; saw {twin.path} and {path}. "
                "Rename or remove one."
            )
    if not prompts:
        raise ConfigError(f"expected prompt files (*.md) in {folder}; saw none. Check the path, or write one.")
    return prompts
