"""Items to log-likelihoods: encode once, pack, sort by length, batch by tokens."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tilth.evaluate.item import Item
from tilth.evaluate.scoring.encode import Encoded, Encoder, Tokens
from tilth.evaluate.scoring.forward import Floats, Model
from tilth.evaluate.scoring.pack import Row, batches, common, pack, shared_beginning


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihoods:
    """The log-likelihood (nats) and the tokens of each request of an item. `cut`: the context did not fit whole, or the
    text was read in several windows."""

    item: Item
    values: tuple[float, ...]
    tokens: tuple[int, ...]
    cut: bool


class Scorer:
    """A model and its tokenizer. One scorer serves many tasks; what it costs is the model's memory and a batch's."""

    def __init__(
        self,
        folder: Path,
        *,
        device: str | None = None,
        dtype: str = "auto",
        batch_tokens: int | None = None,
        max_length: int | None = None,
    ) -> None:
        self.model = Model(folder, device, dtype)
        self.encoder = Encoder(folder, self.model.config, max_length)
        self._budget = batch_tokens or self.model.budget

    def score(
        self, items: Sequence[Item], on_progress: Callable[[int], None] = lambda _: None
    ) -> tuple[list[Likelihoods], Counter[str]]:
        """The likelihoods of the items in their order, and how many could not be asked for what reason.

        `on_progress` is called with the number of items done after each batch.
        """
        encoded = self.encoder.encode(items)
        asked = [one for one in encoded if isinstance(one, Encoded)]
        left_out = Counter(str(one) for one in encoded if not isinstance(one, Encoded))
        sums = [np.zeros(len(one.sequences)) for one in asked]
        families: dict[tuple[str, bool], list[_Unit]] = {}
        for place, one in enumerate(asked):  # what was cut off at the left has lost the beginning that others share
            families.setdefault((one.item.family, one.cut), []).extend(_units(place, one))
        done: set[int] = set()
        for units in families.values():
            for unit, values in self._family(units):
                sums[unit.place][unit.first : unit.first + len(unit.sequences)] = values
                if unit.place not in done:
                    done.add(unit.place)
                    on_progress(len(done))
        return [_likelihoods(one, values) for one, values in zip(asked, sums, strict=True)], left_out

    def _family(self, units: list["_Unit"]) -> Iterator[tuple["_Unit", Floats]]:
        """Each unit with the log-likelihood of each of its sequences."""
        skip = shared_beginning([unit.sequences for unit in units]) if self.model.shares else 0
        rows = [pack(unit.sequences, skip) for unit in units]
        beginning = units[0].sequences[0].ids[:skip]
        if not self._shares(units, rows, beginning):
            yield from self._plain(units)
            return
        for batch in batches([len(row) for row in rows], skip, self._budget):
            found = self.model.shared([rows[place] for place in batch], beginning)
            for place, values in zip(batch, found, strict=True):
                count = len(units[place].sequences)
                yield units[place], np.bincount(rows[place].owner, values, count).astype(np.float64)

    def _shares(self, units: list["_Unit"], rows: list[Row], beginning: list[int]) -> bool:
        """Whether the shared way may be taken; the first unit that has branches or a beginning decides."""
        model = self.model
        if model.shares and not model.tried:
            place = next((place for place, row in enumerate(rows) if row.branched), 0)
            model.shares = model.agree(rows[place], units[place].sequences, beginning)
            model.tried = rows[place].branched or bool(beginning)
        return model.shares

    def _plain(self, units: list["_Unit"]) -> Iterator[tuple["_Unit", Floats]]:
        flat = [(unit, number) for unit in units for number in range(len(unit.sequences))]
        sums = {id(unit): np.zeros(len(unit.sequences)) for unit in units}
        sequences = [unit.sequences[number] for unit, number in flat]
        budget = min(self._budget, self.model.plain_budget)
        for batch in batches([len(one.ids) for one in sequences], 0, budget):
            for place, values in zip(batch, self.model.plain([sequences[at] for at in batch]), strict=True):
                unit, number = flat[place]
                sums[id(unit)][number] = values.sum()
        for unit in units:
            yield unit, sums[id(unit)]


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """Sequences that are read as one row: those of the item at `place`, from its sequence number `first` on."""

    place: int
    first: int
    sequences: tuple[Tokens, ...]


def _units(place: int, one: Encoded) -> list[_Unit]:
    """An item is one unit where its sequences share at least half of the longest; else each sequence is one.

    Sequences that were cut off at the left begin at different places and share nothing; one row of all of them would
    cost attention the square of their number. Windows of a rolling text share nothing either.
    """
    inputs = [sequence.ids[:-1] for sequence in one.sequences]
    longest = max(map(len, inputs))
    if not one.item.rolling and common(inputs, longest) >= longest / 2:
        return [_Unit(place, 0, one.sequences)]
    return [_Unit(place, number, (sequence,)) for number, sequence in enumerate(one.sequences)]


def _likelihoods(one: Encoded, values: Floats) -> Likelihoods:
    tokens = [sequence.answer for sequence in one.sequences]
    if one.item.rolling:
        return Likelihoods(item=one.item, values=(float(values.sum()),), tokens=(sum(tokens),), cut=one.cut)
    return Likelihoods(item=one.item, values=tuple(map(float, values)), tokens=tuple(tokens), cut=one.cut)
