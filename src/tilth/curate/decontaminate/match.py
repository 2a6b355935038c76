"""Documents against the index: which items are in which document, where, and how surely.

Three steps, each on far fewer rows than the one before: every n-gram of every document against a bit table; the
weights of what was found, summed by document and unit; and for the few pairs that can pass, the densest place of the
unit in the document and its answers near there, in Python. Long documents are looked at in overlapping windows, so
that a question is never put together from the far ends of a book.

The score of a question with share q of its weight found in one place, share a of an answer near it and share p of its
passage anywhere in the document is q + (1 - q) (wa a + wp p), at most 1; of a passage alone it is its share times its
weight. After decon, which weighs question, answer and passage by rarity; the formula is ours.

Guarantees: what is found in a document does not depend on the documents beside it. Costs about 60 ns a token.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tilth.curate.decontaminate.index import F64, Index
from tilth.curate.decontaminate.ngrams import distinct, ngrams
from tilth.curate.decontaminate.tokens import I64, U64, Tokens, tokenise
from tilth.recipe.stages.decontaminate import Matching

Kind = Literal["question", "question_answer", "passage"]

#: Characters looked at together: enough to make a call of NumPy cheap, and some 50 MB of arrays.
_AT_ONCE = 1 << 20
#: Tokens of a window of a long document; windows overlap by half, so this is twice the longest unit found whole.
_WINDOW = 8192
#: More places of a unit's n-grams in one window than this are one text repeated; the first are as good as all.
_MOST_PLACES = 20_000
#: A match of a unit of n tokens lies within 2 n + 30 tokens: room for footnote marks, line numbers and table cells.
_STRETCH, _SLACK = 2, 30
#: Answers up to this many tokens have to be there in one run; of longer ones runs of this length are counted.
_ANSWER_RUN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One unit found in one document. `start` and `end` are characters of the text; `item` is a row of Index.items."""

    document: int
    unit: int
    item: int
    kind: Kind
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Hits:
    """N-grams found, by document and place. `place` is the token in all documents' tokens."""

    document: I64
    place: I64
    gram: I64


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the tokens a unit lies densest: the share of its weight there, first token, one past the last."""

    share: float
    first: int
    last: int


def find_matches(texts: Sequence[str], index: Index, matching: Matching) -> list[Match]:
    """Every item found in every text, in the order of the texts; the surest first within one."""
    found: list[Match] = []
    for first, last in _blocks(texts):
        tokens = tokenise(texts[first:last])
        hits = _hits(tokens, index, matching)
        for document, units in _candidates(hits, tokens, index, matching):
            matches = _document(document, units, hits, tokens, index, matching)
            found += [replace(match, document=match.document + first) for match in matches]
    return found


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and one past the last text of each block of about `_AT_ONCE` characters."""
    first, size = 0, 0
    for number, text in enumerate(texts):
        if size and size + len(text) > _AT_ONCE:
            yield first, number
            first, size = number, 0
        size += len(text)
    if first < len(texts):
        yield first, len(texts)


def _hits(tokens: Tokens, index: Index, matching: Matching) -> _Hits:
    hashes, whole = ngrams(tokens, matching.words, matching.characters)
    place, gram = index.sieve.find(hashes)
    kept = whole[place] & (index.weight[gram] > 0)
    place, gram = place[kept], gram[kept]
    fresh = np.ones(len(place), bool)  # of one word a million times, one n-gram
    fresh[1:] = (gram[1:] != gram[:-1]) | (place[1:] != place[:-1] + 1)
    place, gram = place[fresh], gram[fresh]
    return _Hits(np.searchsorted(tokens.bounds, place, "right") - 1, place, gram)


