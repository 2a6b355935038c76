"""Counting tokens as the generating model does, without loading the model.

`load_counter` takes a tokenizer.json, a folder that has one, a GGUF file or a Hub name. With a chat template the count
of messages is exact: it is the very text that a server renders. Without one it is the joined text plus
`MESSAGE_ALLOWANCE` a message. `bound` gives an upper limit from the byte length alone, where the tokenizer's
parts allow one. Counting 2 kB costs about 0.7 ms, a bound about 1 us.
"""

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from tilth.base.errors import ConfigError, MissingExtra, SourceError
from tilth.base.fingerprint import text_hash
from tilth.generate.chat import Messages, compile_template, find_template, special_names
from tilth.generate.gguf import read_gguf
from tilth.generate.vocab import SPACE, rebuild_tokenizer, steps

#: Tokens set aside for each message's markup where the chat template is not known. Published templates spend 3 to 8 a
#: message and up to 25 once for a default system turn (Qwen2, Llama 3), so one allowance covers a lone user turn.
MESSAGE_ALLOWANCE: Final = 32

#: Between messages where there is no chat template.
PLAIN_JOIN: Final = "\n\n"

#: Largest growth of a text's UTF-8 length under NFC (Unicode Standard Annex 15, table of expansion factors).
_NFC_GROWTH: Final = 3


@dataclass(frozen=True, slots=True)
class Bound:
    """Tokens never outnumber bytes: `growth` is the normaliser's factor on text that is not ASCII or already NFC."""

    growth: int  # 1, or _NFC_GROWTH where the tokenizer normalises to NFC
    extra: int  # tokens added to any text: a prepended space


