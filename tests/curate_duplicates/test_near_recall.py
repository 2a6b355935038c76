"""Planted near duplicates: as many are found as the banding formula says, in English and in Chinese."""

import random
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from tilth.curate.near.stage import build
from tilth.frames import make_frame
from tilth.recipe.stages.duplicates import NearDuplicates

SHINGLE = 5
EDGES = (0.65, 0.75, 0.85, 0.95, 1.0)


def words_of(text: str) -> list[str]:
    """An own reading of the shingles' words: letters and digits, without case, diacritics and the digits' values."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not 0x300 <= ord(c) <= 0x36F)
    return re.findall(r"[^\W_]+", re.sub(r"\d", "0", plain))


def characters_of(text: str) -> list[str]:
    return re.findall(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+", text)


def jaccard(left: list[str], right: list[str]) -> float:
    a, b = ({tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)} for words in (left, right))
    return len(a & b) / len(a | b)


def planted(words: list[str], target: float, rng: random.Random) -> tuple[list[str], float]:
    """The words with so many replaced, at random places, that the exact Jaccard is about `target`."""
    places = rng.sample(range(len(words)), len(words))
    spare = [rng.choice(words) for _ in words]
    low, high = 0, len(words)
    while high - low > 1:  # more replaced, less alike
        middle = (low + high) // 2
        low, high = (
            (middle, high) if jaccard(words, _replaced(words, places[:middle], spare)) > target else (low, middle)
        )
    changed = _replaced(words, places[:low], spare)
    return changed, jaccard(words, changed)


def _replaced(words: list[str], places: list[int], spare: list[str]) -> list[str]:
    out = list(words)
    for place in places:
        out[place] = spare[place]
    return out


def pairs(texts: list[str], split: Callable[[str], list[str]], glue: str, seed: int) -> list[tuple[str, str, float]]:
    """(original, planted, exact Jaccard) with targets even over 0.65 to 1."""
    rng = random.Random(seed)
    found = []
    for text in texts:
        words = split(text)[:400]
        changed, similarity = planted(words, rng.uniform(0.65, 1.0), rng)
        found.append((glue.join(words), glue.join(changed), similarity))
    return found


def caught(found: list[tuple[str, str, float]], folder: Path) -> list[bool]:
    """Which pairs end in one cluster, each pair's two far apart in the input."""
    stage = build(NearDuplicates(), 0)
    frame = make_frame([pair[0] for pair in found] + [pair[1] for pair in found])
    half = len(found)
    for name, piece in (("a", frame[:half]), ("b", frame[half:])):
        stage.gather([piece], name, folder)
    stage.decide(["a", "b"], folder, 1)
    clusters = pl.concat(pl.read_parquet(path) for path in (folder / "clusters").glob("*.parquet"))
    cluster = dict(zip(clusters["key"], clusters["cluster"], strict=True))
    return [cluster.get(number, -1) == cluster.get(number + half, -2) for number in range(half)]


def check(found: list[tuple[str, str, float]], folder: Path) -> None:
    """Per band of Jaccard no less than the formula, within its sampling error; over 0.8 and more at least 0.97."""
    hits = caught(found, folder)
    for low, high in pairwise(EDGES):
        inside = [
            (hit, 1 - (1 - pair[2] ** 8) ** 14) for hit, pair in zip(hits, found, strict=True) if low <= pair[2] < high
        ]
        assert len(inside) > 20, "too few pairs were planted to say anything"
        expected = sum(chance for _, chance in inside)
        error = sum(chance * (1 - chance) for _, chance in inside) ** 0.5
        seen = sum(hit for hit, _ in inside)
        assert seen >= expected - 3 * error - 0.5, (
            f"Jaccard {low}-{high}: {seen} of {len(inside)}, expected {expected:.1f}"
        )
        assert seen <= expected + 3 * error + 0.5, f"Jaccard {low}-{high}: far more than chance: {seen}, {expected:.1f}"
    similar = [hit for hit, pair in zip(hits, found, strict=True) if pair[2] >= 0.8]
    assert sum(similar) / len(similar) >= 0.97


def documents(shared: Path, kinds: tuple[str, ...], language: str, count: int) -> list[str]:
    """Documents of at least 300 words or characters, no two of them alike in their opening."""
    frames = [
        pl.read_parquet(shared / "data" / "documents" / f"{kind}.parquet", columns=["text", "lang"]) for kind in kinds
    ]
    rows = pl.concat(frames).filter((pl.col("lang") == language) & (pl.col("text").str.len_chars() > 2500))
    rows = rows.unique(pl.col("text").str.slice(0, 100), maintain_order=True)
    return rows.sample(min(count, len(rows)), seed=3)["text"].to_list()


def test_english_pairs_are_found_as_often_as_the_formula_says(shared: Path, tmp_path: Path) -> None:
    texts = documents(shared, ("encyclopedia", "gov_news", "book"), "en", 300)
    check(pairs(texts, words_of, " ", 1), tmp_path)


@pytest.mark.slow
def test_chinese_pairs_are_found_as_often_as_the_formula_says(shared: Path, tmp_path: Path) -> None:
    texts = documents(shared, ("encyclopedia_zh", "legal", "textbook"), "zh", 300)
    texts = [text for text in texts if len(characters_of(text)) >= 300]
    check(pairs(texts, characters_of, "", 2), tmp_path)


@pytest.mark.slow
def test_thousands_of_pairs_are_found_as_often_as_the_formula_says(shared: Path, tmp_path: Path) -> None:
    texts = documents(shared, ("encyclopedia", "gov_news", "book", "textbook", "legal", "science_article"), "en", 2500)
    check(pairs(texts, words_of, " ", 4), tmp_path)
