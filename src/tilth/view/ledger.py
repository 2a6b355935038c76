"""`ledger.json` as plain text for a terminal: what became of every row, what it cost, and what to do next.

A pure function of the ledger; no colour, no control characters, at most a few dozen lines whatever the run's size.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tilth.view.terminal import one_line
from tilth.view.words import Equation, duration, equation, money, percent, price_words, reason_words, step_equations

_REASONS_SHOWN = 8  # of an equation: the rest is summed, so that the line still adds up
_HITS = "hits: "  # how the decontaminate stage names its counts
_STAGE_REASONS = 4  # of a stage, in one line
_LABEL = 11  # width of the left column


def ledger_text(ledger: Mapping[str, Any], folder: Path | None = None) -> str:
    """The summary of a run: `ledger` is `ledger.json` (format 1), `folder` the run's own, named in the advice."""
    lines = [*_head(ledger), ""]
    for step in ledger["steps"]:
        lines += [*_step(step, ledger["state"]), ""]
    lines += [*_cost(ledger), *_forecast(ledger), *_licences(ledger), ""]
    lines += [_label("next", text) if n == 0 else _label("", text) for n, text in enumerate(_next(ledger, folder))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _label(name: str, text: str) -> str:
    return f"{name:<{_LABEL}}{text}"


def _head(ledger: Mapping[str, Any]) -> Iterator[str]:
    state = ledger["state"]
    because = f": {one_line(ledger['stopped_because'])}" if ledger.get("stopped_because") else ""
    yield _label("run", f"{one_line(ledger['run'])}, recipe version {ledger['recipe_version']}, {state}{because}")
    engine = ledger["engine"]
    if engine is None:  # a recipe that only reads
        return
    model = f"; model {one_line(engine['model'])}" if engine.get("model") else ""
    revision = f" at {one_line(engine['revision'])}" if engine.get("revision") else ""
    name = f"{engine['name']} {engine['version'] or ''}".strip()
    yield _label("engine", f"{one_line(name)}: {one_line(engine['label'])}{model}{revision}")


def _step(step: Mapping[str, Any], state: str) -> Iterator[str]:
    named = step.get("source") or []
    names = [named] if isinstance(named, str) else named
    source = f" from {', '.join(one_line(name) for name in names)}" if names else ""
    yield f"{one_line(step['name'])} ({step['kind']}{source})"
    shards = step.get("shards")
    if shards and shards["done"] < shards["of"]:
        yield f"  {shards['done']:,} of {shards['of']:,} shards are done; the sums are theirs"
    equations = step_equations(step)
    width = max(len(f"{count:,}") for each in equations for count in (each.total, *(t.count for t in each.terms)))
    before: Equation | None = None
    for each in equations:
        if before is not None and before.terms[0].count != each.total:
            routed = before.terms[0].count
            yield f"  {routed:,} routed pairs made {each.total:,} rewrites, since long documents have windows"
        yield from _sum(each, width, state)
        before = each
    if step.get("by_prompt"):
        yield from _prompts(step["by_prompt"])
    if step.get("stages"):
        yield from _stages(step["stages"])
    yield from _alarms(step.get("alarms", ()))


def _sum(each: Equation, width: int, state: str) -> Iterator[str]:
    yield f"  {each.total:>{width},} {each.unit}"
    cut = _REASONS_SHOWN + 1 if len(each.terms) > _REASONS_SHOWN + 2 else len(each.terms)
    shown, rest = each.terms[:cut], each.terms[cut:]
    for index, term in enumerate(shown):
        yield f"  {'=' if index == 0 else '+'} {term.count:>{width},} {term.words}"
    if rest:
        yield f"  + {sum(term.count for term in rest):>{width},} for {len(rest)} other reasons"
    if each.gap:
        what = "not done yet" if state != "finished" and each.gap > 0 else "UNACCOUNTED FOR: the ledger does not add up"
        yield f"  + {each.gap:>{width},} {what}"


def _prompts(by_prompt: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    names = {name: one_line(name, 28) for name in sorted(by_prompt)}
    wide = max(6, *(len(shown) for shown in names.values()))
    yield f"  {'prompt':<{wide}} {'in':>9} {'kept':>9} {'':>7} {'flagged':>8}  most often not kept for"
    for name, shown in names.items():
        row = by_prompt[name]
        each = equation(row, "rewrites")
        often = ", ".join(f"{term.words} {term.count:,}" for term in each.terms[1:3])
        flagged = sum(row.get("flags", {}).values())
        share = percent(row["kept"], row["in"])
        yield f"  {shown:<{wide}} {row['in']:>9,} {row['kept']:>9,} {share:>7} {flagged:>8,}  {often}"


def _stages(stages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [one_line(stage["label"], 28) for stage in stages]
    wide = max(5, *(len(name) for name in names))
    yield f"  {'stage':<{wide}} {'in':>10} {'kept':>10} {'':>7} {'CPU s':>8}  dropped for"
    for name, stage in zip(names, stages, strict=True):
        terms = equation(stage, "documents").terms[1:]
        shown = ", ".join(f"{term.words} {term.count:,}" for term in terms[:_STAGE_REASONS])
        more = f", {len(terms) - _STAGE_REASONS} more" if terms[_STAGE_REASONS:] else ""
        figures = f"{stage['in']:>10,} {stage['kept']:>10,} {percent(stage['kept'], stage['in']):>7}"
        yield f"  {name:<{wide}} {figures} {stage['seconds']:>8.1f}  {shown}{more}"


def _alarms(alarms: Any) -> Iterator[str]:
    for alarm in alarms:
        where = f"{one_line(alarm['prompt'], 40)}, {one_line(alarm['kind'], 40)} {alarm['value']:.2f}"
        yield f"  {alarm.get('level', 'alarm')}: {where} (limit {alarm['limit']:.2f}): {one_line(alarm['message'])}"


def _cost(ledger: Mapping[str, Any]) -> Iterator[str]:
    cost = ledger["cost"]
    reused = f", {cost['answers_reused']:,} answers reused" if cost["answers_reused"] else ""
    gpu = f", {duration(cost['gpu_seconds'])} of GPU" if cost["gpu_seconds"] else ""
    sessions = len(cost.get("sessions", ()))
    over = f" over {sessions} sessions" if sessions > 1 else ""
    paid = f"{money(cost['money'], cost['currency'])} ({price_words(cost.get('price'))})"
    yield _label("cost", f"{paid}, {duration(cost['seconds'])}{gpu}{over}")
    tokens = f"{cost['prompt_tokens']:,} prompt and {cost['completion_tokens']:,} completion tokens"
    failed = f", {cost['failed']:,} failed" if cost.get("failed") else ""
    yield _label("", f"{cost['requests']:,} requests{failed}{reused}; {tokens}")


def _forecast(ledger: Mapping[str, Any]) -> Iterator[str]:
    """How the forecast of `tilth estimate` came out, where there was one."""
    found = ledger.get("forecast") or {}
    missed = [name for name, item in found.items() if not item["hit"]]
    if found:
        yield _label(
            "forecast", f"{len(found) - len(missed)} of {len(found)} quantities ended inside their 90% interval"
        )
    for name in missed:
        item = found[name]
        said = f"{item['actual']:,.6g}, forecast {item['low']:,.6g} to {item['high']:,.6g}"
        yield _label("", f"{one_line(name).replace('_', ' ')}: {said}")


def _licences(ledger: Mapping[str, Any]) -> Iterator[str]:
    items = sorted(ledger.get("licences", {}).items(), key=lambda item: (-item[1], item[0]))
    if items:
        shown = ", ".join(f"{one_line(name, 40) or 'unknown'} {count:,}" for name, count in items[:_REASONS_SHOWN])
        yield _label("licences", shown + (f", {len(items) - _REASONS_SHOWN} more" if items[_REASONS_SHOWN:] else ""))


def _next(ledger: Mapping[str, Any], folder: Path | None) -> Iterator[str]:
    page = (folder or Path("runs") / ledger["run"]) / "samples.html"
    gaps = [each.gap for step in ledger["steps"] for each in step_equations(step)]
    alarms = sum(alarm.get("level") != "notice" for step in ledger["steps"] for alarm in step.get("alarms", ()))
    passing = sum(step.get("passing", 0) for step in ledger["steps"])
    if ledger["state"] == "stopped":
        yield "run the same command again: it goes on from here, nothing that was paid for is lost"
    elif ledger["state"] == "running":
        yield "the run goes on; ask again with: tilth status"
    elif any(gaps):
        yield "the ledger does not add up; find out which rows with: tilth verify"
    if passing and ledger["state"] == "finished":
        yield f"{passing:,} rewrites failed at an engine that was away: the same command tries them again"
    yield f"look at what was made, source beside output: {one_line(str(page), 400)}"
    if alarms:
        yield f"{alarms} collapse {'alarm' if alarms == 1 else 'alarms'}: read the examples before training on this"
    worst = _worst(ledger)
    if worst:
        yield worst


def _worst(ledger: Mapping[str, Any]) -> str | None:
    """Advice on the prompt that loses most, where one loses more than half of at least twenty rewrites."""
    losses = [
        (1 - row["kept"] / row["in"], name, row)
        for step in ledger["steps"]
        for name, row in step.get("by_prompt", {}).items()
        if row["in"] >= 20 and row["kept"] * 2 < row["in"]
    ]
    if not losses:
        return None
    loss, name, row = max(losses, key=lambda item: (item[0], item[1]))
    reasons = equation(row, "rewrites").terms[1:2]
    why = f", most for: {reason_words(reasons[0].key)}" if reasons else ""
    return f"{one_line(name, 40)} lost {loss:.0%} of its rewrites{why}"


def hits_text(step: Mapping[str, Any]) -> str:
    """Benchmark items found by a curate step, a line a benchmark; empty where nothing was looked for or found."""
    hits = {
        name.removeprefix(_HITS): count
        for stage in step.get("stages", ())
        for name, count in stage["counts"].items()
        if name.startswith(_HITS) and count
    }
    if not hits:
        return ""
    lines = [
        f"  {one_line(name, 60):<28} {count:>8,}" for name, count in sorted(hits.items(), key=lambda item: -item[1])
    ]
    return "\n".join(["benchmark items found, by benchmark", *lines]) + "\n\n"