def _candidates(
    hits: _Hits, tokens: Tokens, index: Index, matching: Matching
) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
    """Document -> (unit, first and last token of the window) where enough of the unit's weight is in the window."""
    inside = hits.place - tokens.bounds[hits.document]
    half = _WINDOW // 2
    part = inside // half
    size = np.diff(tokens.bounds)
    most = int(size.max(initial=0)) // half + 1
    key = hits.document * most + part
    before = part > 0  # the window that begins half a window earlier holds it too
    window = np.concatenate([key, key[before] - 1])
    gram = np.concatenate([hits.gram, hits.gram[before]])
    pairs = distinct(window * len(index.weight) + gram) if len(gram) else np.empty(0, np.int64)
    window, gram = np.divmod(pairs, max(len(index.weight), 1))
    window, unit, share = _shares(window, gram, index)
    at_least = _possible(index, matching)
    kept = share >= at_least[unit] - 1e-9
    by_document: dict[int, list[tuple[int, int, int]]] = {}
    for one, number in zip(window[kept].tolist(), unit[kept].tolist(), strict=True):
        document, place = divmod(one, most)
        first = int(tokens.bounds[document]) + place * half
        by_document.setdefault(document, []).append(
            (number, first, min(first + _WINDOW, int(tokens.bounds[document + 1])))
        )
    yield from sorted(by_document.items())


def _shares(window: I64, gram: I64, index: Index) -> tuple[I64, I64, F64]:
    """Share of each unit's weight in each window, from the different n-grams of the windows."""
    counts = index.units_from[gram + 1] - index.units_from[gram]
    ends = np.cumsum(counts)
    steps = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    unit = index.units[np.repeat(index.units_from[gram], counts) + steps]
    keys = np.repeat(window, counts) * len(index.total) + unit
    different, inverse = np.unique(keys, return_inverse=True)
    sums = np.bincount(inverse, np.repeat(index.weight[gram], counts), len(different))
    window, unit = np.divmod(different, len(index.total))
    return window, unit, sums / index.total[unit]


def _possible(index: Index, matching: Matching) -> F64:
    """The share from which a unit can reach its score, with its answer and its passage there in full."""
    help_ = min(matching.answer_weight + matching.passage_support, 0.99)
    questions = np.maximum((index.need - help_) / (1 - help_), 0.05)
    passages = matching.passage_threshold / matching.passage_weight if matching.passage_weight else np.inf
    return np.where(index.passage, passages, questions)


def _document(
    document: int,
    units: list[tuple[int, int, int]],
    hits: _Hits,
    tokens: Tokens,
    index: Index,
    matching: Matching,
) -> list[Match]:
    """The matches of one document: passages first, since they support the questions about them."""
    begin, end = np.searchsorted(hits.document, [document, document + 1])
    gram, place = hits.gram[begin:end], hits.place[begin:end]
    order = np.argsort(gram, kind="stable")
    by_gram, places = gram[order], place[order]
    best: dict[int, _Place] = {}
    for unit, first, last in units:
        if best.get(unit, _NOWHERE).share > _WHOLE:
            continue  # windows overlap
        found = _densest(unit, first, last, by_gram, places, index)
        if found.share > best.get(unit, _NOWHERE).share:
            best[unit] = found
    passages = {unit: found.share for unit, found in best.items() if index.passage[unit]}
    matches = [_judge(document, unit, found, passages, tokens, index, matching) for unit, found in best.items()]
    return sorted((one for one in matches if one is not None), key=lambda one: (-one.score, one.unit))


_NOWHERE = _Place(0.0, 0, 0)
#: Rounding apart, all of a unit.
_WHOLE = 1 - 1e-9


def _densest(unit: int, first: int, last: int, grams: I64, places: I64, index: Index) -> _Place:
    """The stretch of the window with the most weight of the unit, each n-gram counted once."""
    own = index.grams[index.grams_from[unit] : index.grams_from[unit + 1]]
    low = np.searchsorted(grams, own, "left")
    counts = np.searchsorted(grams, own, "right") - low
    ends = np.cumsum(counts)
    there = places[np.arange(ends[-1]) + np.repeat(low - (ends - counts), counts)]
    numbers = np.repeat(own, counts)
    kept = (there >= first) & (there < last)
    there, numbers = there[kept], numbers[kept]
    if not len(there):
        return _NOWHERE
    room = _STRETCH * int(index.size[unit]) + _SLACK
    begin, end = int(there.min()), int(there.max())
    if end - begin <= room:  # all in one place, as nearly always
        return _Place(min(float(index.weight[distinct(numbers)].sum() / index.total[unit]), 1.0), begin, end + 1)
    order = np.argsort(there, kind="stable")[:_MOST_PLACES]
    there, numbers = there[order], numbers[order]
    return _slide(there.tolist(), numbers.tolist(), index.weight[numbers].tolist(), room, float(index.total[unit]))


