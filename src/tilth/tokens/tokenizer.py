"""A tokenizer as tokenising needs it: its file, its size, its closing token, and whether it fits a model.

Any tokenizer.json does, by path, folder or Hub name. The fingerprint covers every byte of the file and the closing and
opening tokens, so that two sets with one fingerprint have the same ids for the same text.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from tilth.base.errors import ConfigError
from tilth.base.fingerprint import text_hash
from tilth.generate.tokenizer import fetch
from tilth.recipe.stages.tokens import Tokenise

#: Names that published tokenizers give the token that ends a document, looked for where no settings file names one.
_COMMON_EOS: Final = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<|im_end|>")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubTokenizer:
    """A tokenizer.json with its closing and opening tokens. Pickles: workers build their own from `spec`."""

    name: str
    spec: str  # the text of tokenizer.json
    size: int  # greatest id + 1
    eos: int | None  # None: documents are not closed
    eos_token: str | None
    bos: int | None
    fingerprint: str

    @property
    def token_bytes(self) -> int:
        """2 where every id fits into uint16, else 4."""
        return 2 if self.size <= 1 << 16 else 4

    def parsed(self) -> dict[str, Any]:
        """tokenizer.json as a dict."""
        found: dict[str, Any] = orjson.loads(self.spec)
        return found

    def build(self) -> Any:
        """A `tokenizers.Tokenizer` without truncation and padding, which a file may carry from training."""
        from tokenizers import Tokenizer

        built = Tokenizer.from_str(self.spec)
        built.no_truncation()
        built.no_padding()
        return built

    def summary(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "vocabulary": self.size,
            "eos": self.eos,
            "eos_token": self.eos_token,
            "bos": self.bos,
        }


def load_tokenizer(settings: Tokenise) -> HubTokenizer:
    """The tokenizer that settings name; raises ConfigError for a file that is none or lacks the closing token,
    SourceError and MissingExtra where a Hub name cannot be had."""
    file = _find(settings.tokenizer, settings.revision)
    try:
        spec = file.read_text(encoding="utf-8")
        parsed = orjson.loads(spec)
        vocabulary = _vocabulary(parsed)
    except (OSError, UnicodeDecodeError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"expected a tokenizer.json at {file}; saw: {error!r}. Copy the file again.") from error
    eos_token = _eos_token(settings, file, vocabulary) if settings.eos == "append" else None
    eos = None if eos_token is None else vocabulary[eos_token]
    bos = _id(settings.bos_token, vocabulary, file) if settings.bos_token is not None else None
    found = HubTokenizer(
        name=settings.tokenizer,
        spec=spec,
        size=max(vocabulary.values(), default=-1) + 1,
        eos=eos,
        eos_token=eos_token,
        bos=bos,
        fingerprint=text_hash(spec, str(eos), str(bos)),
    )
    _try(found, file)
    return found


def _try(tokenizer: HubTokenizer, file: Path) -> None:
    try:
        tokenizer.build()
    except Exception as error:  # tokenizers raises bare Exception for what it cannot build
        raise ConfigError(
            f"expected a tokenizer that this version of tokenizers can build from {file}; saw: {error}"
        ) from error


def _find(name: str, revision: str | None) -> Path:
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.is_dir() and (path / "tokenizer.json").is_file():
        return path / "tokenizer.json"
    if path.exists() or path.suffix == ".json" or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ConfigError(
            f"expected a tokenizer.json, a folder with one or a Hub name such as owner/model; saw {name}, where there "
            "is none. Older models have only tokenizer.model: save the tokenizer again in the fast format."
        )
    return fetch(name, revision, ("tokenizer.json", "tokenizer_config.json")) / "tokenizer.json"


def _vocabulary(parsed: dict[str, Any]) -> dict[str, int]:
    """Token text -> id, added tokens included."""
    vocabulary = parsed["model"]["vocab"]
    if isinstance(vocabulary, list):  # unigram models: pieces with scores, numbered in order
        vocabulary = {piece[0]: number for number, piece in enumerate(vocabulary)}
    return {**vocabulary, **{entry["content"]: entry["id"] for entry in parsed.get("added_tokens") or []}}


def _eos_token(settings: Tokenise, file: Path, vocabulary: dict[str, int]) -> str:
    if settings.eos_token is not None:
        _id(settings.eos_token, vocabulary, file)
        return settings.eos_token
    beside = file.with_name("tokenizer_config.json")
    if beside.is_file():
        named = orjson.loads(beside.read_bytes()).get("eos_token")
        named = named.get("content") if isinstance(named, dict) else named
        if named in vocabulary:
            return str(named)
    found = [token for token in _COMMON_EOS if token in vocabulary]
    if len(found) != 1:
        raise ConfigError(
            f"expected to know which token ends a document; {beside.name} beside {file} names none, and the vocabulary "
            f"has {', '.join(found) or 'none of the usual ones'}. Give eos_token:, or eos: none."
        )
    return found[0]


def _id(token: str, vocabulary: dict[str, int], file: Path) -> int:
    if token not in vocabulary:
        raise ConfigError(f"expected the token {token!r} in {file}; it is not one of its {len(vocabulary)} tokens.")
    return vocabulary[token]


def check_fits(tokenizer: HubTokenizer, checkpoint: Path) -> None:
    """Refuse a tokenizer whose ids a checkpoint has no rows for, or to which it gives other meanings.

    `checkpoint`: a folder with config.json, and the model's own tokenizer.json where it has one. Raises ConfigError
    with the numbers. Rows beyond the vocabulary (padding of the embedding) are no fault.
    """
    config = checkpoint / "config.json"
    try:
        parsed = orjson.loads(config.read_bytes())
        rows = parsed.get("vocab_size") or parsed.get("text_config", {}).get("vocab_size")
    except (OSError, orjson.JSONDecodeError, AttributeError) as error:
        raise ConfigError(f"expected the model's settings in {config}; saw: {error!r}") from error
    if not isinstance(rows, int):
        raise ConfigError(f"expected vocab_size in {config}; it is not there.")
    if tokenizer.size > rows:
        raise ConfigError(
            f"the tokenizer {tokenizer.name} does not fit the model in {checkpoint}: its ids go up to "
            f"{tokenizer.size - 1}, the model has {rows} rows (vocab_size), {tokenizer.size - rows} too few. "
            "Give the model's own tokenizer, or grow the model's embedding first."
        )
    _check_same(tokenizer, checkpoint)


def _check_same(tokenizer: HubTokenizer, checkpoint: Path) -> None:
    own = checkpoint / "tokenizer.json"
    if not own.is_file():
        return
    theirs, ours = _vocabulary(orjson.loads(own.read_bytes())), _vocabulary(tokenizer.parsed())
    moved = sorted(token for token, number in ours.items() if theirs.get(token) != number)
    if moved:
        first = moved[0]
        raise ConfigError(
            f"the tokenizer {tokenizer.name} is not the one of the model in {checkpoint}: {len(moved)} of {len(ours)} "
            f"tokens have another id there; {first!r} is {ours[first]} here and {theirs.get(first)} there. "
            "Give the model's own tokenizer."
        )
