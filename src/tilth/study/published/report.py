"""The published results put through this package: what is reproduced, and which differences hold up.

`published_report` gives one plain dictionary, ready for JSON; every number in it is computed from the tables on each
call (well under a second).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tilth.study.published.claims import RAW, REWRITES, Claim, Claims
from tilth.study.published.tables import (
    CATEGORIES,
    SOURCE,
    Published,
    SeedGrid,
    load_published,
    prompt_by_generator,
)
from tilth.study.published.variance import against_noise, two_way

_STUDENTS = ("0.5b", "1.7b", "2.9b", "6.2b")


def published_report(folder: Path | None = None) -> dict[str, Any]:
    """Everything below as one dictionary; `folder` holds the tables, by default the shipped ones."""
    published = load_published(folder)
    return {
        "source": SOURCE,
        "scores": recomputed_scores(published),
        "variance": explained_variance(published),
        "seeds": seed_grids(published),
        "mix_ratio": mix_ratio(published),
        "claims": claims(published),
    }


def recomputed_scores(published: Published) -> dict[str, Any]:
    """Macro, micro and category scores from the twelve task scores, and the largest distance from the published ones.

    Task scores have four decimals and published ones two, so that 0.005 and a little is rounding.
    """
    gaps: dict[str, float] = {"macro": 0.0, "micro": 0.0, "category": 0.0}
    runs = []
    for run in published.runs:
        parts = {name: 100 * float(np.mean([run.tasks[task] for task in own])) for name, own in CATEGORIES.items()}
        macro, micro = float(np.mean(list(parts.values()))), 100 * float(np.mean(list(run.tasks.values())))
        gaps["macro"] = max(gaps["macro"], abs(macro - run.macro))
        gaps["micro"] = max(gaps["micro"], abs(micro - run.micro))
        gaps["category"] = max(gaps["category"], *(abs(parts[name] - run.categories[name]) for name in CATEGORIES))
        runs.append({"run": run.name, "macro": macro, "published": run.macro})
    return {"runs": runs, "largest_gap": gaps}


def explained_variance(published: Published) -> dict[str, Any]:
    """Shares of the sum of squares of the 8 prompts x 6 generators table (48 runs, high-quality source and mix-in, one
    seed each) that lie between prompts, between generators and in neither; for macro and each category.

    Also without SmolLM2, and whether the residual is larger than seed noise (it then holds an interaction).
    """
    table = prompt_by_generator(published)
    whole = two_way(table)
    rewrites, raw = (_sd(published.grids[name]) for name in (REWRITES, RAW))
    both = float(np.sqrt((rewrites**2 + raw**2) / 2))
    return {
        "runs": int(table.size),
        "macro": asdict(whole),
        "macro_without_smollm2": asdict(two_way(table[:, 1:])),
        "categories": {name: asdict(two_way(prompt_by_generator(published, name))) for name in CATEGORIES},
        "residual_against_seed_noise": {
            "table mix": asdict(against_noise(whole, rewrites, 8)),
            "raw text": asdict(against_noise(whole, raw, 8)),
            "both together": asdict(against_noise(whole, both, 16)),
        },
    }


def seed_grids(published: Published) -> dict[str, Any]:
    """Mean and spread of each seed grid beside the published ones, the shares of data order and initialisation, and the
    correlation between the two settings' runs of the same seeds: what pairing by seed can gain."""
    pairs = {size: (published.grids[f"table-{size}"].cells, published.grids[f"hq-{size}"].cells) for size in _STUDENTS}
    return {
        "grids": {name: _grid(grid) for name, grid in published.grids.items()},
        "correlation_of_matched_seeds": {
            size: float(np.corrcoef(first.ravel(), second.ravel())[0, 1]) for size, (first, second) in pairs.items()
        },
    }


def _grid(grid: SeedGrid) -> dict[str, Any]:
    kept = grid.cells[np.isfinite(grid.cells)]
    split = two_way(grid.cells) if kept.size == grid.cells.size else None
    return {
        "runs": int(kept.size),
        "mean": float(kept.mean()),
        "sd": float(kept.std(ddof=1)),
        "published_mean": grid.published_mean,
        "published_sd": grid.published_sd,
        "share_of_data_order": None if split is None else split.rows,
        "share_of_initialisation": None if split is None else split.columns,
        "share_of_neither": None if split is None else split.residual,
    }


def _sd(grid: SeedGrid) -> float:
    return float(np.nanstd(grid.cells, ddof=1))


def mix_ratio(published: Published) -> dict[str, Any]:
    """For each prompt the curve, its best share, and the shares that one seed each cannot tell from the best."""
    found = {}
    for prompt, curve in published.mix.items():
        family = Claims(published).mix_ratio(prompt)
        best = max(curve, key=lambda pair: pair[1])
        others = [pair for pair in curve if pair is not best]
        level = [share for (share, _), claim in zip(others, family, strict=True) if not claim.supported]
        found[prompt] = {
            "curve": [{"share": share, "macro": macro} for share, macro in curve],
            "best_share": best[0],
            "best_macro": best[1],
            "not_told_from_best": sorted([*level, best[0]]),
            "against_best": [asdict(claim) for claim in family],
        }
    return found


def claims(published: Published) -> dict[str, Any]:
    """Each family of differences: how many are there, how many are supported, and all of them."""
    asked = Claims(published)
    families = {
        "90 runs against DCLM": asked.all_against("DCLM"),
        "90 runs against FineWeb-Edu-HQ": asked.all_against("FineWeb-Edu-HQ"),
        "prompts by Gemma-3-1B against DCLM": asked.formats(),
        "pairs of prompts, mean of six generators": asked.prompts(),
        "pairs of generators, mean of eight prompts": asked.generators(),
        "larger against smaller generator": asked.generator_sizes(),
        "newer against older Qwen": asked.generations(),
        "12B against 1B on poor source text": asked.poor_source(),
        "instruction as published against cleaned": asked.instruction_errors(),
        "mixed with original text against alone": asked.mixed_against_alone(),
        "table mix against raw text by student size": asked.student_sizes(),
    }
    return {name: _summary(family) for name, family in families.items()}


def _summary(family: Sequence[Claim]) -> dict[str, Any]:
    return {
        "claims": len(family),
        "higher": sum(claim.difference > 0 for claim in family),
        "supported_higher": sum(claim.supported and claim.difference > 0 for claim in family),
        "supported_lower": sum(claim.supported and claim.difference < 0 for claim in family),
        "not_supported": sum(not claim.supported for claim in family),
        "differences": [asdict(claim) for claim in family],
    }
