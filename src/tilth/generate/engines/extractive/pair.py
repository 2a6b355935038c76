"""A question with its answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pair:
    """`rank` orders kinds by worth (0 best), `order` by place in the document (ten times the number of a sentence)."""

    question: str
    answer: str
    rank: int
    order: int
