"""Texts to token ids by the tokenizers package, each distinct unit once: same ids, several times less CPU.

What it does: a batch of texts is cut into units (`tilth.tokens.units`), equal units are counted once, those not seen
before are encoded by the tokenizer itself, and the ids of the batch are gathered from a table. So every id comes from
the tokenizers package; only where a text is cut is ours. Where the cut is not known, or a first look finds a
difference, texts are encoded one by one, and `engine` and `reason` say so.

What it costs: about a quarter of the package's CPU on mixed English and Chinese text, a fifth on English (figures in
docs/tokens.md), and 1 to 2 CPU-seconds at the start; memory: about 25 times the batch, and 150 MB of remembered units.
"""

import functools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tilth.recipe.stages.tokens import Engine, Specials
from tilth.tokens.quick import quick_encoder
from tilth.tokens.tokenizer import HubTokenizer
from tilth.tokens.units import SETTLED, Units, units_of

Ids = NDArray[np.uint32]
Counts = NDArray[np.int64]

#: Units remembered; longer ones are rarely met again. 400,000 units of at most 48 bytes: about 150 MB with their ids.
_REMEMBERED: Final = 400_000
_LONGEST_REMEMBERED: Final = 48
#: Units joined for one call of the tokenizer; a call a unit costs 1.6 times as much. More than 1,000 gains nothing.
_JOINED: Final = 500
#: Longer units go to the package one by one: a join gains nothing, and tiktoken's patterns may look far back.
_ALONE: Final = 256
#: Characters of one call. The package needs about 60 bytes a character; longer pieces are cut, and counted.
_LONGEST: Final = 4 << 20
#: Stands between joined units: noncharacters, which no text for interchange has (Unicode Standard, section 23.7).
_SEPARATOR: Final = "\ufdd0\ufdd1\ufdd0"
#: What the first check looks at besides documents: what patterns disagree about.
PROBES: Final = (
    "it's  'twas\t'll \n's don't I'LL we'Ve  '\n\n  (a) \t(b)\t5  12345 3.14\r\n\r\n x",
    "  lead\n \n\n  trail  \n\t",
    "日本語と中文，混合 text。１２３ ⅷ ½ ٣ е́ naïve e\u0301 \u00a0nbsp\u3000wide",
    "def f(x):\n    return x[0]**2  # 😀🏳️‍🌈\n\n\n",
    "a\u0301\u0301 \u0301 \u200b \u2028x\u2029 \x00\x1f\x85 ſ 'ſ 'S",
)


@dataclass(frozen=True, slots=True)
class Ragged:
    """Ids of several texts, one after the other, and how many each has."""

    ids: Ids
    counts: Counts


@dataclass(slots=True)
class _Table:
    """Ids of the units seen: unit -> place; place -> where its ids start and how many they are."""

    places: dict[str, int] = field(default_factory=dict)
    ids: Ids = field(default_factory=lambda: np.zeros(0, np.uint32))
    starts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: Counts = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, found: Ragged) -> None:
        """Append places."""
        starts = len(self.ids) + np.cumsum(found.counts) - found.counts
        self.ids = np.concatenate([self.ids, found.ids])
        self.starts = np.concatenate([self.starts, starts])
        self.counts = np.concatenate([self.counts, found.counts])


