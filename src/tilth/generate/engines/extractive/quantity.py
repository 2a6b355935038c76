"""A number with its kind and unit."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """`value` in `unit`; two quantities compare when kind and unit are equal.

    `shown` is the number with its unit as the source writes it; `name` the unit as a reader says it in the plural.
    `per` is what it is counted per (3 km per year), else empty; `of` is what a percentage is of.
    """

    value: Decimal
    kind: str
    unit: str
    shown: str
    name: str
    per: str = ""
    of: str = ""
    sentence: str = ""  # where it stands, set by the reader of the document
    order: int = -1  # number of that sentence among those with figures


def plain(value: Decimal) -> str:
    """A number in plain digits, without exponent or trailing zeros."""
    text = f"{value.normalize():f}"
    return "0" if text in ("-0", "") else text
