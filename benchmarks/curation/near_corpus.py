"""A corpus of any size from real paragraphs, with planted near duplicates of known exact Jaccard similarity.

Paragraphs of English documents are shuffled and put together to documents of about 3,000 characters, each paragraph
once, so that no document is a copy of another but the planted ones: for one document in twenty, its text with words
replaced until the exact Jaccard similarity of its word 5-grams is about a target, even over 0.65 to 1.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import polars as pl

SHINGLE = 5
DOCUMENT_CHARACTERS = 3000
PLANTED = 0.05
PART_ROWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Parquet files with id and text, the pairs planted, and the size of the texts."""

    folder: Path
    pairs: pl.DataFrame  # left, right (ids), jaccard
    bytes: int
    documents: int


def make(source: Path, folder: Path, megabytes: float, seed: int = 0) -> Corpus:
    """Write a corpus. Raises `ValueError` where the source has too few paragraphs."""
    rng = random.Random(seed)
    texts = _documents(source, int(megabytes * 1e6 / (1 + PLANTED)), rng)
    count = max(1, int(len(texts) * PLANTED))
    rows, pairs = [(f"d{number}", text) for number, text in enumerate(texts)], []
    for number in rng.sample(range(len(texts)), count):
        text, jaccard = planted(texts[number].split(), rng.uniform(0.65, 1.0), rng)
        rows.append((f"p{number}", text))
        pairs.append((f"d{number}", f"p{number}", jaccard))
    rng.shuffle(rows)
    frame = pl.DataFrame(rows, schema={"id": pl.String, "text": pl.String}, orient="row")
    folder.mkdir(parents=True)
    for part, low in enumerate(range(0, len(frame), PART_ROWS)):
        frame[low : low + PART_ROWS].write_parquet(folder / f"part-{part:05d}.parquet")
    truth = pl.DataFrame(pairs, schema={"left": pl.String, "right": pl.String, "jaccard": pl.Float64}, orient="row")
    size = int(frame["text"].str.len_bytes().sum())
    return Corpus(folder=folder, pairs=truth, bytes=size, documents=len(frame))


def _documents(source: Path, size: int, rng: random.Random) -> list[str]:
    frames = [pl.read_parquet(path, columns=["text", "lang"]) for path in sorted(source.glob("*.parquet"))]
    english = pl.concat(frames).filter(pl.col("lang") == "en")["text"]
    pool = english.str.split("\n\n").explode().unique(maintain_order=True)
    pool = pool.filter(pool.str.len_chars().is_between(80, DOCUMENT_CHARACTERS)).to_list()
    rng.shuffle(pool)
    texts, held, total = [], [], 0
    for paragraph in pool:
        held.append(paragraph)
        if sum(map(len, held)) >= DOCUMENT_CHARACTERS:
            texts.append("\n\n".join(held))
            total += len(texts[-1].encode())
            held = []
        if total >= size:
            return texts
    raise ValueError(f"expected paragraphs for {size / 1e6:.0f} MB in {source}; there are {total / 1e6:.0f} MB")


def jaccard(left: list[str], right: list[str]) -> float:
    """Exact, over the sets of word 5-grams."""
    a, b = ({tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)} for words in (left, right))
    return len(a & b) / len(a | b)


def planted(words: list[str], target: float, rng: random.Random) -> tuple[str, float]:
    """The text with words replaced at random places until its similarity is about `target`, and the similarity."""
    places = rng.sample(range(len(words)), len(words))
    spare = [rng.choice(words) for _ in words]
    low, high = 0, len(words)
    while high - low > 1:
        middle = (low + high) // 2
        more = jaccard(words, _replaced(words, places[:middle], spare)) > target
        low, high = (middle, high) if more else (low, middle)
    changed = _replaced(words, places[:low], spare)
    return " ".join(changed), jaccard(words, changed)


def _replaced(words: list[str], places: list[int], spare: list[str]) -> list[str]:
    out = list(words)
    for place in places:
        out[place] = spare[place]
    return out
