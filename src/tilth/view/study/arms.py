"""What each arm is made of: its data, the benchmark items in it, a few rows of it, and what became of its runs.

All from `about.json`. Texts of documents and models are hostile: each goes through `safe` or `block`.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tilth.view.study.page import table
from tilth.view.study.svg import safe
from tilth.view.terminal import printable

Report = Mapping[str, Any]

_BENCHMARKS = 12  # columns; those with the most items found, the others are counted


def block(text: str) -> str:
    """Text of others as HTML with its line ends, controls shown, markup inert."""
    return escape(printable(text), quote=True)


def _about(report: Report) -> Mapping[str, Any]:
    found: Mapping[str, Any] = report["about"] or {"arms": (), "datasets": (), "notes": ()}
    return found


def data_section(report: Report) -> str:
    """Each arm's mixture: datasets with shares, tokens and repeats, and what decides its score beside the data."""
    rows = [_data_row(one) for one in _about(report)["arms"] if one["parts"] or any(one["facts"].values())]
    columns = ("arm", "synthetic", "made of", "tokens", "tokenizer", "learning rate")
    return table(columns, rows, numbers=(1, 3, 5)) if rows else ""


def _data_row(one: Mapping[str, Any]) -> list[str]:
    facts = one["facts"]
    synthetic = sum(part["share"] for part in one["parts"] if part["kind"] == "synthetic")
    return [
        safe(one["arm"]),
        f"{synthetic:.0%}" if one["parts"] else "–",
        "<br>".join(map(_part, one["parts"])) or "–",
        "–" if facts["tokens"] is None else f"{facts['tokens']:,}",
        safe(facts["tokenizer"] or "–", 24),
        "–" if facts["learning_rate"] is None else f"{facts['learning_rate']:.3g}",
    ]


def _part(part: Mapping[str, Any]) -> str:
    seen = f", seen {part['repeats']:.2f} times" if part["repeats"] > 1 else ""
    size = f'<span class="soft">({part["tokens"]:,} tokens{seen})</span>'
    return f'<span class="keep">{part["share"]:.0%} {safe(part["dataset"], 60)} {size}</span>'


def contamination_section(report: Report) -> str:
    """A row an arm, then a row a dataset: rows and tokens with a benchmark item, items found, and by benchmark."""
    about = _about(report)
    owners = [("arm", one["arm"], one["contamination"]) for one in about["arms"]]
    owners += [("dataset", one["name"], one["contamination"]) for one in about["datasets"]]
    looked = [(kind, name, one) for kind, name, one in owners if one is not None]
    if not looked:
        return ""
    shown = _benchmarks([one for _, _, one in looked])
    rows = [_contamination_row(kind, name, one, shown) for kind, name, one in looked]
    missing = [name for kind, name, one in owners if one is None]
    beside = f'<p class="note">Not looked through: {safe(", ".join(missing), 600)}.</p>' if missing else ""
    columns = ["", "name", "rows with an item", "of the tokens", "items found", *(safe(name, 40) for name in shown)]
    return table(columns, rows, numbers=range(2, len(columns))) + _unseen(looked[0][2], shown) + beside


