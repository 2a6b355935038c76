"""The training sequences of a packed token set, in the order of its shards: nothing is shuffled and nothing is copied.

Each shard is cut into whole sequences; what is left at its end, and what lies beyond the budget, is not trained on.
So sequence i is the same in every process and after every resume. Memory: the pages that are touched.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilth.base.errors import ConfigError
from tilth.data.tokenized import TokenSet
from tilth.recipe.stages.train import Documents

#: The label of a token that is not predicted, in torch and transformers.
IGNORED = -100

Numbers = NDArray[np.int64]


class Sequences:
    """A map from a number to one sequence. `torch.utils.data.DataLoader` takes it as it is.

    Numbers below `offset` belong to an earlier run and are never asked for; number `offset` is sequence `begin` of the
    set. Raises ConfigError where the set has fewer than `count` sequences from there.
    """

    def __init__(
        self,
        tokens: TokenSet,
        length: int,
        count: int,
        *,
        documents: Documents = "joined",
        offset: int = 0,
        begin: int = 0,
    ) -> None:
        self.length = length
        self._count, self._offset, self._begin, self._masked = count, offset, begin, documents == "masked"
        self._shards = [shard for shard in tokens.shards if shard.tokens >= length]
        self._starts = np.cumsum([0, *(shard.tokens // length for shard in self._shards)]).tolist()
        there = self._starts[-1] - begin
        if there < count:
            whole = max(0, there)
            raise ConfigError(
                f"expected {count:,} sequences of {length:,} tokens ({count * length:,} tokens) in {tokens.folder}"
                f"{f' from sequence {begin:,} on' if begin else ''}; it has {whole:,} ({whole * length:,} tokens in "
                f"whole sequences, of {tokens.tokens:,} in all). Lower the budget, or make a larger mixture."
            )
        self._ids = [shard.ids(tokens.dtype) for shard in self._shards]
        self._ends = [shard.ends() for shard in self._shards] if self._masked else []

    def __len__(self) -> int:
        return self._offset + self._count

    def __getitem__(self, number: int) -> dict[str, Numbers]:
        """`input_ids` and `labels`, shape (length,); where documents are masked also `position_ids`.

        Labels are the ids (the model shifts them). With masks, positions begin at 0 in each document, and its first
        token is no label: nothing that it may see comes before it.
        """
        home, start = self._place(number)
        ids = self._ids[home][start : start + self.length].astype(np.int64)
        if not self._masked:
            return {"input_ids": ids, "labels": ids}
        positions = positions_in(self._ends[home], start, self.length)
        labels = np.where(positions == 0, IGNORED, ids)
        return {"input_ids": ids, "labels": labels, "position_ids": positions}

    def _place(self, number: int) -> tuple[int, int]:
        at = number - self._offset + self._begin
        home = bisect_right(self._starts, at) - 1
        return home, (at - self._starts[home]) * self.length


def positions_in(ends: NDArray[np.uint64], start: int, length: int) -> Numbers:
    """Positions of tokens `start` to `start + length` of a shard within their documents, as far as the window holds
    them: the first token of the window is at 0, and so is the first of each document in it."""
    first, last = np.searchsorted(ends, [start, start + length - 1], side="right")
    begins = ends[first:last].astype(np.int64) - start  # a document begins where the one before it ends
    places = np.arange(length)
    marks = np.zeros(length, np.int64)
    marks[begins] = begins
    return places - np.maximum.accumulate(marks)


def collate(rows: Sequence[Mapping[str, Numbers]]) -> dict[str, Any]:
    """A batch of tensors, shape (rows, length)."""
    import torch

    return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}


def collate_flat(rows: Sequence[Mapping[str, Numbers]]) -> dict[str, Any]:
    """A batch as one row, shape (1, rows x length): what flash attention needs to tell documents by their positions.

    The first token of a sequence is no label, since the last token of the one before it does not see it coming.
    """
    import torch

    batch = {name: torch.from_numpy(np.concatenate([row[name] for row in rows])[None]) for name in rows[0]}
    batch["labels"][:, :: len(rows[0]["labels"])] = IGNORED
    return batch
