"""Questions and texts as the labelled lines that a model reads; the structured input says the same to rules."""

from collections.abc import Mapping, Sequence
from typing import Any

_NAMES = {
    "en": {
        "question": "Question",
        "choices": "Choices",
        "answer": "Answer",
        "solution": "Solution",
        "context": "Context",
        "text": "Text",
        "points": "Shared knowledge points",
        "logic": "Design logic",
        "material": "Material",
    },
    "zh": {
        "question": "题目",
        "choices": "选项",
        "answer": "答案",
        "solution": "解答",
        "context": "背景",
        "text": "文本",
        "points": "共同知识点",
        "logic": "命题思路",
        "material": "材料",
    },
}
_ORDER = ("context", "question", "choices", "answer", "solution", "text", "logic", "material")


def shown(parts: Mapping[str, Any], language: str, number: int | None = None) -> str:
    """The parts that are there, each under its name; `number` tells one question from others beside it."""
    names = _NAMES[language]
    colon = "：" if language == "zh" else ":"
    lines = []
    for name in _ORDER:
        value = parts.get(name)
        if value:
            title = f"{names[name]} {number}" if number is not None and name == "question" else names[name]
            lines.append(f"{title}{colon}\n{lettered(value) if name == 'choices' else value}")
    return "\n\n".join(lines)


def shown_group(seeds: Sequence[Mapping[str, Any]], points: Sequence[str], language: str) -> str:
    """Several questions, numbered, and what they share."""
    blocks = [shown(seed, language, number) for number, seed in enumerate(seeds, start=1)]
    if points:
        colon = "：" if language == "zh" else ": "
        blocks.append(f"{_NAMES[language]['points']}{colon}{'; '.join(points)}")
    return "\n\n".join(blocks)


def lettered(choices: Sequence[str]) -> str:
    """Choices as lines with letters."""
    return "\n".join(f"{chr(65 + at)}. {choice}" for at, choice in enumerate(choices))


def brief_lines(lines: Sequence[tuple[str, str | None]], language: str) -> str:
    """What is asked for: a line an item that has a value."""
    colon = "：" if language == "zh" else ": "
    return "\n".join(f"{name}{colon}{value}" for name, value in lines if value)
