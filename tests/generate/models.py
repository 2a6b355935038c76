"""Models made on the spot, and a float32 forward pass to hold the engines against.

`random_folder` writes a Hugging Face folder (config.json, safetensors, tokenizer.json, chat template) with random
weights; `stories_folder` writes one from the trained model under the shared data; `Reference` is the Llama, Qwen2 and
Qwen3 forward pass in NumPy, written from the papers (RMSNorm, rotary embeddings, grouped-query attention, SwiGLU) and
sharing no code with the package.
"""

import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>")

ENGLISH = (
    "The river rises in the hills and runs for forty miles to the sea. Farmers on both banks grow wheat and beans.\n\n"
    "A lighthouse was built there in 1824. It is 31 metres tall, and its lamp can be seen from 20 miles away.\n\n"
    "Is it still lit? Yes: every night, from dusk till dawn. Visitors may climb the stairs on Sundays.\n\n"
)
CHINESE = "春天来了，河边的柳树发出新芽。孩子们在草地上放风筝！\n\n这条河长六十公里，流入东海。夏天人们在河里游泳。\n\n"
CODE = (
    "def area(width, height):\n    if width < 0:\n        raise ValueError('negative')\n    return width * height\n\n"
)
EMOJI = "Good morning 👩‍👩‍👧‍👦! Coffee ☕ and cake 🍰 at 10 o'clock 🇨🇳.\n\n"
CORPUS = [ENGLISH, CHINESE, CODE, EMOJI] * 4


def shared_folder() -> Path:
    """The shared data beside the project, or where TILTH_SHARED says."""
    return Path(os.environ.get("TILTH_SHARED") or Path(__file__).resolve().parents[2] / ".." / "shared")


def byte_level_tokenizer(size: int = 512) -> Tokenizer:
    """A byte-level BPE with five special tokens, trained on a few lines."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[AddedToken(text, special=True) for text in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def sentencepiece_like(size: int = 400) -> Tokenizer:
    """A Unigram model over ▁-marked words with byte fallback, as SentencePiece makes them."""
    seed = Tokenizer(models.Unigram())
    seed.pre_tokenizer = pre_tokenizers.Metaspace()
    seed.train_from_iterator(
        [ENGLISH] * 4, trainers.UnigramTrainer(vocab_size=size - 257, unk_token="<unk>", show_progress=False)
    )
    pieces = json.loads(seed.to_str())["model"]["vocab"]
    rest = [tuple(piece) for piece in pieces if piece[0] != "<unk>"]
    bytes_ = [(f"<0x{value:02X}>", -20.0) for value in range(256)]
    tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), *bytes_, *rest], 0, True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


@dataclass(frozen=True)
class Shape:
    """A small network."""

    architecture: str = "llama"
    hidden: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 16
    feed_forward: int = 128
    vocabulary: int = 512
    context: int = 512
    rope_base: float = 10000.0
    epsilon: float = 1e-5
    tied: bool = False


def config_json(shape: Shape) -> dict:
    name = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}[shape.architecture]
    return {
        "architectures": [name],
        "model_type": shape.architecture,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_size,
        "intermediate_size": shape.feed_forward,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.epsilon,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_base},
        "rope_theta": shape.rope_base,
        "hidden_act": "silu",
        "attention_bias": False,
        "tie_word_embeddings": shape.tied,
        "bos_token_id": 0,
        "eos_token_id": [0, 1],
        "torch_dtype": "float32",
    }


def random_weights(shape: Shape, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights, large enough that the next token is seldom a near tie, and exact in float16."""
    rng = np.random.default_rng(seed)

    def draw(*size: int) -> np.ndarray:
        return (rng.standard_normal(size) * 1.5 / np.sqrt(size[-1])).astype(np.float32)

    weights = {
        "model.embed_tokens.weight": rng.standard_normal((shape.vocabulary, shape.hidden)).astype(np.float32),
        "model.norm.weight": (1 + 0.1 * rng.standard_normal(shape.hidden)).astype(np.float32),
    }
    if not shape.tied:
        weights["lm_head.weight"] = draw(shape.vocabulary, shape.hidden) * 2
    q, kv = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        sizes = {"q_proj": q, "k_proj": kv, "v_proj": kv}
        for name, rows in sizes.items():
            weights[f"{at}self_attn.{name}.weight"] = draw(rows, shape.hidden)
            if shape.architecture == "qwen2":
                weights[f"{at}self_attn.{name}.bias"] = (0.3 * rng.standard_normal(rows)).astype(np.float32)
        if shape.architecture == "qwen3":
            for name in ("q_norm", "k_norm"):
                weights[f"{at}self_attn.{name}.weight"] = (1 + 0.1 * rng.standard_normal(shape.head_size)).astype(
                    np.float32
                )
        weights[f"{at}self_attn.o_proj.weight"] = draw(shape.hidden, q)
        weights[f"{at}mlp.gate_proj.weight"] = draw(shape.feed_forward, shape.hidden)
        weights[f"{at}mlp.up_proj.weight"] = draw(shape.feed_forward, shape.hidden)
        weights[f"{at}mlp.down_proj.weight"] = draw(shape.hidden, shape.feed_forward)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{at}{name}.weight"] = (1 + 0.1 * rng.standard_normal(shape.hidden)).astype(np.float32)
    return {name: array.astype(np.float16).astype(np.float32) for name, array in weights.items()}


