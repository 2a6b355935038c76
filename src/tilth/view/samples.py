"""`samples.html`: one page that opens offline and shows what a run made, source beside output, and why.

Guarantees: the same run gives the same bytes; nothing is fetched (the page's own policy forbids it); text of documents
and models is data, JSON in an inert block that the page's script writes with `textContent` only; the page stays below
3 MB. Costs, for a run of 100,000 rows: see docs/samples.md.
"""

import base64
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from tilth.base.errors import ConfigError, CorruptData
from tilth.base.files import read_json, write_bytes
from tilth.view.choose import Chosen, StepFolder, choose
from tilth.view.curation import curation_of
from tilth.view.excerpt import excerpt, shrink
from tilth.view.rows import Key, read_chosen, read_sources
from tilth.view.spans import copied_spans, share
from tilth.view.synthesis import refinements_of, requests_of
from tilth.view.terminal import one_line
from tilth.view.words import equation, price_words, reason_words, step_equations

FORMAT = 1  # of ledger.json
_PAGE = 2_900_000  # bytes: below 3 MB with the page's own 30 kB to spare
_ROWS = 700  # rows on a page; more leave each fewer than about 1,500 bytes a text
_ROOM = 6000  # characters of a text, where the page has room
#: Columns that go to the page as they are.
# fmt: off
_FIELDS = (
    "prompt", "doc_id", "origin", "licence", "source_language", "prompt_version", "prompt_hash", "instruction",
    "window", "windows", "cut_from", "cut_to", "cut_how", "source_chars", "model", "revision", "engine",
    "engine_version", "seed", "request_id", "finish_reason", "prompt_tokens", "completion_tokens", "tries",
    "sample_id", "source_hash",
)
# fmt: on


