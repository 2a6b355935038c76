"""A study that takes seconds: made-up documents, a model of some thousand parameters, three arms."""

import random
from pathlib import Path
from typing import Any

import orjson
import yaml

ARCHITECTURE = {"width": 32, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate": 64}
_WHO = ["the miller", "a sailor", "the teacher", "an old king", "the baker", "her sister", "the doctor"]
_DID = ["carried", "sold", "found", "painted", "lost", "mended", "counted"]
_WHAT = ["a red boat", "seven apples", "the long letter", "a copper bell", "three maps", "the heavy door"]
_WHERE = ["in the harbour", "before sunrise", "at the market", "near the river", "after the war", "in the north"]


def write_documents(folder: Path, count: int = 240, seed: int = 0) -> Path:
    """Documents of a few sentences, whose order of words can be learnt and shuffled away."""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "documents.jsonl"
    with path.open("wb") as file:
        for number in range(count):
            sentences = [
                f"{draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(_WHAT)} {draw.choice(_WHERE)}."
                for _ in range(draw.randint(4, 9))
            ]
            file.write(orjson.dumps({"id": f"d{number}", "text": " ".join(sentences)}) + b"\n")
    return path


def study(folder: Path, **changes: Any) -> Path:
    """A study file beside its documents; `changes` take the place of top-level blocks."""
    write_documents(folder / "documents")
    value: dict[str, Any] = {
        "name": "small",
        "baseline": "original",
        "tokenizer": {"train_on": "stories", "vocabulary": 320},
        "seeds": [1, 2],
        "pool_seeds": True,
        "sizes": {
            "tiny": {
                "parameters": "22k",
                "tokens": 8192,
                "sequence": 32,
                "batch_tokens": 256,
                "learning_rate": 0.01,
                "training": {"architecture": ARCHITECTURE, "threads": 1},
            }
        },
        "evaluation": {
            "form": "bpb",
            "metric": "bpb",
            "version": "1",
            "checkpoints": 2,
            "shots": 0,
            "held_out": 0.2,
            "tasks": {"held_out:stories": "language"},
        },
        "hardware": {"name": "a core", "flops": 5e10},
        "sources": {"stories": {"read": {"source": "documents/*.jsonl", "columns": {"id": "id"}}}},
        "strategies": {"shuffled": {"curate": ["shuffle"]}},
        "arms": [
            {"name": "original", "mix_in": "stories"},
            {"name": "shuffled", "strategy": "shuffled", "source": "stories"},
        ],
    }
    value.update(changes)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")
    return path
