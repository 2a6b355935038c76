"""The heat map of arms by tasks, as a table: it is read aloud, copied and searched like any other."""

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.study.statistics.compare import holm
from tilth.view.study.svg import decimals, number, safe

_STEPS = (0.5, 1.0, 2.0)  # of effect over half its interval: below half nothing is coloured


def heat(main: Mapping[str, Any]) -> str:
    """The table; empty where no arm has a score."""
    arms = [one for one in main["comparisons"] if one["tasks"]]
    if not arms:
        return ""
    arms.sort(key=lambda one: (-(one["effect"] or 0.0), one["arm"]))
    tasks = sorted((one["category"], one["task"]) for one in arms[0]["tasks"])
    cells = {(one["arm"], task["task"]): task for one in arms for task in one["tasks"]}
    strong = _after_holm(cells, main["settings"]["alpha"])
    places = decimals([task["effect"] for task in cells.values() if task["effect"] is not None])
    rows = []
    for one in arms:
        row = "".join(
            _cell(cells.get((one["arm"], task)), (one["arm"], task) in strong, places, main["settings"]["alpha"])
            for _, task in tasks
        )
        whole = number(one["effect"], places, signed=True) if one["effect"] is not None else "–"
        rows.append(f'<tr><th scope="row">{safe(one["arm"], 60)}</th><td><b>{whole}</b></td>{row}</tr>')
    return (
        f'<div class="wide" tabindex="0"><table class="heat"><thead>{_heads(tasks)}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _heads(tasks: Sequence[tuple[str, str]]) -> str:
    """Categories over their tasks, where any task has a category of another name."""
    names = "".join(f'<th scope="col">{safe(task, 40)}</th>' for _, task in tasks)
    second = f'<tr><th scope="col">arm</th><th scope="col">all</th>{names}</tr>'
    if all(category == task for category, task in tasks):
        return second
    groups = list(dict.fromkeys(category for category, _ in tasks))
    spans = "".join(
        f'<th scope="colgroup" colspan="{sum(own == group for own, _ in tasks)}">{safe(group, 40)}</th>'
        for group in groups
    )
    return f"<tr><th></th><th></th>{spans}</tr>{second}"


def _after_holm(cells: Mapping[tuple[str, str], Mapping[str, Any]], alpha: float) -> set[tuple[str, str]]:
    keys = [key for key, task in cells.items() if task["p"] is not None]
    adjusted = holm([cells[key]["p"] for key in keys])
    return {key for key, p in zip(keys, adjusted.tolist(), strict=True) if p <= alpha}


def _cell(task: Mapping[str, Any] | None, strong: bool, places: int, alpha: float) -> str:
    if task is None or task["effect"] is None or task["low"] is None or task["high"] is None:
        return '<td class="out">–</td>'
    half = (task["high"] - task["low"]) / 2
    reach = abs(task["effect"]) / half if half > 0 else (_STEPS[-1] if task["effect"] else 0.0)
    level = sum(reach >= step for step in _STEPS)
    kind = f' class="{"p" if task["effect"] > 0 else "n"}{level}"' if level else ""
    mark = "**" if strong else "*" if task["p"] is not None and task["p"] <= alpha else ""
    span = f"{number(task['low'], places, signed=True)} to {number(task['high'], places, signed=True)}"
    value = number(task["effect"], places, signed=True)
    return f'<td{kind} title="{span}">{value}<sup>{mark}</sup></td>'
