"""Collapse alarms: notice during a run that outputs of one prompt and model have begun to sound alike.

Watches, for each pair of prompt and model, a window of the newest outputs: their openings (the first ten characters,
and the first five words behind marks and labels), the skeleton of their first sentence (content words masked), and the
share of n-grams that recent outputs had not used. Memory is bounded: 10,000 rows a pair, 64 pairs; the rest share one.
 Openings see every row; skeletons and novelty see one row in sixteen, chosen by
the row's own id, so the same rows give the same figures.

Costs 8 to 20 us a row, the chosen ones included (docs/checks.md).
"""

import math
import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

#: Rows in the window of a pair: the study counted openings on 10,000 rows.
WINDOW = 10_000
#: Rows before anything is said: below, chance decides.
LEAST = 500
#: One row in this many is looked at closely, and so many of them are kept to compare with.
SAMPLE, RECENT = 16, 250
#: A skeleton this short is a title or a label, which many texts share by right.
_SKELETON_WORDS = 4
#: Pairs of prompt and model that are told apart.
_MOST_PAIRS = 64
_OPENING_CHARS, _OPENING_WORDS, _GRAM, _GRAMS, _READ = 10, 5, 4, 64, 1200

#: FinePhrase, blog: Qwen3-1.7B had 40 distinct first ten characters in 10,000 math outputs, SmolLM2-1.7B 1,897, and the
#: first's student was worse by 2.6 points; the reference's own limit is an alarm at about 40 in 10,000.
OPENINGS_LIMIT = 40
#: 7,619 of those 10,000 opened alike. Half of that is already no choice of words.
TOP_LIMIT = 0.4
#: Bits. With 76% alike and the rest over 39 others the entropy is at most 2.1.
ENTROPY_LIMIT = 2.1
#: Measured on 405 GSM8K problems, which people wrote: 95% of skeletons are distinct, the most frequent has 0.7%.
#: Problems filled into one sentence with slots share a single one.
SKELETON_LIMIT = 0.2
#: Measured on the same: all n-grams are new at the median. Problems filled into one sentence have 24%.
NOVELTY_LIMIT = 0.3

Kind = Literal["openings", "skeletons", "novelty"]

_MARKS = " \t\r\n#*_>-|•·`\"'“”‘’0123456789.)(（）、:：—"
_LABEL = re.compile(
    r"(?:question|problem|answer|word problem|step|title|faq|frequently asked questions|q|a|问题|问|题目|应用题|标题|"
    r"常见问题)"
    r"[ \t]{0,2}[0-9]{0,3}[ \t*_]{0,4}(?:[:：\n][ \t\n*_]{0,6}|\Z)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+")
_MASK_KEEPS = (
    "the of and to in is that it was for on as with be by at this from are or an a which has have had not but were "
    "their they you his its can will been one also he she we there when what how if your these more would does do did "
    "each every many much than then so after before into per "
    "的 了 是 在 和 与 有 多 少 每 个 如 果 那 么 一 共 这 为 从 到 请 问 什 怎 吗"
)
_FUNCTION_WORDS = frozenset(_MASK_KEEPS.split())


@dataclass(frozen=True, slots=True)
class Alarm:
    """One finding. `level` is notice where only the form is fixed while the words behind it still vary."""

    kind: Kind
    level: Literal["alarm", "notice"]
    prompt: str
    model: str
    rows: int  # rows the figure stands on
    measure: str  # what was measured, in words
    value: float
    limit: float
    message: str
    examples: tuple[tuple[str, str], ...]  # (sample id, excerpt)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "level": self.level,
            "prompt": self.prompt,
            "model": self.model,
            "rows": self.rows,
            "measure": self.measure,
            "value": self.value,
            "limit": self.limit,
            "message": self.message,
            "examples": [{"sample_id": sample, "excerpt": excerpt} for sample, excerpt in self.examples],
        }


