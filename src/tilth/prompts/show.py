"""Prompts as text for a terminal or a golden file: pure functions, so that the command line only prints.

The text holds what prompt files and documents hold: print it without reading markup in it.
"""

from collections.abc import Mapping

from tilth.prompts.prompt import SHIPPED, Prompt, draw, render

#: Titles of the columns of `rows`.
COLUMNS = ("name", "language", "form", "instructions", "variants", "from", "title")


def rows(library: Mapping[str, Prompt]) -> list[tuple[str, ...]]:
    """One row a prompt in the order of the library, with a text for each of `COLUMNS`."""
    return [
        (
            f"{prompt.name}@{prompt.version}",
            _languages(prompt),
            prompt.parser,
            str(len(prompt.instructions)),
            f"{variants(prompt):,}",
            origin(prompt),
            prompt.title,
        )
        for prompt in library.values()
    ]


def variants(prompt: Prompt) -> int:
    """How many different prompts one document can get: over the pool, the product of the sizes of the slots used."""
    total = 0
    for slots in prompt.pool_slots:
        count = 1
        for slot in slots:
            count *= len(prompt.slots[slot])
        total += count
    return total


def origin(prompt: Prompt) -> str:
    """Where the prompt's file is from, and whether it stands in front of another of its name."""
    if prompt.path.is_relative_to(SHIPPED):
        return "shipped"
    if prompt.replaces is None:
        return "yours"
    return "yours, replaces shipped" if prompt.replaces.is_relative_to(SHIPPED) else "yours, replaces yours"


def describe(prompt: Prompt) -> str:
    """All that one prompt file says, for people."""
    lines = [
        f"{prompt.name}@{prompt.version}: {prompt.title}",
        f"  file          {prompt.path}",
        *([f"  replaces      {prompt.replaces}"] if prompt.replaces else []),
        f"  hash          {prompt.text_hash}",
        f"  task          {prompt.task}",
        f"  languages     {_languages(prompt)}",
        f"  suits         {prompt.suits}",
        f"  source        {prompt.source}",
        f"  form          {prompt.parser}{_pairs(prompt.parser_options, ' with {} {}')}",
        f"  checks        {', '.join(prompt.checks) or 'the general ones only'}",
        f"  needs         {_pairs(prompt.needs, '{} >= {}') or 'nothing'}",
        f"  max tokens    {prompt.max_tokens or 'as the recipe says'}",
        f"  variants      {variants(prompt):,} a document",
    ]
    for slot, values in prompt.slots.items():
        lines += ["", f"[[{slot}]]: {len(values)} values", *(f"  {value}" for value in values)]
    for role, template in prompt.messages:
        text = "".join(f"[[{part}]]" if at % 2 else part for at, part in enumerate(template))
        lines += ["", f"frame, {role}:", *_indented(text)]
    for number, text in enumerate(prompt.instructions):
        lines += ["", f"instruction {number}:", *_indented(text)]
    return "\n".join(lines) + "\n"


def rendered(prompt: Prompt, document: str, seed: int, row: str) -> str:
    """What the model is sent for `document` in the row called `row`, with what was drawn above it."""
    drawn = draw(prompt, seed, row)
    lines = [f"{prompt.name}@{prompt.version} seed {seed} row {row}", f"instruction {drawn.instruction}"]
    lines += [f"{slot}: {value}" for slot, value in drawn.slots.items()]
    for role, content in render(prompt, drawn, document):
        lines += ["", f"----- {role} -----", content]
    return "\n".join(lines) + "\n"


def _languages(prompt: Prompt) -> str:
    return f"{prompt.language} -> {prompt.output_language}"


def _pairs(values: Mapping[str, object], form: str) -> str:
    parts = [form.format(name, _number(value)) for name, value in values.items()]
    return ", ".join(parts)


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _indented(text: str) -> list[str]:
    return [f"  {line}" if line else "" for line in text.split("\n")]
