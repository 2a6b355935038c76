"""Whether a model keeps documents apart: looked at, not believed, since a model that ignores the mask trains silently.

transformers makes the mask between documents of the positions that begin again (`masking_utils`); an architecture with
code of its own may not. So two batches that differ in their first document alone go through the model.
"""

from typing import Any, Final

from tilth.base.errors import ConfigError

_LENGTH: Final = 8  # tokens of each of two documents
#: Greatest difference of the logits that is rounding: they are of the order of 1, and bf16 keeps 8 bits.
_TOLERANCE: Final = {"float32": 1e-4, "bfloat16": 5e-2}


def check_masks(model: Any, device: Any, *, bf16: bool = False) -> None:
    """Raise ConfigError where the logits of a document change with the document before it in the sequence."""
    import torch

    vocabulary = model.get_input_embeddings().num_embeddings
    ids = torch.arange(2 * _LENGTH, device=device)[None] % vocabulary
    other = ids.clone()
    other[:, :_LENGTH] = (ids[:, :_LENGTH] + 3) % vocabulary
    positions = torch.arange(_LENGTH, device=device).repeat(2)[None]
    training = model.training
    model.eval()
    with torch.no_grad(), torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):
        first, second = (model(input_ids=each, position_ids=positions, use_cache=False).logits for each in (ids, other))
    model.train(training)
    difference = float((first[:, _LENGTH:] - second[:, _LENGTH:]).abs().max())
    if difference > _TOLERANCE["bfloat16" if bf16 else "float32"]:
        raise ConfigError(
            f"expected the model to keep documents apart; logits of one changed by {difference:.3g} with the document "
            f"before it. {type(model).__name__} with attention {model.config._attn_implementation} does not mask by "
            "positions: give documents: joined, or another attention."
        )
