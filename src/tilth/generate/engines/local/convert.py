"""A Hugging Face folder as a GGUF file: llama, qwen2 and qwen3, on NumPy, without torch.

Tensor names and metadata keys are those of the GGUF specification. Rotary weights of llama are stored in the
interleaved order that GGUF readers expect; tests hold the result against a float32 forward pass. What a reader could
get wrong in silence (another activation, biases, sliding windows, scaled rotary embeddings) is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import orjson

from tilth.base.errors import ConfigError
from tilth.generate.engines.local.safetensors import StoredTensor, open_safetensors
from tilth.generate.gguf import Weight, write_gguf

#: Raise it when the same folder would give another file.
CONVERTER: Final = 1

ARCHITECTURES: Final = {"llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}  # model_type of config.json -> GGUF name

_OUTER: Final = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_INNER: Final = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What config.json says of the network."""

    architecture: str
    hidden: int
    layers: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    rope_base: float
    epsilon: float
    tied: bool  # the output layer shares the embedding's weights

    def metadata(self, precision: Literal["f16", "f32"]) -> dict[str, Any]:
        """The keys of the GGUF specification that a decoder needs."""
        name = self.architecture
        return {
            "general.architecture": name,
            "general.name": name,
            "general.file_type": 0 if precision == "f32" else 1,
            f"{name}.vocab_size": self.vocabulary,
            f"{name}.context_length": self.context,
            f"{name}.embedding_length": self.hidden,
            f"{name}.block_count": self.layers,
            f"{name}.feed_forward_length": self.feed_forward,
            f"{name}.attention.head_count": self.heads,
            f"{name}.attention.head_count_kv": self.kv_heads,
            f"{name}.attention.key_length": self.head_size,
            f"{name}.attention.value_length": self.head_size,
            f"{name}.attention.layer_norm_rms_epsilon": self.epsilon,
            f"{name}.rope.dimension_count": self.head_size,
            f"{name}.rope.freq_base": self.rope_base,
        }


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder as an object."""
    path = folder / "config.json"
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigError(f"expected a model's config.json at {path}; saw: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"expected a JSON object in {path}; saw {type(found).__name__}")
    return found


def read_shape(folder: Path) -> ModelShape:
    """The network of a folder; raises ConfigError naming what this converter does not do."""
    config = read_config(folder)
    _refuse(folder, config)
    try:
        heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
        return ModelShape(
            architecture=ARCHITECTURES[config["model_type"]],
            hidden=hidden,
            layers=int(config["num_hidden_layers"]),
            feed_forward=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_size=int(config.get("head_dim") or hidden // heads),
            vocabulary=int(config["vocab_size"]),
            context=int(config["max_position_embeddings"]),
            rope_base=float(_rope(config).get("rope_theta", config.get("rope_theta", 10000.0))),
            epsilon=float(config["rms_norm_eps"]),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"expected {error} in {folder / 'config.json'}; the file lacks it or it is no number"
        ) from error


def _rope(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rotary settings: `rope_parameters` since transformers 5, `rope_scaling` before."""
    found = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return found if isinstance(found, dict) else {}


def _refuse(folder: Path, config: Mapping[str, Any]) -> None:
    rope = _rope(config)
    kind = rope.get("rope_type", rope.get("type", "default"))
    checks = (
        (config.get("model_type") in ARCHITECTURES, f"model_type {config.get('model_type')!r}"),
        (config.get("hidden_act", "silu") == "silu", f"hidden_act {config.get('hidden_act')!r}"),
        (config.get("model_type") != "llama" or not config.get("attention_bias"), "attention_bias"),
        (config.get("model_type") != "qwen3" or not config.get("attention_bias"), "attention_bias"),
        (not config.get("mlp_bias"), "mlp_bias"),
        (not config.get("use_sliding_window"), "use_sliding_window"),
        (kind == "default", f"rope_type {kind!r}"),
        (not config.get("quantization_config"), "quantization_config"),
    )
    wrong = [what for good, what in checks if not good]
    if wrong:
        raise ConfigError(
            f"expected a plain llama, qwen2 or qwen3 model in {folder}; saw {', '.join(wrong)}, which the converter "
            "does not do. Give a GGUF file of the model with engine: xllamacpp, or serve it and use engine: endpoint."
        )


def convert_weights(folder: Path, shape: ModelShape, precision: Literal["f16", "f32"]) -> list[Weight]:
    """Every tensor to write, in the order of the specification's names; nothing is loaded yet."""
    stored = open_safetensors(folder)
    names = _names(shape)
    missing = [name for name in names if name not in stored and not name.endswith(".bias")]
    if missing:
        raise ConfigError(
            f"expected tensor {missing[0]} in {folder}; the weights do not have it. Copy the model again."
        )
    unknown = [name for name in stored if name not in names and not _ignorable(name, shape)]
    if unknown:
        raise ConfigError(f"expected only llama, qwen2 or qwen3 tensors in {folder}; saw {unknown[0]} as well")
    return [_weight(target, stored[name], shape, precision) for name, target in names.items() if name in stored]


def _names(shape: ModelShape) -> dict[str, str]:
    names = {name: target for name, target in _OUTER.items() if not (shape.tied and name == "lm_head.weight")}
    wanted = {part: target for part, target in _INNER.items() if "_norm" not in target or target in _norms(shape)}
    for layer in range(shape.layers):
        for part, target in wanted.items():
            names[f"model.layers.{layer}.{part}.weight"] = f"blk.{layer}.{target}.weight"
            if shape.architecture == "qwen2" and part[-6:] in ("q_proj", "k_proj", "v_proj"):
                names[f"model.layers.{layer}.{part}.bias"] = f"blk.{layer}.{target}.bias"
    return names


def _norms(shape: ModelShape) -> tuple[str, ...]:
    extra = ("attn_q_norm", "attn_k_norm") if shape.architecture == "qwen3" else ()
    return ("attn_norm", "ffn_norm", *extra)


def _ignorable(name: str, shape: ModelShape) -> bool:
    """Tensors that carry nothing: tied copies and stored rotary tables."""
    return name.endswith("rotary_emb.inv_freq") or (shape.tied and name == "lm_head.weight")


def _weight(target: str, stored: StoredTensor, shape: ModelShape, precision: Literal["f16", "f32"]) -> Weight:
    wide = precision == "f32" or len(stored.shape) == 1  # norms and biases stay float32, as readers expect
    load: Callable[[], npt.NDArray[Any]] = stored.load
    if shape.architecture == "llama" and target.endswith(("attn_q.weight", "attn_k.weight")):
        heads = shape.heads if target.endswith("attn_q.weight") else shape.kv_heads

        def load() -> npt.NDArray[Any]:
            return interleave_rotary(stored.load(), heads)

    return Weight(name=target, shape=stored.shape, dtype=np.float32 if wide else np.float16, load=load)


def interleave_rotary(weight: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Rows of a (heads * size, hidden) projection from half-split to interleaved rotary order, head by head."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def convert_folder(folder: Path, target: Path, precision: Literal["f16", "f32"], vocabulary: Mapping[str, Any]) -> None:
    """Write `folder` as the GGUF file `target` (not atomic: the caller renames). `vocabulary`: tokenizer metadata."""
    shape = read_shape(folder)
    weights = convert_weights(folder, shape, precision)
    with target.open("wb") as file:
        write_gguf(file, {**shape.metadata(precision), **vocabulary}, weights)
