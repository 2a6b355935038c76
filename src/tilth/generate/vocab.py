"""Vocabularies between tokenizer.json and GGUF metadata, in both directions.

Guarantee: a tokenizer rebuilt from GGUF metadata gives the ids of the tokenizer.json it came from, or it is refused.
Exact are SentencePiece BPE with byte fallback (`tokenizer.ggml.model` llama) whose scores order every merge, and
byte-level BPE (gpt2) whose pre-tokeniser is one of `PRE_TOKENIZERS`. What GGUF does not carry, and so is not rebuilt,
is the stripping flags of added tokens.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from tilth.base.errors import ConfigError

#: Token types of the GGUF specification.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

SPACE: Final = "▁"  # SentencePiece's mark for a space

_CONTRACTIONS: Final = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def _split(pattern: str) -> list[dict[str, Any]]:
    """The pre-tokeniser of models that split by one pattern and then map bytes to characters."""
    return [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
    ]


#: GGUF's name of a pre-tokeniser -> the steps of tokenizer.json. The patterns are the models' own, as published.
PRE_TOKENIZERS: Final[dict[str, list[dict[str, Any]]]] = {
    "gpt-2": [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}],
    "llama-bpe": _split(_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _TAIL),
    "qwen2": _split(_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _TAIL),
    "smollm": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}
_NORMALIZERS: Final = {"qwen2": {"type": "NFC"}}
_IGNORES_MERGES: Final = ("llama-bpe",)  # a word that is in the vocabulary is one token, whatever the merges say

_SPM_DECODER: Final = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ],
}
_BYTE_DECODER: Final = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def steps(part: Mapping[str, Any] | None, key: str) -> list[Mapping[str, Any]]:
    """The steps of a normaliser, pre-tokeniser or decoder of tokenizer.json, nested sequences flattened.

    `key` is the sequence's own name for its parts: "normalizers", "pretokenizers" or "decoders".
    """
    if not part:
        return []
    if part.get("type") == "Sequence":
        return [step for inner in part.get(key, []) for step in steps(inner, key)]
    return [part]


def pre_tokenizer_name(spec: Mapping[str, Any]) -> str | None:
    """GGUF's name for the pre-tokeniser of a parsed tokenizer.json, or None where it is not one we know."""
    found = steps(spec.get("pre_tokenizer"), "pretokenizers")
    normalizer = steps(spec.get("normalizer"), "normalizers")
    for name, wanted in PRE_TOKENIZERS.items():
        needed = [_NORMALIZERS[name]] if name in _NORMALIZERS else []
        ignores = bool(spec["model"].get("ignore_merges"))
        if _same(found, wanted) and _same(normalizer, needed) and ignores == (name in _IGNORES_MERGES):
            return name
    return None


