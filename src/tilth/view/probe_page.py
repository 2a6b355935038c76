"""`probe.html`: the heat map of a probe by discipline and difficulty, as one page that opens offline.

Tables, so that they are read aloud, copied and searched; colour repeats what the figures say. No script, no fetching.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tilth.base.files import write_bytes
from tilth.view.probe import heat_maps
from tilth.view.study.page import Section, headline, page
from tilth.view.study.svg import safe

_DEEP, _MIDDLE, _FAINT = 0.25, 0.5, 0.75  # of the way from the worst tile to the best: three shades


def write_probe_page(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write the page beside the probe's own files; returns its path. `summary` is `probe.json`."""
    maps = heat_maps(summary)
    figures = [(_score(one["overall"], one["lower_is_better"]), one["metric_name"]) for one in maps]
    items = sum(cell["items"] for cell in summary["cells"])
    lead = f"{summary['model']} at step {summary['step']:,}, {items:,} items in {len(summary['cells'])} cells."
    sections = [
        Section(title=one["metric_name"].capitalize(), body=heat_table(one), note=_note(one, summary["level"]))
        for one in maps
    ]
    lacking = "".join(f"<li>{safe(name)}: {safe(why, 400)}</li>" for name, why in summary["not_measured"].items())
    lacking += "".join(f"<li>{count:,} items: {safe(why, 400)}</li>" for why, count in summary["missing"].items())
    sections.append(Section(title="Not measured", body=f"<ul>{lacking}</ul>" if lacking else ""))
    path = folder / "probe.html"
    write_bytes(
        path, page(f"probe of {summary['model']}", headline("tilth probe", summary["model"], lead, figures), sections)
    )
    return path


def heat_table(values: Mapping[str, Any]) -> str:
    """One metric (`view.probe.heat_map`) as a table; merged cells show one figure in each of their tiles."""
    tiles = {(tile["discipline"], tile["bin"]): tile for tile in values["tiles"]}
    known = [tile["value"] for tile in tiles.values() if tile["value"] is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    rows = []
    for discipline in values["disciplines"]:
        cells = [
            _tile(tiles.get((discipline, place)), low, high, values["lower_is_better"])
            for place in range(1, len(values["bins"]) + 1)
        ]
        rows.append(f'<tr><th scope="row">{safe(discipline.replace("_", " "), 40)}</th>{"".join(cells)}</tr>')
    heads = "".join(f'<th scope="col">{safe(name)}</th>' for name in values["bins"])
    head = f'<thead><tr><th scope="col">discipline</th>{heads}</tr></thead>'
    body = f"<tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide" tabindex="0"><table class="heat">{head}{body}</table></div>'


def _tile(tile: Mapping[str, Any] | None, low: float, high: float, lower_is_better: bool) -> str:
    if tile is None or tile["value"] is None:
        return '<td class="out">–</td>'
    place = 0.5 if high == low else (tile["value"] - low) / (high - low)
    place = 1 - place if lower_is_better else place
    kind = "n3" if place < _DEEP else "n1" if place < _MIDDLE else "p1" if place < _FAINT else "p3"
    said = f"{safe(tile['cell'])}: {tile['items']:,} items"
    merged = " *" if tile["merged"] else ""
    return f'<td class="{kind}" title="{said}">{_score(tile, lower_is_better)}{merged}</td>'


def _score(score: Mapping[str, Any] | None, lower_is_better: bool) -> str:
    if score is None or score["value"] is None:
        return "–"
    form = "{:.2f}" if lower_is_better else "{:.0%}"
    value = form.format(score["value"])
    if score["low"] is None or score["high"] is None:
        return value
    return f"{value} ({form.format(score['low'])}–{form.format(score['high'])})"


def _note(values: Mapping[str, Any], level: float) -> str:
    merged = " * cells of fewer items were merged: their tiles show one figure." if values["merged"] else ""
    better = " Lower is better." if values["lower_is_better"] else ""
    return f"{level:.0%} intervals over items; D1 easy to D5 hard.{better}{merged}"
