"""Values for the page and plain text for the terminal: a probe's heat map, weights, and target against achieved.

Everything is made from the JSON that probes and rounds write (`probe.json`, `round.json`), so the page needs neither
the items nor a data frame. What was not measured is None and shown as a dash, never as zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tilth.view.tables import table_text
from tilth.view.terminal import one_line

BINS = (1, 2, 3, 4, 5)
_NAMES = {
    "acc": "accuracy",
    "choice_acc": "accuracy by choice likelihood",
    "gold_bpb": "bits per byte of the gold answer",
}
_LOWER_IS_BETTER = frozenset({"gold_bpb"})


def heat_map(summary: Mapping[str, Any], metric: str = "acc") -> dict[str, Any]:
    """The map of one metric from a probe's summary (`probe.json`): one entry a discipline and bin.

    `tiles`: discipline, bin, cell (its name; the same for tiles that were merged), merged, thin, value, low, high,
    items. A tile of no cell is not there. `why_none` says why nothing was measured, or is None.
    """
    disciplines = sorted({one for cell in summary["cells"] for one in cell["disciplines"]})
    return {
        "model": summary["model"],
        "step": summary["step"],
        "metric": metric,
        "metric_name": _NAMES.get(metric, metric),
        "lower_is_better": metric in _LOWER_IS_BETTER,
        "level": summary["level"],
        "overall": summary["overall"].get(metric),
        "why_none": summary["not_measured"].get(metric),
        "missing": dict(summary["missing"]),
        "disciplines": disciplines,
        "bins": [f"D{bin_}" for bin_ in BINS],
        "tiles": [tile for cell in summary["cells"] for tile in _tiles(cell, metric)],
        "merged": [
            {"cell": cell["name"], "disciplines": list(cell["disciplines"]), "bins": [cell["low"], cell["high"]]}
            for cell in summary["cells"]
            if len(cell["disciplines"]) > 1 or cell["low"] != cell["high"]
        ],
    }


def heat_maps(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One map a metric that was measured."""
    return [heat_map(summary, metric) for metric in _NAMES if metric in summary["overall"]]


def _tiles(cell: Mapping[str, Any], metric: str) -> Iterator[dict[str, Any]]:
    score = cell["scores"].get(metric) or {"value": None, "low": None, "high": None, "items": 0}
    several = len(cell["disciplines"]) > 1 or cell["low"] != cell["high"]
    for discipline in cell["disciplines"]:
        for bin_ in range(cell["low"], cell["high"] + 1):
            own = {"discipline": discipline, "bin": bin_, "cell": cell["name"], "merged": several, "thin": cell["thin"]}
            yield own | {name: score[name] for name in ("value", "low", "high", "items")}


