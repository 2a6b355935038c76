"""Decay phases branch from a trunk; mid-training goes on from a base model."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from train_help import BATCH, same_weights, tiny

from tilth.base.errors import ConfigError, DriftError, Interrupted
from tilth.data.tokenized import PACKED, open_tokens
from tilth.recipe.stages.train import Train
from tilth.train.progress import Progress
from tilth.train.run import Trained, train


@pytest.fixture(scope="module")
def trunk(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Eight of ten steps, without the decay."""
    return train(packed, tmp_path_factory.mktemp("trunk") / "run", tiny(phase="stable"))


def decay(trunk: Trained, **changes: object) -> Train:
    return Train.model_validate(
        {"start": str(trunk.folder), "phase": "decay", "device": "cpu", "threads": 1, **changes}
    )


def test_stable_and_decay_on_the_same_tokens_are_the_whole_run_bit_for_bit(
    trunk: Trained, packed: Path, tmp_path: Path
) -> None:
    whole = train(packed, tmp_path / "whole", tiny())
    assert (trunk.tokens, [each.step for each in trunk.checkpoints]) == (8 * BATCH, [8])
    rest = train(packed, tmp_path / "rest", decay(trunk))
    assert (rest.tokens, [each.step for each in rest.checkpoints]) == (2 * BATCH, [10])
    assert same_weights(rest.checkpoints[-1].path, whole.checkpoints[-1].path)
    assert trunk.left - rest.left == rest.tokens
    rates = [
        pq.read_table(folder / "metrics.parquet")["learning_rate"].to_pylist()
        for folder in (trunk.folder, rest.folder, whole.folder)
    ]
    assert rates[0] + rates[1] == rates[2]


def test_a_whole_run_that_keeps_its_branch_is_as_good_a_trunk(trunk: Trained, packed: Path, tmp_path: Path) -> None:
    whole = train(packed, tmp_path / "whole", tiny(keep_branch=True))
    from_stable, from_whole = (
        train(packed, tmp_path / name, decay(each)) for name, each in (("a", trunk), ("b", whole))
    )
    assert same_weights(from_stable.checkpoints[-1].path, from_whole.checkpoints[-1].path)


def test_arms_that_branch_on_other_tokens_read_them_from_their_beginning(
    trunk: Trained, packed: Path, other: Path, tmp_path: Path
) -> None:
    one = train(other, tmp_path / "one", decay(trunk, tokens=4 * BATCH, checkpoints=2))
    assert one.tokens == 4 * BATCH
    assert [each.step for each in one.checkpoints] == [10, 12]
    assert one.left == open_tokens(other, PACKED).tokens - one.tokens
    rates = pq.read_table(one.folder / "metrics.parquet")["learning_rate"].to_pylist()
    assert rates == pytest.approx([0.00775, 0.0055, 0.00325, 0.001])
    same = train(packed, tmp_path / "same", decay(trunk, tokens=4 * BATCH))
    assert not same_weights(one.checkpoints[-1].path, same.checkpoints[-1].path)


def test_a_decay_keeps_what_its_trunk_decided(trunk: Trained, packed: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"learning_rate is 0.5, the trunk's 0.01. Leave it out"):
        train(packed, tmp_path / "run", decay(trunk, learning_rate=0.5))
    with pytest.raises(ConfigError, match=r"expected a run to branch from in .* Train the trunk with phase stable"):
        train(packed, tmp_path / "run", decay(trunk, start=str(tmp_path)))
    train(packed, tmp_path / "run", decay(trunk))
    with pytest.raises(DriftError, match="tokens was 256, is 384"):
        train(packed, tmp_path / "run", decay(trunk, tokens=3 * BATCH))


def base_settings(model: Path, **changes: object) -> Train:
    settings = {"sequence": 32, "batch_tokens": BATCH, "tokens": 5 * BATCH, "device": "cpu", "threads": 1, **changes}
    return Train.model_validate({"start": str(model), **settings})


