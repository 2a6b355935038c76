"""Packed sets of real text and settings of a very small model, which tests of training share."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.mix.make import make_mixture
from tilth.recipe.stages.mix import Mix, MixPart
from tilth.recipe.stages.tokens import Tokenise, TrainTokenizer
from tilth.recipe.stages.train import Architecture, Train
from tilth.tokens.pack import pack
from tilth.tokens.tokenise import tokenise
from tilth.tokens.train import train_tokenizer

#: 300 tokens, width 32, two layers: a step costs milliseconds.
TINY = Architecture(width=32, layers=2, heads=2, kv_heads=1, intermediate=64)
SEQUENCE = 32
BATCH = 4 * SEQUENCE

LINES = (
    "The harvest of 1921 was poor; by 1922, wheat cost 3.50 a bushel.",
    "Rice is sown in spring and cut in autumn.",
    "They said that the river would be back within its banks by May.",
    "A field that lies fallow for a year gives more in the next.",
)


def packed_set(folder: Path, tokens: int, *, seed: int = 0, kind: str = "web") -> Path:
    """A packed set of `tokens` tokens in several shards, with documents of different lengths."""
    name = folder / "tokenizer"
    if not name.exists():
        train_tokenizer(_dataset(folder / "texts", "all"), name, TrainTokenizer(vocabulary=300, min_frequency=1))
    made = folder / f"{kind}-{tokens}-{seed}"
    tokenise(_dataset(folder / f"texts-{kind}-{tokens}-{seed}", kind), made / "tokens", Tokenise(tokenizer=str(name)))
    return mixed_and_packed(made / "tokens", made, tokens, SEQUENCE, seed)


def mixed_and_packed(token_set: Path, out: Path, tokens: int, sequence: int, seed: int = 0) -> Path:
    """A packed set of `tokens` tokens of one token set, in about three shards."""
    part = MixPart(name="text", weight=1, kind="original", cap=200)
    mix = Mix(parts=(part,), tokens=tokens, seed=seed, shard_tokens=tokens // 3)
    make_mixture(mix, {"text": token_set}, out / "mixture")
    pack(out / "mixture", out / "packed", sequence=sequence)
    return out / "packed"


def _dataset(folder: Path, kind: str) -> Path:
    folder.mkdir(parents=True)
    texts = [" ".join(f"{LINES[(row + step) % 4]} {kind} {row}." for step in range(1 + row % 3)) for row in range(40)]
    pq.write_table(
        pa.table({"text": texts, "sample_id": [f"{kind}-{row}" for row in range(40)]}), folder / "part-00000.parquet"
    )
    return folder


def tiny(**changes: Any) -> Train:
    """Settings of a run of ten steps with a warm-up of one, a decay of two and a state after every step."""
    settings: dict[str, Any] = {
        "architecture": TINY,
        "tokens": 10 * BATCH,
        "sequence": SEQUENCE,
        "batch_tokens": BATCH,
        "learning_rate": 1e-2,
        "warmup": 0.1,
        "decay": 0.2,
        "device": "cpu",
        "threads": 1,
    }
    return Train.model_validate({**settings, **changes})


def weights(checkpoint: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Every weight of a checkpoint."""
    from safetensors.numpy import load_file

    return load_file(checkpoint / "model.safetensors")


def same_weights(first: Path, second: Path) -> bool:
    """Whether two checkpoints are equal bit for bit."""
    ours, theirs = weights(first), weights(second)
    return ours.keys() == theirs.keys() and all((ours[name] == theirs[name]).all() for name in ours)
