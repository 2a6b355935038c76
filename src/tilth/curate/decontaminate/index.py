"""The index: what is looked for in documents, from the items of all benchmarks.

A unit is a text that items share: a question or a passage, once however many items have it. A question with a blank
("_") is looked for as it is and with its answer in the blank, a short one also together with its choices. Each n-gram
of a unit weighs its inverse document frequency, log((units + background) / (units and background documents with it));
one that more than `common` units share is a template and weighs nothing.

Guarantees: the same files and settings give the same index. Costs about 3.5 CPU-seconds and 400 MB for 63,000 items
with 27 MB of text (15 MB of it different), once a machine: see store.py.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tilth.curate.decontaminate.ngrams import Sieve, distinct, ngrams, sieve
from tilth.curate.decontaminate.tokens import I32, I64, Mask, Tokens, tokenise
from tilth.recipe.stages.decontaminate import Matching

if TYPE_CHECKING:
    import polars as pl

#: Raise it when the same items and settings would give another index.
VERSION = 1

F64 = npt.NDArray[np.float64]

#: Words that one character of a script without spaces counts: English and Chinese halves of xquad have this ratio.
CHARACTER_WORDS = 0.6
#: An answer that this share of a benchmark's items has, and this many, is a label ("yes", "SUPPORTS"): no evidence.
_LABEL_SHARE, _LABEL_ITEMS = 0.02, 5
#: "Which of these is true?": what such items ask is in their choices, where those are more than names and numbers.
_SHORT_CHARS, _LONG_CHOICE_CHARS = 120, 30
_LEADING = ("q", "question", "problem")
_TRAILING = ("a", "answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Units, their n-grams and their items. `*_from` arrays are offsets: unit u has grams[from[u]:from[u + 1]].

    Every field but the names is an array, so that an index can be kept in a file and shared (see store.py).
    """

    items: "pl.DataFrame"  # benchmark, item_id: a row an item
    passage: Mask  # of each unit: whether it is a passage
    answered: Mask  # of each unit: whether it is a question that holds its answer
    length: F64  # of each unit, in words that are in n-grams with a weight
    size: I64  # of each unit, in tokens
    total: F64  # of each unit: the weight of all its n-grams
    need: F64  # of each unit: the score from which a row is contaminated
    grams: I32  # numbers of n-grams, by unit, sorted within; these two are the largest arrays, hence 32 bits
    grams_from: I64
    units: I32  # numbers of units, by n-gram
    units_from: I64
    weight: F64  # of each n-gram
    sieve: Sieve
    vague: Mask  # of each unit: a short question that items with other passages or answers ask in the same words
    members: I64  # rows of items, by unit
    members_from: I64
    passage_unit: I64  # of each item: the unit of its passage, -1 for none
    question_length: F64  # of each item: the length of the longest unit that holds its question
    vague_item: Mask  # of each item: whether every unit of its question is vague
    answers: Tokens  # a text an accepted answer
    answers_from: I64  # by item
    telling: Mask  # of each answer: no label, and more than two letters or digits

    def members_of(self, unit: int) -> I64:
        return self.members[self.members_from[unit] : self.members_from[unit + 1]]


def build_index(items: "pl.DataFrame", matching: Matching, background: Sequence[str] = ()) -> Index:
    """The index of `items` (a table of `data.benchmarks.read_benchmarks`)."""
    wanted = _texts(items)
    passages, owners = wanted.passages[wanted.held], wanted.owners
    first, own_unit, size, length, found, pair_unit, pair_gram = _units(wanted, matching)
    unit, passage = own_unit[wanted.held], wanted.passages[first]
    weight = _weights(found, pair_gram, len(first), matching, background)
    heavy = weight[pair_gram] > 0
    before = np.maximum(np.bincount(pair_unit, minlength=len(first)), 1)
    pair_unit, pair_gram = pair_unit[heavy], pair_gram[heavy]
    told = length[first] * np.bincount(pair_unit, minlength=len(first)) / before
    by_gram = np.argsort(pair_gram, kind="stable")
    held = np.unique(np.stack([unit, owners]), axis=1)
    members_from = _offsets(held[0], len(first))
    passage_unit = _first_unit(unit[passages], owners[passages], items.height)
    vague = (told < matching.full_length) & ~passage & _several(held[1], members_from, passage_unit, items)
    plainest = _longest((~vague).astype(np.float64)[unit[~passages]], owners[~passages], items.height)
    answers, answers_from, telling = _answers(items)
    return Index(
        items=items.select("benchmark", "item_id"),
        passage=passage,
        answered=wanted.answered[first],
        length=told,
        size=size[first],
        total=np.bincount(pair_unit, weight[pair_gram], len(first)).astype(np.float64),
        need=needed(told, passage, matching),
        grams=pair_gram,
        grams_from=_offsets(pair_unit, len(first)),
        units=pair_unit[by_gram],
        units_from=_offsets(pair_gram[by_gram], len(found.sorted)),
        weight=weight,
        sieve=found,
        vague=vague,
        members=held[1],
        members_from=members_from,
        passage_unit=passage_unit,
        question_length=_longest(told[unit[~passages]], owners[~passages], items.height),
        vague_item=plainest == 0,
        answers=answers,
        answers_from=answers_from,
        telling=telling,
    )


