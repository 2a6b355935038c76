"""Small real inputs and recipes for the runner's tests."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tilth.recipe import Recipe, parse_recipe

_SUBJECTS = ("The river Aller", "The old mill", "The town hall", "The railway bridge", "The harbour", "The school")


def make_documents(path: Path, count: int, first: int = 0) -> Path:
    """A Parquet file of short English documents with definitions, numbers and a list."""
    rows = [_document(number) for number in range(first, first + count)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def _document(number: int) -> dict[str, Any]:
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    text = (
        f"{subject} is a well known place in district {number}. It was finished in {1800 + number % 90} and cost "
        f"{1000 + 7 * number} crowns. About {200 + number} people visit it every week.\n\n"
        f"The guide of district {number} says that {subject.lower()} lies {3 + number % 5} km from the market. "
        f"A ticket costs {2 + number % 3} crowns for adults. Children under 6 pay nothing.\n\n"
        f"How to get there:\n\n1. Take bus {number % 20} from the station.\n2. Leave it at stop {number % 9}.\n"
        "3. Walk along the wall until you see the gate.\n"
    )
    return {"id": f"doc-{number}", "text": text, "licence": "CC0-1.0" if number % 2 else "CC-BY-4.0"}


def make_recipe(source: Path, url: str | None = None, **changes: Any) -> Recipe:
    """A recipe over the documents; `url` sends it to a server, else the embedded engine answers.

    `changes` go into the rephrase step, but for `execution`, `budget` and `seed`, which go to the recipe.
    """
    model: dict[str, Any] = {"engine": "extractive"}
    if url is not None:
        model = {"engine": "endpoint", "model": "fake", "urls": [url], "max_in_flight": 8, "retries": 2, "outage": 2}
    model |= changes.pop("model", {})
    top = {key: changes.pop(key) for key in ("execution", "budget", "seed") if key in changes}
    rephrase = {"prompts": ["faq"], "route": False, "model": model, **changes}
    return parse_recipe(
        {
            "name": "small",
            "steps": {
                "documents": {
                    "read": {"source": [str(source)], "columns": {"text": "text", "id": "id", "licence": "licence"}}
                },
                "rephrased": {"from": "documents", "rephrase": rephrase},
            },
            **top,
        }
    )


def rows_of(run_dir: Path, step: str = "rephrased", dropped: bool = False) -> list[dict[str, Any]]:
    """Every row of a step, in order."""
    folder = run_dir / step / "dropped" if dropped else run_dir / step
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]
