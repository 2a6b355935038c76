"""What a mixture asks of each part, before anything is made; refusals with the numbers; start values.

Budgets are tokens, so two arms with one budget have exactly the same number of tokens, whatever their rows are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from tilth.base.errors import ConfigError
from tilth.recipe.stages.mix import Kind, Mix, MixPart

#: Share of synthetic text at which each format scored best on twelve tasks (FinePhrase, 1.7B students, 21B tokens,
#: mixes of 10% to 90%; 60% to 80% is safe for all four).
PUBLISHED_SHARES: Final[Mapping[str, float]] = {"table": 0.7, "math": 0.8, "faq": 0.6, "tutorial": 0.6}
#: For a format without a published curve: what FinePhrase compared all formats at.
OTHER_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """One part of a plan. `epochs` is tokens over available: 2.3 means that every row is seen two or three times."""

    name: str
    kind: Kind
    share: float
    tokens: int  # asked of it
    available: int  # tokens of the part's token set
    cap: float

    @property
    def epochs(self) -> float:
        """Passes over the part."""
        return self.tokens / self.available if self.available else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPlan:
    """A mixture that can be made. `notes` are sentences on what a reader should know."""

    parts: tuple[PartPlan, ...]
    tokens: int
    notes: tuple[str, ...] = ()

    @property
    def synthetic(self) -> float:
        """Share of the tokens that is synthetic."""
        return self._share("synthetic")

    @property
    def original(self) -> float:
        """Share of the tokens that is original."""
        return self._share("original")

    def _share(self, kind: Kind) -> float:
        return sum(part.tokens for part in self.parts if part.kind == kind) / self.tokens


def split_budget(mix: Mix) -> dict[str, int]:
    """Tokens of each part by largest remainder; they add up to the budget exactly."""
    weights = {part.name: Fraction(part.weight) for part in mix.parts}
    total = sum(weights.values())
    exact = {name: mix.tokens * weight / total for name, weight in weights.items()}
    given = {name: int(value) for name, value in exact.items()}
    by_rest = sorted(exact, key=lambda name: given[name] - exact[name])  # ties in the order of the parts
    for name in by_rest[: mix.tokens - sum(given.values())]:
        given[name] += 1
    return given


def plan_mix(mix: Mix, available: Mapping[str, int]) -> MixPlan:
    """The plan; raises ConfigError naming every part that cannot give what is asked, with asked, available,
    repetition needed and cap, and the largest budget that these shares allow.

    `available`: part -> tokens of its token set.
    """
    missing = [part.name for part in mix.parts if part.name not in available]
    if missing:
        raise ConfigError(f"expected tokens for every part of the mixture; there are none for {', '.join(missing)}.")
    budget = split_budget(mix)
    parts = tuple(
        PartPlan(
            name=part.name,
            kind=part.kind,
            share=mix.shares[part.name],
            tokens=budget[part.name],
            available=available[part.name],
            cap=part.cap,
        )
        for part in mix.parts
    )
    short = [part for part in parts if part.epochs > part.cap]
    if short:
        raise ConfigError(_refusal(mix, parts, short))
    return MixPlan(parts=parts, tokens=mix.tokens, notes=_notes(parts))


def _refusal(mix: Mix, parts: tuple[PartPlan, ...], short: list[PartPlan]) -> str:
    lines = [
        f"{part.name}: asked {part.tokens:,} tokens, available {part.available:,}, "
        f"{part.epochs:.2f} passes are needed, the cap is {part.cap:g}"
        for part in short
    ]
    most = min(int(part.available * part.cap / part.share) for part in parts)
    return (
        f"the mixture of {mix.tokens:,} tokens cannot be made. {'; '.join(lines)}. With these shares and caps at most "
        f"{most:,} tokens can be. Ask for fewer tokens, give the part a smaller weight or more rows, or raise its cap."
    )


def _notes(parts: tuple[PartPlan, ...]) -> tuple[str, ...]:
    notes = [
        f"{part.name} is seen {part.epochs:.2f} times, {part.available:,} tokens of it exist"
        for part in parts
        if part.epochs > 1
    ]
    if all(part.kind == "synthetic" for part in parts):
        notes.append("no original text: in every published comparison that was worse than a mixture")
    return tuple(notes)


def plan_lines(plan: MixPlan) -> list[str]:
    """The plan as lines for a person: shares, tokens, repetition and its cap, then the notes."""
    width = max(len(part.name) for part in plan.parts)
    lines = [
        f"{part.name:<{width}}  {part.kind:<9}  {part.share:6.1%}  {part.tokens:>15,} tokens of {part.available:>15,}  "
        f"seen {part.epochs:.2f} times (cap {part.cap:g})"
        for part in plan.parts
    ]
    return [
        *lines,
        f"{plan.tokens:,} tokens, {plan.original:.1%} original, {plan.synthetic:.1%} synthetic",
        *plan.notes,
    ]


def suggest_mix(
    synthetic: Mapping[str, str | None], original: tuple[str, ...], tokens: int, *, seed: int = 0
) -> tuple[Mix, tuple[str, ...]]:
    """A mixture to start from, and on what each number rests; never all synthetic.

    `synthetic`: part -> its format ("table", "faq", ...), None where unknown; `original`: names of parts of original
    text. The synthetic share is the mean of the formats' published best shares, divided evenly over parts.
    Raises ConfigError where there is no original text: published mixtures without any were worse.
    """
    if not original:
        raise ConfigError("expected a dataset of original text to mix in; saw none. Synthetic text alone trains worse.")
    if not synthetic:
        raise ConfigError("expected a dataset of synthetic text; saw none.")
    shares = {name: PUBLISHED_SHARES.get(form or "", OTHER_SHARE) for name, form in synthetic.items()}
    share = sum(shares.values()) / len(shares)
    parts = [MixPart(name=name, weight=share / len(synthetic), kind="synthetic") for name in synthetic]
    parts += [MixPart(name=name, weight=(1 - share) / len(original), kind="original") for name in original]
    reasons = [
        f"{name}: {'best published share of ' + str(form) if form in PUBLISHED_SHARES else 'no published curve for it'}"
        f", {shares[name]:.0%} synthetic"
        for name, form in synthetic.items()
    ]
    reasons.append("formats together: published mixes of several neither gained nor lost against their mean")
    return Mix(parts=tuple(parts), tokens=tokens, seed=seed), tuple(reasons if len(synthetic) > 1 else reasons[:-1])