def _units(wanted: "_Wanted", matching: Matching) -> tuple[I64, I64, I64, F64, Sieve, I32, I32]:
    """The first text of each unit; unit, tokens and words of each text; the n-grams; and pairs of unit and n-gram."""
    tokens = _bare(tokenise(wanted.texts), wanted.passages)
    length = lengths(tokens)
    first, unit = _same(tokens, wanted.passages)
    asked = (~wanted.passages | (length >= matching.min_passage)) & (first[unit] == np.arange(len(unit)))
    hashes, whole = ngrams(tokens, matching.words, matching.characters)
    text = np.repeat(np.arange(len(unit), dtype=np.int32), np.diff(tokens.bounds))
    used = np.flatnonzero(whole & ~_broken(tokens, text, wanted.breaks, matching) & asked[text])
    hashes, text, size = hashes[used], text[used], np.diff(tokens.bounds)
    del tokens, whole, used  # half of the memory, before the sort
    known, gram = np.unique(hashes, return_inverse=True)
    pairs = distinct(unit[text] * len(known) + gram)  # each n-gram once a unit
    pair_unit, pair_gram = (part.astype(np.int32) for part in np.divmod(pairs, max(len(known), 1)))
    return first, unit, size, length, sieve(known), pair_unit, pair_gram


def lengths(tokens: Tokens) -> F64:
    """The length of each text in words."""
    sums = np.concatenate(([0], np.cumsum(tokens.alone)))
    alone = np.diff(sums[tokens.bounds])
    return np.diff(tokens.bounds) - alone + CHARACTER_WORDS * alone