def write_samples(run: Path, *, per_prompt: int = 40, seed: int = 0) -> Path:
    """Write `samples.html` into the run's folder from its ledger and datasets; returns its path.

    `per_prompt` rows of each prompt are shown (fewer where there are many prompts). `seed` chooses which.
    Raises `ConfigError` where `run` is no run folder and `CorruptData` where a file of it does not read back.
    """
    ledger = _ledger(run)
    steps = [
        StepFolder(name=step["name"], kind=step["kind"], folder=run / step["name"])
        for step in ledger["steps"]
        if step["kind"] != "curate"  # its report has examples of its own
    ]
    prompts = sum(len(step.get("by_prompt", {})) or 1 for step in ledger["steps"])
    chosen = choose(steps, per_prompt=min(per_prompt, max(_ROWS // prompts, 1)), seed=seed)
    data = {**_summary(ledger, run), "rows": _records(ledger, run, chosen), "seed": seed}
    path = run / "samples.html"
    write_bytes(path, _page(data))
    return path


def _ledger(run: Path) -> dict[str, Any]:
    path = run / "ledger.json"
    if not path.exists():
        raise ConfigError(f"expected the folder of a run, with a ledger.json; saw none in {run}. Name a run's folder.")
    ledger = read_json(path)
    if not isinstance(ledger, dict) or ledger.get("format") != FORMAT:
        raise CorruptData(
            f"expected a ledger of format {FORMAT} in {path}; it was written by another version of tilth."
        )
    return ledger


def _summary(ledger: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """What stands above the rows, in words and sums, so that the page's script only lays it out."""
    names = ("run", "recipe_version", "state", "stopped_because", "engine", "cost", "licences", "forecast")
    shown = {name: ledger.get(name) for name in names}
    steps = [_step(step, run / step["name"]) for step in ledger["steps"]]
    return {**shown, "price": price_words(ledger["cost"]["price"]), "steps": steps}


def _step(step: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    routed_away: dict[str, int] = defaultdict(int)
    for reason, count in (step.get("routing") or {}).get("reasons", {}).items():
        routed_away[reason.partition(":")[0]] += count
    return {
        "name": step["name"],
        "kind": step["kind"],
        "source": _named(step.get("source")),
        "curation": curation_of(step, folder),
        "requests": requests_of(step, folder),
        "refinements": refinements_of(step, folder),
        "equations": [_equation(each) for each in step_equations(step)],
        "prompts": [_prompt(name, row, routed_away[name]) for name, row in sorted(step.get("by_prompt", {}).items())],
        "flags": _counted(step.get("flags", {})),
        "alarms": [_alarm(alarm) for alarm in step.get("alarms", ())],
        "files": list(step.get("files", ()))[:50],
        "shards": step.get("shards"),
        "passing": step.get("passing", 0),
        "more_files": max(len(step.get("files", ())) - 50, 0),
    }


def _named(source: Any) -> str | None:
    return ", ".join(source) if isinstance(source, list) else source


def _equation(each: Any) -> dict[str, Any]:
    terms = [{"count": term.count, "words": term.words, "key": term.key} for term in each.terms]
    return {"total": each.total, "unit": each.unit, "terms": terms, "gap": each.gap}


def _prompt(name: str, row: Mapping[str, Any], routed_away: int) -> dict[str, Any]:
    return {
        "name": name,
        **_equation(equation(row, "rewrites")),
        "kept": row["kept"],
        "flags": _counted(row.get("flags", {})),
        "tokens": [row.get("prompt_tokens", 0), row.get("completion_tokens", 0)],
        "routed_away": routed_away,
    }


def _counted(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"key": name, "words": reason_words(name), "count": count} for name, count in order]


def _alarm(alarm: Mapping[str, Any]) -> dict[str, Any]:
    examples = [{**each, "excerpt": str(each.get("excerpt", ""))[:600]} for each in alarm.get("examples", ())[:5]]
    return {**alarm, "examples": examples}


def _records(ledger: Mapping[str, Any], run: Path, chosen: list[Chosen]) -> list[dict[str, Any]]:
    """One record a chosen row, texts cut to the room that the page has for that many."""
    rows = read_chosen(chosen)
    sources = _sources(ledger, run, chosen, rows)
    room = min(_ROOM, (_PAGE - 1000 * len(rows)) // (2 * max(len(rows), 1)))
    records = []
    for each, row in zip(chosen, rows, strict=True):
        if each.stratum.verdict == "rejected":
            records.append(_reject(each, row))
        else:
            source = sources.get((each.stratum.step, row["doc_id"], row["source_hash"]))
            records.append(_record(each, row, source, room))
    return records


def _sources(
    ledger: Mapping[str, Any], run: Path, chosen: list[Chosen], rows: list[dict[str, Any]]
) -> dict[tuple[str, str, str], Any]:
    """The sources of the chosen rows by step, document id and content hash."""
    wanted: dict[str, dict[Key, list[tuple[int | None, int | None]]]] = defaultdict(lambda: defaultdict(list))
    for each, row in zip(chosen, rows, strict=True):
        if each.stratum.verdict != "rejected":
            window = (row["cut_from"], row["cut_to"])
            wanted[each.stratum.step][row["doc_id"], row["source_hash"]].append(window)
    found = {}
    for step in ledger["steps"]:
        if step["name"] in wanted and step.get("source"):
            for key, value in read_sources(run / step["source"], wanted[step["name"]]).items():
                found[step["name"], *key] = value
    return found


def _record(each: Chosen, row: Mapping[str, Any], source: Mapping[str, Any] | None, room: int) -> dict[str, Any]:
    text = source["windows"][row["cut_from"], row["cut_to"]] if source else ""
    output = row.get("text") or row.get("raw") or ""
    left, right = copied_spans(text, output)
    flags = list(row["flags"] or ())
    return {
        **{name: row[name] for name in _FIELDS if row.get(name) is not None},
        "step": each.stratum.step,
        "verdict": each.stratum.verdict,
        "reasons": [row["reason"]] if row.get("reason") else flags,
        "words": [reason_words(reason) for reason in ([row["reason"]] if row.get("reason") else flags)],
        "flags": [reason_words(flag) for flag in flags],
        "detail": one_line(row.get("detail") or "", 500),
        "signals": _small(row["signals"]),
        "slots": _small(row["slots"]),
        "about": _small(source["metadata"]) if source else {},
        "position": source["position"] if source else None,
        "source": [*excerpt(text, left, room), *_beyond(_window_length(row) - len(text))] if source else None,
        "output": [*excerpt(output, right, room), *_beyond(row.get("beyond", 0))] if output else None,
        "copied": round(share(right, len(output)), 3),
    }


def _window_length(row: Mapping[str, Any]) -> int:
    if row["cut_to"] is None:
        return row["source_chars"] or 0
    return int(row["cut_to"]) - int(row["cut_from"] or 0)


def _beyond(characters: int) -> list[int]:
    """The last part of an excerpt where a text was too long to be looked at whole."""
    return [characters] if characters > 0 else []


def _reject(each: Chosen, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "step": each.stratum.step,
        "verdict": "rejected",
        "reasons": [row["reason"]],
        "words": [reason_words(row["reason"])],
        "detail": one_line(row["detail"], 500),
        "origin": row["origin"],
        "position": row["position"],
        "source": [[row["excerpt"][:_ROOM]]] if row["excerpt"] else None,
    }


def _small(text: str | None, most: int = 24) -> dict[str, str]:
    """A JSON object of a row as short strings; what is no object shows as it is."""
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"": text[:200]}
    if not isinstance(value, dict):
        return {"": text[:200]}
    return {name[:60]: _figure(item) for name, item in list(value.items())[:most] if item not in (None, "")}


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return (value if isinstance(value, str) else orjson.dumps(value).decode())[:200]


def _page(data: dict[str, Any]) -> bytes:
    """The page's bytes; where it would be too large, the texts are cut shorter until it is not."""
    room = _ROOM
    block = _inert(data)
    while len(block) > _PAGE and room > 50:
        room //= 2
        for record in data["rows"]:
            for side in ("source", "output"):
                if record.get(side):
                    record[side] = shrink(record[side], room)
        block = _inert(data)
    folder = files("tilth.view")
    style, script = ((folder / name).read_bytes().strip() for name in ("page.css", "page.js"))
    page = (folder / "page.html").read_bytes()
    for mark, value in ((b"%STYLE-HASH%", _hash(style)), (b"%SCRIPT-HASH%", _hash(script))):
        page = page.replace(mark, value)
    for mark, value in ((b"%STYLE%", style), (b"%SCRIPT%", script)):
        page = page.replace(mark, value)
    before, after = page.split(b"%DATA%")
    return before + block + after


def _inert(data: dict[str, Any]) -> bytes:
    """JSON that no HTML parser can read as markup, whatever the texts hold."""
    block = orjson.dumps(data)
    for character in ("&", "<", ">", "\u2028", "\u2029"):
        block = block.replace(character.encode(), f"\\u{ord(character):04x}".encode())
    return block


def _hash(content: bytes) -> bytes:
    """A content security policy's source for an inline element with exactly this content."""
    return b"'sha256-" + base64.b64encode(sha256(content).digest()) + b"'"