def _same(found: list[Mapping[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Equal but for `trim_offsets`, which moves offsets and never ids."""

    def plain(step: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in step.items() if key != "trim_offsets"}

    return [plain(step) for step in found] == [plain(step) for step in wanted]


def vocabulary_metadata(spec: Mapping[str, Any], size: int, *, strict: bool) -> dict[str, Any]:
    """GGUF keys for a parsed tokenizer.json, padded to the embedding's `size`.

    `strict` refuses a byte-level pre-tokeniser that GGUF has no name for: an engine that tokenises by itself would get
    other ids. An engine that is sent ids may pass strict=False. Raises ConfigError for what is not BPE.
    """
    model = spec["model"]
    kind = bpe_kind(spec)
    if kind is None:
        raise ConfigError(
            f"expected a byte-level or byte-fallback BPE tokenizer.json; saw {model.get('type')}. "
            "Give a GGUF file of the model, or serve it and use engine: endpoint."
        )
    added = {entry["id"]: entry for entry in spec.get("added_tokens") or []}
    if max([*model["vocab"].values(), *added], default=0) >= size:
        raise ConfigError(
            f"expected a tokenizer of at most {size} tokens, the model's vocab_size; saw "
            f"{max([*model['vocab'].values(), *added]) + 1}. tokenizer.json belongs to another model."
        )
    names = [f"[PAD{index}]" for index in range(size)]
    types = [UNUSED] * size
    for name, index in model["vocab"].items():
        names[index], types[index] = name, _type(name, model, kind)
    for index, entry in added.items():
        names[index] = entry["content"]
        unknown = entry["content"] == model.get("unk_token")
        types[index] = UNKNOWN if unknown else CONTROL if entry.get("special") else USER_DEFINED
    found: dict[str, Any] = {"tokenizer.ggml.model": kind, "tokenizer.ggml.tokens": names}
    if kind == "llama":
        found["tokenizer.ggml.scores"] = _scores(model, names)
        found["tokenizer.ggml.add_space_prefix"] = _prepends(spec)
    else:
        found["tokenizer.ggml.pre"] = _pre(spec, strict)
        found["tokenizer.ggml.merges"] = [" ".join(pair) for pair in _merges(model)]
    found["tokenizer.ggml.token_type"] = types
    return found


def bpe_kind(spec: Mapping[str, Any]) -> str | None:
    """GGUF's name for the model: "gpt2" for byte-level BPE, "llama" for BPE with byte fallback, None for others."""
    model = spec["model"]
    if model.get("type") != "BPE":
        return None
    if any(step.get("type") == "ByteLevel" for step in steps(spec.get("pre_tokenizer"), "pretokenizers")):
        return "gpt2"
    return "llama" if model.get("byte_fallback") else None


def _pre(spec: Mapping[str, Any], strict: bool) -> str:
    name = pre_tokenizer_name(spec)
    if name is None and strict:
        raise ConfigError(
            "expected a pre-tokeniser that GGUF has a name for "
            f"({', '.join(PRE_TOKENIZERS)}); saw another in tokenizer.json. Give a GGUF file of the model, "
            "or use engine: openvino, which is sent token ids."
        )
    return name or "default"


def _type(name: str, model: Mapping[str, Any], kind: str) -> int:
    if name == model.get("unk_token"):
        return UNKNOWN
    return BYTE if kind == "llama" and _byte(name) else NORMAL


def _byte(name: str) -> bool:
    return len(name) == 6 and name.startswith("<0x") and name.endswith(">")


def _merges(model: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Merges as pairs; older files hold them as one string with a space."""
    for pair in model["merges"]:
        left, right = pair.split(" ", 1) if isinstance(pair, str) else pair
        yield left, right


def _scores(model: Mapping[str, Any], names: list[str]) -> list[float]:
    """A score a piece, higher merged first: minus the rank of the first merge that makes it."""
    ranks: dict[str, int] = {}
    for rank, (left, right) in enumerate(_merges(model), 1):
        ranks.setdefault(left + right, rank)
    return [-float(ranks.get(name, 0)) for name in names]


def _prepends(spec: Mapping[str, Any]) -> bool:
    normalizer = steps(spec.get("normalizer"), "normalizers")
    pre = steps(spec.get("pre_tokenizer"), "pretokenizers")
    return any(step.get("type") == "Prepend" for step in normalizer) or any(
        step.get("type") == "Metaspace" and step.get("prepend_scheme") != "never" for step in pre
    )


def rebuild_tokenizer(metadata: Mapping[str, Any], where: str) -> str:
    """The tokenizer.json text for a GGUF file's metadata; raises ConfigError where it cannot be exact."""
    kind = metadata.get("tokenizer.ggml.model")
    names, types = metadata.get("tokenizer.ggml.tokens"), metadata.get("tokenizer.ggml.token_type")
    remedy = "Put the model's tokenizer.json beside the file, or name it in tokenizer:."
    if kind not in ("gpt2", "llama") or not names or not types:
        raise ConfigError(f"expected a BPE vocabulary in {where}; saw tokenizer model {kind!r}. {remedy}")
    unknown = next((name for name, type_ in zip(names, types, strict=True) if type_ == UNKNOWN), None)
    model: dict[str, Any] = {"type": "BPE", "unk_token": unknown, "fuse_unk": True, "byte_fallback": kind == "llama"}
    model["vocab"] = {name: index for index, name in enumerate(names) if types[index] != UNUSED}
    spec: dict[str, Any] = {"version": "1.0", "model": model, "added_tokens": _added(names, types)}
    if kind == "llama":
        model["merges"] = _merges_by_score(metadata["tokenizer.ggml.scores"], names, types, where, remedy)
        prepend = (
            [{"type": "Prepend", "prepend": SPACE}] if metadata.get("tokenizer.ggml.add_space_prefix", True) else []
        )
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
        spec["normalizer"] = {"type": "Sequence", "normalizers": [*prepend, replace]}
        spec["decoder"] = _SPM_DECODER
    else:
        pre = metadata.get("tokenizer.ggml.pre")
        if pre not in PRE_TOKENIZERS:
            raise ConfigError(
                f"expected one of {', '.join(PRE_TOKENIZERS)} as pre-tokeniser in {where}; saw {pre!r}. {remedy}"
            )
        model.update(merges=[merge.split(" ", 1) for merge in metadata["tokenizer.ggml.merges"]])
        model.update(unk_token=None, fuse_unk=False, ignore_merges=pre in _IGNORES_MERGES)
        spec["normalizer"] = _NORMALIZERS.get(pre)
        spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": PRE_TOKENIZERS[pre]}
        spec["decoder"] = _BYTE_DECODER
    return orjson.dumps(spec).decode()


def _added(names: list[str], types: list[int]) -> list[dict[str, Any]]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return [
        {"id": index, "content": name, "special": types[index] != USER_DEFINED, **flags}
        for index, name in enumerate(names)
        if types[index] in (UNKNOWN, CONTROL, USER_DEFINED)
    ]


def _merges_by_score(
    scores: list[float], names: list[str], types: list[int], where: str, remedy: str
) -> list[tuple[str, str]]:
    """Every way to make a piece of two others, pieces with the highest score first."""
    known = {name: index for index, name in enumerate(names) if types[index] == NORMAL}
    pairs: dict[str, list[tuple[str, str]]] = {}
    for name in known:
        cuts = ((name[:cut], name[cut:]) for cut in range(1, len(name)))
        found = [(left, right) for left, right in cuts if left in known and right in known]
        if found:
            pairs[name] = sorted(found, key=lambda pair: (known[pair[0]], known[pair[1]]))
    ordered = sorted(pairs, key=lambda name: -scores[known[name]])
    if len({scores[known[name]] for name in ordered}) != len(ordered):
        raise ConfigError(f"expected scores that order every merge in {where}; saw equal ones. {remedy}")
    return [pair for name in ordered for pair in pairs[name]]