class Encoder:
    """Encodes batches with one tokenizer. Not shared between processes: each builds its own.

    `engine` is "units+tiktoken", "units" or "plain"; `reason` why it is plain, `why_not_quick` why not tiktoken; `cut`
    counts texts that were too long for one call and were cut where no tokenizer would (see `_LONGEST`), so that ids
    around the cut may differ from those of the whole.
    """

    def __init__(self, tokenizer: HubTokenizer, *, specials: Specials = "text", engine: Engine = "auto") -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # processes are the parallelism here
        self._plain = tokenizer.build()
        self._tokenizer = tokenizer
        self.cut = 0
        self._table = _Table()
        self._whole: set[str] = set()  # texts of the batch that only the package itself is asked about
        parsed = tokenizer.parsed()
        self._plain.encode_special_tokens = specials == "text"
        self._added = [
            entry["content"]
            for entry in parsed.get("added_tokens") or []
            if specials == "parse" or not entry.get("special")
        ]
        quick = quick_encoder(tokenizer) if engine == "auto" else ""
        self._quick = None if isinstance(quick, str) else quick
        self.why_not_quick = quick if isinstance(quick, str) else ""
        units = units_of(parsed) if engine == "auto" else "plain was asked for"
        self._units = units if isinstance(units, Units) else None
        self.reason = units if isinstance(units, str) else ""
        if self._units is not None:
            self.check(PROBES)

    @property
    def engine(self) -> str:
        """ "units+tiktoken", "units" or "plain"."""
        if self._units is None:
            return "plain"
        return "units" if self._quick is None else "units+tiktoken"

    @functools.cached_property
    def _joining(self) -> tuple[Any, int]:
        """The tokenizer with the separator as a token, and its id."""
        from tokenizers import AddedToken

        built = self._tokenizer.build()
        built.encode_special_tokens = self._plain.encode_special_tokens
        built.add_tokens([AddedToken(_SEPARATOR, special=False, normalized=False)])
        return built, int(built.token_to_id(_SEPARATOR))

    def check(self, texts: Iterable[str]) -> bool:
        """Compare both ways on `texts`; where they differ, encode plainly from now on. True: they agree."""
        texts = list(texts)
        if self._units is None:
            return True
        ours, theirs = self._by_units(pl.Series(texts, dtype=pl.String), self._units), self._one_by_one(texts)
        if np.array_equal(ours.ids, theirs.ids) and np.array_equal(ours.counts, theirs.counts):
            return True
        where = next((place for place, pair in enumerate(_pairs(ours, theirs)) if not np.array_equal(*pair)), 0)
        self._units = None
        self.reason = f"by units, text {where} of the first {len(texts)} gave other ids than as a whole"
        return False

    def encode(self, texts: pl.Series) -> Ragged:
        """Ids of every text, none null. Special tokens are added by nobody here."""
        if self._units is None:
            return self._one_by_one(texts.to_list())
        return self._by_units(texts, self._units)

    def _one_by_one(self, texts: Sequence[str]) -> Ragged:
        """By the package alone."""
        if all(len(text) <= _LONGEST for text in texts):
            return _ragged(self._plain, texts)
        pieces = [list(_pieces(text)) for text in texts]
        self.cut += sum(len(some) > 1 for some in pieces)
        flat = _ragged(self._plain, [piece for some in pieces for piece in some])
        lengths = np.array([len(some) for some in pieces])
        return Ragged(flat.ids, _sums(flat.counts, lengths))

    def _by_units(self, texts: pl.Series, units: Units) -> Ragged:
        flat, lengths = self._cut(texts, units)
        distinct, codes = _distinct(flat)
        table, places = self._look_up(distinct)
        chosen = places[codes]
        counts = table.counts[chosen]
        ids = _gather(table.ids, table.starts[chosen], counts)
        return Ragged(ids, _sums(counts, lengths))

    def _cut(self, texts: pl.Series, units: Units) -> tuple[pl.Series, Counts]:
        """Units of all texts in order, and how many each text has. A text that needs it is one unit."""
        self._whole = set()
        plain = ~texts.str.contains(f"[^{SETTLED}]")
        if self._added:
            plain &= ~texts.str.contains_any(self._added)
        normal = texts.str.normalize("NFC") if units.nfc else texts
        lists = normal.str.extract_all(units.pattern)
        if not plain.all():
            self._whole = set(texts.filter(~plain).to_list())
            lists = lists.zip_with(plain, texts.to_frame("t").select(pl.concat_list("t")).to_series())
        lengths = lists.list.len().to_numpy().astype(np.int64)
        return lists.filter(pl.Series(lengths > 0)).explode(), lengths

    def _look_up(self, distinct: list[str]) -> tuple[_Table, Counts]:
        """A table that has every one of `distinct`, and their places in it."""
        if len(self._table.places) > _REMEMBERED:
            self._table = _Table()
        table = self._table
        places = [table.places.get(unit, -1) for unit in distinct]
        missing = [number for number, place in enumerate(places) if place < 0]
        missing.sort(key=lambda number: len(distinct[number]) > _LONGEST_REMEMBERED)  # those to forget come last
        found = self._encode_units([distinct[number] for number in missing])
        lasting = sum(len(distinct[number]) <= _LONGEST_REMEMBERED for number in missing)
        first = len(table.starts)
        for offset, number in enumerate(missing):
            places[number] = first + offset
            if offset < lasting:
                table.places[distinct[number]] = first + offset
        whole = _Table(table.places, table.ids, table.starts, table.counts)
        whole.add(found)
        table.add(Ragged(found.ids[: int(found.counts[:lasting].sum())], found.counts[:lasting]))
        return whole, np.array(places, np.int64)

    def _encode_units(self, units: list[str]) -> Ragged:
        """Ids of units, several a call with a separator between them; long ones and odd ones each in a call."""
        odd = "\ufdd0" in "".join(units)  # looked at all together first: almost never there
        whole = self._whole
        alone = [len(unit) > _ALONE or (odd and "\ufdd0" in unit) or unit in whole for unit in units]
        short = [unit for unit, single in zip(units, alone, strict=True) if not single]
        kept = self._encode_joined(short) if self._quick is None else _flat([self._quick(unit) for unit in short])
        if not any(alone):
            return kept
        rest = self._one_by_one([unit for unit, single in zip(units, alone, strict=True) if single])
        return _merged(kept, rest, np.array(alone))

    def _encode_joined(self, units: list[str]) -> Ragged:
        joined = [_SEPARATOR.join([*units[at : at + _JOINED], ""]) for at in range(0, len(units), _JOINED)]
        built, separator = self._joining
        many = _ragged(built, joined).ids
        ends = np.flatnonzero(many == separator)
        return Ragged(many[many != separator], np.diff(ends, prepend=-1) - 1)


