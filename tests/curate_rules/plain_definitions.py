"""The definitions of the signals once more, as plain loops over one text: slow, and easy to check by reading."""

import re
from collections import Counter

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}


def again(pieces: list[str]) -> tuple[int, int]:
    """Pieces that occurred before, and their characters."""
    seen: set[str] = set()
    count = characters = 0
    for piece in pieces:
        if piece in seen:
            count, characters = count + 1, characters + len(piece)
        seen.add(piece)
    return count, characters


def top_characters(words: list[str], n: int) -> int:
    """Characters of the most frequent n-gram, joined by spaces, times how often it occurs."""
    grams = Counter(" ".join(words[place : place + n]) for place in range(len(words) - n + 1))
    if not grams:
        return 0
    gram, times = max(grams.items(), key=lambda item: item[1])
    return len(gram) * times


def duplicate_characters(words: list[str], n: int, *, forgetful: bool = False) -> int:
    """Characters of n-grams that occurred before, read from the left; behind one that counts the next may begin.

    `forgetful`: n-grams that begin inside one that counted are not remembered, as in datatrove.
    """
    seen: set[tuple[str, ...]] = set()
    place = characters = 0
    while place <= len(words) - n:
        gram = tuple(words[place : place + n])
        if gram in seen:
            characters += sum(map(len, gram))
            if not forgetful:
                seen |= {tuple(words[inner : inner + n]) for inner in range(place + 1, place + n)}
            place += n
        else:
            seen.add(gram)
            place += 1
    return characters


def signals(text: str) -> dict[str, float]:
    """What each signal should be; left out where there is nothing to measure."""
    return {**_quality(text), **_repetition(text), **_fineweb(text)}


def _quality(text: str) -> dict[str, float]:
    words, lines = text.split(), text.splitlines()
    found: dict[str, float] = {"stop_word_count": len(STOP_WORDS & set(words))}
    if words:
        found["hash_word_ratio"] = text.count("#") / len(words)
        found["ellipsis_word_ratio"] = (text.count("...") + text.count("…")) / len(words)
        found["alphabetic_word_share"] = sum(any(map(str.isalpha, word)) for word in words) / len(words)
    if lines:
        found["bullet_line_share"] = sum(line.lstrip().startswith(("•", "-")) for line in lines) / len(lines)
        found["ellipsis_line_share"] = sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines)
    return found


def _repetition(text: str) -> dict[str, float]:
    found: dict[str, float] = {"character_count": len(text)}
    if not text:
        return found
    words = text.split()
    for what, pieces in (("line", re.split("\n+", text)), ("paragraph", re.split("\n{2,}", text.strip()))):
        count, characters = again(pieces)
        found[f"duplicate_{what}_share"] = count / len(pieces)
        found[f"duplicate_{what}_character_share"] = characters / len(text)
    for n in (2, 3, 4):
        found[f"top_{n}gram_character_share"] = top_characters(words, n) / len(text)
    for n in range(5, 11):
        found[f"duplicate_{n}gram_character_share"] = duplicate_characters(words, n) / len(text)
    return found


def _fineweb(text: str) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip()]
    found: dict[str, float] = {"line_count": len(lines)}
    if lines:
        found["short_line_share"] = sum(len(line) <= 30 for line in lines) / len(lines)
        found["repeated_line_character_share"] = again(lines)[1] / len(text.replace("\n", ""))
        found["newline_word_ratio"] = text.count("\n") / len(text.split())
    return found