def needed(length: F64, passages: Mask, matching: Matching) -> F64:
    """The score a unit needs: for short questions between the threshold and 1, after decon's confidence by length."""
    short = np.clip(1 - length / matching.full_length, 0, 1) if matching.full_length else np.zeros_like(length)
    return np.where(passages, matching.passage_threshold, matching.threshold + (1 - matching.threshold) * short)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Different texts to look for, whether each is a passage, whether a question with its answer; and who has them.

    `owners`, `held`: pairs of an item and a text of its. `breaks`: text number times 2^32 plus a character at which
    another part of the text begins, sorted.
    """

    texts: list[str]
    passages: Mask
    answered: Mask
    owners: I64
    held: I64
    breaks: I64


def _texts(items: "pl.DataFrame") -> _Wanted:
    names = ("question", "context", "answer", "choices")
    questions, contexts, answers, choices = (items[name].to_list() for name in names)
    numbers: dict[tuple[str, str], int] = {}  # a passage that forty items ask about is looked at once
    pairs = [(row, numbers.setdefault((question, ""), len(numbers))) for row, question in enumerate(questions)]
    breaks: list[int] = []
    for row, (question, answer, options) in enumerate(zip(questions, answers, choices, strict=True)):
        if answer and question.count("_") == 1:  # snake_case and formulas have one as well, and lose nothing
            filled = (question.replace("_", answer), "answered")
            pairs.append((row, numbers.setdefault(filled, len(numbers))))
        if options and len(question) < _SHORT_CHARS and max(map(len, options)) > _LONG_CHOICE_CHARS:
            ends = accumulate(len(part) + 1 for part in (question, *options[:-1]))
            breaks += [(len(numbers) << 32) + end for end in ends]
            # the row in the key: texts that are cut into other parts are no equals
            pairs.append((row, numbers.setdefault(("\n".join([question, *options]), f"choices {row}"), len(numbers))))
    asked = len(numbers)
    passages = ((row, context) for row, context in enumerate(contexts) if context and not context.isspace())
    pairs += [(row, numbers.setdefault((context, "passage"), len(numbers))) for row, context in passages]
    owners, held = np.array(pairs, np.int64).reshape(-1, 2).T
    return _Wanted(
        [text for text, _ in numbers],
        np.arange(len(numbers)) >= asked,
        np.array([kind == "answered" for _, kind in numbers], bool),
        owners,
        held,
        np.array(breaks, np.int64),
    )


def _broken(tokens: Tokens, text: I32, breaks: I64, matching: Matching) -> Mask:
    """Which n-grams run from one choice into the next: in a document, letters or table cells stand between them."""
    part = np.searchsorted(breaks, (text.astype(np.int64) << 32) + tokens.starts, "right").astype(np.int32)
    width = np.where(tokens.alone, matching.characters, matching.words)
    last = np.minimum(np.arange(len(tokens)) + width, max(len(tokens), 1)) - 1
    broken: Mask = part[last] != part
    return broken


def _bare(tokens: Tokens, passages: Mask) -> Tokens:
    """Tokens without "Q:" and "A:" around the questions: they are layout."""
    marks = tokenise([*_LEADING, *_TRAILING]).hashes
    begin, end = tokens.bounds[:-1], tokens.bounds[1:]
    asked = ~passages & (end - begin > 2)
    last = max(len(tokens) - 1, 0)
    if not len(tokens):
        return tokens
    lead = asked & np.isin(tokens.hashes[np.minimum(begin, last)], marks[: len(_LEADING)])
    trail = asked & np.isin(tokens.hashes[np.maximum(end - 1, 0)], marks[len(_LEADING) :])
    drop = np.concatenate([begin[lead], end[trail] - 1])
    kept = np.ones(len(tokens), bool)
    kept[drop] = False
    bounds = np.concatenate(([0], np.cumsum(kept)))[tokens.bounds]
    return Tokens(tokens.hashes[kept], tokens.starts[kept], tokens.ends[kept], tokens.alone[kept], bounds)


def _same(tokens: Tokens, passages: Mask) -> tuple[I64, I64]:
    """The first text of each unit, and the unit of each text: equal tokens of one kind are one unit."""
    place = np.arange(len(tokens)) - np.repeat(tokens.bounds[:-1], np.diff(tokens.bounds))
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(tokens.hashes * (2 * place + 1).astype(np.uint64))))
    whole = sums[tokens.bounds[1:]] - sums[tokens.bounds[:-1]] + passages.astype(np.uint64)
    _, first, unit = np.unique(whole, return_index=True, return_inverse=True)
    return first.astype(np.int64), unit.astype(np.int64)


def _weights(found: Sieve, grams: I32, units: int, matching: Matching, background: Sequence[str]) -> F64:
    """Inverse document frequency of each n-gram over units and background documents; 0 for templates."""
    count = len(found.sorted)
    within = np.bincount(grams, minlength=count)
    beside = np.zeros(count, np.int64)
    if background:
        tokens = tokenise(background)
        hashes, whole = ngrams(tokens, matching.words, matching.characters)
        at, numbers = found.find(hashes)
        document = np.searchsorted(tokens.bounds, at, "right")
        seen = distinct(document[whole[at]] * max(count, 1) + numbers[whole[at]])
        beside = np.bincount(seen % max(count, 1), minlength=count)
    weight = np.log((units + len(background) + 1) / np.maximum(within + beside, 1))
    return np.where(within > matching.common, 0.0, weight)


def _offsets(sorted_owners: I32 | I64, count: int) -> I64:
    return np.searchsorted(sorted_owners, np.arange(count + 1)).astype(np.int64)


def _first_unit(units: I64, owners: I64, count: int) -> I64:
    found = np.full(count, -1, np.int64)
    found[owners] = units
    return found


def _several(members: I64, members_from: I64, passage_unit: I64, items: "pl.DataFrame") -> Mask:
    """Which units have items that differ in passage or answer, so that their words alone name none of them."""
    answers = [answer.casefold() for answer in items["answer"].to_list()]
    found = np.zeros(len(members_from) - 1, bool)
    for unit in np.flatnonzero(np.diff(members_from) > 1).tolist():
        rows = members[members_from[unit] : members_from[unit + 1]].tolist()
        found[unit] = len({(int(passage_unit[row]), answers[row]) for row in rows}) > 1
    return found


def _longest(values: F64, owners: I64, count: int) -> F64:
    found = np.zeros(count)
    np.maximum.at(found, owners, values)
    return found


def _answers(items: "pl.DataFrame") -> tuple[Tokens, I64, Mask]:
    """Tokens of every accepted answer, their offsets by item, and which of them tell anything."""
    lists = items["answers"].to_list()
    names = items["benchmark"].to_list()
    seen = Counter((name, answer) for name, answers in zip(names, lists, strict=True) for answer in answers)
    sizes = Counter(names)
    labels = {key for key, count in seen.items() if count >= max(_LABEL_ITEMS, _LABEL_SHARE * sizes[key[0]])}
    flat = [(name, answer) for name, answers in zip(names, lists, strict=True) for answer in answers]
    tokens = tokenise([answer for _, answer in flat])
    characters = np.concatenate(([0], np.cumsum(np.where(tokens.alone, 2, tokens.ends - tokens.starts))))
    size = characters[tokens.bounds[1:]] - characters[tokens.bounds[:-1]]
    telling = (size > 2) & np.array([key not in labels for key in flat], bool)
    offsets = np.concatenate(([0], np.cumsum([len(answers) for answers in lists]))).astype(np.int64)
    return tokens, offsets, telling