def write_safetensors(path: Path, weights: dict[str, np.ndarray], dtype: str = "F32") -> None:
    """Write float32 arrays as F32, F16 or BF16 (rounded towards zero) safetensors."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    parts, offset = [], 0
    for name, array in weights.items():
        if dtype == "BF16":
            data = (array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
        else:
            data = array.astype({"F32": np.float32, "F16": np.float16}[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def write_folder(folder: Path, shape: Shape, weights: dict[str, np.ndarray], tokenizer: Tokenizer, **settings) -> Path:
    """A Hugging Face model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_json(shape)))
    write_safetensors(folder / "model.safetensors", weights)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def random_folder(folder: Path, shape: Shape | None = None, seed: int = 0) -> tuple[Path, "Reference"]:
    """A folder with random weights, a trained byte-level tokenizer and a chat template, and its forward pass."""
    shape = shape or Shape()
    weights = random_weights(shape, seed)
    write_folder(
        folder,
        shape,
        weights,
        byte_level_tokenizer(shape.vocabulary),
        chat_template=CHAT_TEMPLATE,
        bos_token=None,
        eos_token="<|endoftext|>",
    )
    return folder, Reference(shape, weights)


def stories_folder(folder: Path) -> tuple[Path, "Reference"]:
    """The trained 260K-parameter model as a Hugging Face folder; skips the test where it is absent."""
    source = shared_folder() / "models" / "stories260K"
    if not (source / "stories260K.bin").is_file():
        pytest.skip(f"the trained model stories260K is not at {source}; set TILTH_SHARED to the shared folder")
    raw = (source / "stories260K.bin").read_bytes()
    hidden, forward, layers, heads, kv_heads, vocabulary, context = struct.unpack_from("<7i", raw)
    size = hidden // heads
    shape = Shape(
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_size=size,
        feed_forward=forward,
        vocabulary=vocabulary,
        context=context,
        tied=True,
    )
    weights = _stories_weights(np.frombuffer(raw, np.float32, offset=28), shape)
    write_folder(
        folder,
        shape,
        weights,
        stories_tokenizer(source / "tok512.bin"),
        bos_token="<s>",
        eos_token="</s>",
        add_bos_token=True,
    )
    config = json.loads((folder / "config.json").read_text())
    config.update(bos_token_id=1, eos_token_id=[2, 1])  # its training texts are set apart by 1
    (folder / "config.json").write_text(json.dumps(config))
    return folder, Reference(shape, weights)


def _stories_weights(values: np.ndarray, shape: Shape) -> dict[str, np.ndarray]:
    at = 0

    def take(*size: int) -> np.ndarray:
        nonlocal at
        count = int(np.prod(size))
        at += count
        return values[at - count : at].reshape(size).copy()

    layers, hidden, forward = shape.layers, shape.hidden, shape.feed_forward
    kv = shape.kv_heads * shape.head_size
    embedding = take(shape.vocabulary, hidden)
    stacked = {
        "input_layernorm": take(layers, hidden),
        "self_attn.q_proj": take(layers, hidden, hidden),
        "self_attn.k_proj": take(layers, kv, hidden),
        "self_attn.v_proj": take(layers, kv, hidden),
        "self_attn.o_proj": take(layers, hidden, hidden),
        "post_attention_layernorm": take(layers, hidden),
        "mlp.gate_proj": take(layers, forward, hidden),
        "mlp.down_proj": take(layers, hidden, forward),
        "mlp.up_proj": take(layers, forward, hidden),
    }
    weights = {"model.embed_tokens.weight": embedding, "model.norm.weight": take(hidden)}
    for name, stack in stacked.items():
        for layer in range(layers):
            array = stack[layer]
            if name in ("self_attn.q_proj", "self_attn.k_proj"):  # stored interleaved; a folder has halves
                rows = array.shape[0] // shape.head_size
                array = array.reshape(rows, shape.head_size // 2, 2, hidden).swapaxes(1, 2).reshape(array.shape)
            weights[f"model.layers.{layer}.{name}.weight"] = array
    return weights


def stories_pieces(path: Path) -> list[tuple[str, float]]:
    raw, at, pieces = path.read_bytes(), 4, []
    while at < len(raw):
        score, length = struct.unpack_from("<fi", raw, at)
        pieces.append((raw[at + 8 : at + 8 + length].decode(), score))
        at += 8 + length
    return pieces


def stories_tokenizer(path: Path) -> Tokenizer:
    """The SentencePiece BPE as a tokenizers object: pieces merge in order of their scores."""
    pieces = stories_pieces(path)
    names = ["<unk>", "<s>", "</s>", *(piece.strip("\n").replace(" ", "▁") for piece, _ in pieces[3:])]
    vocabulary = {name: index for index, name in enumerate(names)}
    merges = []
    for index, name in sorted(enumerate(names[259:], 259), key=lambda item: -pieces[item[0]][1]):
        del index
        merges += [
            (name[:cut], name[cut:])
            for cut in range(1, len(name))
            if name[:cut] in vocabulary and name[cut:] in vocabulary
        ]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in ("<unk>", "<s>", "</s>")])
    return tokenizer


