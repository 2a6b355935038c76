"""The model of a run: built from an architecture, or read from a folder or the Hub; and its tokenizer's files."""

import contextlib
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from tilth.base.errors import ConfigError, MissingExtra, SourceError
from tilth.base.fingerprint import fingerprint, text_hash
from tilth.data.dataset import file_digest
from tilth.data.tokenized import TokenSet
from tilth.generate.tokenizer import fetch
from tilth.recipe.stages.tokens import Tokenise
from tilth.recipe.stages.train import Architecture, Train
from tilth.tokens.tokenizer import HubTokenizer, load_tokenizer

#: Files of a base model that decide what it is; weights in the forms that transformers reads.
_WEIGHTS: Final = ("*.safetensors", "pytorch_model*.bin")
#: Files of a tokenizer that go with it into a checkpoint.
TOKENIZER_FILES: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)


def need_torch() -> Any:
    """The module torch; raises MissingExtra where it or transformers or accelerate is not installed."""
    for package in ("torch", "transformers", "accelerate"):
        try:
            __import__(package)
        except ImportError as error:
            raise MissingExtra("training", package, "train") from error
    import torch

    return torch


def tokenizer_of(tokens: TokenSet, settings: Train) -> HubTokenizer:
    """The tokenizer that a token set was made with; raises ConfigError where it changed or is gone."""
    told = tokens.tokenizer
    name = settings.tokenizer or _nearby(tokens, str(told["name"]))
    try:
        found = load_tokenizer(Tokenise(tokenizer=name, eos="none"))
    except ConfigError as error:
        raise ConfigError(
            f"{error} The tokens in {tokens.folder} were made with it; tokenizer: says where it is."
        ) from error
    seen = text_hash(found.spec, str(told["eos"]), str(told["bos"]))
    if seen != told["fingerprint"]:
        raise ConfigError(
            f"expected the tokenizer that {tokens.folder} was made with ({told['fingerprint']}); {name} is another "
            f"({seen}). Name the right one by tokenizer:, or tokenise again."
        )
    return HubTokenizer(
        name=name,
        spec=found.spec,
        size=found.size,
        eos=told["eos"],
        eos_token=told["eos_token"],
        bos=told["bos"],
        fingerprint=seen,
    )


def _nearby(tokens: TokenSet, name: str) -> str:
    """`name`, or where a relative one is not here, the same beside the token set or a folder above it."""
    path = Path(name)
    if path.is_absolute() or path.exists():
        return name
    for folder in tokens.folder.resolve().parents:
        if (folder / path).exists():
            return str(folder / path)
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base model on this disk."""

    folder: Path
    name: str
    fingerprint: str  # of its settings and weights


def find_base(settings: Train) -> Base:
    """The folder of the base model `settings.start`, fetched from the Hub where it is a name.

    Raises ConfigError for a folder without a model, SourceError and MissingExtra where a Hub name cannot be had.
    """
    name = str(settings.start)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if folder.exists() or name.startswith((".", "/", "~")) or name.count("/") != 1:
            raise ConfigError(
                f"expected a folder with a model or a Hub name such as owner/model as start; saw {name}, "
                "where there is none."
            )
        patterns = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model")
        folder = fetch(name, settings.revision, patterns)
    weights = sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern))
    if not (folder / "config.json").is_file() or not weights:
        raise ConfigError(
            f"expected config.json and weights (*.safetensors) in {folder}; it has {_names(folder)}. "
            "Give the folder of a model as transformers writes it."
        )
    digests = {path.name: file_digest(path) for path in [folder / "config.json", *weights]}
    return Base(folder=folder, name=name, fingerprint=fingerprint(digests))


def check_length(folder: Path, sequence: int) -> None:
    """Raise ConfigError where a model has fewer positions than a training sequence has tokens."""
    config = orjson.loads((folder / "config.json").read_bytes())
    most = config.get("max_position_embeddings") or config.get("n_positions")
    if isinstance(most, int) and sequence > most:
        raise ConfigError(
            f"expected sequences that the model in {folder} has positions for; saw {sequence:,} tokens and {most:,} "
            f"positions. Give sequence: {most}, or extend the model's positions first."
        )


def _names(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "nothing"


def load_base(folder: Path, attention: str | None) -> Any:
    """The model in a folder, weights in fp32."""
    from transformers import AutoModelForCausalLM

    try:
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype="float32", local_files_only=True, attn_implementation=attention or "sdpa"
        )
    except (OSError, ValueError) as error:
        raise SourceError(f"transformers cannot read the model in {folder}: {error}") from error


def build(architecture: Architecture, tokenizer: HubTokenizer, sequence: int, seed: int, attention: str | None) -> Any:
    """A model from scratch; its weights depend on the architecture, the vocabulary's size and the seed alone."""
    import torch
    from transformers import AutoModelForCausalLM

    config = model_config(architecture, tokenizer.size, sequence)
    config.bos_token_id, config.eos_token_id, config.pad_token_id = tokenizer.bos, tokenizer.eos, None
    with kept_randomness():
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation=attention or "sdpa")


def model_config(architecture: Architecture, vocabulary: int, sequence: int) -> Any:
    """transformers' settings of an architecture."""
    from transformers import AutoConfig

    more: dict[str, Any] = {"attention_bias": False, "mlp_bias": False} if architecture.family == "llama" else {}
    if architecture.family == "qwen2" and architecture.head_width not in (
        None,
        architecture.width // architecture.heads,
    ):
        raise ConfigError("family qwen2 has heads of width / heads; take llama or qwen3 for another head_width.")
    if architecture.family != "qwen2":
        more["head_dim"] = architecture.head_width or architecture.width // architecture.heads
    return AutoConfig.for_model(
        architecture.family,
        vocab_size=vocabulary,
        hidden_size=architecture.width,
        intermediate_size=architecture.intermediate,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.kv_heads,
        max_position_embeddings=sequence,
        rms_norm_eps=architecture.norm_eps,
        initializer_range=architecture.initial_std,
        tie_word_embeddings=architecture.tied,
        rope_parameters={"rope_type": "default", "rope_theta": architecture.rope_theta},
        **more,
    )


@contextlib.contextmanager
def kept_randomness() -> Iterator[None]:
    """Put the states of Python's, numpy's and torch's generators back after the block."""
    import torch

    python, numbers = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numbers)


def tokenizer_files(tokenizer: HubTokenizer, beside: Path | None, sequence: int) -> Mapping[str, bytes]:
    """Name -> bytes of the files that make a checkpoint load by AutoTokenizer: those of the base model `beside`, else
    tokenizer.json and a settings file that names the closing token."""
    files = {name: (beside / name).read_bytes() for name in TOKENIZER_FILES if beside and (beside / name).is_file()}
    files["tokenizer.json"] = tokenizer.spec.encode()
    if "tokenizer_config.json" not in files:
        names = {number: token for token, number in tokenizer.build().get_vocab().items()}
        settings = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": sequence,
            "clean_up_tokenization_spaces": False,
            "eos_token": tokenizer.eos_token,
            "bos_token": None if tokenizer.bos is None else names[tokenizer.bos],
        }
        files["tokenizer_config.json"] = orjson.dumps(settings, option=orjson.OPT_INDENT_2)
    return files
