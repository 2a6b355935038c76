"""Train a byte-level BPE tokenizer: the same texts and settings give the same file, byte for byte.

What it costs: about 1 CPU-second a MB of text looked at, and memory of about ten times the distinct words.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from tilth.base.errors import ConfigError
from tilth.base.files import write_bytes, write_json
from tilth.recipe.stages.tokens import TrainTokenizer
from tilth.tokens.source import source_batches, source_shards
from tilth.tokens.units import LLAMA3, QWEN2

_BATCH_BYTES: Final = 4 << 20


def train_tokenizer(dataset: Path, folder: Path, settings: TrainTokenizer, *, column: str = "text") -> Path:
    """Write tokenizer.json and tokenizer_config.json into `folder`; the path of the first.

    Where the dataset has more than `max_bytes` of text, every n-th batch of 4 MiB is looked at. Raises ConfigError
    where the texts do not give as many tokens as asked, with the number that they give.
    """
    built = _untrained(settings)
    built.train_from_iterator(_texts(dataset, column, settings.max_bytes), trainer=_trainer(settings))
    if built.get_vocab_size() != settings.vocabulary:
        raise ConfigError(
            f"expected {settings.vocabulary} tokens from {dataset}; its texts give {built.get_vocab_size()}. "
            "Give more text, a smaller vocabulary, or a smaller min_frequency."
        )
    write_json(folder / "tokenizer_config.json", {"eos_token": settings.specials[0]})
    parsed = orjson.loads(built.to_str())
    path = folder / "tokenizer.json"
    write_bytes(path, orjson.dumps(parsed, option=orjson.OPT_INDENT_2) + b"\n")
    return path


def _texts(dataset: Path, column: str, most: int) -> Iterator[list[str]]:
    shards = source_shards(dataset, column)
    every = max(1, -(-sum(shard.text_bytes for shard in shards) // most))
    seen = 0
    for shard in shards:
        for batch in source_batches(shard.path, column, _BATCH_BYTES):
            if seen % every == 0:
                yield batch.texts.to_list()
            seen += 1


def _trainer(settings: TrainTokenizer) -> Any:
    from tokenizers import pre_tokenizers, trainers

    return trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        min_frequency=settings.min_frequency,
        special_tokens=list(settings.specials),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )


def _untrained(settings: TrainTokenizer) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    built = Tokenizer(models.BPE())
    if settings.split in ("gpt2", "digits"):
        steps: list[Any] = [pre_tokenizers.Digits(individual_digits=True)] if settings.split == "digits" else []
        steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False))
    else:
        pattern = Regex(LLAMA3 if settings.split == "llama3" else QWEN2)
        steps = [
            pre_tokenizers.Split(pattern, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    built.pre_tokenizer = steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)
    if settings.split == "qwen2":
        built.normalizer = normalizers.NFC()
    built.decoder = decoders.ByteLevel()
    return built
