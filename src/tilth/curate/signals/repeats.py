"""Which hashes repeat, and the n-grams that occur more than once, without storing or sorting those that do not.

An n-gram can only repeat where the shorter ones in it do, so each level looks at the survivors of the one below. On
ordinary English 2-grams are all sorted, and of 5-grams a few in a hundred.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tilth.curate.signals.spans import Bools, Hashes, Ints, mix

#: Tokens of a document whose n-grams are looked at; what is found in a longer one's beginning is scaled to its length.
#: It bounds the memory of n-grams at about 0.5 GB for any text. Gopher drops texts of more than 100,000 words anyway.
MOST = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Groups of equal hashes with two or more members. All places are indices into the hashes, and sorted.

    `again`: those that occurred before; `first`: each group's first; `count`: its members; `members`: all of them.
    """

    again: Ints
    first: Ints
    count: Ints
    members: Ints


def repeats(hashes: Hashes) -> Repeats:
    """Group equal hashes. Cost: one sort of 64-bit integers, about 20 ns a hash.

    The place is packed into the low bits of the hash, so that one plain sort groups and keeps the order within a
    group; equality is then checked on the whole hash.
    """
    total = len(hashes)
    if total < 2:
        none = np.empty(0, np.int64)
        return Repeats(again=none, first=none, count=none, members=none)
    low = np.uint64((1 << (total - 1).bit_length()) - 1)
    packed = (hashes & ~low) | np.arange(total, dtype=np.uint64)
    packed.sort()
    near = np.flatnonzero((packed[1:] ^ packed[:-1]) <= low)
    left, right = (packed[near] & low).astype(np.int64), (packed[near + 1] & low).astype(np.int64)
    equal = hashes[left] == hashes[right]
    near, left, right = near[equal], left[equal], right[equal]
    opens = np.ones(len(near), np.bool_)
    opens[1:] = near[1:] != near[:-1] + 1
    heads = np.flatnonzero(opens)
    first = left[heads]
    order = np.argsort(first, kind="stable")
    count = np.diff(np.append(heads, len(near))) + 1
    # marks in place of sorts: on texts that repeat everything, a tenth of the time
    marks = np.zeros(total, np.bool_)
    marks[right] = True
    again = np.flatnonzero(marks)
    marks[first] = True
    return Repeats(again=again, first=first[order], count=count[order], members=np.flatnonzero(marks))


def looked_at(first: Ints) -> tuple[Bools | slice, Ints]:
    """Which tokens are among the first `MOST` of their document, and `first` for these alone."""
    count = np.diff(first)
    if not len(count) or int(count.max()) <= MOST:
        return slice(None), first
    bounds = np.concatenate([[0], np.cumsum(np.minimum(count, MOST))])
    if len(count) == 1:
        return slice(0, MOST), bounds
    return np.arange(int(first[-1])) - np.repeat(first[:-1], count) < MOST, bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """The n-grams of one length that repeat: places of their first token."""

    again: Ints
    first: Ints
    count: Ints
    members: Ints
    hashes: Hashes  # of the members


