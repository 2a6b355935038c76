"""Do two arms differ in the treatment alone? What decides a score beside the data is compared, field by field.

A study compares recipes. Where an arm was also trained on more tokens, with another tokenizer or judged by another
version of the evaluation, its difference is not the recipe's. `differences` works on planned arms and on finished runs
alike: both are described by `Facts`. Pure comparison, no cost.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

from tilth.base.errors import ConfigError

#: Repeating text up to 4 times is nearly as good as new text of the same amount (Muennighoff and others, Scaling
#: Data-Constrained Language Models, NeurIPS 2023); beyond it an arm is held back by its repeats and not by its recipe.
MOST_EPOCHS = 4.0
#: Fields that are compared as numbers, and how far they may lie apart as a share of the larger.
_NEAR: Mapping[str, float] = {
    "tokens": 0.01,  # 1 %: one step of rounding at 100 steps; the curves move by less than the seeds' spread
    "learning_rate": 1e-9,  # equal but for how it was written
    "parameters": 1e-9,
}
# Half an epoch more or less: what a page is seen more often then is less than a change of a tenth in tokens.
_EPOCHS_APART = 0.5

Level = Literal["refused", "flagged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides a score beside the data. None: not known, which is said and not guessed.

    `epochs` is how often the most repeated part of the mixture was seen.
    """

    tokens: int | None = None
    epochs: float | None = None
    tokenizer: str | None = None
    evaluation_version: str | None = None
    decontamination: str | None = None
    size: str | None = None
    parameters: int | None = None
    learning_rate: float | None = None
    start: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field in which an arm differs from the baseline, in words; refused differences forbid the comparison."""

    arm: str
    baseline: str
    field: str
    of_arm: str
    of_baseline: str
    level: Level
    why: str


def differences(arms: Mapping[str, Facts], baseline: str, may_differ: Collection[str] = ()) -> tuple[Difference, ...]:
    """Every field in which an arm differs from the baseline, arms in their order.

    Fields in `may_differ` are flagged, the others refused; epochs are flagged while no part is seen more than
    `MOST_EPOCHS` times. A field that is known on one side only is flagged. Raises `ConfigError` where the baseline is
    no arm or `may_differ` names no field.
    """
    if baseline not in arms:
        raise ConfigError(f"expected the baseline among the arms {', '.join(arms)}; saw {baseline!r}.")
    unknown = sorted(set(may_differ) - set(FIELDS))
    if unknown:
        raise ConfigError(f"may_differ: expected some of {', '.join(FIELDS)}; saw {unknown[0]!r}.")
    found: list[Difference] = []
    for arm, facts in arms.items():
        if arm != baseline:
            found += _of_arm(arm, facts, baseline, arms[baseline], may_differ)
    return tuple(found)


FIELDS = tuple(field.name for field in fields(Facts))


def refused(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Those of the differences that forbid a comparison."""
    return tuple(one for one in found if one.level == "refused")


def require_same(found: Iterable[Difference]) -> None:
    """Raise `ConfigError` with the diff where any difference is refused."""
    held = refused(found)
    if held:
        lines = "\n".join(f"  {line(one)}" for one in held)
        raise ConfigError(
            f"expected arms that differ in the treatment alone; these differ in more:\n{lines}\n"
            "Make them equal, or list the field under may_differ: and read the comparison so."
        )


def line(one: Difference) -> str:
    """A difference as one line of a diff."""
    return f"{one.arm}: {one.field} {one.of_arm}, {one.baseline} has {one.of_baseline} ({one.why})"


def _of_arm(arm: str, own: Facts, baseline: str, reference: Facts, may_differ: Collection[str]) -> Iterable[Difference]:
    for field in FIELDS:
        first, second = getattr(own, field), getattr(reference, field)
        if _same(field, first, second):
            continue
        level, why = _level(field, first, second, may_differ)
        yield Difference(
            arm=arm,
            baseline=baseline,
            field=field,
            of_arm=_shown(first),
            of_baseline=_shown(second),
            level=level,
            why=why,
        )


def _same(field: str, first: object, second: object) -> bool:
    if first is None or second is None:
        return first is second
    if field == "epochs":
        a, b = float(first), float(second)  # type: ignore[arg-type]
        return max(a, b) <= 1 or (abs(a - b) <= _EPOCHS_APART and max(a, b) <= MOST_EPOCHS)
    if field in _NEAR:
        a, b = float(first), float(second)  # type: ignore[arg-type]
        return abs(a - b) <= _NEAR[field] * max(abs(a), abs(b))
    return first == second


def _level(field: str, first: object, second: object, may_differ: Collection[str]) -> tuple[Level, str]:
    if field in may_differ:
        return "flagged", "the study allows it"
    if first is None or second is None:
        return "flagged", "known of one of the two only"
    if field == "epochs":
        if max(float(first), float(second)) <= MOST_EPOCHS:  # type: ignore[arg-type]
            return "flagged", f"up to {MOST_EPOCHS:g} repeats cost little"
        return "refused", f"more than {MOST_EPOCHS:g} repeats hold an arm back"
    return "refused", "not the treatment"


def _shown(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