@dataclass(slots=True)
class _Tally:
    """Counts of the newest keys, and an example of each: at most `size` of them."""

    size: int
    newest: deque[int] = field(default_factory=deque)
    counts: Counter[int] = field(default_factory=Counter)
    seen: dict[int, tuple[str, str]] = field(default_factory=dict)  # the latest example of a key

    def add(self, key: int, sample_id: str, excerpt: str) -> None:
        self.newest.append(key)
        self.counts[key] += 1
        self.seen[key] = (sample_id, excerpt)
        if len(self.newest) > self.size:
            old = self.newest.popleft()
            self.counts[old] -= 1
            if not self.counts[old]:
                del self.counts[old], self.seen[old]

    @property
    def rows(self) -> int:
        return len(self.newest)

    @property
    def distinct(self) -> int:
        return len(self.counts)

    @property
    def top(self) -> float:
        """Share of the most frequent key."""
        return max(self.counts.values(), default=0) / self.rows if self.rows else 0.0

    @property
    def entropy(self) -> float:
        """Bits."""
        return sum(count / self.rows * math.log2(self.rows / count) for count in self.counts.values())

    def examples(self, most: int = 3) -> tuple[tuple[str, str], ...]:
        return tuple(self.seen[key] for key, _ in self.counts.most_common(most))