def _ragged(built: Any, texts: Sequence[str]) -> Ragged:
    return _flat([encoding.ids for encoding in built.encode_batch_fast(list(texts), add_special_tokens=False)])


def _flat(found: list[list[int]]) -> Ragged:
    counts = np.fromiter(map(len, found), np.int64, len(found))
    ids = np.fromiter(chain.from_iterable(found), np.uint32, int(counts.sum()))
    return Ragged(ids, counts)


def _pieces(text: str) -> Iterator[str]:
    """`text` in pieces of at most `_LONGEST` characters, cut before a space where there is one."""
    while len(text) > _LONGEST:
        at = text.rfind(" ", _LONGEST // 2, _LONGEST)
        at = at if at > 0 else _LONGEST
        yield text[:at]
        text = text[at:]
    yield text


def _distinct(units: pl.Series) -> tuple[list[str], Counts]:
    """The distinct units, and for each unit which one it is."""
    encoded = units.to_arrow().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _sums(values: Counts, lengths: Counts) -> Counts:
    """Sums of runs of `values`; runs may be empty."""
    total = np.concatenate([[0], np.cumsum(values)])
    ends = np.cumsum(lengths)
    sums: Counts = total[ends] - total[ends - lengths]
    return sums


def _gather(ids: Ids, starts: Counts, counts: Counts) -> Ids:
    """Runs of `ids` one after the other."""
    ends = np.cumsum(counts)
    where = np.repeat(starts - (ends - counts), counts)
    where += np.arange(len(where))
    gathered: Ids = ids[where]
    return gathered


def _merged(first: Ragged, second: Ragged, takes_second: NDArray[np.bool_]) -> Ragged:
    """Both, in an order: each True takes the next of `second`, each False the next of `first`."""
    order = np.empty(len(takes_second), np.int64)
    order[~takes_second] = np.arange(len(first.counts))
    order[takes_second] = len(first.counts) + np.arange(len(second.counts))
    counts = np.concatenate([first.counts, second.counts])
    starts = np.cumsum(counts) - counts
    return Ragged(_gather(np.concatenate([first.ids, second.ids]), starts[order], counts[order]), counts[order])


def _pairs(first: Ragged, second: Ragged) -> Iterator[tuple[Ids, Ids]]:
    ones, others = (np.split(some.ids, np.cumsum(some.counts)[:-1]) for some in (first, second))
    return zip(ones, others, strict=True)