class Ngrams:
    """Repeated n-grams of tokens. `hashes` hold their document too, `lengths` are characters, `first` as in Spans.

    The tokens are those that `looked_at` names; `count`: how many each document has in all.
    """

    def __init__(self, hashes: Hashes, lengths: npt.NDArray[np.int32], first: Ints, count: Ints) -> None:
        self._scale = np.maximum(count / MOST, 1.0)
        self._hashes = hashes
        self._first = first
        self._levels: dict[int, _Level] = {}
        self._before = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    def _of(self, places: Ints) -> Ints:
        """The document of tokens."""
        return np.searchsorted(self._first, places, side="right") - 1

    def level(self, n: int) -> _Level:
        """The repeated n-grams; n from 2."""
        if n not in self._levels:
            made = [m for m in self._levels if n // 2 < m < n]
            below = max(made, default=n // 2 + 1)  # two of its n-grams that overlap make one of n tokens
            self._levels[n] = self._first_level() if n == 2 else self._next_level(n - below, self.level(below))
        return self._levels[n]

    def _first_level(self) -> _Level:
        begins = np.ones(len(self._hashes), np.bool_)
        begins[self._first[1:][np.diff(self._first) > 0] - 1] = False  # nothing follows a document's last token
        places = np.flatnonzero(begins)
        shifted = self._hashes[places] >> np.uint64(1)  # so that "a b" is not "b a"
        return self._group(places, mix(shifted, self._hashes[places + 1]))

    def _next_level(self, step: int, below: _Level) -> _Level:
        """N-grams longer by `step` than those of the level below. As the halves overlap, both are of one document."""
        members = below.members
        number = np.full(len(self._hashes) + step, -1, np.int32)  # of each place: which member it is
        number[members] = np.arange(len(members), dtype=np.int32)
        second = number[members + step]
        pairs = np.flatnonzero(second >= 0)
        shifted = below.hashes[pairs] >> np.uint64(1)
        return self._group(members[pairs], mix(shifted, below.hashes[second[pairs]]))

    def _group(self, places: Ints, hashes: Hashes) -> _Level:
        found = repeats(hashes)
        return _Level(
            again=places[found.again],
            first=places[found.first],
            count=found.count,
            members=places[found.members],
            hashes=hashes[found.members],
        )

    def top_characters(self, n: int, *, joined_by: int) -> Ints:
        """Characters of the most frequent n-gram of each document times how often it occurs; 0 where there is none.

        Of equally frequent ones the first counts. `joined_by`: characters between two tokens.
        """
        level = self.level(n)
        best = np.zeros(len(self._first) - 1, np.int64)
        place = self._first[:-1].copy()
        times = (np.diff(self._first) >= n).astype(np.int64)
        # groups are in the order of their first place: a stable sort by falling count puts the winner first
        document = self._of(level.first)
        order = np.lexsort((-level.count, document))
        winners = order[np.unique(document[order], return_index=True)[1]]
        place[document[winners]] = level.first[winners]
        times[document[winners]] = level.count[winners]
        some = times > 0
        start = place[some]
        best[some] = (self._before[start + n] - self._before[start] + (n - 1) * joined_by) * times[some]
        return (best * self._scale).astype(np.int64)

    def duplicate_characters(self, n: int) -> Ints:
        """Characters of each document in n-grams that occurred before, overlapping ones counted once.

        Read from the left: after an n-gram that counts, the next may begin behind it.
        """
        starts, times = _walk(self.level(n).again, n)
        starts, times = starts[times > 0], times[times > 0]
        counted = self._before[starts + n * times] - self._before[starts]
        sums = np.zeros(len(self._first) - 1, np.int64)
        np.add.at(sums, self._of(starts), counted)
        return (sums * self._scale).astype(np.int64)


def _walk(again: Ints, n: int) -> tuple[Ints, Ints]:
    """Where the walk from the left counts n-grams: starts, and how many one behind the other from each."""
    opens = np.ones(len(again), np.bool_)
    opens[1:] = again[1:] != again[:-1] + 1
    heads = np.flatnonzero(opens)
    starts = again[heads]
    last = again[np.append(heads, len(again))[1:] - 1]
    times = (last - starts) // n + 1
    near = np.zeros(len(starts), np.bool_)
    near[1:] = starts[1:] < last[:-1] + n  # the one before may reach into this one
    if near.any():
        _settle(starts, last, times, near, n)
    return starts, times


def _settle(starts: Ints, last: Ints, times: Ints, near: Bools, n: int) -> None:
    """Move runs that the run before reaches into: each depends on the one before, so this is a loop over those runs."""
    which = np.flatnonzero(near)
    reached, before = 0, -1
    begin, end, previous = starts[which].tolist(), last[which].tolist(), (starts + n * times)[which - 1].tolist()
    new_begin, new_times = [], []
    for index, start, stop, untouched in zip(which.tolist(), begin, end, previous, strict=True):
        if before != index - 1:  # the run before was not moved
            reached = untouched
        start = max(start, reached)
        count = max(0, (stop - start) // n + 1)
        reached, before = start + n * count, index
        new_begin.append(start)
        new_times.append(count)
    starts[which], times[which] = new_begin, new_times