class _Pair:
    """What is known of one prompt with one model."""

    __slots__ = ("fresh", "grams", "novelty", "openings", "recent", "repeating", "rows", "skeletons", "words")

    def __init__(self) -> None:
        self.rows = 0
        self.openings = _Tally(WINDOW)  # first ten characters, as the study counted
        self.words = _Tally(WINDOW)  # first five words behind marks and labels
        self.skeletons = _Tally(WINDOW // SAMPLE)
        self.recent: deque[frozenset[int]] = deque()  # n-grams of the newest sampled outputs
        self.grams: Counter[int] = Counter()
        self.novelty: deque[float] = deque(maxlen=RECENT)
        self.repeating: tuple[float, str, str] = (2.0, "", "")  # the least novel output
        self.fresh = 0

    def observe(self, sample_id: str, text: str) -> None:
        self.rows += 1
        head = text[:200]
        opening = head.lstrip()[:_OPENING_CHARS]
        bare = _bare(head)
        words = bare[:60].lower().split(None, _OPENING_WORDS)[:_OPENING_WORDS]
        key = " ".join(words) if len(words) > 2 else bare[:_OPENING_CHARS]  # Chinese has no spaces
        self.openings.add(hash(opening), sample_id, head[:80])
        self.words.add(hash(key), sample_id, bare[:80])
        if crc32(sample_id.encode("utf-8", "replace")) % SAMPLE == 0:
            self.look(sample_id, text, bare)

    def look(self, sample_id: str, text: str, bare: str) -> None:
        """Skeleton and novelty of one output."""
        masked = skeleton(bare)
        if masked.count(" ") >= _SKELETON_WORDS:
            self.skeletons.add(hash(masked), sample_id, bare[:160])
        start = text[:_READ].lower()
        words = start.split()
        if 12 * len(words) < len(start):  # Chinese has no spaces
            words = list(start)
        grams = frozenset(map(hash, list(zip(*[words[start:] for start in range(_GRAM)], strict=False))[-_GRAMS:]))
        if not grams:
            return
        if len(self.recent) >= RECENT // 5:  # with little to compare with everything is new
            novelty = sum(1 for gram in grams if gram not in self.grams) / len(grams)
            self.novelty.append(novelty)
            if novelty <= self.repeating[0]:
                self.repeating = (novelty, sample_id, bare[:160])
        self.recent.append(grams)
        self.grams.update(grams)
        if len(self.recent) > RECENT:
            for gram in self.recent.popleft():
                self.grams[gram] -= 1
                if not self.grams[gram]:
                    del self.grams[gram]


class CollapseMonitor:
    """See the module. One object a process; `observe` every kept output, ask for `alarms` at any time."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], _Pair] = {}

    def observe(self, prompt: str, model: str, sample_id: str, text: str) -> None:
        """Count one output."""
        key = (prompt, model)
        pair = self._pairs.get(key)
        if pair is None:
            if len(self._pairs) >= _MOST_PAIRS:
                key = ("other", "other")
            pair = self._pairs.setdefault(key, _Pair())
        pair.observe(sample_id, text)

    def alarms(self) -> list[Alarm]:
        """What has collapsed, pair by pair in the order they were first seen."""
        return [alarm for (prompt, model), pair in self._pairs.items() for alarm in _alarms(prompt, model, pair)]

    def report(self) -> dict[str, Any]:
        """The figures and alarms of every pair, as plain values for JSON."""
        pairs = [
            {
                "prompt": prompt,
                "model": model,
                "rows": pair.rows,
                "window": pair.openings.rows,
                "openings": _figures(pair.openings),
                "opening_words": _figures(pair.words),
                "skeletons": _figures(pair.skeletons),
                "novelty": round(_median(pair.novelty), 4) if pair.novelty else None,
            }
            for (prompt, model), pair in self._pairs.items()
        ]
        return {"pairs": pairs, "alarms": [alarm.to_dict() for alarm in self.alarms()]}


def skeleton(sentence: str) -> str:
    """The first sentence of up to 160 characters with numbers as 0 and runs of content words as ~."""
    end = next((place for place, sign in enumerate(sentence[:160]) if place > 20 and sign in ".?!。？！\n"), 160)
    parts: list[str] = []
    for word in _WORD.findall(sentence[:end].lower()):
        part = word if word in _FUNCTION_WORDS else "0" if word[0].isdigit() else "~"
        if part != "~" or parts[-1:] != ["~"]:
            parts.append(part)
    return " ".join(parts)


def openings_limit(rows: int) -> float:
    """The least distinct openings that `rows` outputs may have: 40 in 10,000, fewer in less by the square root.

    The root is chosen: openings of varied text grow faster (930 in 1,000 GSM8K problems, 6,127 in 7,473), those of
    collapsed text not at all.
    """
    return OPENINGS_LIMIT * math.sqrt(min(rows, WINDOW) / WINDOW)


def _bare(head: str) -> str:
    """The opening without marks, numbers and up to two labels."""
    bare = head.lstrip(_MARKS)
    for _ in range(2):
        label = _LABEL.match(bare)
        if label is None:
            break
        bare = bare[label.end() :].lstrip(_MARKS)
    return bare


def _alarms(prompt: str, model: str, pair: _Pair) -> Iterable[Alarm]:
    if pair.openings.rows < LEAST:
        return
    yield from _openings(prompt, model, pair)
    top = pair.skeletons.top
    if pair.skeletons.rows >= LEAST // SAMPLE and top > SKELETON_LIMIT:
        message = (
            f"{top:.0%} of first sentences have one skeleton; ask for more variety in the instruction or its slots."
        )
        yield Alarm(
            "skeletons", "alarm", prompt, model, pair.skeletons.rows, "share of the most frequent skeleton",
            round(top, 4), SKELETON_LIMIT, message, pair.skeletons.examples(1),
        )  # fmt: skip
    if len(pair.novelty) >= LEAST // SAMPLE // 2:
        novelty = _median(pair.novelty)
        if novelty < NOVELTY_LIMIT:
            message = f"half of the outputs share {1 - novelty:.0%} or more of their 4-grams with the {RECENT} before."
            yield Alarm(
                "novelty", "alarm", prompt, model, len(pair.novelty), "median share of 4-grams that are new",
                round(novelty, 4), NOVELTY_LIMIT, message, (pair.repeating[1:],),
            )  # fmt: skip


def _openings(prompt: str, model: str, pair: _Pair) -> Iterable[Alarm]:
    """Few openings by either count; only a notice where the first words behind marks and labels still vary."""
    level: Literal["alarm", "notice"] = "alarm" if _uniform(pair.words) else "notice"
    tally = pair.words if level == "alarm" else pair.openings
    if not _uniform(tally):
        return
    limit = openings_limit(tally.rows)
    which = "first five words behind marks and labels" if level == "alarm" else "first ten characters"
    for measure, value, bound, low in (
        (f"distinct openings ({which})", float(tally.distinct), limit, True),
        (f"entropy of openings in bits ({which})", tally.entropy, ENTROPY_LIMIT, True),
        (f"share of the most frequent opening ({which})", tally.top, TOP_LIMIT, False),
    ):
        if (value <= bound) if low else (value > bound):
            tail = "" if level == "alarm" else " The words behind them vary: the form is fixed, not the text."
            message = f"{tally.distinct} openings in {tally.rows} outputs, {tally.top:.0%} alike.{tail}"
            yield Alarm(
                "openings", level, prompt, model, tally.rows, measure, round(value, 4), round(bound, 4), message,
                tally.examples(),
            )  # fmt: skip
            return


def _uniform(tally: _Tally) -> bool:
    return tally.distinct <= openings_limit(tally.rows) or tally.entropy <= ENTROPY_LIMIT or tally.top > TOP_LIMIT


def _figures(tally: _Tally) -> dict[str, Any]:
    return {
        "rows": tally.rows,
        "distinct": tally.distinct,
        "top_share": round(tally.top, 4),
        "entropy": round(tally.entropy, 4),
    }


def _median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
