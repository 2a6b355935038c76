"""What a sentence states, before it is placed in a document."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stated:
    """Kind of fact, subject, verb as written, and whether the verb is in the plural."""

    kind: str
    subject: str
    verb: str
    plural: bool = False
