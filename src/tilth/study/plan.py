"""What a study costs and what it can see, before anything is spent.

Training is 6 x parameters x tokens FLOPs (Kaplan and others, Scaling Laws for Neural Language Models, 2020), an
estimate that leaves out attention over long sequences and all waiting. A corpus that several arms share is written
once. The smallest difference comes from `power.py`, with a measured spread between seeds or a published one, named as
such. No claim is planned for one seed without a spread known from elsewhere. Takes well under a second for 100 arms.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tilth.base.errors import ConfigError
from tilth.study.design import Arm, Study
from tilth.study.design_published import PublishedScore, published_scores
from tilth.study.plan_costs import Corpus, RunGroup, corpora_of, epochs_of, flops_of, gpu_money, run_group, sum_known
from tilth.study.power import Design, PowerRow, power_table, seeds_needed, smallest_difference
from tilth.study.published.tables import published_noise
from tilth.study.statistics.bootstrap import SeedNoise
from tilth.study.statistics.compare import pooled_noise
from tilth.study.statistics.scores import Scores
from tilth.study.treatment import Difference, Facts, differences

_PUBLISHED_METRIC = "prob_norm_token"  # of the published spreads; there times 100, here from 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What the comparisons with so many matched seeds can see, in the noise's units.

    `smallest` rests on the study's own seeds alone (None with one seed: screening, no claim); `with_known_noise` takes
    the spread as known, which the analysis does only where it is told to. `seeds_needed` is for the wanted difference.
    """

    size: str
    seeds: int
    arms: int
    smallest: float | None
    with_known_noise: float
    seeds_needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """All of a plan. Money is None where a price is missing; `over` says in words what exceeds the budget."""

    study: str
    baseline: str
    arms: int
    runs: int
    tokens: int
    flops: float
    training_hours: float
    evaluation_hours: float
    generation_hours: float | None
    synthetic_tokens: int
    wall_hours: float | None
    money: float | None
    currency: str | None
    groups: tuple[RunGroup, ...]
    corpora: tuple[Corpus, ...]
    noise: SeedNoise
    unit: str
    wanted: float | None
    reach: tuple[Reach, ...]
    power: tuple[PowerRow, ...]
    differences: tuple[Difference, ...]
    over: tuple[str, ...]
    notes: tuple[str, ...]
    published: Mapping[str, Mapping[str, PublishedScore]]  # by size and arm

    def as_json(self) -> dict[str, Any]:
        """The plan as plain dictionaries."""
        return asdict(self)


def plan(study: Study, noise: SeedNoise | None = None) -> StudyPlan:
    """Runs, tokens, hours, money, what can be seen, and in what the arms differ beside the treatment.

    `noise` is the spread of one run between seeds in the metric's units (`measured_noise`); without it the published
    one that the study names. Raises `ConfigError` for a noise or a published figure that is not there.
    """
    groups = tuple(run_group(study, arm, size) for arm in study.all_arms() for size in study.sizes_of(arm))
    corpora = corpora_of(study)
    unit = study.evaluation.metric if noise is not None else _PUBLISHED_METRIC
    wanted = study.difference if unit == study.evaluation.metric else None  # on another scale it says nothing
    chosen = noise if noise is not None else _published(study)
    training = sum(group.training_hours for group in groups)
    evaluation = sum(group.evaluation_hours for group in groups)
    generation = sum_known([corpus.hours for corpus in corpora])
    money = sum_known([gpu_money(study, training + evaluation), *(corpus.money for corpus in corpora)])
    wall = None if generation is None else (training + evaluation + generation) / study.hardware.devices
    reach, table = _reach(study, chosen, wanted)
    return StudyPlan(
        study=study.name,
        baseline=study.baseline,
        arms=len(study.all_arms()),
        runs=sum(group.seeds for group in groups),
        tokens=sum(group.tokens * group.seeds for group in groups),
        flops=sum(flops_of(study, group.size, group.tokens) * group.seeds for group in groups),
        training_hours=training,
        evaluation_hours=evaluation,
        generation_hours=generation,
        synthetic_tokens=sum(corpus.tokens for corpus in corpora),
        wall_hours=wall,
        money=money,
        currency=study.hardware.price.currency if study.hardware.price else None,
        groups=groups,
        corpora=corpora,
        noise=chosen,
        unit=unit,
        wanted=wanted,
        reach=reach,
        power=table,
        differences=planned_differences(study),
        over=_over(study, money, wall),
        notes=_notes(study, noise is not None, generation, reach),
        published={size: published_scores(study, size) for size in study.sizes},
    )


