"""Presets as data, schedules, and settings that do not go together."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from train_help import BATCH, TINY, tiny

from tilth.base.errors import ConfigError
from tilth.recipe.stages.train import Train
from tilth.train.model import model_config
from tilth.train.presets import MID_TRAINING, PRESETS, learning_rate_pair, rate_factor, resolve
from tilth.train.settings import load_settings


def parameters(name: str) -> int:
    """Parameters of a preset, counted on no memory."""
    import torch
    from transformers import AutoModelForCausalLM

    preset = PRESETS[name]  # type: ignore[index]
    with torch.device("meta"):
        config = model_config(preset.architecture, preset.vocabulary, preset.recipe.sequence)
        return int(AutoModelForCausalLM.from_config(config).num_parameters())


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("smoke", 0.9e6, 1.3e6), ("laptop", 5e6, 10e6), ("gpu", 90e6, 125e6), ("published", 1.66e9, 1.70e9)],
)
def test_a_preset_has_the_size_it_promises(name: str, least: float, most: float) -> None:
    assert least < parameters(name) < most


def test_the_published_preset_is_the_published_protocol() -> None:
    made = resolve(Train(preset="published"))
    assert (made.steps, made.batch, made.warmup_steps, made.decay_steps) == (10_000, 512, 100, 1_000)
    assert made.recipe.learning_rate == 5e-4
    assert rate_factor(99, made) < 1 == rate_factor(100, made) == rate_factor(8_999, made)
    assert rate_factor(9_999, made) == pytest.approx(0.1)
    assert (made.recipe.beta1, made.recipe.beta2, made.recipe.weight_decay) == (0.9, 0.95, 0.1)


def test_every_preset_names_its_source_and_fills_whole_steps() -> None:
    for preset in PRESETS.values():
        made = resolve(Train(preset=preset.name))
        assert preset.recipe.source
        assert made.steps * made.recipe.batch_tokens == preset.recipe.tokens


def test_mid_training_takes_its_own_defaults_and_given_fields_win(tmp_path: Path) -> None:
    made = resolve(Train(start=str(tmp_path), tokens=20 * 2_097_152, learning_rate=1e-5))
    assert made.recipe.schedule == MID_TRAINING.schedule == "cosine"
    assert made.recipe.learning_rate == 1e-5
    assert made.steps == 20


@given(
    steps=st.integers(2, 400),
    warmup=st.floats(0, 0.5),
    decay=st.floats(0, 0.5),
    floor=st.floats(0, 1),
    schedule=st.sampled_from(["wsd", "cosine", "linear", "constant"]),
)
def test_a_schedule_never_leaves_its_bounds_and_ends_at_its_floor(
    steps: int, warmup: float, decay: float, floor: float, schedule: str
) -> None:
    made = resolve(tiny(tokens=steps * BATCH, warmup=warmup, decay=decay, floor=floor, schedule=schedule))
    factors = [rate_factor(step, made) for step in range(steps)]
    assert all(0 < factor <= 1 or (floor == 0 and factor == 0) for factor in factors)
    rising = factors[: made.warmup_steps]
    assert rising == sorted(rising)
    falling = factors[made.warmup_steps :]
    assert falling == sorted(falling, reverse=True)
    if schedule in ("cosine", "linear") or made.decay_steps:
        assert factors[-1] == pytest.approx(floor) if schedule != "constant" else factors[-1] == 1


def test_a_pair_of_learning_rates_differs_in_nothing_else() -> None:
    tuned, reduced = learning_rate_pair(Train(preset="smoke", seed=3))
    assert reduced.learning_rate == pytest.approx(0.2 * PRESETS["smoke"].recipe.learning_rate)
    assert tuned.model_dump(exclude={"learning_rate"}) == reduced.model_dump(exclude={"learning_rate"})
    with pytest.raises(ConfigError, match="between 0 and 1"):
        learning_rate_pair(tuned, 1.5)


def test_exactly_one_thing_decides_the_model() -> None:
    with pytest.raises(ValidationError, match="exactly one of preset, architecture and start; saw none"):
        Train()
    with pytest.raises(ValidationError, match="saw preset, architecture"):
        Train(preset="smoke", architecture=TINY)
    with pytest.raises(ValidationError, match="give its folder as start"):
        Train(preset="smoke", phase="decay")


def test_numbers_that_do_not_go_together_are_named() -> None:
    with pytest.raises(ConfigError, match=r"100 tokens a step and sequences of 32. Give batch_tokens: 96"):
        resolve(tiny(batch_tokens=100))
    with pytest.raises(ConfigError, match="at least one optimiser step; saw 64 tokens and 128 a step"):
        resolve(tiny(tokens=64))
    with pytest.raises(ConfigError, match="learning_rate is missing"):
        resolve(Train(architecture=TINY, tokens=1000, sequence=10, batch_tokens=100))
    with pytest.raises(ConfigError, match="a stable part and a decay"):
        resolve(tiny(schedule="cosine", phase="stable"))


def test_settings_come_from_a_file_and_options_win(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_text("preset: smoke\nseed: 4\nlearning_rate: 0.001\n")
    assert load_settings(file, {"seed": 5, "tokens": None}) == Train(preset="smoke", seed=5, learning_rate=0.001)
    file.write_text("preset: smoke\nlearning_rat: 1\n")
    with pytest.raises(ConfigError, match=r"train.yaml: learning_rat: Extra inputs are not permitted; saw 1"):
        load_settings(file, {})
    with pytest.raises(ConfigError, match=r"preset: Input should be 'smoke'.*saw 'big'"):
        load_settings(None, {"preset": "big"})