def test_mid_training_goes_on_from_the_weights_of_a_base_model(packed: Path, tmp_path: Path) -> None:
    base = train(packed, tmp_path / "base", tiny())
    model = base.checkpoints[-1].path
    still = train(packed, tmp_path / "still", base_settings(model, learning_rate=1e-30, weight_decay=0))
    assert same_weights(model, still.checkpoints[-1].path)
    more = train(packed, tmp_path / "more", base_settings(model, learning_rate=3e-3))
    losses = [pq.read_table(run.folder / "metrics.parquet")["loss"].to_pylist() for run in (base, still, more)]
    assert losses[1][0] == losses[2][0] < losses[0][2]
    assert losses[2][-1] < losses[1][-1]
    with pytest.raises(DriftError, match="start was"):
        train(packed, tmp_path / "more", base_settings(more.checkpoints[-1].path, learning_rate=3e-3))


def test_a_tokenizer_that_does_not_fit_the_base_model_is_refused_with_numbers(packed: Path, tmp_path: Path) -> None:
    model = train(packed, tmp_path / "base", tiny()).checkpoints[-1].path
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "vocab_size": 250}))
    with pytest.raises(ConfigError, match=r"ids go up to 299, the model has 250 rows .* 50 too few"):
        train(packed, tmp_path / "run", base_settings(model))
    (model / "config.json").write_text(json.dumps(config))
    spec = json.loads((model / "tokenizer.json").read_text())
    spec["added_tokens"][0]["content"] = "<|begin|>"
    spec["model"]["vocab"]["<|begin|>"] = spec["model"]["vocab"].pop("<|endoftext|>")
    (model / "tokenizer.json").write_text(json.dumps(spec))
    with pytest.raises(ConfigError, match=r"1 of 300 tokens have another id there; '<\|endoftext\|>'"):
        train(packed, tmp_path / "run", base_settings(model))


def test_a_folder_without_a_model_is_refused_with_what_is_there(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"expected config.json and weights .* it has notes.txt"):
        train(packed, tmp_path / "run", base_settings(tmp_path / "model"))
    with pytest.raises(ConfigError, match="where there is none"):
        train(packed, tmp_path / "run", base_settings(tmp_path / "nowhere"))


def test_sequences_longer_than_the_model_has_positions_are_refused(packed: Path, tmp_path: Path) -> None:
    model = train(packed, tmp_path / "base", tiny()).checkpoints[-1].path
    with pytest.raises(ConfigError, match=r"saw 64 tokens and 32 positions. Give sequence: 32"):
        train(packed, tmp_path / "run", base_settings(model, sequence=64))


def gpt2(packed: Path, folder: Path) -> Path:
    """A base model of another family, with dropout, as transformers writes it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from tilth.train.model import kept_randomness

    small = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 32, "vocab_size": 300}
    with kept_randomness():
        AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **small)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("documents", ["joined", "masked"])
def test_a_model_with_dropout_resumes_exactly_too(packed: Path, tmp_path: Path, documents: str) -> None:
    model = gpt2(packed, tmp_path / "gpt2")
    settings = base_settings(model, learning_rate=1e-2, documents=documents, save_minutes=0)
    straight = train(packed, tmp_path / "straight", settings)

    def stop(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="step 3"):
        train(packed, tmp_path / "run", settings, on_progress=stop)
    assert same_weights(train(packed, tmp_path / "run", settings).checkpoints[-1].path, straight.checkpoints[-1].path)


def test_mid_training_has_phases_too(packed: Path, tmp_path: Path) -> None:
    model = train(packed, tmp_path / "base", tiny()).checkpoints[-1].path
    settings = {"learning_rate": 1e-2, "schedule": "wsd", "decay": 0.4}
    whole = train(packed, tmp_path / "whole", base_settings(model, **settings))
    trunk = train(packed, tmp_path / "trunk", base_settings(model, phase="stable", **settings))
    rest = train(packed, tmp_path / "rest", decay(trunk))
    assert same_weights(rest.checkpoints[-1].path, whole.checkpoints[-1].path)
