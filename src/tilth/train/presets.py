"""What a preset stands for: data with the source of each choice, and the settings of a run with every blank filled."""

from dataclasses import dataclass, fields, replace
from math import cos, pi
from typing import Any, Final

from tilth.base.errors import ConfigError
from tilth.recipe.stages.train import Architecture, Documents, PresetName, Schedule, Train

#: Rule 6 of the statistics (docs/train.md): each size at the tuned rate and at about 1/4 to 1/10 of it, since rankings
#: at a reduced rate agree better with those of tuned large runs (Wang et al., ICLR 2026). 1/5 lies between; the factor
#: is ours to calibrate.
REDUCED: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model is trained. Tokens of a run, of a sequence and of an optimiser step; rates a step."""

    source: str
    tokens: int
    sequence: int
    batch_tokens: int
    learning_rate: float
    schedule: Schedule = "wsd"
    warmup: float = 0.01
    decay: float = 0.1
    floor: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0
    documents: Documents = "masked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model and how it is trained. `vocabulary`: the size that it is meant for; any other trains too."""

    name: PresetName
    about: str
    vocabulary: int
    architecture: Architecture
    recipe: Recipe


_OURS = "tilth's own"
_PROTOCOL = "FinePhrase 2026, configuration of its student"

PRESETS: Final[dict[PresetName, Preset]] = {
    preset.name: preset
    for preset in (
        Preset(
            name="smoke",
            about="1.1M parameters, 0.2M tokens: does the study run, and does it see a planted bad arm?",
            vocabulary=4096,
            architecture=Architecture(width=128, layers=3, heads=4, kv_heads=2, intermediate=384),
            recipe=Recipe(
                source=f"{_OURS}: the optimiser of {_PROTOCOL}; batch and rate from a sweep on two cores",
                tokens=200_704,
                sequence=256,
                batch_tokens=512,
                learning_rate=1e-3,
                warmup=0.1,
            ),
        ),
        Preset(
            name="laptop",
            about="6.9M parameters, 3M tokens: tens of minutes on a few cores",
            vocabulary=4096,
            architecture=Architecture(width=256, layers=8, heads=4, kv_heads=2, intermediate=688),
            recipe=Recipe(
                source=f"{_OURS}: the optimiser of {_PROTOCOL}; batch and rate scaled between smoke and gpu, not swept",
                tokens=3_014_656,
                sequence=512,
                batch_tokens=8192,
                learning_rate=2e-3,
                warmup=0.02,
            ),
        ),
        Preset(
            name="gpu",
            about="111M parameters, 2.1B tokens: hours on one GPU",
            vocabulary=49_152,
            architecture=Architecture(width=768, layers=12, heads=12, kv_heads=4, intermediate=2048),
            recipe=Recipe(
                source=f"{_OURS}: the optimiser of {_PROTOCOL}; 20 tokens a parameter (Hoffmann et al. 2022, "
                "arXiv:2203.15556); rate not swept",
                tokens=2_097_152_000,
                sequence=2048,
                batch_tokens=524_288,
                learning_rate=1e-3,
            ),
        ),
        Preset(
            name="published",
            about="1.7B parameters, 21B tokens: the FinePhrase protocol, about 190 H100-hours",
            vocabulary=128_256,
            # Qwen2-style without the bias that transformers' Qwen2 has on queries, keys and values: its Llama.
            architecture=Architecture(
                width=2048, layers=28, heads=16, kv_heads=8, intermediate=6144, head_width=128, rope_theta=10_000.0
            ),
            recipe=Recipe(
                source=f"{_PROTOCOL}: 10,000 steps of 512 sequences, warm-up 100 steps, decay of 1,000 to 1/10",
                tokens=20_971_520_000,
                sequence=4096,
                batch_tokens=2_097_152,
                learning_rate=5e-4,
            ),
        ),
    )
}

#: Of a base model, where BoostQA states 40B tokens on Llama-3 8B and no more. The rest is published by others.
MID_TRAINING: Final = Recipe(
    source="tokens: BoostQA; 3e-5 to 3e-6 by cosine: daVinci-LLM 3B; warm-up of 3%: JiuZhang3.0 and daVinci-LLM; "
    "2.1M tokens a step: Olmo 3 7B; sequence 4,096",
    tokens=40_000_000_000,
    sequence=4096,
    batch_tokens=2_097_152,
    learning_rate=3e-5,
    schedule="cosine",
    warmup=0.03,
    decay=0.0,
    floor=0.1,
)

