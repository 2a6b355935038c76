"""The questions that the scripted engine knows: read from seed files, found again by their text.

A question is found as it stands, or as worked arithmetic with other numbers in it: then its formula gives the answer.
Costs about 20 us and 1 kB a question to load; a formula is read when it is first needed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tilth.base.errors import ConfigError
from tilth.base.random import seed_of
from tilth.data.files import SourceFile, list_files, open_raw
from tilth.data.questions import QuestionFields, gold_text, question_of
from tilth.data.source import SourceSpec
from tilth.generate.scripted.formula import NUMBER, Formula, Value, number_of, read_formula, show
from tilth.generate.scripted.settings import PARTS, Scripted

#: Formulas kept: a seed file of 7,500 word problems fits.
_FORMULAS = 20_000
_BORDERS = (2.0, 4.0, 6.0, 8.0)  # as in tilth.difficulty.bins
_ROWS = 4096  # of a Parquet file at once
_FORMATS = ("parquet", "jsonl")


class Known:
    """One known question. `answer` is the right answer as a text; `difficulty` is the planted truth, 1 to 10."""

    __slots__ = ("answer", "choices", "difficulty", "discipline", "field", "number", "question", "solution")

    def __init__(
        self, question: str, answer: str, choices: tuple[str, ...] | None, solution: str | None, place: "_Place"
    ) -> None:
        self.question = question
        self.answer = answer
        self.choices = choices
        self.solution = solution
        self.number = number_of(answer)
        self.discipline, self.field, self.difficulty = place


_Place = tuple[str, str | None, float]


class Shelf:
    """All known questions: by text, by text with the numbers taken out, and by discipline."""

    def __init__(self, items: Iterable[Known]) -> None:
        self._by_text: dict[str, Known] = {}
        self._by_mask: dict[str, list[Known]] = {}
        self._by_kind: dict[tuple[str, bool], list[Known]] = {}
        for item in items:
            key = fold(item.question)
            if key in self._by_text:
                continue
            self._by_text[key] = item
            if item.number is not None:
                self._by_mask.setdefault(mask(key), []).append(item)
            self._by_kind.setdefault((item.discipline, bool(item.choices)), []).append(item)
        self.formula: Callable[[Known], Formula | None] = lru_cache(maxsize=_FORMULAS)(_formula)

    def __len__(self) -> int:
        return len(self._by_text)

    @property
    def disciplines(self) -> list[str]:
        """Every discipline that a known question has."""
        return sorted({discipline for discipline, _ in self._by_kind})

    def exact(self, question: str) -> Known | None:
        """The known question with this text, whatever its spacing and case."""
        return self._by_text.get(fold(question))

    def varied(self, question: str) -> tuple[Known, Formula, dict[int, Value]] | None:
        """The known question that this one is with other numbers, and these numbers by their place."""
        key = fold(question)
        for item in self._by_mask.get(mask(key), ()):
            formula = self.formula(item)
            numbers = None if formula is None else _other_numbers(fold(item.question), key, formula)
            if formula is not None and numbers is not None:
                return item, formula, numbers
        return None

    def like(self, item: Known) -> Sequence[Known]:
        """Known questions of the same discipline, with choices if it has them; itself among them."""
        return self._by_kind[item.discipline, bool(item.choices)]


def load_shelf(settings: Scripted) -> Shelf:
    """Read the files that the settings name; raises `ConfigError` where one is missing or no question has an answer."""
    shelf = Shelf(_items(settings))
    if not len(shelf):
        raise ConfigError(
            f"expected questions with answers in {', '.join(settings.known)}; saw none. The scripted engine takes "
            "Parquet or JSON lines with the columns question and answer; others are named under columns."
        )
    return shelf


def bin_of(difficulty: float) -> int:
    """1 to 5, as tilth.difficulty.bins has it: a score on a border belongs to the easier bin."""
    return 1 + sum(difficulty > border for border in _BORDERS)


def fold(text: str) -> str:
    """Equal for questions that differ in spacing and case only."""
    return " ".join(text.split()).casefold()


def mask(folded: str) -> str:
    """A folded question without its numbers."""
    return NUMBER.sub("#", folded)


def _formula(item: Known) -> Formula | None:
    return read_formula(item.question, item.answer, item.solution)


def _other_numbers(before: str, after: str, formula: Formula) -> dict[int, Value] | None:
    """Numbers of `after` in the places that may vary; None where another number differs too."""
    numbers: dict[int, Value] = {}
    pairs = zip(NUMBER.findall(before), NUMBER.findall(after), strict=True)
    for place, (old, new) in enumerate(pairs):
        if place in formula.varied:
            value = number_of(new)
            if value is None:
                return None
            numbers[place] = value
        elif old != new:
            return None
    return numbers


def _items(settings: Scripted) -> Iterator[Known]:
    named = {part: settings.columns.get(part, part) for part in PARTS}
    fields = QuestionFields(**{part: named[part] for part in ("answer", "choices", "context", "solution", "subject")})
    for row in _rows(settings.known, named.values()):
        item = _item(row, named, fields, settings)
        if item is not None:
            yield item


def _item(row: Mapping[str, Any], named: Mapping[str, str], fields: QuestionFields, settings: Scripted) -> Known | None:
    text = row.get(named["question"])
    if not isinstance(text, str) or not text.strip():
        return None
    question = question_of(text, orjson.dumps(row, default=str).decode(), fields)
    answer = gold_text(question)
    if answer is None:
        return None
    number = number_of(answer)
    answer = show(number) if number is not None else answer  # "51.0" is 51
    place = _place(row, named, text, question.subject or "", settings)
    return Known(text, answer, question.choices, question.solution, place)


def _place(row: Mapping[str, Any], named: Mapping[str, str], text: str, subject: str, settings: Scripted) -> _Place:
    """Discipline, field and difficulty: as the file says, as the settings say, or by lot."""
    discipline, field = row.get(named["discipline"]), row.get(named["field"])
    if not isinstance(discipline, str) or not discipline:
        given = settings.place_of(subject)
        lot = settings.disciplines[seed_of(0, "scripted", "discipline", subject) % len(settings.disciplines)]
        discipline, field = given or (lot, None)
    stated = row.get(named["difficulty"])
    if isinstance(stated, int | float) and not isinstance(stated, bool) and 1 <= stated <= 10:
        difficulty = float(stated)
    else:  # 1 to 10 in halves, each alike
        difficulty = 1.0 + 0.5 * (seed_of(0, "scripted", "difficulty", fold(text)) % 19)
    return discipline, field if isinstance(field, str) else None, difficulty


def _rows(paths: Sequence[str], columns: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of every Parquet and JSON-lines file, with the columns that are asked for."""
    asked = set(columns)
    files = [file for file in list_files(SourceSpec(source=tuple(paths)), Path.cwd()) if file.format in _FORMATS]
    for file in files:
        with open_raw(file) as stream:
            if file.format == "parquet":
                table = pq.ParquetFile(stream)
                names = [name for name in table.schema_arrow.names if name in asked]
                for batch in table.iter_batches(batch_size=_ROWS, columns=names):
                    yield from batch.to_pylist()
                continue
            data = stream.read()
        yield from _lines(data, file)


def _lines(data: bytes, file: SourceFile) -> Iterator[Mapping[str, Any]]:
    if file.compression is not None:
        with pa.CompressedInputStream(pa.BufferReader(data), file.compression) as stream:
            data = stream.read()
    for line in data.splitlines():
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # a broken line is a reject of the read step; here it is a question that nobody knows
        if isinstance(row, dict):
            yield row