class Reference:
    """The forward pass in float32."""

    def __init__(self, shape: Shape, weights: dict[str, np.ndarray]) -> None:
        self.shape = shape
        self.weights = {name: array.astype(np.float32) for name, array in weights.items()}

    def _norm(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        scale = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(self.shape.epsilon))
        return (x * scale * weight).astype(np.float32)

    def _rotate(self, x: np.ndarray, start: int) -> np.ndarray:
        """Rotary embedding of (tokens, heads, size) from position `start` on, the halves form."""
        half = self.shape.head_size // 2
        frequency = self.shape.rope_base ** (-np.arange(half, dtype=np.float64) / half)
        angle = np.arange(start, start + len(x))[:, None] * frequency
        cos, sin = (f(angle).astype(np.float32)[:, None, :] for f in (np.cos, np.sin))
        first, second = x[..., :half], x[..., half:]
        return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)

    def _heads(self, x: np.ndarray, at: str, name: str, heads: int) -> np.ndarray:
        out = x @ self.weights[f"{at}self_attn.{name}_proj.weight"].T
        bias = self.weights.get(f"{at}self_attn.{name}_proj.bias")
        out = (out if bias is None else out + bias).reshape(len(x), heads, self.shape.head_size)
        norm = self.weights.get(f"{at}self_attn.{name}_norm.weight")
        return out if norm is None else self._norm(out, norm)

    def logits(self, ids: list[int], past: list | None = None) -> np.ndarray:
        """Logits of each position, (tokens, vocabulary). `past` keeps keys and values between calls, a pair a layer."""
        shape, weights = self.shape, self.weights
        past = past if past is not None else []
        start = len(past[0][0]) if past else 0
        x = weights["model.embed_tokens.weight"][ids]
        mask = np.triu(np.full((len(ids), start + len(ids)), -np.inf, np.float32), start + 1)
        for layer in range(shape.layers):
            at = f"model.layers.{layer}."
            h = self._norm(x, weights[f"{at}input_layernorm.weight"])
            q = self._rotate(self._heads(h, at, "q", shape.heads), start)
            k = self._rotate(self._heads(h, at, "k", shape.kv_heads), start)
            v = self._heads(h, at, "v", shape.kv_heads)
            if start:
                k, v = np.concatenate([past[layer][0], k]), np.concatenate([past[layer][1], v])
            past[layer : layer + 1] = [(k, v)]
            group = shape.heads // shape.kv_heads
            k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
            scores = np.einsum("qhd,khd->hqk", q, k) / np.float32(np.sqrt(shape.head_size)) + mask
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            attention = scores / scores.sum(-1, keepdims=True)
            mixed = np.einsum("hqk,khd->qhd", attention, v).reshape(len(ids), -1)
            x = x + mixed @ weights[f"{at}self_attn.o_proj.weight"].T
            h = self._norm(x, weights[f"{at}post_attention_layernorm.weight"])
            gate = h @ weights[f"{at}mlp.gate_proj.weight"].T
            up = h @ weights[f"{at}mlp.up_proj.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{at}mlp.down_proj.weight"].T
        x = self._norm(x, weights["model.norm.weight"])
        return x @ weights.get("lm_head.weight", weights["model.embed_tokens.weight"]).T

    def greedy(self, ids: list[int], count: int, stop: tuple[int, ...] = ()) -> list[int]:
        """The `count` most likely next tokens, one after another; ends before a stop token."""
        out: list[int] = []
        past: list = []
        logits = self.logits(ids, past)
        for _ in range(count):
            token = int(logits[-1].argmax())
            if token in stop:
                break
            out.append(token)
            logits = self.logits([token], past)
        return out
