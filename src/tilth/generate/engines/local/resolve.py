"""From what a recipe names to what a local engine loads: a GGUF file, its tokenizer, its stop tokens, its window.

A model is a GGUF file, a Hugging Face folder or a Hub name. A folder is converted once into a GGUF file under the cache
folder (XDG_CACHE_HOME, else ~/.cache), keyed by the content of its files and written atomically: two runs that convert
at once both end well.
Hashing costs about 1 s a GB at each start, converting about 3 s a GB once.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import orjson

from tilth.base.errors import ConfigError
from tilth.base.files import write_atomic
from tilth.generate.engines.local.convert import CONVERTER, convert_folder, read_config, read_shape
from tilth.generate.engines.local.safetensors import safetensors_files
from tilth.generate.gguf import Gguf, read_gguf
from tilth.generate.model import ModelSpec
from tilth.generate.tokenizer import TokenCounter, fetch, load_counter
from tilth.generate.vocab import bpe_kind, vocabulary_metadata

_CHUNK: Final = 1 << 22
_HUB_FILES: Final = ("*.json", "*.safetensors", "*.jinja")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model that is ready to be loaded."""

    gguf: Gguf
    counter: TokenCounter
    stops: tuple[int, ...]  # ids that end an answer
    context: int  # tokens the network was made for
    defaults: dict[str, float | int] = field(default_factory=dict)  # the model's own sampling; empty: greedy
    revision: str  # content hash, 32 hex digits

    @property
    def path(self) -> Path:
        return self.gguf.path

    @property
    def vocabulary(self) -> int:
        """Rows of the output layer: the tokenizer's tokens and any padding."""
        return self.gguf.tensors["token_embd.weight"].shape[0]


def resolve_model(spec: ModelSpec, *, strict: bool) -> LocalModel:
    """Find, and where needed download and convert, the model of `spec`.

    `strict`: the engine tokenises by itself from the GGUF file, so a vocabulary that GGUF cannot express is refused.
    """
    path = find_model(spec)
    if path.is_dir():
        return _from_folder(spec, path, strict)
    gguf = read_gguf(path)
    if int(gguf.metadata.get("split.count", 1)) > 1:
        raise ConfigError(f"expected one GGUF file; {path} is one of several parts. Merge them with gguf-split first.")
    return LocalModel(
        gguf=gguf,
        counter=_counter(spec, path),
        stops=_ids(gguf.metadata.get(f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot", "eom")),
        context=_context(gguf),
        revision=content_hash([path]),
    )


def counter_for(spec: ModelSpec) -> TokenCounter | None:
    """The counter of the model that `spec` names: its own tokenizer where a local engine knows it, else None."""
    local = spec.engine in ("openvino", "xllamacpp")
    name = spec.tokenizer or (spec.model if local else None)
    chat = spec.api == "chat"
    return load_counter(name, spec.revision, plain=local or not chat, chat=chat)


def _counter(spec: ModelSpec, path: Path, *, chat: bool | None = None) -> TokenCounter:
    wanted = spec.api == "chat" if chat is None else chat
    counter = load_counter(spec.tokenizer or str(path), spec.revision, plain=True, chat=wanted)
    assert counter is not None
    return counter


def find_model(spec: ModelSpec) -> Path:
    """The file or folder of `spec.model`; a Hub name is downloaded."""
    name = spec.model or ""
    path = Path(name).expanduser()
    if path.is_dir() or path.is_file():
        if path.is_file() and path.suffix != ".gguf":
            raise ConfigError(f"expected model: to be a .gguf file or a folder; saw the file {path}")
        return path
    if path.suffix == ".gguf" or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ConfigError(
            f"expected model: to be a .gguf file, a Hugging Face folder or a Hub name such as owner/model; "
            f"saw {name}, which is not there. Check the path."
        )
    return fetch(name, spec.revision, _HUB_FILES)


def _from_folder(spec: ModelSpec, folder: Path, strict: bool) -> LocalModel:
    shape = read_shape(folder)
    counter = _counter(spec, folder, chat=True)
    config = read_config(folder)
    own = _read_optional(folder / "generation_config.json")
    stops = _ids(
        [own.get("eos_token_id"), config.get("eos_token_id"), counter.token_id(counter.names.get("eos_token", ""))]
    )
    vocabulary = _vocabulary(counter, shape.vocabulary, stops, strict)
    revision = content_hash(_deciding_files(folder))
    target = cache_folder() / "gguf" / f"{revision}-{spec.weights}.gguf"
    if not target.is_file():
        write_atomic(target, lambda temporary: convert_folder(folder, temporary, spec.weights, vocabulary))
    return LocalModel(
        gguf=read_gguf(target),
        counter=_counter(spec, folder),
        stops=stops,
        context=shape.context,
        defaults=_own_sampling(own),
        revision=revision,
    )


def cache_folder() -> Path:
    """Where converted models are kept: tilth/ under XDG_CACHE_HOME, else under ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tilth"


def content_hash(files: Iterable[Path]) -> str:
    """32 hex digits of the files' names and bytes, and of the converter's version."""
    digest = blake2b(f"converter {CONVERTER}".encode(), digest_size=16)
    for path in files:
        digest.update(f"\0{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _deciding_files(folder: Path) -> list[Path]:
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
    return [*(folder / name for name in names if (folder / name).is_file()), *safetensors_files(folder)]


def _vocabulary(counter: TokenCounter, size: int, stops: tuple[int, ...], strict: bool) -> dict[str, Any]:
    if not strict and bpe_kind(counter.spec) is None:
        return {}  # an engine that is sent ids needs no vocabulary in the file
    found = vocabulary_metadata(counter.spec, size, strict=strict)
    bos = counter.token_id(counter.names.get("bos_token", ""))
    if bos is not None:
        found["tokenizer.ggml.bos_token_id"] = bos
    found["tokenizer.ggml.add_bos_token"] = counter.opens_with_bos
    if stops:
        found["tokenizer.ggml.eos_token_id"] = stops[0]
    if counter.template is not None:
        found["tokenizer.chat_template"] = counter.template
    return found


def _own_sampling(config: dict[str, Any]) -> dict[str, float | int]:
    """generation_config.json's sampling, where it asks for any."""
    if not config.get("do_sample"):
        return {}
    found: dict[str, float | int] = {"temperature": float(config.get("temperature") or 1.0)}
    if config.get("top_p") is not None:
        found["top_p"] = float(config["top_p"])
    if config.get("top_k"):
        found["top_k"] = int(config["top_k"])
    return found


def _read_optional(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"expected JSON in {path}; saw: {error}. Copy the file again.") from error
    return found if isinstance(found, dict) else {}


def _ids(found: Iterable[Any]) -> tuple[int, ...]:
    """Token ids in order, each once; entries are ids, lists of ids or None."""
    flat = [index for entry in found for index in (entry if isinstance(entry, list) else [entry])]
    return tuple(dict.fromkeys(index for index in flat if isinstance(index, int)))


def _context(gguf: Gguf) -> int:
    name = gguf.metadata.get("general.architecture")
    return int(gguf.metadata.get(f"{name}.context_length", 2048))