def loop_values(target: Mapping[str, float], rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Target against achieved by round. `rounds` are those of a round's report (`round.json`), or of
    `steer.select.achieved_rounds`; achieved counts add up from round to round."""
    names = sorted({*target, *(name for one in rounds for name in one["achieved"])})
    shares = [_shares(one["achieved"]) for one in rounds]
    return {
        "rounds": [one["round"] for one in rounds],
        "rows": [one["rows"] for one in rounds],
        "distance": [one["distance"] for one in rounds],
        "cells": [
            {
                "cell": name,
                "target": target.get(name, 0.0),
                "achieved": [share.get(name, 0.0) if share else None for share in shares],
            }
            for name in names
        ],
    }


def loop_of_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """`loop_values` of one `round.json`, with what the round then asked for and may expect."""
    planned = {name: report[name] for name in ("round", "requested", "rows", "short", "yield")}
    hoped = {name: report[name] for name in ("expected_distance", "reachable_distance")}
    return {**loop_values(report["target"], report["rounds"]), "planned": planned | hoped}


def probe_text(summary: Mapping[str, Any], width: int | None = None) -> str:
    """A probe as a table: one row a cell, the weakest first; then what was not measured."""
    metrics = [metric for metric in _NAMES if metric in summary["overall"]]
    lines = [f"{one_line(summary['model'])}, step {summary['step']:,}, probe set {summary['probe'][:8]}"]
    lines += [f"{_NAMES[name]}: {_scored(summary['overall'][name], name)} over all items" for name in metrics]
    if metrics:
        first = metrics[0]
        cells = sorted(summary["cells"], key=lambda cell: _rank(cell["scores"].get(first), first))
        rows = [
            [
                cell["name"],
                f"{cell['items']:,}{' thin' if cell['thin'] else ''}",
                *(_scored(cell["scores"].get(metric), metric) for metric in metrics),
            ]
            for cell in cells
        ]
        lines.append(table_text(["cell", "items", *(_NAMES[metric] for metric in metrics)], rows, width))
    lines += [
        f"not measured: {_NAMES.get(name, name)}: {one_line(why)}" for name, why in summary["not_measured"].items()
    ]
    lines += [f"{count:,} items without a score: {one_line(why)}" for why, count in summary["missing"].items()]
    return "\n".join(lines)


def weights_text(weights: Mapping[str, Any], width: int | None = None) -> str:
    """Weights by cell as a table, the greatest first; `weights` is a dump of `steer.weights.Weights`."""
    total = sum(cell["weight"] for cell in weights["cells"]) or 1.0
    rows = [
        [
            cell["cell"],
            f"{cell['weight'] / total:.1%}",
            _with_interval(cell.get("deficit"), cell.get("interval")),
            cell["why"],
        ]
        for cell in sorted(weights["cells"], key=lambda cell: (-cell["weight"], cell["cell"]))
    ]
    head = f"{one_line(weights['model'])}, step {weights['step']:,}, against {one_line(weights['target'])}"
    return f"{head}\n{table_text(['cell', 'share', 'deficit', 'why'], rows, width)}"


def loop_text(values: Mapping[str, Any], width: int | None = None) -> str:
    """Target against achieved as a table, a column a round, with the distance of each."""
    columns = ["cell", "target", *(f"round {number}" for number in values["rounds"])]
    rows = [
        [cell["cell"], f"{cell['target']:.1%}", *(_share(share) for share in cell["achieved"])]
        for cell in values["cells"]
    ]
    rows.append(["total variation", "", *("-" if one is None else f"{one:.3f}" for one in values["distance"])])
    return table_text(columns, rows, width)


def moves_text(moves: Mapping[str, Any], width: int | None = None) -> str:
    """How weak spots move; `moves` is a dump (`dataclasses.asdict`) of `evaluate.probe.Moves`."""
    metric = moves["metric"]
    rows = [
        [cell["cell"], *(_scored(score, metric) for score in cell["scores"]), _change(cell["overall"])]
        for cell in moves["cells"]
    ]
    columns = ["cell", *(one_line(name, 60) for name in moves["names"]), "last against first"]
    return table_text(columns, rows, width)


def losses_text(moves: Any, width: int | None = None) -> str:
    """Perplexity difference and memorisation share by cell; `moves` is an `evaluate.probe_loss.LossMoves`."""
    rows = [
        [name, _share_text(score), _share_text(moves.memorisation.get(name))]
        for name, score in moves.perplexity_difference.items()
    ]
    columns = ["cell", "perplexity difference", "memorised share of the fall in loss"]
    left = f"\n{moves.uncompared:,} items have other tokens in the two models" if moves.uncompared else ""
    return table_text(columns, rows, width) + left


def _share_text(score: Any) -> str:
    if score is None or score.value is None:
        return "-"
    return f"{score.value:.3f}" + (f" [{score.low:.3f}, {score.high:.3f}]" if score.low is not None else "")


def _shares(counts: Mapping[str, float]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: rows / total for name, rows in counts.items()} if total else {}


def _rank(score: Mapping[str, Any] | None, metric: str) -> float:
    value = score["value"] if score else None
    if value is None:
        return float("inf")
    return -float(value) if metric in _LOWER_IS_BETTER else float(value)


def _scored(score: Mapping[str, Any] | None, metric: str) -> str:
    if score is None or score["value"] is None:
        return "-"
    form = "{:.3f}" if metric in _LOWER_IS_BETTER else "{:.1%}"
    if score["low"] is None:
        return form.format(score["value"])
    return f"{form.format(score['value'])} ({form.format(score['low'])} to {form.format(score['high'])})"


def _change(score: Mapping[str, Any]) -> str:
    """A change and whether it can be told from none."""
    said = _with_interval(score["value"], None if score["low"] is None else (score["low"], score["high"]))
    sure = score["low"] is not None and (score["low"] > 0 or score["high"] < 0)
    return said if sure or said == "-" else f"{said}, cannot tell"


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" if interval is None else f"{value:+.3f} ({interval[0]:+.3f} to {interval[1]:+.3f})"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
