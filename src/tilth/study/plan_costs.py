"""What the parts of a study cost: runs in GPU-hours, corpora in tokens, GPU-hours and money. Pure arithmetic."""

from dataclasses import dataclass

from tilth.study.design import Arm, Study
from tilth.study.design_published import published_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGroup:
    """The runs of one arm at one size: one a seed. `epochs` is how often its most repeated part is seen."""

    arm: str
    size: str
    seeds: int
    tokens: int
    epochs: float | None
    training_hours: float  # GPU-hours of all its seeds
    evaluation_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Synthetic text to write once. Hours are GPU-hours; None where the generator's speed is not given."""

    strategy: str
    generator: str
    source: str
    tokens: int
    arms: int
    hours: float | None
    money: float | None


def arm_costs(study: Study, size: str) -> dict[str, float | None]:
    """What one model by each arm's recipe costs at a size: its whole corpus and one training run with its evaluation.

    Money where everything has a price, None otherwise.
    """
    by_corpus = {(one.strategy, one.generator, one.source): one.money for one in corpora_of(study)}
    found: dict[str, float | None] = {}
    for arm in study.all_arms():
        if size not in study.sizes_of(arm):
            continue
        group = run_group(study, arm, size)
        hours = (group.training_hours + group.evaluation_hours) / group.seeds
        written = by_corpus[_key(arm)] if arm.strategy is not None else 0.0
        found[arm.name] = sum_known([gpu_money(study, hours), written])
    return found


def run_group(study: Study, arm: Arm, size: str) -> RunGroup:
    """The runs of an arm at a size, with the GPU-hours of all its seeds."""
    seeds = len(study.seeds_of(arm))
    tokens = study.tokens_of(arm, size)
    machine = study.hardware
    hours = flops_of(study, size, tokens) / (machine.flops * machine.utilisation) / 3600
    judged = study.evaluation.checkpoints * study.evaluation.gpu_hours_per_checkpoint
    return RunGroup(
        arm=arm.name,
        size=size,
        seeds=seeds,
        tokens=tokens,
        epochs=epochs_of(study, arm, size),
        training_hours=hours * seeds,
        evaluation_hours=judged * seeds,
    )


def flops_of(study: Study, size: str, tokens: int) -> float:
    """Training FLOPs of one run."""
    return 6.0 * study.sizes[size].parameters * tokens


def _made(arm: Arm) -> int | None:
    """Different synthetic tokens there are of an arm's corpus, where that is given or published."""
    if arm.synthetic_tokens is not None or arm.published is None:
        return arm.synthetic_tokens
    return published_tokens().get(arm.published)


def epochs_of(study: Study, arm: Arm, size: str) -> float | None:
    """How often the most repeated part is seen; None where no amount is given for either part."""
    tokens, share, made = study.tokens_of(arm, size), arm.synthetic_share, _made(arm)
    parts = []
    if made is not None and share > 0:
        parts.append(tokens * share / made)
    if arm.original_tokens is not None and share < 1:
        parts.append(tokens * (1 - share) / arm.original_tokens)
    return max(1.0, *parts) if parts else 1.0


def _key(arm: Arm) -> tuple[str, str, str]:
    return str(arm.strategy), arm.generator or "no model", arm.source or "-"


def corpora_of(study: Study) -> tuple[Corpus, ...]:
    """What has to be written: for each strategy, generator and source the most that any of its arms needs."""
    needs: dict[tuple[str, str, str], list[int]] = {}
    for arm in study.all_arms():
        if arm.strategy is None or not study.sizes_of(arm):
            continue
        most = max(round(study.tokens_of(arm, size) * arm.synthetic_share) for size in study.sizes_of(arm))
        needs.setdefault(_key(arm), []).append(_made(arm) or most)
    return tuple(_corpus(study, key, tokens) for key, tokens in needs.items())


def _corpus(study: Study, key: tuple[str, str, str], needs: list[int]) -> Corpus:
    strategy, name, source = key
    tokens = max(needs)
    generator = study.generators.get(name)
    hours = money = None
    if generator is None:
        hours = money = 0.0  # rules, no model: seconds of a CPU
    elif generator.price is not None:
        hours = 0.0
        money = generator.price.of(round(tokens * generator.prompt_ratio), tokens)
    elif generator.tokens_per_second is not None:
        hours = tokens / generator.tokens_per_second / 3600
        money = gpu_money(study, hours)
    return Corpus(
        strategy=strategy, generator=name, source=source, tokens=tokens, arms=len(needs), hours=hours, money=money
    )


def gpu_money(study: Study, hours: float) -> float | None:
    """Money for GPU-hours; None without a price."""
    return None if study.hardware.price is None else study.hardware.price.of(0, 0, hours * 3600)


def sum_known(parts: list[float | None]) -> float | None:
    """The sum, or None where a part is not known."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
