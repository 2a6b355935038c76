"""Scores by a sequence classifier of the transformers library: a regression's value or the probability of one label.

Texts are cut to what the model reads (512 tokens for BERT-like models). Runs on the GPU where torch sees one. Needs the
extra `transformers`; weights are read from safetensors only, and no code of a repository is run.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tilth.base.errors import ConfigError, MissingExtra, SourceError
from tilth.classify.features import Floats

#: Tokens read where the tokenizer states no limit of its own (it then says 10**30).
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class TransformerScorer:
    """A model that was loaded when the stage was built."""

    model: Any
    tokenizer: Any
    column: int | None  # None: a regression
    batch: int
    identity: Mapping[str, str]

    def __call__(self, texts: Sequence[str]) -> Floats:
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))  # like lengths together waste no padding
        scores = np.zeros(len(texts), np.float32)
        for start in range(0, len(order), self.batch):
            rows = order[start : start + self.batch]
            scores[rows] = self._forward([texts[at] for at in rows])
        return scores

    def _forward(self, texts: list[str]) -> Floats:
        torch = importlib.import_module("torch")
        limit = min(self.tokenizer.model_max_length, MAX_TOKENS)
        fed = self.tokenizer(texts, return_tensors="pt", padding="longest", truncation=True, max_length=limit)
        with torch.inference_mode():
            logits = self.model(**fed.to(self.model.device)).logits.float()
        found = logits[:, 0] if self.column is None else logits.softmax(dim=-1)[:, self.column]
        scores: Floats = found.cpu().numpy().astype(np.float32)
        return scores


def open_transformer(folder: Path, label: str | None, batch: int, source: Mapping[str, str]) -> TransformerScorer:
    """Load a folder with config.json, weights and tokenizer.

    Raises `SourceError` for a folder that does not load, `ConfigError` for a label it has not, `MissingExtra`.
    """
    torch, transformers = need_transformers()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise SourceError(f"expected a sequence classifier in {folder}; transformers said: {error}") from error
    model = model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    names = {int(at): str(name) for at, name in model.config.id2label.items()}
    column = None if len(names) == 1 else next((at for at, name in names.items() if name == label), -1)
    if column == -1:
        raise ConfigError(
            f"expected `label` to name the class that counts as good in {folder}; saw {label!r}. "
            f"Classes: {', '.join(names.values())}."
        )
    identity = {"kind": "transformer", "label": str(label), "transformers": transformers.__version__, **source}
    return TransformerScorer(model, tokenizer, column, batch, identity)


def need_transformers() -> tuple[Any, Any]:
    """The modules `torch` and `transformers`; raises `MissingExtra`."""
    return _needed("torch"), _needed("transformers")


def _needed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        raise MissingExtra("a transformer as scorer", package, "transformers") from None
