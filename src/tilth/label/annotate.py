"""Asks a language model for the field of a text, from a closed list, and reads what it says.

The list is made from the taxonomy and stands in the system turn; the text to label is put between marks by the prompt
file. Guarantees: the request carries a JSON schema whose `field` is an enumeration, for engines that can hold a model
to it; what comes from engines that cannot is read leniently by a versioned parser, and a name that the taxonomy has
not is an error and never a label.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

import tilth.prompts
from tilth.generate.request import Request
from tilth.label.taxonomy.load import Taxonomy
from tilth.prompts.prompt import Prompt, draw, load_prompt, render

#: Raise it when the same answer would be read as another label.
PARSER_VERSION = 1
#: Where the prompts of annotators stand: not among the strategies of rephrasing, which `load_library` reads.
PROMPTS = Path(tilth.prompts.__file__).parent / "label"
#: Characters of a text that are sent: a question is shorter, and a document's subject shows by then.
MAX_CHARS = 6000

_ABSTAIN = frozenset({"abstain", "none", "unknown", "n/a", "弃权", "无", ""})
# the value of a key in JSON that may be broken or cut off around it; both repeats are bounded
_VALUE = {name: re.compile(rf'"{name}"\s{{0,20}}:\s{{0,20}}"([^"\\]{{0,80}})"') for name in ("field", "second")}
_LINE = re.compile(r"(?:field|discipline|领域|学科)\W{0,10}[:：]\s{0,20}([^\n]{1,80})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One answer. `label` is the id of a field, of a discipline where the model named no more, or None: abstained.

    `error` says why nothing could be read; `label` is then None too.
    """

    label: str | None
    second: str | None = None
    error: str | None = None


def annotator_prompt(language: str = "en", folder: Path = PROMPTS) -> Prompt:
    """The shipped prompt for texts in Chinese ("zh") or in any other language; `folder` holds a user's own."""
    return load_prompt(folder / ("label_discipline_zh.md" if language == "zh" else "label_discipline.md"))


def field_list(taxonomy: Taxonomy, language: str = "en") -> str:
    """The taxonomy as the model reads it: a line a discipline, its fields as `id (name)`."""
    lead = {
        "en": "Fields, by discipline. Answer with the ids alone.",
        "zh": "按学科列出的领域。回答时只用 id。",
    }[language]
    lines = [lead]
    for one in taxonomy.disciplines:
        fields = ", ".join(f"{field.id} ({field.names[language]})" for field in one.fields)
        lines.append(f"- {one.names[language]}: {one.about[language]}. {fields}")
    return "\n".join(lines)


def answer_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    """The JSON schema that an answer must satisfy: short analysis first, so that the label follows from it."""
    ids = list(taxonomy.fields)
    return {
        "type": "object",
        "properties": {
            "analysis": {"type": "string", "maxLength": 600},
            "field": {"type": "string", "enum": [*ids, "abstain"]},
            "second": {"type": "string", "enum": [*ids, "none"]},
        },
        "required": ["analysis", "field", "second"],
        "additionalProperties": False,
    }


def annotation_request(
    text: str, row: str, prompt: Prompt, taxonomy: Taxonomy, *, vote: int = 0, seed: int = 0
) -> Request:
    """The request for one vote on one text. Votes draw different wordings of the instruction, and different seeds.

    The temperature is 0: votes differ by their wording, and each can be had again.
    """
    name = f"{row}/{vote}"
    drawn = draw(prompt, seed, name)
    language = "zh" if prompt.language == "zh" else "en"
    turns = render(prompt, drawn, text[:MAX_CHARS])
    return Request(
        row=name,
        messages=(("system", field_list(taxonomy, language)), *turns),
        task=prompt.name,
        document=text[:MAX_CHARS],
        language=language,
        max_tokens=prompt.max_tokens or 400,
        temperature=0.0,
        schema=answer_schema(taxonomy),
    )


def parse_annotation(answer: str, taxonomy: Taxonomy) -> Annotation:
    """Read an answer: the JSON object, else the last `"field": "..."` in it, else a line `field: ...`."""
    found = _from_json(answer)
    if found is None:
        found = _from_text(answer[-4000:])
    if found is None:
        return Annotation(label=None, error="no field named in the answer")
    first = str(found.get("field") or "").strip()
    if first.casefold() in _ABSTAIN:
        return Annotation(label=None)
    label = taxonomy.resolve(first)
    if label is None:
        return Annotation(label=None, error=f"{first[:80]!r} is not in the taxonomy")
    return Annotation(label=label, second=taxonomy.resolve(str(found.get("second") or "")))


def majority(votes: Sequence[Annotation]) -> str | None:
    """The label that more than half of the votes give; None where there is none."""
    counts = Counter(vote.label for vote in votes if vote.label is not None)
    label, count = counts.most_common(1)[0] if counts else (None, 0)
    return label if count * 2 > len(votes) else None


def _from_json(answer: str) -> Mapping[str, Any] | None:
    start, stop = answer.find("{"), answer.rfind("}")
    if start < 0 or stop < start:
        return None
    try:
        value = orjson.loads(answer[start : stop + 1].encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("field"), str) else None


def _from_text(answer: str) -> dict[str, str] | None:
    found = {}
    for name, pattern in _VALUE.items():
        values = pattern.findall(answer)
        if values:
            found[name] = values[-1]
    if "field" not in found:
        lines = _LINE.findall(answer)
        if not lines:
            return None
        found["field"] = lines[-1].strip(" *`\"'.。")
    return found
