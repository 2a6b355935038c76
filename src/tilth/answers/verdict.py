"""What a check says, and the settings that decide it.

Guarantees: a `Verdict` is plain data that pickles. `correct` is None only where the checker itself could not tell (a
limit was reached, or the gold answer is empty); an answer that cannot be read as what was asked for is wrong.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["number", "symbolic", "choice", "text", "code"]

#: How a verdict was reached.
How = Literal[
    "identical",  # the same after normalising
    "number",  # compared as exact numbers
    "tolerance",  # equal within the tolerance, or after rounding
    "units",  # units of different dimensions, or a unit that was asked for and not given
    "numeric",  # expressions that differ in value at a test point
    "structure",  # another number of parts, or other brackets
    "symbolic",  # decided by math-verify
    "choice",  # compared as sets of options
    "contradiction",  # a letter and the text of another option
    "alias",  # equal to one of the accepted texts
    "contained",  # one accepted text stands in the answer, with few words around
    "text",  # compared as text and different
    "tests",  # a program that was run
    "unreadable",  # not of the kind asked for
    "no_gold",  # nothing to compare with
    "time",  # the limit on time was reached
    "memory",  # the limit on memory was reached
    "failed",  # the worker ended, or the library raised
    "too_long",  # longer than is ever read
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an answer is right.

    `correct` is None where it could not be told. `answer` and `gold` are the pair as compared; `detail` says in words
    what decided, and where the answer was taken from.
    """

    correct: bool | None
    kind: Kind
    how: How
    detail: str
    answer: str
    gold: str


class CheckSettings(BaseModel):
    """What counts as equal, and how far a check may go. All are identity: another value may give another verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relative_tolerance: Annotated[float, Field(ge=0, lt=1)] = 1e-6  # of the gold value; hides float noise only
    absolute_tolerance: Annotated[float, Field(ge=0)] = 0.0
    rounding_digits: Annotated[int, Field(ge=0, le=15)] = 3
    """Significant digits from which a rounded decimal stands for the exact value; 0 turns rounding off."""
    percent_optional: bool = True  # 50 for 50 %: the question often says "what percentage"
    unit_required: bool = False  # True refuses an answer without a unit where the gold has one
    extra_words: Annotated[int, Field(ge=0)] = 5
    """Words that may stand around an accepted text; 0 asks for the text alone."""
    symbolic_seconds: Annotated[float, Field(gt=0, le=1.5)] = 1.0  # CPU time of one comparison; 1.5 keeps 2 in all
    symbolic_memory_mb: Annotated[int, Field(ge=256)] = 1024  # 256: SymPy alone needs about 120
