"""Settings of tokenising and of training a tokenizer."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: What the text of a special token inside a document becomes. text: the tokens of its letters, so that no document can
#: end itself; parse: the special token, as datatrove and a bare tokenizer do.
Specials = Literal["text", "parse"]

#: Fast: units are looked up and the rest encoded, with the same ids. Plain: the tokenizers package alone.
Engine = Literal["auto", "plain"]


class Tokenise(BaseModel):
    """How texts become tokens. Everything but `batch_bytes` and `engine` decides the ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokenizer: str = Field(min_length=1)  # tokenizer.json, a folder with one, or a Hub name
    revision: str | None = None
    eos: Literal["append", "none"] = "append"  # after each document
    eos_token: str | None = None  # None: what the tokenizer's own settings name
    bos_token: str | None = None  # before each document; None: none
    specials: Specials = "text"
    max_document_tokens: int | None = Field(None, ge=2)  # longer documents are cropped; the closing token stays
    column: str = "text"
    engine: Engine = "auto"
    batch_bytes: int = Field(4 << 20, ge=1)  # text taken at once; 4 MiB needs about 100 MB


class TrainTokenizer(BaseModel):
    """A byte-level BPE tokenizer from texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocabulary: int = Field(
        ge=257, le=1 << 20
    )  # special tokens and 256 bytes included; above 65,536 a token is 4 bytes
    #: How text is cut before merges. gpt2: Radford et al. 2019; digits: the same with single digits (SmolLM2); llama3:
    #: up to three digits, letters of any case in contractions (Llama 3); qwen2: the same with single digits and NFC.
    split: Literal["gpt2", "digits", "llama3", "qwen2"] = "digits"
    specials: tuple[str, ...] = ("<|endoftext|>",)  # the first one ends documents
    min_frequency: int = Field(2, ge=1)  # merges of rarer pairs are not made
    max_bytes: int = Field(200_000_000, ge=1)  # of text looked at, rows taken evenly; pairs settle long before

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.specials:
            raise ValueError("expected at least one special token: the one that ends a document")
        if len(set(self.specials)) < len(self.specials):
            raise ValueError("expected different special tokens")
        if self.vocabulary < 256 + len(self.specials):
            raise ValueError(f"vocabulary must hold 256 bytes and {len(self.specials)} special tokens")
        return self