_OWN: Final = ("tokens", "sequence", "batch_tokens", "learning_rate")  # what an architecture of one's own must say


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Settings with every blank filled. Steps are optimiser steps, counted over the whole schedule."""

    settings: Train
    architecture: Architecture | None  # None: the model of `settings.start`
    recipe: Recipe
    first: int  # steps that an earlier run did: 0 but in phase decay
    steps: int  # at the end of the schedule
    warmup_steps: int
    decay_steps: int  # of schedule wsd

    @property
    def batch(self) -> int:
        """Sequences in an optimiser step."""
        return self.recipe.batch_tokens // self.recipe.sequence

    @property
    def decay_begins(self) -> int:
        """Steps done when the decay begins."""
        return self.steps - self.decay_steps

    @property
    def branches(self) -> bool:
        """Whether the state is kept where the decay begins."""
        return self.settings.phase == "stable" or (self.settings.phase == "whole" and self.settings.keep_branch)

    @property
    def last(self) -> int:
        """Steps done when this run ends."""
        return self.decay_begins if self.settings.phase == "stable" else self.steps

    @property
    def sequences(self) -> int:
        """Sequences that this run is trained on."""
        return (self.last - self.first) * self.batch


def resolve(settings: Train) -> Resolved:
    """Fill the blanks; raises ConfigError for numbers that do not go together. Phase decay: `branch.resolve_decay`."""
    architecture = settings.architecture
    if settings.preset is not None:
        preset = PRESETS[settings.preset]
        architecture, base = preset.architecture, preset.recipe
    elif settings.start is not None:
        base = MID_TRAINING
    else:
        base = _own(settings)
    given = {
        field.name: value
        for field in fields(Recipe)
        if field.name != "source" and (value := getattr(settings, field.name)) is not None
    }
    return resolved(settings, architecture, replace(base, **given))


def resolved(settings: Train, architecture: Architecture | None, recipe: Recipe) -> Resolved:
    """Count the steps of a schedule; raises ConfigError where batch, sequence and budget do not fit one another."""
    if recipe.batch_tokens % recipe.sequence:
        whole = max(1, recipe.batch_tokens // recipe.sequence) * recipe.sequence
        raise ConfigError(
            f"expected batch_tokens to be whole sequences; saw {recipe.batch_tokens:,} tokens a step and sequences of "
            f"{recipe.sequence:,}. Give batch_tokens: {whole}."
        )
    steps = recipe.tokens // recipe.batch_tokens
    if steps < 1:
        raise ConfigError(
            f"expected tokens for at least one optimiser step; saw {recipe.tokens:,} tokens and "
            f"{recipe.batch_tokens:,} a step. Give more tokens or a smaller batch_tokens."
        )
    warmup = min(steps - 1, round(recipe.warmup * steps))
    share = recipe.decay if recipe.schedule == "wsd" else 0.0
    decay = min(steps - warmup, max(1, round(share * steps)) if share else 0)
    made = Resolved(
        settings=settings,
        architecture=architecture,
        recipe=recipe,
        first=0,
        steps=steps,
        warmup_steps=warmup,
        decay_steps=decay,
    )
    if settings.phase != "whole" or settings.keep_branch:
        _check_branch(made)
    return made


def _check_branch(made: Resolved) -> None:
    if made.decay_steps == 0 or made.decay_begins == 0:
        raise ConfigError(
            f"expected a schedule with a stable part and a decay to branch between; saw {made.recipe.schedule} with "
            f"{made.decay_steps} of {made.steps} steps of decay. Take schedule wsd, more tokens or a shorter decay."
        )


def _own(settings: Train) -> Recipe:
    missing = [name for name in _OWN if getattr(settings, name) is None]
    if missing:
        raise ConfigError(
            f"an architecture of your own comes without defaults for {', '.join(_OWN)}; {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Give it, or take a preset."
        )
    own: dict[str, Any] = {name: getattr(settings, name) for name in _OWN}
    return Recipe(source="given; the optimiser of the published preset", **own)


def learning_rate_pair(settings: Train, factor: float = REDUCED) -> tuple[Train, Train]:
    """The settings at their own (tuned) learning rate and at `factor` of it. A ranking holds where both agree."""
    if not 0 < factor < 1:
        raise ConfigError(f"expected a factor between 0 and 1; saw {factor}. Usual are 0.1 to 0.25.")
    rate = resolve(settings).recipe.learning_rate
    return settings.model_copy(update={"learning_rate": rate}), settings.model_copy(
        update={"learning_rate": rate * factor}
    )


def rate_factor(step: int, made: Resolved) -> float:
    """Learning rate of a step (counted from 0) over the greatest.

    The warm-up reaches it at its last step and never starts at zero; a decay ends at `floor` with the last step.
    """
    recipe, steps, warmup = made.recipe, made.steps, made.warmup_steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if recipe.schedule == "constant":
        return 1.0
    begin = made.decay_begins if recipe.schedule == "wsd" else warmup
    if step < begin:
        return 1.0
    passed = min(1.0, (step + 1 - begin) / max(1, steps - begin))
    return recipe.floor + (1 - recipe.floor) * (_cosine(passed) if recipe.schedule == "cosine" else 1 - passed)


def _cosine(passed: float) -> float:
    return 0.5 * (1 + cos(pi * passed))