class TokenCounter:
    """Counts and encodes with one tokenizer. Thread-safe; the encoding itself releases the interpreter lock.

    `exact`: `count_messages` is what the model will see, not an estimate from above.
    """

    def __init__(
        self,
        spec: str,
        *,
        name: str,
        config: dict[str, Any] | None = None,
        template: str | None = None,
        plain: bool = False,
    ) -> None:
        """`spec`: the text of a tokenizer.json; `config`: its tokenizer_config.json.

        `plain`: the model is sent the joined messages where there is no template, so no allowance is added.
        """
        from tokenizers import Tokenizer

        config = config or {}
        try:
            parsed = orjson.loads(spec)
            self._tokenizer = Tokenizer.from_str(spec)
        except Exception as error:  # tokenizers raises bare Exception for what it cannot parse
            raise ConfigError(f"expected a tokenizer.json at {name}; saw: {error}. Copy the file again.") from error
        self._tokenizer.no_truncation()  # a file may carry the training run's limits
        self._tokenizer.no_padding()
        self.name = name
        self.names = special_names(config)
        self.exact = template is not None or plain
        self.fingerprint = text_hash(spec, template or "", "plain" if plain else "")
        self._parsed = parsed
        self._template = template
        self._bos = self._token_id(self.names.get("bos_token")) if config.get("add_bos_token") else None
        self._bound = byte_bound(parsed)
        specials = [entry["content"] for entry in parsed.get("added_tokens") or [] if entry.get("special")]
        self._special = (
            re.compile("|".join(map(re.escape, sorted(specials, key=len, reverse=True)))) if specials else None
        )
        self._shortest = min(map(len, specials), default=0)
        self._arounds: dict[tuple[str, ...], int | None] = {}  # by the messages' roles

    @functools.cached_property
    def _render(self) -> Callable[[Messages], str] | None:
        return compile_template(self._template, self.names, self.name) if self._template is not None else None

    def _token_id(self, text: str | None) -> int | None:
        found = self._tokenizer.token_to_id(text) if text is not None else None
        return None if found is None else int(found)

    def token_id(self, text: str) -> int | None:
        """The id of a token by its text, or None."""
        return self._token_id(text)

    @property
    def spec(self) -> dict[str, Any]:
        """The parsed tokenizer.json."""
        return dict(self._parsed)

    @property
    def opens_with_bos(self) -> bool:
        """Whether a plain prompt opens with the begin-of-sequence token."""
        bos = self._token_id(self.names.get("bos_token"))
        return bos is not None and (self._bos == bos or bos in self._encode("", special=True).ids)

    @property
    def template(self) -> str | None:
        """The chat template's source."""
        return self._template

    def count(self, text: str) -> int:
        """Tokens of `text` alone, without the tokens that open a prompt."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Ids of `text` alone."""
        ids: list[int] = self._encode(text, special=False).ids
        return ids

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids, and for each the characters [start, end) of `text` it stands for."""
        found = self._encode(text, special=False)
        return found.ids, found.offsets

    def decode(self, ids: list[int]) -> str:
        """The text of `ids`, special tokens left out."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def token_text(self, token: int) -> str:
        """The text of one token, special ones included."""
        text: str = self._tokenizer.decode([token], skip_special_tokens=False)
        return text

    def render(self, messages: Messages) -> str:
        """The prompt's text. What looks like a special token inside a message is broken by a space, so that a
        document cannot end its own turn."""
        clean = [(role, self._harmless(content)) for role, content in messages]
        if self._render is not None:
            return self._render(clean)
        return PLAIN_JOIN.join(content for _, content in clean)

    def encode_messages(self, messages: Messages) -> list[int]:
        """Ids of the whole prompt; raises ConfigError where the template refuses the messages."""
        text = self.render(messages)
        if self._render is not None:  # a template writes the opening token itself
            return self.encode(text)
        ids: list[int] = self._encode(text, special=True).ids
        return ids if self._bos is None or ids[:1] == [self._bos] else [self._bos, *ids]

    def count_messages(self, messages: Messages) -> int:
        """Tokens of the whole prompt: exact with a template, else with `MESSAGE_ALLOWANCE` a message."""
        return len(self.encode_messages(messages)) + (0 if self.exact else MESSAGE_ALLOWANCE * len(messages))

    def bound(self, text: str) -> int | None:
        """At least `count(text)`, from lengths alone; None where this tokenizer gives no such bound."""
        if self._bound is None:
            return None
        return _utf8_bound(text, self._bound.growth) + self._bound.extra

    def bound_messages(self, messages: Messages) -> int | None:
        """At least `count_messages(messages)`, from lengths alone; None where there is no such bound."""
        if self._bound is None:
            return None
        growth = self._bound.growth
        inside = 0
        for _, content in messages:
            inside += len(content) if content.isascii() else _utf8_bound(content, growth)
        if self._shortest:  # breaking a special token adds a byte to each
            inside += inside // self._shortest
        roles = tuple([role for role, _ in messages])
        if roles not in self._arounds:
            self._arounds[roles] = self._around(roles)
        around = self._arounds[roles]
        return None if around is None else inside + around

    def _around(self, roles: tuple[str, ...]) -> int | None:
        """Tokens that everything but the contents can cost, or None where the template repeats or rewrites contents."""
        marks = [f"mark{index}of{len(roles)}text" for index in range(len(roles))]
        text = self.render(list(zip(roles, marks, strict=True)))
        if self._bound is None or any(text.count(mark) != 1 for mark in marks):
            return None
        around = _utf8_bound(text, self._bound.growth) - sum(map(len, marks)) + self._bound.extra
        added: int = self._tokenizer.num_special_tokens_to_add(False)
        return around + added + 1 + (0 if self.exact else MESSAGE_ALLOWANCE * len(roles))

    def _harmless(self, text: str) -> str:
        if self._special is None:
            return text
        return self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def _encode(self, text: str, *, special: bool) -> Any:
        try:
            return self._tokenizer.encode(text, add_special_tokens=special)
        except (UnicodeEncodeError, TypeError):  # unpaired surrogates: no server can be sent them either
            return self._tokenizer.encode(_without_surrogates(text), add_special_tokens=special)


def _without_surrogates(text: str) -> str:
    """`text` with U+FFFD for each unpaired surrogate; lengths and offsets stay."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _utf8_bound(text: str, growth: int) -> int:
    if text.isascii():  # kept by Python with the string: no pass over it
        return len(text)
    size = len(text.encode("utf-8", "surrogatepass"))
    return size if growth == 1 or unicodedata.is_normalized("NFC", text) else size * growth


def byte_bound(spec: dict[str, Any]) -> Bound | None:
    """Whether tokens can outnumber bytes under this parsed tokenizer.json; None: they can, or nobody has shown not.

    Every model of the library gives at most one token a character, or one a byte where it falls back to bytes. Only a
    normaliser or a pre-tokeniser that makes text longer can break the rule. Known not to: NFC (with its factor),
    stripping, and a space written as one mark that is itself a token.
    """
    vocabulary = spec["model"].get("vocab") or {}
    pieces = {piece[0] for piece in vocabulary} if isinstance(vocabulary, list) else vocabulary
    growth, extra = 1, 0
    for step in steps(spec.get("normalizer"), "normalizers"):
        kind = step.get("type")
        if kind == "NFC":
            growth = _NFC_GROWTH
        elif kind == "Prepend" and step.get("prepend") == SPACE and SPACE in pieces:
            extra += 1
        elif not (kind == "Strip" or (kind == "Replace" and _one_for_one(step, pieces))):
            return None
    for index, step in enumerate(steps(spec.get("pre_tokenizer"), "pretokenizers")):
        kind = step.get("type")
        if kind == "Metaspace" and SPACE in pieces:
            extra += step.get("prepend_scheme") != "never"
        elif kind == "ByteLevel" and not (step.get("add_prefix_space") and index):  # inside a sequence: a space a piece
            extra += bool(step.get("add_prefix_space"))
        elif kind not in ("Split", "Digits", "Whitespace", "WhitespaceSplit", "Punctuation"):
            return None
    if spec["model"].get("end_of_word_suffix") or spec["model"].get("continuing_subword_prefix"):
        return None
    return Bound(growth, extra)


def _one_for_one(step: Any, pieces: Any) -> bool:
    """A replacement that leaves at most as many tokens as bytes: a space by SentencePiece's mark."""
    return step.get("pattern") == {"String": " "} and step.get("content") == SPACE and SPACE in pieces