def _slide(places: list[int], grams: list[int], weights: list[float], room: int, total: float) -> _Place:
    """Two pointers over the places: the best sum of different n-grams within `room` tokens."""
    count: Counter[int] = Counter()
    now, best, left = 0.0, _NOWHERE, 0
    for right, place in enumerate(places):
        count[grams[right]] += 1
        now += weights[right] if count[grams[right]] == 1 else 0.0
        while place - places[left] > room:
            count[grams[left]] -= 1
            now -= weights[left] if count[grams[left]] == 0 else 0.0
            left += 1
        if now > best.share * total + 1e-9:
            best = _Place(min(now / total, 1.0), places[left], place + 1)
    return best


def _judge(
    document: int,
    unit: int,
    found: _Place,
    passages: dict[int, float],
    tokens: Tokens,
    index: Index,
    matching: Matching,
) -> Match | None:
    """The match of one unit, None where it does not pass."""
    last = found.last - 1
    width = matching.characters if tokens.alone[last] else matching.words
    stop = min(last + width, int(tokens.bounds[document + 1]))
    members = index.members_of(unit)
    kind: Kind
    if index.passage[unit]:
        score, item, kind = found.share * matching.passage_weight, int(members[0]), "passage"
    else:
        near = _near(document, found.first, stop, tokens, matching)
        score, item, kind = max(
            (_score(int(member), unit, found.share, near, passages, index, matching) for member in members),
            key=lambda one: one[0],
        )
    if score < index.need[unit] - 1e-9:
        return None
    start, end = int(tokens.starts[found.first]), int(tokens.ends[stop - 1])
    return Match(document=document, unit=unit, item=item, kind=kind, score=score, start=start, end=end)


def _near(document: int, first: int, stop: int, tokens: Tokens, matching: Matching) -> tuple[U64, U64]:
    """The tokens before and after a question in which its answer may stand."""
    begin, end = tokens.bounds[document], tokens.bounds[document + 1]
    before = tokens.hashes[max(int(begin), first - matching.near) : first]
    return before, tokens.hashes[stop : min(int(end), stop + matching.near)]


def _score(
    item: int,
    unit: int,
    share: float,
    near: tuple[U64, U64],
    passages: dict[int, float],
    index: Index,
    matching: Matching,
) -> tuple[float, int, Kind]:
    """Score, item and kind of a question found with `share` of its weight; 0 where a short one lacks its answer."""
    answer = _answer_share(item, near, index)
    passage = passages.get(int(index.passage_unit[item]), 0.0)
    kind: Kind = "question_answer" if answer >= 0.5 or index.answered[unit] else "question"
    short = index.vague[unit] or index.length[unit] < matching.min_question
    if short and answer < 0.5 and passage < 0.5:
        return 0.0, item, kind
    score = share + (1 - share) * (matching.answer_weight * answer + matching.passage_support * passage)
    return min(score, 1.0), item, kind


def _answer_share(item: int, near: tuple[U64, U64], index: Index) -> float:
    """The best share of an accepted answer that stands near; labels and single digits tell nothing."""
    best = 0.0
    for number in range(int(index.answers_from[item]), int(index.answers_from[item + 1])):
        if index.telling[number]:
            begin, end = index.answers.bounds[number], index.answers.bounds[number + 1]
            wanted = index.answers.hashes[begin:end]
            best = max([best, *(_run_share(wanted, side) for side in near)])
    return best


def _run_share(wanted: U64, side: U64) -> float:
    """Share of the runs of `wanted` that are in `side`."""
    if len(wanted) == 0 or len(side) < min(len(wanted), _ANSWER_RUN):
        return 0.0
    if len(wanted) <= _ANSWER_RUN:
        return float(wanted.tobytes() in side.tobytes())  # 8 random bytes do not turn up by chance
    runs, there = _runs(wanted), _runs(side)
    return len(runs & there) / len(runs)


def _runs(hashes: U64) -> set[tuple[int, ...]]:
    listed = hashes.tolist()
    return {tuple(listed[at : at + _ANSWER_RUN]) for at in range(len(listed) - _ANSWER_RUN + 1)}
