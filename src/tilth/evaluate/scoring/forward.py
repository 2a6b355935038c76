"""A causal model of transformers, and the log-probabilities it gives to packed rows.

Two ways lead there. The plain one runs every sequence by itself, as lm-evaluation-harness does. The shared one runs an
item as one row (see `pack`), keeps the keys and values of the beginning that items share, and computes the vocabulary's
scores only where an answer stands. The shared one is used where the model attends to everything before a token, and the
first rows scored both ways agree; for any other model (sliding windows, state spaces) the plain one is.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import MissingExtra, SourceError
from tilth.evaluate.scoring.encode import Tokens
from tilth.evaluate.scoring.pack import Row

Floats = NDArray[np.float64]

#: Rows of the vocabulary's scores at a time: 1,024 x 150,000 x 4 bytes are 0.6 GB.
_READ_AT_ONCE = 1024
#: Nats per token that the two ways may differ by: float32 differs by 1e-6; bfloat16, with 8 bits, by some hundredths.
_APART = {"float32": 1e-4, "float64": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


class Model:
    """A model in a folder, ready to score on one device."""

    def __init__(self, folder: Path, device: str | None = None, dtype: str = "auto") -> None:
        """Raises `MissingExtra` without torch and transformers, `SourceError` for a folder that is no model."""
        self.torch = _torch()
        self.device = device or ("cuda" if self.torch.cuda.is_available() else "cpu")
        self.model = _load(folder, self.device, dtype)
        self.config = self.model.config
        self.dtype = str(self.model.dtype).removeprefix("torch.")
        self.head = self.model.get_output_embeddings()
        self.shares = self.head is not None and _sees_everything(self.config)
        self.tried = False  # the two ways against each other
        self._kept: tuple[list[int], list[tuple[Any, Any]]] = ([], [])

    @property
    def budget(self) -> int:
        """Tokens a batch where the settings say nothing."""
        return 4096 if self.device == "cpu" else 65_536

    @property
    def plain_budget(self) -> int:
        """Tokens a batch of the plain way, whose scores of the whole vocabulary take at most 0.5 GB (GPU: 4 GB)."""
        room = (1 << 27) if self.device == "cpu" else (1 << 30)
        return int(max(256, min(self.budget, room // max(1, self.config.get_text_config().vocab_size))))

    def plain(self, sequences: Sequence[Tokens]) -> list[Floats]:
        """The log-probability of each answer token of each sequence, every sequence by itself in a padded batch."""
        torch = self.torch
        longest = max(len(one.ids) for one in sequences) - 1
        ids = torch.zeros((len(sequences), longest), dtype=torch.long)
        for place, one in enumerate(sequences):
            ids[place, : len(one.ids) - 1] = torch.as_tensor(one.ids[:-1])
        with torch.inference_mode():
            scores = self.model(ids.to(self.device)).logits
            found = []
            for place, one in enumerate(sequences):
                end = len(one.ids) - 1
                targets = torch.as_tensor(one.ids[-one.answer :], device=self.device)
                found.append(_log_probabilities(torch, scores[place, end - one.answer : end], targets))
        return [one.cpu().numpy() for one in found]

    def shared(self, rows: Sequence[Row], beginning: Sequence[int]) -> list[Floats]:
        """The log-probability of each target of each row, behind the tokens `beginning` that all rows share."""
        torch = self.torch
        width = max(len(row) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        positions = torch.zeros((len(rows), width), dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.from_numpy(row.ids)
            positions[place, : len(row)] = torch.from_numpy(row.positions)
        given: dict[str, Any] = {"input_ids": ids.to(self.device), "position_ids": positions.to(self.device)}
        with torch.inference_mode():
            if beginning:
                given |= {"past_key_values": self._cache(beginning, len(rows)), "use_cache": True}
            else:
                given["use_cache"] = False
            if beginning or any(row.branched for row in rows):
                given["attention_mask"] = self._mask(rows, width, len(beginning))
            hidden = self.model.base_model(**given).last_hidden_state
            where = np.concatenate([row.read + place * width for place, row in enumerate(rows)])
            targets = torch.from_numpy(np.concatenate([row.targets for row in rows])).to(self.device)
            picked = hidden.reshape(-1, hidden.shape[-1])[torch.from_numpy(where).to(self.device)]
            values = self._read(picked, targets).cpu().numpy()
        return list(np.split(values, np.cumsum([len(row.targets) for row in rows])[:-1]))

    def _read(self, hidden: Any, targets: Any) -> Any:
        parts = []
        for start in range(0, len(targets), _READ_AT_ONCE):
            scores = self.head(hidden[start : start + _READ_AT_ONCE])
            parts.append(_log_probabilities(self.torch, scores, targets[start : start + _READ_AT_ONCE]))
        return self.torch.cat(parts)

    def _cache(self, beginning: Sequence[int], rows: int) -> Any:
        """Keys and values of the beginning, for each row; computed once while the beginning is the same."""
        from transformers import DynamicCache

        if self._kept[0] != list(beginning):
            ids = self.torch.tensor([list(beginning)], device=self.device)
            out = self.model.base_model(input_ids=ids, use_cache=True, past_key_values=DynamicCache())
            layers = [(layer.keys, layer.values) for layer in out.past_key_values.layers]
            self._kept = (list(beginning), layers)
        return DynamicCache([(k.expand(rows, -1, -1, -1), v.expand(rows, -1, -1, -1)) for k, v in self._kept[1]])

    def _mask(self, rows: Sequence[Row], width: int, kept: int) -> Any:
        """What each token may see, (rows, 1, width, kept + width), as numbers added to the attention scores."""
        torch = self.torch
        branch = torch.full((len(rows), width), -1, dtype=torch.long)
        for place, row in enumerate(rows):
            branch[place, : len(row)] = torch.from_numpy(row.branch)
        branch = branch.to(self.device)
        before = torch.ones((width, width), dtype=torch.bool, device=self.device).tril()
        of, to = branch[:, :, None], branch[:, None, :]
        seen = before & ((to == 0) | (to == of))
        if kept:
            seen = torch.cat([seen.new_ones((len(rows), width, kept)), seen], dim=2)
        mask = torch.zeros(seen.shape, dtype=self.model.dtype, device=self.device)
        return mask.masked_fill_(~seen, torch.finfo(self.model.dtype).min)[:, None]

    def agree(self, row: Row, sequences: Sequence[Tokens], beginning: Sequence[int]) -> bool:
        """Whether both ways give the same to one item; a model that refuses the shared one does not agree."""
        plain = np.concatenate(self.plain(sequences))
        try:
            shared = self.shared([row], beginning)[0]
        except (TypeError, ValueError, RuntimeError, AttributeError, IndexError):
            return False  # the model takes no mask, positions or kept keys of this form
        both = np.isfinite(plain) & np.isfinite(shared)
        return bool((np.isfinite(plain) == np.isfinite(shared)).all()) and bool(
            (np.abs(plain - shared)[both] <= _APART.get(self.dtype, 1e-1)).all()
        )


def _log_probabilities(torch: Any, scores: Any, targets: Any) -> Any:
    """Of each target under its row of scores, in float32 whatever the model computes in."""
    scores = scores.float()
    return (scores.gather(1, targets[:, None])[:, 0] - torch.logsumexp(scores, dim=1)).double()


def _sees_everything(config: Any) -> bool:
    """True where the settings name no layer that sees only a part of what stands before a token."""
    inner = config.get_text_config()
    kinds = getattr(inner, "layer_types", None) or ()
    if any(kind != "full_attention" for kind in kinds):
        return False
    window = getattr(inner, "sliding_window", None)
    return bool(kinds) or window is None or not getattr(inner, "use_sliding_window", True)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("evaluating a model", "torch", "eval") from error
    return torch


def _load(folder: Path, device: str, dtype: str) -> Any:
    try:
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        raise MissingExtra("evaluating a model", "transformers", "eval") from error
    if not (folder / "config.json").is_file():
        raise SourceError(f"expected a model folder with a config.json at {folder}; saw none. Name a checkpoint.")
    try:
        with _quiet():
            model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=dtype)
        return model.to(device).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise SourceError(
            f"expected a causal language model in {folder}; saw: {error}. Save the model again."
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bar that transformers draws while it loads."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
