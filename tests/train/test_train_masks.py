"""Documents are kept apart: the logits of one do not change with its neighbours, and a model that cannot is refused."""

from pathlib import Path

import pytest
import torch
from train_help import SEQUENCE, TINY, tiny

from tilth.base.errors import ConfigError
from tilth.data.tokenized import PACKED, open_tokens
from tilth.train.masks import check_masks
from tilth.train.model import build, tokenizer_of
from tilth.train.run import train
from tilth.train.sequences import Sequences, collate, collate_flat


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_logits_of_a_document_do_not_change_with_its_neighbours(packed: Path, family: str, attention: str) -> None:
    tokens = open_tokens(packed, PACKED)
    architecture = TINY.model_copy(update={"family": family})
    model = build(architecture, tokenizer_of(tokens, tiny()), SEQUENCE, 0, attention).train()
    batch = collate([Sequences(tokens, SEQUENCE, 8, documents="masked")[number] for number in range(2, 6)])
    row, begin = next(
        (row, int(place))
        for row in range(4)
        for place in range(1, SEQUENCE - 4)
        if batch["position_ids"][row, place] == 0
    )
    with torch.no_grad():
        before = model(**batch, use_cache=False).logits[row, begin:]
        batch["input_ids"][row, :begin] = 7
        after = model(**batch, use_cache=False).logits[row, begin:]
        joined = model(input_ids=batch["input_ids"], use_cache=False).logits[row, begin:]
    assert torch.equal(before, after)
    assert not torch.allclose(before, joined, atol=1e-4)


def test_a_flat_batch_has_the_loss_of_a_stacked_one(packed: Path) -> None:
    tokens = open_tokens(packed, PACKED)
    model = build(TINY, tokenizer_of(tokens, tiny()), 8 * SEQUENCE, 0, None)
    rows = [Sequences(tokens, SEQUENCE, 8, documents="masked")[number] for number in range(8)]
    with torch.no_grad():
        stacked, flat = (model(**batch, use_cache=False).loss for batch in (collate(rows), collate_flat(rows)))
    assert float(flat) == pytest.approx(float(stacked), abs=1e-5)


def test_a_model_that_reads_across_documents_is_refused() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 1, "vocab_size": 50}
    recurrent = AutoModelForCausalLM.from_config(AutoConfig.for_model("mamba", **settings))
    with pytest.raises(ConfigError, match=r"MambaForCausalLM .*give documents: joined"):
        check_masks(recurrent, "cpu")


def test_the_check_leaves_a_model_that_masks_as_it_was(packed: Path) -> None:
    model = build(TINY, tokenizer_of(open_tokens(packed, PACKED), tiny()), SEQUENCE, 0, None).train()
    check_masks(model, "cpu")
    assert model.training


def test_masked_and_joined_runs_differ(packed: Path, tmp_path: Path) -> None:
    masked, joined = (
        train(packed, tmp_path / documents, tiny(documents=documents)) for documents in ("masked", "joined")
    )
    from train_help import same_weights

    assert not same_weights(masked.checkpoints[-1].path, joined.checkpoints[-1].path)