def measured_noise(scores: Scores, baseline: str) -> SeedNoise:
    """The spread of one run's macro score between seeds: the baseline's, or pooled over arms where it has one seed.

    Raises `ConfigError` where no arm has two finished seeds.
    """
    kept = scores.usable[scores.arm(baseline)]
    own = scores.task_means()[scores.arm(baseline), kept] @ scores.macro_weights()
    if len(own) >= 2:
        source = f"measured: {baseline}, {len(own)} seeds, {scores.metric} at size {scores.size}"
        return SeedNoise(sd=float(own.std(ddof=1)), df=len(own) - 1, source=source)
    pooled = pooled_noise(scores, scores.macro_weights())
    if pooled is None:
        raise ConfigError(
            f"expected at least 2 finished seeds of {baseline} to measure the spread between seeds; saw {len(own)}. "
            "Train one more, or plan with a published spread."
        )
    return SeedNoise(sd=pooled.sd, df=pooled.df, source=f"measured: {pooled.source}, {scores.metric}")


def planned_differences(study: Study) -> tuple[Difference, ...]:
    """In what the arms differ beside the treatment, size by size against the baseline at that size."""
    found: list[Difference] = []
    for size in study.sizes:
        facts = {arm.name: planned_facts(study, arm, size) for arm in study.all_arms() if size in study.sizes_of(arm)}
        if study.baseline in facts:
            found += differences(facts, study.baseline, study.may_differ)
    return tuple(found)


def planned_facts(study: Study, arm: Arm, size: str) -> Facts:
    """What decides the arm's score at a size beside its data."""
    one = study.sizes[size]
    return Facts(
        tokens=study.tokens_of(arm, size),
        epochs=epochs_of(study, arm, size),
        tokenizer=arm.tokenizer or str(study.tokenizer),
        evaluation_version=arm.evaluation_version or study.evaluation.version,
        decontamination=arm.decontamination or study.decontamination,
        size=size,
        parameters=one.parameters,
        learning_rate=arm.learning_rate or one.learning_rate,
        start=one.start,
    )


def _published(study: Study) -> SeedNoise:
    found = published_noise()
    if study.noise not in found:
        raise ConfigError(f"noise: expected one of the published spreads {', '.join(found)}; saw {study.noise!r}.")
    one = found[study.noise]
    return replace(one, sd=one.sd / 100, source=one.source.replace("macro times 100", "macro"))


def _reach(study: Study, noise: SeedNoise, wanted: float | None) -> tuple[tuple[Reach, ...], tuple[PowerRow, ...]]:
    """One row a size and number of matched seeds, and a table over seeds for the first size."""
    baseline = set(study.seeds_of(study.arm(study.baseline)))
    rows: list[Reach] = []
    table: tuple[PowerRow, ...] = ()
    for size in study.sizes:
        arms = [arm for arm in study.all_arms() if size in study.sizes_of(arm) and arm.name != study.baseline]
        matched = [len(baseline & set(study.seeds_of(arm))) for arm in arms]
        counts = sorted({count for count in matched if count})
        rows += [_one_reach(study, noise, wanted, (size, seeds, matched.count(seeds), len(arms))) for seeds in counts]
        if arms and not table:
            design = Design(
                seed_sd=noise.sd, correlation=noise.correlation, comparisons=len(arms), pooled=study.pool_seeds
            )
            table = power_table(design, wanted=wanted)
    return tuple(rows), table


def _one_reach(study: Study, noise: SeedNoise, wanted: float | None, place: tuple[str, int, int, int]) -> Reach:
    size, seeds, count, arms = place  # matched seeds, arms with so many, arms compared at this size
    own = Design(
        seed_sd=noise.sd, seeds=seeds, correlation=noise.correlation, comparisons=arms, pooled=study.pool_seeds
    )
    known = replace(own, known_df=noise.df, pooled=False)
    return Reach(
        size=size,
        seeds=seeds,
        arms=count,
        smallest=smallest_difference(own) if seeds > 1 else None,
        with_known_noise=smallest_difference(known),
        seeds_needed=None if wanted is None else seeds_needed(wanted, own),
    )


def _over(study: Study, money: float | None, wall: float | None) -> tuple[str, ...]:
    found = []
    if study.budget.money is not None and money is not None and money > study.budget.money:
        found.append(f"money: {money:,.0f} of a budget of {study.budget.money:,.0f}")
    if study.budget.hours is not None and wall is not None and wall > study.budget.hours:
        found.append(f"hours: {wall:,.1f} of a budget of {study.budget.hours:,.1f}")
    return tuple(found)


def _notes(study: Study, measured: bool, generation: float | None, reach: tuple[Reach, ...]) -> tuple[str, ...]:
    """What a reader must know to read the plan right."""
    found = []
    if not measured:
        found.append(
            "the spread between seeds is a published one, of another model and other data; measure the baseline's first"
        )
        if study.evaluation.metric != _PUBLISHED_METRIC:
            found.append(
                f"the published spread is of {_PUBLISHED_METRIC} and not of {study.evaluation.metric}: the smallest "
                "differences are on that scale, and the wanted one is left out"
            )
    if any(one.smallest is None for one in reach):
        found.append("arms with one matched seed are screening: no claim is made of them without a known spread")
    if generation is None:
        found.append("a generator has neither tokens_per_second nor a price: writing the text is not costed")
    if study.hardware.price is None:
        found.append("hardware has no price: money is not known")
    if study.budget.money is not None and study.hardware.price is None:
        found.append("the budget of money cannot be checked without a price")
    return tuple(found)
