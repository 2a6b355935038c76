"""Whether the answer to a table's question stands in the table, or follows from it.

A text answer is found where a cell or a header stands in it, or it in a cell. A number is found where a cell states
it, or derived where it is a column's largest, smallest, sum, mean or count, the rows' count, or the difference, sum or
ratio of two cells of a column or row. Answers that affirm or compare (yes, more, higher) cannot be told.

Bounded: 60 rows of 12 columns are looked at. Costs about 20 us where a cell has the answer.
"""

from collections.abc import Sequence
from itertools import combinations

from tilth.synth.checks.language import STOPWORDS
from tilth.synth.checks.numbers import NUMBER, ascii_digits, value, values_of
from tilth.synth.checks.views import words_of

_MOST_ROWS, _MOST_COLUMNS, _MOST_PAIRED = 60, 12, 24
#: Answers that compare or affirm: the table cannot hold them.
_UNTOLD = (
    "yes", "no", "true", "false", "more", "less", "fewer", "higher", "lower", "above", "below", "before", "after",
    "same", "equal", "both", "neither", "是", "否", "不是", "没有", "更", "相同", "一样",
)  # fmt: skip
#: Share of an answer's content words that the table must have where no cell stands in it whole. Chosen: half of them,
#: since an answer is a sentence about the cell.
WORDS_SHARE = 0.5


def find_answer(columns: Sequence[str], rows: Sequence[Sequence[str]], question: str, answer: str) -> str:
    """How the answer stands to the table: "cell", "derived", "words", "untold" (cannot be told), "absent", "none"."""
    if not answer:
        return "none"
    lower = ascii_digits(answer.lower()).strip(" *_.。")
    table = [[ascii_digits(cell.lower()).strip(" *_`") for cell in row[:_MOST_COLUMNS]] for row in rows[:_MOST_ROWS]]
    head = [ascii_digits(column.lower()).strip(" *_`") for column in columns[:_MOST_COLUMNS]]
    texts = {cell for row in (head, *table) for cell in row if cell}
    asked = frozenset(NUMBER.findall(ascii_digits(question)))
    numbers = [number for number in NUMBER.findall(lower) if number not in asked]
    if numbers:
        return _numbers(numbers, texts, table)
    if any(lower in cell or (len(cell) > 1 and cell in lower) for cell in texts) or lower in texts:
        return "cell"
    if lower.startswith(_UNTOLD):
        return "untold"
    spoken = values_of(lower).exact
    if spoken and spoken <= _values(texts) | _derived(table):
        return "derived"
    return _by_words(lower, texts)


def _numbers(numbers: Sequence[str], texts: set[str], table: Sequence[Sequence[str]]) -> str:
    stated = _values(texts)
    wanted = {value(number) for number in numbers}
    if wanted <= stated:
        return "cell"
    missing = wanted - stated
    derived = _derived(table)
    if all(any(abs(amount - other) <= _slack(amount) for other in derived) for amount in missing):
        return "derived"
    return "absent"


def _slack(amount: float) -> float:
    """How far a shown number may lie from the computed one: half a unit of the second decimal, or rounding to whole."""
    return 0.5 if amount == int(amount) and amount >= 10 else 0.051


def _by_words(lower: str, texts: set[str]) -> str:
    words = {word for word in words_of(lower) if word not in STOPWORDS}
    if not words:
        return "untold"
    known = set(words_of(" ".join(texts)))
    return "words" if len(words & known) >= WORDS_SHARE * len(words) else "absent"


def _values(texts: set[str]) -> set[float]:
    """Every number in the cells, in digits or words."""
    return set(values_of("\n".join(texts)).exact)


def _derived(table: Sequence[Sequence[str]]) -> set[float]:
    """What follows from the columns by one step of arithmetic, and from counting rows."""
    found: set[float] = {float(count) for count in range(len(table) + 1)}
    for column in range(max(map(len, table), default=0)):
        amounts = [amount for row in table if column < len(row) if (amount := _amount(row[column])) is not None]
        if not amounts:
            continue
        found |= {max(amounts), min(amounts), sum(amounts), sum(amounts) / len(amounts), float(len(amounts))}
        for a, b in combinations(amounts[:_MOST_PAIRED], 2):
            found |= {abs(a - b), a + b}
            if a and b:
                found |= {a / b, b / a, 100 * abs(a - b) / abs(a), 100 * abs(a - b) / abs(b)}
    return found | _across(table)


def _across(table: Sequence[Sequence[str]]) -> set[float]:
    """Sums and differences of two cells of one row."""
    found: set[float] = set()
    for row in table[:_MOST_PAIRED]:
        amounts = [amount for cell in row if (amount := _amount(cell)) is not None]
        for a, b in combinations(amounts, 2):
            found |= {abs(a - b), a + b}
    return found


def _amount(cell: str) -> float | None:
    """The first number of a cell that is at least one fifth digits; None for other cells."""
    found = NUMBER.search(cell)
    if found is None or 5 * len(found.group()) < len(cell):
        return None
    amount = value(found.group())
    return amount if amount >= 0 else None