@functools.lru_cache(maxsize=8)
def load_counter(
    name: str | None, revision: str | None = None, *, plain: bool = False, chat: bool = True
) -> TokenCounter | None:
    """The counter for a tokenizer.json, a folder holding one, a GGUF file or a Hub name; None for None.

    `plain`: without a chat template the model is sent the joined messages as they are (local engines, completions
    APIs), so the count of messages carries no allowance. `chat=False` leaves a template aside, for a completions API.
    Raises ConfigError for a file that is no tokenizer, SourceError where the Hub cannot be reached or has no such file,
    and MissingExtra where a Hub name needs the package.
    """
    if name is None:
        return None
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return _from_gguf(path, plain, chat)
    if path.is_dir():
        return _from_folder(path, plain, chat)
    if path.is_file():
        return TokenCounter(_read(path), name=str(path), plain=plain)
    if path.suffix in (".json", ".gguf") or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ConfigError(
            f"expected tokenizer: to be a tokenizer.json, a folder with one, a .gguf file or a Hub name such as "
            f"owner/model; saw {name}, which is not there. Check the path."
        )
    folder = fetch(name, revision, ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"))
    return _from_folder(folder, plain, chat)


def fetch(name: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    """A folder with the files of a Hub model that match `patterns`, downloaded once into the Hub's own cache."""
    try:
        import huggingface_hub as hub
        from huggingface_hub import errors
    except ImportError as error:
        raise MissingExtra(f"the Hub name {name}", "huggingface-hub", "hub") from error
    try:
        return Path(hub.snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise SourceError(
            f"expected a model {name} at revision {revision or 'main'} on the Hub; saw: {error}"
        ) from error
    except Exception as error:  # the transport's own errors differ between versions of the package
        raise SourceError(
            f"expected to reach the Hub for {name}; saw: {type(error).__name__}: {error}. "
            "Check the network, or download the model and give its folder."
        ) from error


def _from_folder(folder: Path, plain: bool, chat: bool) -> TokenCounter:
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ConfigError(
            f"expected tokenizer.json in {folder}; it is not there. Older models have only tokenizer.model: "
            "save the tokenizer again in the fast format, or give another folder in tokenizer:."
        )
    extra = folder / "tokenizer_config.json"
    try:
        config = orjson.loads(extra.read_bytes()) if extra.is_file() else {}
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"expected JSON in {extra}; saw: {error}. Copy the file again.") from error
    template = find_template(folder, config) if chat else None
    return TokenCounter(_read(file), name=str(folder), config=config, template=template, plain=plain)


def _from_gguf(path: Path, plain: bool, chat: bool) -> TokenCounter:
    """A tokenizer.json beside the file, else the vocabulary inside it."""
    metadata = read_gguf(path).metadata
    tokens = metadata.get("tokenizer.ggml.tokens") or []
    config: dict[str, Any] = {"add_bos_token": metadata.get("tokenizer.ggml.add_bos_token", False)}
    for key in ("bos", "eos", "unknown"):
        index = metadata.get(f"tokenizer.ggml.{key}_token_id")
        if isinstance(index, int) and index < len(tokens):
            config[f"{'unk' if key == 'unknown' else key}_token"] = tokens[index]
    template = metadata.get("tokenizer.chat_template") if chat else None
    beside = path.with_name("tokenizer.json")
    if beside.is_file():
        folder = _from_folder(path.parent, plain, chat)
        if folder.template is not None:
            return folder
        spec = _read(beside)
    else:
        spec = rebuild_tokenizer(metadata, str(path))
    return TokenCounter(spec, name=str(path), config=config, template=template, plain=plain)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected to read a tokenizer at {path}; saw: {error}") from error
