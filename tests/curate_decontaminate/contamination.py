"""What the tests of decontamination share: a few benchmark items in files, and documents to put them into."""

import json
from pathlib import Path
from typing import Any

ITEMS: list[dict[str, Any]] = [
    {
        "item_id": "q0",
        "question": "A farmer has 12 hens that lay 7 eggs a week each; how many eggs does he gather in 3 weeks?",
        "answer": "252",
    },
    {
        "item_id": "q1",
        "question": "Which organ of the squid pumps deoxygenated blood through its gills before the heart receives it?",
        "choices": ["branchial hearts", "ink sac", "mantle cavity", "radula"],
        "answer": "A",
        "answer_index": 0,
    },
    {"item_id": "q2", "question": "Who painted the ceiling?", "answer": "Giambattista Tiepolo"},
    {
        "item_id": "q3",
        "question": "小明每天早上七点从家出发步行去学校，路上要走二十五分钟，他几点到学校？",
        "answer": "七点二十五分",
    },
    {
        "item_id": "q4",
        "question": "how many rows are in the table?",
        "context": '"Year","Club","Goals"\n'
        + "\n".join(f'"19{year}","Club {year * 7}","{year % 9}"' for year in range(60, 90)),
        "answer": "30",
    },
    {"item_id": "q5", "question": "Evaluate $\\frac{x^2+3}{x-1}$ at the point where $x = 7$ and simplify the result."},
]

CLEAN = (
    "The mill stood by the river for two hundred years.\nIts wheel turned slowly. People came from far away to see it, "
    "and some of them stayed.\n\nIn the evening the miller closed the gates. Nobody spoke of the flood any more."
)


def write_items(folder: Path, name: str = "quiz", items: list[dict[str, Any]] | None = None) -> str:
    """A JSON-lines file of benchmark items; its path."""
    path = folder / f"{name}.jsonl"
    rows = ITEMS if items is None else items
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)
