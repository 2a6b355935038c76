"""From the name of a scorer to a function on texts. Each kind of model is one class with the same three members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tilth.base.errors import ConfigError
from tilth.classify.features import Floats
from tilth.classify.model import LinearModel
from tilth.classify.store import load_model, model_hash
from tilth.curate.score.fasttext_file import need_fasttext, open_fasttext
from tilth.curate.score.hub import fetch
from tilth.curate.score.presets import PRESETS, Preset
from tilth.curate.score.transformer import need_transformers, open_transformer
from tilth.recipe.stages.score import Score

_FASTTEXT = (".bin", ".ftz")


class Scorer(Protocol):
    """Scores texts. `identity` says what decides the scores, as flat fields."""

    @property
    def identity(self) -> Mapping[str, str]: ...

    def __call__(self, texts: Sequence[str]) -> Floats:
        """One score a text."""
        ...


@dataclass(frozen=True, slots=True)
class LocalScorer:
    """A folder made by `train_scorer`: a regression's score, or the probability of one class."""

    model: LinearModel
    column: int | None  # None: a regression
    identity: Mapping[str, str]

    def __call__(self, texts: Sequence[str]) -> Floats:
        if self.column is None:
            return self.model.score(texts)
        found: Floats = self.model.probabilities(texts)[:, self.column]
        return found


@dataclass(frozen=True, slots=True)
class Resolved:
    """A scorer that is ready, its name and the threshold that its authors used, if there is one."""

    name: str
    scorer: Scorer
    threshold: float | None


def resolve(settings: Score) -> Resolved:
    """Find and open the scorer that `settings` name: a preset, a folder, a file, or a Hub repository, in this order.

    Raises `ConfigError` for a name that is none of these, and what opening it raises.
    """
    preset = PRESETS.get(settings.scorer)
    if preset is not None:
        return Resolved(
            settings.name or _signal_name(settings.scorer), _from_preset(preset, settings), preset.threshold
        )
    path = Path(settings.scorer).expanduser()
    if path.exists():
        return Resolved(settings.name or _signal_name(path.stem), _from_path(path, settings), None)
    owner, slash, name = settings.scorer.partition("/")
    if not (slash and owner and name) or "/" in name or path.suffix in _FASTTEXT or owner in (".", "..", "~"):
        raise ConfigError(
            f"expected a scorer: a preset ({', '.join(PRESETS)}), a folder or fastText file that is there, or a Hub "
            f"model as owner/name; saw {settings.scorer!r}."
        )
    return Resolved(settings.name or _signal_name(name), _from_hub(settings.scorer, settings), None)


def _signal_name(text: str) -> str:
    name = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in text.lower()).strip("_")
    return name if name[:1].isalpha() else f"model_{name}".rstrip("_")


def _from_preset(preset: Preset, settings: Score) -> Scorer:
    label, revision = settings.label or preset.label, settings.revision or preset.revision
    return _fetched(preset.repository, revision, preset.file, label, settings.batch)


def _from_hub(repository: str, settings: Score) -> Scorer:
    return _fetched(repository, settings.revision, settings.file, settings.label, settings.batch)


def _fetched(repository: str, revision: str | None, file: str | None, label: str | None, batch: int) -> Scorer:
    """A model of the Hub. What is needed to run it is looked for before gigabytes are fetched."""
    if file is not None:
        need_fasttext()
        fetched = fetch(repository, revision, file)
        return open_fasttext(fetched.path, label, {"repository": repository, "commit": fetched.commit, "file": file})
    need_transformers()
    fetched = fetch(repository, revision, None)
    return open_transformer(fetched.path, label, batch, {"repository": repository, "commit": fetched.commit})


def _from_path(path: Path, settings: Score) -> Scorer:
    if (path / "model.json").is_file():
        return _local(path, settings.label)
    if (path / "config.json").is_file():
        return open_transformer(path, settings.label, settings.batch, {"folder": str(path.resolve())})
    if path.is_file() and path.suffix in _FASTTEXT:
        return open_fasttext(path, settings.label, None)
    raise ConfigError(
        "expected a folder of `tilth train-scorer` (model.json), a transformers folder (config.json) or a fastText "
        f"file (.bin, .ftz); saw {path}."
    )


def _local(path: Path, label: str | None) -> LocalScorer:
    model = load_model(path)
    identity: dict[str, Any] = {"kind": "linear", "model": model_hash(path)}
    if model.task == "score":
        return LocalScorer(model, None, identity)
    label = label or model.facts.get("label") or (model.classes[1] if len(model.classes) == 2 else None)
    return LocalScorer(model, class_index(model.classes, label, path), {**identity, "label": str(label)})


def class_index(classes: Sequence[str], label: str | None, where: Path) -> int:
    """The place of `label` among the classes of a model; raises `ConfigError` naming them."""
    if label not in classes:
        raise ConfigError(
            f"expected `label` to name the class that counts as good in {where}; saw {label!r}. "
            f"Classes: {', '.join(classes)}."
        )
    return list(classes).index(str(label))


def score_all(scorer: Scorer, texts: Sequence[str]) -> Floats:
    """Scores of all texts; no call for none."""
    return scorer(texts) if texts else np.zeros(0, np.float32)
