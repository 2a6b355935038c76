"""Scores by a fastText classifier file (.bin or quantised .ftz): the probability of one label.

Text is joined to one line, as fastText reads lines. Costs: 3 to 30 MB a CPU-second by the size of the model; any other
package that provides the module `fasttext` works too.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tilth.base.errors import ConfigError, MissingExtra, SourceError
from tilth.classify.features import Floats

_PACKAGES = ("fasttext-predict", "fasttext-numpy2", "fasttext-community", "fasttext")


@dataclass(frozen=True, slots=True)
class FastTextScorer:
    """A file that was opened when the stage was built."""

    model: Any
    label: str
    identity: Mapping[str, str]

    def __call__(self, texts: Sequence[str]) -> Floats:
        lines = [" ".join(text.split()) for text in texts]
        scores = np.zeros(len(texts), np.float32)
        for at, line in enumerate(lines):  # one call a line: the packages differ in what a list gives back
            names, found = self.model.predict(line, k=-1)
            if self.label in names:
                scores[at] = found[names.index(self.label)]
        return scores.clip(0, 1)  # fastText adds 1e-5 to each probability before it takes the logarithm


def open_fasttext(path: Path, label: str | None, source: Mapping[str, str] | None) -> FastTextScorer:
    """Load the file and find its label. `source` names what it is (a commit); without one the file is hashed.

    Raises `SourceError` for a file that is no fastText model, `ConfigError` for a label it has not, `MissingExtra`.
    """
    fasttext = need_fasttext()
    try:
        model = fasttext.load_model(str(path))
        names = sorted(model.predict("", k=-1)[0])
    except (ValueError, RuntimeError, MemoryError) as error:
        raise SourceError(f"expected a supervised fastText model in {path}; the library said: {error}") from error
    chosen = label if label is None or label.startswith("__label__") else f"__label__{label}"
    if chosen is None and len(names) == 1:
        chosen = names[0]
    if chosen is None or chosen not in names:
        raise ConfigError(
            f"expected `label` to name the class that counts as good in {path}; saw {label!r}. "
            f"Classes: {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}."
        )
    identity = {"kind": "fasttext", "label": chosen, "package": _package(), **(source or {"file_hash": _hash(path)})}
    return FastTextScorer(model, chosen, identity)


def need_fasttext() -> ModuleType:
    """The module `fasttext`, of whichever package; raises `MissingExtra`."""
    try:
        return importlib.import_module("fasttext")
    except ModuleNotFoundError:
        raise MissingExtra("a fastText scorer", "fasttext-predict", "scorers") from None


def _package() -> str:
    for name in _PACKAGES:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return "fasttext"


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "blake2b").hexdigest()[:32]
