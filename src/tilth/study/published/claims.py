"""Which published differences are supported: of macro scores (times 100), with their noise, Holm within a family.

Almost every published run has one seed. The noise of a difference is therefore taken from the study's own seed grids:
that of its best rewrite for a mixture with rewrites, that of raw web text for a reference data set, each with its 8
degrees of freedom, combined after Welch and Satterthwaite. Prompts and generators are compared as means over the 8 x
6 table, against its residual, which holds seed noise and interaction. A difference is supported at an adjusted p of
at most 0.05.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tilth.study.published.tables import GENERATORS, PROMPTS, Published, prompt_by_generator
from tilth.study.published.variance import two_way
from tilth.study.statistics.compare import holm
from tilth.study.statistics.quantiles import t_quantile, t_two_sided

ALPHA = 0.05
REWRITES, RAW = "table-1.7b", "hq-1.7b"  # the two settings of the study's student size with nine seeds each
_FORMATS = ("table", "math", "faq", "tutorial", "discussion", "narrative", "explanation", "article", "commentary")
_EARLIER = (
    "diverse_qa_pairs",
    "rewire_original",
    "rewire_improved",
    "distill",
    "extract_knowledge",
    "knowledge_list",
    "wikipedia_style",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A macro score with what is known of its noise: the sd of one run, its degrees of freedom, the number of runs."""

    name: str
    value: float
    sd: float
    df: float = 8.0
    runs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A difference first - second, its interval (95 %, unadjusted), p, p adjusted within its family, and the answer."""

    first: str
    second: str
    difference: float
    se: float
    df: float
    low: float
    high: float
    p: float
    p_adjusted: float
    supported: bool


def family_of(pairs: Sequence[tuple[Score, Score]]) -> tuple[Claim, ...]:
    """One family of differences."""
    return _family([(a.name, b.name, a.value - b.value, *_welch(a, b)) for a, b in pairs])


def _welch(first: Score, second: Score) -> tuple[float, float]:
    """Standard error and degrees of freedom of a difference of two means with their own variances."""
    one, two = first.sd**2 / first.runs, second.sd**2 / second.runs
    return float(np.sqrt(one + two)), (one + two) ** 2 / (one**2 / first.df + two**2 / second.df)


def _family(rows: Sequence[tuple[str, str, float, float, float]]) -> tuple[Claim, ...]:
    p = [float(t_two_sided(difference / se, df)) for _, _, difference, se, df in rows]
    claims = []
    for (first, second, difference, se, df), own, adjusted in zip(rows, p, holm(p), strict=True):
        half = float(t_quantile(1 - ALPHA / 2, df)) * se
        claims.append(
            Claim(
                first=first,
                second=second,
                difference=difference,
                se=se,
                df=df,
                low=difference - half,
                high=difference + half,
                p=own,
                p_adjusted=float(adjusted),
                supported=bool(adjusted <= ALPHA),
            )
        )
    return tuple(claims)


class Claims:
    """The families of published claims over one set of tables."""

    def __init__(self, published: Published) -> None:
        self.published = published
        self._sd = {name: float(np.nanstd(published.grids[name].cells, ddof=1)) for name in (REWRITES, RAW)}

    def run(self, name: str) -> Score:
        """One of the 90 runs, one seed."""
        return Score(name=name, value=self.published.run(name).macro, sd=self._sd[REWRITES])

    def baseline(self, name: str) -> Score:
        """A reference data set, one seed; raw FineWeb-Edu-HQ has nine."""
        runs = self.published.grids[RAW].published_runs if name == "FineWeb-Edu-HQ" else 1
        return Score(name=name, value=self.published.baselines[name], sd=self._sd[RAW], runs=runs)

    def all_against(self, baseline: str) -> tuple[Claim, ...]:
        """Each of the 90 runs against a reference data set."""
        return family_of([(self.run(one.name), self.baseline(baseline)) for one in self.published.runs])

    def formats(self) -> tuple[Claim, ...]:
        """The study's nine formats and the seven earlier prompts, by Gemma-3-1B, against DCLM."""
        return family_of([(self.run(f"{prompt}-1b-hq"), self.baseline("DCLM")) for prompt in (*_FORMATS, *_EARLIER)])

    def generator_sizes(self) -> tuple[Claim, ...]:
        """A larger generator of a family against a smaller one, same prompt."""
        gemma = [("1b", "270m"), ("4b", "1b"), ("12b", "1b"), ("27b", "1b")]
        pairs = [(prompt, a, b) for prompt in ("math", "tutorial", "rewire_original") for a, b in gemma]
        pairs += [("table", "12b", "1b"), ("faq", "12b", "1b"), ("rewire_improved", "12b", "1b")]
        pairs += [("tutorial", "smollm2-360m", "smollm2-135m"), ("tutorial", "smollm2-1.7b", "smollm2-360m")]
        return family_of([(self.run(f"{prompt}-{a}-hq"), self.run(f"{prompt}-{b}-hq")) for prompt, a, b in pairs])

    def generations(self) -> tuple[Claim, ...]:
        """Each Qwen generation against the one before, tutorial prompt."""
        names = [f"tutorial-qwen{name}-hq" for name in ("1.5-1.8b", "2-1.5b", "2.5-1.5b", "3-1.7b")]
        return family_of([(self.run(new), self.run(old)) for old, new in pairwise(names)])

    def poor_source(self) -> tuple[Claim, ...]:
        """Does poor text need a larger generator? 12B against 1B on low-quality source."""
        return family_of([(self.run(f"{p}-12b-lq"), self.run(f"{p}-1b-lq")) for p in ("faq", "tutorial")])

    def instruction_errors(self) -> tuple[Claim, ...]:
        """The guided rewrite as published against the cleaned instruction (more than spelling differs)."""
        return family_of(
            [(self.run(f"rewire_original-{g}-hq"), self.run(f"rewire_improved-{g}-hq")) for g in ("1b", "12b")]
        )

    def mixed_against_alone(self) -> tuple[Claim, ...]:
        """Half rewrites and half original text against the rewrites alone."""
        names = (("table-1b-dclm", "table_1b_dclm"), ("article-1b-dclm", "article_1b_dclm"))
        pairs = [*names, ("tutorial-1b-hq", "tutorial_1b_hq")]
        alone = [self._alone(f"{name}, synthetic only") for _, name in pairs]
        return family_of([(self.run(mixed), other) for (mixed, _), other in zip(pairs, alone, strict=True)])

    def _alone(self, name: str) -> Score:
        return Score(name=name, value=self.published.baselines[name], sd=self._sd[REWRITES])

    def prompts(self) -> tuple[Claim, ...]:
        """Every pair of prompts, as means over six generators."""
        return self._means(PROMPTS, axis=1)

    def generators(self) -> tuple[Claim, ...]:
        """Every pair of generators, as means over eight prompts."""
        return self._means(GENERATORS, axis=0)

    def _means(self, names: Sequence[str], axis: int) -> tuple[Claim, ...]:
        table = prompt_by_generator(self.published)
        noise = two_way(table)
        means = table.mean(axis=axis)
        order = np.argsort(-means)
        se = noise.residual_sd * float(np.sqrt(2 / table.shape[axis]))
        rows = [
            (names[a], names[b], float(means[a] - means[b]), se, float(noise.residual_df))
            for place, a in enumerate(order)
            for b in order[place + 1 :]
        ]
        return _family(rows)

    def mix_ratio(self, prompt: str) -> tuple[Claim, ...]:
        """The best share of synthetic text against each other share. The best was chosen after seeing the scores, so
        that its lead is flattered: what is not supported here is certainly not shown."""
        scores = [self._share(prompt, share, value) for share, value in self.published.mix[prompt]]
        best = max(scores, key=lambda one: one.value)
        return family_of([(best, other) for other in scores if other is not best])

    def _share(self, prompt: str, share: float, value: float) -> Score:
        return Score(name=f"{prompt} {share:.0%}", value=value, sd=self._sd[REWRITES])

    def student_sizes(self) -> tuple[Claim, ...]:
        """The table mix against raw text at each student size, nine runs each."""
        sizes = ("0.5b", "1.7b", "2.9b", "6.2b")
        return family_of([(self._grid(f"table-{size}"), self._grid(f"hq-{size}")) for size in sizes])

    def _grid(self, name: str) -> Score:
        cells = self.published.grids[name].cells
        kept = cells[np.isfinite(cells)]
        sd = float(kept.std(ddof=1))
        return Score(name=name, value=float(kept.mean()), sd=sd, df=len(kept) - 1, runs=len(kept))
