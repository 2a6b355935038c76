"""Sequences of one item in one row, so that what they share is computed once.

A row is the beginning that all sequences of the item have in common (the stem), and behind it what each of them has
alone (its branch). A token sees what stands before it in the stem and in its own branch. What all items of a family
share, the examples shown, is not in the row at all: the model's keys and values of it are kept (see `forward`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilth.evaluate.scoring.encode import Tokens

Integers = NDArray[np.int64]

#: A shared beginning of fewer tokens costs more to keep than to compute again.
_LEAST_SHARED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item as the model reads it. `ids`, `positions` and `branch` are one entry a token; `branch` is 0 in the stem.
    Entry j of `read` is the place whose output predicts `targets[j]`, which belongs to sequence `owner[j]`."""

    ids: Integers
    positions: Integers
    branch: Integers
    read: Integers
    targets: Integers
    owner: Integers

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def branched(self) -> bool:
        """True where some token must not see another one that stands before it."""
        return bool(len(self.branch) and self.branch[-1] > 0)


def shared_beginning(groups: Sequence[Sequence[Tokens]]) -> int:
    """How many tokens all sequences begin with, so that every prediction still lies behind them; 0 where too few."""
    every = [sequence for group in groups for sequence in group]
    if len(groups) < 2:
        return 0
    least = min(len(one.ids) - one.answer - 1 for one in every)
    count = common([one.ids for one in every], max(0, least))
    return count if count >= _LEAST_SHARED else 0


def common(lists: Sequence[list[int]], most: int) -> int:
    """The length of the beginning that all lists have in common, at most `most`.

    The first and the last in order differ earliest, so only these are compared.
    """
    first, last = min(lists), max(lists)
    for place in range(min(most, len(first), len(last))):
        if first[place] != last[place]:
            return place
    return min(most, len(first), len(last))


def pack(sequences: Sequence[Tokens], skip: int) -> Row:
    """The sequences of one item behind the first `skip` tokens, which all of them share."""
    inputs = [one.ids[:-1] for one in sequences]
    stem = common(inputs, min(len(one) for one in inputs))
    ids, positions, branch = [inputs[0][skip:stem]], [np.arange(skip, stem)], [np.zeros(stem - skip, np.int64)]
    read, owner = [], []
    place = stem - skip
    for number, (sequence, whole) in enumerate(zip(sequences, inputs, strict=True)):
        tail = whole[stem:]
        ids.append(tail)
        positions.append(np.arange(stem, stem + len(tail)))
        branch.append(np.full(len(tail), number + 1, np.int64))
        at = np.arange(len(sequence.ids) - 1 - sequence.answer, len(sequence.ids) - 1)
        read.append(np.where(at < stem, at - skip, at - stem + place))
        owner.append(np.full(sequence.answer, number, np.int64))
        place += len(tail)
    return Row(
        ids=np.concatenate([np.asarray(part, np.int64) for part in ids]),
        positions=np.concatenate(positions),
        branch=np.concatenate(branch),
        read=np.concatenate(read),
        targets=np.concatenate([np.asarray(one.ids[len(one.ids) - one.answer :], np.int64) for one in sequences]),
        owner=np.concatenate(owner),
    )


def batches(lengths: Sequence[int], kept: int, budget: int) -> Iterator[list[int]]:
    """Places of rows, the longest first, so many at a time that padded they fit into `budget` tokens.

    The kept beginning of `kept` tokens is copied for each row, which costs about an eighth of computing it.
    """
    order = sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]] + kept // 8))
        yield order[start : start + size]
        start += size
