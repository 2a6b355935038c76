"""Tables of a report about what was measured: the tasks with their gate, the runs with their states."""

from collections.abc import Mapping, Sequence
from typing import Any

from tilth.view.study.page import table
from tilth.view.study.svg import decimals, number, safe

_COLUMNS = (
    "task",
    "category",
    "items",
    "passages",
    "noise",
    "±",
    "above chance",
    "rises",
    "signal to noise",
    "stable",
    "counts",
)
_QUESTIONS = (
    ("above chance", "above its first checkpoint"),
    ("rises with training",),
    ("signal to noise",),
    ("stable",),
)


def tasks_table(main: Mapping[str, Any]) -> str:
    """A row a task: items, noise, the gate's answers, and whether it counts."""
    return table(_COLUMNS, [_task(task, main["comparisons"]) for task in main["tasks"]], numbers=range(2, 10))


def _task(task: Mapping[str, Any], comparisons: Sequence[Mapping[str, Any]]) -> list[str]:
    gate = task["gate"] or {"seed_sd": None, "answers": []}
    answers = {one["question"]: one for one in gate["answers"]}
    asked = (next((answers[name] for name in names if name in answers), None) for names in _QUESTIONS)
    return [
        safe(task["task"]),
        safe(task["category"]),
        f"{task['items']:,}",
        "–" if task["passages"] is None else f"{task['passages']:,}",
        "–" if gate["seed_sd"] is None else f"{gate['seed_sd']:.3g}",
        _half_width(task["task"], comparisons),
        *map(_answer, asked),
        "yes" if task["in_aggregate"] else '<b class="says worse">left out</b>',
    ]


def _half_width(task: str, comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Half the interval of an arm's difference on a task, of the median arm: what the task can tell."""
    own = [one for arm in comparisons for one in arm["tasks"] if one["task"] == task]
    halves = sorted((one["high"] - one["low"]) / 2 for one in own if one["high"] is not None and one["low"] is not None)
    return f"{halves[len(halves) // 2]:.3g}" if halves else "–"


def _answer(one: Mapping[str, Any] | None) -> str:
    """One question of the gate: what was measured, and no where it fails; why it was not asked on hover."""
    if one is None or one["passed"] is None:
        return f'<span class="soft" title="{safe(one["note"] if one else "not asked")}">not asked</span>'
    value = "–" if one["value"] is None else f"{one['value']:.3g}".replace("-", "−")
    return value if one["passed"] else f'<b class="says worse">{value}, no</b>'


def runs_table(main: Mapping[str, Any], outcomes: Mapping[tuple[str, str], str]) -> str:
    """A row an arm: its score by seed, and what became of the seeds without one (`outcomes` by arm and seed)."""
    states = {(one["arm"], str(one["seed"])): one for one in main["runs"]}
    seeds = sorted({one["seed"] for one in main["runs"]})
    places = decimals([row["macro"] for row in main["scores"] if row["macro"] is not None])
    rows = [
        [
            safe(row["arm"]),
            "–" if row["macro"] is None else number(row["macro"], places),
            *(
                _run(
                    row["by_seed"].get(str(seed)),
                    states[row["arm"], str(seed)],
                    places,
                    outcomes.get((row["arm"], str(seed))),
                )
                for seed in seeds
            ),
        ]
        for row in main["scores"]
    ]
    columns = ["arm", "mean", *(f"seed {seed}" for seed in seeds)]
    return table(columns, rows, numbers=range(1, len(columns)))


def _run(score: float | None, state: Mapping[str, Any], places: int, outcome: str | None) -> str:
    if score is not None:
        return number(score, places)
    if state["state"] == "absent":
        return "–" if outcome in (None, "finished") else f'<span class="soft">{safe(outcome)}</span>'
    return f'<span class="says worse" title="{safe(state["detail"])}">{safe(state["state"])}</span>'