def _benchmarks(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Benchmarks with a hit anywhere, by name; of many those with the most items found."""
    most: dict[str, int] = {}
    for one in found:
        for entry in one["found"]:
            if entry["found"]:
                most[entry["benchmark"]] = max(entry["found"], most.get(entry["benchmark"], 0))
    return sorted(sorted(most, key=lambda name: (-most[name], name))[:_BENCHMARKS])


def _contamination_row(kind: str, name: str, one: Mapping[str, Any], shown: Sequence[str]) -> list[str]:
    entries = {entry["benchmark"]: entry for entry in one["found"]}
    share = one["touched"] / one["rows"] if one["rows"] else 0.0
    items, found = (sum(entry[field] for entry in one["found"]) for field in ("items", "found"))
    tokens = one["share_of_tokens"]
    return [
        kind,
        safe(name),
        f"{one['touched']:,} of {one['rows']:,} ({_percent(share)})",
        "–" if tokens is None else _percent(tokens),
        f"{found:,} of {items:,}",
        *(_of(entries.get(benchmark)) for benchmark in shown),
    ]


def _of(entry: Mapping[str, Any] | None) -> str:
    return "–" if entry is None else f"{entry['found']:,} of {entry['items']:,}"


def _percent(share: float) -> str:
    return "0 %" if share == 0 else f"{100 * share:.2g} %"


def _unseen(one: Mapping[str, Any], shown: Sequence[str]) -> str:
    rest = len(one["found"]) - len(shown)
    if rest < 1:
        return ""
    what = "Of one other benchmark" if rest == 1 else f"Of {rest:,} other benchmarks"
    return f'<p class="note">{what} nothing, or less, was found.</p>'


def samples_section(report: Report) -> str:
    """A few rows of each dataset, and which arms are trained on it; the first synthetic one open."""
    about = _about(report)
    with_samples = [one for one in about["datasets"] if one["samples"]]
    if not with_samples:
        return ""
    first = next((one["name"] for one in with_samples if one["kind"] == "synthetic"), with_samples[0]["name"])
    return "".join(_dataset(one, about["arms"], is_open=one["name"] == first) for one in with_samples)


def _dataset(one: Mapping[str, Any], arms: Sequence[Mapping[str, Any]], *, is_open: bool) -> str:
    users = [arm["arm"] for arm in arms if any(part["dataset"] == one["name"] for part in arm["parts"])]
    size = [f"{one['rows']:,} rows"] if one["rows"] is not None else []
    size += [f"{one['tokens']:,} tokens"] if one["tokens"] is not None else []
    words = ", ".join([one["kind"], *size, f"in {', '.join(users)}" if users else "in no arm"])
    title = f"<b>{safe(one['name'])}</b> <span>{safe(words, 600)}</span>"
    rows = "".join(map(_sample, one["samples"]))
    return f'<details class="reason shown"{" open" if is_open else ""}><summary>{title}</summary>{rows}</details>'


def _sample(one: Mapping[str, Any]) -> str:
    named = [("prompt", one["prompt"]), ("model", one["model"]), ("row", f"{one['shard']}:{one['row']}")]
    named += [("sample", one["sample_id"]), ("from", one["url"])]
    head = "".join(f"<span>{word} <b>{safe(value, 90)}</b></span>" for word, value in named if value is not None)
    head += "<span>cut for this page</span>" if one["cut"] else ""
    sides = [_side("source", one["source"])] if one["source"] is not None else []
    sides.append(_side("text", one["text"]))
    single = " single" if len(sides) == 1 else ""
    return (
        f'<article><div class="top small soft">{head}</div><div class="pair{single}">{"".join(sides)}</div></article>'
    )


def _side(word: str, text: str) -> str:
    body = block(text) if text.strip() else '<span class="none">no text</span>'
    return f'<div class="side"><h4>{word}</h4><div class="text" dir="auto" tabindex="0">{body}</div></div>'


def outcomes(report: Report) -> list[tuple[str, str, str]]:
    """Arm, what became of some of its runs, and why: all that did not finish, from the results and what is known."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for arm in _about(report)["arms"]:
        for run in arm["runs"]:
            if run["outcome"] != "finished":
                where = f" at step {run['step']:,}" if run["step"] is not None else ""
                found.setdefault((arm["arm"], run["outcome"] + where, run["detail"]), []).append(run["seed"])
    known = {arm for arm, _, _ in found}
    for state in report["primary"]["runs"]:
        if state["state"] not in ("ok", "absent") and state["arm"] not in known:
            found.setdefault((state["arm"], state["state"], state["detail"]), []).append(state["seed"])
    return [(arm, f"{what} ({_seeds(seeds)})", why) for (arm, what, why), seeds in found.items()]


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) != 1 else ''} {', '.join(map(str, sorted(seeds)))}"


def outcomes_list(report: Report) -> str:
    """What did not finish, a line each; then what else the study has to say of arms and of itself."""
    about = _about(report)
    lines = [f"<b>{safe(arm)}</b>: {safe(what)}. {safe(why, 900)}" for arm, what, why in outcomes(report)]
    lines += [f"<b>{safe(arm['arm'])}</b>: {safe(note, 900)}" for arm in about["arms"] for note in arm["notes"]]
    lines += [safe(note, 900) for note in about["notes"]]
    if about.get("overhead") is not None:
        lines.append(f"{about['overhead']:.1%} of the processor time was neither generation, training nor scoring.")
    items = "".join(f"<li>{one}</li>" for one in lines)
    return f'<ul class="lines told">{items}</ul>' if items else ""


def stopped_arms(report: Report) -> set[str]:
    """Arms that were stopped early."""
    return {
        arm["arm"] for arm in _about(report)["arms"] if any(run["outcome"] == "stopped early" for run in arm["runs"])
    }
