"""Published figures beside the arms of a study, by the reference that an arm carries.

References: `runs/NAME` (one of the 90 runs of the FinePhrase study), `mix/PROMPT-70%`, `seeds/SETTING`,
`baselines/NAME`. Scores are macro scores times 100. Milliseconds.
"""

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from tilth.base.errors import ConfigError
from tilth.study.design import Study
from tilth.study.published.tables import Published, load_published


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedScore:
    """A published macro score (times 100), over how many runs, and its spread where there are several."""

    macro: float
    runs: int = 1
    sd: float | None = None


def published_scores(study: Study, size: str) -> dict[str, PublishedScore]:
    """The published score of each arm at `size` that names one; `ConfigError` where a reference leads nowhere."""
    tables = load_published()
    return {
        arm.name: _look_up(arm.published.replace("{size}", size), tables)
        for arm in study.all_arms()
        if arm.published is not None and size in study.sizes_of(arm)
    }


def published_tokens() -> dict[str, int]:
    """Completion tokens that were written for each of the 90 runs, by `runs/NAME`."""
    text = (files("tilth.study.published") / "data" / "finephrase_runs_generation.csv").read_text(encoding="utf-8")
    return {f"runs/{row['Run']}": round(float(row["Out (B)"]) * 1e9) for row in csv.DictReader(text.splitlines())}


def _look_up(reference: str, tables: Published) -> PublishedScore:
    kind, _, name = reference.partition("/")
    if kind == "runs":
        found = next((run for run in tables.runs if run.name == name), None)
        if found is not None:
            return PublishedScore(macro=found.macro)
    elif kind == "mix":
        prompt, _, share = name.rpartition("-")
        curve = {f"{ratio:.0%}": macro for ratio, macro in tables.mix.get(prompt, ())}
        if share in curve:
            return PublishedScore(macro=curve[share])
    elif kind == "seeds" and name in tables.grids:
        cells = tables.grids[name].cells
        kept = cells[np.isfinite(cells)]
        return PublishedScore(macro=float(kept.mean()), runs=len(kept), sd=float(kept.std(ddof=1)))
    elif kind == "baselines" and name in tables.baselines:
        return PublishedScore(macro=tables.baselines[name])
    raise ConfigError(
        f"published: expected runs/NAME, mix/PROMPT-SHARE, seeds/SETTING or baselines/NAME that is in the shipped "
        f"tables; saw {reference!r}."
    )
