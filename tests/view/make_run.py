"""Builds a run folder such as the runner leaves: real schemas, real Parquet, a ledger that adds up.

Run as a script to look at a page made from real documents: `python tests/view/make_run.py FOLDER [DOCUMENTS]`.
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.fingerprint import text_hash
from tilth.base.random import seed_of
from tilth.data.schema import DOCUMENTS, DROPPED, REJECTS, SAMPLES

PROMPTS = ("faq", "table", "math", "tutorial")
_SENTENCE = re.compile(r"[^.!?。！？\n]{12,400}[.!?。！？]")

PLAIN = (
    """Compost is organic matter that has decayed. It feeds the soil and holds water. Turn the heap every 14 days and
keep it as damp as a wrung sponge. A heap of 1 cubic metre warms to 60 degrees within 5 days. Old heaps cool slowly.""",
    """A lighthouse warns ships of rocks. The lamp of the old tower stood 41 metres above the sea. Keepers lit 30 wicks
each night. The tower was painted white in 1884. It closed when radio beacons came into use along the coast.""",
    """堆肥是由植物残体腐烂而成的有机物质，可以改善土壤结构并保持水分。把堆肥每十四天翻动一次，并保持像拧干的海绵一样的湿度。
一立方米的堆肥可以在五天之内升温到六十度。""",
)
_FOX = " The quick brown fox jumps over the lazy dog near the river bank. "
HOSTILE = (
    f"Before </script><script>alert(1)</script> <img src=x onerror=alert(2)> & <b>bold</b> <!-- <script>.{_FOX}",
    f"A turn \u202eround\u202c, a bell \x07, an escape \x1b[31m, a separator \u2028 and a mark \x01 in it.{_FOX}",
)


def shared_documents() -> Path | None:
    """The folder of real documents beside the project, or None."""
    shared = os.environ.get("TILTH_SHARED") or Path(__file__).resolve().parents[2] / ".." / "shared"
    folder = Path(shared) / "data" / "documents"
    return folder if folder.is_dir() else None


def document(text: str, number: int, **more: Any) -> dict[str, Any]:
    """A row of DOCUMENTS."""
    row = {"doc_id": f"doc-{number:06d}", "language": "zh" if "\u4e00" <= text[:1] <= "\u9fff" else "en"}
    row |= {"licence": "CC-BY-4.0", "origin": "notes.jsonl", "position": number, "metadata": None}
    return {**row, "text": text, "content_hash": text_hash(text), **more}


def real_documents(folder: Path, each: int) -> Iterator[dict[str, Any]]:
    """The first `each` documents of each kind that is there."""
    number = 0
    for path in sorted(folder.glob("*.parquet")):
        for row in pq.read_table(path).slice(0, each).to_pylist():
            metadata = orjson.dumps({"title": row["title"], "url": row["url"]}).decode()
            origin = f"{row['origin_repo']}@{row['origin_commit'][:10]}/{row['origin_path']}"
            more = {"doc_id": row["doc_id"], "language": row["lang"], "licence": row["license"], "metadata": metadata}
            yield document(row["text"], number, origin=origin, **more)
            number += 1


def make_run(
    folder: Path,
    documents: Iterable[dict[str, Any]],
    *,
    prompts: tuple[str, ...] = PROMPTS,
    shard_rows: int = 50,
    engine: str = "extractive",
    state: str = "finished",
) -> dict[str, Any]:
    """Write a run folder; returns its ledger. About one row in seven ends dropped, one in ten flagged."""
    rows = list(documents)
    rejects = [_reject(number) for number in range(5)]
    kept, dropped, routing = [], [], Counter()
    for row in rows:
        for prompt in prompts:
            away = _routed_away(prompt, row)
            if away:
                routing[f"{prompt}:{away}"] += 1
                continue
            sample = _rewrite(row, prompt, engine)
            (dropped if "reason" in sample else kept).append(sample)
    _write(folder / "documents", rows, rejects, DOCUMENTS, REJECTS, shard_rows)
    _write(folder / "rephrased", kept, dropped, SAMPLES, DROPPED, shard_rows * 2)
    ledger = _ledger(folder.name, rows, rejects, kept, dropped, routing, prompts, engine, state)
    (folder / "ledger.json").write_bytes(orjson.dumps(ledger, option=orjson.OPT_INDENT_2))
    return ledger


def _write(folder: Path, kept: list, dropped: list, schema: pa.Schema, dropped_schema: pa.Schema, rows: int) -> None:
    (folder / "dropped").mkdir(parents=True, exist_ok=True)
    for name, values, columns in (("", kept, schema), ("dropped", dropped, dropped_schema)):
        for start in range(0, max(len(values), 1), rows):
            table = pa.Table.from_pylist(values[start : start + rows], schema=columns)
            pq.write_table(table, folder / name / f"part-{start // rows:05d}.parquet", row_group_size=10_000)


def _reject(number: int) -> dict[str, Any]:
    reason = ("broken_json", "empty_text", "not_utf8")[number % 3]
    excerpt = '{"text": "half a li' if reason == "broken_json" else None
    detail = f"line {number + 10}: expected a JSON object; saw the end of the line"
    return {"origin": "notes.jsonl", "position": number + 9, "reason": reason, "detail": detail, "excerpt": excerpt}


def _routed_away(prompt: str, row: dict[str, Any]) -> str | None:
    numbers = sum(character.isdigit() for character in row["text"][:4000])
    if prompt == "math" and numbers < 6:
        return "too_few_numbers"
    return "too_few_table_rows" if prompt == "table" and row["text"].count(":") + numbers < 8 else None


def _rewrite(row: dict[str, Any], prompt: str, engine: str) -> dict[str, Any]:
    cut = min(len(row["text"]), 8000)
    sentences = _SENTENCE.findall(row["text"][: min(cut, 3000)]) or [row["text"][:200]]
    luck = seed_of(7, row["doc_id"], prompt) % 100
    model = engine != "extractive"
    lineage = {
        "sample_id": text_hash(row["doc_id"], prompt, "0"),
        "doc_id": row["doc_id"],
        "source_hash": row["content_hash"],
        "origin": row["origin"],
        "licence": row["licence"],
        "source_language": row["language"],
        "prompt": prompt,
        "prompt_version": 1,
        "prompt_hash": text_hash(prompt),
        "instruction": luck % 10,
        "slots": orjson.dumps({"audience": "a curious teenager", "length": "short"}).decode(),
        "window": 0,
        "windows": 1,
        "cut_from": 0,
        "cut_to": cut,
        "cut_how": "whole" if cut == len(row["text"]) else "tokens",
        "source_chars": len(row["text"]),
        "model": "Qwen/Qwen3-1.7B" if model else None,
        "revision": "70d244cc86ccca08cf5af4e1e306ecf908b1ad5e" if model else None,
        "engine": engine,
        "engine_version": "1",
        "seed": seed_of(0, row["doc_id"], prompt),
        "request_id": text_hash("request", row["doc_id"], prompt),
        "finish_reason": "stop",
        "prompt_tokens": cut // 4 if model else None,
        "completion_tokens": 180 if model else None,
        "tries": 1,
        "flags": ["copy_high"] if luck < 8 else ["numbers_not_in_source"] if luck < 12 else [],
        "signals": orjson.dumps({"copy_ratio": luck / 100, "words": 40 + luck, "loop": 0.0}).decode(),
    }
    if luck >= 86:
        reason, detail, raw = _loss(luck, prompt, sentences)
        return {**lineage, "reason": reason, "detail": detail, "raw": raw}
    return {**lineage, "text": _output(prompt, sentences), "parsed": None}


def _loss(luck: int, prompt: str, sentences: list[str]) -> tuple[str, str, str | None]:
    if luck >= 94:
        return f"refused:no_{prompt}_material", f"found nothing that a {prompt} could be made of", None
    if luck >= 90:
        return "loop", "the same 4 words 12 times over", "and so on and so on " * 30
    return f"format_{prompt}", f"expected a {prompt} in the answer; saw plain prose", " ".join(sentences[:3])


def _output(prompt: str, sentences: list[str]) -> str:
    said = [sentence.strip() for sentence in sentences[:5]]
    if prompt == "faq":
        return "\n\n".join(f"**Q{n}. What is said about {s.split()[0].lower()}?**\n{s}" for n, s in enumerate(said, 1))
    if prompt == "table":
        body = "\n".join(f"| {n} | {s[:60]} | {len(s)} |" for n, s in enumerate(said, 1))
        return f"| No. | Statement | Length |\n| --- | --- | --- |\n{body}\n\nWhich statement is the longest? No. 1."
    if prompt == "math":
        return f"{said[0]} If this happens 3 times a week for 4 weeks, how often is that?\n\n3 × 4 = 12\n\nAnswer: 12"
    return "How to go about it\n\n" + "\n".join(f"{n}. {s}" for n, s in enumerate(said, 1))


def _ledger(
    name: str,
    rows: list,
    rejects: list,
    kept: list,
    dropped: list,
    routing: Counter,
    prompts: tuple[str, ...],
    engine: str,
    state: str,
) -> dict[str, Any]:
    made = len(kept) + len(dropped)
    tokens = [sum(row[side] or 0 for row in [*kept, *dropped]) for side in ("prompt_tokens", "completion_tokens")]
    model = {"model": "Qwen/Qwen3-1.7B", "revision": "70d244cc86cc", "label": "an OpenAI-compatible server"}
    rules = {"model": None, "revision": None, "label": "rules, no model"}
    money = 0.0 if engine == "extractive" else 1.37
    session = {"started": "2026-11-21T07:00:00Z", "seconds": 12.1, "requests": made, "money": money, "ended": state}
    alarm = {
        "prompt": prompts[0],
        "model": "Qwen/Qwen3-1.7B",
        "kind": "openings",
        "value": 0.37,
        "limit": 0.2,
        "message": "37 % of the last 200 outputs begin with the same four words",
        "examples": [{"sample_id": row["sample_id"], "excerpt": row["text"][:120]} for row in kept[:2]],
    }
    read = {"in": len(rows) + len(rejects), "kept": len(rows), "reasons": Counter(r["reason"] for r in rejects)}
    return {
        "format": 1,
        "run": name,
        "recipe_version": 1,
        "state": state,
        "stopped_because": "the cap of 1.00 USD was reached" if state == "stopped" else None,
        "engine": {"name": engine, "version": "1", **(rules if engine == "extractive" else model)},
        "steps": [
            {"name": "documents", "kind": "read", "source": None, "ledger": read, "files": _files(rows, rejects)},
            {
                "name": "rephrased",
                "kind": "rephrase",
                "source": "documents",
                "routing": {"in": len(rows) * len(prompts), "kept": made, "reasons": routing},
                "ledger": {"in": made, "kept": len(kept), "reasons": Counter(row["reason"] for row in dropped)},
                "by_prompt": {prompt: _by_prompt(prompt, kept, dropped) for prompt in prompts},
                "flags": Counter(flag for row in kept for flag in row["flags"]),
                "alarms": [] if engine == "extractive" else [alarm],
            },
        ],
        "cost": {
            "requests": made,
            "answers_reused": 0,
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "seconds": 12.1,
            "gpu_seconds": 0.0,
            "money": money,
            "currency": "USD",
            "price": None if engine == "extractive" else "qwen3-1.7b",
            "sessions": [session | {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}],
        },
        "licences": Counter(row["licence"] for row in rows),
    }


def _files(rows: list, rejects: list) -> list[dict[str, Any]]:
    counts = Counter(row["origin"].partition("@")[0] for row in rows)
    bad = Counter(row["origin"] for row in rejects)
    return [{"uri": name, "in": count + bad[name], "kept": count} for name, count in counts.items()]


def _by_prompt(prompt: str, kept: list, dropped: list) -> dict[str, Any]:
    mine = [row for row in kept if row["prompt"] == prompt]
    lost = [row for row in dropped if row["prompt"] == prompt]
    return {
        "in": len(mine) + len(lost),
        "kept": len(mine),
        "reasons": Counter(row["reason"] for row in lost),
        "flags": Counter(flag for row in mine for flag in row["flags"]),
        "prompt_tokens": sum(row["prompt_tokens"] or 0 for row in [*mine, *lost]),
        "completion_tokens": sum(row["completion_tokens"] or 0 for row in [*mine, *lost]),
    }


if __name__ == "__main__":
    where = Path(sys.argv[1])
    found = Path(sys.argv[2]) if len(sys.argv) > 2 else shared_documents()
    real = list(real_documents(found, 60)) if found else []
    odd = [document(text, 900_000 + number) for number, text in enumerate([*PLAIN, *HOSTILE])]
    make_run(
        where, [*real, *odd], engine=os.environ.get("ENGINE", "extractive"), state=os.environ.get("STATE", "finished")
    )
