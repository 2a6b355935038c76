"""What `tilth inspect` found, as text: a histogram a signal, and what each rule would drop."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tilth.view.tables import table_text
from tilth.view.terminal import one_line
from tilth.view.words import percent, short

_BLOCKS = "▁▂▃▄▅▆▇█"
_LANGUAGES = 8  # named in the first line
_WIDTH = 20  # characters of a histogram


def survey_text(found: Mapping[str, Any], width: int) -> str:
    """`found`: the result of a survey; `width`: columns of the terminal."""
    lines = [*_head(found), "", *_signals(found["signals"], width), ""]
    if found["rules"]:
        lines += [*_rules(found["rules"], width), ""]
    lines += [*_presets(found)]
    return "\n".join(line.rstrip() for line in lines)


def _head(found: Mapping[str, Any]) -> Iterator[str]:
    languages = ", ".join(
        f"{one_line(name) or 'unknown'} {rows:,}" for name, rows in list(found["languages"].items())[:8]
    )
    yield f"{found['rows']:,} documents, {found['bytes'] / 1e6:,.1f} MB; languages: {languages or 'none'}"


def _signals(signals: Mapping[str, Any], width: int) -> Iterator[str]:
    rows = []
    for name, signal in signals.items():
        at = signal["quantiles"]
        figures = [_figure(at.get(share), signal["unit"]) for share in ("0.05", "0.5", "0.95")]
        rows.append((name, sparkline([bar["count"] for bar in signal["bars"]]), *figures, signal["meaning"]))
    yield table_text(("signal", "least to greatest", "5 %", "50 %", "95 %", "meaning"), rows, width)


def sparkline(counts: Sequence[int], width: int = _WIDTH) -> str:
    """Counts as one line of blocks, neighbours added up to `width`; a count above zero is never blank."""
    if not counts:
        return ""
    step = -(-len(counts) // width)
    sums = [sum(counts[start : start + step]) for start in range(0, len(counts), step)]
    most = max(sums) or 1
    return "".join(" " if not count else _BLOCKS[min(int(count / most * len(_BLOCKS)), 7)] for count in sums)


def _rules(rules: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    rows = [
        (
            rule["language"],
            rule["reason"],
            f"{rule['signal']} {_bounds(rule)}",
            percent(rule["dropped"], rule["rows"]),
            percent(rule["only"], rule["rows"]),
            rule["meaning"],
        )
        for rule in rules
    ]
    yield table_text(("language", "rule", "keeps", "drops", "alone", "meaning"), rows, width)


def _bounds(rule: Mapping[str, Any]) -> str:
    least = [] if rule["minimum"] is None else [f">= {rule['minimum']:g}"]
    most = [] if rule["maximum"] is None else [f"<= {rule['maximum']:g}"]
    return " and ".join([*least, *most])


def _presets(found: Mapping[str, Any]) -> Iterator[str]:
    for language, entry in found["presets"].items():
        share = percent(entry["dropped"], entry["rows"])
        gone = f"{entry['dropped']:,} of {entry['rows']:,} documents"
        yield f"all rules of {one_line(language)} together would drop {gone} ({share})"
    if found["without_preset"]:
        yield f"{found['without_preset']:,} documents are of languages without rules and would stay"


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if unit == "share" else short(value) if value >= 100 else f"{value:.3g}"
