"""The vocabulary as OpenVINO's own tokenizer can hold it.

We send ids and read ids, so that tokenizer (wrong on every prompt measured) is never used to encode. The runtime still
needs to know the bytes of each token, for JSON schemas, regular expressions and stop strings, and it only takes
byte-level vocabularies. So each token is written by its bytes, as a GGUF file without weights.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tilth.base.errors import ConfigError
from tilth.base.files import write_atomic
from tilth.generate.engines.local.resolve import LocalModel, cache_folder
from tilth.generate.gguf import write_gguf
from tilth.generate.vocab import CONTROL, NORMAL, SPACE, UNUSED, USER_DEFINED, steps

#: Raise it when the same tokenizer would give another file.
_LAYOUT: Final = 1


def byte_characters() -> dict[int, str]:
    """The printable character that stands for each byte in byte-level vocabularies (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = (byte for byte in range(256) if byte not in printable)
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + index) for index, byte in enumerate(rest)}


def write_vocabulary(model: LocalModel) -> Path:
    """The vocabulary's file under the cache folder, made where it is not there yet."""
    path = cache_folder() / "vocabulary" / f"{model.counter.fingerprint}-{model.vocabulary}-{_LAYOUT}.gguf"
    if not path.is_file():
        metadata = vocabulary(model.counter.spec, model.vocabulary, model.stops)

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                write_gguf(file, metadata, [])

        write_atomic(path, write)
    return path


def vocabulary(spec: Mapping[str, Any], size: int, stops: tuple[int, ...]) -> dict[str, Any]:
    """GGUF metadata for a parsed tokenizer.json; raises ConfigError for a model that is not made of bytes or pieces."""
    names = [f"[PAD{index}]" for index in range(size)]
    types = [UNUSED] * size
    for name, index in _pieces(spec):
        names[index], types[index] = name, NORMAL
    for entry in spec.get("added_tokens") or []:
        names[entry["id"]] = entry["content"]
        types[entry["id"]] = CONTROL if entry.get("special") else USER_DEFINED
    return {
        "general.architecture": "llama",
        "general.file_type": 1,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": names,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": [_a_merge(names)],
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": stops[0] if stops else 0,
    }


def _a_merge(names: list[str]) -> str:
    """One merge that the vocabulary allows: the runtime fails on none, and never needs more, since we send ids."""
    known = set(names)
    for name in names:
        for cut in range(1, len(name)):
            if name[:cut] in known and name[cut:] in known:
                return f"{name[:cut]} {name[cut:]}"
    return f"{names[0]} {names[0]}"


def _pieces(spec: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Each token of the model in byte characters, with its id."""
    vocabulary = spec["model"].get("vocab")
    if isinstance(vocabulary, list):  # Unigram: pairs of piece and score
        vocabulary = {piece[0]: index for index, piece in enumerate(vocabulary)}
    if any(step.get("type") == "ByteLevel" for step in steps(spec.get("pre_tokenizer"), "pretokenizers")):
        return list(vocabulary.items())
    if not spec["model"].get("byte_fallback"):
        raise ConfigError(
            "expected a tokenizer of bytes or of pieces with byte fallback; "
            f"saw {spec['model'].get('type')} without either. Use engine: xllamacpp with a GGUF file of the model."
        )
    characters = byte_characters()
    return [("".join(characters[byte] for byte in _bytes(name)), index) for name, index in vocabulary.items()]


def _bytes(piece: str) -> bytes:
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes([int(piece[3:5], 16)])
    return piece.replace(SPACE, " ").encode()
