"""Whether a generated answer is one of the accepted ones.

This file is copied beside emitted tasks, so it imports nothing of tilth: lm-evaluation-harness calls `text`, `values`,
`number` or `boxed` with an item and what the model wrote.

Texts are compared as SQuAD's evaluation does (lower case, no punctuation, no English articles, single spaces), with
width and full-width punctuation folded; f1 is over words, and over characters of scripts without spaces.
"""

import re
import unicodedata
from collections import Counter
from fractions import Fraction
from typing import Any

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?|-?\.\d+")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


def text(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """exact_match and f1 with the best of the accepted answers."""
    written = folded(results[0].strip().split("\n")[0])
    accepted = [folded(answer) for answer in doc["accepted"]]
    return {
        "exact_match": float(written in accepted),
        "f1": max((overlap(written, answer) for answer in accepted), default=0.0),
    }


def values(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """exact_match of an answer of several values, in any order: all of them and no other."""
    written = split_values(results[0].strip().split("\n")[0], "[,|]")
    return {"exact_match": float(any(written == split_values(answer, r"\|") for answer in doc["accepted"]))}


def number(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """exact_match of the final number: behind ####, or else the last one."""
    written = final_number(results[0])
    accepted = [final_number(answer) for answer in doc["accepted"]]
    return {"exact_match": float(written is not None and written in accepted)}


def boxed(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    r"""exact_match of what stands in the last \boxed{}, or else of the whole answer."""
    written = last_boxed(results[0])
    written = plain_latex(results[0].strip() if written is None else written)
    return {"exact_match": float(written in [plain_latex(answer) for answer in doc["accepted"]])}


def folded(answer: str) -> str:
    answer = unicodedata.normalize("NFKC", answer).lower()
    answer = "".join(" " if unicodedata.category(letter)[0] == "P" else letter for letter in answer)
    return " ".join(_ARTICLES.sub(" ", answer).split())


def overlap(written: str, answer: str) -> float:
    first, second = Counter(_WORDS.findall(written)), Counter(_WORDS.findall(answer))
    same = (first & second).total()
    return 2 * same / (first.total() + second.total()) if same else 0.0


def split_values(answer: str, mark: str) -> list[str]:
    return sorted(found for found in (folded(value) for value in re.split(mark, answer)) if found)


def final_number(answer: str) -> Fraction | None:
    behind = answer.rpartition("####")[2]
    found = _NUMBER.findall(unicodedata.normalize("NFKC", behind))
    if not found:
        return None
    try:
        return Fraction(found[-1].replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None


def last_boxed(answer: str) -> str | None:
    start = answer.rfind("\\boxed{")
    if start < 0:
        return None
    depth = 0
    for place in range(start + 6, len(answer)):
        depth += {"{": 1, "}": -1}.get(answer[place], 0)
        if depth == 0:
            return answer[start + 7 : place]
    return None


def plain_latex(answer: str) -> str:
    for mark in (r"\left", r"\right", r"\!", "$"):
        answer = answer.replace(mark, "")
    answer = answer.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    return re.sub(r"\s+", "", answer).rstrip(".")
